//! `paxos cluster`, `paxos node` and `paxos kv`: a replicated store of real processes, and what it survives.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    path::Path,
};

use serde_json::{Value, json};

use crate::{
    local::Local,
    support::{Guard, PATIENCE, eventually, paxos, processes_of, run},
};

#[test]
fn a_cluster_is_stopped_and_started_again_with_all_it_knows() {
    let mut local = Local::start();
    assert_eq!(local.ok("put colour blue"), "done");
    assert_eq!(local.ok("append colour ish"), "7 bytes now");
    let description = fs::read_to_string(local.directory().join("cluster.toml")).unwrap();
    let busy = run(paxos("cluster --data").arg(local.directory()));
    assert!(busy.0 == 4 && busy.2.contains("another program runs the cluster"), "{}", busy.2);
    local.stop();
    assert_eq!(processes_of(local.path()), Vec::<String>::new());

    local.start_again();
    assert_eq!(local.ok("get colour"), "blueish");
    assert_eq!(fs::read_to_string(local.directory().join("cluster.toml")).unwrap(), description);
    local.stop();
    let (code, _, stderr) = run(paxos("cluster --nodes 5 --data").arg(local.directory()));
    assert!(code == 2 && stderr.contains("members never change"), "{stderr}");
}

#[test]
fn a_killed_leader_is_replaced_and_comes_back_and_a_stopped_node_stays_down() {
    let mut local = Local::start();
    assert_eq!(local.ok("put colour blue"), "done");
    let leader = local.leader();
    local.signal(&leader, "KILL");
    let died = local.until("the leader has died", |_, event| event["event"] == "died");
    assert_eq!(died["node"], leader.as_str());
    assert_eq!(local.ok("cas colour green --expect blue"), "swapped");
    local.until("it is back", |local, _| local.pids.len() == 3);
    local.all_equal();
    assert_eq!(local.ok("get colour"), "green");

    let leader = local.leader();
    local.signal(&leader, "TERM");
    let stopped = local.until("it is known", |_, event| event["event"] != "ready");
    assert_eq!((&stopped["event"], &stopped["node"]), (&json!("stopped on purpose"), &json!(leader)));
    assert_eq!(local.ok("get colour"), "green");
    local.stop();
    the_run_is_judged(&local);
}

/// What three processes did, one of them killed, is a run of the simulated world too, and Lamport's specification allows it.
fn the_run_is_judged(local: &Local) {
    let with_runs = |arguments: &str| {
        let mut command = paxos(arguments);
        command.args((1..=3).map(|node| local.runs().join(format!("n{node}.run"))));
        command
    };
    let (code, trace, stderr) = run(&mut with_runs("trace --to tla"));
    assert!(code == 0 && stderr.contains("held: every invariant"), "{stderr}");
    let file = local.path().join("t.ndjson");
    fs::write(&file, trace).unwrap();
    let (code, stdout, stderr) = run(paxos("judge").arg(&file));
    assert!(code == 0 && stdout.starts_with("allowed: "), "{stdout}{stderr}");
    let (code, script, stderr) = run(&mut with_runs("trace --to script"));
    assert!(code == 0 && script.contains("crash n") && script.contains("cas colour"), "{stderr}");
    let file = local.path().join("s.script");
    fs::write(&file, &script).unwrap();
    let (code, told, _) = run(paxos("run --no-diagram").arg(&file));
    assert!(code == 0 && told.trim_end() == script.trim_end(), "it tells something else");

    // Merged into the run of one world, it is the same in every form; and so is its script, but for the clock.
    let one = local.path().join("one.run");
    let (code, merged, stderr) = run(&mut with_runs("trace --to run"));
    assert_eq!(code, 0, "{stderr}");
    fs::write(&one, &merged).unwrap();
    // What it is from is said in a comment.
    let without_origin =
        |text: &str| text.lines().filter(|line| !line.contains(" From ")).collect::<Vec<_>>().join("\n");
    for form in ["text", "script", "test", "mermaid", "svg", "tla", "run"] {
        let [of_three, of_one] = [&mut with_runs("trace"), paxos("trace").arg(&one)].map(|command| {
            let (code, text, stderr) = run(command.args(["--to", form]));
            assert_eq!(code, 0, "{form}: {stderr}");
            without_origin(&text)
        });
        assert!(of_three == of_one && !of_one.is_empty(), "{form} is another");
    }
    let (code, again, stderr) = run(paxos("trace --to run").arg(&file));
    assert_eq!(code, 0, "{stderr}");
    let without_clock = |text: &str| {
        let line = |line| {
            let mut line: Value = serde_json::from_str(line).unwrap();
            line.as_object_mut().unwrap().remove("at_ns");
            line
        };
        text.lines().map(line).collect::<Vec<_>>()
    };
    assert!(without_clock(&again) == without_clock(&merged), "the script is another run");
}

#[test]
fn a_node_without_memory_votes_when_all_others_have_answered() {
    let mut local = Local::start();
    assert_eq!(local.ok("put colour blue"), "done");
    local.all_equal();
    for node in ["n1", "n2"] {
        local.signal(node, "TERM");
        local.until("it is down", |_, event| event["event"] == "stopped on purpose");
    }
    fs::remove_dir_all(local.directory().join("n2")).unwrap();
    let by_hand = |node: u8| {
        let log = File::create(local.path().join(format!("by-hand-{node}"))).unwrap();
        let mut command = paxos(&format!("node --id {node} --config"));
        let guard = Guard::spawn(command.arg(local.directory().join("cluster.toml")).stderr(log));
        assert!(guard.line().is_some_and(|line| line.contains("is ready")));
        guard
    };
    let _second = by_hand(2);
    let log = || fs::read_to_string(local.path().join("by-hand-2")).unwrap();
    assert!(log().contains("it will not vote before all others have answered"), "{}", log());
    // n2 and n3 are two of three, but n1 may have heard from n2 what n2 does not know any more.
    let (code, _, stderr) = local.kv("put colour red --deadline 2s");
    assert!([3, 4].contains(&code), "{stderr}");
    assert_eq!(local.status()["leader"], Value::Null);

    assert!(!log().contains("it votes again"), "{}", log());
    let first = by_hand(1);
    assert_eq!(local.ok("put shape round --deadline 20s"), "done");
    local.all_equal();
    assert!(["blue", "red"].contains(&local.ok("get colour").as_str())); // whoever asked for red was not told
    eventually("it votes again", || log().contains("it votes again"));
    drop(first); // n2 and n3 are a majority now
    assert_eq!(local.ok("put shape square --deadline 20s"), "done");
    local.stop();
}

#[test]
fn who_does_not_hold_the_key_is_turned_away() {
    let mut local = Local::start();
    let status = local.status();
    let to: Vec<_> = status["nodes"].as_array().unwrap().iter().map(|node| node["address"].as_str().unwrap()).collect();
    let ask = |key: &Path| {
        let name = status["cluster"].as_str().unwrap();
        run(paxos(&format!("kv put --to {} --name {name} --key", to.join(","))).arg(key).args(["colour", "blue"]))
    };
    let wrong = local.path().join("wrong");
    fs::write(&wrong, "ab".repeat(32)).unwrap();
    let (code, _, stderr) = ask(&wrong);
    assert!(code == 4 && stderr.contains("does not hold this cluster's key"), "{stderr}");
    let (code, _, stderr) = run(&mut paxos(&format!("kv put --to {} colour blue", to.join(","))));
    assert!(code == 4 && stderr.contains("no node of --to can be asked"), "{stderr}");
    assert_eq!(local.kv("get colour").0, 1, "nothing was written");
    assert_eq!(ask(&local.directory().join("key")).0, 0);
    assert_eq!(local.ok("get colour"), "blue");
    local.stop();
}

#[test]
fn a_host_that_never_answers_keeps_nobody_from_the_others() {
    let mut local = Local::start();
    let status = local.status();
    let name = status["cluster"].as_str().unwrap();
    let nodes: Vec<_> =
        status["nodes"].as_array().unwrap().iter().map(|node| node["address"].as_str().unwrap()).collect();
    // The system takes connections for it, and nobody ever says anything on them.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let first = silent.local_addr().unwrap();
    let put = |to: &str, deadline: &str| {
        let command = format!("kv put --to {to} --deadline {deadline} --name {name} colour blue --key");
        run(paxos(&command).arg(local.directory().join("key")))
    };
    let (code, _, stderr) = put(&format!("{first},{}", nodes.join(",")), "10s");
    assert_eq!(code, 0, "{stderr}");
    let (code, _, stderr) = put(&first.to_string(), "100ms");
    assert!(code == 4 && stderr.contains("no node of --to can be asked"), "{stderr}");
    assert_eq!(local.ok("get colour"), "blue");
    local.stop();
}

#[test]
fn every_operation_says_what_came_of_it() {
    let mut local = Local::start();
    let check = |arguments: &str, code: i32, words: &str| {
        let (found, stdout, stderr) = local.kv(arguments);
        assert_eq!(found, code, "{arguments}: {stdout}{stderr}");
        assert!(format!("{stdout}{stderr}").contains(words), "{arguments}: {stdout}{stderr}");
    };
    check("get colour", 1, "absent");
    check("put colour blue --json", 0, r#"{"done":true,"existed":false}"#);
    check("get colour --json", 0, r#"{"key":"colour","value":"blue"}"#);
    check("cas colour red --expect green", 1, "not swapped");
    check("cas colour red --absent", 1, "it has another value");
    check("cas nothing red --expect green", 1, "it is absent");
    check("cas shape round --absent", 0, "swapped");
    check("append shape er", 0, "7 bytes now");
    check("range", 0, "colour\tblue\nshape\trounder\n");
    check("range a d", 0, "colour\tblue");
    check("range --limit 1 --json", 0, r#"[{"key":"colour","value":"blue"}]"#);
    check("delete colour", 0, "deleted");
    check("delete colour", 0, "it was absent");
    check(&format!("put {} v", "k".repeat(2_000)), 4, "at most 1024 bytes");
    check("load --clients 4 --seconds 1 --json", 0, r#""unknown":0"#);
    check("transfer 9", 2, "no node of the cluster");
    check("transfer 2 --deadline 20s", 0, "n2 leads");
    check("transfer 3 --deadline 20s", 0, "n3 leads");
    check("status", 0, "n3 leads.");
    local.all_equal();
    for node in 1..=3 {
        eventually("a stale read on every node", || local.kv("get shape --stale").1.trim() == "rounder");
        assert_eq!(local.status()["nodes"][node - 1]["keys"], local.status()["nodes"][0]["keys"]);
    }
    // Two of three are gone: nobody knows whether the third has its write chosen one day.
    local.signal("n1", "TERM");
    local.signal("n2", "TERM");
    let (code, _, stderr) = local.kv("put colour red --deadline 2s");
    assert!((code == 3 && stderr.contains("unknown")) || (code == 4 && stderr.contains("not done")), "{stderr}");
    local.stop();

    let usage = |arguments: &str, why: &str| {
        let (code, _, stderr) = run(&mut paxos(arguments));
        assert!(code == 2 && stderr.contains(why), "{arguments}: {stderr}");
    };
    for command in ["get colour", "status", "transfer 2", "load"] {
        usage(&format!("kv {command}"), "--cluster DIR");
    }
    usage("kv get", "KEY");
    usage("kv cas a b --to 127.0.0.1:1", "--expect");
    let (code, _, stderr) = run(&mut paxos("kv get colour --cluster nowhere"));
    assert!(code == 4 && stderr.contains("`cargo paxos cluster --data nowhere` makes one"), "{stderr}");
}

#[test]
fn counters_are_served_and_spans_say_what_a_step_is_about() {
    let place = tempfile::tempdir().unwrap();
    let file = place.path().join("node.toml");
    fs::write(
        &file,
        "cluster = \"alone\"\nlog-format = \"json\"\nelection = \"50..80\"\n[peers]\n1 = \"127.0.0.1:0\"\n",
    )
    .unwrap();
    let start = |arguments: &str, environment: &str| {
        let mut command = paxos(&format!("node --new-cluster {arguments} --config"));
        command.arg(&file).env("RUST_LOG", "debug").env("PAXOS_HEARTBEAT", environment);
        command
    };
    // What the file says of elections leaves no time for what the environment says, unless the command line says another.
    let (code, _, stderr) = run(start("--id 1", "40ms").env_remove("RUST_LOG"));
    assert!(code == 2 && stderr.contains("leaves no time for a --heartbeat of 40ms"), "{stderr}");
    let (code, _, stderr) = run(&mut start("", "10ms"));
    assert!(code == 2 && stderr.contains("PAXOS_ID"), "{stderr}");
    let log = place.path().join("log");
    let mut command = start("--id 1 --heartbeat 10ms --metrics 127.0.0.1:0", "40ms");
    let node = Guard::spawn(command.stderr(File::create(&log).unwrap()));
    let ready: Value = serde_json::from_str(&node.line().expect("it is ready")).unwrap();
    let get = |path: &str| {
        let mut stream = TcpStream::connect(ready["metrics"].as_str().unwrap()).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        write!(stream, "GET {path} HTTP/1.1\r\n\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    };
    let to = ready["address"].as_str().unwrap();
    assert_eq!(run(&mut paxos(&format!("kv put --to {to} --name alone colour blue"))).0, 0);
    let text = get("/metrics");
    for line in ["paxos_leads 1\n", "paxos_keys 1\n", "# TYPE paxos_syncs_total counter\n", "paxos_applied_slot "] {
        assert!(text.contains(line), "{line} in {text}");
    }
    assert!(get("/").contains("404"));
    let log = fs::read_to_string(log).unwrap();
    let lines: Vec<Value> = log.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let about = |kind: &str| {
        let line = lines.iter().find(|line| line["message"].as_str().is_some_and(|text| text.starts_with(kind)));
        line.unwrap_or_else(|| panic!("{kind} in {log}"))["span"].clone()
    };
    let span = about("Accept ");
    assert_eq!((&span["node"], &span["phase"]), (&json!("n1"), &json!("propose")));
    assert!(span["ballot"].is_string() && span["slot"].is_string(), "{span}");
    assert_eq!(about("Prepare")["phase"], "elect");
}

#[test]
fn a_run_is_judged_by_itself_whatever_was_done_before() {
    let mut local = Local::start();
    let history = local.path().join("history.ndjson");
    for _ in 0..2 {
        let mut load = local.kv_command("load --clients 4 --keys 4 --reads 30 --seconds 1 --history");
        let (code, _, stderr) = run(load.arg(&history));
        assert_eq!(code, 0, "{stderr}");
        let (code, stdout, stderr) = run(paxos("kv judge").arg(&history));
        assert_eq!(code, 0, "{stdout}{stderr}");
        assert!(stdout.starts_with("linearizable"), "{stdout}");
    }
    // A file that cannot be had ends it before anything is asked.
    let keys = local.ok("range --json --limit 1000");
    let (code, stdout, stderr) = local.kv("load --seconds 1 --history /nowhere/history");
    assert_eq!((code, stdout.as_str()), (4, ""), "{stderr}");
    assert!(stderr.contains("cannot write /nowhere/history"), "{stderr}");
    assert_eq!(local.ok("range --json --limit 1000"), keys);
    local.stop();
}

#[cfg(unix)]
#[test]
fn an_interrupted_load_does_not_wait_for_answers_that_do_not_come() {
    let mut local = Local::start();
    let history = local.path().join("history.ndjson");
    // Alone, these clients would wait for ten minutes.
    let mut command = local.kv_command("load --clients 4 --seconds 600 --deadline 600s --json --history");
    let mut load = Guard::spawn(command.arg(&history));
    eventually("the load has begun", || local.status()["nodes"][0]["keys"].as_u64() > Some(0));
    for node in ["n1", "n2"] {
        local.signal(node, "TERM");
        local.until("it is down", |_, event| event["event"] == "stopped on purpose");
    }
    load.signal("INT");
    let figures: Value = serde_json::from_str(&load.line().expect("figures")).unwrap();
    assert_eq!(load.exit_code(), Some(1));
    assert!(figures["unknown"].as_u64() > Some(0) && figures["trouble"] == "outcome unknown: interrupted", "{figures}");
    let text = fs::read_to_string(&history).unwrap();
    let unknown = text.lines().filter(|line| line.contains(r#""outcome":"unknown""#)).count();
    assert_eq!(Some(unknown as u64), figures["unknown"].as_u64());
    let (code, stdout, stderr) = run(paxos("kv judge").arg(&history));
    assert_eq!(code, 0, "{stdout}{stderr}");
    local.stop();
}

#[test]
fn killed_in_a_loop_under_load_it_loses_nothing_and_tells_no_lie() {
    let mut local = Local::start();
    assert_eq!(local.ok("put before anything"), "done");
    let history = local.path().join("history.ndjson");
    let mut command =
        local.kv_command("load --clients 8 --seconds 8 --keys 12 --reads 40 --value-size 32 --deadline 20s");
    let mut load = Guard::spawn(command.arg("--history").arg(&history));
    let (mut kills, mut rounds) = (0, String::new());
    // A round: the leader, or whoever's turn it is, dies; everybody comes back; a write is acknowledged. As many as there
    // is time for.
    while kills < 2 || load.is_running() {
        let victim = if kills % 2 == 0 { local.leader() } else { format!("n{}", kills % 3 + 1) };
        local.signal(&victim, "KILL");
        kills += 1;
        local.until("it is back", |local, _| local.pids.len() == 3);
        rounds += &format!("{kills};");
        local.ok(&format!("append rounds {kills}; --deadline 20s"));
    }
    assert!(load.exit_code().is_some_and(|code| code <= 1));
    local.all_equal();

    let (code, stdout, stderr) = run(paxos("kv judge").arg(&history));
    assert_eq!(code, 0, "{kills} kills: {stdout}{stderr}");
    assert!(stdout.starts_with("linearizable"), "{stdout}");

    // Every append that was acknowledged is there once, as a look at the store itself shows.
    let entries: Value = serde_json::from_str(&local.ok("range run- run. --json --limit 1000")).unwrap();
    let values: BTreeMap<_, _> = entries
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| (entry["key"].as_str().unwrap(), entry["value"].as_str().unwrap()))
        .collect();
    for line in fs::read_to_string(&history).unwrap().lines() {
        let call: Value = serde_json::from_str(line).unwrap();
        if call["op"] == "append" && call["outcome"] == "ok" {
            let (key, suffix) = (call["key"].as_str().unwrap(), call["value"].as_str().unwrap());
            let times = values[key].split_inclusive(';').filter(|found| *found == suffix).count();
            assert_eq!(times, 1, "{line}");
        }
    }
    assert_eq!(local.ok("get rounds"), rounds);
    assert_eq!(local.ok("get before"), "anything");
    local.stop();
}

#[test]
fn the_demonstration_holds_and_leaves_nothing() {
    let place = tempfile::tempdir().unwrap();
    let demo = |arguments: &str| {
        let mut command = paxos(&format!("demo {arguments}"));
        command.env("TMPDIR", place.path());
        command
    };
    let (code, stdout, stderr) = run(&mut demo(""));
    assert_eq!((code, stderr.as_str()), (0, ""), "{stdout}");
    for words in ["is killed under load", "Verdict: held", "without an acknowledged write", "linearizable"] {
        assert!(stdout.contains(words), "{words:?} in {stdout}");
    }
    assert!(!stdout.contains("  NO "), "{stdout}");
    assert_eq!(processes_of(place.path()), Vec::<String>::new());
    assert_eq!(fs::read_dir(place.path()).unwrap().count(), 0, "a directory is left");

    let commands = place.path().join("commands");
    fs::write(&commands, "# two\nput colour blue\nappend colour ish\n\n").unwrap();
    let kept = place.path().join("kept");
    let mut command = demo("--json --kills 0 --data");
    let (code, stdout, stderr) = run(command.arg(&kept).arg(&commands));
    assert_eq!((code, stderr.as_str()), (0, ""), "{stdout}");
    let verdict: Value = serde_json::from_str(&stdout).unwrap();
    assert_eq!((&verdict["verdict"], &verdict["fail_over_ms"]), (&json!("held"), &json!([])));
    let history = fs::read_to_string(kept.join("history.ndjson")).unwrap();
    assert!(history.contains("\"result\":\"blueish\""), "it was written and read after the restart");

    fs::write(&commands, "pot colour blue\n").unwrap();
    let (code, _, stderr) = run(demo("").arg(&commands));
    assert!(code == 2 && stderr.contains("it is no command"), "{stderr}");
}

#[cfg(unix)]
#[test]
fn an_interrupted_demonstration_leaves_nothing() {
    let place = tempfile::tempdir().unwrap();
    let mut demo = Guard::spawn(paxos("demo --kills 20").env("TMPDIR", place.path()));
    while !demo.line().expect("it goes on").contains("is dead") {}
    demo.signal("INT");
    assert_eq!(demo.exit_code(), Some(130));
    assert_eq!(processes_of(place.path()), Vec::<String>::new());
    assert_eq!(fs::read_dir(place.path()).unwrap().count(), 0, "a directory is left");
}

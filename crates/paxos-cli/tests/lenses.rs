//! The lenses of the command line: what they print, and the exit code that is their verdict.

use std::{
    fs,
    path::PathBuf,
    process::{Command, Output, Stdio},
};

use serde_json::Value as Json;

fn paxos(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_paxos")).args(arguments).output().expect("the binary runs")
}

/// Runs it and checks the exit code; returns what it printed.
fn expect(code: i32, arguments: &[&str]) -> String {
    let output = paxos(arguments);
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert_eq!(output.status.code(), Some(code), "{arguments:?}\n{out}\n{err}");
    format!("{out}{err}")
}

fn json(code: i32, arguments: &[&str]) -> Json {
    serde_json::from_str(&expect(code, arguments)).expect("one JSON object")
}

/// A file of this workspace.
fn file(path: &str) -> String {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..").join(path).display().to_string()
}

#[test]
fn a_search_that_holds_exits_0_and_counts() {
    let text = expect(0, &["check", "basic", "--own", "at-once"]);
    assert!(text.contains("69,278 states") && text.contains("hears its own messages at once"), "{text}");
    let found = json(0, &["check", "basic", "--proposers", "1", "--json"]);
    assert_eq!((&found["verdict"], &found["states"]), (&"holds".into(), &397.into()));
}

#[test]
fn a_search_that_fails_exits_1_and_its_script_fails_again() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let script = directory.path().join("found.script").display().to_string();
    let search =
        ["check", "basic", "--own", "at-once", "--mutant", "M3b", "--invariant", "Agreement", "--save", &script];
    let text = expect(1, &search);
    assert!(text.contains("violated: Agreement, after 8 choices"), "{text}");
    let replayed = expect(1, &["run", &script]);
    assert!(replayed.contains("violates Agreement") && replayed.contains("├──────▶│"), "{replayed}");
    let replayed = json(1, &["run", &script, "--json"]);
    assert!(replayed["violated"].as_array().is_some_and(|list| !list.is_empty()));
}

#[test]
fn a_log_with_a_wrong_rule_fails_in_a_search_and_by_a_seed() {
    let log = ["check", "multi", "--leaders", "2", "--own", "at-once", "--mutant", "L4", "--json"];
    let found = json(1, &log);
    assert_eq!(found["invariant"], "ChosenStaysChosen", "{found}");
    assert_eq!(
        json(1, &["sim", "multi", "--seed", "160", "--runs", "9", "--mutant", "L6", "--json"])["verdict"],
        "violated"
    );
}

#[test]
fn a_search_at_its_limit_exits_3_and_never_says_that_it_holds() {
    let text = expect(3, &["check", "basic", "--max-states", "40000"]);
    assert!(text.contains("not exhaustive") && !text.contains("holds"), "{text}");
    assert_eq!(json(3, &["check", "basic", "--max-memory", "1", "--json"])["verdict"], "not exhaustive");
}

#[test]
fn the_same_command_goes_on_where_it_stopped() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let file = directory.path().join("states").display().to_string();
    let search = ["check", "basic", "--own", "at-once", "--state-file", &file, "--json"];
    let limited = [&search[..], &["--max-states", "20000"]].concat();
    let stopped = json(3, &limited);
    assert_eq!(stopped["state_file_bytes"].as_u64(), Some(fs::metadata(&file).expect("the file").len()));
    assert_eq!(json(0, &search)["states"], 69_278);
    let text = expect(0, &search[..search.len() - 1]);
    assert!(text.contains("69,278 states") && text.contains("1 MiB on disk"), "{text}");
    let claims = directory.path().join("claims").display().to_string();
    for _ in 0..2 {
        let found = json(0, &["check", "claims", "basic-even-crash", "--state-file", &claims, "--json"]);
        assert_eq!(found["claims"][0]["states"], 39_276);
    }
    let text = expect(4, &["check", "basic", "--state-file", &file]);
    assert!(text.contains("is of another search"), "{text}");
    let text = expect(2, &["check", "claims", "basic-short", "basic", "--state-file", &file]);
    assert!(text.contains("name one claim"), "{text}");
}

#[test]
fn the_rows_of_the_book_are_written_by_the_command() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let book = directory.path().join("book.md");
    let text = |row: &str| format!("before\n\n| every run of | states |\n|---|---:|\n{row}\n\nafter\n");
    fs::write(&book, text("| old words | 1 | `basic-even-crash` |")).expect("a file");
    let update = |name| ["check", "claims", name, "--update", book.to_str().expect("a name")].map(str::to_owned);
    let run = |code, name| expect(code, &update(name).each_ref().map(String::as_str));
    run(0, "basic-even-crash");
    let written = fs::read_to_string(&book).expect("the file");
    let row = written.lines().nth(4).expect("a row");
    assert!(row.starts_with("| 4 acceptors (even), 1 proposer, 1 crash | 39,276 | 29 | "), "{row}");
    assert_eq!(written, text(row), "nothing else is changed");
    assert!(run(4, "log-crash-short").contains("has no row that ends with | `log-crash-short` |"));
}

#[test]
fn quorums_that_may_miss_each_other_are_a_usage_error() {
    let text = expect(2, &["check", "basic", "--acceptors", "4", "--quorums", "flexible:2,2"]);
    assert!(text.contains("must add up to more than 4"), "{text}");
    for wrong in [
        &["check", "basic", "--mutant", "M99"][..],
        &["check", "basic", "--mutant", "L4"],
        &["check", "multi", "--mutant", "M2"],
        &["sim", "multi", "--seed", "1", "--mutant", "L4", "--window", "2"],
        &["check", "basic", "--proposers", "4"],
        &["check", "basic", "--invariant", "Peace"],
        &["check"],
        &["sim", "basic"],
        &["sim", "basic", "--seed", "1", "--runs", "0"],
        &["sim", "basic", "--seed", "1", "--steps", "0"],
        &["sim", "basic", "--seed", "1", "--proposers", "4"],
        &["sim", "basic", "--seed", "18446744073709551615", "--runs", "2"],
        &["mutants", "M99"],
        &["run"],
    ] {
        expect(2, wrong);
    }
}

#[test]
fn a_mutant_is_shown_with_its_rule_and_its_run() {
    let text = expect(0, &["mutants", "M2"]);
    for part in ["accepting does not raise the promise", "violates Agreement", "dies      11 choices"] {
        assert!(text.contains(part), "{part:?} is not in {text}");
    }
    assert_eq!(json(0, &["mutants", "M7", "--json"])["choices"], 3);
    let text = expect(0, &["mutants", "S1", "--quick"]);
    for part in ["acknowledged when its Accept is sent", "checker          -", "linearizability  dies"] {
        assert!(text.contains(part), "{part:?} is not in {text}");
    }
    let units = json(0, &["mutants", "--layer", "unit", "--json"]);
    assert_eq!(units["killed"].as_u64(), units["mutants"].as_array().map(|mutants| mutants.len() as u64));
    assert_eq!(units["reference_survives"], true);
}

#[test]
fn a_simulation_repeats_itself_to_the_byte() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let trace = |name: &str| {
        let path = directory.path().join(name).display().to_string();
        let text = expect(0, &["sim", "basic", "--seed", "7", "--runs", "50", "--trace", &path]);
        assert!(text.contains("50 runs from seed 7") && text.contains("held"), "{text}");
        fs::read(path).expect("a trace")
    };
    let (one, two) = (trace("one"), trace("two"));
    assert!(one == two && one.len() > 10_000);
    assert_eq!(json(0, &["sim", "basic", "--seed", "7", "--runs", "50", "--json"])["runs"], 50);
    assert_eq!(json(1, &["sim", "basic", "--seed", "1", "--mutant", "M1", "--json"])["violated"]["seed"], 1);
}

#[test]
fn a_script_that_holds_exits_0_and_is_drawn() {
    let text = expect(0, &["run", &file("crates/paxos-basic/tests/scripts/one_proposer.script")]);
    assert!(text.contains("n1 learned a") && text.contains("held: every invariant"), "{text}");
}

#[test]
fn scripts_that_cannot_be_run_say_why() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let run = |code: i32, text: &str, expected: &str| {
        let path = directory.path().join("a.script");
        fs::write(&path, text).expect("a script");
        let said = expect(code, &["run", &path.display().to_string()]);
        assert!(said.contains(expected), "{text:?} says {said:?}");
    };
    run(2, "protocol basic\nnodes 3\nfly\n", "line 3: `fly`");
    run(4, "protocol basic\nnodes 3\ndeliver 7\n", "line 3: no message 7");
    run(4, "protocol basic\nnodes 3\nrequest n1 learn\ndeliver 7\n", "n1 writes Round b1.1");
    run(1, "protocol basic\nnodes 3\nexpect Agreement\nstabilize\n", "expects Agreement");
    run(2, "protocol zab\nnodes 3\n", "there are `basic`, `multi`, `raft` and `kv`");
    run(2, "protocol basic\nnodes 3\nmutant M99\n", "no mutant is called");
    assert!(expect(2, &["run", "no/such/file"]).contains("cannot read no/such/file"));
}

/// A judge that calls right runs wrong is worse than none.
#[test]
fn no_trace_is_made_of_raft() {
    let story = file("crates/paxos-raft/tests/scripts/old_term.script");
    for arguments in [
        &["trace", &story, "--to", "tla"][..],
        &["sweep", "--protocol", "raft", "--seeds", "0..2", "--trace", "/nowhere/trace"],
    ] {
        assert!(expect(2, arguments).contains("does not allow every run of Raft"), "{arguments:?}");
    }
    assert!(expect(0, &["trace", &story]).contains("AppendEntries t3"), "its runs are told all the same");
}

/// Who asks whether something is violated must not take a full disk for the answer.
#[test]
fn what_fails_is_not_told_as_violated() {
    let text = expect(4, &["sim", "basic", "--seed", "1", "--trace", "/nowhere/trace"]);
    assert!(text.contains("cannot write /nowhere/trace"), "{text}");
    let search = ["check", "basic", "--own", "at-once", "--mutant", "M3b", "--save", "/nowhere/script"];
    let text = expect(4, &search);
    assert!(text.contains("violated: ") && text.contains("cannot write /nowhere/script"), "{text}");
}

#[test]
fn every_command_has_examples_and_says_what_its_exit_code_means() {
    let (mut commands, mut seen) = (vec![Vec::new()], 0);
    while let Some(command) = commands.pop() {
        let arguments: Vec<&str> = command.iter().map(String::as_str).chain(["--help"]).collect();
        let help = expect(0, &arguments);
        for words in ["Examples:", "Exit code: 0"] {
            assert!(help.contains(words), "{words:?} is not in {arguments:?}");
        }
        let listed = help.lines().skip_while(|line| *line != "Commands:").skip(1).take_while(|line| !line.is_empty());
        let names = listed.filter_map(|line| line.strip_prefix("  ")?.split(' ').next());
        for name in names.filter(|name| !["", "help"].contains(name)) {
            commands.push(command.iter().cloned().chain([name.to_owned()]).collect());
        }
        seen += 1;
    }
    assert!(seen >= 28, "{seen} commands, each with those below it");
}

/// `| head` closes the pipe early: that is no failure and no panic, and the exit code is the verdict all the same.
#[test]
fn a_reader_that_leaves_changes_no_verdict() {
    let violated = "check basic --own at-once --mutant M3b --invariant Agreement";
    for (arguments, code) in [("mutants M2", 0), (violated, 1), ("check basic --max-states 400", 3)] {
        let mut child = Command::new(env!("CARGO_BIN_EXE_paxos"))
            .args(arguments.split(' '))
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the binary runs");
        drop(child.stdout.take());
        let output = child.wait_with_output().expect("it ends");
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!((output.status.code(), said.as_ref()), (Some(code), ""), "{arguments}");
    }
}

/// The runs that the book shows: each tells exactly what stands in it, and violates nothing.
#[test]
fn the_books_scripts_tell_what_they_show() {
    let folder = file("docs/scripts");
    let entries = fs::read_dir(folder).expect("the book's scripts").map(|entry| entry.expect("an entry").path());
    // A shell script for a cluster of machines lies there too.
    let scripts: Vec<PathBuf> = entries.filter(|path| path.extension().is_some_and(|it| it == "script")).collect();
    assert!(scripts.len() >= 10, "the scripts are there");
    for path in scripts {
        let name = path.display().to_string();
        let told = json(0, &["run", &name, "--json"]);
        assert_eq!(told["script"], fs::read_to_string(&path).expect("a script"), "{name}");
    }
}

#[test]
fn a_log_has_the_same_lenses() {
    let found = json(0, &["sim", "multi", "--seed", "1", "--runs", "5", "--steps", "2000", "--json"]);
    assert_eq!((&found["verdict"], &found["choices"]), (&"held".into(), &10_000.into()));
    assert!(found["slots"].as_u64() > Some(0) && found["crashes"].as_u64() > Some(0), "{found}");
    let same = json(0, &["sim", "multi", "--seed", "1", "--runs", "5", "--steps", "2000", "--json"]);
    assert_eq!(found, same, "a seed is a run");

    let found = json(0, &["check", "multi", "--json"]);
    assert_eq!(found["verdict"], "holds");
    assert!(found["states"].as_u64() > Some(1_000), "{found}");
    let text = expect(3, &["check", "multi", "--leaders", "2", "--depth", "6"]);
    assert!(text.contains("not exhaustive") && !text.contains("holds"), "{text}");

    let text = expect(0, &["run", &file("crates/paxos-multi/tests/scripts/stable_leader.script")]);
    assert!(text.contains("Accept b1.1 s0") && text.contains("held: every invariant"), "{text}");
}

#[test]
fn what_must_hold_holds_for_a_while_and_what_fails_can_be_repeated() {
    let held = json(0, &["fuzz", "frames", "--seconds", "1", "--json"]);
    assert!(held["held"] == true && held["executions"].as_u64().is_some_and(|executions| 0 < executions), "{held}");
    let input = file("crates/paxos-fuzz/corpus/wal_bytes/last-number-of-all");
    assert_eq!(expect(0, &["fuzz", "wal_bytes", "--input", &input]), "wal_bytes: held\n");
    assert!(expect(0, &["fuzz", "--list"]).contains("a snapshot of the store"));
    assert!(expect(2, &["fuzz", "no-such-target"]).contains("there are frames, hello,"));
    assert!(expect(2, &["fuzz", "frames", "--input", "no such file"]).contains("cannot read"));
}

#[test]
fn a_run_that_was_recorded_is_replayed_judged_and_told_in_other_forms() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let at = |name: &str| directory.path().join(name).display().to_string();
    let (run, script) = (at("r.run"), at("r.script"));
    for (protocol, seed) in [("basic", "7"), ("multi", "3")] {
        expect(0, &["sim", protocol, "--seed", seed, "--record", &run, "--trace", &at("sim.ndjson")]);
        expect(0, &["trace", &run, "--to", "tla", "-o", &at("run.ndjson")]);
        let [direct, replayed] = ["sim.ndjson", "run.ndjson"].map(|name| fs::read(at(name)).expect("a trace"));
        assert!(direct == replayed, "a run and its replay give one trace");
        assert_eq!(json(0, &["judge", &at("run.ndjson"), "--json"])["verdict"], "allowed");
        assert!(expect(0, &["trace", &run, "--to", "script", "-o", &script]).contains("held: every invariant"));
        expect(0, &["run", &script]);
        expect(0, &["trace", &script, "--to", "run", "-o", &at("again.run")]);
        assert!(fs::read(&run).expect("a run") == fs::read(at("again.run")).expect("a run"), "a script is its run");
        // What it is from is said in a comment.
        let form = |file: &str, form: &str| {
            let text = expect(0, &["trace", file, "--to", form]);
            let told = |line: &&str| !line.contains(" From ") && !line.starts_with("held: ");
            text.lines().filter(told).collect::<Vec<_>>().join("\n")
        };
        for (to, words) in [
            ("text", "├──────▶│"),
            ("script", "deliver n1"),
            ("mermaid", "sequenceDiagram"),
            ("svg", "</svg>"),
            ("test", "#[test]"),
            ("tla", "\"ev\":\"2b\""),
            ("run", "\"ev\":\"receive\""),
        ] {
            let whole = form(&run, to);
            assert!(whole.contains(words), "{to}");
            assert!(whole == form(&script, to), "{to} of the script is another");
            let first = expect(0, &["trace", &run, "--to", to, "--first", "20"]);
            assert!(first.len() < whole.len(), "{to} of the first choices is no less");
        }
    }
    assert!(expect(2, &["trace", &at("sim.ndjson")]).contains("its format is \"paxos-trace/1\""));
    assert!(expect(2, &["trace", &at("none")]).contains("No such file"));
}

#[test]
fn a_wrong_history_and_a_wrong_trace_are_told_apart_and_judged() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let file = directory.path().join("h.ndjson").display().to_string();
    let get = |value: &str| {
        format!(
            "{{\"client\":1,\"op\":\"get\",\"key\":\"k\",\"result\":{value},\"invoke_ns\":1,\"return_ns\":2,\"outcome\":\"ok\"}}\n"
        )
    };
    fs::write(&file, get("null")).expect("it is written");
    assert_eq!(json(0, &["judge", &file, "--json"])["verdict"], "linearizable");
    fs::write(&file, get("\"x\"")).expect("it is written");
    assert_eq!(json(1, &["judge", &file, "--json"])["verdict"], "not linearizable");
    // A mutant runs to its end here, whatever fails: the trace alone must tell.
    let sim = ["sim", "basic", "--seed", "1", "--runs", "500", "--mutant", "M4", "--trace", &file];
    expect(1, &sim);
    let judged = json(1, &["judge", &file, "--json"]);
    assert_eq!((&judged["verdict"], &judged["format"]), (&"not allowed".into(), &"paxos-trace/1".into()));
    let crates = |path: &str| self::file(&format!("crates/paxos-judge/histories/{path}"));
    assert!(expect(0, &["judge", &crates("linearizable.ndjson")]).contains("linearizable: "));
    for judge in [&["judge"][..], &["kv", "judge"]] {
        let told = expect(1, &[judge, &[&crates("stale-read.ndjson")]].concat());
        assert!(told.contains("colour"), "{told}");
    }
}

#[test]
fn files_that_cannot_be_judged_are_usage_errors_that_name_the_line() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let file = directory.path().join("file").display().to_string();
    let meta = r#"{"ev":"meta","format":"paxos-trace/1","acceptors":["n1"],"stride":2}"#;
    let call = r#"{"client":1,"op":"get","key":"k","invoke_ns":1,"return_ns":2,"outcome":"ok"}"#;
    let of_17: Vec<String> = (1..=17).map(|id| format!("\"n{id}\"")).collect();
    let run = |members: &str, quorums: &str| {
        format!(
            "{{\"ev\":\"meta\",\"format\":\"paxos-run/1\",\"protocol\":\"basic\",\"members\":[{members}],\"quorums\":\"{quorums}\",\
             \"disk\":\"manual\",\"loopback\":\"in-flight\",\"options\":{{}}}}\n"
        )
    };
    let small = run("\"n1\",\"n2\",\"n3\"", "majority");
    let first = "{\"ev\":\"synced\",\"node\":\"n9\"}\n";
    for (arguments, text, code, told) in [
        (&["judge"][..], "{}".to_owned(), 2, "is no paxos-history/1: line 1: missing field `client`"),
        (&["judge"], String::new(), 2, "it has no call"),
        (&["kv", "judge"], String::new(), 2, "it has no call"),
        (&["judge"], format!("{call}\n\nnonsense\n"), 2, "line 3: expected ident in column 2"),
        (&["judge"], format!("{call}\n{call}\n"), 2, "client 1"),
        (&["judge"], format!("{meta}\n"), 2, "is no paxos-trace/1: it has no step"),
        (&["judge"], format!("\n{meta}\n{{\"ev\":\"1c\"}}\n"), 2, "line 3: no event is called \"1c\""),
        (&["judge"], format!("{meta}\n{{\"ev\":null}}\n"), 2, "line 2: there is no null in a trace"),
        (&["judge"], small.clone(), 2, "--to tla"),
        (&["trace"], String::new(), 2, "it is empty"),
        (&["trace"], "hello".to_owned(), 2, "it is no run and no script"),
        (&["trace"], format!("{small}{{\"ev\":\"synced\"}}\n"), 2, "line 2: it names no node"),
        (
            &["trace"],
            format!("{small}{{\"ev\n{small}{{\"ev\n{first}"),
            2,
            "line 4: EOF while parsing a string in column 4",
        ),
        (&["trace"], format!("{small}{first}"), 4, "line 2: there is no node n9"),
        (&["trace", "--to", "tla"], run(&of_17.join(","), "flexible 16 2"), 2, "those of 17 nodes are too many"),
        (
            &["trace", "--first", "3"],
            "protocol basic\nnodes 3\n".to_owned(),
            2,
            "--first and further files are for runs",
        ),
    ] {
        fs::write(&file, &text).expect("it is written");
        let said = expect(code, &[arguments, &[&file]].concat());
        assert!(said.contains(told) && !said.contains("panicked"), "{said:?} of {text:?} does not say {told:?}");
    }
    let here = directory.path().display().to_string();
    for command in ["judge", "trace"] {
        assert!(expect(2, &[command, &here]).contains(&here), "{command} of a directory");
    }
}

#[test]
fn a_simulated_store_has_a_history_and_a_trace_that_are_judged() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let path = |name: &str| directory.path().join(name).display().to_string();
    let (history, trace) = (path("h.ndjson"), path("t.ndjson"));
    let multi = ["sim", "multi", "--seed", "1", "--runs", "20", "--history", &history, "--trace", &trace];
    let text = expect(0, &multi);
    assert!(text.contains("20 runs from seed 1") && text.contains("linearizable"), "{text}");
    let judged = expect(0, &["judge", &history]);
    assert!(judged.contains("linearizable"), "{judged}");
    expect(0, &["kv", "judge", &history]);
    expect(0, &["judge", &trace]);

    // It is the same as that of `sim kv`, and one answer that is wrong in it is noticed.
    let again = path("again.ndjson");
    let found = json(0, &["sim", "kv", "--seed", "1", "--runs", "20", "--history", &again, "--json"]);
    assert_eq!((&found["verdict"], &found["runs"]), (&"held".into(), &20.into()), "{found}");
    let text = fs::read_to_string(&again).expect("a history");
    assert!(text == fs::read_to_string(&history).expect("a history") && 1_000 < text.lines().count());
    let mut calls: Vec<Json> = text.lines().map(|line| serde_json::from_str(line).expect("a call")).collect();
    let has_read = |call: &&mut Json| call["op"] == "get" && call["outcome"] == "ok" && !call["result"].is_null();
    let read = calls.iter_mut().rfind(has_read).expect("something was read");
    read["result"] = "never written".into();
    fs::write(&again, calls.iter().map(|call| format!("{call}\n")).collect::<String>()).expect("a history");
    expect(1, &["judge", &again]);

    expect(2, &["sim", "multi", "--seed", "1", "--history", &history, "--mutant", "M3"]);
}

#[test]
fn a_sweep_holds_and_its_parts_are_a_whole() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let part = |number: u8| directory.path().join(format!("{number}.json")).display().to_string();
    let sweep = |number: u8, shard: &str| {
        let sweep = ["sweep", "--protocol", "multi", "--seeds", "0..12", "--shard", shard, "--out", &part(number)];
        expect(0, &sweep)
    };
    assert!(sweep(0, "0/2").contains("held: every invariant") && sweep(1, "1/2").contains("seeds 6..12: 6 runs"));
    let whole = json(0, &["merge", &part(0), &part(1), "--json"]);
    assert_eq!((&whole["seeds"], &whole["broken"]), (&serde_json::json!([[0, 12]]), &Json::Null));
    let again = json(0, &["sweep", "--protocol", "multi", "--seeds", "0..12", "--jobs", "1", "--json"]);
    assert_eq!((&again["counts"], &again["choices"]), (&whole["counts"], &whole["choices"]), "on however many threads");
    // A part that is not there is missed, also at an end.
    let half = expect(3, &["merge", &part(1), &part(1)]);
    assert!(half.contains("missing: seeds 0..6") && half.contains("counted twice: seeds 6..12"), "{half}");
    assert!(expect(3, &["merge", &part(0)]).contains("missing: seeds 6..12"));
}

/// What comes out of a sweep, but how long it took.
fn swept(directory: &tempfile::TempDir, jobs: &str, code: i32, more: &[&str]) -> (Json, Vec<Vec<u8>>) {
    let path = |name: &str| directory.path().join(name).display().to_string();
    let files = [path("h.ndjson"), path("t.ndjson"), path("found.script")];
    let [history, trace, script] = &files;
    let kv = ["sweep", "--protocol", "kv", "--jobs", jobs, "--json", "--history", history, "--trace", trace];
    let mut report = json(code, &[&kv[..], &["--script", script], more].concat());
    report.as_object_mut().expect("an object").remove("seconds");
    (report, files.iter().filter_map(|file| fs::read(file).ok()).collect())
}

#[test]
fn a_sweep_of_a_store_is_the_same_on_however_many_threads() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let alone = swept(&directory, "1", 0, &["--seeds", "0..20"]);
    assert_eq!(alone.0["counts"]["histories too hard to judge"], 0, "{}", alone.0);
    assert!(alone.1.len() == 2 && 100_000 < alone.1[0].len() && 100_000 < alone.1[1].len());
    for file in ["h.ndjson", "t.ndjson"] {
        expect(0, &["judge", &directory.path().join(file).display().to_string()]);
    }
    assert!(alone == swept(&directory, "3", 0, &["--seeds", "0..20"]), "three threads see something else");

    // Also when one of them finds something, while others are ahead.
    let alone = swept(&directory, "1", 1, &["--seeds", "0..300", "--mutant", "S1"]);
    assert!(alone.0["broken"]["violation"].as_str().is_some_and(|what| what.starts_with("Complaint")), "{}", alone.0);
    assert!(alone == swept(&directory, "3", 1, &["--seeds", "0..300", "--mutant", "S1"]), "{}", alone.0);
}

#[test]
fn a_sweep_that_finds_something_saves_it_small() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    for (mutant, protocol, sign) in [("M3b", "basic", "ChosenStaysChosen"), ("L6", "multi", "OnlyChosenIsLearned")] {
        let script = directory.path().join(mutant).display().to_string();
        let sweep = [
            "sweep",
            "--protocol",
            protocol,
            "--seeds",
            "0..500",
            "--mutant",
            mutant,
            "--script",
            &script,
            "--jobs",
            "1",
        ];
        let text = expect(1, &sweep);
        assert!(
            text.contains(&format!("violated: {sign}")) && text.contains("replay it with: cargo paxos run"),
            "{text}"
        );
        assert!(expect(1, &["run", &script]).contains(&format!("violates {sign}")));
        let commands = |line: &&str| !line.is_empty() && !line.starts_with([' ', '#']);
        let many = fs::read_to_string(&script).expect("a script").lines().filter(commands).count();
        assert!(many < 80, "{mutant}: {many} lines, where a run has some thousands");
    }
    expect(2, &["sweep", "--protocol", "basic", "--seeds", "9..3"]);
    expect(2, &["sweep", "--protocol", "basic", "--seeds", "0..9", "--mutant", "L6"]);
}

//! Whom `paxos kv` asks, by --to, --cluster or the environment, and what it says when that does not work.

use std::{fs, net::TcpListener, slice};

use serde_json::{Value, json};

use crate::{
    local::Local,
    support::{paxos, run},
};

/// The addresses of a cluster's nodes, and the options to ask it without its directory.
fn by_address(local: &Local, which: impl Fn(&str) -> bool, more: &[String]) -> String {
    let status = local.status();
    let nodes = status["nodes"].as_array().unwrap().iter();
    let known = nodes.filter(|node| which(node["node"].as_str().unwrap()));
    let mut to: Vec<_> = known.map(|node| node["address"].as_str().unwrap().to_owned()).collect();
    to.extend_from_slice(more);
    let key = local.directory().join("key");
    format!("--to {} --name {} --key {}", to.join(","), status["cluster"].as_str().unwrap(), key.display())
}

#[test]
fn an_address_that_does_not_answer_is_shown_and_named() {
    let mut local = Local::start();
    // The system takes connections for it, and nobody ever says anything on them.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = silent.local_addr().unwrap().to_string();
    let target = by_address(&local, |node| node != "n2", slice::from_ref(&address));
    let (_, stdout, _) = run(&mut paxos(&format!("kv status {target}")));
    let row = stdout.lines().find(|line| line.contains(&address)).unwrap_or_else(|| panic!("{stdout}"));
    assert!(row.starts_with('?') && row.contains("it does not answer"), "{stdout}");
    let (_, stdout, _) = run(&mut paxos(&format!("kv status --json {target}")));
    let status: Value = serde_json::from_str(&stdout).unwrap();
    assert_eq!(status["nodes"][2], json!({ "node": null, "address": address, "error": "it does not answer" }));

    let (code, _, stderr) = run(&mut paxos(&format!("kv transfer 2 {target}")));
    let why = format!("no node at --to says that it is n2; {address}: it does not answer");
    assert!(code == 4 && stderr.contains(&why), "{stderr}");
    let (code, _, stderr) = run(&mut paxos(&format!("kv transfer 2 {}", by_address(&local, |node| node != "n2", &[]))));
    assert!(code == 2 && stderr.contains("no node at --to says that it is n2"), "{stderr}");
    local.stop();
}

#[test]
fn leadership_is_not_handed_over_to_a_node_that_does_not_answer() {
    let mut local = Local::start();
    let leader = local.leader();
    let other = if leader == "n1" { "n2" } else { "n1" };
    local.signal(other, "TERM");
    local.until("it is down", |_, event| event["event"] == "stopped on purpose");
    let (code, stdout, stderr) = local.kv(&format!("transfer {} --json --deadline 1s", &other[1..]));
    assert_eq!(code, 4, "{stdout}{stderr}");
    let told: Value = serde_json::from_str(&stdout).unwrap();
    let why = told["error"].as_str().unwrap();
    assert!(why.starts_with(&format!("{other} does not lead: at 127.0.0.1:")), "{why}");
    local.stop();
    // Who leads afterwards says nothing: on a busy machine there are elections for other reasons.
    for node in ["n1", "n2", "n3"] {
        let log = fs::read_to_string(local.directory().join(format!("{node}.log"))).unwrap();
        assert!(log.contains("ready") && !log.contains("asked to hand over leadership"), "{log}");
    }
}

#[test]
fn the_command_line_goes_before_the_environment() {
    let mut local = Local::start();
    assert_eq!(local.ok("put colour blue"), "done");
    let directory = local.directory();
    let get = |arguments: &str, environment: &[(&str, &str)]| {
        let mut command = paxos(&format!("kv get colour {arguments}"));
        run(command.envs(environment.iter().copied()))
    };
    let here = format!("--cluster {}", directory.display());
    let to = by_address(&local, |_| true, &[]);
    for (arguments, environment) in [
        (&to, &[("PAXOS_DIR", "/nowhere")][..]),
        (&here, &[("PAXOS_TO", "127.0.0.1:1"), ("PAXOS_KEY", "/nowhere")]),
        (&String::new(), &[("PAXOS_DIR", directory.to_str().unwrap()), ("PAXOS_KEY", "/nowhere")]),
    ] {
        let (code, stdout, stderr) = get(arguments, environment);
        assert_eq!((code, stdout.as_str()), (0, "blue\n"), "{arguments} {environment:?}: {stderr}");
    }
    local.stop();
    for (arguments, environment, why) in [
        ("--cluster a --to 127.0.0.1:1", &[][..], "--cluster cannot be used with --to"),
        ("--cluster a --key b", &[], "--cluster cannot be used with --to or --key"),
        ("", &[("PAXOS_DIR", "a"), ("PAXOS_TO", "127.0.0.1:1")], "PAXOS_DIR and PAXOS_TO are both set"),
    ] {
        let (code, _, stderr) = get(arguments, environment);
        assert!(code == 2 && stderr.contains(why), "{arguments} {environment:?}: {stderr}");
    }
}

#[test]
fn programs_are_told_of_failures_too() {
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    for command in ["put colour blue", "get colour", "cas colour blue --absent", "load --seconds 1", "transfer 1"] {
        let (code, stdout, stderr) = run(&mut paxos(&format!("kv {command} --json --deadline 200ms --to {free}")));
        assert_eq!(code, 4, "{command}: {stdout}{stderr}");
        let told: Value = serde_json::from_str(&stdout).unwrap_or_else(|error| panic!("{command}: {error}: {stdout}"));
        assert_eq!(told["outcome"], "not done", "{command}");
        assert!(told["error"].as_str().is_some_and(|error| error.contains(&free.to_string())), "{command}: {stdout}");
    }
}

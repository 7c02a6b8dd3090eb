//! `paxos demo`: it shows, it verifies, and it leaves nothing behind, however it ends.

use std::{
    fs,
    path::Path,
    process::{Command, Stdio},
};

use crate::support::{Guard, eventually, paxos, processes_of, run};

/// A demonstration whose temporary directories are in `place`.
fn demo(place: &Path, arguments: &str) -> Command {
    let mut command = paxos(&format!("demo basic {arguments}"));
    command.env("TMPDIR", place).env_remove("NO_COLOR");
    command
}

fn nothing_is_left(place: &Path) {
    assert_eq!(processes_of(place), Vec::<String>::new());
    assert_eq!(fs::read_dir(place).unwrap().count(), 0, "a directory is left");
}

#[test]
fn it_shows_every_phase_and_its_verdict_holds() {
    let place = tempfile::tempdir().unwrap();
    let (code, stdout, stderr) = run(&mut demo(place.path(), FAST));
    assert_eq!((code, stderr.as_str()), (0, ""), "{stdout}");
    for words in ["1. ", "5. ", "elect ", "propose ", "decide ", "learn ", "n1 → n2  Prepare b1.1", "Verdict: held"] {
        assert!(stdout.contains(words), "{words:?} in {stdout}");
    }
    assert!(!stdout.contains('\x1b'), "no colours where there is no terminal");
    nothing_is_left(place.path());
}

#[test]
fn programs_read_json_and_values_come_from_stdin() {
    let place = tempfile::tempdir().unwrap();
    let values = place.path().join("values");
    fs::write(&values, "red\nyellow\n\nblue\n").unwrap();
    let kept = place.path().join("kept");
    let mut command = demo(place.path(), "- --delay 20ms --json --data");
    let (code, stdout, stderr) = run(command.arg(&kept).stdin(fs::File::open(&values).unwrap()));
    assert_eq!((code, stderr.as_str()), (0, ""), "{stdout}");
    let verdict: serde_json::Value = serde_json::from_str(&stdout).unwrap();
    assert_eq!(verdict["verdict"], "held");
    assert_eq!(verdict["proposed"], serde_json::json!(["red", "yellow", "blue"]));
    assert!(["red", "yellow", "blue"].contains(&verdict["chosen"].as_str().unwrap()));
    for node in ["n1", "n2", "n3"] {
        assert!(kept.join(node).join("wal").is_file(), "the memory of {node} is kept");
    }
    let (code, _, stderr) = run(demo(place.path(), "--quiet --data").arg(&kept));
    assert!(code == 4 && stderr.contains("is not empty"), "{stderr}");
}

#[test]
fn the_judge_reads_values_to_their_end() {
    let place = tempfile::tempdir().unwrap();
    let [red, blue] = ["red", "blue"].map(|end| "x".repeat(40) + end);
    let (code, stdout, stderr) = run(demo(place.path(), "--json --delay 20ms").args([&red, &blue]));
    assert_eq!((code, stderr.as_str()), (0, ""), "{stdout}");
    let verdict: serde_json::Value = serde_json::from_str(&stdout).unwrap();
    assert_eq!(verdict["verdict"], "held");
    assert!([red, blue].contains(&verdict["chosen"].as_str().unwrap().to_owned()), "{stdout}");
    nothing_is_left(place.path());
}

/// What the demonstration of the log says of commands that a user may give.
fn told_of(commands: &str) -> (i32, serde_json::Value) {
    let place = tempfile::tempdir().unwrap();
    let file = place.path().join("commands");
    fs::write(&file, commands).unwrap();
    let mut command = paxos("demo - --kills 0 --json");
    let (code, stdout, stderr) = run(command.env("TMPDIR", place.path()).stdin(fs::File::open(&file).unwrap()));
    assert_eq!(stderr, "", "{stdout}");
    (code, serde_json::from_str(&stdout).unwrap())
}

#[test]
fn whatever_the_user_gives_is_no_violation_of_the_clusters() {
    let long = "k".repeat(5_000);
    let commands = format!("append log 1;\nappend log 1;\nappend log-000 abc\nput key-000 mine\nput {long} x\n");
    let (code, verdict) = told_of(&commands);
    assert_eq!((code, &verdict["verdict"]), (0, &serde_json::json!("held")), "{verdict}");
    assert_eq!(verdict["not_done"], 0);
    assert_eq!(verdict["refused"], serde_json::json!([{ "why": "a key has at most 1024 bytes", "commands": 1 }]));
    assert!(
        verdict["checks"].as_array().unwrap().iter().any(|told| told["check"].as_str().unwrap().contains("(5 of 5)"))
    );
}

#[test]
fn a_port_that_is_taken_while_the_leader_is_dead_is_waited_for() {
    let place = tempfile::tempdir().unwrap();
    let demo = Guard::spawn(paxos("demo --kills 20").env("TMPDIR", place.path()));
    let mut addresses = std::collections::BTreeMap::new();
    // Whoever is too slow to take the port of one victim takes that of the next.
    let (victim, thief) = loop {
        let line = demo.line().expect("it goes on");
        if let Some((node, rest)) = line.trim_start().split_once(" at ") {
            addresses.insert(node.to_owned(), rest.split(',').next().unwrap().to_owned());
        }
        if let Some((before, _)) = line.split_once(" is dead") {
            let victim = before.split_whitespace().last().unwrap().to_owned();
            if let Ok(thief) = std::net::TcpListener::bind(&addresses[&victim]) {
                break (victim, thief);
            }
        }
    };
    let directory = fs::read_dir(place.path()).unwrap().next().unwrap().unwrap().path();
    let log = || fs::read_to_string(directory.join(format!("{victim}.log"))).unwrap();
    eventually("it finds its port taken", || log().contains("cannot listen on"));
    drop(thief);
    while !demo.line().expect("it goes on").contains(&format!("{victim} is back")) {}
    drop(demo);
    eventually("the nodes end", || processes_of(place.path()).is_empty());
}

#[cfg(unix)]
#[test]
fn interrupted_it_leaves_nothing() {
    let place = tempfile::tempdir().unwrap();
    let mut demo = Guard::spawn(&mut demo(place.path(), SLOW));
    while !demo.line().expect("it goes on").contains("Prepare") {}
    assert!(!processes_of(place.path()).is_empty());
    demo.signal("INT");
    assert_eq!(demo.exit_code(), Some(130));
    nothing_is_left(place.path());
}

#[cfg(unix)]
#[test]
fn interrupted_while_it_is_set_up_it_leaves_nothing() {
    for what in ["demo", "demo basic"] {
        let place = tempfile::tempdir().unwrap();
        let mut demo = Guard::spawn(paxos(what).env("TMPDIR", place.path()));
        eventually("it has a directory", || fs::read_dir(place.path()).unwrap().next().is_some());
        demo.signal("INT");
        assert_eq!(demo.exit_code(), Some(130), "{what}");
        nothing_is_left(place.path());
    }
}

#[cfg(unix)]
#[test]
fn when_nobody_reads_it_leaves_nothing() {
    let place = tempfile::tempdir().unwrap();
    let mut child = demo(place.path(), FAST).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    drop(child.stdout.take());
    assert_eq!(child.wait().unwrap().code(), Some(4));
    nothing_is_left(place.path());
}

#[cfg(target_os = "linux")]
#[test]
fn killed_it_leaves_no_process() {
    let place = tempfile::tempdir().unwrap();
    let demo = Guard::spawn(&mut demo(place.path(), SLOW));
    while !demo.line().expect("it goes on").contains("Prepare") {}
    drop(demo); // SIGKILL: it cannot end its nodes, but their stdin is closed
    eventually("the nodes end", || processes_of(place.path()).is_empty());
}

/// A network that is soon done, and one that gives time to interfere.
const FAST: &str = "--delay 20ms";
const SLOW: &str = "--delay 1s";

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
    assert!(code == 1 && stderr.contains("is not empty"), "{stderr}");
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
    assert_eq!(child.wait().unwrap().code(), Some(1));
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

//! `paxos torture`: real faults on real processes. Short runs of fixed seeds; longer ones are for whoever has the time.

use std::{fs, path::Path, process::Command};

use serde_json::Value;

use crate::support::{Guard, eventually, paxos, processes_of, run};

/// A run whose temporary directories are in `place`.
fn torture(place: &Path, arguments: &str) -> Command {
    let mut command = paxos(&format!("torture {arguments}"));
    command.env("TMPDIR", place);
    command
}

fn nothing_is_left(place: &Path) {
    assert_eq!(processes_of(place), Vec::<String>::new());
    assert_eq!(fs::read_dir(place).unwrap().count(), 0, "a directory is left");
}

/// What is said of a check whose text has these words.
fn held(verdict: &Value, words: &str) -> bool {
    let checks = verdict["checks"].as_array().unwrap();
    let found = checks.iter().find(|told| told["check"].as_str().unwrap().contains(words));
    found.unwrap_or_else(|| panic!("{words:?} in {verdict}"))["held"].as_bool().unwrap()
}

#[test]
fn what_survives_every_fault_has_lost_nothing() {
    let place = tempfile::tempdir().unwrap();
    let faults = "delay,drop,cut,oneway,kill,pause,disk";
    let command = format!("--nodes 3 --seconds 5 --seed 1 --json --faults {faults} --history");
    let history = place.path().join("h.ndjson");
    let (code, stdout, stderr) = run(torture(place.path(), &command).arg(&history));
    assert_eq!((code, stderr.as_str()), (0, ""), "{stdout}");
    let verdict: Value = serde_json::from_str(&stdout).unwrap();
    assert_eq!(verdict["verdict"], "held");
    assert!(verdict["acknowledged_writes"].as_u64().unwrap() > 0, "{verdict}");
    assert!(4 <= verdict["events"].as_array().unwrap().len(), "{verdict}");
    let (code, stdout, _) = run(paxos("kv judge").arg(&history));
    assert!(code == 0 && stdout.starts_with("linearizable"), "{stdout}");
    fs::remove_file(history).unwrap();
    nothing_is_left(place.path());
}

/// What every node recorded of its lives, kill -9 among them, is a run of the simulated world.
#[test]
fn what_killed_nodes_have_recorded_is_replayed_and_what_was_left_out_of_it_is_missed() {
    let place = tempfile::tempdir().unwrap();
    let runs = place.path().join("runs");
    let command = "--nodes 3 --seconds 2 --seed 2 --json --faults kill,disk --clients 2 --trace";
    let (code, stdout, stderr) = run(torture(place.path(), command).arg(&runs));
    assert_eq!((code, stderr.as_str()), (0, ""), "{stdout}");
    let verdict: Value = serde_json::from_str(&stdout).unwrap();
    assert!(held(&verdict, "is a run of the simulated world"), "{verdict}");
    assert!(0 < verdict["counts"]["kill all"].as_u64().unwrap(), "{verdict}");
    let (code, stdout, _) = run(paxos("judge").arg(runs.join("trace.ndjson")));
    assert!(code == 0 && stdout.starts_with("allowed: "), "{stdout}");
    // Without a vote of n2 what came of it cannot have happened.
    let file = runs.join("n2.run");
    let record = fs::read_to_string(&file).unwrap();
    let vote = record.lines().position(|line| line.contains(r#""ev":"receive""#) && line.contains(r#""Accept""#));
    let vote = vote.expect("it has voted");
    let lines: Vec<&str> = record.lines().enumerate().filter(|(at, _)| *at != vote).map(|(_, line)| line).collect();
    fs::write(&file, lines.join("\n") + "\n").unwrap();
    let files = (1..=3).map(|node| runs.join(format!("n{node}.run")));
    let (code, _, stderr) = run(paxos("trace").args(files));
    assert!(code == 4 && stderr.contains("run of n"), "{stderr}");
}

/// The proof that the verdict can be no: nothing that was acknowledged is on any disk, and then the power is cut.
#[test]
fn disks_that_lie_are_found_out() {
    let place = tempfile::tempdir().unwrap();
    let (code, stdout, stderr) = run(&mut torture(place.path(), "--nodes 3 --seconds 1 --seed 1 --json --faults lie"));
    assert_eq!((code, stderr.as_str()), (1, ""), "{stdout}");
    let verdict: Value = serde_json::from_str(&stdout).unwrap();
    assert_eq!(verdict["verdict"], "VIOLATED");
    assert!(!held(&verdict, "linearizable") && !held(&verdict, "lost or done twice"), "{verdict}");
    assert!(held(&verdict, "hold the same state") && held(&verdict, "no node panicked"), "{verdict}");
    let kept = fs::read_dir(place.path()).unwrap().next().expect("it is kept").unwrap().path();
    let (code, stdout, _) = run(paxos("kv judge").arg(kept.join("history.ndjson")));
    assert!(code == 1 && stdout.contains("not linearizable"), "{stdout}");
    assert!(kept.join("n1/wal").is_file() && kept.join("n1.log").is_file() && kept.join("events").is_file());
    assert_eq!(processes_of(place.path()), Vec::<String>::new());
}

#[cfg(unix)]
#[test]
fn interrupted_it_heals_and_judges() {
    let place = tempfile::tempdir().unwrap();
    let arguments = "--nodes 3 --seconds 600 --seed 1 --verbose --faults pause";
    let mut torture = Guard::spawn(&mut torture(place.path(), arguments));
    while !torture.line().expect("it goes on").contains("pause  ") {}
    torture.signal("INT");
    let mut lines = Vec::new();
    while let Some(line) = torture.line() {
        lines.push(line);
    }
    assert_eq!(torture.exit_code(), Some(0), "{lines:?}");
    let text = lines.join("\n");
    assert!(text.contains("Verdict: held") && text.contains("Interrupted"), "{text}");
    nothing_is_left(place.path());
}

#[test]
fn a_disk_that_fails_ends_the_node_with_a_reason_and_the_next_life_goes_on() {
    let place = tempfile::tempdir().unwrap();
    let data = place.path().join("n1");
    let command = |faults: &str| {
        let mut command = paxos("node --new-cluster --id 1 --peers 1=127.0.0.1:0 --data");
        command.arg(&data).args(faults.split_whitespace());
        command
    };
    for (fault, words) in
        [("full", "no space left on device"), ("short", "no space left on device"), ("fsync", "input/output error")]
    {
        let (code, _, stderr) = run(&mut command(&format!("--disk-faults {fault}:1,seed:3")));
        assert_eq!(code, 4, "{stderr}");
        for words in ["stable storage has failed", "wal", words, "injected by --disk-faults"] {
            assert!(stderr.contains(words), "{words:?} in {stderr}");
        }
    }
    let log = place.path().join("log");
    let mut node = Guard::spawn(command("").stderr(fs::File::create(&log).unwrap()));
    assert!(node.line().is_some_and(|line| line.contains("is ready")));
    eventually("it leads", || fs::read_to_string(&log).unwrap().contains("leads"));
    assert!(node.is_running());
    drop(node);
    let (code, _, stderr) = run(&mut command("--disk-faults smoke:1"));
    assert!(code == 2 && stderr.contains("no fault of a disk"), "{stderr}");
}

#[test]
fn a_damaged_store_gives_back_all_or_is_refused() {
    let (code, stdout, stderr) = run(&mut paxos("corrupt --every 7 --json"));
    assert_eq!((code, stderr.as_str()), (0, ""), "{stdout}");
    let told: Value = serde_json::from_str(&stdout).unwrap();
    assert_eq!(told["verdict"], "held");
    let count =
        |column: &str| told["rows"].as_array().unwrap().iter().map(|row| row[column].as_u64().unwrap()).sum::<u64>();
    assert!(count("exact") > 100 && count("place") > 100 && count("file") > 0, "{told}");
    assert_eq!(count("wrong"), 0, "{told}");
}

/// A sample of damage, through the binary: what a node says of it, and that it does not start.
#[test]
fn a_node_refuses_a_damaged_log_with_file_and_place_and_says_what_to_do() {
    let place = tempfile::tempdir().unwrap();
    let data = place.path().join("n1");
    let node = |data: &Path, more: &str| {
        let mut command = paxos(&format!("node --id 1 --peers 1=127.0.0.1:0 {more} --data"));
        command.arg(data);
        command
    };
    let log = place.path().join("log");
    let mut first = node(&data, "--new-cluster");
    let first = Guard::spawn(first.stderr(fs::File::create(&log).unwrap()));
    assert!(first.line().is_some());
    eventually("it leads", || fs::read_to_string(&log).unwrap().contains("leads"));
    drop(first);
    let (wal, whole) = (data.join("wal"), fs::read(data.join("wal")).unwrap());
    for (at, pattern) in (0..whole.len()).step_by(whole.len() / 12).zip([1, 0x80, 0xff].into_iter().cycle()) {
        let mut damaged = whole.clone();
        damaged[at] ^= pattern;
        fs::write(&wal, &damaged).unwrap();
        let (code, _, stderr) = run(&mut node(&data, ""));
        assert_eq!(code, 4, "{stderr}");
        let words = format!("{} is corrupt at byte ", wal.display());
        let offset = stderr.split_once(&words).and_then(|(_, rest)| rest.split(':').next()?.parse::<usize>().ok());
        assert!(offset.is_some_and(|offset| offset <= at), "{at}: {stderr}");
        assert!(stderr.contains("with an empty directory the node knows that its memory is lost"), "{stderr}");
        assert_eq!(fs::read(&wal).unwrap(), damaged, "what is refused is evidence");
    }
}

/// Whoever removes the log and its lock, and leaves the file beside them that says that the memory is as old as the
/// cluster, has lost the memory all the same.
#[test]
fn a_founding_member_without_its_log_has_no_memory() {
    let place = tempfile::tempdir().unwrap();
    let data = place.path().join("n1");
    let start = |more: &str| {
        let mut command =
            paxos(&format!("node --id 1 --peers 1=127.0.0.1:0,2=127.0.0.1:1,3=127.0.0.1:1 {more} --data"));
        let log = place.path().join("log");
        let node = Guard::spawn(command.arg(&data).stderr(fs::File::create(&log).unwrap()));
        assert!(node.line().is_some_and(|line| line.contains("is ready")));
        fs::read_to_string(log).unwrap()
    };
    let no_memory = "it will not vote before all others have answered";
    assert!(!start("--new-cluster").contains(no_memory));
    assert!(!start("").contains(no_memory), "it has written nothing, and is as old as the cluster");
    for file in ["wal", "lock"] {
        fs::remove_file(data.join(file)).unwrap();
    }
    assert!(data.join("founding-member").exists());
    assert!(start("").contains(no_memory));
}

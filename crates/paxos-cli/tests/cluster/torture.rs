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

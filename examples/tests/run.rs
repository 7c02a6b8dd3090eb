//! Every example runs to its end and says what it found. What they claim they assert themselves.

use std::{collections::BTreeSet, process::Command};

#[test]
fn one_acceptor() {
    check("one_acceptor", &["The disk need not keep everything: 2 records say the same."]);
}

#[test]
fn basic_by_hand() {
    check("basic_by_hand", &["All have learned blue: 26 messages, one value."]);
}

#[test]
fn dueling_proposers() {
    check("dueling_proposers", &["40 ballots, no vote, no decision, no invariant violated."]);
}

#[test]
fn crash_before_sync() {
    check("crash_before_sync", &["a in b1.1: voted for by {n1,n3}\n    b in b1.2: voted for by {n1,n2}"]);
}

#[test]
fn article_sketch() {
    check(
        "article_sketch",
        &[
            "6 + stable before said\n    two proposals    silent in every run: 91419 states",
            "one crash        silent in every run: 2422028 states",
            "without votes raise the promise      Agreement fails after 11 choices, three proposals",
        ],
    );
}

#[test]
fn replicated_log() {
    check(
        "replicated_log",
        &[
            "n1 leads: elected once, for all slots.",
            "The same five commands in the same order on all three nodes, even after a restart.",
        ],
    );
}

#[test]
fn leader_crash() {
    check(
        "leader_crash",
        &["output   n3 refuses pink: busy, try again", "The same on all three: red, no-op, blue, pink."],
    );
}

#[test]
fn raft_and_paxos() {
    check("raft_and_paxos", &["n3 leads. It was told of b when it was elected.", "n2 leads, and has sent b to n3."]);
}

#[test]
fn two_leaders() {
    check("two_leaders", &["Two leaders: n1 in b1.1, n2 in b1.2.", "s0 is blue on all three nodes."]);
}

#[test]
fn lagging_node() {
    check(
        "lagging_node",
        &["learn    n1 → n3  Learn s2 blue", "learn    n1 → n3  Snapshot to s6", "output   n3 state to s6"],
    );
}

#[test]
fn replicated_kv() {
    check("replicated_kv", &["n2 3: Done(Wrote(Appended { length: 1 }))", "colors is x: asked twice, done once."]);
}

#[test]
fn stale_read() {
    check(
        "stale_read",
        &["n1 5: Found(Value(Some(red)))", "n1 4: NotLeader { leader: None }", "n2 6: Found(Value(Some(blue)))"],
    );
}

#[test]
fn import_one_role() {
    let said = cargo(&["run", "--quiet", "--package", "import_one_role"]);
    assert!(said.contains("prepare 2 1        → promise 2 1 blue of 1 2"), "it said:\n{said}");
}

/// Who imports one role gets that role, its words and the contract, and nothing else from anywhere.
#[test]
fn one_role_brings_two_crates() {
    let tree = cargo(&["tree", "--package", "import_one_role", "--prefix", "none", "--target", "all"]);
    let names: BTreeSet<_> = tree.lines().filter_map(|line| line.split_whitespace().next()).collect();
    assert_eq!(names, BTreeSet::from(["import_one_role", "paxos-acceptor", "paxos-messages", "paxos-process"]));
}

/// Runs the example `name` as a student does.
fn check(name: &str, phrases: &[&str]) {
    let said = cargo(&["run", "--quiet", "--package", "examples", "--example", name]);
    for phrase in phrases {
        assert!(said.contains(phrase), "{name} did not say {phrase:?}, but:\n{said}");
    }
}

/// What cargo prints. It holds no lock while it runs tests, so one inside another is fine.
fn cargo(arguments: &[&str]) -> String {
    let output = Command::new(env!("CARGO")).args(arguments).output().expect("cargo runs");
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{arguments:?} failed:\n{said}{}", String::from_utf8_lossy(&output.stderr));
    said.into_owned()
}

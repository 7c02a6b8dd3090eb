//! Every example runs to its end and says what it found. What they claim they assert themselves.

use std::process::Command;

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

/// Runs the example `name` as a student does. Cargo holds no lock while it runs tests, so one inside another is fine.
fn check(name: &str, phrases: &[&str]) {
    let output = Command::new(env!("CARGO"))
        .args(["run", "--quiet", "--package", "examples", "--example", name])
        .output()
        .expect("cargo runs");
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{name} failed:\n{said}{}", String::from_utf8_lossy(&output.stderr));
    for phrase in phrases {
        assert!(said.contains(phrase), "{name} did not say {phrase:?}, but:\n{said}");
    }
}

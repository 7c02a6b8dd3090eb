//! What `cargo xtask` answers to whoever does not know its chores yet.

use std::process::{Command, Output};

#[test]
fn help_is_an_answer() {
    let output = xtask(&["--help"]);
    assert_eq!(output.status.code(), Some(0));
    assert!(String::from_utf8_lossy(&output.stdout).contains("tidy"));
}

#[test]
fn an_unknown_chore_is_a_mistake() {
    for arguments in [&[][..], &["sweep"], &["tidy", "now"]] {
        let output = xtask(arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert!(output.stdout.is_empty());
        assert!(String::from_utf8_lossy(&output.stderr).contains("Usage: cargo xtask"));
    }
}

fn xtask(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_xtask")).args(arguments).output().expect("xtask starts")
}

//! What `paxos trace --to test` writes, compiled and run: a test of each kind of world, made of a script that is checked in.
//! `UPDATE_GOLDEN=1 cargo test -p paxos-cli --test generated` writes them anew.

mod basic;
mod kv;
mod multi;
mod mutant_of_basic;
mod mutant_of_kv;
mod mutant_of_multi;

use std::{env, fs, path::Path, process::Command};

const TESTS: [(&str, &str); 6] = [
    ("basic", "crates/paxos-basic/tests/scripts/refused_and_retry.script"),
    ("multi", "crates/paxos-multi/tests/scripts/stable_leader.script"),
    ("kv", "crates/paxos-cli/tests/generated/kv.script"),
    ("mutant_of_basic", "crates/paxos-mutants/scripts/M2.script"),
    ("mutant_of_kv", "crates/paxos-mutants/scripts/S1.script"),
    ("mutant_of_multi", "crates/paxos-mutants/scripts/L1.script"),
];

#[test]
fn these_files_are_what_is_written_today() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    for (name, script) in TESTS {
        let made = Command::new(env!("CARGO_BIN_EXE_paxos"))
            .args(["trace", script, "--to", "test"])
            .current_dir(&root)
            .output()
            .expect("the binary runs");
        let said = String::from_utf8_lossy(&made.stderr);
        assert!(matches!(made.status.code(), Some(0 | 1)), "{name}: {said}");
        let file = root.join(format!("crates/paxos-cli/tests/generated/{name}.rs"));
        if env::var_os("UPDATE_GOLDEN").is_some() {
            fs::write(&file, &made.stdout).expect("a file");
        }
        assert!(fs::read(&file).is_ok_and(|known| known == made.stdout), "{name}.rs: UPDATE_GOLDEN=1 writes it anew");
    }
}

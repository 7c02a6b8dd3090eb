//! One log, one owner.

use std::{
    env,
    path::Path,
    process::{Command, Stdio},
};

use crate::{Disk, Wal, WalError};

/// Names the directory for the child process.
const CHILD_DIR: &str = "PAXOS_WAL_TEST_DIR";

fn assert_in_use(dir: &Path) {
    let error = Wal::open(dir).unwrap_err();
    assert!(matches!(error, WalError::InUse { .. }), "{error:?}");
    assert_eq!(error.to_string(), format!("{} is in use by another process", dir.display()));
}

#[test]
fn a_second_open_in_this_process_fails_at_once() {
    let disk = Disk::new();
    let (mut wal, _) = disk.open();
    assert_in_use(disk.dir());
    wal.append(b"undisturbed").unwrap();
    wal.sync().unwrap();
    wal.checkpoint([&b"still"[..]]).unwrap();
    assert_in_use(disk.dir());
    drop(wal);
    disk.check(&[b"still"], None);
}

#[test]
fn an_open_in_another_process_fails_at_once() {
    let disk = Disk::with(&[b"one"]);
    let (wal, _) = disk.open();
    let mut child = Command::new(env::current_exe().unwrap());
    child.args(["--exact", "lock::the_other_process", "--ignored"]).env(CHILD_DIR, disk.dir());
    let finished = child.stdin(Stdio::null()).output().unwrap();
    let said = String::from_utf8_lossy(&finished.stdout);
    assert!(finished.status.success() && said.contains("1 passed"), "{said}");
    drop(wal);
    disk.check(&[b"one"], None);
}

#[test]
#[ignore = "run by an_open_in_another_process_fails_at_once, in a process of its own"]
fn the_other_process() {
    if let Some(dir) = env::var_os(CHILD_DIR) {
        assert_in_use(Path::new(&dir));
    }
}

//! Replacing the log, and a crash at each step of it.

use std::fs;

use paxos_wal::MAX_RECORD;

use crate::{Disk, Recovered, Wal, WalError, append_all};

const OLD: [&[u8]; 3] = [b"old 1", b"old 2", b"old 3"];
const NEW: [&[u8]; 2] = [b"new 1", b"new 2"];

#[test]
fn a_checkpoint_replaces_everything() {
    let disk = Disk::with(&OLD);
    let (mut wal, _) = disk.open();
    wal.append(b"not synced, and covered by the checkpoint").unwrap();
    wal.checkpoint(NEW).unwrap();
    wal.append(b"behind it").unwrap();
    wal.sync().unwrap();
    drop(wal);
    disk.check(&[NEW[0], NEW[1], b"behind it"], None);
}

#[test]
fn a_checkpoint_may_be_empty_and_may_be_large() {
    let disk = Disk::with(&OLD);
    let (mut wal, _) = disk.open();
    wal.checkpoint([]).unwrap();
    drop(wal);
    disk.check(&[], None);
    let records: Vec<Vec<u8>> = (0..5000_u32).map(|n| n.to_le_bytes().repeat(20)).collect();
    let records: Vec<&[u8]> = records.iter().map(Vec::as_slice).collect();
    let (mut wal, _) = disk.open();
    wal.checkpoint(records.iter().copied()).unwrap();
    drop(wal);
    disk.check(&records, None);
}

#[test]
fn a_checkpoint_with_a_record_too_long_changes_nothing() {
    let disk = Disk::with(&OLD);
    let (mut wal, _) = disk.open();
    wal.append(b"not synced").unwrap();
    let too_long = vec![0; MAX_RECORD + 1];
    let refused = wal.checkpoint([NEW[0], &too_long]);
    assert!(matches!(refused, Err(WalError::RecordTooLong { length }) if length == MAX_RECORD + 1));
    wal.append(b"later").unwrap();
    wal.sync().unwrap();
    drop(wal);
    disk.check(&[OLD[0], OLD[1], OLD[2], b"not synced", b"later"], None);
}

/// The steps are: write `wal.new`, sync it, rename it, sync the directory. Before the rename the old log counts,
/// with any part of the new one beside it; behind it the new one.
#[test]
fn a_crash_at_each_step_leaves_one_whole_log() {
    let disk = Disk::with(&OLD);
    let old = disk.log();
    let (mut wal, _) = disk.open();
    wal.checkpoint(NEW).unwrap();
    drop(wal);
    let new = disk.log();
    for written in 0..=new.len() {
        disk.set_log(&old);
        fs::write(disk.path("wal.new"), &new[..written]).unwrap();
        disk.check(&OLD, None);
        assert!(!disk.path("wal.new").exists(), "the leftover is removed");
    }
    disk.set_log(&new); // the rename was the last thing to happen
    disk.check(&NEW, None);
}

#[test]
fn a_leftover_of_anything_is_removed() {
    let disk = Disk::with(&OLD);
    fs::write(disk.path("wal.new"), vec![0xff; 100_000]).unwrap();
    let (mut wal, recovered) = disk.open();
    assert_eq!(recovered.records, OLD);
    fs::write(disk.path("wal.new"), b"left by the checkpoint before").unwrap();
    wal.checkpoint(NEW).unwrap();
    drop(wal);
    disk.check(&NEW, None);
}

/// The first log is made in the same steps, and each crash there leaves a directory that is still new.
#[test]
fn a_crash_at_each_step_of_creation_leaves_a_new_log() {
    let disk = Disk::new();
    drop(disk.open());
    let empty = disk.log();
    let check = |wal: Option<&[u8]>, new: Option<&[u8]>| {
        let disk = Disk::new();
        fs::write(disk.path("lock"), b"").unwrap();
        wal.inspect(|bytes| disk.set_log(bytes));
        new.inspect(|bytes| fs::write(disk.path("wal.new"), bytes).unwrap());
        let (mut wal, recovered) = disk.open();
        assert_eq!(recovered, Recovered::default());
        wal.append(b"first").unwrap();
        wal.sync().unwrap();
        drop(wal);
        disk.check(&[b"first"], None);
    };
    check(None, None);
    (0..=empty.len()).for_each(|written| check(None, Some(&empty[..written])));
    check(Some(&empty), None);
}

/// Sequence numbers go on through checkpoints and restarts: the header says which one is next.
#[test]
fn numbers_are_never_used_again() {
    let first_sequence = |disk: &Disk| u64::from_le_bytes(disk.log()[12..20].try_into().unwrap());
    let disk = Disk::new();
    let (mut wal, _) = disk.open();
    assert_eq!(first_sequence(&disk), 1);
    append_all(&mut wal, &OLD);
    wal.sync().unwrap();
    wal.append(b"number 4, in memory only").unwrap();
    wal.checkpoint(NEW).unwrap();
    assert_eq!(first_sequence(&disk), 5);
    wal.checkpoint([]).unwrap();
    assert_eq!(first_sequence(&disk), 7);
    drop(wal);
    let (mut wal, _) = Wal::open(disk.dir()).unwrap();
    assert_eq!(first_sequence(&disk), 7);
    append_all(&mut wal, &OLD);
    wal.sync().unwrap();
    drop(wal);
    disk.check(&OLD, None);
    assert_eq!(first_sequence(&disk), 10);
}

//! A life without accidents.

use paxos_wal::MAX_RECORD;

use crate::{Disk, FILE_HEADER, RECORD_HEADER, Wal, WalError, append_all, boundaries};

#[test]
fn what_is_synced_is_read_back_in_order() {
    let disk = Disk::with(&[b"one", b"", b"three"]);
    disk.check(&[b"one", b"", b"three"], None);
    disk.check(&[b"one", b"", b"three"], None); // reading back changes nothing
    let (mut wal, _) = disk.open();
    append_all(&mut wal, &[b"four", b"five"]);
    wal.sync().unwrap();
    wal.append(b"six").unwrap();
    wal.sync().unwrap();
    drop(wal);
    disk.check(&[b"one", b"", b"three", b"four", b"five", b"six"], None);
}

#[test]
fn what_is_not_synced_is_gone() {
    let disk = Disk::with(&[b"synced"]);
    let (mut wal, _) = disk.open();
    wal.append(b"not synced").unwrap();
    drop(wal);
    disk.check(&[b"synced"], None);
}

#[test]
fn directories_are_created() {
    let disk = Disk::new();
    let dir = disk.path("cluster").join("n1");
    let (mut wal, _) = Wal::open(&dir).unwrap();
    assert_eq!(wal.path(), dir.join("wal"));
    wal.append(b"here").unwrap();
    wal.sync().unwrap();
    drop(wal);
    assert_eq!(Wal::open(&dir).unwrap().1.records, [b"here"]);
}

#[test]
fn a_directory_that_is_a_file_is_an_error() {
    let disk = Disk::new();
    std::fs::write(disk.path("file"), b"").unwrap();
    let error = Wal::open(disk.path("file")).unwrap_err();
    assert!(matches!(error, WalError::Io { .. }), "{error:?}");
    assert!(std::error::Error::source(&error).is_some());
}

#[test]
fn the_length_counts_what_will_be_written() {
    let disk = Disk::new();
    let (mut wal, _) = disk.open();
    assert_eq!(wal.len_bytes(), FILE_HEADER as u64);
    wal.append(b"four").unwrap();
    assert_eq!(wal.len_bytes(), (FILE_HEADER + RECORD_HEADER + 4) as u64);
    assert_eq!(disk.log().len(), FILE_HEADER, "an append is in memory");
    wal.sync().unwrap();
    assert_eq!(wal.len_bytes(), disk.log().len() as u64);
    assert_eq!(disk.log().len(), *boundaries(&[b"four"]).last().unwrap());
    wal.checkpoint([]).unwrap();
    assert_eq!(wal.len_bytes(), disk.log().len() as u64);
    assert_eq!(wal.len_bytes(), FILE_HEADER as u64);
}

#[test]
fn a_sync_of_nothing_writes_nothing() {
    let disk = Disk::with(&[b"one"]);
    let (mut wal, _) = disk.open();
    let before = disk.log();
    wal.sync().unwrap();
    assert_eq!(disk.log(), before);
}

#[test]
fn the_longest_record_fits_and_one_byte_more_does_not() {
    let disk = Disk::new();
    let (mut wal, _) = disk.open();
    let longest = vec![7; MAX_RECORD];
    let too_long = vec![7; MAX_RECORD + 1];
    let error = wal.append(&too_long).unwrap_err();
    assert_eq!(error.to_string(), "a record of 16777217 bytes; the limit is 16777216");
    append_all(&mut wal, &[&longest, b"and the log goes on"]);
    wal.sync().unwrap();
    drop(wal);
    disk.check(&[&longest, b"and the log goes on"], None);
}

//! What the outside cannot see: a disk that fails, and the bytes of a header.

use std::{fs::File, io::ErrorKind};

use crate::{
    MAX_RECORD, Recovered, Wal, WalError,
    format::{self, FILE_HEADER, RECORD_HEADER, RecordHeader},
};

fn assert_io_error(result: Result<(), WalError>, expected: &[ErrorKind]) {
    match result {
        Err(WalError::Io { error, .. }) => assert!(expected.contains(&error.kind()), "{error:?}"),
        other => panic!("the disk failed, and the log says {other:?}"),
    }
}

fn assert_poisoned(wal: &mut Wal) {
    assert!(matches!(wal.append(b"later"), Err(WalError::Poisoned { .. })));
    assert!(matches!(wal.sync(), Err(WalError::Poisoned { .. })));
    assert!(matches!(wal.checkpoint([&b"later"[..]]), Err(WalError::Poisoned { .. })));
}

/// A log with one synced record and one that is about to fail.
fn about_to_fail() -> (tempfile::TempDir, Wal) {
    let dir = tempfile::tempdir().unwrap();
    let (mut wal, _) = Wal::open(dir.path()).unwrap();
    wal.append(b"synced").unwrap();
    wal.sync().unwrap();
    wal.append(b"not synced").unwrap();
    (dir, wal)
}

#[test]
fn a_failed_write_poisons() {
    let (dir, mut wal) = about_to_fail();
    wal.write_into(File::open(wal.path()).unwrap()); // for reading only
    let sync = wal.sync();
    assert!(matches!(&sync, Err(WalError::Io { action: "append to", path, .. }) if path == wal.path()), "{sync:?}");
    assert_poisoned(&mut wal);
    drop(wal);
    let (mut wal, recovered) = Wal::open(dir.path()).unwrap();
    assert_eq!(recovered, Recovered { records: vec![b"synced".to_vec()], torn: None });
    wal.append(b"a new life").unwrap();
    wal.sync().unwrap();
}

/// `/dev/full` takes no byte.
#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_poisons() {
    let (_dir, mut wal) = about_to_fail();
    wal.write_into(File::options().write(true).open("/dev/full").unwrap());
    assert_io_error(wal.sync(), &[ErrorKind::StorageFull]);
    assert_poisoned(&mut wal);
}

/// `/dev/null` takes every byte and cannot be synced. The next sync would have nothing to write, and would succeed.
#[cfg(target_os = "linux")]
#[test]
fn a_failed_sync_poisons_and_is_not_repeated() {
    let (_dir, mut wal) = about_to_fail();
    wal.write_into(File::options().write(true).open("/dev/null").unwrap());
    assert_io_error(wal.sync(), &[ErrorKind::InvalidInput]);
    assert_poisoned(&mut wal);
}

#[test]
fn a_failed_checkpoint_poisons() {
    let (dir, mut wal) = about_to_fail();
    // A directory in the way of the new log: it can be neither removed as a file nor created.
    std::fs::create_dir(dir.path().join("wal.new")).unwrap();
    assert!(matches!(wal.checkpoint([&b"short"[..]]), Err(WalError::Io { action: "create", .. })));
    assert_poisoned(&mut wal);
    drop(wal);
    std::fs::remove_dir(dir.path().join("wal.new")).unwrap();
    assert_eq!(Wal::open(dir.path()).unwrap().1.records, [b"synced"]);
}

#[test]
fn a_checkpoint_that_panics_poisons() {
    let (dir, mut wal) = about_to_fail();
    let records = std::iter::once_with(|| panic!("the caller's mistake"));
    let caught = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| wal.checkpoint(records)));
    assert!(caught.is_err());
    assert_poisoned(&mut wal);
    drop(wal);
    assert_eq!(Wal::open(dir.path()).unwrap().1.records, [b"synced"]);
}

#[test]
fn zeros_are_no_header() {
    assert_eq!(RecordHeader::parse(&[0; RECORD_HEADER]), None);
    assert!(format::parse_file_header(&[0; FILE_HEADER]).is_err());
}

#[test]
fn a_length_above_the_limit_is_no_header() {
    let check = |length: usize, expected: bool| {
        let mut bytes = [0; RECORD_HEADER];
        bytes[..4].copy_from_slice(&u32::try_from(length).unwrap().to_le_bytes());
        let checksum = crc32fast::hash(&bytes[..16]);
        bytes[16..].copy_from_slice(&checksum.to_le_bytes());
        assert_eq!(RecordHeader::parse(&bytes).is_some(), expected, "{length}");
    };
    check(MAX_RECORD, true);
    check(MAX_RECORD + 1, false);
}

#[test]
fn a_payload_belongs_to_its_number() {
    let (mut first, mut second) = (Vec::new(), Vec::new());
    format::push_record(&mut first, 1, b"vote").unwrap();
    format::push_record(&mut second, 2, b"vote").unwrap();
    let header = RecordHeader::parse(first.first_chunk().unwrap()).unwrap();
    assert!(header.matches(b"vote") && !header.matches(b"veto") && !header.matches(b"votes"));
    assert_eq!(first[RECORD_HEADER..], second[RECORD_HEADER..]);
    assert_ne!(first[12..16], second[12..16], "the same payload in another place has another checksum");
}

//! A log file of any bytes.
//!
//! What must hold: it is opened or refused, and a log that is refused is left as it was. One that is opened is the same when
//! it is opened again, without a torn tail, takes another record, and keeps it.

use std::fs;

use paxos_wal::{Wal, WalError};
use tempfile::TempDir;

use super::{Seed, Target, seed};

pub(super) const TARGET: Target =
    Target { name: "wal_bytes", about: "a log file of any bytes", longest: 4096, memory: 1 << 20, run, seeds };

fn run(bytes: &[u8]) {
    let dir = directory();
    let file = dir.path().join("wal");
    fs::write(&file, bytes).expect("a temporary file");
    let opened = match Wal::open(dir.path()) {
        Ok((mut wal, recovered)) => {
            if let Ok(()) = wal.append(b"one more") {
                wal.sync().expect("a disk that works");
                Some([recovered.records, vec![b"one more".to_vec()]].concat())
            } else {
                Some(recovered.records)
            }
        }
        Err(WalError::Io { error, .. }) => panic!("the disk fails: {error}"),
        Err(_) => None,
    };
    match opened {
        None => assert_eq!(fs::read(&file).expect("it is there"), bytes, "a log that is refused is changed"),
        Some(records) => {
            let (_, again) = Wal::open(dir.path()).expect("what was written can be read");
            assert_eq!((again.records, again.torn), (records, None));
        }
    }
}

/// In memory where the system has such a place: the disk is not what is looked at, and a sync of it takes milliseconds.
pub(super) fn directory() -> TempDir {
    tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).expect("a temporary directory")
}

/// The bytes of a log of these records, written by the log itself.
pub(super) fn log_of(records: &[&[u8]]) -> Vec<u8> {
    let dir = directory();
    let (mut wal, _) = Wal::open(dir.path()).expect("an empty directory");
    for record in records {
        wal.append(record).expect("a short record");
    }
    wal.sync().expect("a disk that works");
    fs::read(wal.path()).expect("it is there")
}

fn seeds() -> Vec<Seed> {
    let log = log_of(&[b"promise", b"", b"a vote that is a little longer"]);
    let torn = log[..log.len() - 5].to_vec();
    let zeros = [&log[..], &[0; 64]].concat();
    let mut last = log_of(&[]);
    last[12..20].copy_from_slice(&u64::MAX.to_le_bytes());
    let checksum = crc32fast::hash(&last[..20]);
    last[20..24].copy_from_slice(&checksum.to_le_bytes());
    vec![
        seed("empty", log_of(&[])),
        seed("no-bytes", []),
        seed("three-records", log),
        seed("torn", torn),
        seed("zeros-behind", zeros),
        // It was read, and the number after its records did not fit.
        seed("last-number-of-all", last),
    ]
}

//! A log seen from outside: through its directory, as a crash, a damaged disk and an operator see it.

mod allocation;
mod checkpoint;
mod lock;
mod model;
mod recovery;
mod usage;

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
};

use paxos_wal::{Damage, Recovered, TornTail, Wal, WalError};
use tempfile::TempDir;

/// The words of the lock file, in front of what is noted there.
const USED: u64 = 68;
/// The bytes in front of the first record.
const FILE_HEADER: usize = 24;
/// The bytes in front of each payload.
const RECORD_HEADER: usize = 20;

/// A directory in which any file can be put, as it may be found after a crash.
struct Disk(TempDir);

impl Disk {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    /// With a log that holds these records.
    fn with(records: &[&[u8]]) -> Self {
        let disk = Self::new();
        let (mut wal, recovered) = disk.open();
        assert_eq!(recovered, Recovered::default());
        append_all(&mut wal, records);
        wal.sync().unwrap();
        disk
    }

    fn dir(&self) -> &Path {
        self.0.path()
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir().join(name)
    }

    fn open(&self) -> (Wal, Recovered) {
        Wal::open(self.dir()).unwrap()
    }

    fn log(&self) -> Vec<u8> {
        fs::read(self.path("wal")).unwrap()
    }

    /// Another moment in the life of the log. What is noted of it in `lock` is of another moment too, so it goes.
    fn set_log(&self, bytes: &[u8]) {
        fs::write(self.path("wal"), bytes).unwrap();
        File::options()
            .write(true)
            .create(true)
            .truncate(false)
            .open(self.path("lock"))
            .unwrap()
            .set_len(USED)
            .unwrap();
    }

    /// Opens and closes the log, which must hold these records.
    fn check(&self, records: &[&[u8]], torn: Option<TornTail>) {
        let (_, recovered) = self.open();
        assert_eq!(recovered.records, records);
        assert_eq!(recovered.torn, torn);
    }

    /// The log must not open, because of this, and must not be changed by the attempt.
    fn check_corrupt(&self, expected_offset: usize, expected: Damage) {
        let before = self.log();
        match Wal::open(self.dir()) {
            Err(WalError::Corrupt { file, offset, damage }) => {
                assert_eq!((file, offset, damage), (self.path("wal"), expected_offset as u64, expected));
            }
            other => panic!("expected {expected:?}, and the log opened: {other:?}"),
        }
        assert_eq!(self.log(), before, "a log that is refused is evidence");
    }
}

fn append_all(wal: &mut Wal, records: &[&[u8]]) {
    records.iter().for_each(|record| wal.append(record).unwrap());
}

/// Where each record of a log begins and, last, where the log ends.
fn boundaries(records: &[&[u8]]) -> Vec<usize> {
    let ends = records.iter().scan(FILE_HEADER, |end, record| {
        *end += RECORD_HEADER + record.len();
        Some(*end)
    });
    std::iter::once(FILE_HEADER).chain(ends).collect()
}

//! Why a log cannot be opened or written. Every message names the file, and says what to do where that is not plain.

use std::{
    error::Error,
    fmt, io,
    path::{Path, PathBuf},
};

use crate::MAX_RECORD;

/// Why a log cannot be opened or written.
#[derive(Debug)]
#[non_exhaustive]
pub enum WalError {
    /// Another [`Wal`](crate::Wal) has the directory open, in another process or in this one.
    InUse {
        /// The directory.
        directory: PathBuf,
    },
    /// The log is damaged: a record that was synced may be unreadable. The log stays shut and unchanged.
    Corrupt {
        /// The log.
        file: PathBuf,
        /// Where what does not check begins, in bytes from the start of the file. All before it is good.
        offset: u64,
        /// What does not check.
        damage: Damage,
    },
    /// The directory held a log, and the log is not there.
    Missing {
        /// Where it should be.
        file: PathBuf,
    },
    /// The log was written by another version of this crate.
    Version {
        /// The log.
        file: PathBuf,
        /// The version that wrote it.
        found: u32,
    },
    /// One record is longer than [`MAX_RECORD`]. It was not written, and the log is usable.
    RecordTooLong {
        /// The record's length, in bytes.
        length: usize,
    },
    /// An earlier write or sync failed, so nobody knows what is on the disk until the log is opened again.
    ///
    /// The failed call must not be repeated: after a failed `fsync` the pages are marked clean, and the next one
    /// reports success for data that never reached the disk (Rebello et al., *Can Applications Recover from fsync
    /// Failures?*, USENIX ATC 2020). End the process; a restart reads back what there is.
    Poisoned {
        /// The log.
        file: PathBuf,
    },
    /// The operating system refused.
    Io {
        /// What was tried, as a verb.
        action: &'static str,
        /// On which file or directory.
        path: PathBuf,
        /// What it answered.
        error: io::Error,
    },
}

/// What does not check in a damaged log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Damage {
    /// The file does not begin as a log does.
    NotALog,
    /// The header of the file is cut short or does not match its checksum.
    FileHeader,
    /// The header of the file is whole and says a first number that no log ever comes to.
    FirstNumber {
        /// That number.
        found: u64,
    },
    /// The header of a record does not match its checksum.
    RecordHeader,
    /// A record has the number of another: it does not belong here.
    Sequence {
        /// The number that comes next.
        expected: u64,
        /// The number in its place.
        found: u64,
    },
    /// The content of a record does not match its checksum.
    Payload,
    /// Records at the end are gone, which were stable when the directory's note was written.
    CutShort {
        /// The log went on at least to the record before this one.
        expected: u64,
        /// The number of the first record that is not there.
        found: u64,
    },
}

impl fmt::Display for WalError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::InUse { directory } => write!(f, "{} is in use by another process", directory.display()),
            Self::Corrupt { file, offset, damage } => {
                write!(f, "{} is corrupt at byte {offset}: {damage}. {WHAT_TO_DO}", file.display())
            }
            Self::Missing { file } => {
                write!(f, "{} is gone, and its directory says that it was there. {WHAT_TO_DO}", file.display())
            }
            Self::Version { file, found } => {
                write!(f, "{} was written in format {found}, which this version does not read", file.display())
            }
            Self::RecordTooLong { length } => write!(f, "a record of {length} bytes; the limit is {MAX_RECORD}"),
            Self::Poisoned { file } => {
                write!(f, "{} had a failed write, which must not be repeated: restart the process", file.display())
            }
            Self::Io { action, path, error } => write!(f, "cannot {action} {}: {error}", path.display()),
        }
    }
}

impl Error for WalError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Io { error, .. } => Some(error),
            _ => None,
        }
    }
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotALog => write!(f, "this is not a log"),
            Self::FileHeader => write!(f, "the file's header is cut short or does not match its checksum"),
            Self::FirstNumber { found } => write!(f, "its records begin with number {found}, to which no log comes"),
            Self::RecordHeader => write!(f, "a record's header does not match its checksum"),
            Self::Sequence { expected, found } => write!(f, "record {found} is in the place of record {expected}"),
            Self::Payload => write!(f, "a record's content does not match its checksum"),
            Self::CutShort { expected, found } => {
                write!(f, "the log ends before record {found}, and it went on to record {}", expected - 1)
            }
        }
    }
}

pub(crate) fn io_error(action: &'static str, path: &Path, error: io::Error) -> WalError {
    WalError::Io { action, path: PathBuf::from(path), error }
}

const WHAT_TO_DO: &str = "This node may have forgotten a vote, so it must not start: \
     restore the directory from a copy that has everything the node ever answered for, \
     or remove the node from the cluster for good. Never start it with an emptied or shortened log.";

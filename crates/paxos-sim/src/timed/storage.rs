//! What stands between a node and its disk: the rules that `paxos-wal` and the driver of a node keep, each of which can be
//! broken to see what it is for.

use paxos_wal::{Image, Recovered, WalError};

/// How a log is opened again: [`Image::reopened`], or something wrong in its place.
pub type Reopen = fn(&Image, Vec<u8>) -> Result<(Image, Recovered), WalError>;

/// The rules of stable storage. [`SOUND`](Self::SOUND) is what a node runs with; whoever breaks one finds out, by
/// [`WrongRecord`](super::Violation::WrongRecord), which faults it is against.
#[derive(Clone, Copy, Debug)]
pub struct Storage {
    /// What is made of the bytes that are found where this log was left: the log that goes on, and its records.
    pub reopen: Reopen,
    /// Whether a process ends when a sync has failed. If not, it goes on, and its disk does not have what it believes: after a
    /// failed sync, pages count as written (Rebello and others, *Can Applications Recover from fsync Failures?*, ATC 2020).
    pub ends_with_its_disk: bool,
    /// Whether the directory is synced when a new log takes the place of the old one. If not, a crash may bring that back.
    pub syncs_the_directory: bool,
    /// Whether what was read at a start is written anew before it is believed. If not, it may have been in a cache only, and the
    /// next crash takes it away.
    pub writes_anew: bool,
}

impl Storage {
    /// No rule is broken.
    pub const SOUND: Self =
        Self { reopen: Image::reopened, ends_with_its_disk: true, syncs_the_directory: true, writes_anew: true };
}

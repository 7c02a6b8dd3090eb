//! A disk that fails, for those who want to see what a node does then.
//!
//! [`Faulty`] wraps a [`Store`], and does to the file what a failing disk would have done, before it says so: behind a
//! short write there is a beginning of the group in the file, and behind a failed fsync there is all of it or nothing,
//! because the pages are marked clean and may go or stay (Rebello et al., *Can Applications Recover from fsync Failures?*,
//! USENIX ATC 2020). So what the next life finds is what it would find in earnest.
//!
//! One fault is of another kind. A disk that *lies* says that a sync is done, and has kept everything in a cache that does
//! not outlive the process. No program can be safe on it; it is here so that judges can be seen to find out.

use std::{
    fs::File,
    io::{self, ErrorKind, Read},
    path::Path,
    str::FromStr,
    thread,
    time::Duration,
};

use paxos_wal::WalError;
use rand::RngExt;
use rand_chacha::{ChaCha8Rng, rand_core::SeedableRng};
use serde::{Serialize, de::DeserializeOwned};

use crate::{Disk, Store, StoreError};

/// How often a disk fails, and how: each a probability per sync. Read from text such as `fsync:0.001,full:0.001,seed:7`;
/// what is not named does not happen.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct DiskFaults {
    /// A sync fails, and nobody knows whether the bytes are on the disk.
    pub fsync: f64,
    /// The disk is full: nothing is written.
    pub full: f64,
    /// The disk becomes full in the middle of a write: a beginning of it is there.
    pub short: f64,
    /// A sync takes up to half a second.
    pub slow: f64,
    /// A sync says that it is done, and is not. What it was to make stable is lost if the process ends before the next
    /// honest one.
    pub lie: f64,
    /// The source of all chance.
    pub seed: u64,
}

impl FromStr for DiskFaults {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut faults = Self::default();
        for part in text.split(',') {
            let (name, value) = part.split_once(':').ok_or_else(|| format!("{part:?} is no FAULT:PROBABILITY"))?;
            if name == "seed" {
                faults.seed = value.parse().map_err(|_| format!("{value:?} is no whole number"))?;
                continue;
            }
            let probability = value.parse().ok().filter(|chance| (0.0..=1.0).contains(chance));
            let probability = probability.ok_or_else(|| format!("{value:?} is no probability from 0 to 1"))?;
            *match name {
                "fsync" => &mut faults.fsync,
                "full" => &mut faults.full,
                "short" => &mut faults.short,
                "slow" => &mut faults.slow,
                "lie" => &mut faults.lie,
                _ => return Err(format!("{name:?} is no fault of a disk; they are fsync, full, short, slow, lie")),
            } = probability;
        }
        Ok(faults)
    }
}

/// A store on a disk that fails.
pub struct Faulty<R> {
    store: Store<R>,
    faults: DiskFaults,
    dice: ChaCha8Rng,
    /// The log's length when it was last synced in earnest.
    stable: u64,
}

impl<R: Serialize + DeserializeOwned> Faulty<R> {
    /// From now on the disk of `store` fails in these ways.
    #[must_use]
    pub fn new(store: Store<R>, faults: DiskFaults) -> Self {
        let (dice, stable) = (ChaCha8Rng::seed_from_u64(faults.seed), store.len_bytes());
        Self { store, faults, dice, stable }
    }

    /// Writes the group as a disk does that fails on the way: of what was to be added, `part` arrives.
    fn write_in_part(&mut self, part: impl FnOnce(u64, &mut ChaCha8Rng) -> u64) -> Result<(), StoreError> {
        self.store.sync()?;
        let added = self.store.len_bytes() - self.stable;
        let arrives = part(added, &mut self.dice);
        let file = self.store.path();
        let cut = File::options().write(true).open(file).and_then(|log| log.set_len(self.stable + arrives));
        cut.map_err(|error| failed("cut", file, error))
    }

    fn injected(&self, action: &'static str, kind: ErrorKind, what: &str) -> StoreError {
        failed(action, self.store.path(), io::Error::new(kind, format!("{what} (injected by --disk-faults)")))
    }

    /// A checkpoint that a full disk has stopped leaves the beginning of a new log beside the old one.
    fn leave_half_a_log(&self) -> io::Result<()> {
        let half = File::open(self.store.path())?.take(self.stable / 2);
        io::copy(&mut { half }, &mut File::create(self.store.path().with_extension("new"))?)?;
        Ok(())
    }
}

impl<R: Serialize + DeserializeOwned> Disk<R> for Faulty<R> {
    type Error = StoreError;

    fn append(&mut self, record: &R) -> Result<(), StoreError> {
        self.store.append(record)
    }

    fn sync(&mut self) -> Result<(), StoreError> {
        if self.dice.random_bool(self.faults.slow) {
            thread::sleep(SLOWEST.mul_f64(self.dice.random()));
        }
        if self.dice.random_bool(self.faults.fsync) {
            self.write_in_part(|added, dice| if dice.random() { added } else { 0 })?;
            return Err(self.injected("sync", ErrorKind::Other, "input/output error"));
        }
        if self.dice.random_bool(self.faults.full) {
            return Err(self.injected("append to", ErrorKind::StorageFull, FULL));
        }
        if self.dice.random_bool(self.faults.short) {
            self.write_in_part(|added, dice| dice.random_range(0..=added))?;
            return Err(self.injected("append to", ErrorKind::StorageFull, FULL));
        }
        if self.dice.random_bool(self.faults.lie) {
            return Ok(());
        }
        self.store.sync()?;
        self.stable = self.store.len_bytes();
        Ok(())
    }

    fn is_long(&self) -> bool {
        self.store.is_long()
    }

    fn len_bytes(&self) -> u64 {
        self.store.len_bytes()
    }

    fn checkpoint(&mut self, records: Vec<R>) -> Result<(), StoreError> {
        if self.dice.random_bool((self.faults.full + self.faults.short).min(1.0)) {
            let half = self.leave_half_a_log();
            half.map_err(|error| failed("write", self.store.path(), error))?;
            return Err(self.injected("write", ErrorKind::StorageFull, FULL));
        }
        if self.dice.random_bool(self.faults.fsync) {
            // The new log may have its name already, or not yet.
            if self.dice.random() {
                self.store.checkpoint(records)?;
            }
            return Err(self.injected("replace", ErrorKind::Other, "input/output error"));
        }
        self.store.checkpoint(records)?;
        self.stable = self.store.len_bytes();
        Ok(())
    }
}

fn failed(action: &'static str, path: &Path, error: io::Error) -> StoreError {
    WalError::Io { action, path: path.to_owned(), error }.into()
}

/// How long a slow sync takes at most.
const SLOWEST: Duration = Duration::from_millis(500);
const FULL: &str = "no space left on device";

#[cfg(test)]
mod tests {
    use paxos_process::NodeId;

    use super::*;
    use crate::Identity;

    fn open(directory: &Path) -> (Store<String>, Vec<String>) {
        let (cluster, membership, protocol) = ("test".into(), "{n1} 1 of 1".into(), "words/1".into());
        Store::open(directory, Identity { node: NodeId(1), cluster, membership, protocol }).unwrap()
    }

    /// A store in which one record is stable, and what the next life finds when the sync of two more has gone as `faults`
    /// say. The flag tells whether that sync said that it was done.
    fn after(faults: &str) -> (bool, Vec<String>) {
        let directory = tempfile::tempdir().unwrap();
        let (mut store, _) = open(directory.path());
        store.append(&"stable".into()).unwrap();
        store.sync().unwrap();
        let mut disk = Faulty::new(store, faults.parse().unwrap());
        disk.append(&"b".into()).unwrap();
        disk.append(&"c".into()).unwrap();
        let done = match disk.sync() {
            Ok(()) => true,
            Err(error) => {
                let error = error.to_string();
                assert!(error.contains("injected") && error.contains("wal"), "{error}");
                false
            }
        };
        drop(disk);
        (done, open(directory.path()).1)
    }

    #[test]
    fn what_was_stable_survives_every_honest_fault() {
        let (mut lengths, all) = (std::collections::BTreeSet::new(), ["stable", "b", "c"]);
        for seed in 0..64 {
            for fault in ["fsync", "full", "short"] {
                let (done, found) = after(&format!("{fault}:1,seed:{seed}"));
                assert!(!done && found == all[..found.len()] && !found.is_empty(), "{fault} {seed}: {found:?}");
                lengths.insert((fault, found.len()));
            }
        }
        let short = lengths.iter().filter(|(fault, _)| *fault == "short").count();
        assert!(lengths.contains(&("full", 1)) && lengths.contains(&("fsync", 1)) && lengths.contains(&("fsync", 3)));
        assert!(2 <= short, "a short write ends anywhere: {lengths:?}");
        assert_eq!(after("slow:1"), (true, all.map(str::to_owned).to_vec()));
    }

    #[test]
    fn a_disk_that_lies_says_done_and_has_lost_it() {
        assert_eq!(after("lie:1"), (true, vec!["stable".to_owned()]));
        assert_eq!(after("lie:0"), (true, ["stable", "b", "c"].map(str::to_owned).to_vec()));
    }

    #[test]
    fn a_checkpoint_that_fails_leaves_the_old_log_or_the_new_one() {
        for (seed, fault) in (0..16).flat_map(|seed| ["full", "short", "fsync"].map(|fault| (seed, fault))) {
            let directory = tempfile::tempdir().unwrap();
            let (mut store, _) = open(directory.path());
            store.append(&"old".into()).unwrap();
            store.sync().unwrap();
            let mut disk = Faulty::new(store, format!("{fault}:1,seed:{seed}").parse().unwrap());
            assert!(disk.checkpoint(vec!["new".into()]).is_err());
            drop(disk);
            let found = open(directory.path()).1;
            assert!(found == ["old"] || (fault == "fsync" && found == ["new"]), "{fault} {seed}: {found:?}");
        }
    }

    #[test]
    fn faults_are_read_from_text() {
        let read = "fsync:0.5,short:1,seed:9".parse();
        assert_eq!(read, Ok(DiskFaults { fsync: 0.5, short: 1.0, seed: 9, ..DiskFaults::default() }));
        for wrong in ["", "fsync", "fsync:2", "fsync:-1", "fsync:x", "smoke:0.1", "seed:x", "lie:NaN"] {
            assert!(wrong.parse::<DiskFaults>().is_err(), "{wrong}");
        }
    }
}

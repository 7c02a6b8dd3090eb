//! The disk of a node, byte by byte: the real format, torn and damaged, and read back by the real recovery.
//!
//! What a crash may leave, and what recovery must make of it: all that was synced, then a prefix of what was not, each
//! record as it was written; or a refusal. A wrong record must never come back.
//!
//! Beside the log is the note of how far it went when it was opened or replaced, so a log that is cut short before that is
//! refused. One damage is left out: a log cut short behind its note, where a record ends or in its last record. In the file it
//! looks like a crash that came a moment earlier, and `paxos-wal` says that it cannot tell; a disk that does that has broken
//! its word.

use std::ops::Range;

use paxos_wal::{Image, WalError};
use rand::{Rng, RngExt};
use rand_chacha::ChaCha8Rng;

use super::{Counts, DiskFaults, Kind, Storage, delay::per_mille};

/// The log of a node, and how much of it is stable.
#[derive(Clone, Debug)]
pub(super) struct Store {
    rules: Storage,
    image: Image,
    /// Where each record ends.
    ends: Vec<usize>,
    /// How many of them are synced.
    synced: usize,
    /// How many of them the note beside the log counts.
    noted: usize,
    /// What a broken rule lets the node believe, and is not so.
    belief: Belief,
}

/// What a node takes to be stable that is not.
#[derive(Clone, Debug, Default)]
struct Belief {
    /// Bytes whose sync has failed.
    unwritten: Vec<Range<usize>>,
    /// The log that has been replaced, and may come back.
    replaced: Option<Vec<u8>>,
    /// From which byte on the log was read from a cache.
    cached: Option<usize>,
}

/// What a restart finds.
#[derive(Debug)]
pub(super) enum Found {
    /// The log: what is in it, and how many of the records are some that were not synced.
    Log { kept: usize, records: Vec<Vec<u8>> },
    /// Damage. The node must not start.
    Refused,
    /// Something else than what was written.
    Wrong(String),
}

impl Store {
    /// An empty log, kept by these rules.
    pub(super) fn new(rules: Storage) -> Self {
        Self { rules, image: Image::new(), ends: Vec::new(), synced: 0, noted: 0, belief: Belief::default() }
    }

    pub(super) const fn rules(&self) -> Storage {
        self.rules
    }

    pub(super) fn append(&mut self, record: &[u8]) {
        self.image.append(record).expect("a record that was encoded is not too long");
        self.ends.push(self.image.bytes().len());
    }

    pub(super) fn synced(&mut self) {
        self.synced = self.ends.len();
        self.belief.cached = None;
    }

    /// The next sync fails, and will be believed.
    pub(super) fn fails(&mut self) {
        self.belief.unwritten.push(self.stable()..self.image.bytes().len());
    }

    /// Where that ends which the node takes to be stable.
    fn stable(&self) -> usize {
        self.end_of(self.synced)
    }

    /// Where so many records end.
    fn end_of(&self, records: usize) -> usize {
        records.checked_sub(1).map_or(Image::HEADER, |last| self.ends[last])
    }

    /// Whether it is time for a checkpoint.
    pub(super) fn is_long(&self) -> bool {
        LONG < self.image.bytes().len()
    }

    /// Replaces the log, as a checkpoint does.
    pub(super) fn replace(&mut self, records: &[Vec<u8>]) {
        let image = self.image.replaced(records.iter().map(Vec::as_slice)).expect("records of a log fit into a log");
        let old = (!self.rules.syncs_the_directory).then(|| self.image.bytes()[..self.stable()].to_vec());
        self.put_in_place(image, records);
        self.belief.replaced = old;
    }

    fn put_in_place(&mut self, image: Image, records: &[Vec<u8>]) {
        self.image = image;
        let mut end = Image::HEADER;
        self.ends.clear();
        for record in records {
            end += Image::RECORD_HEADER + record.len();
            self.ends.push(end);
        }
        debug_assert_eq!(end, self.image.bytes().len(), "every record is where it is thought to be");
        self.noted = self.ends.len();
        self.synced();
        self.belief = Belief::default();
    }

    /// The node has crashed: what is on its disk now, and what the real recovery makes of that.
    pub(super) fn crash(
        &mut self,
        faults: DiskFaults,
        may_be_refused: bool,
        dice: &mut ChaCha8Rng,
        counts: &mut Counts,
    ) -> Found {
        let bytes = self.left_by_crash(faults, may_be_refused, dice, counts);
        let (image, records) = match (self.rules.reopen)(&self.image, bytes) {
            Ok((image, recovered)) => (image, recovered.records),
            Err(WalError::Corrupt { .. } | WalError::Version { .. }) if may_be_refused => return Found::Refused,
            Err(error) => return Found::Wrong(format!("a crash alone is refused: {error}")),
        };
        if records.len() < self.synced || self.ends.len() < records.len() {
            let (found, synced, all) = (records.len(), self.synced, self.ends.len());
            return Found::Wrong(format!("{found} records, of {all} written and {synced} synced"));
        }
        if let Some(wrong) = records.iter().enumerate().position(|(position, record)| self.record(position) != *record)
        {
            return Found::Wrong(format!("record {wrong} is not as it was written"));
        }
        let kept = records.len() - self.synced;
        let cached = (0 < kept && !self.rules.writes_anew).then_some(self.synced);
        if 0 < kept {
            counts.add(Kind::Kept);
        }
        counts.add(Kind::Recovered);
        self.put_in_place(image, &records);
        self.belief.cached = cached.map(|records| self.end_of(records));
        Found::Log { kept, records }
    }

    fn record(&self, position: usize) -> &[u8] {
        &self.image.bytes()[self.end_of(position) + Image::RECORD_HEADER..self.ends[position]]
    }

    fn left_by_crash(
        &self,
        faults: DiskFaults,
        may_be_refused: bool,
        dice: &mut ChaCha8Rng,
        counts: &mut Counts,
    ) -> Vec<u8> {
        let (stable, mut bytes) = (self.stable(), self.image.bytes().to_vec());
        if bytes.len() == stable || !(faults.torn || faults.zeros || faults.holes) {
            bytes.truncate(stable);
        } else {
            let cut = dice.random_range(stable..=bytes.len());
            match dice.random_range(0..4) {
                // All of it is gone, or all of it is there.
                0 => bytes.truncate(stable),
                1 => {}
                2 if faults.zeros => {
                    // The length reached the disk, and from a record on the blocks did not.
                    let from = self.ends[self.synced..].iter().copied().filter(|end| *end <= cut).max();
                    bytes[from.unwrap_or(stable)..].fill(0);
                    counts.add(Kind::Zeroed);
                }
                3 if faults.holes && may_be_refused => {
                    let end = dice.random_range(cut..=bytes.len());
                    bytes[cut..end].fill(0);
                    counts.add(Kind::Hole);
                }
                _ if faults.torn => {
                    bytes.truncate(cut);
                    counts.add(Kind::Torn);
                }
                _ => bytes.truncate(stable),
            }
        }
        if may_be_refused && per_mille(dice, faults.damage) {
            damage(&mut bytes, stable, self.end_of(self.noted), dice, counts);
        }
        self.disabuse(&mut bytes, dice);
        bytes
    }

    /// Takes away what was believed without reason. Where no rule is broken there is no such thing, and no dice are thrown.
    fn disabuse(&self, bytes: &mut Vec<u8>, dice: &mut ChaCha8Rng) {
        let Belief { unwritten, replaced, cached } = &self.belief;
        for range in unwritten {
            let end = range.end.min(bytes.len());
            bytes[range.start.min(end)..end].fill(0);
        }
        if let Some(old) = replaced.as_ref().filter(|_| dice.random_bool(0.5)) {
            bytes.clone_from(old);
        }
        if let Some(from) = cached.filter(|_| dice.random_bool(0.5)) {
            bytes.truncate(from);
        }
    }
}

/// Changes what was synced, all of it below `stable`; what is below `noted` is missed when it is gone.
fn damage(bytes: &mut Vec<u8>, stable: usize, noted: usize, dice: &mut ChaCha8Rng, counts: &mut Counts) {
    match dice.random_range(0..5) {
        // One throw for both: to nothing but a few bytes, or somewhere before the note.
        0 => match dice.random_range(0..Image::HEADER) {
            part if part % 2 == 1 && Image::HEADER < noted => {
                bytes.truncate(Image::HEADER + (noted - Image::HEADER) * part / Image::HEADER);
                counts.add(Kind::CutShort);
            }
            part => {
                bytes.truncate(part);
                counts.add(Kind::Truncated);
            }
        },
        1 if Image::HEADER + BLOCK < stable => {
            // A block of this log over another. It must reach into what was synced, and may reach no further.
            let to = dice.random_range(Image::HEADER..stable - BLOCK);
            let from = dice.random_range(0..stable - BLOCK);
            bytes.copy_within(from..from + BLOCK, to);
            counts.add(Kind::Misdirected);
        }
        _ => {
            let at = dice.random_range(0..stable);
            bytes[at] ^= 1 << (dice.next_u32() % 8);
            counts.add(Kind::Flipped);
        }
    }
}

/// A log of so many bytes gets a checkpoint.
const LONG: usize = 4 << 10;

/// What a disk writes at once: small, as the logs here are.
const BLOCK: usize = 64;

#[cfg(test)]
mod tests {
    use rand::SeedableRng;

    use super::*;

    const EVERYTHING: DiskFaults = DiskFaults { torn: true, zeros: true, holes: true, damage: 500 };

    fn store(synced: u8, unsynced: u8) -> Store {
        let mut store = Store::new(Storage::SOUND);
        (0..synced).for_each(|number| store.append(&[number; 7]));
        store.synced();
        (synced..synced + unsynced).for_each(|number| store.append(&[number; 9]));
        store
    }

    #[test]
    fn a_crash_alone_never_costs_what_was_synced_and_may_keep_what_was_not() {
        let (mut dice, mut counts, mut kept_so_many) = (ChaCha8Rng::seed_from_u64(1), Counts::new(), [0; 4]);
        for _ in 0..2_000 {
            let mut store = store(5, 3);
            match store.crash(EVERYTHING, false, &mut dice, &mut counts) {
                Found::Log { kept, records } => {
                    assert_eq!(records.len(), 5 + kept);
                    kept_so_many[kept] += 1;
                }
                other => panic!("{other:?}"),
            }
        }
        assert!(kept_so_many.iter().all(|times| 0 < *times), "{kept_so_many:?}");
        assert!(0 < counts.of(Kind::Torn) && 0 < counts.of(Kind::Zeroed) && counts.of(Kind::Hole) == 0, "{counts:?}");
    }

    #[test]
    fn damage_is_refused_or_did_not_matter() {
        let (mut dice, mut counts, mut refused) = (ChaCha8Rng::seed_from_u64(2), Counts::new(), 0);
        for _ in 0..5_000 {
            let mut store = store(5, 3);
            // Some of them are counted by a note, since the log was replaced.
            store.replace(&[vec![8; 7], vec![9; 7]]);
            (0..3).for_each(|number| store.append(&[number; 7]));
            store.synced();
            store.append(&[3; 9]);
            match store.crash(EVERYTHING, true, &mut dice, &mut counts) {
                Found::Log { .. } => {}
                Found::Refused => refused += 1,
                Found::Wrong(what) => panic!("{what}"),
            }
        }
        for kind in [Kind::Hole, Kind::Flipped, Kind::Misdirected, Kind::Truncated, Kind::CutShort] {
            assert!(0 < counts.of(kind), "{kind}");
        }
        assert!(1_000 < refused, "{refused}");
    }

    #[test]
    fn a_store_that_gives_back_something_else_is_found_out() {
        let (mut dice, mut counts) = (ChaCha8Rng::seed_from_u64(3), Counts::new());
        let mut other = store(5, 0);
        other.image = store(4, 0).image;
        let crashed = |mut store: Store, dice: &mut ChaCha8Rng, counts: &mut Counts| {
            store.crash(DiskFaults::default(), false, dice, counts)
        };
        // It was thought to have five records, and has four.
        other.ends.truncate(4);
        other.ends.push(other.image.bytes().len());
        assert!(matches!(crashed(other, &mut dice, &mut counts), Found::Wrong(_)));
    }

    /// Whether something else than what was written comes back, in a store that is kept by these rules, on a disk that may be
    /// damaged or not.
    fn is_wrong(rules: Storage, damage: bool) -> bool {
        let mut dice = ChaCha8Rng::seed_from_u64(4);
        let mut counts = Counts::new();
        (0..200).any(|_| {
            let mut store = Store { rules, ..store(3, 2) };
            for turn in 0..12 {
                store.append(&[turn; 5]);
                match dice.random_range(0..4) {
                    0 if !rules.ends_with_its_disk => {
                        store.fails();
                        store.synced();
                    }
                    0 | 1 => store.synced(),
                    2 => store.replace(&[vec![turn; 6], vec![turn; 7]]),
                    _ if matches!(store.crash(EVERYTHING, damage, &mut dice, &mut counts), Found::Wrong(_)) => {
                        return true;
                    }
                    _ => {}
                }
            }
            false
        })
    }

    #[test]
    fn a_store_with_a_broken_rule_is_found_out() {
        let sound = Storage::SOUND;
        let cuts = |image: &Image, bytes: Vec<u8>| match image.reopened(bytes.clone()) {
            Err(WalError::Corrupt { offset, .. }) => Image::new().reopened(bytes[..offset as usize].to_vec()),
            other => other,
        };
        assert!(!is_wrong(sound, false) && !is_wrong(sound, true));
        for (broken, damage) in [
            (Storage { ends_with_its_disk: false, ..sound }, false),
            // Where damage may be, the note sees it: the log that comes back ends before it, and is refused.
            (Storage { syncs_the_directory: false, ..sound }, false),
            (Storage { writes_anew: false, ..sound }, false),
            (Storage { reopen: cuts, ..sound }, true),
        ] {
            assert!(is_wrong(broken, damage), "{broken:?}");
        }
    }
}

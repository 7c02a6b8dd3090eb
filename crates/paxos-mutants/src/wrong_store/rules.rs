//! The rules of stable storage, each as one function, right and wrong.

use paxos_messages::single::Record;

use super::files::{Files, Frame};
use crate::Mutant;

// ANCHOR: goes_on
/// Whether a driver goes on when a sync has failed. Right: it does not. Whether the records are stable is not known, and
/// asking again does not tell.
pub(super) fn goes_on(wrong: Option<Mutant>, files: &mut Files) -> bool {
    match wrong {
        Some(Mutant::D2) => true, // it is logged
        Some(Mutant::D2b) => {
            files.sync(false); // the second time it works
            true
        }
        _ => false,
    }
}
// ANCHOR_END: goes_on

// ANCHOR: syncs_the_directory
/// Whether the directory is synced when a new log has taken the place of the old one. Right: it is, a name is an entry in it.
pub(super) const fn syncs_the_directory(wrong: Option<Mutant>) -> bool {
    !matches!(wrong, Some(Mutant::D3))
}
// ANCHOR_END: syncs_the_directory

// ANCHOR: recover
/// The records of a log; `None` when it is damaged. Right: only what was never written may be missing, at the end.
pub(super) fn recover(wrong: Option<Mutant>, frames: &[Frame]) -> Option<Vec<Record<char>>> {
    let mut records = Vec::new();
    for (place, frame) in frames.iter().enumerate() {
        match frame {
            Frame::Whole(record) => records.push(record.clone()),
            Frame::Hole if frames[place..].iter().all(|frame| *frame == Frame::Hole) => break,
            Frame::Hole | Frame::Damaged if wrong == Some(Mutant::D1) => break, // a torn tail, probably
            Frame::Hole | Frame::Damaged => return None,
        }
    }
    Some(records)
}
// ANCHOR_END: recover

// ANCHOR: writes_anew
/// Whether what was read is written anew before it is believed. Right: it is; it may have come from the cache.
pub(super) const fn writes_anew(wrong: Option<Mutant>) -> bool {
    !matches!(wrong, Some(Mutant::D4))
}
// ANCHOR_END: writes_anew

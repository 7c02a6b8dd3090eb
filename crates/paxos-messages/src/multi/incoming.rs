//! A snapshot as it travels: cut into parts, and put together again.

use alloc::vec::Vec;

use super::SnapshotPart;
use crate::{Bytes, Slot};

/// The most bytes in a part of a snapshot.
pub const PART: usize = 64 << 10;
/// The most parts that are sent at once: whoever wants more says what it has.
pub const PARTS: usize = 8;
/// A snapshot that announces more bytes is refused: 1 GiB, which has to fit into memory twice.
const LARGEST: u64 = 1 << 30;

impl SnapshotPart {
    /// Cuts the snapshot `state` of all slots below `upto` into parts of at most `size` bytes, from `offset` on. An
    /// empty snapshot has one part, which is empty.
    ///
    /// # Panics
    ///
    /// When `size` is 0.
    pub fn cut(upto: Slot, state: &Bytes, offset: u64, size: usize) -> impl Iterator<Item = Self> {
        let total = state.len() as u64;
        let begin = usize::try_from(offset).map_or(state.len(), |offset| offset.min(state.len()));
        let rest = &state.as_slice()[begin..];
        let parts: Vec<&[u8]> = if rest.is_empty() { Vec::from([rest]) } else { rest.chunks(size).collect() };
        parts.into_iter().scan(begin as u64, move |offset, part| {
            let cut = Self { upto, total, offset: *offset, part: part.into() };
            *offset += part.len() as u64;
            Some(cut)
        })
    }
}

/// A snapshot that is being received, if one is: up to which slot, how many bytes in all, and those that have come.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct Incoming(Option<(Slot, u64, Vec<u8>)>);

impl Incoming {
    /// Nothing has come.
    #[must_use]
    pub const fn new() -> Self {
        Self(None)
    }

    /// Whether a snapshot of these bytes may travel at all.
    #[must_use]
    pub fn may_travel(state: &Bytes) -> bool {
        state.len() as u64 <= LARGEST
    }

    /// How much of which snapshot has come.
    #[must_use]
    pub fn partial(&self) -> Option<(Slot, u64)> {
        self.0.as_ref().map(|(upto, _, bytes)| (*upto, bytes.len() as u64))
    }

    /// All slots below `end` have come by other means: what was for fewer is of no use.
    pub fn forget_to(&mut self, end: Slot) {
        self.0.take_if(|(upto, ..)| *upto <= end);
    }

    /// Whether `part` goes on where the parts before it ended; it is taken then. The first part of another snapshot
    /// begins anew: whoever sends it does not have the one before, be it because it has a later one, or not yet. What is
    /// not taken leaves everything as it was, since there is no record of it.
    pub fn take(&mut self, part: &SnapshotPart) -> bool {
        if LARGEST < part.total {
            return false;
        }
        let known = self.0.as_ref().filter(|(upto, ..)| part.offset != 0 || *upto == part.upto);
        let (upto, total, received) =
            known.map_or((part.upto, part.total, 0), |(upto, total, bytes)| (*upto, *total, bytes.len() as u64));
        let room = total.checked_sub(received).is_some_and(|room| part.part.len() as u64 <= room);
        let goes_on = (upto, total, received) == (part.upto, part.total, part.offset) && room;
        if goes_on {
            if received == 0 {
                self.0 = Some((upto, total, Vec::new()));
            }
            let (.., bytes) = self.0.get_or_insert_with(|| (upto, total, Vec::new()));
            bytes.extend_from_slice(part.part.as_slice());
        }
        goes_on
    }

    /// The snapshot, if all of it has come: up to which slot it is, and the state. Then nothing is being received.
    pub fn complete(&mut self) -> Option<(Slot, Bytes)> {
        let (upto, _, bytes) = self.0.take_if(|(_, total, bytes)| bytes.len() as u64 == *total)?;
        Some((upto, bytes.into()))
    }

    /// What has come, in parts that are taken again one by one.
    pub fn parts(&self) -> impl Iterator<Item = SnapshotPart> {
        self.0.iter().flat_map(|(upto, total, bytes)| {
            let came: Vec<_> = SnapshotPart::cut(*upto, &Bytes::from(bytes.as_slice()), 0, PART).collect();
            came.into_iter().map(|part| SnapshotPart { total: *total, ..part })
        })
    }
}

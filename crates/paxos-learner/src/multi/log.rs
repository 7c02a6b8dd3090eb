//! What a learner has learned: the values it keeps, and the snapshot that stands for those before them.
//!
//! A slot may be forgotten when a snapshot of the application covers it. It is *kept* for a while all the same, for
//! those who have not learned it: until all members have, or until more than `retain` such slots are kept. Whoever
//! comes later gets the snapshot. (To forget a slot as soon as one has executed it oneself is the mistake M21.)

use alloc::{collections::VecDeque, vec::Vec};

use paxos_messages::{
    Bytes, Slot,
    multi::{Effects, Entry, Incoming, Message, Output, PART, PARTS, Record, SnapshotPart},
};
use paxos_process::{NodeSet, Value};

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub(super) struct Log<V> {
    /// The slot of the first of `values`.
    first: Slot,
    values: VecDeque<Entry<V>>,
    /// The state after all slots below its own. It reaches at least to `first`, where that is not 0.
    snapshot: Option<(Slot, Bytes)>,
    /// All members have learned all slots below.
    everywhere: Slot,
    retain: u64,
    /// A snapshot that is being received.
    incoming: Incoming,
    /// The slot after the last of `values`.
    end: Slot,
}

impl<V: Value> Log<V> {
    pub(super) const fn new(retain: u64) -> Self {
        Self {
            first: Slot(0),
            values: VecDeque::new(),
            snapshot: None,
            everywhere: Slot(0),
            retain,
            incoming: Incoming::new(),
            end: Slot(0),
        }
    }

    pub(super) const fn first(&self) -> Slot {
        self.first
    }

    pub(super) const fn end(&self) -> Slot {
        self.end
    }

    pub(super) fn value(&self, slot: Slot) -> Option<&Entry<V>> {
        self.values.get(usize::try_from(slot.0.checked_sub(self.first.0)?).ok()?)
    }

    pub(super) fn push(&mut self, value: Entry<V>) {
        self.values.push_back(value);
        self.end = self.end.next();
        self.incoming.forget_to(self.end); // it has come too late to be of use
    }

    /// Tells the application everything from the snapshot on.
    pub(super) fn tell(&self, out: &mut Effects<V>) {
        if let Some((upto, state)) = &self.snapshot {
            out.emit(Output::Installed { upto: *upto, state: state.clone() });
        }
        let told = (self.covered().0..self.end.0).map(Slot);
        out.outputs.extend(told.filter_map(|slot| Some(Output::Chosen { slot, value: self.value(slot)?.clone() })));
    }

    /// All slots below are in the snapshot.
    fn covered(&self) -> Slot {
        self.snapshot.as_ref().map_or(Slot(0), |(upto, _)| *upto)
    }

    pub(super) fn compact(&mut self, upto: Slot, state: Bytes) {
        if self.covered() < upto && Incoming::may_travel(&state) {
            self.snapshot = Some((upto, state));
            self.truncate();
        }
    }

    pub(super) fn everywhere(&mut self, slot: Slot) {
        if self.everywhere < slot {
            self.everywhere = slot;
            self.truncate();
        }
    }

    // ANCHOR: truncate
    /// Forgets what the snapshot covers and nobody needs, or too much of it.
    fn truncate(&mut self) {
        let covered = self.covered();
        let needed = self.everywhere.max(Slot(self.end.0.saturating_sub(self.retain)));
        while self.first < covered.min(needed) {
            self.values.pop_front();
            self.first = self.first.next();
        }
    }
    // ANCHOR_END: truncate

    // ANCHOR: page
    /// Answers a `Fetch`: values, or parts of the snapshot where the log begins later. A page has a limit; whoever
    /// wants more asks again.
    pub(super) fn page(&self, to: NodeSet, from: Slot, partial: Option<(Slot, u64)>, out: &mut Effects<V>) {
        if let Some((upto, state)) = self.snapshot.as_ref().filter(|_| from < self.first) {
            let offset = partial.map_or(0, |(of, bytes)| if of == *upto { bytes } else { 0 });
            for part in SnapshotPart::cut(*upto, state, offset, PART).take(PARTS) {
                out.send(to, Message::Snapshot(part));
            }
            return;
        }
        for slot in (from.0..self.end.0.min(from.0.saturating_add(PAGE))).map(Slot) {
            if let Some(value) = self.value(slot) {
                out.send(to, Message::Learn { slot, value: value.clone() });
            }
        }
    }
    // ANCHOR_END: page

    /// How much of which snapshot has been received.
    pub(super) fn partial(&self) -> Option<(Slot, u64)> {
        self.incoming.partial()
    }

    /// Whether `part` is of use, and goes on where the parts before it ended; it is taken then.
    pub(super) fn take(&mut self, part: &SnapshotPart) -> bool {
        self.end < part.upto && self.incoming.take(part)
    }

    /// Takes the received snapshot, if it is complete, in the place of everything before it.
    pub(super) fn install(&mut self) -> bool {
        let Some((upto, state)) = self.incoming.complete() else { return false };
        self.snapshot = Some((upto, state));
        (self.first, self.end) = (upto, upto);
        self.values.clear();
        true
    }

    /// Also what has come of a snapshot that is being received: the records of its other parts go on from there.
    pub(super) fn checkpoint(&self) -> Vec<Record<V>> {
        let snapshot = self.snapshot.iter();
        let parts = snapshot.flat_map(|(upto, state)| SnapshotPart::cut(*upto, state, 0, PART));
        let values = (self.covered().0..self.end.0)
            .map(Slot)
            .filter_map(|slot| Some(Record::Learned(slot, self.value(slot)?.clone())));
        let partial = self.incoming.parts().map(Record::Snapshot);
        parts.map(Record::Snapshot).chain(values).chain(partial).collect()
    }
}

/// The most slots that one `Fetch` is answered with: as many as are under way by default, so that who fetches page by page
/// keeps up.
pub const PAGE: u64 = 64;

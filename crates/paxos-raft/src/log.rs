//! The log: entries with the terms they were appended in, and the snapshot that stands for those before them.

use alloc::{collections::VecDeque, vec::Vec};

use paxos_messages::{
    Bytes, Slot,
    multi::{Entry, Incoming, Output, PART, PARTS, SnapshotPart},
};
use paxos_process::{NodeSet, Value};

use crate::{Effects, Message, Position, Record, Term};

/// The log of one node. It has no holes, unlike that of Multi-Paxos, and its end may be cut off, which that of Multi-Paxos
/// may not.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct Log<V> {
    /// What the first of `entries` stands behind.
    before: Position,
    entries: VecDeque<(Term, Entry<V>)>,
    /// The state after all slots below its position. It reaches at least to `before`, where that is not the origin.
    snapshot: Option<(Position, Bytes)>,
    /// All members have all slots below.
    everywhere: Slot,
    retain: u64,
    /// A snapshot that is being received.
    incoming: Incoming,
}

impl<V: Value> Log<V> {
    /// An empty log that keeps at most `retain` slots that a snapshot covers, for members that lack them.
    #[must_use]
    pub const fn new(retain: u64) -> Self {
        Self {
            before: Position::ORIGIN,
            entries: VecDeque::new(),
            snapshot: None,
            everywhere: Slot(0),
            retain,
            incoming: Incoming::new(),
        }
    }

    /// The first slot whose entry it still has.
    #[must_use]
    pub const fn first(&self) -> Slot {
        self.before.end
    }

    /// The slot after the last.
    #[must_use]
    pub fn end(&self) -> Slot {
        Slot(self.before.end.0 + self.entries.len() as u64)
    }

    /// Where it ends: what is compared when votes are asked for.
    #[must_use]
    pub fn last(&self) -> Position {
        let term = self.entries.back().map_or(self.before.term, |(term, _)| *term);
        Position { term, end: self.end() }
    }

    /// The entry in a slot, with its term, while there is one.
    #[must_use]
    pub fn entry(&self, slot: Slot) -> Option<&(Term, Entry<V>)> {
        self.entries.get(usize::try_from(slot.0.checked_sub(self.before.end.0)?).ok()?)
    }

    /// The position in front of slot `end`, unless it is beyond the log, or forgotten.
    #[must_use]
    pub fn position(&self, end: Slot) -> Option<Position> {
        if end == self.before.end {
            return Some(self.before);
        }
        let (term, _) = self.entry(Slot(end.0.checked_sub(1)?))?;
        Some(Position { term: *term, end })
    }

    // ANCHOR: meet
    /// How far this log and one that has `there` may agree: the longest prefix that ends with no higher a term, and no
    /// later. One step goes back over a whole term that the other does not have, or has less of (§5.3). It may be a slot
    /// before the first: then a snapshot has to help.
    #[must_use]
    pub fn meet(&self, there: Position) -> Slot {
        let mut end = there.end.min(self.end());
        while self.position(end).is_some_and(|here| there.term < here.term) {
            end = Slot(end.0 - 1); // the origin has the lowest term
        }
        end
    }
    // ANCHOR_END: meet

    /// Puts an entry into a slot, and cuts off what was there and behind it.
    ///
    /// # Panics
    ///
    /// When it would leave a hole, or the slot is forgotten already.
    pub fn write(&mut self, slot: Slot, term: Term, entry: Entry<V>) {
        assert!(self.first() <= slot && slot <= self.end(), "{slot} is not in {}..={}", self.first(), self.end());
        self.entries.truncate(usize::try_from(slot.0 - self.before.end.0).unwrap_or(usize::MAX));
        self.entries.push_back((term, entry));
    }

    /// Tells the application the snapshot, if there is one, and says up to which slot it now knows everything.
    pub fn tell(&self, out: &mut Effects<V>) -> Slot {
        if let Some((Position { end, .. }, state)) = &self.snapshot {
            out.emit(Output::Installed { upto: *end, state: state.clone() });
        }
        self.covered()
    }

    /// All slots below are in the snapshot.
    #[must_use]
    pub fn covered(&self) -> Slot {
        self.snapshot.as_ref().map_or(Slot(0), |(position, _)| position.end)
    }

    // ANCHOR: compact
    /// The application's state after all slots below `upto`, which are chosen, is `state`.
    pub fn compact(&mut self, upto: Slot, state: Bytes) {
        if let (true, Some(position)) = (self.covered() < upto && Incoming::may_travel(&state), self.position(upto)) {
            self.snapshot = Some((position, state));
            self.incoming.forget_to(upto);
            self.truncate();
        }
    }

    /// All members have all slots below.
    pub fn everywhere(&mut self, slot: Slot) {
        if self.everywhere < slot {
            self.everywhere = slot;
            self.truncate();
        }
    }

    /// Forgets what the snapshot covers and nobody needs, or too much of it.
    fn truncate(&mut self) {
        let needed = self.everywhere.max(Slot(self.end().0.saturating_sub(self.retain)));
        while self.before.end < self.covered().min(needed)
            && let Some((term, _)) = self.entries.pop_front()
        {
            self.before = Position { term, end: self.before.end.next() };
        }
    }
    // ANCHOR_END: compact

    /// Sends parts of the snapshot, from byte `offset` on, if there is one.
    pub fn send_snapshot(&self, to: NodeSet, term: Term, offset: u64, out: &mut Effects<V>) {
        if let Some((Position { term: last, end }, state)) = &self.snapshot {
            for part in SnapshotPart::cut(*end, state, offset, PART).take(PARTS) {
                out.send(to, Message::InstallSnapshot { term, last: *last, part });
            }
        }
    }

    /// How much of which snapshot has been received.
    #[must_use]
    pub fn partial(&self) -> Option<(Slot, u64)> {
        self.incoming.partial()
    }

    /// Takes a part of a snapshot, if it goes on where the parts before it ended.
    pub fn take(&mut self, part: &SnapshotPart) -> bool {
        self.incoming.take(part)
    }

    // ANCHOR: install
    /// Takes the received snapshot, if it is complete, in the place of everything before it. What the log has behind it is
    /// kept, when it is behind the same entry (Figure 13, step 6). Says up to which slot the snapshot is.
    pub fn install(&mut self, last: Term) -> Option<Slot> {
        let (upto, state) = self.incoming.complete()?;
        let position = Position { term: last, end: upto };
        if self.position(upto) == Some(position) {
            self.snapshot = Some((position, state));
            self.truncate();
        } else {
            (self.before, self.snapshot) = (position, Some((position, state)));
            self.entries.clear();
        }
        Some(upto)
    }
    // ANCHOR_END: install

    /// The records that replay to this log, but for the slots that the snapshot covers; and what has come of a snapshot.
    pub fn checkpoint(&self) -> Vec<Record<V>> {
        let snapshot = self.snapshot.iter();
        let parts = snapshot.flat_map(|(position, state)| {
            SnapshotPart::cut(position.end, state, 0, PART).map(|part| Record::Snapshot(position.term, part))
        });
        let slots = (self.covered().0..self.end().0).map(Slot);
        let entries =
            slots.filter_map(|slot| self.entry(slot).map(|(term, entry)| Record::Appended(slot, *term, entry.clone())));
        // The term is that of whoever sends the last part; no part that has come was the last.
        let partial = self.incoming.parts().map(|part| Record::Snapshot(Term(0), part));
        parts.chain(entries).chain(partial).collect()
    }
}

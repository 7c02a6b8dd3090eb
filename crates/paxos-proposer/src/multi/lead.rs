//! What an elected proposer has to do, and has under way.

use paxos_messages::{
    Ballot, Slot, Slots,
    multi::{Effects, Entry, Message},
};
use paxos_process::{NodeSet, Value};

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub(super) struct Lead<V> {
    elected_by: NodeSet,
    /// All slots below are chosen: one of those who elected it knows them.
    chosen: Slot,
    /// What may have been chosen in lower ballots, and is not proposed again yet.
    recovered: Slots<Entry<V>>,
    /// The first slot after those.
    serves_from: Slot,
    /// The next slot to propose in.
    next: Slot,
    /// Proposed, and not known here to be chosen.
    proposed: Slots<Entry<V>>,
    /// What was proposed below this slot has been under way since before the last heartbeat.
    stale: Slot,
}

/// What the proposer says with each proposal, and to whom.
#[derive(Clone, Copy)]
pub(super) struct Terms {
    pub(super) ballot: Ballot,
    /// All slots below are known here to be chosen.
    pub(super) chosen: Slot,
    /// How many slots from there on may be under way.
    pub(super) window: u64,
    pub(super) to: NodeSet,
}

impl<V: Value> Lead<V> {
    /// Nothing is under way. All of `recovered` is from slot `chosen` on; all slots below that are chosen.
    pub(super) fn new(elected_by: NodeSet, recovered: Slots<Entry<V>>, chosen: Slot) -> Self {
        let serves_from = recovered.last().map_or(chosen, |(slot, _)| Slot(slot.0.saturating_add(1)));
        Self { elected_by, chosen, recovered, serves_from, next: chosen, proposed: Slots::new(), stale: Slot(0) }
    }

    pub(super) const fn elected_by(&self) -> NodeSet {
        self.elected_by
    }

    pub(super) const fn known_chosen(&self) -> Slot {
        self.chosen
    }

    pub(super) const fn serves_from(&self) -> Slot {
        self.serves_from
    }

    /// All slots below `slot` are known here to be chosen.
    pub(super) fn learned(&mut self, slot: Slot) {
        self.recovered.forget_below(slot);
        self.proposed.forget_below(slot);
        self.next = self.next.max(slot);
    }

    // ANCHOR: recovered
    /// Proposes again what may have been chosen, as far as the window allows; and in a gap, where nobody has reported
    /// a vote, a no-op (*Paxos Made Simple*, §3), so that what comes after it can be learned.
    pub(super) fn recover(&mut self, terms: &Terms, out: &mut Effects<V>) {
        while self.next < self.serves_from && self.has_room(terms) {
            let reported = self.recovered.first().is_some_and(|(slot, _)| slot == self.next);
            let value = if reported { self.recovered.pop_first() } else { None };
            self.propose(value.map_or(Entry::Noop, |(_, value)| value), terms, out);
        }
    }
    // ANCHOR_END: recovered

    fn has_room(&self, terms: &Terms) -> bool {
        self.next.0 < terms.chosen.0.saturating_add(terms.window)
    }

    /// Whether the next slot may take a command: everything recovered is chosen, and the window has room.
    pub(super) fn serves(&self, terms: &Terms) -> bool {
        self.serves_from <= terms.chosen && self.has_room(terms)
    }

    // ANCHOR: propose
    /// Phase 2a, in the next slot.
    pub(super) fn propose(&mut self, value: Entry<V>, terms: &Terms, out: &mut Effects<V>) {
        let (slot, Terms { ballot, chosen, to, .. }) = (self.next, *terms);
        self.next = slot.next();
        self.proposed.insert(slot, value.clone());
        out.send(to, Message::Accept { ballot, slot, value, chosen });
    }
    // ANCHOR_END: propose

    // ANCHOR: again
    /// Says again what has been under way since before the last heartbeat.
    pub(super) fn again(&mut self, terms: &Terms, out: &mut Effects<V>) {
        let Terms { ballot, chosen, to, .. } = *terms;
        for (slot, value) in self.proposed.iter().take_while(|(slot, _)| *slot < self.stale).take(AGAIN) {
            out.send(to, Message::Accept { ballot, slot, value: value.clone(), chosen });
        }
        self.stale = self.next;
    }
    // ANCHOR_END: again
}

/// The most proposals that are said again at one heartbeat.
pub(super) const AGAIN: usize = 16;

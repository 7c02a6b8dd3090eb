//! What an elected proposer has to do, has under way, and says.

use paxos_messages::{
    Ballot, Slot, Slots,
    multi::{Effects, Entry, Message, Output, Refusal},
};
use paxos_process::{NodeSet, Value};

use super::{Proposer, Stage};

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
        let serves_from = recovered.last().map_or(chosen, |(slot, _)| slot.next());
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

    pub(super) fn proposed(&self, slot: Slot) -> Option<&Entry<V>> {
        self.proposed.get(slot)
    }

    // ANCHOR: overtaken
    /// All slots below `slot` are known here to be chosen. Whether just that is chosen there which was proposed here: if
    /// not, a higher ballot has overtaken this one.
    pub(super) fn learned<'a>(&mut self, slot: Slot, chosen: impl Fn(Slot) -> Option<&'a Entry<V>>) -> bool
    where
        V: 'a,
    {
        self.recovered.forget_below(slot);
        self.next = self.next.max(slot);
        let below = self.proposed.iter().take_while(|(proposed, _)| *proposed < slot);
        let stands = { below }.all(|(slot, value)| chosen(slot) == Some(value));
        self.proposed.forget_below(slot);
        stands
    }
    // ANCHOR_END: overtaken

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
    /// Says again what has been under way since before the last heartbeat, to those who have not voted for it.
    pub(super) fn again(&mut self, voted: impl Fn(Slot) -> NodeSet, terms: &Terms, out: &mut Effects<V>) {
        let Terms { ballot, chosen, to, .. } = *terms;
        for (slot, value) in self.proposed.iter().take_while(|(slot, _)| *slot < self.stale).take(AGAIN) {
            let voted = voted(slot);
            let missing: NodeSet = to.iter().filter(|acceptor| !voted.contains(*acceptor)).collect();
            if !missing.is_empty() {
                out.send(missing, Message::Accept { ballot, slot, value: value.clone(), chosen });
            }
        }
        self.stale = self.next;
    }
    // ANCHOR_END: again
}

/// What a proposer does once it leads.
impl<V: Value> Proposer<V> {
    // ANCHOR: learned
    /// All slots below `slot` are known here to be chosen, so there is room in the window; `chosen` says what is, in
    /// slots where that is still known.
    ///
    /// A leader that has proposed anything else stops, before it says a word more. It has been overtaken by a higher
    /// ballot, and when it says in its own that a slot is chosen, others take that for what it has proposed there.
    pub fn learned<'a>(&mut self, slot: Slot, chosen: impl Fn(Slot) -> Option<&'a Entry<V>>, out: &mut Effects<V>)
    where
        V: 'a,
    {
        self.chosen = slot;
        if let (Some(terms), Stage::Leading(lead)) = (self.terms(), &mut self.stage) {
            if !lead.learned(slot, chosen) {
                return self.stop();
            }
            lead.recover(&terms, out);
        }
    }
    // ANCHOR_END: learned

    /// A command takes the next slot, after everything recovered, while the window has room.
    pub(super) fn request(&mut self, value: V, out: &mut Effects<V>) {
        let (Some(terms), Stage::Leading(lead)) = (self.terms(), &mut self.stage) else {
            return out.emit(Output::Refused { value, why: Refusal::NotLeader(None) });
        };
        if lead.serves(&terms) {
            lead.propose(Entry::Command(value), &terms, out);
        } else {
            out.emit(Output::Refused { value, why: Refusal::Busy });
        }
    }

    /// The network loses things: what has been under way for long is said again to those who have not voted for it, as far as
    /// `voted` knows.
    pub fn again(&mut self, voted: impl Fn(Slot) -> NodeSet, out: &mut Effects<V>) {
        if let (Some(terms), Stage::Leading(lead)) = (self.terms(), &mut self.stage) {
            lead.again(voted, &terms, out);
        }
    }

    /// What it says with each proposal, once it has opened a ballot.
    fn terms(&self) -> Option<Terms> {
        let (chosen, window, to) = (self.chosen, self.window, self.quorums.members());
        self.opened.map(|ballot| Terms { ballot, chosen, window, to })
    }
}

/// The most proposals that are said again at one heartbeat.
pub(super) const AGAIN: usize = 16;

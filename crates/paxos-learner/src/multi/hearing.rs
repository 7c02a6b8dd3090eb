//! What has been heard of the slots that are not learned: what was proposed there, who has voted for it, and how far
//! the leader says that all is chosen.

use paxos_messages::{Ballot, Slot, Slots, multi::Entry};
use paxos_process::{NodeId, NodeSet, Value};
use paxos_quorums::Quorums;

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub(super) struct Hearing<V> {
    slots: Slots<Heard<V>>,
    /// The mark of the highest ballot: its leader says that all slots below are chosen.
    mark: Option<(Ballot, Slot)>,
}

/// What is known of one slot.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
struct Heard<V> {
    /// The highest ballot heard of in this slot.
    ballot: Ballot,
    /// Its value, once the proposal has been heard.
    value: Option<Entry<V>>,
    /// Who has voted in it.
    voters: NodeSet,
    /// Whether it is chosen.
    chosen: bool,
    /// Whether a record of this node holds the value, such as its acceptor's vote.
    recorded: bool,
}

impl<V: Value> Heard<V> {
    const fn of(ballot: Ballot) -> Self {
        Self { ballot, value: None, voters: NodeSet::EMPTY, chosen: false, recorded: false }
    }

    fn count(&mut self, quorums: &Quorums) {
        self.chosen |= self.value.is_some() && quorums.is_phase2(self.voters);
    }
}

impl<V: Value> Hearing<V> {
    pub(super) const fn new() -> Self {
        Self { slots: Slots::new(), mark: None }
    }

    // ANCHOR: mark
    /// The leader of `ballot` says that all slots below `upto` are chosen: where it has proposed something itself, just
    /// that, since it would have stopped if it had learned anything else.
    pub(super) fn mark(&mut self, ballot: Ballot, upto: Slot) {
        let seen = match self.mark {
            Some((leader, upto)) if leader == ballot => upto,
            Some((leader, _)) if ballot < leader => return, // the leader of a higher ballot says it better
            Some(_) | None => Slot(0),
        };
        if seen < upto {
            self.mark = Some((ballot, upto));
            for (_, heard) in self.slots.range_mut(seen..upto) {
                heard.chosen |= heard.ballot == ballot && heard.value.is_some();
            }
        }
    }
    // ANCHOR_END: mark

    /// This was proposed in a slot and ballot; `voted` when this node's acceptor has a record of it.
    pub(super) fn proposal(&mut self, slot: Slot, ballot: Ballot, value: Entry<V>, voted: bool, quorums: &Quorums) {
        let marked = self.mark.is_some_and(|(leader, upto)| slot < upto && leader == ballot);
        let heard = self.heard(slot, ballot);
        if !heard.chosen && heard.ballot == ballot {
            (heard.value, heard.recorded) = (Some(value), voted);
            heard.chosen = marked;
            heard.count(quorums);
        }
    }

    // ANCHOR: vote
    /// A vote counts in its slot and ballot, and the value is the one proposed there.
    pub(super) fn vote(&mut self, from: NodeId, slot: Slot, ballot: Ballot, quorums: &Quorums) {
        let heard = self.heard(slot, ballot);
        if heard.ballot == ballot {
            heard.voters.insert(from);
            heard.count(quorums);
        }
    }
    // ANCHOR_END: vote

    /// Who has voted in a slot and ballot.
    pub(super) fn voters(&self, slot: Slot, ballot: Option<Ballot>) -> NodeSet {
        self.slots.get(slot).filter(|heard| Some(heard.ballot) == ballot).map_or(NodeSet::EMPTY, |heard| heard.voters)
    }

    /// Somebody who has learned it says so.
    pub(super) fn told(&mut self, slot: Slot, value: Entry<V>) {
        let heard = self.heard(slot, NOBODY);
        if !heard.chosen {
            (heard.value, heard.chosen, heard.recorded) = (Some(value), true, false);
        }
    }

    /// What has been heard of a slot: of this ballot, unless of a higher one.
    fn heard(&mut self, slot: Slot, ballot: Ballot) -> &mut Heard<V> {
        let heard = self.slots.get_or_insert_with(slot, || Heard::of(ballot));
        if heard.ballot < ballot && !heard.chosen {
            *heard = Heard::of(ballot);
        }
        heard
    }

    /// What is chosen in `slot`, which is the lowest that is not learned, and whether there is a record of it. It is
    /// learned then, and kept here no longer.
    pub(super) fn take(&mut self, slot: Slot) -> Option<(Entry<V>, bool)> {
        self.slots.first().filter(|(first, heard)| *first == slot && heard.chosen)?;
        self.slots.pop_first().and_then(|(_, heard)| Some((heard.value?, heard.recorded)))
    }

    /// All slots below are learned by other means.
    pub(super) fn forget_below(&mut self, slot: Slot) {
        self.slots.forget_below(slot);
    }
}

/// Below every ballot of a proposer: what is told is chosen whatever the ballot was.
const NOBODY: Ballot = Ballot { round: 0, node: NodeId(0) };

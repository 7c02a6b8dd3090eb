//! An election over all slots at once: who has promised what so far.
//!
//! An acceptor's answer comes in pages, in any order. It is whole when its pages lead from the first slot asked about
//! to the end without a gap. Half an answer is none: a vote that may decide a slot could be on the missing page.

use alloc::collections::BTreeMap;

use paxos_messages::{
    Slot, Slots, Vote,
    multi::{Entry, Message, Until},
};
use paxos_process::{NodeId, NodeSet, Value};

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub(super) struct Election<V> {
    /// The first slot asked about.
    from: Slot,
    /// Who must have answered, beside a quorum.
    needed: NodeSet,
    /// For each acceptor, where each of its pages begins and ends, and what it says is chosen.
    answers: BTreeMap<NodeId, Answer>,
    /// In each slot, the vote of the highest ballot of each acceptor.
    reports: BTreeMap<(Slot, NodeId), Vote<Entry<V>>>,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
struct Answer {
    pages: BTreeMap<Slot, Until>,
    chosen: Option<Slot>,
    /// So far its pages lead without a gap; `None` when that is the end.
    gap: Option<Slot>,
}

impl Answer {
    const fn new(from: Slot) -> Self {
        Self { pages: BTreeMap::new(), chosen: None, gap: Some(from) }
    }

    /// Takes a page. False when it has come before.
    fn take(&mut self, from: Slot, until: Until) -> bool {
        let new = self.pages.insert(from, until) != Some(until);
        while let Some(gap) = self.gap {
            match self.pages.get(&gap) {
                Some(Until::End) => self.gap = None,
                Some(Until::Next(next) | Until::Ask(next)) if gap < *next => self.gap = Some(*next),
                Some(_) | None => break,
            }
        }
        new
    }
}

impl<V: Value> Election<V> {
    /// Nobody has answered yet.
    pub(super) const fn new(from: Slot, needed: NodeSet) -> Self {
        Self { from, needed, answers: BTreeMap::new(), reports: BTreeMap::new() }
    }

    pub(super) const fn needed(&self) -> NodeSet {
        self.needed
    }

    /// Takes one page of an answer; gives the slot from which the acceptor must be asked for the rest, if it must.
    pub(super) fn promise(&mut self, acceptor: NodeId, page: Message<V>) -> Option<Slot> {
        let Message::Promise { from, until, chosen, accepted, .. } = page else { return None };
        let answer = self.answers.entry(acceptor).or_insert_with(|| Answer::new(self.from));
        if !answer.take(from, until) {
            return None; // the network says things twice
        }
        answer.chosen = answer.chosen.max(Some(chosen));
        if let Some(vote) = accepted.filter(|_| from < Slot::END) {
            let reported = self.reports.entry((from, acceptor)).or_insert_with(|| vote.clone());
            // Votes are compared by the ballot they were cast in.
            if reported.ballot < vote.ballot {
                *reported = vote;
            }
        }
        match until {
            Until::Ask(rest) => Some(rest),
            Until::Next(_) | Until::End => None,
        }
    }

    /// The first slot of which an acceptor has said nothing yet; `None` when its answer is whole.
    pub(super) fn gap(&self, acceptor: NodeId) -> Option<Slot> {
        self.answers.get(&acceptor).map_or(Some(self.from), |answer| answer.gap)
    }

    /// The acceptors whose answer is whole.
    pub(super) fn complete(&self) -> NodeSet {
        self.answers.iter().filter(|(_, answer)| answer.gap.is_none()).map(|(acceptor, _)| *acceptor).collect()
    }

    // ANCHOR: outcome
    /// What must be proposed again, and the first slot for which anything may be.
    ///
    /// In each slot: "the value of the highest-numbered proposal among the responses" (*Paxos Made Simple*, §2.2).
    /// Between two of them may be slots for which there is none: the leader fills them. Slots that one of `quorum`
    /// knows to be chosen need nothing: they will be learned from it.
    pub(super) fn outcome(&self, quorum: NodeSet) -> (Slots<Entry<V>>, Slot) {
        let answers = self.answers.iter().filter(|(acceptor, _)| quorum.contains(**acceptor));
        let first = answers.filter_map(|(_, answer)| answer.chosen).max().map_or(self.from, |to| to.max(self.from));
        let mut highest = Slots::<&Vote<Entry<V>>>::new();
        for ((slot, acceptor), vote) in self.reports.range((first, NodeId(0))..) {
            if quorum.contains(*acceptor) && highest.get(*slot).is_none_or(|other| other.ballot < vote.ballot) {
                highest.insert(*slot, vote);
            }
        }
        let mut values = Slots::new();
        highest.into_iter().for_each(|(slot, vote)| values.insert(slot, vote.value.clone()));
        (values, first)
    }
    // ANCHOR_END: outcome
}

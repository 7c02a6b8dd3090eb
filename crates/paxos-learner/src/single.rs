//! The learner of a single decision.

use alloc::{collections::BTreeMap, vec::Vec};

use paxos_messages::{
    Vote,
    single::{Effects, Event, Message, Output, Record, Request, Timer},
};
use paxos_process::{NodeId, NodeSet, Process, Value};
use paxos_quorums::Quorums;

/// A learner: who voted for what, until it knows what was chosen.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct Learner<V> {
    id: NodeId,
    quorums: Quorums,
    /// The distinct acceptors behind each vote; empty once a value is learned.
    voters: BTreeMap<Vote<V>, NodeSet>,
    learned: Option<V>,
}

impl<V: Value> Learner<V> {
    /// The learner of node `id`: it counts by `quorums` and confirms to their other members.
    #[must_use]
    pub const fn new(id: NodeId, quorums: Quorums) -> Self {
        Self { id, quorums, voters: BTreeMap::new(), learned: None }
    }

    /// The chosen value, once it is known here.
    #[must_use]
    pub const fn learned(&self) -> Option<&V> {
        self.learned.as_ref()
    }

    // ANCHOR: vote
    /// "To learn that a value has been chosen, a learner must find out that a proposal has been accepted by a
    /// majority of acceptors" (§2.3): one proposal, so one ballot.
    fn vote(&mut self, from: NodeId, vote: Vote<V>, out: &mut Effects<V>) {
        let value = vote.value.clone();
        let voters = self.voters.entry(vote).or_default();
        voters.insert(from);
        if self.quorums.is_phase2(*voters) {
            let others = self.quorums.members().without(self.id);
            if !others.is_empty() {
                out.send(others, Message::Learn { value: value.clone() });
            }
            self.learn(value, out);
        }
    }
    // ANCHOR_END: vote

    /// # Panics
    ///
    /// When another value was learned before: two were chosen, and whoever goes on makes it worse.
    fn learn(&mut self, value: V, out: &mut Effects<V>) {
        match &self.learned {
            Some(learned) => assert!(*learned == value, "Agreement: learned {learned:?}, now told {value:?}"),
            None => {
                self.voters.clear();
                self.learned = Some(value.clone());
                out.emit(Output::Learned(value));
            }
        }
    }
}

impl<V: Value> Process for Learner<V> {
    type Message = Message<V>;
    type Record = Record<V>;
    type Timer = Timer;
    type Request = Request<V>;
    type Output = Output<V>;

    /// # Panics
    ///
    /// When a member confirms another value than the one learned: `Agreement` is broken.
    fn step(&mut self, event: Event<V>, out: &mut Effects<V>) {
        match event {
            Event::Receive { from, message } if self.quorums.members().contains(from) => match message {
                Message::Accepted { ballot, value } if self.learned.is_none() => {
                    self.vote(from, Vote { ballot, value }, out);
                }
                Message::Learn { value } => self.learn(value, out),
                Message::Accepted { .. }
                | Message::Prepare { .. }
                | Message::Promise { .. }
                | Message::Accept { .. }
                | Message::Refused { .. } => {}
            },
            // Whoever asks is told what is known; asking is also how a client hears it again.
            Event::Request(Request::Propose(_) | Request::Learn) => {
                out.outputs.extend(self.learned.clone().map(Output::Learned));
            }
            Event::Receive { .. } | Event::Start | Event::Timeout(Timer::Retry) => {}
        }
    }

    fn replay(&mut self, _: Record<V>) {} // it writes none

    fn checkpoint(&self) -> Vec<Record<V>> {
        Vec::new()
    }
}

#[cfg(test)]
mod tests;

//! The acceptor of a single decision.

use alloc::vec::Vec;

use paxos_messages::{
    Ballot, Memory, Phase, Slot, Vote,
    single::{Effects, Event, Message, Output, Record, Request, Timer},
};
use paxos_process::{NodeId, NodeSet, Process, Value};

// ANCHOR: acceptor
/// What an acceptor remembers: two facts, and all of the safety of Paxos.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Acceptor<V> {
    promised: Option<Ballot>,
    accepted: Option<Vote<V>>,
}
// ANCHOR_END: acceptor

impl<V: Value> Acceptor<V> {
    /// An acceptor that has promised nothing and voted for nothing. After a restart, replay its records first.
    #[must_use]
    pub const fn new() -> Self {
        Self { promised: None, accepted: None }
    }

    /// The highest ballot it has promised, by a promise or by a vote.
    #[must_use]
    pub const fn promised(&self) -> Option<Ballot> {
        self.promised
    }

    /// Its vote of the highest ballot.
    #[must_use]
    pub const fn accepted(&self) -> Option<&Vote<V>> {
        self.accepted.as_ref()
    }

    /// The same as a judge reads it.
    #[must_use]
    pub fn memory(&self) -> Memory<V> {
        let votes = self.accepted.iter().map(|vote| (Slot::ONLY, vote.clone())).collect();
        Memory { promised: self.promised, from: Slot::ONLY, votes }
    }

    // ANCHOR: prepare
    /// Phase 1b: "If an acceptor receives a prepare request with number n greater than that of any prepare request
    /// to which it has already responded, then it responds" (*Paxos Made Simple*, §2.2).
    fn prepare(&mut self, from: NodeId, ballot: Ballot, out: &mut Effects<V>) {
        if let Some(promised) = self.promised.filter(|promised| ballot < *promised) {
            return refuse(from, ballot, promised, Phase::Elect, out);
        }
        if self.promised == Some(ballot) {
            // The question has come twice. Once we have voted in this ballot its election is over, and the answer
            // would no longer be the one we gave: stay silent.
            if self.accepted.as_ref().is_some_and(|vote| vote.ballot == ballot) {
                return;
            }
        } else {
            self.promised = Some(ballot);
            out.persist(Record::Promised(ballot));
        }
        // Also the repeated promise waits for the disk: the record of the first one may still be unsynced.
        out.send_after_sync(NodeSet::only(from), Message::Promise { ballot, accepted: self.accepted.clone() });
    }
    // ANCHOR_END: prepare

    // ANCHOR: accept
    /// Phase 2b: "it accepts the proposal unless it has already responded to a prepare request having a number
    /// greater than n" (§2.2).
    fn accept(&mut self, from: NodeId, vote: Vote<V>, out: &mut Effects<V>) {
        if let Some(promised) = self.promised.filter(|promised| vote.ballot < *promised) {
            return refuse(from, vote.ballot, promised, Phase::Decide, out);
        }
        match &self.accepted {
            // Asked twice: the vote stands and is told again.
            Some(cast) if *cast == vote => {}
            // A ballot has one value. Who asks for a second one is no proposer of ours; the first vote stands.
            Some(cast) if cast.ballot == vote.ballot => return,
            Some(_) | None => {
                // Voting in a ballot promises it: `Phase2b` of Lamport's `Paxos.tla` sets maxBal and maxVBal.
                self.promised = Some(vote.ballot);
                self.accepted = Some(vote.clone());
                out.persist(Record::Accepted(vote.clone()));
            }
        }
        let Vote { ballot, value } = vote;
        out.send_after_sync(NodeSet::only(from), Message::Accepted { ballot, value });
    }
    // ANCHOR_END: accept

    fn check_invariants(&self) {
        debug_assert!(
            self.accepted.as_ref().is_none_or(|vote| Some(vote.ballot) <= self.promised),
            "PromisesOnlyGrow: voted above the promise in {self:?}"
        );
    }
}

// ANCHOR: refuse
/// §2.5: it is "a good idea" to tell a proposer that it has been outbid. It promises nothing, so it waits for nothing.
fn refuse<V>(from: NodeId, ballot: Ballot, promised: Ballot, phase: Phase, out: &mut Effects<V>) {
    out.send(NodeSet::only(from), Message::Refused { ballot, promised, phase });
}
// ANCHOR_END: refuse

impl<V: Value> Process for Acceptor<V> {
    type Message = Message<V>;
    type Record = Record<V>;
    type Timer = Timer;
    type Request = Request<V>;
    type Output = Output<V>;

    fn step(&mut self, event: Event<V>, out: &mut Effects<V>) {
        if let Event::Receive { from, message } = event {
            match message {
                Message::Prepare { ballot } => self.prepare(from, ballot, out),
                Message::Accept { ballot, value } => self.accept(from, Vote { ballot, value }, out),
                Message::Promise { .. }
                | Message::Accepted { .. }
                | Message::Refused { .. }
                | Message::Learn { .. } => {}
            }
        }
        self.check_invariants();
    }

    /// # Panics
    ///
    /// When a promise or a vote goes down: the log is not this acceptor's own, and going on would be amnesia.
    fn replay(&mut self, record: Record<V>) {
        match record {
            Record::Promised(ballot) => {
                assert!(self.promised < Some(ballot), "PromisesOnlyGrow: promised {ballot} after {:?}", self.promised);
                self.promised = Some(ballot);
            }
            Record::Accepted(vote) => {
                assert!(
                    self.promised <= Some(vote.ballot) && self.accepted.as_ref().is_none_or(|v| v.ballot < vote.ballot),
                    "PromisesOnlyGrow: voted in {} after {self:?}",
                    vote.ballot
                );
                self.promised = Some(vote.ballot);
                self.accepted = Some(vote);
            }
            Record::Round(_) => {} // the proposer's
        }
    }

    /// The vote, and the promise where it is higher.
    fn checkpoint(&self) -> Vec<Record<V>> {
        let vote = self.accepted.clone().map(Record::Accepted);
        let voted = self.accepted.as_ref().map(|vote| vote.ballot);
        let promise = self.promised.filter(|_| self.promised > voted).map(Record::Promised);
        vote.into_iter().chain(promise).collect()
    }
}

impl<V: Value> Default for Acceptor<V> {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests;

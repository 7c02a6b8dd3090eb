//! The acceptor of a log: one promise for all slots, and a vote in each.
//!
//! Read it as a diff against `single`. The rules of promising and voting are the same, word for word. New are three
//! things. A promise is for every slot at once, so its answer may be long and comes in pages. What is known to be
//! chosen needs no vote any more and is forgotten ([`forget_below`](Acceptor::forget_below)). And an acceptor can
//! have *lost* its memory: then it is mute until it is safe again ([`recall`](Acceptor::recall)).

mod pages;

use alloc::vec::Vec;

use paxos_messages::{
    Ballot, Memory, Phase, Slot, Slots, Vote,
    multi::{Effects, Entry, Event, Message, Output, Record, Request, Timer},
};
use paxos_process::{NodeId, NodeSet, Process, Value};

pub use self::pages::PAGE;

// ANCHOR: acceptor
/// What an acceptor of a log remembers.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct Acceptor<V> {
    /// The highest ballot promised: for every slot, also those that nobody has thought of yet.
    promised: Option<Ballot>,
    /// The highest ballot voted in. Who has voted in a ballot has seen the end of its election.
    voted: Option<Ballot>,
    /// All slots below are known to be chosen, and their votes forgotten.
    from: Slot,
    /// The highest vote in each slot from there on.
    votes: Slots<Vote<Entry<V>>>,
    /// It has lost its memory: whatever it says could break a promise, so it says nothing.
    mute: bool,
}
// ANCHOR_END: acceptor

impl<V: Value> Acceptor<V> {
    /// An acceptor that has promised nothing and voted for nothing. After a restart, replay its records first.
    #[must_use]
    pub const fn new() -> Self {
        Self { promised: None, voted: None, from: Slot(0), votes: Slots::new(), mute: false }
    }

    /// An acceptor that does not know what it has promised: it says nothing until it is told by
    /// [`recall`](Self::recall).
    #[must_use]
    pub const fn without_memory() -> Self {
        Self { promised: None, voted: None, from: Slot(0), votes: Slots::new(), mute: true }
    }

    /// The highest ballot it has promised, by a promise or by a vote.
    #[must_use]
    pub const fn promised(&self) -> Option<Ballot> {
        self.promised
    }

    /// Its vote of the highest ballot in a slot, unless that slot is known to be chosen.
    #[must_use]
    pub fn accepted(&self, slot: Slot) -> Option<&Vote<Entry<V>>> {
        self.votes.get(slot)
    }

    /// Whether it has lost its memory and says nothing.
    #[must_use]
    pub const fn is_mute(&self) -> bool {
        self.mute
    }

    /// The same as a judge reads it.
    #[must_use]
    pub fn memory(&self) -> Memory<Entry<V>> {
        let votes = self.votes.iter().map(|(slot, vote)| (slot, vote.clone())).collect();
        Memory { promised: self.promised, from: self.from, votes }
    }

    /// All slots below `slot` are known to be chosen: their votes have done their work. A proposer that asks is told
    /// so, which says more than a vote.
    pub fn forget_below(&mut self, slot: Slot) {
        self.from = self.from.max(slot);
        self.votes.forget_below(self.from);
    }

    // ANCHOR: recall
    /// Ends the silence after a loss of memory. `promised` is at least what this acceptor has ever promised, and all
    /// slots in which it may have voted are below `from`, and known here to be chosen.
    pub fn recall(&mut self, promised: Option<Ballot>, from: Slot, out: &mut Effects<V>) {
        if self.mute {
            out.persist(Record::Recalled(promised, from));
            self.replay(Record::Recalled(promised, from));
        }
    }
    // ANCHOR_END: recall

    // ANCHOR: prepare
    /// Phase 1b, for every slot from `first` on (*Paxos Made Simple*, §3: a new leader "executes phase 1 of
    /// infinitely many instances", and an acceptor answers with "a single reasonably short message").
    fn prepare(&mut self, from: NodeId, ballot: Ballot, first: Slot, out: &mut Effects<V>) {
        if let Some(promised) = self.promised.filter(|promised| ballot < *promised) {
            return refuse(from, ballot, promised, Phase::Elect, out);
        }
        if self.promised == Some(ballot) {
            if self.voted == Some(ballot) {
                return; // its election is over: the answer would no longer be the one we gave
            }
        } else {
            self.promised = Some(ballot);
            out.persist(Record::Promised(ballot));
        }
        // Also the repeated promise waits for the disk: the record of the first one may still be unsynced.
        pages::send(&self.votes, self.from, (NodeSet::only(from), ballot, first), out);
    }
    // ANCHOR_END: prepare

    // ANCHOR: accept
    /// Phase 2b, in one slot. Whether this acceptor has voted for just that, now or before.
    pub fn accept(&mut self, from: NodeId, slot: Slot, ballot: Ballot, value: &Entry<V>, out: &mut Effects<V>) -> bool {
        if self.mute || slot < self.from {
            return false; // it may say nothing; or the slot is chosen, and whoever asks will be told
        }
        if let Some(promised) = self.promised.filter(|promised| ballot < *promised) {
            refuse(from, ballot, promised, Phase::Decide, out);
            return false;
        }
        match self.votes.get(slot) {
            // Asked twice: the vote stands and is told again.
            Some(cast) if cast.ballot == ballot && cast.value == *value => {}
            // A ballot has one value for a slot. Who asks for a second one is no proposer of ours.
            Some(cast) if cast.ballot == ballot => return false,
            Some(_) | None => {
                // Voting in one slot promises the ballot in all of them.
                (self.promised, self.voted) = (Some(ballot), Some(ballot));
                out.persist(Record::Accepted(slot, Vote { ballot, value: value.clone() }));
                self.votes.insert(slot, Vote { ballot, value: value.clone() });
            }
        }
        out.send_after_sync(NodeSet::only(from), Message::Accepted { ballot, slot });
        true
    }
    // ANCHOR_END: accept

    fn check_invariants(&self) {
        debug_assert!(self.voted <= self.promised, "PromisesOnlyGrow: voted above the promise in {self:?}");
        debug_assert!(self.votes.first().is_none_or(|(slot, _)| self.from <= slot), "a vote below {}", self.from);
    }
}

/// §2.5: tell a proposer that it has been outbid. It promises nothing, so it waits for nothing.
fn refuse<V>(from: NodeId, ballot: Ballot, promised: Ballot, phase: Phase, out: &mut Effects<V>) {
    out.send(NodeSet::only(from), Message::Refused { ballot, promised, phase });
}

impl<V: Value> Process for Acceptor<V> {
    type Message = Message<V>;
    type Record = Record<V>;
    type Timer = Timer;
    type Request = Request<V>;
    type Output = Output<V>;

    fn step(&mut self, event: Event<V>, out: &mut Effects<V>) {
        if let Event::Receive { from, message } = event {
            match message {
                Message::Prepare { .. } if self.mute => {}
                Message::Prepare { ballot, from: first } => self.prepare(from, ballot, first, out),
                Message::Accept { ballot, slot, value, .. } => _ = self.accept(from, slot, ballot, &value, out),
                Message::Probe { .. }
                | Message::Willing { .. }
                | Message::Campaign
                | Message::Promise { .. }
                | Message::Accepted { .. }
                | Message::Refused { .. }
                | Message::Heartbeat { .. }
                | Message::Alive { .. }
                | Message::Fetch { .. }
                | Message::Learn { .. }
                | Message::Snapshot(_)
                | Message::Recall { .. }
                | Message::Remind { .. } => {}
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
            Record::Accepted(slot, vote) => {
                let ballot = vote.ballot;
                assert!(self.promised <= Some(ballot), "PromisesOnlyGrow: voted in {ballot} after {:?}", self.promised);
                (self.promised, self.voted) = (Some(ballot), Some(ballot));
                if self.from <= slot {
                    self.votes.insert(slot, vote);
                }
            }
            Record::Forgotten(_) => *self = Self::without_memory(),
            Record::Recalled(promised, from) => {
                self.promised = promised.max(self.promised);
                self.forget_below(from);
                self.mute = false;
            }
            Record::Round(_) | Record::Chosen(..) | Record::Learned(..) | Record::Snapshot(_) => {} // of other roles
        }
    }

    /// The votes in the order of their ballots, and the promise where it is higher.
    fn checkpoint(&self) -> Vec<Record<V>> {
        let mut votes: Vec<_> = self.votes.iter().collect();
        votes.sort_by_key(|(slot, vote)| (vote.ballot, *slot));
        let voted = votes.last().map(|(_, vote)| vote.ballot);
        let votes = votes.into_iter().map(|(slot, vote)| Record::Accepted(slot, vote.clone()));
        votes.chain(self.promised.filter(|_| voted < self.promised).map(Record::Promised)).collect()
    }
}

impl<V: Value> Default for Acceptor<V> {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests;

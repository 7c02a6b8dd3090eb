//! The learner of a log: it learns slot after slot, and helps whoever has learned less.
//!
//! Read it as a diff against `single`. Votes are counted as before, per slot. New is how the others learn: not by a
//! message of its own for each slot, but by the *mark* in whatever the leader says next, "all slots below are chosen".
//! A mark says nothing about the values. A node has them, because it has voted for them; but it may believe only what
//! it voted for in the ballot of the mark. In a lower one another value may have been proposed; in a higher one, too,
//! because whoever makes the mark may have been told what was chosen in one that is higher still.
//! What it lacks it fetches (`catch_up.rs`). `hearing.rs` is what was heard of the slots that are not learned; `log.rs`
//! keeps what was learned, for those who fetch.

mod hearing;

mod catch_up;
mod log;

use alloc::vec::Vec;

use paxos_messages::{
    Ballot, Bytes, Slot, Vote,
    multi::{Effects, Entry, Event, Message, Output, Record, Request, SnapshotPart, Timer},
};
use paxos_process::{NodeId, NodeSet, Process, Value};
use paxos_quorums::Quorums;

pub use self::log::PAGE;
use self::{catch_up::Fetching, hearing::Hearing, log::Log};

/// A learner: what it has learned, in the order of slots, and what it has heard of the slots after that.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct Learner<V> {
    quorums: Quorums,
    log: Log<V>,
    /// What was proposed and voted for in the slots after that.
    hearing: Hearing<V>,
    /// As far as this a mark has been written down.
    recorded: Slot,
    /// All slots below are chosen, somebody says: what is missing there can be fetched.
    goal: Slot,
    /// What was asked for and has not come.
    fetching: Option<Fetching>,
}

impl<V: Value> Learner<V> {
    /// A learner that counts by `quorums`, and keeps at most `retain` slots that a snapshot covers for those who have
    /// not learned them.
    #[must_use]
    pub const fn new(quorums: Quorums, retain: u64) -> Self {
        Self {
            quorums,
            log: Log::new(retain),
            hearing: Hearing::new(),
            recorded: Slot(0),
            goal: Slot(0),
            fetching: None,
        }
    }

    /// The first slot that it has not learned.
    #[must_use]
    pub const fn learned(&self) -> Slot {
        self.log.end()
    }

    /// The first slot whose value it still keeps.
    #[must_use]
    pub const fn first(&self) -> Slot {
        self.log.first()
    }

    /// What is chosen in a slot, while it is learned and kept.
    #[must_use]
    pub fn chosen(&self, slot: Slot) -> Option<&Entry<V>> {
        self.log.value(slot)
    }

    /// Everything that has been learned and is kept, as an application must be told it: a snapshot, and what follows.
    pub fn tell(&self, out: &mut Effects<V>) {
        self.log.tell(out);
    }

    /// Whether somebody knows more than it does.
    #[must_use]
    pub fn is_behind(&self) -> bool {
        self.learned() < self.goal
    }

    /// All slots below are chosen, somebody says.
    pub fn strive(&mut self, goal: Slot) {
        self.goal = self.goal.max(goal);
    }

    // ANCHOR: proposal
    /// The leader of `ballot` has proposed `value` in `slot`. `voted` when this node's acceptor has voted for it: what is
    /// learned from that is in the acceptor's records, and needs none of its own.
    pub fn proposal(&mut self, slot: Slot, ballot: Ballot, value: Entry<V>, voted: bool) {
        if self.is_open(slot) {
            self.hearing.proposal(slot, ballot, value, voted, &self.quorums);
        }
    }

    /// An acceptor has voted for what was proposed in a slot and ballot.
    pub fn vote(&mut self, from: NodeId, slot: Slot, ballot: Ballot, out: &mut Effects<V>) {
        if self.is_open(slot) {
            self.hearing.vote(from, slot, ballot, &self.quorums);
            self.advance(out);
        }
    }

    /// Who has voted in a slot and ballot, as far as is known here and worth knowing.
    #[must_use]
    pub fn voters(&self, slot: Slot, ballot: Option<Ballot>) -> NodeSet {
        self.hearing.voters(slot, ballot)
    }

    /// The leader of `ballot` says that all slots below `upto` are chosen.
    pub fn mark(&mut self, ballot: Ballot, upto: Slot, out: &mut Effects<V>) {
        self.goal = self.goal.max(upto);
        self.hearing.mark(ballot, upto);
        self.advance(out);
        // Nothing waits for this record: without it, a restarted node only has to be told again.
        let known = upto.min(self.learned());
        if self.recorded < known {
            self.recorded = known;
            out.persist(Record::Chosen(ballot, known));
        }
    }
    // ANCHOR_END: proposal

    /// Somebody tells what is chosen.
    ///
    /// # Panics
    ///
    /// When another value is known to be chosen: two were, and whoever goes on makes it worse.
    fn told(&mut self, slot: Slot, value: Entry<V>, out: &mut Effects<V>) {
        if let Some(learned) = self.log.value(slot) {
            assert!(*learned == value, "Agreement: {slot} is {learned:?}, now told {value:?}");
        }
        if self.is_open(slot) {
            self.goal = self.goal.max(slot.next());
            self.hearing.told(slot, value);
            self.advance(out);
        }
    }

    /// Whether `slot` is to be learned yet.
    fn is_open(&self, slot: Slot) -> bool {
        self.learned() <= slot && slot < Slot::END
    }

    /// Learns as far as there is no hole: §3, a slot's command is executed when all before it have been.
    fn advance(&mut self, out: &mut Effects<V>) {
        while let Some((value, recorded)) = self.hearing.take(self.learned()) {
            if !recorded {
                out.persist(Record::Learned(self.learned(), value.clone()));
            }
            out.emit(Output::Chosen { slot: self.learned(), value: value.clone() });
            self.log.push(value);
        }
    }

    /// Takes a part of a snapshot; when it was the last, the snapshot takes the place of all slots below its own.
    fn snapshot(&mut self, part: SnapshotPart, out: &mut Effects<V>) {
        self.goal = self.goal.max(part.upto);
        if self.log.take(&part) {
            out.persist(Record::Snapshot(part));
            if self.log.install() {
                self.page_ends();
                self.hearing.forget_below(self.learned());
                self.log.tell(out);
            }
            self.advance(out);
        }
    }

    // ANCHOR: compact
    /// The application's state after all slots below `upto` is `state`: their values are kept only for others, up to
    /// a limit, and whoever is further behind gets the state.
    fn compact(&mut self, upto: Slot, state: Bytes) {
        if upto <= self.learned() {
            self.log.compact(upto, state);
        }
    }

    /// Every member has learned all slots below: nobody needs them any more.
    pub fn everywhere(&mut self, slot: Slot) {
        self.log.everywhere(slot);
    }
    // ANCHOR_END: compact
}

impl<V: Value> Process for Learner<V> {
    type Message = Message<V>;
    type Record = Record<V>;
    type Timer = Timer;
    type Request = Request<V>;
    type Output = Output<V>;

    /// # Panics
    ///
    /// When a member tells another value than the one learned: `Agreement` is broken.
    fn step(&mut self, event: Event<V>, out: &mut Effects<V>) {
        match event {
            Event::Receive { from, message } if self.quorums.members().contains(from) => match message {
                Message::Accept { ballot, slot, value, chosen } => {
                    self.proposal(slot, ballot, value, false);
                    self.mark(ballot, chosen, out);
                }
                Message::Accepted { ballot, slot } => self.vote(from, slot, ballot, out),
                Message::Heartbeat { ballot, chosen, everywhere, .. } => {
                    self.mark(ballot, chosen, out);
                    self.everywhere(everywhere);
                }
                Message::Learn { slot, value } => {
                    self.told(slot, value, out);
                    self.turn_page(from, out);
                }
                Message::Snapshot(part) => {
                    self.snapshot(part, out);
                    self.turn_page(from, out);
                }
                Message::Fetch { from: slot, partial } => self.log.page(NodeSet::only(from), slot, partial, out),
                _ => {} // the words of other roles
            },
            Event::Request(Request::Compact { upto, state }) => self.compact(upto, state),
            Event::Receive { .. } | Event::Start | Event::Timeout(_) | Event::Request(_) => {}
        }
    }

    /// What was voted for is what was proposed; what is chosen of it, the marks say.
    fn replay(&mut self, record: Record<V>) {
        let out = &mut Effects::new();
        match record {
            Record::Accepted(slot, Vote { ballot, value }) => self.proposal(slot, ballot, value, true),
            Record::Chosen(ballot, upto) => self.mark(ballot, upto, out),
            Record::Learned(slot, value) => self.told(slot, value, out),
            Record::Snapshot(part) => self.snapshot(part, out),
            Record::Round(_) | Record::Promised(_) | Record::Forgotten(_) | Record::Recalled(..) => {} // of other roles
        }
    }

    /// The snapshot, what was learned after it, and what has come of a later one. That a slot behind a hole is chosen is in no
    /// record, so a restart forgets it anyhow; nobody counts on it, since a node says only how far it has *learned*.
    fn checkpoint(&self) -> Vec<Record<V>> {
        self.log.checkpoint()
    }
}

#[cfg(test)]
mod tests;

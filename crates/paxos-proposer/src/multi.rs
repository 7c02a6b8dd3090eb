//! The proposer of a log: elected once for all slots, then one proposal for each.
//!
//! Read it as a diff against `single`. The value-selection rule is the same, applied in each slot by itself. New are
//! three things. Promises come in pages, and an acceptor has promised when its pages leave no gap (`election.rs`). Once
//! elected, the proposer *stays* elected: first it proposes again whatever may have been chosen, and a no-op where
//! nothing was, and only then what it is asked for, without asking for promises again (*Paxos Made Simple*, §3). And it
//! has many proposals under way at a time, as many as its window allows (`lead.rs`).

mod election;

mod lead;

use alloc::vec::Vec;

use paxos_messages::{
    Ballot, Slot,
    multi::{Effects, Entry, Event, Message, Output, Record, Request, Timer},
};
use paxos_process::{NodeId, NodeSet, Process, Value};
use paxos_quorums::Quorums;

use self::{election::Election, lead::Lead};

/// A proposer: how far its current ballot has come, and which ballots are used up.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct Proposer<V> {
    id: NodeId,
    quorums: Quorums,
    /// How many slots may be under way: proposed, and not known here to be chosen.
    window: u64,
    /// The highest ballot it has ever opened: stable, so that none is opened twice.
    opened: Option<Ballot>,
    /// The highest ballot that it has heard of.
    outbid: Option<Ballot>,
    /// All slots below are known here to be chosen.
    chosen: Slot,
    stage: Stage<V>,
}

/// How far the current ballot has come.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
enum Stage<V> {
    /// There is no current ballot.
    Idle,
    /// Phase 1: the promises so far.
    Electing(Election<V>),
    /// Phase 2, for as long as nobody outbids it.
    Leading(Lead<V>),
}

impl<V: Value> Proposer<V> {
    /// A proposer of node `id` that asks the members of `quorums`, with at most `window` slots under way. After a
    /// restart, replay its records first.
    ///
    /// # Panics
    ///
    /// When `window` is 0: it could never propose.
    #[must_use]
    pub const fn new(id: NodeId, quorums: Quorums, window: u64) -> Self {
        assert!(window > 0, "a window holds at least one slot");
        Self { id, quorums, window, opened: None, outbid: None, chosen: Slot(0), stage: Stage::Idle }
    }

    /// The highest ballot it has ever opened.
    #[must_use]
    pub const fn opened(&self) -> Option<Ballot> {
        self.opened
    }

    /// The ballot it was elected in and has not been outbid in, as far as it knows.
    #[must_use]
    pub const fn leads(&self) -> Option<Ballot> {
        if let Stage::Leading(_) = self.stage { self.opened } else { None }
    }

    /// Whether it is waiting for promises.
    #[must_use]
    pub const fn is_electing(&self) -> bool {
        matches!(self.stage, Stage::Electing(_))
    }

    /// The acceptors that have promised its current ballot: those that elected it, once it leads.
    #[must_use]
    pub fn promised_by(&self) -> NodeSet {
        match &self.stage {
            Stage::Idle => NodeSet::EMPTY,
            Stage::Electing(election) => election.complete(),
            Stage::Leading(lead) => lead.elected_by(),
        }
    }

    /// The slot up to which everything must be known to be chosen before this leader may serve: all that may have
    /// been chosen in lower ballots is below.
    #[must_use]
    pub const fn serves_from(&self) -> Option<Slot> {
        if let Stage::Leading(lead) = &self.stage { Some(lead.serves_from()) } else { None }
    }

    /// All slots below are chosen, as far as those know who elected it.
    #[must_use]
    pub const fn known_chosen(&self) -> Slot {
        if let Stage::Leading(lead) = &self.stage { lead.known_chosen() } else { self.chosen }
    }

    /// What it has proposed in a slot that it does not know to be chosen.
    #[must_use]
    pub fn proposed(&self, slot: Slot) -> Option<&Entry<V>> {
        if let Stage::Leading(lead) = &self.stage { lead.proposed(slot) } else { None }
    }

    // ANCHOR: open
    /// Opens a ballot above all it has heard of, and asks about every slot that it does not know to be chosen. It is
    /// elected by a quorum that contains all of `needed`: as a rule nobody in particular.
    pub fn open(&mut self, needed: NodeSet, out: &mut Effects<V>) {
        let Some(ballot) = Ballot::above(self.opened.max(self.outbid), self.id) else {
            return self.stop(); // the rounds are used up: nobody can be outbid any more
        };
        self.opened = Some(ballot);
        self.stage = Stage::Electing(Election::new(self.chosen, needed));
        out.persist(Record::Round(ballot));
        out.send_after_sync(self.quorums.members(), Message::Prepare { ballot, from: self.chosen });
    }
    // ANCHOR_END: open

    /// While it is waiting for promises: asks those again whose answer has a gap, from there on.
    pub fn ask_again(&self, out: &mut Effects<V>) {
        let (Stage::Electing(election), Some(ballot)) = (&self.stage, self.opened) else { return };
        for acceptor in self.quorums.members().iter() {
            if let Some(from) = election.gap(acceptor) {
                out.send_after_sync(NodeSet::only(acceptor), Message::Prepare { ballot, from });
            }
        }
    }

    /// Somebody has promised or used this ballot: the next one opened here is above it.
    pub fn heard_of(&mut self, ballot: Option<Ballot>) {
        self.outbid = self.outbid.max(ballot);
    }

    /// Gives up the current ballot. What was proposed in it may still be chosen.
    pub fn stop(&mut self) {
        self.stage = Stage::Idle;
    }

    // ANCHOR: elected
    /// Phase 1b. With a quorum of whole answers: elected.
    fn promise(&mut self, from: NodeId, message: Message<V>, out: &mut Effects<V>) {
        let (Stage::Electing(election), Some(ballot)) = (&mut self.stage, self.opened) else {
            return; // elected already: more promises change nothing
        };
        if let Some(rest) = election.promise(from, message) {
            out.send(NodeSet::only(from), Message::Prepare { ballot, from: rest });
        }
        let elected_by = election.complete();
        if self.quorums.is_phase1(elected_by) && election.needed().is_subset(elected_by) {
            let (recovered, chosen) = election.outcome(elected_by);
            self.stage = Stage::Leading(Lead::new(elected_by, recovered, chosen));
            self.learned(self.chosen, |_| None, out); // nothing is proposed yet
        }
    }
    // ANCHOR_END: elected

    /// Somebody is higher. An election goes on all the same: a quorum of others may still answer it. A leader stops,
    /// because whoever is higher has asked the others too, and will be the next.
    fn refused(&mut self, promised: Ballot) {
        self.heard_of(Some(promised));
        if self.opened < Some(promised) && self.leads().is_some() {
            self.stop();
        }
    }

    fn receive(&mut self, from: NodeId, message: Message<V>, out: &mut Effects<V>) {
        if !self.quorums.members().contains(from) {
            return; // a stranger's promise is worth nothing
        }
        match message {
            Message::Promise { ballot, .. } if Some(ballot) == self.opened => self.promise(from, message, out),
            Message::Refused { ballot, promised, .. } if Some(ballot) == self.opened => self.refused(promised),
            _ => {} // answers to an older ballot, and the words of other roles
        }
    }
}

impl<V: Value> Process for Proposer<V> {
    type Message = Message<V>;
    type Record = Record<V>;
    type Timer = Timer;
    type Request = Request<V>;
    type Output = Output<V>;

    fn step(&mut self, event: Event<V>, out: &mut Effects<V>) {
        match event {
            Event::Receive { from, message } => self.receive(from, message, out),
            Event::Request(Request::Propose(value)) => self.request(value, out),
            Event::Request(Request::Campaign) => self.open(NodeSet::EMPTY, out),
            Event::Timeout(Timer::Heartbeat) => self.again(|_| NodeSet::EMPTY, out),
            Event::Start | Event::Timeout(Timer::Election) | Event::Request(_) => {}
        }
    }

    /// # Panics
    ///
    /// When a ballot is another node's or does not grow: the log is not this proposer's own.
    fn replay(&mut self, record: Record<V>) {
        match record {
            Record::Round(ballot) => {
                assert!(ballot.node == self.id, "the log of {} holds {ballot}, a ballot of another node", self.id);
                assert!(self.opened < Some(ballot), "opened {ballot} after {:?}: ballots are used once", self.opened);
                self.opened = Some(ballot);
            }
            Record::Recalled(highest, _) => self.heard_of(highest),
            _ => {} // of other roles
        }
    }

    /// The last ballot opened.
    fn checkpoint(&self) -> Vec<Record<V>> {
        self.opened.map(Record::Round).into_iter().collect()
    }
}

#[cfg(test)]
mod tests;

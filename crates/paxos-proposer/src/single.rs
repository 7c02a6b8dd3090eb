//! The proposer of a single decision.

use alloc::vec::Vec;

use paxos_messages::{
    Ballot, Vote,
    single::{Effects, Event, Message, Output, Record, Request, Timer},
};
use paxos_process::{NodeId, NodeSet, Process, Value};
use paxos_quorums::Quorums;

/// A proposer: what it wants, how far its current ballot has come, and which ballots are used up.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct Proposer<V> {
    id: NodeId,
    quorums: Quorums,
    /// The highest ballot it has ever opened: stable, so that none is opened twice. While the stage is not `Idle`
    /// this is the current ballot.
    opened: Option<Ballot>,
    /// The highest ballot above `opened` that a refusal has told of.
    outbid: Option<Ballot>,
    wish: Wish<V>,
    stage: Stage<V>,
}

/// What the application has asked for and not been told yet.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
enum Wish<V> {
    Nothing,
    /// Find out what is chosen. `again` when somebody has asked since the ballot was opened: promises given before a
    /// question say nothing about what was chosen until it, so that nothing was found does not answer it.
    Learn {
        again: bool,
    },
    /// Have this chosen, unless something else may have been.
    Propose(V),
}

/// How far the current ballot has come.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
enum Stage<V> {
    /// There is no current ballot.
    Idle,
    /// Phase 1: who has promised, and the highest vote that they reported.
    Electing { promised_by: NodeSet, highest: Option<Vote<V>> },
    /// Phase 2: elected by these; its one value has been proposed.
    Proposing { elected_by: NodeSet },
}

impl<V: Value> Proposer<V> {
    /// A proposer of node `id` that asks the members of `quorums`. After a restart, replay its records first.
    #[must_use]
    pub const fn new(id: NodeId, quorums: Quorums) -> Self {
        Self { id, quorums, opened: None, outbid: None, wish: Wish::Nothing, stage: Stage::Idle }
    }

    /// The highest ballot it has ever opened.
    #[must_use]
    pub const fn opened(&self) -> Option<Ballot> {
        self.opened
    }

    /// The acceptors that have promised its current ballot: those that elected it, once it has proposed.
    #[must_use]
    pub const fn promised_by(&self) -> NodeSet {
        match self.stage {
            Stage::Idle => NodeSet::EMPTY,
            Stage::Electing { promised_by, .. } => promised_by,
            Stage::Proposing { elected_by } => elected_by,
        }
    }

    fn request(&mut self, request: Request<V>, out: &mut Effects<V>) {
        self.wish = match (&self.wish, request) {
            (Wish::Propose(_), _) => return, // one decision: the first value asked for here is the one we argue for
            (_, Request::Propose(value)) => Wish::Propose(value),
            (_, Request::Learn) => Wish::Learn { again: self.stage != Stage::Idle },
        };
        if self.stage == Stage::Idle {
            self.open(out);
        }
    }

    // ANCHOR: open
    /// Phase 1a: "A proposer selects a proposal number n and sends a prepare request with number n" (§2.2).
    ///
    /// The number is stable before anybody hears of it, so that no later life of this proposer uses it again.
    fn open(&mut self, out: &mut Effects<V>) {
        let Some(ballot) = Ballot::above(self.opened.max(self.outbid), self.id) else {
            return; // a peer has used up all rounds; there is nothing left to say
        };
        self.opened = Some(ballot);
        self.outbid = None;
        if let Wish::Learn { again } = &mut self.wish {
            *again = false;
        }
        self.stage = Stage::Electing { promised_by: NodeSet::EMPTY, highest: None };
        out.persist(Record::Round(ballot));
        out.send_after_sync(self.quorums.members(), Message::Prepare { ballot });
        out.set_timer(Timer::Retry);
    }
    // ANCHOR_END: open

    // ANCHOR: promise
    /// Collects the answers to phase 1, each acceptor's once.
    fn promise(&mut self, from: NodeId, reported: Option<Vote<V>>, out: &mut Effects<V>) {
        let Stage::Electing { promised_by, highest } = &mut self.stage else {
            return; // elected already: more promises change nothing
        };
        if !promised_by.insert(from) {
            return; // the network says things twice
        }
        // Votes are compared by the ballot they were cast in. How often a value is reported means nothing.
        if reported.as_ref().map(|vote| vote.ballot) > highest.as_ref().map(|vote| vote.ballot) {
            *highest = reported;
        }
        if self.quorums.is_phase1(*promised_by) {
            let (elected_by, highest) = (*promised_by, highest.take());
            self.propose(elected_by, highest, out);
        }
    }
    // ANCHOR_END: promise

    // ANCHOR: propose
    /// Phase 2a: the value "is the value of the highest-numbered proposal among the responses, or is any value if
    /// the responses reported no proposals" (§2.2).
    fn propose(&mut self, elected_by: NodeSet, highest: Option<Vote<V>>, out: &mut Effects<V>) {
        let ballot = self.opened.expect("an election has a ballot");
        let value = match (highest, &self.wish) {
            (Some(vote), _) => vote.value,
            (None, Wish::Propose(value)) => value.clone(),
            (None, Wish::Learn { again: true }) => return self.open(out),
            (None, Wish::Learn { again: false } | Wish::Nothing) => {
                // A quorum has promised and none of it has voted: no lower ballot has chosen or ever will (§2.3).
                out.emit(Output::NothingChosen { below: ballot });
                return self.stop(out);
            }
        };
        self.stage = Stage::Proposing { elected_by };
        out.send(self.quorums.members(), Message::Accept { ballot, value });
    }
    // ANCHOR_END: propose

    // ANCHOR: refused
    /// Somebody is higher. The ballot goes on all the same: a quorum of others may still answer it. The next one
    /// will be above both.
    fn refused(&mut self, promised: Ballot, out: &mut Effects<V>) {
        if Some(promised) > self.opened.max(self.outbid) {
            self.outbid = Some(promised);
            out.set_timer(Timer::Retry);
        }
    }
    // ANCHOR_END: refused

    /// The decision is known: nothing is left to argue for.
    fn stop(&mut self, out: &mut Effects<V>) {
        if self.stage != Stage::Idle {
            out.cancel_timer(Timer::Retry);
        }
        (self.stage, self.wish, self.outbid) = (Stage::Idle, Wish::Nothing, None);
    }

    fn receive(&mut self, from: NodeId, message: Message<V>, out: &mut Effects<V>) {
        if !self.quorums.members().contains(from) {
            return; // a stranger's promise is worth nothing
        }
        // Answers are matched to the current ballot: one to an older ballot says nothing about this one.
        let current = self.opened.filter(|_| self.stage != Stage::Idle);
        match message {
            Message::Promise { ballot, accepted } if Some(ballot) == current => self.promise(from, accepted, out),
            Message::Refused { ballot, promised, .. } if Some(ballot) == current => self.refused(promised, out),
            Message::Learn { .. } => self.stop(out),
            Message::Promise { .. }
            | Message::Refused { .. }
            | Message::Prepare { .. }
            | Message::Accept { .. }
            | Message::Accepted { .. } => {}
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
            Event::Start => {}
            Event::Request(request) => self.request(request, out),
            Event::Timeout(Timer::Retry) if self.stage != Stage::Idle => self.open(out),
            Event::Timeout(Timer::Retry) => {}
            Event::Receive { from, message } => self.receive(from, message, out),
        }
    }

    // ANCHOR: replay
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
            Record::Promised(_) | Record::Accepted(_) => {} // the acceptor's
        }
    }
    // ANCHOR_END: replay

    /// The last ballot opened.
    fn checkpoint(&self) -> Vec<Record<V>> {
        self.opened.map(Record::Round).into_iter().collect()
    }
}

#[cfg(test)]
mod tests;

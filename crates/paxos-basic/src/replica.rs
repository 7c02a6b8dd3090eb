//! Three roles on one node. This file routes and decides nothing.

use alloc::vec::Vec;

use paxos_acceptor::single::Acceptor;
use paxos_learner::single::Learner;
use paxos_messages::single::{Effects, Event, Message, Output, Record, Request, Timer};
use paxos_process::{NodeId, Process, Value};
use paxos_proposer::single::Proposer;
use paxos_quorums::Quorums;

/// A node of Basic Paxos: a proposer, an acceptor and a learner that share a log and a mailbox.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct Replica<V> {
    id: NodeId,
    proposer: Proposer<V>,
    acceptor: Acceptor<V>,
    learner: Learner<V>,
}

impl<V: Value> Replica<V> {
    /// Node `id` of the cluster that `quorums` describes. After a restart, replay its records first.
    #[must_use]
    pub const fn new(id: NodeId, quorums: Quorums) -> Self {
        Self { id, proposer: Proposer::new(id, quorums), acceptor: Acceptor::new(), learner: Learner::new(id, quorums) }
    }

    /// Its name.
    #[must_use]
    pub const fn id(&self) -> NodeId {
        self.id
    }

    /// Its proposer.
    #[must_use]
    pub const fn proposer(&self) -> &Proposer<V> {
        &self.proposer
    }

    /// Its acceptor.
    #[must_use]
    pub const fn acceptor(&self) -> &Acceptor<V> {
        &self.acceptor
    }

    /// Its learner.
    #[must_use]
    pub const fn learner(&self) -> &Learner<V> {
        &self.learner
    }

    /// A vote is for the learner. When it completes a quorum the proposer on this node may stop.
    fn accepted(&mut self, event: Event<V>, out: &mut Effects<V>) {
        let knew = self.learner.learned().is_some();
        self.learner.step(event, out);
        if let (false, Some(value)) = (knew, self.learner.learned()) {
            let message = Message::Learn { value: value.clone() };
            self.proposer.step(Event::Receive { from: self.id, message }, out);
        }
    }
}

impl<V: Value> Process for Replica<V> {
    type Message = Message<V>;
    type Record = Record<V>;
    type Timer = Timer;
    type Request = Request<V>;
    type Output = Output<V>;

    // ANCHOR: routing
    fn step(&mut self, event: Event<V>, out: &mut Effects<V>) {
        match &event {
            Event::Start => {}
            Event::Timeout(Timer::Retry) => self.proposer.step(event, out),
            Event::Request(_) if self.learner.learned().is_some() => self.learner.step(event, out),
            Event::Request(_) => self.proposer.step(event, out),
            Event::Receive { message, .. } => match message {
                Message::Prepare { .. } | Message::Accept { .. } => self.acceptor.step(event, out),
                Message::Promise { .. } | Message::Refused { .. } => self.proposer.step(event, out),
                Message::Accepted { .. } => self.accepted(event, out),
                Message::Learn { .. } => {
                    self.proposer.step(event.clone(), out);
                    self.learner.step(event, out);
                }
            },
        }
    }
    // ANCHOR_END: routing

    fn replay(&mut self, record: Record<V>) {
        match record {
            Record::Round(_) => self.proposer.replay(record),
            Record::Promised(_) | Record::Accepted(_) => self.acceptor.replay(record),
        }
    }

    fn checkpoint(&self) -> Vec<Record<V>> {
        let mut records = self.proposer.checkpoint();
        records.extend(self.acceptor.checkpoint());
        records
    }
}

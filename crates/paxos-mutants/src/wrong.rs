//! A compact second writing of Basic Paxos in which one rule can be wrong.
//!
//! Three roles on a node, as in `paxos-basic`, and the same words; `rules.rs` holds what may be wrong. It answers no
//! `Request::Learn`: a mutant is made to be broken, not used.

mod acceptor;
mod learner;
mod proposer;
mod rules;

use paxos_messages::{
    Fact, Memory, Observed, Phase, Vote,
    single::{Effects, Event, Message, Output, Record, Request, Timer},
};
use paxos_process::{NodeId, Process, Value};
use paxos_quorums::Quorums;

use self::{acceptor::Acceptor, learner::Learner, proposer::Proposer, rules::Barrier};
use crate::Mutant;

/// A replica of Basic Paxos in which at most one rule is wrong.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Wrong<V> {
    wrong: Option<Mutant>,
    id: NodeId,
    quorums: Quorums,
    proposer: Proposer<V>,
    acceptor: Acceptor<V>,
    learner: Learner<V>,
}

impl<V: Value> Wrong<V> {
    /// Node `id` of a cluster whose rule is wrong as `wrong` says; with `None`, no rule is.
    #[must_use]
    pub const fn new(wrong: Option<Mutant>, id: NodeId, quorums: Quorums) -> Self {
        Self { wrong, id, quorums, proposer: Proposer::new(), acceptor: Acceptor::new(), learner: Learner::new() }
    }

    fn receive(&mut self, from: NodeId, message: Message<V>, out: &mut Effects<V>) {
        let Self { wrong, id, quorums, .. } = *self;
        match message {
            Message::Prepare { ballot } => self.acceptor.prepare(wrong, from, ballot, out),
            Message::Accept { ballot, value } => self.acceptor.accept(wrong, from, Vote { ballot, value }, out),
            Message::Promise { ballot, accepted } => {
                self.proposer.promise(wrong, &quorums, from, (ballot, accepted), out);
            }
            Message::Refused { ballot, promised, .. } => {
                self.proposer.refused(wrong, id, quorums.members(), (ballot, promised), out);
            }
            Message::Accepted { ballot, value } => {
                if self.learner.vote(wrong, id, &quorums, (from, Vote { ballot, value }), out) {
                    self.proposer.stop(out);
                }
            }
            Message::Learn { value } => {
                self.proposer.stop(out);
                self.learner.learn(value, out);
            }
        }
    }

    fn route(&mut self, event: Event<V>, out: &mut Effects<V>) {
        let (wrong, id, all) = (self.wrong, self.id, self.quorums.members());
        match event {
            Event::Start | Event::Request(Request::Learn) => {}
            Event::Timeout(Timer::Retry) => self.proposer.retry(wrong, id, all, out),
            Event::Request(Request::Propose(value)) => match self.learner.learned.clone() {
                Some(learned) => out.emit(Output::Learned(learned)),
                None => self.proposer.propose(wrong, id, all, value, out),
            },
            Event::Receive { from, message } => self.receive(from, message, out),
        }
    }
}

impl<V: Value> Process for Wrong<V> {
    type Message = Message<V>;
    type Record = Record<V>;
    type Timer = Timer;
    type Request = Request<V>;
    type Output = Output<V>;

    // ANCHOR: lanes
    fn step(&mut self, event: Event<V>, out: &mut Effects<V>) {
        let mut own = Effects::new();
        self.route(event, &mut own);
        // What a vote waits for is the driver's rule. A wrong driver is shown here, as a lane chosen wrongly.
        let leaks = match rules::barrier(self.wrong) {
            Barrier::EveryRecord => false,
            Barrier::OwnRecord => own.records.is_empty(),
            Barrier::Nothing => true,
        };
        out.sends.append(&mut own.sends);
        if leaks { &mut out.sends } else { &mut out.sends_after_sync }.append(&mut own.sends_after_sync);
        out.records.append(&mut own.records);
        out.timers.append(&mut own.timers);
        out.outputs.append(&mut own.outputs);
    }
    // ANCHOR_END: lanes

    fn replay(&mut self, record: Record<V>) {
        match record {
            Record::Round(ballot) => self.proposer.opened = Some(ballot),
            Record::Promised(ballot) => self.acceptor.replay_promise(self.wrong, ballot),
            Record::Accepted(vote) => self.acceptor.replay_vote(vote),
        }
    }

    fn checkpoint(&self) -> Vec<Record<V>> {
        let round = self.proposer.opened.map(Record::Round);
        let promise = self.acceptor.prepared.map(Record::Promised);
        let vote = self.acceptor.accepted.clone().map(Record::Accepted);
        round.into_iter().chain(promise).chain(vote).collect()
    }
}

impl<V: Value> Observed for Wrong<V> {
    type Decree = V;

    fn said(&self, message: &Message<V>) -> Option<Fact<V>> {
        message.fact(self.proposer.promised_by())
    }

    fn told(&self, output: &Output<V>) -> Option<Fact<V>> {
        output.fact()
    }

    fn wanted(request: &Request<V>) -> Option<V> {
        request.wanted()
    }

    fn memory(&self) -> Memory<V> {
        self.acceptor.memory()
    }

    fn phase(message: &Message<V>) -> Phase {
        message.phase()
    }
}

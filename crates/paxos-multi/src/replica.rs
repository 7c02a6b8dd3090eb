//! Three roles, a failure detector and the reads on one node. This file routes, and says in which order.

use alloc::vec::Vec;

use paxos_acceptor::multi::Acceptor;
use paxos_leader::{Detector, Reads};
use paxos_learner::multi::Learner;
use paxos_messages::{
    Ballot,
    multi::{Effects, Event, Message, Output, Record, Refusal, Request, Timer, Until},
};
use paxos_process::{NodeId, NodeSet, Process, Value};
use paxos_proposer::multi::Proposer;
use paxos_quorums::Quorums;

use crate::{Options, recall::Recall, standing::Standing};

/// A node of Multi-Paxos: a proposer, an acceptor and a learner that share a log and a mailbox.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct Replica<V> {
    pub(crate) id: NodeId,
    pub(crate) quorums: Quorums,
    pub(crate) options: Options,
    pub(crate) proposer: Proposer<V>,
    pub(crate) acceptor: Acceptor<V>,
    pub(crate) learner: Learner<V>,
    pub(crate) detector: Detector,
    pub(crate) reads: Reads,
    /// While this node leads: how far the others have learned.
    pub(crate) standing: Standing,
    /// While this node has lost its memory: how far it has come.
    pub(crate) recall: Option<Recall>,
    /// Whether the application has been told that this node leads.
    pub(crate) serves: bool,
}

impl<V: Value> Replica<V> {
    /// A founding member of the cluster that `quorums` describes, or one that restarts: then replay its records
    /// first.
    #[must_use]
    pub const fn new(id: NodeId, quorums: Quorums, options: Options) -> Self {
        Self {
            id,
            quorums,
            options,
            proposer: Proposer::new(id, quorums, options.window),
            acceptor: Acceptor::new(),
            learner: Learner::new(quorums, options.retain),
            detector: Detector::new(id, quorums),
            reads: Reads::new(),
            standing: Standing::new(),
            recall: None,
            serves: false,
        }
    }

    /// A member that has lost its memory: it knows that it has been in the cluster, and not what it said there. It
    /// does not vote until that is safe, which takes an answer of every other member (see [`Recall`]). `life` is a number
    /// that it has not used before, such as a random one; each restart until then counts on from it.
    #[must_use]
    pub fn without_memory(id: NodeId, quorums: Quorums, options: Options, life: u64) -> Self {
        let recall = Some(Recall::new(life));
        Self { acceptor: Acceptor::without_memory(), recall, ..Self::new(id, quorums, options) }
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

    /// Who leads, as far as this node hears. It may be wrong.
    #[must_use]
    pub const fn leader(&self) -> Option<NodeId> {
        self.detector.leader()
    }

    /// Whether this node believes that it leads, and has had chosen all that may have been chosen before.
    #[must_use]
    pub const fn serves(&self) -> bool {
        self.serves
    }

    /// The ballot in which this node believes that it leads.
    #[must_use]
    pub const fn leads(&self) -> Option<Ballot> {
        self.proposer.leads()
    }

    // ANCHOR: routing
    fn receive(&mut self, from: NodeId, message: Message<V>, out: &mut Effects<V>) {
        let event = |message| Event::Receive { from, message };
        match message {
            Message::Prepare { ballot, .. } => {
                let goes_on = from != self.id && self.acceptor.promised() == Some(ballot);
                self.acceptor.step(event(message), out);
                self.yield_to(self.acceptor.promised(), out);
                if goes_on {
                    self.detector.election_goes_on(out);
                }
            }
            Message::Promise { ballot, until, chosen, .. } => {
                self.promised(from, ballot, chosen, event(message), out);
                // An answer of many pages takes its time, and the next election would begin it anew.
                if matches!(until, Until::Ask(_)) && self.proposer.is_electing() {
                    out.set_timer(Timer::Election);
                }
            }
            Message::Accept { ballot, slot, value, chosen } => {
                // A proposal that is refused here is not heard of: the leader of a higher ballot will say what is chosen.
                let voted = self.acceptor.accept(from, slot, ballot, &value, out);
                self.yield_to(self.acceptor.promised(), out);
                if voted || self.acceptor.is_mute() {
                    self.learn(out, |learner, out| {
                        learner.proposal(slot, ballot, value, voted);
                        learner.mark(ballot, chosen, out);
                    });
                }
            }
            Message::Accepted { ballot, slot } => {
                self.learn(out, |learner, out| learner.vote(from, slot, ballot, out));
            }
            Message::Learn { .. } | Message::Snapshot(_) => {
                self.learn(out, |learner, out| learner.step(event(message), out));
            }
            Message::Fetch { .. } => self.learner.step(event(message), out),
            Message::Refused { .. } => {
                self.proposer.step(event(message), out);
                self.follow(out);
            }
            Message::Heartbeat { ballot, round, .. } => self.heartbeat(from, ballot, round, event(message), out),
            Message::Alive { ballot, round, learned } => self.alive(from, ballot, round, learned, out),
            Message::Probe { round } => {
                // Who hears a leader, or is one, does not help depose it.
                if self.recall.is_none() && self.detector.leader().is_none() {
                    let promised = self.acceptor.promised();
                    out.send(NodeSet::only(from), Message::Willing { round, promised });
                }
            }
            Message::Willing { round, promised } => {
                self.proposer.heard_of(promised);
                if self.detector.willing(from, round) {
                    self.campaign(out);
                }
            }
            // Only the leader may step aside: its word is of no use once another has been elected.
            Message::Campaign if self.detector.leader() == Some(from) => self.campaign(out),
            Message::Campaign => {}
            Message::Recall { life } => {
                if self.recall.is_none() {
                    let highest = self.acceptor.promised().max(self.proposer.opened());
                    out.send(NodeSet::only(from), Message::Remind { life, highest });
                }
            }
            Message::Remind { life, highest } => {
                if let Some(recall) = &mut self.recall {
                    recall.answer(from, life, highest);
                    self.recollect(out);
                }
            }
        }
    }
    // ANCHOR_END: routing

    fn request(&mut self, request: Request<V>, out: &mut Effects<V>) {
        match request {
            Request::Propose(value) if self.proposer.leads().is_none() => {
                out.emit(Output::Refused { value, why: Refusal::NotLeader(self.others_lead()) });
            }
            Request::Propose(_) => self.proposer.step(Event::Request(request), out),
            Request::Read(read) if !self.serves => {
                out.emit(Output::Unreadable { read, why: Refusal::NotLeader(self.others_lead()) });
            }
            Request::Read(read) => {
                if self.reads.ask(read) {
                    self.question(out);
                }
            }
            Request::Compact { .. } => self.learner.step(Event::Request(request), out),
            Request::Campaign => self.campaign(out),
            Request::Transfer(node) => self.transfer(node, out),
        }
    }

    fn timeout(&mut self, timer: Timer, out: &mut Effects<V>) {
        match timer {
            Timer::Heartbeat => {
                let ballot = self.proposer.leads();
                self.proposer.again(|slot| self.learner.voters(slot, ballot), out);
                self.say_heartbeat(out);
                let whom = self.whom_to_ask();
                self.learner.fetch_again(whom, out);
                out.set_timer(Timer::Heartbeat);
            }
            Timer::Election if self.proposer.leads().is_some() => {
                let stuck = !self.serves && !self.standing.comes_on(self.learner.came());
                if !self.detector.has_quorum(out) || stuck {
                    self.step_down(out);
                }
            }
            Timer::Election if self.recall.is_some() => {
                out.set_timer(Timer::Election);
                self.proposer.stop();
                self.ask_for_memory(out);
            }
            Timer::Election => {
                let had = self.detector.leader();
                self.proposer.stop();
                let (alone, others) = (self.detector.silence(out), self.others());
                if !others.is_empty() {
                    out.send(others, Message::Probe { round: self.detector.round() });
                }
                if alone {
                    self.campaign(out);
                } else if had.is_some() {
                    out.emit(Output::Follows { leader: None });
                }
            }
        }
    }

    /// Who leads, unless that is this node, which then does not serve yet.
    fn others_lead(&self) -> Option<NodeId> {
        self.detector.leader().filter(|leader| *leader != self.id)
    }
}

impl<V: Value> Process for Replica<V> {
    type Message = Message<V>;
    type Record = Record<V>;
    type Timer = Timer;
    type Request = Request<V>;
    type Output = Output<V>;

    fn step(&mut self, event: Event<V>, out: &mut Effects<V>) {
        match event {
            Event::Start => self.start(out),
            Event::Receive { from, message } if self.quorums.members().contains(from) => {
                self.receive(from, message, out);
            }
            Event::Receive { .. } => {} // a stranger
            Event::Timeout(timer) => self.timeout(timer, out),
            Event::Request(request) => self.request(request, out),
        }
    }

    fn replay(&mut self, record: Record<V>) {
        match record {
            Record::Round(_) => self.proposer.replay(record),
            Record::Promised(_) => self.acceptor.replay(record),
            Record::Accepted(..) => {
                self.acceptor.replay(record.clone());
                self.learner.replay(record);
            }
            Record::Chosen(..) | Record::Learned(..) | Record::Snapshot(_) => self.learner.replay(record),
            Record::Forgotten(life) => {
                self.acceptor.replay(record);
                // A restart is another life: what the last one opened and did not write down is forgotten, too.
                self.recall = Some(Recall::new(life.wrapping_add(1)));
            }
            Record::Recalled(_, from) => {
                assert!(from <= self.learner.learned(), "{from} is called chosen, and is not known");
                self.acceptor.replay(record.clone());
                self.proposer.replay(record);
                self.recall = None;
            }
        }
        self.acceptor.forget_below(self.learner.learned());
        let learned = self.learner.learned();
        self.proposer.learned(learned, |slot| self.learner.chosen(slot), &mut Effects::new());
    }

    fn checkpoint(&self) -> Vec<Record<V>> {
        let mut records: Vec<_> = self.recall.iter().map(|recall| Record::Forgotten(recall.life())).collect();
        records.extend(self.proposer.checkpoint());
        records.extend(self.learner.checkpoint());
        records.extend(self.acceptor.checkpoint());
        records
    }
}

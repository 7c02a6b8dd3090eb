//! A node of Raft. This file routes, and says in which order.

use alloc::vec::Vec;

use paxos_leader::{Detector, Reads};
use paxos_messages::{
    Ballot, Phase, Slot,
    multi::{Output, Refusal, Request, Timer},
};
use paxos_process::{NodeId, NodeSet, Process, Value};
use paxos_quorums::Quorums;

use crate::{Effects, Event, Leading, Log, Message, Options, Record, Term};

/// A node of Raft: it follows, asks for votes, or leads.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct Replica<V> {
    pub(crate) id: NodeId,
    pub(crate) quorums: Quorums,
    pub(crate) options: Options,
    /// The current term: the highest that this node has heard of.
    pub(crate) term: Term,
    /// Who has its vote in this term.
    pub(crate) voted: Option<NodeId>,
    pub(crate) log: Log<V>,
    /// All slots below are chosen, and the application has been told (or will be when it starts). Raft's `commitIndex` and `lastApplied` are one here:
    /// telling the application takes no time.
    pub(crate) chosen: Slot,
    pub(crate) role: Role,
    pub(crate) detector: Detector,
    pub(crate) reads: Reads,
}

/// What a node is in its term (Figure 4).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub(crate) enum Role {
    Follower,
    /// It has asked for votes, and has these.
    Candidate(NodeSet),
    Leader(Leading),
}

impl<V: Value> Replica<V> {
    /// A founding member of the cluster that `quorums` describes, or one that restarts: then replay its records first.
    /// Votes are counted by the quorums of phase 1, and what is chosen by those of phase 2.
    #[must_use]
    pub const fn new(id: NodeId, quorums: Quorums, options: Options) -> Self {
        Self {
            id,
            quorums,
            options,
            term: Term(0),
            voted: None,
            log: Log::new(options.retain),
            chosen: Slot(0),
            role: Role::Follower,
            detector: Detector::new(id, quorums),
            reads: Reads::new(),
        }
    }

    /// Its name.
    #[must_use]
    pub const fn id(&self) -> NodeId {
        self.id
    }

    /// Its current term.
    #[must_use]
    pub const fn term(&self) -> Term {
        self.term
    }

    /// Its log.
    #[must_use]
    pub const fn log(&self) -> &Log<V> {
        &self.log
    }

    /// The first slot that it does not know to be chosen.
    #[must_use]
    pub const fn chosen(&self) -> Slot {
        self.chosen
    }

    /// Who leads, as far as this node hears. It may be wrong.
    #[must_use]
    pub const fn leader(&self) -> Option<NodeId> {
        self.detector.leader()
    }

    /// The term in which this node believes that it leads, as a ballot.
    #[must_use]
    pub fn leads(&self) -> Option<Ballot> {
        matches!(self.role, Role::Leader(_)).then_some(Ballot { round: self.term.0, node: self.id })
    }

    /// Whether this node leads, and an entry of its own term is chosen: with that all that was chosen before is known here
    /// to be (§8).
    #[must_use]
    pub fn serves(&self) -> bool {
        self.leads().is_some() && self.log.position(self.chosen).is_some_and(|chosen| chosen.term == self.term)
    }

    pub(crate) fn others(&self) -> NodeSet {
        self.quorums.members().without(self.id)
    }

    // ANCHOR: routing
    fn receive(&mut self, from: NodeId, message: Message<V>, out: &mut Effects<V>) {
        match message.term() {
            Some(term) if self.term < term => self.rise(term, out),
            Some(term) if term < self.term => return self.refuse(from, &message, out),
            Some(_) | None => {}
        }
        match message {
            Message::PreVote { round, last } => self.asked_before(from, round, last, out),
            Message::Willing { round, term } => {
                if self.term < term {
                    self.rise(term, out);
                }
                if self.detector.willing(from, round) {
                    self.campaign(out);
                }
            }
            Message::RequestVote { last, .. } => self.asked(from, last, out),
            Message::Vote { .. } => self.vote(from, out),
            Message::Refused { .. } => {} // its term was the message
            Message::TimeoutNow { .. } => self.campaign(out),
            Message::AppendEntries { before, entry, chosen, everywhere, round, .. } => {
                self.follow(from, out);
                let matched = self.append(from, before, entry, round, out);
                self.log.everywhere(everywhere);
                // What is behind that may be of somebody else (§5.3: the smaller of `leaderCommit` and the last new entry).
                self.learn(chosen.min(matched), out);
            }
            Message::Appended { matched, round, .. } => {
                self.appended(from, matched, out);
                self.answered(from, round, out);
            }
            Message::Behind { refused, hint, round, .. } => {
                self.behind(from, refused, hint, out);
                self.answered(from, round, out);
            }
            Message::InstallSnapshot { last, part, .. } => {
                self.follow(from, out);
                self.install(from, last, part, out);
            }
            Message::Received { upto, bytes, .. } => self.received(from, upto, bytes, out),
        }
    }
    // ANCHOR_END: routing

    // ANCHOR: rise
    /// There is a higher term (Figure 2, *Rules for Servers*): whatever this node was in the lower one is over.
    pub(crate) fn rise(&mut self, term: Term, out: &mut Effects<V>) {
        (self.term, self.voted) = (term, None);
        out.persist(Record::Term(term));
        self.step_down(out);
    }

    /// The sender's term is over. It hears so if it asks for something; what it answers is about nothing any more.
    fn refuse(&self, from: NodeId, message: &Message<V>, out: &mut Effects<V>) {
        let asks = matches!(
            message,
            Message::RequestVote { .. } | Message::AppendEntries { .. } | Message::InstallSnapshot { .. }
        );
        if asks {
            let phase = if message.phase() == Phase::Propose { Phase::Decide } else { message.phase() };
            out.send(NodeSet::only(from), Message::Refused { term: self.term, phase });
        }
    }
    // ANCHOR_END: rise

    fn request(&mut self, request: Request<V>, out: &mut Effects<V>) {
        match request {
            Request::Propose(value) => self.propose(value, out),
            Request::Read(read) if !self.serves() => {
                out.emit(Output::Unreadable { read, why: Refusal::NotLeader(self.others_lead()) });
            }
            Request::Read(read) => {
                if self.reads.ask(read) {
                    self.question(out);
                }
            }
            Request::Compact { upto, state } if upto <= self.chosen => self.log.compact(upto, state),
            Request::Compact { .. } => {}
            Request::Campaign => {
                if self.leads().is_none() {
                    self.campaign(out);
                }
            }
            Request::Transfer(node) => self.transfer(node, out),
        }
    }

    fn timeout(&mut self, timer: Timer, out: &mut Effects<V>) {
        match timer {
            Timer::Heartbeat => self.tick(out),
            Timer::Election if self.leads().is_some() => {
                if self.detector.has_quorum(out) {
                    self.give_up_transfer();
                } else {
                    self.step_down(out);
                }
            }
            Timer::Election => {
                let had = self.detector.leader();
                self.role = Role::Follower;
                let alone = self.detector.silence(out);
                let (others, round, last) = (self.others(), self.detector.round(), self.log.last());
                if !others.is_empty() {
                    out.send(others, Message::PreVote { round, last });
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
    pub(crate) fn others_lead(&self) -> Option<NodeId> {
        self.detector.leader().filter(|leader| *leader != self.id)
    }

    // ANCHOR: learn
    /// All slots below `upto` are chosen, and here: the application is told, in order.
    pub(crate) fn learn(&mut self, upto: Slot, out: &mut Effects<V>) {
        let served = self.serves();
        while self.chosen < upto
            && let Some((_, entry)) = self.log.entry(self.chosen)
        {
            out.emit(Output::Chosen { slot: self.chosen, value: entry.clone() });
            self.chosen = self.chosen.next();
        }
        if let (false, true, Some(ballot)) = (served, self.serves(), self.leads()) {
            out.emit(Output::Leads { ballot });
        }
    }
    // ANCHOR_END: learn
}

impl<V: Value> Process for Replica<V> {
    type Message = Message<V>;
    type Record = Record<V>;
    type Timer = Timer;
    type Request = Request<V>;
    type Output = Output<V>;

    /// # Panics
    ///
    /// When two leaders speak in one term, or a leader wants to change what is chosen: somebody has broken a promise, and
    /// whoever goes on makes it worse.
    fn step(&mut self, event: Event<V>, out: &mut Effects<V>) {
        match event {
            Event::Start => {
                self.log.tell(out);
                out.set_timer(Timer::Election);
            }
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
            Record::Term(term) => {
                assert!(self.term < term, "{term} is recorded after {}", self.term);
                (self.term, self.voted) = (term, None);
            }
            Record::Voted(term, node) => {
                let first = self.term < term || self.term == term && self.voted.is_none_or(|voted| voted == node);
                assert!(first, "a vote in {term} for {node} is recorded after one in {}", self.term);
                (self.term, self.voted) = (term, Some(node));
            }
            Record::Appended(slot, term, entry) => {
                assert!(self.chosen <= slot && term <= self.term, "{slot} of {term} in {}", self.term);
                self.log.write(slot, term, entry);
            }
            Record::Snapshot(last, part) => {
                if self.log.take(&part)
                    && let Some(upto) = self.log.install(last)
                {
                    self.chosen = upto;
                }
            }
        }
    }

    fn checkpoint(&self) -> Vec<Record<V>> {
        let term = match self.voted {
            Some(node) => Some(Record::Voted(self.term, node)),
            None => (Term(0) < self.term).then_some(Record::Term(self.term)),
        };
        term.into_iter().chain(self.log.checkpoint()).collect()
    }
}

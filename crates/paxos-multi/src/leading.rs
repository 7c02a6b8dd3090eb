//! How a node comes to lead, what it does then besides proposing, and how it stops.

use paxos_learner::multi::Learner;
use paxos_messages::{
    Ballot, Phase, Slot,
    multi::{Effects, Event, Message, Output, Record, Timer},
};
use paxos_process::{NodeId, NodeSet, Process, Value};

use crate::{Replica, standing::Standing};

impl<V: Value> Replica<V> {
    /// Begins, or begins again: the application is told what was known, and a node without memory says so.
    pub(crate) fn start(&mut self, out: &mut Effects<V>) {
        self.learner.tell(out);
        out.set_timer(Timer::Election);
        if let Some(recall) = &self.recall {
            out.persist(Record::Forgotten(recall.life()));
            recall.ask(self.others(), out);
        }
    }

    pub(crate) fn others(&self) -> NodeSet {
        self.quorums.members().without(self.id)
    }

    /// Opens a ballot. Who does not know what it has promised needs the answers of all others.
    pub(crate) fn campaign(&mut self, out: &mut Effects<V>) {
        if self.recall.is_none() && self.proposer.leads().is_none() {
            self.proposer.heard_of(self.acceptor.promised());
            self.open(NodeSet::EMPTY, out);
        }
    }

    fn open(&mut self, needed: NodeSet, out: &mut Effects<V>) {
        self.standing = Standing::new();
        self.proposer.open(needed, out);
    }

    // ANCHOR: elected
    /// A promise; perhaps the one that makes this node the leader.
    pub(crate) fn promised(
        &mut self,
        from: NodeId,
        ballot: Ballot,
        chosen: Slot,
        event: Event<V>,
        out: &mut Effects<V>,
    ) {
        let led = self.proposer.leads();
        if self.proposer.opened() == Some(ballot) {
            self.standing.learned(from, chosen);
        }
        self.proposer.step(event, out);
        let (Some(ballot), None) = (self.proposer.leads(), led) else { return };
        let serves_from = self.proposer.serves_from().unwrap_or(Slot(0));
        if let Some(recall) = &mut self.recall {
            recall.promised(ballot, serves_from);
        }
        self.detector.elected(out);
        self.learner.strive(self.proposer.known_chosen());
        let whom = self.whom_to_ask();
        self.learner.fetch(whom, out);
        self.say_heartbeat(out);
        self.learned(out);
    }
    // ANCHOR_END: elected

    /// Whom to ask for what is missing: one of those who have said that they know more, or else of those who elected this
    /// node; and another one the next time, because it may have gone.
    pub(crate) fn whom_to_ask(&mut self) -> NodeSet {
        let ahead = self.standing.ahead(self.learner.learned());
        let whom = if ahead.is_empty() { self.proposer.promised_by() } else { ahead };
        self.standing.next_of(whom.without(self.id))
    }

    /// The learner takes a step, and everybody on this node who wants to know hears how far it has come.
    pub(crate) fn learn(&mut self, out: &mut Effects<V>, step: impl FnOnce(&mut Learner<V>, &mut Effects<V>)) {
        let before = self.learner.learned();
        step(&mut self.learner, out);
        if before < self.learner.learned() {
            self.learned(out);
        }
    }

    fn learned(&mut self, out: &mut Effects<V>) {
        let learned = self.learner.learned();
        self.acceptor.forget_below(learned);
        self.proposer.learned(learned, |slot| self.learner.chosen(slot), out);
        self.follow(out);
        if let Some(ballot) = self.recall.as_ref().and_then(|recall| recall.outcome(learned)) {
            self.acceptor.recall(Some(ballot), learned, out);
            self.recall = None;
        }
        // A new leader serves only when all that may have been chosen before is chosen, and known here (M15).
        if let (false, Some(ballot), Some(from)) = (self.serves, self.proposer.leads(), self.proposer.serves_from())
            && from <= learned
        {
            self.serves = true;
            out.emit(Output::Leads { ballot });
        }
    }

    /// To all others: I am here, so far is chosen; and the question of the reads that wait.
    pub(crate) fn say_heartbeat(&mut self, out: &mut Effects<V>) {
        let (Some(ballot), others) = (self.proposer.leads(), self.others()) else { return };
        let (round, chosen) = (self.reads.round(), self.learner.learned());
        let everywhere = self.standing.everywhere(others, chosen);
        self.learner.everywhere(everywhere);
        if !others.is_empty() {
            out.send(others, Message::Heartbeat { ballot, round, chosen, everywhere });
        }
    }

    /// Asks the question of the reads, and answers it for this node: is there no higher promise?
    pub(crate) fn question(&mut self, out: &mut Effects<V>) {
        loop {
            self.say_heartbeat(out);
            let (round, leads) = (self.reads.round(), self.proposer.leads());
            let own = !self.acceptor.is_mute() && self.acceptor.promised() <= leads;
            if !own || !self.reads.answer(self.id, round, &self.quorums, out) {
                return;
            }
        }
    }

    /// A heartbeat of this leader has been answered.
    pub(crate) fn alive(&mut self, from: NodeId, ballot: Ballot, round: u64, learned: Slot, out: &mut Effects<V>) {
        if self.proposer.leads() == Some(ballot) {
            self.detector.alive(from);
            self.standing.learned(from, learned);
            // Who knows more has no votes to give in what it knows: a leader that is behind must ask, or wait for ever.
            self.learner.strive(learned);
            if self.learner.learned() < learned && !self.learner.is_fetching() {
                self.learner.fetch(NodeSet::only(from), out);
            }
            if self.reads.answer(from, round, &self.quorums, out) {
                self.question(out);
            }
        }
    }

    // ANCHOR: heartbeat
    /// Somebody leads. Unless a higher ballot has been promised here, that is who to follow.
    pub(crate) fn heartbeat(
        &mut self,
        from: NodeId,
        ballot: Ballot,
        round: u64,
        event: Event<V>,
        out: &mut Effects<V>,
    ) {
        let highest = self.acceptor.promised().max(self.proposer.leads());
        if let Some(promised) = highest.filter(|promised| ballot < *promised) {
            return out.send(NodeSet::only(from), Message::Refused { ballot, promised, phase: Phase::Learn });
        }
        self.proposer.heard_of(Some(ballot));
        if self.proposer.opened() < Some(ballot) {
            self.proposer.stop();
            self.follow(out);
        }
        if self.detector.heard(from, out) {
            out.emit(Output::Follows { leader: Some(from) });
        }
        self.learn(out, |learner, out| learner.step(event, out));
        self.learner.fetch_again(NodeSet::only(from), out);
        if self.recall.is_none() {
            let learned = self.learner.learned();
            out.send(NodeSet::only(from), Message::Alive { ballot, round, learned });
        }
        self.ask_for_memory(out);
    }
    // ANCHOR_END: heartbeat

    /// This node has promised `promised`. If that is above the ballot in which it leads, it is of no use as a leader: it
    /// would refuse its own proposals, and may not confirm its own reads.
    pub(crate) fn yield_to(&mut self, promised: Option<Ballot>, out: &mut Effects<V>) {
        if self.proposer.leads().is_some_and(|led| Some(led) < promised) {
            self.step_down(out);
        }
    }

    /// This leader has heard no quorum for too long, or waits for what nobody who is there knows: it is of no use, and
    /// goes silent.
    pub(crate) fn step_down(&mut self, out: &mut Effects<V>) {
        self.proposer.stop();
        self.follow(out);
    }

    /// If the proposer has stopped leading, the rest of the node does too.
    pub(crate) fn follow(&mut self, out: &mut Effects<V>) {
        if self.proposer.leads().is_none() && self.detector.leader() == Some(self.id) {
            self.detector.deposed(out);
            self.serves = false;
            self.reads.give_up(None, out);
            out.emit(Output::Follows { leader: None });
        }
    }

    // ANCHOR: transfer
    /// Lets `node` take over, if it is there and can learn what it lacks from the log: this leader stops proposing first, so
    /// that nothing it proposes is overtaken.
    pub(crate) fn transfer(&mut self, node: NodeId, out: &mut Effects<V>) {
        let lacks = self.learner.learned().0.saturating_sub(self.standing.of(node).0);
        let near = lacks <= self.options.window.max(self.options.retain); // what it has said of itself is some time ago
        if self.proposer.leads().is_some() && self.detector.is_alive(node) && near {
            out.send(NodeSet::only(node), Message::Campaign);
            self.step_down(out);
        }
    }
    // ANCHOR_END: transfer

    /// A node without memory, if this is one, asks again until all have answered, and then goes on. A leader that it hears
    /// keeps its timer from going off, so this is when it says again what may have been lost.
    pub(crate) fn ask_for_memory(&mut self, out: &mut Effects<V>) {
        let Some(recall) = &self.recall else { return };
        if self.proposer.is_electing() {
            self.proposer.ask_again(out);
        } else {
            recall.ask(self.others(), out);
            self.recollect(out);
        }
    }

    /// A node without memory, if this is one, goes on when all have answered: it opens a ballot above all that it may
    /// have promised.
    pub(crate) fn recollect(&mut self, out: &mut Effects<V>) {
        let Some(recall) = &mut self.recall else { return };
        if !self.proposer.is_electing()
            && let Some(highest) = recall.highest(self.id, &self.quorums)
        {
            self.proposer.heard_of(highest);
            self.open(self.others(), out);
        }
    }
}

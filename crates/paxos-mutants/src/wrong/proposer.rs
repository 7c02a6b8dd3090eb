//! The proposer, with its rules taken from `rules.rs`.

use paxos_messages::{
    Ballot, Vote,
    single::{Effects, Message, Record, Timer},
};
use paxos_process::{NodeId, NodeSet, Value};
use paxos_quorums::Quorums;

use super::rules::{self, Phase, Refused};
use crate::Mutant;

/// A proposer that wants one value.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Proposer<V> {
    pub(super) opened: Option<Ballot>,
    outbid: Option<Ballot>,
    own: Option<V>,
    stage: Stage<V>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Stage<V> {
    Idle,
    /// Who has promised, and the votes they reported, in order of arrival.
    Electing(NodeSet, Vec<Vote<V>>),
    Proposing(NodeSet),
}

impl<V: Value> Proposer<V> {
    pub(super) const fn new() -> Self {
        Self { opened: None, outbid: None, own: None, stage: Stage::Idle }
    }

    pub(super) const fn promised_by(&self) -> NodeSet {
        match &self.stage {
            Stage::Idle => NodeSet::EMPTY,
            Stage::Electing(nodes, _) | Stage::Proposing(nodes) => *nodes,
        }
    }

    pub(super) fn propose(
        &mut self,
        wrong: Option<Mutant>,
        node: NodeId,
        all: NodeSet,
        value: V,
        out: &mut Effects<V>,
    ) {
        if self.own.is_none() {
            self.own = Some(value);
            self.open(wrong, node, all, out);
        }
    }

    pub(super) fn retry(&mut self, wrong: Option<Mutant>, node: NodeId, all: NodeSet, out: &mut Effects<V>) {
        if self.stage != Stage::Idle {
            self.open(wrong, node, all, out);
        }
    }

    fn open(&mut self, wrong: Option<Mutant>, node: NodeId, all: NodeSet, out: &mut Effects<V>) {
        let Some(ballot) = rules::next_ballot(wrong, self.opened.max(self.outbid), node) else { return };
        (self.opened, self.outbid) = (Some(ballot), None);
        self.stage = Stage::Electing(NodeSet::EMPTY, Vec::new());
        if rules::ballots_are_recorded(wrong) {
            out.persist(Record::Round(ballot));
        }
        out.send_after_sync(all, Message::Prepare { ballot });
        out.set_timer(Timer::Retry);
    }

    pub(super) fn promise(
        &mut self,
        wrong: Option<Mutant>,
        quorums: &Quorums,
        from: NodeId,
        answer: (Ballot, Option<Vote<V>>),
        out: &mut Effects<V>,
    ) {
        let (Some(ballot), Some(own)) = (self.opened, &self.own) else { return };
        let Stage::Electing(promised_by, reports) = &mut self.stage else { return };
        let counted = rules::count(wrong, Phase::One, *promised_by, from);
        if !rules::promise_counts(wrong, answer.0, ballot) || counted == *promised_by {
            return;
        }
        *promised_by = counted;
        reports.extend(answer.1);
        if rules::enough(wrong, Phase::One, quorums, counted) {
            let value = rules::safe_value(wrong, reports, own);
            self.stage = Stage::Proposing(counted);
            out.send(quorums.members(), Message::Accept { ballot, value });
        }
    }

    pub(super) fn refused(
        &mut self,
        wrong: Option<Mutant>,
        node: NodeId,
        all: NodeSet,
        (ballot, promised): (Ballot, Ballot),
        out: &mut Effects<V>,
    ) {
        let current = self.opened.filter(|_| self.stage != Stage::Idle) == Some(ballot);
        if current && Some(promised) > self.opened.max(self.outbid) {
            self.outbid = Some(promised);
            match rules::after_refusal(wrong) {
                Refused::GoesOn => {}
                Refused::Forgets => self.outbid = None,
                Refused::GivesUp => self.stage = Stage::Proposing(NodeSet::EMPTY),
                Refused::AtOnce => return self.open(wrong, node, all, out),
            }
            out.set_timer(Timer::Retry);
        }
    }

    pub(super) fn stop(&mut self, out: &mut Effects<V>) {
        if self.stage != Stage::Idle {
            out.cancel_timer(Timer::Retry);
        }
        (self.stage, self.own, self.outbid) = (Stage::Idle, None, None);
    }
}

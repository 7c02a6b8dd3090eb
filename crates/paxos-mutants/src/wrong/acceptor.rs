//! The acceptor, with its rules taken from `rules.rs`.

use paxos_messages::{
    Ballot, Memory, Phase, Slot, Vote,
    single::{Effects, Message, Record},
};
use paxos_process::{NodeId, NodeSet, Value};

use super::rules;
use crate::Mutant;

/// What an acceptor remembers; `prepared` apart from `promised`, so that the two can be confused.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Acceptor<V> {
    /// The highest `Prepare` answered.
    pub(super) prepared: Option<Ballot>,
    /// The highest ballot promised, by a promise or by a vote.
    pub(super) promised: Option<Ballot>,
    pub(super) accepted: Option<Vote<V>>,
}

impl<V: Value> Acceptor<V> {
    pub(super) const fn new() -> Self {
        Self { prepared: None, promised: None, accepted: None }
    }

    pub(super) fn prepare(&mut self, wrong: Option<Mutant>, from: NodeId, ballot: Ballot, out: &mut Effects<V>) {
        let floor = rules::prepare_floor(wrong, self);
        if let Some(promised) = floor.filter(|floor| ballot < *floor) {
            return out.send(NodeSet::only(from), Message::Refused { ballot, promised, phase: Phase::Elect });
        }
        if floor == Some(ballot) {
            if self.accepted.as_ref().is_some_and(|vote| vote.ballot == ballot) {
                return;
            }
        } else {
            self.replay_promise(wrong, ballot);
            out.persist(Record::Promised(ballot));
        }
        let accepted = self.accepted.as_ref().map(|vote| rules::reported(wrong, vote, ballot));
        answer(wrong, from, Message::Promise { ballot, accepted }, out);
    }

    pub(super) fn accept(&mut self, wrong: Option<Mutant>, from: NodeId, vote: Vote<V>, out: &mut Effects<V>) {
        if let Some(promised) = rules::accept_floor(wrong, self).filter(|floor| vote.ballot < *floor) {
            let ballot = vote.ballot;
            return out.send(NodeSet::only(from), Message::Refused { ballot, promised, phase: Phase::Decide });
        }
        match &self.accepted {
            Some(cast) if *cast == vote => {}
            Some(cast) if cast.ballot == vote.ballot => return,
            Some(_) | None => {
                self.replay_vote(vote.clone());
                out.persist(Record::Accepted(vote.clone()));
            }
        }
        let Vote { ballot, value } = vote;
        answer(wrong, from, Message::Accepted { ballot, value }, out);
    }

    pub(super) fn replay_vote(&mut self, vote: Vote<V>) {
        self.promised = self.promised.max(Some(vote.ballot));
        self.accepted = Some(vote);
    }

    pub(super) fn replay_promise(&mut self, wrong: Option<Mutant>, ballot: Ballot) {
        (self.prepared, self.promised) = (Some(ballot), rules::promise_after(wrong, self.promised, ballot));
    }

    pub(super) fn memory(&self) -> Memory<V> {
        let votes = self.accepted.iter().map(|vote| (Slot::ONLY, vote.clone())).collect();
        Memory { promised: self.promised, from: Slot::ONLY, votes }
    }
}

fn answer<V>(wrong: Option<Mutant>, to: NodeId, message: Message<V>, out: &mut Effects<V>) {
    if rules::answers_wait(wrong) {
        out.send_after_sync(NodeSet::only(to), message);
    } else {
        out.send(NodeSet::only(to), message);
    }
}

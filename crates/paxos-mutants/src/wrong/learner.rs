//! The learner, with its rules taken from `rules.rs`.

use std::collections::BTreeMap;

use paxos_messages::{
    Vote,
    single::{Effects, Message, Output},
};
use paxos_process::{NodeId, NodeSet, Value};
use paxos_quorums::Quorums;

use super::rules::{self, Phase};
use crate::Mutant;

/// Who voted for what, until something is learned.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Learner<V> {
    voters: BTreeMap<Option<Vote<V>>, NodeSet>,
    pub(super) learned: Option<V>,
}

impl<V: Value> Learner<V> {
    pub(super) const fn new() -> Self {
        Self { voters: BTreeMap::new(), learned: None }
    }

    /// Counts a vote; true when it was the last that was needed.
    pub(super) fn vote(
        &mut self,
        wrong: Option<Mutant>,
        id: NodeId,
        quorums: &Quorums,
        (from, vote): (NodeId, Vote<V>),
        out: &mut Effects<V>,
    ) -> bool {
        if self.learned.is_some() {
            return false;
        }
        let voters = self.voters.entry(rules::tally(wrong, &vote)).or_default();
        *voters = rules::count(wrong, Phase::Two, *voters, from);
        let quorum = rules::enough(wrong, Phase::Two, quorums, *voters);
        let done = rules::votes_suffice(wrong, quorum);
        if done {
            let others = quorums.members().without(id);
            if !others.is_empty() {
                out.send(others, Message::Learn { value: vote.value.clone() });
            }
            self.learn(vote.value, out);
        }
        done
    }

    /// Learns `value`, unless something was learned before. It does not complain: judging is for judges.
    pub(super) fn learn(&mut self, value: V, out: &mut Effects<V>) {
        if self.learned.is_none() {
            self.voters.clear();
            self.learned = Some(value.clone());
            out.emit(Output::Learned(value));
        }
    }
}

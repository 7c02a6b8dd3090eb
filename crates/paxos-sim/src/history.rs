//! What was said, by whom: the ghost state that the invariants judge.

use std::hash::{Hash, Hasher};

use paxos_messages::{Ballot, Fact, Memory, Slot, Vote};
use paxos_process::{NodeId, NodeSet, Value};

/// Everything said so far that safety is stated over. No process can read it; only judges do.
///
/// The lists are sorted sets: two runs that said the same things in another order have the same history.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct History<V> {
    pub(crate) wanted: Vec<V>,
    pub(crate) proposals: Vec<(Slot, Ballot, V)>,
    pub(crate) votes: Vec<(Slot, Vote<V>, NodeSet)>,
    pub(crate) learned: Vec<(Slot, V)>,
    pub(crate) promised: Vec<(NodeId, Ballot)>,
    pub(crate) promise_fell: NodeSet,
    pub(crate) not_durable: NodeSet,
    /// The hash of all of the above when it was last written.
    pub(crate) fingerprint: u64,
}

impl<V: Hash> Hash for History<V> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (&self.wanted, &self.proposals, &self.votes, &self.learned).hash(state);
        (&self.promised, self.promise_fell, self.not_durable).hash(state);
    }
}

impl<V: Value> History<V> {
    pub(crate) const fn new() -> Self {
        Self {
            wanted: Vec::new(),
            proposals: Vec::new(),
            votes: Vec::new(),
            learned: Vec::new(),
            promised: Vec::new(),
            promise_fell: NodeSet::EMPTY,
            not_durable: NodeSet::EMPTY,
            fingerprint: 0,
        }
    }

    /// The values asked for.
    #[must_use]
    pub fn wanted(&self) -> &[V] {
        &self.wanted
    }

    /// Every vote cast, with the acceptors that cast it.
    #[must_use]
    pub fn votes(&self) -> &[(Slot, Vote<V>, NodeSet)] {
        &self.votes
    }

    /// Every value that some node has learned.
    #[must_use]
    pub fn learned(&self) -> &[(Slot, V)] {
        &self.learned
    }

    pub(crate) fn want(&mut self, value: &V) {
        insert(&mut self.wanted, value.clone());
    }

    /// Takes note of `fact`, as `node` says it. `on_disk` is what the node would find after a crash at this moment.
    pub(crate) fn note(&mut self, node: NodeId, fact: Fact<V>, on_disk: impl FnOnce() -> Memory<V>) {
        match fact {
            Fact::Opened { .. } | Fact::Installed { .. } => {}
            Fact::Proposed { slot, ballot, value, .. } => insert(&mut self.proposals, (slot, ballot, value)),
            Fact::Learned { slot, value } => insert(&mut self.learned, (slot, value)),
            Fact::Promised { ballot, .. } => {
                self.promise(node, ballot);
                self.must_be_durable(node, on_disk().promised >= Some(ballot));
            }
            Fact::Voted { slot, vote } => {
                self.promise(node, vote.ballot);
                let disk = on_disk();
                let kept = disk.votes.iter().any(|(at, kept)| *at == slot && kept.ballot >= vote.ballot);
                self.must_be_durable(node, kept && disk.promised >= Some(vote.ballot));
                match self.votes.binary_search_by(|(at, cast, _)| (at, cast).cmp(&(&slot, &vote))) {
                    Ok(position) => _ = self.votes[position].2.insert(node),
                    Err(position) => self.votes.insert(position, (slot, vote, NodeSet::only(node))),
                }
            }
        }
    }

    /// A node has restarted with `memory`: what it has said must be in it.
    pub(crate) fn restarted(&mut self, node: NodeId, memory: &Memory<V>) {
        let promised = self.promised.iter().find(|(of, _)| *of == node).map(|(_, ballot)| *ballot);
        self.must_be_durable(node, memory.promised >= promised);
        let kept = |(slot, vote, voters): &(Slot, Vote<V>, NodeSet)| {
            let found = memory.votes.iter().any(|(at, kept)| at == slot && kept.ballot >= vote.ballot);
            found || !voters.contains(node)
        };
        self.must_be_durable(node, self.votes.iter().all(kept));
    }

    fn must_be_durable(&mut self, node: NodeId, durable: bool) {
        if !durable {
            self.not_durable.insert(node);
        }
    }

    fn promise(&mut self, node: NodeId, ballot: Ballot) {
        match self.promised.binary_search_by_key(&node, |(of, _)| *of) {
            Ok(position) if self.promised[position].1 > ballot => _ = self.promise_fell.insert(node),
            Ok(position) => self.promised[position].1 = ballot,
            Err(position) => self.promised.insert(position, (node, ballot)),
        }
    }
}

/// Inserts into a sorted list without repeats.
fn insert<T: Ord>(list: &mut Vec<T>, item: T) {
    if let Err(position) = list.binary_search(&item) {
        list.insert(position, item);
    }
}

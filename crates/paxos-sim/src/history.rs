//! What was said, by whom: the ghost state that the invariants judge.

mod sorted;

use std::hash::{Hash, Hasher};

use paxos_messages::{Ballot, Fact, Memory, Slot, Vote};
use paxos_process::{NodeId, NodeSet, Value};

pub(crate) use sorted::Sorted;

/// Everything said so far that safety is stated over. No process can read it; only judges do.
///
/// The lists are sorted sets: two runs that said the same things in another order have the same history.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct History<V> {
    pub(crate) wanted: Sorted<V>,
    pub(crate) proposals: Sorted<(Slot, Ballot, V)>,
    pub(crate) votes: Sorted<(Slot, Vote<V>, NodeSet)>,
    pub(crate) learned: Sorted<(Slot, V)>,
    promised: Sorted<(NodeId, Ballot)>,
    /// The reads that are not answered, each with the first slot that nobody had been told when it was asked.
    reads: Sorted<(NodeId, u64, Slot)>,
    pub(crate) promise_fell: NodeSet,
    pub(crate) not_durable: NodeSet,
    pub(crate) left_a_hole: NodeSet,
    pub(crate) read_the_past: NodeSet,
    /// The nodes that have lost a disk: what they said before is nowhere, and they are known not to remember it.
    lost: NodeSet,
    /// Whether a vote may be given up for the word of a leader of a higher ballot.
    gives_up_votes: bool,
}

impl<V> Hash for History<V> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (&self.wanted, &self.proposals, &self.votes, &self.learned).hash(state);
        (&self.promised, self.promise_fell, self.not_durable, self.left_a_hole, self.lost).hash(state);
        (&self.reads, self.read_the_past).hash(state);
    }
}

impl<V: Value> History<V> {
    /// Nothing was said yet. `unasked` is what may be chosen though nobody asks for it.
    pub(crate) fn new(unasked: Vec<V>) -> Self {
        let mut history = Self {
            wanted: Sorted::new(),
            proposals: Sorted::new(),
            votes: Sorted::new(),
            learned: Sorted::new(),
            promised: Sorted::new(),
            reads: Sorted::new(),
            promise_fell: NodeSet::EMPTY,
            not_durable: NodeSet::EMPTY,
            lost: NodeSet::EMPTY,
            left_a_hole: NodeSet::EMPTY,
            read_the_past: NodeSet::EMPTY,
            gives_up_votes: false,
        };
        unasked.into_iter().for_each(|value| history.want(value));
        history
    }

    /// Says whether votes may be given up: see [`Observed::GIVES_UP_VOTES`](paxos_messages::Observed::GIVES_UP_VOTES).
    pub(crate) fn giving_up_votes(self, gives_up_votes: bool) -> Self {
        Self { gives_up_votes, ..self }
    }

    /// The values asked for, and those that need nobody's asking.
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

    /// What was said of the slots from one to another, or of none.
    pub(crate) fn said_of(&self, slots: Option<(Slot, Slot)>) -> Said<'_, V> {
        let Some(slots) = slots else { return Said { history: self, proposals: &[], votes: &[], learned: &[] } };
        let proposals = part(&self.proposals, slots, |(slot, ..)| *slot);
        let votes = part(&self.votes, slots, |(slot, ..)| *slot);
        let learned = part(&self.learned, slots, |(slot, _)| *slot);
        Said { history: self, proposals, votes, learned }
    }

    pub(crate) fn want(&mut self, value: V) {
        self.wanted.insert(value);
    }

    /// Takes note of `fact`, as `node` says it. `on_disk` is what the node would find after a crash at this moment.
    pub(crate) fn note(&mut self, node: NodeId, fact: Fact<V>, on_disk: impl FnOnce() -> Memory<V>) {
        match fact {
            Fact::Opened { .. } | Fact::Installed { .. } | Fact::Answered { .. } => {}
            Fact::Proposed { slot, ballot, value, .. } => self.proposals.insert((slot, ballot, value)),
            Fact::Learned { slot, value } => self.learned.insert((slot, value)),
            Fact::Promised { ballot, .. } => {
                self.promise(node, ballot);
                self.must_be_durable(node, on_disk().promised >= Some(ballot));
            }
            Fact::Voted { slot, vote } => self.voted(node, slot, vote, &on_disk()),
            Fact::VotedAll { ballot, from, values } => {
                let disk = on_disk();
                for (slot, value) in (from.0..).map(Slot).zip(values) {
                    self.voted(node, slot, Vote { ballot, value }, &disk);
                }
            }
        }
    }

    fn voted(&mut self, node: NodeId, slot: Slot, vote: Vote<V>, disk: &Memory<V>) {
        self.promise(node, vote.ballot);
        let kept = self.keeps(disk, slot, vote.ballot);
        self.must_be_durable(node, kept && disk.promised >= Some(vote.ballot));
        match self.votes.binary_search_by(|(at, cast, _)| (at, cast).cmp(&(&slot, &vote))) {
            Ok(position) => self.votes.update(position, |cast| _ = cast.2.insert(node)),
            Err(_) => self.votes.insert((slot, vote, NodeSet::only(node))),
        }
    }

    /// A node has told its application of a slot before it has told of one below.
    pub(crate) fn leaves_a_hole(&mut self, node: NodeId) {
        self.left_a_hole.insert(node);
    }

    /// The application of a node asks to read. Whatever any application has been told by now must be in the answer.
    pub(crate) fn read(&mut self, node: NodeId, read: u64) {
        let told = self.learned.last().map_or(Slot(0), |(slot, _)| slot.next());
        self.reads.insert((node, read, told));
    }

    /// A node lets its application answer a read, and has told it so much.
    pub(crate) fn answered(&mut self, node: NodeId, read: u64, told: Told) {
        let mut asked = self.reads.iter().filter(|(of, number, _)| (*of, *number) == (node, read));
        if asked.any(|(.., needed)| told.0 < *needed) {
            self.read_the_past.insert(node);
        }
        self.reads.retain(|(of, number, _)| (*of, *number) != (node, read));
    }

    /// A node has restarted with `memory`: what it has said must be in it.
    pub(crate) fn restarted(&mut self, node: NodeId, memory: &Memory<V>) {
        if self.lost.contains(node) {
            return;
        }
        let promised = self.promised.iter().find(|(of, _)| *of == node).map(|(_, ballot)| *ballot);
        self.must_be_durable(node, memory.promised >= promised);
        let settled = self.votes.partition_point(|(slot, ..)| *slot < memory.from);
        let mut others = self.votes[settled..].iter();
        let kept = others.all(|(slot, vote, voters)| !voters.contains(node) || self.keeps(memory, *slot, vote.ballot));
        self.must_be_durable(node, kept);
    }

    /// A node has lost its disk. What it said to others still counts: promises must not fall, and chosen values stay
    /// chosen. What it promised in a ballot of its own it has said to nobody else.
    pub(crate) fn lost(&mut self, node: NodeId) {
        self.lost.insert(node);
        self.promised.retain(|(of, ballot)| *of != node || ballot.node != node);
    }

    /// Whether an acceptor that remembers `memory` still stands by its vote: it has it, or one of a higher ballot, or knows
    /// that the slot is chosen and that nobody needs to ask; or it has given it up for the word of a leader of a higher
    /// ballot that it has promised, where that is allowed.
    fn keeps(&self, memory: &Memory<V>, slot: Slot, ballot: Ballot) -> bool {
        slot < memory.from
            || memory.votes.iter().any(|(at, vote)| *at == slot && ballot <= vote.ballot)
            || self.gives_up_votes && self.was_overruled(memory, ballot)
    }

    /// Whether such a leader has proposed anything. Where a log is one vote, whoever cuts off its end makes it a vote of a
    /// lower ballot as a whole, also where it says the same as before.
    fn was_overruled(&self, memory: &Memory<V>, ballot: Ballot) -> bool {
        self.proposals.iter().any(|(_, other, _)| ballot < *other && Some(*other) <= memory.promised)
    }

    fn must_be_durable(&mut self, node: NodeId, durable: bool) {
        if !durable {
            self.not_durable.insert(node);
        }
    }

    fn promise(&mut self, node: NodeId, ballot: Ballot) {
        match self.promised.binary_search_by_key(&node, |(of, _)| *of) {
            Ok(position) if self.promised[position].1 > ballot => _ = self.promise_fell.insert(node),
            Ok(position) => self.promised.update(position, |promised| promised.1 = ballot),
            Err(_) => self.promised.insert((node, ballot)),
        }
    }
}

/// The part of a history that is about some slots.
pub(crate) struct Said<'a, V> {
    /// All of it: for what is not about slots.
    pub(crate) history: &'a History<V>,
    pub(crate) proposals: &'a [(Slot, Ballot, V)],
    pub(crate) votes: &'a [(Slot, Vote<V>, NodeSet)],
    pub(crate) learned: &'a [(Slot, V)],
}

/// The part of a list sorted by slot that is about the slots from one to another.
pub(crate) fn part<T>(list: &[T], (first, last): (Slot, Slot), slot: impl Fn(&T) -> Slot) -> &[T] {
    let begin = list.partition_point(|item| slot(item) < first);
    let length = list[begin..].partition_point(|item| slot(item) <= last);
    &list[begin..begin + length]
}

/// How far a node has told its application in this life: the first slot that it has not.
///
/// It is no part of what a world is hashed by. What was told follows from the state of the process, as long as that
/// remembers what it has told; two worlds that differ in nothing else are the same world.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Told(Slot);

impl Told {
    pub(crate) const NOTHING: Self = Self(Slot(0));

    /// Takes note of what is told next. Whether it leaves no hole: an earlier slot may be told again.
    pub(crate) fn hear<V>(&mut self, fact: &Fact<V>) -> bool {
        match fact {
            Fact::Learned { slot, .. } if self.0 < *slot => return false,
            Fact::Learned { slot, .. } => self.0 = self.0.max(slot.next()),
            Fact::Installed { upto } => self.0 = *upto,
            Fact::Opened { .. }
            | Fact::Promised { .. }
            | Fact::Proposed { .. }
            | Fact::Voted { .. }
            | Fact::VotedAll { .. }
            | Fact::Answered { .. } => {}
        }
        true
    }
}

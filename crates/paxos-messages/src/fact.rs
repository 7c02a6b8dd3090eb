//! What a judge hears: the part of a run that the proofs of Paxos talk about.
//!
//! Messages differ between variants; what they mean for safety does not. A protocol translates its own words into
//! [`Fact`]s, and one file of invariants, one trace format and one history judge them all.

use alloc::vec::Vec;

use paxos_process::{NodeSet, Process, Value};

use crate::{Ballot, Phase, Slot, Vote};

/// One event of Lamport's specification, said or learned by one node.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Fact<V> {
    /// Phase 1a: a proposer opens a ballot.
    Opened {
        /// The ballot it opens.
        ballot: Ballot,
    },
    /// Phase 1b: an acceptor promises, and reports its votes.
    Promised {
        /// The ballot it promises.
        ballot: Ballot,
        /// The first slot it speaks for: all below are chosen, or were not asked about.
        from: Slot,
        /// Its highest vote in each slot it speaks for.
        votes: Vec<(Slot, Vote<V>)>,
    },
    /// Phase 2a: an elected proposer proposes.
    Proposed {
        /// The slot it proposes for.
        slot: Slot,
        /// The ballot it was elected in.
        ballot: Ballot,
        /// The value it found safe.
        value: V,
        /// The acceptors whose promises elected it.
        quorum: NodeSet,
    },
    /// Phase 2b: an acceptor votes.
    Voted {
        /// The slot it votes in.
        slot: Slot,
        /// Its vote.
        vote: Vote<V>,
    },
    /// Phase 2b, many times: an acceptor votes in all slots from one on. Where a log is one vote, as in Raft, that is what
    /// it says.
    VotedAll {
        /// The ballot it votes in.
        ballot: Ballot,
        /// The first slot it votes in.
        from: Slot,
        /// The values, slot after slot.
        values: Vec<V>,
    },
    /// A learner considers a value chosen.
    Learned {
        /// The slot it was chosen in.
        slot: Slot,
        /// The value.
        value: V,
    },
    /// A learner has taken over a snapshot, which stands for all slots below `upto`.
    Installed {
        /// The first slot that is not in the snapshot.
        upto: Slot,
    },
    /// A node tells its application that a read may be answered from what it has told it so far.
    Answered {
        /// The number of the read.
        read: u64,
    },
}

/// What an acceptor remembers: everything its safety depends on.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Memory<V> {
    /// The highest ballot promised, by a promise or by a vote.
    pub promised: Option<Ballot>,
    /// The first slot it still keeps votes of. All below are known to be chosen.
    pub from: Slot,
    /// The highest vote in each slot from there on.
    pub votes: Vec<(Slot, Vote<V>)>,
}

/// A process that can be judged: it says which of its words are which [`Fact`]s.
///
/// These are readings of what is already there. A judge that had to ask the protocol how it feels would believe
/// its mistakes.
pub trait Observed: Process {
    /// What is decided.
    type Decree: Value;

    /// Whether an acceptor may give up a vote for the word of a leader of a higher ballot, as Raft's logs are cut off. In
    /// Paxos it never may.
    const GIVES_UP_VOTES: bool = false;

    /// The fact that sending `message` establishes, right after the step that sent it; `None` for words that carry
    /// none, such as refusals.
    fn said(&self, message: &Self::Message) -> Option<Fact<Self::Decree>>;

    /// The fact that `output` tells the application, if it tells one.
    fn told(&self, output: &Self::Output) -> Option<Fact<Self::Decree>>;

    /// The value that `request` asks to propose, if it asks for that.
    fn wanted(request: &Self::Request) -> Option<Self::Decree>;

    /// The number of the read that `request` asks for, if it asks for one: see [`Fact::Answered`].
    fn read(_request: &Self::Request) -> Option<u64> {
        None
    }

    /// What may be chosen though no application has asked for it, such as a no-op.
    fn unasked() -> Vec<Self::Decree> {
        Vec::new()
    }

    /// The same process when it has lost its memory, knows that it has, and starts again in life `life`. `None` when
    /// the protocol has no rule for that: such a process must not come back.
    fn without_memory(&self, life: u64) -> Option<Self>
    where
        Self: Sized,
    {
        let _ = life;
        None
    }

    /// What this process would still know after a crash, were all its records stable.
    fn memory(&self) -> Memory<Self::Decree>;

    /// The phase that `message` belongs to: every trace is labelled by it.
    fn phase(message: &Self::Message) -> Phase;
}

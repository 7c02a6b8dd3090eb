//! The vocabulary of Raft, as Figure 2 of *In Search of an Understandable Consensus Algorithm* (Ongaro and Ousterhout,
//! 2014) has it, and what Ongaro's dissertation (2014) adds.
//!
//! What an application asks and is told is that of any replicated log: `paxos_messages::multi` has the words, so one
//! service runs on either protocol. Read the rest beside `Message` there. `RequestVote` is its `Prepare`, `Vote` its
//! `Promise`, but for one thing: a vote reports nothing. Whoever asks for it must already have what a promise would
//! report. `AppendEntries` is `Accept`; but it says what comes *before* its entry, and is refused by whoever has anything
//! else there.
//!
//! | the paper | here |
//! |---|---|
//! | `prevLogIndex`, `prevLogTerm` | `before`: a [`Position`], which ends *in front of* the slot of the entry |
//! | `lastLogIndex`, `lastLogTerm` | `last` |
//! | `leaderCommit`, `commitIndex` | `chosen` |
//! | success of `AppendEntries`, and `matchIndex` | `Appended`, `matched` |
//! | failure of `AppendEntries` | `Behind`; its `hint` is the conflict that §5.3 speaks of at its end |
//! | a vote granted | `Vote`; one that is not granted is silence |
//! | a pre-vote granted | `Willing` |
//!
//! No message grows with the log: each carries at most one entry, or one part of a snapshot.

mod display;

use paxos_messages::{
    Ballot, Phase, Slot,
    multi::{Entry, Output, Request, SignOfLife, SnapshotPart, Timer},
};
use paxos_process::NodeId;

/// A term: Raft's ballot, without the node in it. That a term has at most one leader is not a matter of how it is
/// numbered, as with ballots, but of voting: each node votes once in it (§5.2). Shown as `t3`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Term(pub u64);

// ANCHOR: position
/// Where a log ends, or what an entry stands behind: the term of the entry before slot `end`.
///
/// Two logs that have the same position have the same entries before it (§5.3, Log Matching). The order of positions, by
/// term and then by length, is that of §5.4.1: the greater one is the more *up-to-date*. Shown as `t3 s7`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Position {
    /// The term of the entry in the last slot before `end`; term 0 before all slots.
    pub term: Term,
    /// The first slot after it.
    pub end: Slot,
}
// ANCHOR_END: position

impl Position {
    /// Before all slots, where all logs are the same.
    pub const ORIGIN: Self = Self { term: Term(0), end: Slot(0) };
}

// ANCHOR: message
/// What the nodes of Raft say to each other.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Message<V> {
    /// Pre-vote (dissertation, §9.6), to all: "I hear no leader, and my log ends there. Would you vote for me?"
    PreVote {
        /// Which question this is, so that a late answer to an earlier one is not counted.
        round: u64,
        /// Where the log of the sender ends.
        last: Position,
    },
    /// The answer, when no leader is heard here either and the other log is not behind. Otherwise there is silence.
    Willing {
        /// The question answered.
        round: u64,
        /// The term here: the campaign should be above it.
        term: Term,
    },
    /// "Vote for me in this term: my log ends there."
    RequestVote {
        /// The term the candidate wants to lead in.
        term: Term,
        /// Where its log ends.
        last: Position,
    },
    /// "I vote for you in this term, for nobody else in it, and take no word of a lower one."
    Vote {
        /// The term voted in.
        term: Term,
    },
    /// "No: this is the term here." To a candidate or a leader whose term is over.
    Refused {
        /// The higher term.
        term: Term,
        /// The phase of this answer.
        phase: Phase,
    },
    /// Leader → follower: "behind this position comes this entry." Without an entry it is a heartbeat.
    AppendEntries {
        /// The term of the leader.
        term: Term,
        /// What the entry stands behind. Whoever has something else there refuses.
        before: Position,
        /// The next entry of the leader's log, with the term in which it was first appended.
        entry: Option<(Term, Entry<V>)>,
        /// All slots below are chosen (*committed*, as Raft says).
        chosen: Slot,
        /// All members have all slots below: nobody needs to send them any more.
        everywhere: Slot,
        /// Counts the leader's questions: an answer with this round was said after it was asked.
        round: u64,
    },
    /// "My log is the leader's, in all slots below." A vote for all of them, when the last is of this term.
    Appended {
        /// The term of the leader.
        term: Term,
        /// The first slot that is not known to be the same.
        matched: Slot,
        /// The round of the question.
        round: u64,
    },
    /// "I have something else before that slot, or nothing": the consistency check of §5.3 has failed.
    Behind {
        /// The term of the leader.
        term: Term,
        /// The slot in front of which the logs differ.
        refused: Slot,
        /// The logs may agree up to here, and cannot further: what makes backing up fast (§5.3, at its end).
        hint: Position,
        /// The round of the question.
        round: u64,
    },
    /// Leader → follower: a part of a snapshot, for whoever lacks what the leader's log does not have any more (§7).
    InstallSnapshot {
        /// The term of the leader.
        term: Term,
        /// The term of the last entry that the snapshot stands for.
        last: Term,
        /// The part.
        part: SnapshotPart,
    },
    /// "I have so much of that snapshot."
    Received {
        /// The term of the leader.
        term: Term,
        /// The first slot that is not in the snapshot.
        upto: Slot,
        /// How many of its bytes are here.
        bytes: u64,
    },
    /// Leader → one node: "your log is mine; campaign now" (dissertation, §3.10).
    TimeoutNow {
        /// The term of the leader.
        term: Term,
    },
}
// ANCHOR_END: message

impl<V> Message<V> {
    /// The phase of the document that this message belongs to.
    pub const fn phase(&self) -> Phase {
        match self {
            Self::PreVote { .. }
            | Self::Willing { .. }
            | Self::RequestVote { .. }
            | Self::Vote { .. }
            | Self::TimeoutNow { .. } => Phase::Elect,
            Self::AppendEntries { entry: Some(_), .. } => Phase::Propose,
            Self::Appended { .. } | Self::Behind { .. } => Phase::Decide,
            Self::AppendEntries { entry: None, .. } | Self::InstallSnapshot { .. } | Self::Received { .. } => {
                Phase::Learn
            }
            Self::Refused { phase, .. } => *phase,
        }
    }

    /// The term that it is said in, where it is about one: in a lower one it has nothing to say any more.
    pub const fn term(&self) -> Option<Term> {
        match self {
            Self::PreVote { .. } | Self::Willing { .. } => None,
            Self::RequestVote { term, .. }
            | Self::Vote { term }
            | Self::Refused { term, .. }
            | Self::AppendEntries { term, .. }
            | Self::Appended { term, .. }
            | Self::Behind { term, .. }
            | Self::InstallSnapshot { term, .. }
            | Self::Received { term, .. }
            | Self::TimeoutNow { term } => Some(*term),
        }
    }
}

impl<V> SignOfLife for Message<V> {
    fn sign_of_life(&self, from: NodeId) -> Option<(Ballot, Slot)> {
        if let Self::AppendEntries { term, entry: None, chosen, .. } = self {
            Some((Ballot { round: term.0, node: from }, *chosen))
        } else {
            None
        }
    }
}

// ANCHOR: record
/// What must survive a crash: the current term, the vote in it, and the log (Figure 2, *persistent state*). How far the log
/// is chosen is not in it: whoever comes back hears it from the leader.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Record<V> {
    /// This term has been heard of, and nobody has this node's vote in it.
    Term(Term),
    /// This node has voted in this term for this candidate, perhaps itself.
    Voted(Term, NodeId),
    /// This entry of this term is in this slot; whatever was there, and behind it, is not.
    Appended(Slot, Term, Entry<V>),
    /// A part of a snapshot that ends with an entry of this term. When the last part is there, it takes the place of all
    /// slots below its own.
    Snapshot(Term, SnapshotPart),
}
// ANCHOR_END: record

/// An event for a replica of Raft.
pub type Event<V> = paxos_process::Event<Message<V>, Timer, Request<V>>;

/// The effects of a replica of Raft.
pub type Effects<V> = paxos_process::Effects<Message<V>, Record<V>, Timer, Output<V>>;

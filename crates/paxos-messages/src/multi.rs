//! The vocabulary of a replicated log: the words of `single`, each with a slot, and what a log needs beside them.
//!
//! Read it as a diff against `single`. The four phases are the same. `Prepare` asks about *all* slots from one on, so
//! one election serves a whole log; `Accept` and `Accepted` name their slot. A leader says how far the log is chosen
//! with whatever it says next, so that confirmation costs no message of its own. New are the words of the failure
//! detector (`Probe`, `Willing`, `Heartbeat`, `Alive`, `Campaign`), which are about liveness and promise nothing, and
//! those of catching up (`Fetch`, `Learn`, `Snapshot`), which only tell what is chosen.
//!
//! No message grows with the log: each carries at most one value, or one part of a snapshot.

mod display;
mod incoming;

use alloc::string::String;

use paxos_process::NodeId;

pub use self::incoming::{Incoming, PART, PARTS};
use crate::{Ballot, Bytes, Phase, Slot, Vote};

// ANCHOR: entry
/// What a slot decides.
///
/// An enum, so that one log can order other things than commands. A change of members would be a third variant.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Entry<V> {
    /// Nothing: what a new leader puts into a slot for which nobody whom it asked has voted (*Paxos Made Simple*, §3).
    Noop,
    /// A command of the application.
    Command(V),
}
// ANCHOR_END: entry

// ANCHOR: message
/// What the nodes of a replicated log say to each other.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Message<V> {
    /// Failure detector, to all: "I hear no leader. Would you answer if I asked to be elected?"
    Probe {
        /// Which question this is, so that a late answer to an earlier one is not counted.
        round: u64,
    },
    /// The answer to a `Probe`, when no leader is heard here either. Who hears one stays silent.
    Willing {
        /// The question answered.
        round: u64,
        /// The highest ballot promised here: the campaign should be above it.
        promised: Option<Ballot>,
    },
    /// Leader → one node: "take over; I stop proposing."
    Campaign,
    /// Phase 1a, for every slot from `from` on: "promise me this ballot, and tell me what you have voted for."
    Prepare {
        /// The ballot the proposer wants to be elected in.
        ballot: Ballot,
        /// The first slot it asks about. All below are chosen, or were answered before.
        from: Slot,
    },
    /// Phase 1b, one page of the answer: "I will vote in no lower ballot, in no slot. Of the slots from `from` on and
    /// before the next page, I have voted in the first, and this is my vote; or, if there is none, in none of them."
    Promise {
        /// The ballot promised, as in the `Prepare` it answers.
        ballot: Ballot,
        /// The first slot this page speaks for.
        from: Slot,
        /// Where the next page begins, if there is one.
        until: Until,
        /// All slots below are known here to be chosen: of those no vote is kept, and none is needed.
        chosen: Slot,
        /// The vote in slot `from`.
        accepted: Option<Vote<Entry<V>>>,
    },
    /// Phase 2a: "vote for this value in this slot and ballot." In passing: "all slots below `chosen` are chosen."
    Accept {
        /// The ballot the proposer was elected in.
        ballot: Ballot,
        /// The slot.
        slot: Slot,
        /// The only value that this ballot will ever see in this slot.
        value: Entry<V>,
        /// The first slot that the leader does not know to be chosen.
        chosen: Slot,
    },
    /// Phase 2b, acceptor → the leader of the ballot: "I have voted for what you proposed there."
    Accepted {
        /// The ballot voted in.
        ballot: Ballot,
        /// The slot voted in. The value need not be said: a ballot has one value for a slot.
        slot: Slot,
    },
    /// "No, I have promised a higher ballot." As in `single`; it also answers a leader's `Heartbeat`.
    Refused {
        /// The ballot refused.
        ballot: Ballot,
        /// The higher ballot that the acceptor has promised.
        promised: Ballot,
        /// The phase of this answer.
        phase: Phase,
    },
    /// Leader → all others, at regular intervals: "I am here, and so far is chosen."
    Heartbeat {
        /// The ballot it leads in.
        ballot: Ballot,
        /// Counts the leader's questions: an `Alive` with this round was said after it was asked.
        round: u64,
        /// The first slot that the leader does not know to be chosen.
        chosen: Slot,
        /// Every member has learned all slots below, as far as the leader has heard: nobody needs them any more.
        everywhere: Slot,
    },
    /// The answer to a `Heartbeat`: "I have promised no higher ballot, at this moment."
    Alive {
        /// The ballot of the heartbeat.
        ballot: Ballot,
        /// Its round.
        round: u64,
        /// The first slot that the sender has not learned.
        learned: Slot,
    },
    /// "I lack what was chosen from `from` on." A page of `Learn` is the answer, or of `Snapshot` when the log there
    /// does not begin so early any more.
    Fetch {
        /// The first slot that the sender has not learned.
        from: Slot,
        /// The snapshot it has part of: up to which slot, and how many bytes. Transfer goes on from there.
        partial: Option<(Slot, u64)>,
    },
    /// "This is chosen there."
    Learn {
        /// The slot.
        slot: Slot,
        /// What is chosen in it.
        value: Entry<V>,
    },
    /// A part of a snapshot, which stands for all slots below its own.
    Snapshot(SnapshotPart),
    /// A node that has lost its memory, to all others: "which ballot may I have promised?"
    Recall {
        /// The life of the asking node, so that an answer to an earlier one is not counted.
        life: u64,
    },
    /// The answer to a `Recall`, from a node that has its memory.
    Remind {
        /// The life asked about.
        life: u64,
        /// The highest ballot promised or opened here.
        highest: Option<Ballot>,
    },
}
// ANCHOR_END: message

/// The words of a log with a leader, whichever protocol elects it.
pub trait SignOfLife {
    /// What a leader says at regular intervals, if this is it, said by `from`: its ballot, and the first slot that it does
    /// not know to be chosen.
    fn sign_of_life(&self, from: NodeId) -> Option<(Ballot, Slot)>;
}

impl<V> SignOfLife for Message<V> {
    fn sign_of_life(&self, _: NodeId) -> Option<(Ballot, Slot)> {
        if let Self::Heartbeat { ballot, chosen, .. } = self { Some((*ballot, *chosen)) } else { None }
    }
}

/// How far a page of a [`Message::Promise`] speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Until {
    /// To the slot at which the next page begins, which is on its way.
    Next(Slot),
    /// To this slot. Enough was said at once: whoever wants to know the rest asks again, from there.
    Ask(Slot),
    /// For all slots that will ever be.
    End,
}

/// A part of a snapshot: what the application's state is after all slots below `upto`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct SnapshotPart {
    /// The first slot that is not in the snapshot.
    pub upto: Slot,
    /// How many bytes the whole snapshot has.
    pub total: u64,
    /// Where in it this part begins.
    pub offset: u64,
    /// The part.
    pub part: Bytes,
}

impl<V> Message<V> {
    /// The phase that this message belongs to: the words of the failure detector are about election, and those of
    /// catching up about learning.
    pub const fn phase(&self) -> Phase {
        match self {
            Self::Probe { .. }
            | Self::Willing { .. }
            | Self::Campaign
            | Self::Prepare { .. }
            | Self::Promise { .. }
            | Self::Recall { .. }
            | Self::Remind { .. } => Phase::Elect,
            Self::Accept { .. } => Phase::Propose,
            Self::Accepted { .. } => Phase::Decide,
            Self::Refused { phase, .. } => *phase,
            Self::Heartbeat { .. }
            | Self::Alive { .. }
            | Self::Fetch { .. }
            | Self::Learn { .. }
            | Self::Snapshot(_) => Phase::Learn,
        }
    }
}

// ANCHOR: record
/// What must survive a crash.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Record<V> {
    /// A proposer has opened this ballot and must never open it again.
    Round(Ballot),
    /// An acceptor has promised this ballot, in every slot.
    Promised(Ballot),
    /// An acceptor has voted in this slot, and thereby promised the ballot of the vote.
    Accepted(Slot, Vote<Entry<V>>),
    /// A learner was told by the leader of this ballot that all slots below are chosen. Where it has heard the value
    /// proposed in that ballot, that value is the chosen one.
    Chosen(Ballot, Slot),
    /// A learner has learned this, the first slot that it had not.
    Learned(Slot, Entry<V>),
    /// A part of a snapshot. When the last part is there, it takes the place of all slots below its own.
    Snapshot(SnapshotPart),
    /// This node has lost its memory, in this life, and must not vote until it is safe again.
    Forgotten(u64),
    /// It is safe again: the acceptor promises this ballot, and has nothing to say about slots below.
    Recalled(Option<Ballot>, Slot),
}
// ANCHOR_END: record

// ANCHOR: timer
/// The alarms of a replicated log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Timer {
    /// At the leader: say that I am here, and ask again for votes that have not come.
    Heartbeat,
    /// At a leader: has a quorum been heard since this was set? At any other node: no leader has been heard for so
    /// long. Its length is random and several times that of `Heartbeat`.
    Election,
}
// ANCHOR_END: timer

// ANCHOR: request
/// What an application asks of its node.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Request<V> {
    /// Have this command chosen in some slot. If it is not refused at once, it may be chosen, and need not be.
    Propose(V),
    /// Confirm that this node leads, for a read that has this number: answered by [`Output::Readable`] or
    /// [`Output::Unreadable`].
    Read(u64),
    /// Here is my state after all slots below `upto`: the log before it is not needed here any more.
    Compact {
        /// The first slot that is not in the state. The application has been told all below it.
        upto: Slot,
        /// The state, at most 1 GiB. Every node gives the same bytes for the same slot: a transfer that one node began
        /// may be continued by another.
        state: Bytes,
    },
    /// Try to lead.
    Campaign,
    /// Let this node lead instead. Multi-Paxos stops leading and lets it try; Raft first makes sure that it has the whole log.
    Transfer(NodeId),
}
// ANCHOR_END: request

impl<V> Request<V> {
    /// What it asks to have chosen, if it asks for that.
    pub fn wanted(&self) -> Option<Entry<V>>
    where
        V: Clone,
    {
        match self {
            Self::Propose(value) => Some(Entry::Command(value.clone())),
            Self::Read(_) | Self::Compact { .. } | Self::Campaign | Self::Transfer(_) => None,
        }
    }
}

// ANCHOR: output
/// What a node tells its application.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Output<V> {
    /// This is chosen in this slot. Told in the order of slots, without gaps, each once in a life of the node.
    Chosen {
        /// The slot.
        slot: Slot,
        /// What is chosen in it.
        value: Entry<V>,
    },
    /// Forget your state and take this one, which stands for all slots below `upto`.
    Installed {
        /// The first slot that is not in the state. The next [`Output::Chosen`] has it.
        upto: Slot,
        /// The state.
        state: Bytes,
    },
    /// This node leads, and has had chosen all that may have been chosen before.
    Leads {
        /// The ballot it leads in.
        ballot: Ballot,
    },
    /// This node does not lead. Where it has heard of somebody who does, that is who to ask.
    Follows {
        /// Who leads, as far as this node knows.
        leader: Option<NodeId>,
    },
    /// A command was not taken and will not be chosen: ask somebody else, or again.
    Refused {
        /// The command.
        value: V,
        /// Why.
        why: Refusal,
    },
    /// The read of this number may be answered from what has been told so far: every command that was chosen before
    /// it was asked is in there.
    Readable(u64),
    /// The read of this number may not be answered from this node now.
    Unreadable {
        /// The number of the read.
        read: u64,
        /// Why.
        why: Refusal,
    },
}
// ANCHOR_END: output

/// Why a node does not do what it is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Refusal {
    /// It does not lead; this node does, as far as it knows.
    NotLeader(Option<NodeId>),
    /// It leads, and has as many commands under way as it may: try again in a moment.
    Busy,
}

/// An event for a role or replica of a replicated log.
pub type Event<V> = paxos_process::Event<Message<V>, Timer, Request<V>>;

/// The effects of a role or replica of a replicated log.
pub type Effects<V> = paxos_process::Effects<Message<V>, Record<V>, Timer, Output<V>>;

/// Read from `propose VALUE`, `read NUMBER`, `compact SLOT STATE`, `campaign` or `transfer NODE`.
impl<V: core::str::FromStr<Err: core::fmt::Display>> core::str::FromStr for Request<V> {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (verb, rest) = text.trim().split_once(' ').unwrap_or((text.trim(), ""));
        let rest = rest.trim();
        let wrong = |what: &str| alloc::format!("{text:?}: {what}");
        match verb {
            "propose" if !rest.is_empty() => {
                rest.parse().map(Self::Propose).map_err(|error| wrong(&alloc::format!("{error}")))
            }
            "read" => rest.parse().map(Self::Read).map_err(|_| wrong("a read has a number")),
            "compact" => {
                let (upto, state) = rest.split_once(' ').unwrap_or((rest, ""));
                let upto = upto.trim_start_matches('s').parse().map(Slot).map_err(|_| wrong("up to which slot?"))?;
                Ok(Self::Compact { upto, state: state.trim().as_bytes().into() })
            }
            "campaign" if rest.is_empty() => Ok(Self::Campaign),
            "transfer" => {
                let node = rest.trim_start_matches('n').parse::<u8>().ok().and_then(|id| NodeId::try_from(id).ok());
                node.map(Self::Transfer).ok_or_else(|| wrong("to which node?"))
            }
            _ => Err(wrong(
                "no request; requests are `propose VALUE`, `read NUMBER`, `compact SLOT STATE`, `campaign`, `transfer NODE`",
            )),
        }
    }
}

#[cfg(test)]
mod tests;

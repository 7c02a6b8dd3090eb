//! What a node's application asks of the service, and what it is told.

use core::fmt;

use paxos_messages::{Ballot, Slot, multi::Entry};
use paxos_process::NodeId;

use crate::{Batch, Command, Failure, Found, Outcome, Query};

// ANCHOR: ask
/// What a client asks of a node.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Ask {
    /// Have this command chosen, and say what came of it.
    Execute(Command),
    /// Read what is true now: every write that was answered before this was asked is in it. Only the leader knows; it
    /// asks a quorum whether it still leads.
    Read(Query),
    /// Read what this node has, however old it is. Asks nobody.
    ReadStale(Query),
    /// How is this node?
    Status,
}

/// What a node answers.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Reply {
    /// The command was chosen, and this came of it.
    Done(Outcome),
    /// This was read.
    Found(Found),
    /// How this node is.
    Status(Status),
    /// This node does not lead, and has not done it: ask that one, if one is known.
    NotLeader {
        /// Who leads, as far as this node knows.
        leader: Option<NodeId>,
    },
    /// This node has more to do than it can, and has not done it: ask again in a moment.
    Busy,
    /// This node has proposed the command and does not lead any more. It may have been chosen, and may still be. Ask
    /// again, with the same number, and it is done once.
    Unknown,
    /// It cannot be done, and has not been.
    Failed(Failure),
}
// ANCHOR_END: ask

/// How a node is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Status {
    /// Who leads, as far as this node knows.
    pub leader: Option<NodeId>,
    /// Whether that is this node, and it serves.
    pub leads: bool,
    /// The highest ballot in which this node leads or has heard a leader.
    pub ballot: Option<Ballot>,
    /// The first slot that is not known here to be chosen. A leader may have said so before the slots have arrived.
    pub chosen: Slot,
    /// The first slot that is not applied here.
    pub applied: Slot,
    /// The digest of the state after all slots below `applied`.
    pub digest: u64,
    /// How many keys have a value.
    pub keys: u64,
    /// How many bytes all keys and values have.
    pub bytes: u64,
    /// How many sessions are open.
    pub sessions: u64,
    /// How many batches are under way: proposed, and not known to be chosen.
    pub under_way: u64,
    /// How many commands wait to be proposed.
    pub queued: u64,
    /// How many reads wait.
    pub reads: u64,
}

/// What the application of a node asks of the service.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Request {
    /// A client asks. There is one [`Output::Answer`] with its token, now or later, or none if the node stops.
    Client {
        /// Which question this is: not used for another one that waits.
        token: u64,
        /// What it asks.
        ask: Ask,
    },
    /// Try to lead.
    Campaign,
    /// Stop leading, and let this node try.
    Transfer(NodeId),
}

/// What the service tells the application of its node.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Output {
    /// To the client that asked with this token.
    Answer {
        /// Its token.
        token: u64,
        /// The answer.
        reply: Reply,
    },
    /// This is chosen, and has been applied.
    Applied {
        /// The slot.
        slot: Slot,
        /// What is chosen in it.
        entry: Entry<Batch>,
    },
    /// The state was taken over from a snapshot, which stands for all slots below.
    Restored {
        /// The first slot that is not in it.
        upto: Slot,
    },
    /// This node leads.
    Leads {
        /// The ballot it leads in.
        ballot: Ballot,
    },
    /// This node does not lead.
    Follows {
        /// Who does, as far as it knows.
        leader: Option<NodeId>,
    },
}

impl Request {
    /// What comes of it when the client with this token asks.
    #[must_use]
    pub const fn client(token: u64, ask: Ask) -> Self {
        Self::Client { token, ask }
    }
}

impl Output {
    /// Whom it answers, and what, if it is an answer.
    #[must_use]
    pub fn answer(self) -> Option<(u64, Reply)> {
        match self {
            Self::Answer { token, reply } => Some((token, reply)),
            Self::Applied { .. } | Self::Restored { .. } | Self::Leads { .. } | Self::Follows { .. } => None,
        }
    }
}

impl fmt::Display for Output {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Answer { token, reply } => write!(f, "{token}: {reply:?}"),
            Self::Applied { slot, entry } => write!(f, "{slot} is {entry}"),
            Self::Restored { upto } => write!(f, "state to {upto}"),
            Self::Leads { ballot } => write!(f, "leads in {ballot}"),
            Self::Follows { leader: Some(leader) } => write!(f, "follows {leader}"),
            Self::Follows { leader: None } => f.write_str("knows no leader"),
        }
    }
}

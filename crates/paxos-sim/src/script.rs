//! The script chooser: a run as plain text that a student can write and a checker can print.
//!
//! A script has a head, then one command a line; what the command made happen stands below it, indented. A script
//! with those lines filled in is a story, and a test: replaying it must give the same lines.
//!
//! ```text
//! # Two nodes out of three are enough.
//! protocol basic
//! nodes 3
//!
//! request n1 propose a
//!     disk     n1 writes Round b1.1
//! crash n3
//!     crash    n3 forgets 0 unsynced records
//! stabilize
//!     disk     n1 synced
//!     elect    n1 → n1 n2 n3  Prepare b1.1
//! ```
//!
//! Head: `protocol NAME`, `nodes N`, and optionally `quorums majority`, `quorums flexible P1 P2` or
//! `quorums grid COLUMNS`; `disk at-once` (every write is stable at once), `loopback at-once` (a message to oneself
//! arrives at once), `option NAME NUMBER` (something the protocol is told), `mutant NAME`, `expect INVARIANT` (the run must violate it).
//!
//! Commands: `request n1 …`, `deliver`, `duplicate` and `drop` with a message (`n1 n2 Prepare b1.1`: from, to, and
//! the beginning of its text; or its number), `deliver` alone (everything in flight now, once), `sync n1` or `sync`
//! (all), `fire n1 Retry`, `crash n1`, `crash n1 keeping 2` (of its unsynced
//! records, the disk has the first two), `restart n1`, `lose n1` (its disk, while
//! it is down), `cut n1 n2` (the link from n1 to n2, in this direction), `cut n1` (all
//! its links, both ways), `heal` with the same (`heal` alone: all), and `stabilize` (sync and deliver until all is
//! quiet).

mod parse;
mod replay;

use std::{
    collections::BTreeMap,
    fmt::{self, Display},
    hash::Hash,
    str::FromStr,
};

use paxos_messages::Observed;
use paxos_process::{NodeId, NodeSet};
use paxos_quorums::{QuorumError, Quorums};

pub use replay::{Replayed, write_path};

use crate::{Disk, Invariant, Loopback, Setting};

/// A process whose words can be read and written as text.
pub trait Scriptable:
    Observed<
        Message: Display,
        Record: Display,
        Timer: Display,
        Output: Display,
        Request: Display + FromStr<Err: Display>,
        Decree: Display,
    > + Clone
    + Eq
    + Hash
{
}

impl<P> Scriptable for P where
    P: Observed<
            Message: Display,
            Record: Display,
            Timer: Display,
            Output: Display,
            Request: Display + FromStr<Err: Display>,
            Decree: Display,
        > + Clone
        + Eq
        + Hash
{
}

/// A script: its head and its lines, in order.
#[derive(Clone, Debug)]
pub struct Script {
    /// What it says before its first command.
    pub header: Header,
    pub(crate) lines: Vec<Line>,
}

/// One line of a script that is not an expected one.
#[derive(Clone, Debug)]
pub(crate) struct Line {
    pub(crate) number: usize,
    pub(crate) text: String,
    pub(crate) command: Option<Command>,
}

/// What a script says about its world.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    /// The protocol, such as `basic`.
    pub protocol: String,
    /// The cluster and its quorums.
    pub quorums: Quorums,
    /// When a write is stable.
    pub disk: Disk,
    /// When a message to oneself arrives.
    pub loopback: Loopback,
    /// The mutant that takes the place of the protocol, if one does.
    pub mutant: Option<String>,
    /// What the protocol is told beside, such as how large its window is. Whoever makes its processes knows the names.
    pub options: BTreeMap<String, u64>,
    /// The invariant that the run must violate, if it must.
    pub expect: Option<Invariant>,
}

impl Header {
    /// A majority of `nodes` nodes, and everything a choice.
    ///
    /// # Errors
    ///
    /// When there is no node.
    pub fn new(protocol: &str, nodes: u8) -> Result<Self, QuorumError> {
        let quorums = Quorums::majority(NodeSet::first(nodes))?;
        let (disk, loopback) = (Disk::Manual, Loopback::InFlight);
        Ok(Self {
            protocol: protocol.to_owned(),
            quorums,
            disk,
            loopback,
            mutant: None,
            options: BTreeMap::new(),
            expect: None,
        })
    }

    /// The world it describes.
    #[must_use]
    pub const fn setting(&self) -> Setting {
        Setting { quorums: self.quorums, disk: self.disk, loopback: self.loopback }
    }
}

/// One command of a script, its words not yet those of a protocol.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// Messages arrive.
    Deliver(Which),
    /// A message arrives and stays in flight.
    Duplicate(Which),
    /// A message is lost.
    Drop(Which),
    /// The application of a node asks.
    Request(NodeId, String),
    /// A timer goes off.
    Fire(NodeId, String),
    /// One disk has everything, or all have.
    Sync(Option<NodeId>),
    /// A node stops, and so many of the records that were not synced are on its disk all the same.
    Crash(NodeId, usize),
    /// A node is back.
    Restart(NodeId),
    /// The disk of a node that is down is lost.
    Lose(NodeId),
    /// Links are cut.
    Cut(Links),
    /// Links are whole again.
    Heal(Links),
    /// Sync and deliver until all is quiet.
    Stabilize,
}

/// Which messages a command means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Which {
    /// All that are in flight when the command begins.
    All,
    /// The one at this position of the sorted network.
    Number(usize),
    /// The first from one node to another whose text begins like this.
    Like {
        /// The sender.
        from: NodeId,
        /// The recipient.
        to: NodeId,
        /// The beginning of its text, perhaps empty.
        text: String,
    },
}

/// Which links a command means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Links {
    /// All there are.
    All,
    /// All of a node, to it and from it.
    Of(NodeId),
    /// The one from a node to another.
    One(NodeId, NodeId),
}

impl Links {
    /// Whether the link between two nodes is meant.
    pub(crate) fn mean(self, from: NodeId, to: NodeId) -> bool {
        match self {
            Self::All => true,
            Self::Of(node) => node == from || node == to,
            Self::One(one, other) => (one, other) == (from, to),
        }
    }
}

/// Why a script cannot be read or replayed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScriptError {
    /// The line, from 1; 0 when it is the script as a whole.
    pub line: usize,
    /// What is wrong with it.
    pub what: String,
}

impl Display for ScriptError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            0 => f.write_str(&self.what),
            line => write!(f, "line {line}: {}", self.what),
        }
    }
}

impl std::error::Error for ScriptError {}

#[cfg(test)]
mod tests;

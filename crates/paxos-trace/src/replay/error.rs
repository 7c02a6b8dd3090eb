//! Why a run cannot be taken back to a world.

use std::{error::Error, fmt};

use paxos_process::NodeId;

/// A line that cannot have happened in the world.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReplayError {
    /// In the run of which node, if it is of a node.
    pub node: Option<NodeId>,
    /// Which line of that run; 0 for all of it.
    pub line: usize,
    /// Why not.
    pub what: String,
}

impl fmt::Display for ReplayError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.node, self.line) {
            (_, 0) => f.write_str(&self.what),
            (Some(node), line) => write!(f, "run of {node}, line {line}: {}", self.what),
            (None, line) => write!(f, "line {line}: {}", self.what),
        }
    }
}

impl Error for ReplayError {}

//! Which sets of acceptors are enough.
//!
//! Paxos rests on one fact: a proposer that has asked a *phase-1 quorum* has asked at least one acceptor of every
//! *phase-2 quorum*, so a value that may have been chosen cannot escape it. Majorities have this property, and so
//! do other families: only phase-1 and phase-2 quorums need to meet (Howard, Malkhi and Spiegelman, *Flexible
//! Paxos: Quorum intersection revisited*, OPODIS 2016, §3), not two quorums of the same phase.
//!
//! A [`Quorums`] value cannot be built unless they meet: the constructors check it.
//!
//! ```
//! use paxos_quorums::{NodeSet, QuorumError, Quorums};
//!
//! // Four nodes: half is not a majority. Two halves need not share a node.
//! let four = Quorums::majority(NodeSet::first(4))?;
//! assert!(!four.is_phase2(NodeSet::first(2)));
//! assert!(four.is_phase2(NodeSet::first(3)));
//!
//! // Flexible: cheap votes, dear elections.
//! let flexible = Quorums::flexible(NodeSet::first(4), 3, 2)?;
//! assert!(flexible.is_phase2(NodeSet::first(2)));
//!
//! // What does not meet is refused.
//! let wrong = Quorums::flexible(NodeSet::first(4), 2, 2);
//! assert_eq!(wrong, Err(QuorumError::MayMiss { phase1: 2, phase2: 2, members: 4 }));
//! # Ok::<(), QuorumError>(())
//! ```
//!
//! It does not know who votes for what, count messages, or change membership: callers hand it *sets of distinct
//! nodes*. Nodes that are not members never count.
#![no_std]

use core::fmt;

pub use paxos_process::{NodeId, NodeSet};

/// The acceptors of a cluster and which sets of them are quorums. Every phase-1 quorum meets every phase-2 quorum.
///
/// With the `serde` feature it can be written out for people to read. It cannot be read back: quorums are built by
/// the checked constructors.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct Quorums {
    members: NodeSet,
    family: Family,
}

/// Families of quorums whose intersection the constructors of [`Quorums`] have checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
enum Family {
    /// Any set of so many members is enough.
    Counts { phase1: u8, phase2: u8 },
    /// Members in ascending order fill rows of `columns` nodes. A row is a phase-1 quorum, a column a phase-2 one.
    Grid { columns: u8 },
}

impl Quorums {
    // ANCHOR: majority
    /// More than half of `members`, in both phases: ⌊n/2⌋ + 1 of n, for even n as well.
    ///
    /// # Errors
    ///
    /// [`QuorumError::NoMembers`] when there is nobody.
    pub const fn majority(members: NodeSet) -> Result<Self, QuorumError> {
        let count = (members.len() / 2 + 1) as u8;
        Self::flexible(members, count, count)
    }
    // ANCHOR_END: majority

    // ANCHOR: flexible
    /// Any `phase1` members may elect and any `phase2` members may choose (Flexible Paxos, §4.1).
    ///
    /// # Errors
    ///
    /// [`QuorumError::MayMiss`] unless `phase1 + phase2` is more than the number of members: else two disjoint sets
    /// would each be a quorum. [`QuorumError::OutOfReach`] when a quorum has no node or more nodes than there are.
    pub const fn flexible(members: NodeSet, phase1: u8, phase2: u8) -> Result<Self, QuorumError> {
        let count = members.len() as u8;
        if count == 0 {
            return Err(QuorumError::NoMembers);
        }
        if phase1 == 0 || phase2 == 0 || phase1 > count || phase2 > count {
            return Err(QuorumError::OutOfReach { phase1, phase2, members: count });
        }
        if phase1 + phase2 <= count {
            return Err(QuorumError::MayMiss { phase1, phase2, members: count });
        }
        Ok(Self { members, family: Family::Counts { phase1, phase2 } })
    }
    // ANCHOR_END: flexible

    /// Members in ascending order fill rows of `columns` nodes; a full row may elect, a full column may choose
    /// (Flexible Paxos, §4.2). A row and a column always share a node.
    ///
    /// # Errors
    ///
    /// [`QuorumError::RaggedGrid`] when the rows do not come out even.
    pub const fn grid(members: NodeSet, columns: u8) -> Result<Self, QuorumError> {
        let count = members.len() as u8;
        if count == 0 {
            return Err(QuorumError::NoMembers);
        }
        if columns == 0 || !count.is_multiple_of(columns) {
            return Err(QuorumError::RaggedGrid { columns, members: count });
        }
        Ok(Self { members, family: Family::Grid { columns } })
    }

    /// The acceptors.
    #[must_use]
    pub const fn members(&self) -> NodeSet {
        self.members
    }

    /// Whether the promises of `nodes` are enough to elect. Nodes that are not members do not count.
    #[must_use]
    pub fn is_phase1(&self, nodes: NodeSet) -> bool {
        match self.family {
            Family::Counts { phase1, .. } => self.count(nodes) >= phase1,
            Family::Grid { columns } => self.rows(columns).any(|row| row.is_subset(nodes)),
        }
    }

    /// Whether the votes of `nodes` are enough to choose. Nodes that are not members do not count.
    #[must_use]
    pub fn is_phase2(&self, nodes: NodeSet) -> bool {
        match self.family {
            Family::Counts { phase2, .. } => self.count(nodes) >= phase2,
            Family::Grid { columns } => (0..columns).any(|column| {
                self.rows(columns).all(|row| row.iter().nth(column.into()).is_some_and(|node| nodes.contains(node)))
            }),
        }
    }

    /// How many promises and how many votes are enough, where it is a matter of counting.
    #[must_use]
    pub const fn counts(&self) -> Option<(u8, u8)> {
        match self.family {
            Family::Counts { phase1, phase2 } => Some((phase1, phase2)),
            Family::Grid { .. } => None,
        }
    }

    /// The columns of a grid.
    #[must_use]
    pub const fn columns(&self) -> Option<u8> {
        match self.family {
            Family::Counts { .. } => None,
            Family::Grid { columns } => Some(columns),
        }
    }

    const fn count(&self, nodes: NodeSet) -> u8 {
        nodes.intersection(self.members).len() as u8
    }

    fn rows(&self, columns: u8) -> impl Iterator<Item = NodeSet> + use<> {
        let members = self.members;
        let rows = members.len() / usize::from(columns);
        (0..rows).map(move |row| members.iter().skip(row * usize::from(columns)).take(columns.into()).collect())
    }
}

/// Shown as `2 of 3`, `phase 1: 3, phase 2: 2 of 4` or `grid of 2 columns of 6`.
impl fmt::Display for Quorums {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let members = self.members.len();
        match self.family {
            Family::Counts { phase1, phase2 } if phase1 == phase2 => write!(f, "{phase1} of {members}"),
            Family::Counts { phase1, phase2 } => write!(f, "phase 1: {phase1}, phase 2: {phase2} of {members}"),
            Family::Grid { columns } => write!(f, "grid of {columns} columns of {members}"),
        }
    }
}

/// Why quorums cannot be built. Counts are numbers of nodes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum QuorumError {
    /// There is no acceptor.
    NoMembers,
    /// A phase-1 and a phase-2 quorum could miss each other, so two values could be chosen.
    MayMiss {
        /// The nodes asked for in phase 1.
        phase1: u8,
        /// The nodes asked for in phase 2.
        phase2: u8,
        /// The nodes there are.
        members: u8,
    },
    /// A quorum is empty or larger than the cluster.
    OutOfReach {
        /// The nodes asked for in phase 1.
        phase1: u8,
        /// The nodes asked for in phase 2.
        phase2: u8,
        /// The nodes there are.
        members: u8,
    },
    /// The members do not fill the rows of a grid.
    RaggedGrid {
        /// The columns asked for.
        columns: u8,
        /// The nodes there are.
        members: u8,
    },
}

impl fmt::Display for QuorumError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoMembers => f.write_str("a cluster needs at least one acceptor"),
            Self::MayMiss { phase1, phase2, members } => write!(
                f,
                "a phase-1 quorum of {phase1} and a phase-2 quorum of {phase2} may miss each other among {members} \
                 nodes: their sizes must add up to more than {members}"
            ),
            Self::OutOfReach { phase1, phase2, members } => {
                write!(f, "quorums of {phase1} (phase 1) and {phase2} (phase 2) must have 1 to {members} nodes")
            }
            Self::RaggedGrid { columns, members } => {
                write!(f, "{members} nodes do not fill rows of {columns}")
            }
        }
    }
}

impl core::error::Error for QuorumError {}

#[cfg(test)]
mod tests;

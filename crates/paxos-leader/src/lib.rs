//! What leaders of any log have in common, whatever elects them.
//!
//! [`Detector`] says who leads, and when to try oneself; it is about liveness only, and can be wrong without harm.
//! [`Reads`] are reads that are not in the log: a leader may answer them when a quorum has confirmed that it still leads.
//! [`Options`] are what may differ between the nodes of one log.
//! Neither says a word to anybody: Multi-Paxos and Raft have words of their own for the same questions. What differs
//! between the two (who can be elected, what an election has to bring) is in their own crates.
//!
//! ```
//! use paxos_leader::Detector;
//! use paxos_messages::multi::Effects;
//! use paxos_process::{NodeId, NodeSet};
//! use paxos_quorums::Quorums;
//!
//! let quorums = Quorums::majority(NodeSet::first(3))?;
//! let (mut detector, mut out) = (Detector::new(NodeId(1), quorums), Effects::<u64>::new());
//! assert!(!detector.silence(&mut out), "one of three is not enough: it has to ask the others");
//! assert!(detector.willing(NodeId(2), detector.round()), "two are");
//! # Ok::<(), paxos_quorums::QuorumError>(())
//! ```
#![no_std]

extern crate alloc;

mod detector;
mod reads;

pub use detector::Detector;
pub use reads::Reads;

/// What may differ between replicas of one cluster without harm.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct Options {
    /// How many slots a leader may have under way. More is refused, as busy: that is the back-pressure.
    pub window: u64,
    /// How many slots that a snapshot covers are kept at most, for members that have not learned them.
    pub retain: u64,
}

impl Default for Options {
    /// 64 slots under way; 1,024 kept, which is 256 MiB where each is a batch of 256 KiB.
    fn default() -> Self {
        Self { window: 64, retain: 1_024 }
    }
}

#[cfg(test)]
mod tests;

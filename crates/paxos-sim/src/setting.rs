//! What kind of world it is: what is a choice, and what happens by itself.

use paxos_quorums::Quorums;

/// When a disk write is stable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Disk {
    /// When [`Choice::Sync`](crate::Choice::Sync) says so: a crash may come first.
    Manual,
    /// At once. Without crashes this loses no behaviour: a vote that leaves later is a vote that arrives later.
    AtOnce,
}

/// When a message of a node to itself arrives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Loopback {
    /// When it is delivered, like any other.
    InFlight,
    /// As soon as it may leave. Fewer states, and fewer behaviours: good for finding a bug, not for excluding one.
    AtOnce,
}

/// What kind of world it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Setting {
    /// The nodes, and the quorums by which the invariants judge what is chosen.
    pub quorums: Quorums,
    /// When a disk write is stable.
    pub disk: Disk,
    /// When a message to oneself arrives.
    pub loopback: Loopback,
}

impl Setting {
    /// Everything is a choice.
    #[must_use]
    pub const fn new(quorums: Quorums) -> Self {
        Self { quorums, disk: Disk::Manual, loopback: Loopback::InFlight }
    }
}

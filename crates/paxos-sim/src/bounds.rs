//! How much may go wrong: what makes a search finite.

use paxos_process::{NodeId, NodeSet, Process};

/// What may happen in all of a run. Loss needs no bound: a message that never arrives is lost.
#[derive(Clone, Debug)]
pub struct Bounds<Q> {
    /// What is asked, each at most once, in any order.
    pub requests: Vec<(NodeId, Q)>,
    /// How many timers may go off.
    pub fires: u8,
    /// At which nodes timers may go off.
    pub may_fire: NodeSet,
    /// How many messages may arrive twice.
    pub duplicates: u8,
    /// How many messages may be dropped explicitly. A search leaves this at 0: not delivering is the same.
    pub drops: u8,
    /// How many crashes there may be.
    pub crashes: u8,
    /// Which nodes may crash.
    pub may_crash: NodeSet,
}

/// The bounds of a process.
pub(crate) type BoundsOf<P> = Bounds<<P as Process>::Request>;

impl<Q> Bounds<Q> {
    /// These requests and no fault at all. Timers may go off anywhere once `fires` is raised; no node may
    /// crash until `may_crash` names it.
    #[must_use]
    pub const fn requests(requests: Vec<(NodeId, Q)>) -> Self {
        let (may_fire, may_crash) = (NodeSet::first(NodeId::LIMIT - 1), NodeSet::EMPTY);
        Self { requests, fires: 0, may_fire, duplicates: 0, drops: 0, crashes: 0, may_crash }
    }
}

/// What has happened of what [`Bounds`] allow: a part of the world's state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Spent {
    /// The requests made, as bits by their position in [`Bounds::requests`].
    pub(crate) requests: u64,
    /// The timers that went off.
    pub(crate) fires: u8,
    /// The messages that arrived twice.
    pub(crate) duplicates: u8,
    /// The messages dropped.
    pub(crate) drops: u8,
    /// The crashes.
    pub(crate) crashes: u8,
}

impl Spent {
    pub(crate) const fn asked(&self, position: usize) -> bool {
        self.requests >> position & 1 == 1
    }
}

//! Everything that can happen next.

use paxos_process::{NodeId, Process};

// ANCHOR: choice
/// One thing that can happen to a world. `usize` is a position in the sorted [network](crate::World::network).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Choice<T, Q> {
    /// The message arrives.
    Deliver(usize),
    /// The message arrives, and a copy stays in flight.
    Duplicate(usize),
    /// The message is lost.
    Drop(usize),
    /// A timer that is set goes off.
    Fire(NodeId, T),
    /// The application of a node asks for something.
    Request(NodeId, Q),
    /// The disk of a node has all records written so far; the votes that waited for them leave.
    Sync(NodeId),
    /// A node stops. Records not synced, votes held back, timers and all of its memory are gone.
    Crash(NodeId),
    /// A crashed node replays its disk and starts.
    Restart(NodeId),
    /// The disk of a crashed node is lost: it will start without memory, and knows that it has lost it.
    Lose(NodeId),
    /// The link from one node to another is cut: what is sent over it is lost, and what is in flight waits.
    Cut(NodeId, NodeId),
    /// The link from one node to another is whole again.
    Heal(NodeId, NodeId),
    /// A node stops, as in `Crash`, and its disk turns out to have so many of the records that were not synced: the
    /// first ones. A write may reach the disk before its sync returns.
    CrashKeeping(NodeId, usize),
}
// ANCHOR_END: choice

/// The choices of a process.
pub type ChoiceOf<P> = Choice<<P as Process>::Timer, <P as Process>::Request>;

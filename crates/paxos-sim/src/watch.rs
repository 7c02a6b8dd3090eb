//! What can be seen of a run while it happens: scripts print it, traces write it, diagrams draw it.

use std::time::Duration;

use paxos_messages::{Fact, Memory, Observed};
use paxos_process::NodeId;

/// A message in flight. Ordered, so that the network can be kept sorted: its order is a choice, not a fact.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Packet<M> {
    /// Who sent it.
    pub from: NodeId,
    /// Where it goes.
    pub to: NodeId,
    /// What it says.
    pub message: M,
}

/// Something that a choice made happen, told as it happens to whoever watches.
#[derive(Debug)]
pub enum Happening<'a, P: Observed> {
    /// A message has left for the network.
    Sent(&'a Packet<P::Message>),
    /// A copy of the message that arrives next stays in flight.
    Duplicated(&'a Packet<P::Message>),
    /// A message has arrived.
    Delivered(&'a Packet<P::Message>),
    /// A message is lost.
    Dropped(&'a Packet<P::Message>),
    /// The application of a node has asked.
    Asked(NodeId, &'a P::Request),
    /// A node has set a timer, or restarted it: how long it takes is the business of whoever chooses.
    TimerSet(NodeId, P::Timer),
    /// A timer has gone off.
    Fired(NodeId, P::Timer),
    /// A record is written; it is stable when the node syncs.
    Wrote(NodeId, &'a P::Record),
    /// All records of a node are stable.
    Synced(NodeId),
    /// A node tells its application.
    Told(NodeId, &'a P::Output),
    /// A node has stopped and forgotten so many unsynced records.
    Crashed(NodeId, usize),
    /// A node that is down has lost its disk.
    Lost(NodeId),
    /// A node is back and remembers this.
    Restarted(NodeId, &'a Memory<P::Decree>),
    /// The link from one node to another is cut.
    Cut(NodeId, NodeId),
    /// The link from one node to another is whole again.
    Healed(NodeId, NodeId),
    /// A fact is established: in `Sent` or `Told` order, when it is durable.
    Fact(NodeId, &'a Fact<P::Decree>),
}

/// A view of what happened, which several may take.
impl<P: Observed> Clone for Happening<'_, P> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<P: Observed> Copy for Happening<'_, P> {}

/// Whoever wants to see what happens. `()` watches nothing and costs nothing.
pub trait Watch<P: Observed> {
    /// Something has happened.
    fn see(&mut self, happening: Happening<'_, P>);

    /// What is seen from now on happens at this time, counted from the beginning of the run. Nobody says so in a run
    /// without a clock, and it means nothing unless defined.
    fn at(&mut self, now: Duration) {
        let _ = now;
    }
}

impl<P: Observed> Watch<P> for () {
    fn see(&mut self, _: Happening<'_, P>) {}
}

impl<P: Observed, F: FnMut(Happening<'_, P>)> Watch<P> for F {
    fn see(&mut self, happening: Happening<'_, P>) {
        self(happening);
    }
}

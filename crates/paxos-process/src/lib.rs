//! The waist of the workspace: what a protocol may do, and nothing about how the world does it.
//!
//! A protocol is a [`Process`]: a pure state machine with one method, [`step`](Process::step). It is told an
//! [`Event`] and answers with [`Effects`]: messages, records for stable storage, timers, and outputs. It has no
//! clock, no dice, no socket, no disk and no log call inside, so the same code runs in a unit test, a script, a
//! model checker, a simulator and a durable cluster over TCP. Whoever calls `step` and carries out the effects is
//! a *driver*.
//!
//! # What a process and a driver promise each other
//!
//! 1. **The barrier is cumulative.** A message in [`Effects::sends_after_sync`] (a vote) leaves only when *every*
//!    record emitted so far, by this step or an earlier one, is stable. Waiting for the record of its own step only
//!    is unsound: a repeated question answered while the first answer's record is still unsynced emits no record of
//!    its own, would leave at once, and a crash then makes the process forget what it has promised.
//! 2. **A promise of uniqueness lives in stable storage.** Whatever must never be used twice, such as a ballot, is a
//!    record, and is stable before anybody hears of it.
//! 3. **A process may send to itself.** Such a message takes the same lane as every other and is looped back by the
//!    driver: a leader's own vote waits for its own disk, in parallel with its followers, without special code.
//! 4. **Timers are names.** How long one takes, and with what jitter, is a table in the driver. State has no time
//!    and no randomness in it, so it is `Clone + Eq + Hash` and finite for a checker.
//! 5. **Batching is the driver's loop**: many steps into one `Effects`, one sync, then the votes leave.
//! 6. **Storage errors never enter a process.** A failed sync ends it.
//! 7. **A process cannot fail.** A stale, repeated, misaddressed or malformed message is ignored or refused as data.
//!
//! # Example
//!
//! A process that counts what it hears, remembers the count, and tells the sender only when it is stable:
//!
//! ```
//! use paxos_process::{Effects, EffectsOf, Event, EventOf, NodeId, NodeSet, Process};
//!
//! #[derive(Clone, Debug, PartialEq, Eq, Hash)]
//! struct Counter(u64);
//!
//! impl Process for Counter {
//!     type Message = &'static str;
//!     type Record = u64;
//!     type Timer = ();
//!     type Request = ();
//!     type Output = ();
//!
//!     fn step(&mut self, event: EventOf<Self>, out: &mut EffectsOf<Self>) {
//!         if let Event::Receive { from, message: "count me" } = event {
//!             self.0 += 1;
//!             out.persist(self.0);
//!             out.send_after_sync(NodeSet::only(from), "counted");
//!         }
//!     }
//!     fn replay(&mut self, record: u64) {
//!         self.0 = record;
//!     }
//!     fn checkpoint(&self) -> Vec<u64> {
//!         vec![self.0]
//!     }
//! }
//!
//! let (mut counter, mut out) = (Counter(0), Effects::new());
//! counter.step(Event::Receive { from: NodeId(2), message: "count me" }, &mut out);
//! assert_eq!(out.records, [1]);
//! assert!(out.sends.is_empty(), "nothing may leave before the disk has it");
//! assert_eq!(out.sends_after_sync[0].to, NodeSet::only(NodeId(2)));
//! ```
#![no_std]

extern crate alloc;

mod effects;
mod node;

use alloc::vec::Vec;
use core::{fmt::Debug, hash::Hash};

pub use effects::{Effects, Outgoing, TimerOp};
pub use node::{NodeId, NodeIdOutOfRange, NodeSet, NodeSetIter};

/// Plain data: payloads, and every word of a protocol's vocabulary. Implemented for all types that qualify.
pub trait Value: Clone + Debug + Eq + Ord + Hash {}

impl<T: Clone + Debug + Eq + Ord + Hash> Value for T {}

// ANCHOR: process
/// An event-driven process: a proposer, an acceptor, a learner, or a replica that is all three.
///
/// The same state and the same event give the same next state and the same effects. Always.
pub trait Process {
    /// Said to other processes, or to itself.
    type Message: Value;
    /// Written to stable storage.
    type Record: Value;
    /// Named alarms; how long they take is the driver's business.
    type Timer: Value + Copy;
    /// Asked by the local application.
    type Request: Value;
    /// Told to the local application.
    type Output: Value;

    /// Takes one event and appends what it asks of the world to `out`, which may hold effects of earlier steps.
    fn step(&mut self, event: EventOf<Self>, out: &mut EffectsOf<Self>);

    /// Re-applies one record after a restart: in log order, each once, before [`Event::Start`].
    ///
    /// # Panics
    ///
    /// When the records cannot have been written by this process, such as a promise that goes down: continuing
    /// would be amnesia.
    fn replay(&mut self, record: Self::Record);

    /// A short record list that, replayed by a new process, gives today's durable state: log compaction.
    fn checkpoint(&self) -> Vec<Self::Record>;
}
// ANCHOR_END: process

/// What can happen to a process.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Event<M, T, Q> {
    /// The process begins, or begins again after a restart, when its records have been replayed.
    Start,
    /// A message has arrived: perhaps late, perhaps twice, perhaps out of order.
    Receive {
        /// The process that sent it, as the driver knows it; never taken from the message.
        from: NodeId,
        /// What it says.
        message: M,
    },
    /// A timer that was set has gone off; it is no longer set.
    Timeout(T),
    /// The local application asks for something.
    Request(Q),
}

/// The events of a process.
pub type EventOf<P> = Event<<P as Process>::Message, <P as Process>::Timer, <P as Process>::Request>;

/// The effects of a process.
pub type EffectsOf<P> =
    Effects<<P as Process>::Message, <P as Process>::Record, <P as Process>::Timer, <P as Process>::Output>;

#[cfg(test)]
mod tests;

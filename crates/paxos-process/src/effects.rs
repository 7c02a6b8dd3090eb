//! What a step asks of the world, sorted by when it may happen.

use alloc::vec::Vec;

use crate::NodeSet;

// ANCHOR: effects
/// What one or more steps ask of the world. The driver owns it, drains it and reuses it.
///
/// There are two lanes for messages because there are two kinds of them. Asks and refusals promise nothing and may
/// overlap the disk write. Votes promise that something will be remembered, and wait for it to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Effects<M, R, T, O> {
    /// May leave at once: asks, refusals, heartbeats. They promise nothing.
    pub sends: Vec<Outgoing<M>>,
    /// To be appended to stable storage, in order.
    pub records: Vec<R>,
    /// Votes. May leave only when *every* record emitted so far, by this step or an earlier one, is stable.
    pub sends_after_sync: Vec<Outgoing<M>>,
    /// Setting a set timer restarts it.
    pub timers: Vec<TimerOp<T>>,
    /// Told to the local application, in order.
    pub outputs: Vec<O>,
}
// ANCHOR_END: effects

impl<M, R, T, O> Effects<M, R, T, O> {
    /// Nothing asked yet. Allocates nothing.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            sends: Vec::new(),
            records: Vec::new(),
            sends_after_sync: Vec::new(),
            timers: Vec::new(),
            outputs: Vec::new(),
        }
    }

    /// Sends `message` to every node of `to`, at once. For words that promise nothing.
    pub fn send(&mut self, to: NodeSet, message: M) {
        self.sends.push(Outgoing { to, message });
    }

    /// Appends `record` to stable storage.
    pub fn persist(&mut self, record: R) {
        self.records.push(record);
    }

    /// Sends `message` to every node of `to` when all records emitted so far are stable. For votes.
    pub fn send_after_sync(&mut self, to: NodeSet, message: M) {
        self.sends_after_sync.push(Outgoing { to, message });
    }

    /// Sets `timer`, or restarts it.
    pub fn set_timer(&mut self, timer: T) {
        self.timers.push(TimerOp::Set(timer));
    }

    /// Stops `timer` if it is set.
    pub fn cancel_timer(&mut self, timer: T) {
        self.timers.push(TimerOp::Cancel(timer));
    }

    /// Tells the local application.
    pub fn emit(&mut self, output: O) {
        self.outputs.push(output);
    }

    /// Whether nothing is asked.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.sends.is_empty()
            && self.records.is_empty()
            && self.sends_after_sync.is_empty()
            && self.timers.is_empty()
            && self.outputs.is_empty()
    }

    /// Forgets everything asked and keeps the memory, so that a steady state allocates nothing.
    pub fn clear(&mut self) {
        self.sends.clear();
        self.records.clear();
        self.sends_after_sync.clear();
        self.timers.clear();
        self.outputs.clear();
    }
}

impl<M, R, T, O> Default for Effects<M, R, T, O> {
    fn default() -> Self {
        Self::new()
    }
}

/// A message and the nodes it goes to. A broadcast is one entry, so that a driver encodes it once.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Outgoing<M> {
    /// Every node it goes to; the sender itself may be one of them.
    pub to: NodeSet,
    /// What is said.
    pub message: M,
}

/// What to do with a named timer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TimerOp<T> {
    /// Start it, or start it again.
    Set(T),
    /// Stop it, if it is set.
    Cancel(T),
}

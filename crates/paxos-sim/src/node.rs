//! One node of the world: a process, its disk, and what stands between them.

use std::hash::{Hash, Hasher};

use paxos_messages::Observed;
use paxos_process::{NodeId, Outgoing};

/// A node between two events.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Node<P: Observed> {
    pub(crate) id: NodeId,
    pub(crate) up: bool,
    /// The process; while the node is down, what a restart would find.
    pub(crate) process: P,
    /// The disk, as what replaying it gives: two logs that replay to the same state are the same disk.
    pub(crate) disk: P,
    /// Records written and not synced: a crash forgets them.
    pub(crate) unsynced: Vec<P::Record>,
    /// Votes that wait for those records.
    pub(crate) held: Vec<Outgoing<P::Message>>,
    /// The timers that are set, sorted.
    pub(crate) timers: Vec<P::Timer>,
    /// The hash of all of the above when the node last came to rest.
    pub(crate) fingerprint: u64,
}

impl<P: Observed + Hash> Hash for Node<P> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (self.id, self.up, &self.process, &self.disk, &self.unsynced, &self.held, &self.timers).hash(state);
    }
}

impl<P: Observed + Clone> Node<P> {
    pub(crate) fn new(id: NodeId, process: P) -> Self {
        let disk = process.clone();
        Self { id, up: true, process, disk, unsynced: Vec::new(), held: Vec::new(), timers: Vec::new(), fingerprint: 0 }
    }

    /// The disk catches up. Returns the votes that may leave now.
    pub(crate) fn sync(&mut self) -> Vec<Outgoing<P::Message>> {
        for record in self.unsynced.drain(..) {
            self.disk.replay(record);
        }
        std::mem::take(&mut self.held)
    }

    // ANCHOR: crash
    /// Everything that is not on the disk is gone.
    pub(crate) fn crash(&mut self) {
        self.up = false;
        self.process = self.disk.clone();
        self.unsynced.clear();
        self.held.clear();
        self.timers.clear();
    }
    // ANCHOR_END: crash

    pub(crate) fn set(&mut self, timer: P::Timer) {
        if let Err(position) = self.timers.binary_search(&timer) {
            self.timers.insert(position, timer);
        }
    }

    pub(crate) fn unset(&mut self, timer: P::Timer) {
        self.timers.retain(|set| *set != timer);
    }
}

//! One node of the world: a process, its disk, and what stands between them.

use std::{
    hash::{Hash, Hasher},
    sync::OnceLock,
};

use paxos_messages::{Fact, Observed};
use paxos_process::{NodeId, NodeSet, Outgoing, Process};

use crate::{history::Told, world::fingerprint};

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
    pub(crate) held: Vec<HeldOf<P>>,
    /// The timers that are set, sorted.
    pub(crate) timers: Vec<P::Timer>,
    /// The nodes from which the link to this one is cut.
    pub(crate) deaf_to: NodeSet,
    /// How far the application was told.
    pub(crate) told: Told,
    /// The fingerprint of all of the above but what was told.
    pub(crate) seal: Seal,
}

/// A message that waits for a disk, with the fact that it will establish when it leaves: what it meant when it was said,
/// whatever its process has done since.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Held<M, V> {
    pub(crate) outgoing: Outgoing<M>,
    pub(crate) fact: Option<Fact<V>>,
}

/// What a process holds.
pub(crate) type HeldOf<P> = Held<<P as Process>::Message, <P as Observed>::Decree>;

/// A fingerprint that is taken when it is first asked for. Only a search asks: a simulation that had to hash its nodes
/// after each choice would do little else.
#[derive(Debug, Default)]
pub(crate) struct Seal(OnceLock<u64>);

impl Seal {
    /// The fingerprint of the node that this is the seal of.
    pub(crate) fn of(&self, node: &impl Hash) -> u64 {
        *self.0.get_or_init(|| fingerprint(node))
    }
}

/// A copy is made to be changed.
impl Clone for Seal {
    fn clone(&self) -> Self {
        Self::default()
    }
}

/// Whether it was asked for is no difference.
impl PartialEq for Seal {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for Seal {}

impl<P: Observed + Hash> Hash for Node<P> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (self.id, self.up, self.deaf_to, &self.process, &self.disk, &self.unsynced, &self.held, &self.timers)
            .hash(state);
    }
}

impl<P: Observed + Clone> Node<P> {
    pub(crate) fn new(id: NodeId, process: P) -> Self {
        let disk = process.clone();
        let (unsynced, held, timers) = (Vec::new(), Vec::new(), Vec::new());
        let (told, seal) = (Told::NOTHING, Seal::default());
        let deaf_to = NodeSet::EMPTY;
        Self { id, up: true, deaf_to, process, disk, unsynced, held, timers, told, seal }
    }

    /// The disk catches up. Returns the votes that may leave now.
    pub(crate) fn sync(&mut self) -> Vec<HeldOf<P>> {
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
        self.told = Told::NOTHING;
    }
    // ANCHOR_END: crash

    /// As [`crash`](Self::crash), but the first `kept` of the records that were not synced had reached the disk.
    pub(crate) fn crash_keeping(&mut self, kept: usize) {
        for record in self.unsynced.drain(..kept) {
            self.disk.replay(record);
        }
        self.crash();
    }

    pub(crate) fn set(&mut self, timer: P::Timer) {
        if let Err(position) = self.timers.binary_search(&timer) {
            self.timers.insert(position, timer);
        }
    }

    pub(crate) fn unset(&mut self, timer: P::Timer) {
        self.timers.retain(|set| *set != timer);
    }
}

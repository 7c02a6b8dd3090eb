//! Counters of a running node, for whoever wants to know how it does. They cost an addition each, and no lock.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use paxos_process::NodeId;

use crate::Disk;

/// The counters of one node. Cloning gives another view of the same ones; any thread may read them.
#[derive(Clone, Debug)]
pub struct Stats(Arc<Counters>);

#[derive(Debug)]
struct Counters {
    peers: BTreeMap<NodeId, PeerCounters>,
    dropped: AtomicU64,
    records: AtomicU64,
    bytes_appended: AtomicU64,
    log_bytes: AtomicU64,
    syncs: AtomicU64,
    sync_nanos: AtomicU64,
    longest_sync_nanos: AtomicU64,
    checkpoints: AtomicU64,
    checkpoint_nanos: AtomicU64,
    clients: AtomicUsize,
    strangers_refused: AtomicU64,
}

#[derive(Debug, Default)]
struct PeerCounters {
    sent: AtomicU64,
    bytes_sent: AtomicU64,
    received: AtomicU64,
    bytes_received: AtomicU64,
    queued_bytes: AtomicUsize,
    connected: AtomicUsize,
}

/// What has been counted up to a moment. Counters begin at 0 when the node starts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Counts {
    /// Traffic with each peer.
    pub peers: BTreeMap<NodeId, PeerCounts>,
    /// Messages that were dropped because a queue was full, coming or going.
    pub dropped: u64,
    /// Records appended to the log.
    pub records: u64,
    /// The bytes that they took in it.
    pub bytes_appended: u64,
    /// How long the log is now, in bytes.
    pub log_bytes: u64,
    /// How often the log was synced. A checkpoint syncs too; that is counted with the checkpoint, here and below.
    pub syncs: u64,
    /// How long all these syncs took together.
    pub sync_time: Duration,
    /// How long the longest of them took, of all since the node started: by so much the disk lags, at its worst.
    pub longest_sync: Duration,
    /// How often the log was replaced by a shorter one.
    pub checkpoints: u64,
    /// How long that took together, with the syncs in it. The process stands still meanwhile.
    pub checkpoint_time: Duration,
    /// Clients that are connected now.
    pub clients: usize,
    /// Connections that were turned away before they had said who they are.
    pub strangers_refused: u64,
}

/// Traffic with one peer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct PeerCounts {
    /// Messages that were given to the connection.
    pub sent: u64,
    /// Their bytes, without those of frames.
    pub bytes_sent: u64,
    /// Messages that came.
    pub received: u64,
    /// Their bytes, without those of frames.
    pub bytes_received: u64,
    /// Bytes that wait to be sent now.
    pub queued_bytes: usize,
    /// Whether our connection to it stands.
    pub connected: bool,
}

impl Stats {
    /// Counters of a node with these peers.
    #[must_use]
    pub fn new(peers: impl IntoIterator<Item = NodeId>) -> Self {
        Self(Arc::new(Counters {
            peers: peers.into_iter().map(|peer| (peer, PeerCounters::default())).collect(),
            dropped: AtomicU64::new(0),
            records: AtomicU64::new(0),
            bytes_appended: AtomicU64::new(0),
            log_bytes: AtomicU64::new(0),
            syncs: AtomicU64::new(0),
            sync_nanos: AtomicU64::new(0),
            longest_sync_nanos: AtomicU64::new(0),
            checkpoints: AtomicU64::new(0),
            checkpoint_nanos: AtomicU64::new(0),
            clients: AtomicUsize::new(0),
            strangers_refused: AtomicU64::new(0),
        }))
    }

    /// What has been counted so far.
    #[must_use]
    pub fn counts(&self) -> Counts {
        let counters = &*self.0;
        let peer = |peer: &PeerCounters| PeerCounts {
            sent: peer.sent.load(Relaxed),
            bytes_sent: peer.bytes_sent.load(Relaxed),
            received: peer.received.load(Relaxed),
            bytes_received: peer.bytes_received.load(Relaxed),
            queued_bytes: peer.queued_bytes.load(Relaxed),
            connected: peer.connected.load(Relaxed) > 0,
        };
        Counts {
            peers: counters.peers.iter().map(|(&id, counters)| (id, peer(counters))).collect(),
            dropped: counters.dropped.load(Relaxed),
            records: counters.records.load(Relaxed),
            bytes_appended: counters.bytes_appended.load(Relaxed),
            log_bytes: counters.log_bytes.load(Relaxed),
            syncs: counters.syncs.load(Relaxed),
            sync_time: Duration::from_nanos(counters.sync_nanos.load(Relaxed)),
            longest_sync: Duration::from_nanos(counters.longest_sync_nanos.load(Relaxed)),
            checkpoints: counters.checkpoints.load(Relaxed),
            checkpoint_time: Duration::from_nanos(counters.checkpoint_nanos.load(Relaxed)),
            clients: counters.clients.load(Relaxed),
            strangers_refused: counters.strangers_refused.load(Relaxed),
        }
    }

    /// `disk`, with what is done to it counted here.
    pub fn measure<D>(&self, disk: D) -> Measured<D> {
        Measured { disk, stats: self.clone() }
    }

    pub(crate) fn queued(&self, peer: NodeId, bytes: usize) -> usize {
        self.peer(peer, |peer| peer.queued_bytes.fetch_add(bytes, Relaxed) + bytes)
    }

    pub(crate) fn unqueued(&self, peer: NodeId, bytes: usize) {
        self.peer(peer, |peer| peer.queued_bytes.fetch_sub(bytes, Relaxed));
    }

    pub(crate) fn sent(&self, peer: NodeId, messages: u64, bytes: u64) {
        self.peer(peer, |peer| {
            peer.sent.fetch_add(messages, Relaxed);
            peer.bytes_sent.fetch_add(bytes, Relaxed) as usize
        });
    }

    pub(crate) fn received(&self, peer: NodeId, messages: u64, bytes: u64) {
        self.peer(peer, |peer| {
            peer.received.fetch_add(messages, Relaxed);
            peer.bytes_received.fetch_add(bytes, Relaxed) as usize
        });
    }

    pub(crate) fn connected(&self, peer: NodeId, connected: bool) {
        self.peer(peer, |peer| peer.connected.swap(connected.into(), Relaxed));
    }

    pub(crate) fn dropped(&self, messages: u64) {
        self.0.dropped.fetch_add(messages, Relaxed);
    }

    pub(crate) fn client_connected(&self) {
        self.0.clients.fetch_add(1, Relaxed);
    }

    pub(crate) fn client_left(&self) {
        self.0.clients.fetch_sub(1, Relaxed);
    }

    pub(crate) fn stranger_refused(&self) {
        self.0.strangers_refused.fetch_add(1, Relaxed);
    }

    fn peer(&self, peer: NodeId, count: impl FnOnce(&PeerCounters) -> usize) -> usize {
        self.0.peers.get(&peer).map_or(0, count)
    }
}

/// A disk that is watched: how much is written, and how long it takes. Made by [`Stats::measure`].
pub struct Measured<D> {
    disk: D,
    stats: Stats,
}

impl<R, D: Disk<R>> Disk<R> for Measured<D> {
    type Error = D::Error;

    fn append(&mut self, record: &R) -> Result<(), D::Error> {
        let before = self.disk.len_bytes();
        self.disk.append(record)?;
        let (counters, after) = (&*self.stats.0, self.disk.len_bytes());
        counters.records.fetch_add(1, Relaxed);
        counters.bytes_appended.fetch_add(after.saturating_sub(before), Relaxed);
        counters.log_bytes.store(after, Relaxed);
        Ok(())
    }

    fn sync(&mut self) -> Result<(), D::Error> {
        let start = Instant::now();
        self.disk.sync()?;
        let (counters, nanos) = (&*self.stats.0, nanos(start));
        counters.syncs.fetch_add(1, Relaxed);
        counters.sync_nanos.fetch_add(nanos, Relaxed);
        counters.longest_sync_nanos.fetch_max(nanos, Relaxed);
        Ok(())
    }

    fn is_long(&self) -> bool {
        self.disk.is_long()
    }

    fn len_bytes(&self) -> u64 {
        self.disk.len_bytes()
    }

    fn checkpoint(&mut self, records: Vec<R>) -> Result<(), D::Error> {
        let start = Instant::now();
        self.disk.checkpoint(records)?;
        let counters = &*self.stats.0;
        counters.checkpoints.fetch_add(1, Relaxed);
        counters.checkpoint_nanos.fetch_add(nanos(start), Relaxed);
        counters.log_bytes.store(self.disk.len_bytes(), Relaxed);
        Ok(())
    }
}

fn nanos(since: Instant) -> u64 {
    u64::try_from(since.elapsed().as_nanos()).unwrap_or(u64::MAX)
}

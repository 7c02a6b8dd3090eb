//! The way out: one connection to each peer, kept up for as long as the node lives.
//!
//! A link promises nothing. A message waits in a bounded queue while the peer is away, is dropped when the queue is
//! full, and is lost when the connection breaks under it. Paxos is safe under all of that, and its timers ask again.

use std::{
    collections::BTreeMap,
    io,
    marker::PhantomData,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use paxos_process::{NodeId, NodeSet};
use rand::RngExt;
use rand_chacha::{ChaCha8Rng, rand_core::SeedableRng};
use serde::Serialize;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    select,
    sync::mpsc,
    time::{Instant, sleep, sleep_until, timeout},
};
use tracing::{debug, info, warn};

use crate::{
    Outbox,
    wire::{Hello, Who, framed},
};

/// A message in a queue: when it was put there, and its bytes, shared by all the peers it goes to.
type Queued = (Instant, Arc<[u8]>);

/// The outbox of a node that has peers: a queue for each of them.
pub(crate) struct Links<M> {
    queues: BTreeMap<NodeId, mpsc::Sender<Queued>>,
    dropped: Arc<AtomicU64>,
    message: PhantomData<fn(&M)>,
}

impl<M> Links<M> {
    /// The queues, and the other ends of them that the links read. Dropped messages are counted in `dropped`.
    pub(crate) fn new(
        peers: &BTreeMap<NodeId, SocketAddr>,
        dropped: Arc<AtomicU64>,
    ) -> (Self, Vec<(NodeId, mpsc::Receiver<Queued>)>) {
        let (queues, receivers) = peers
            .keys()
            .map(|&peer| {
                let (sender, receiver) = mpsc::channel(QUEUE);
                ((peer, sender), (peer, receiver))
            })
            .unzip();
        (Self { queues, dropped, message: PhantomData }, receivers)
    }
}

impl<M: Serialize> Outbox<M> for Links<M> {
    fn send(&mut self, to: NodeSet, message: &M) {
        let bytes = match framed(message) {
            Ok(bytes) => Arc::from(bytes),
            Err(error) => return warn!(%to, %error, "a message cannot be sent"),
        };
        for peer in to {
            let queued = (Instant::now(), Arc::clone(&bytes));
            let sent = self.queues.get(&peer).is_some_and(|queue| queue.try_send(queued).is_ok());
            if !sent {
                self.dropped.fetch_add(1, Ordering::Relaxed);
                debug!(%peer, "a message is dropped: the queue is full");
            }
        }
    }
}

/// One link: who says hello to whom, and how.
pub(crate) struct Link {
    pub(crate) id: NodeId,
    pub(crate) cluster: String,
    pub(crate) peer: NodeId,
    pub(crate) address: SocketAddr,
    /// How long each message is held before it leaves, as a slow network would.
    pub(crate) delay: Duration,
    pub(crate) seed: u64,
}

impl Link {
    /// Connects, carries the messages of `queue`, and connects again; until the queue is closed.
    pub(crate) async fn run(self, mut queue: mpsc::Receiver<Queued>) {
        let mut backoff = Backoff::new(self.seed ^ u64::from(self.peer.0));
        let Self { id, peer, .. } = self;
        loop {
            match self.connect().await {
                Ok(stream) => {
                    let since = Instant::now();
                    info!(target: "paxos::link", node = %id, to = %peer, "connected");
                    match self.carry(stream, &mut queue).await {
                        Ok(()) => return,
                        Err(error) => info!(target: "paxos::link", node = %id, to = %peer, %error, "disconnected"),
                    }
                    // Who closes at once has refused us: coming back at once would only be refused again.
                    if since.elapsed() > STEADY {
                        backoff.reset();
                    }
                }
                Err(error) => debug!(target: "paxos::link", node = %id, to = %peer, %error, "not connected"),
            }
            sleep(backoff.next()).await;
        }
    }

    async fn connect(&self) -> io::Result<TcpStream> {
        let mut stream = timeout(CONNECT, TcpStream::connect(self.address)).await??;
        // Connecting to a free port of one's own machine can meet itself, when the port it is given is the very one
        // it asks for (TCP simultaneous open). That is no peer.
        if stream.local_addr()? == stream.peer_addr()? {
            return Err(io::Error::new(io::ErrorKind::ConnectionRefused, "connected to itself"));
        }
        stream.set_nodelay(true)?;
        let hello = Hello::new(&self.cluster, Who::Peer(self.id));
        stream.write_all(&framed(&hello).map_err(io::Error::other)?).await?;
        Ok(stream)
    }

    /// Writes what comes out of the queue until it is closed (`Ok`) or the connection breaks.
    async fn carry(&self, mut stream: TcpStream, queue: &mut mpsc::Receiver<Queued>) -> io::Result<()> {
        let (mut reader, mut writer) = stream.split();
        let writing = async {
            while let Some((queued, frame)) = queue.recv().await {
                if !self.delay.is_zero() {
                    sleep_until(queued + self.delay).await;
                }
                writer.write_all(&frame).await?;
            }
            Ok(())
        };
        // A peer says nothing here. Listening all the same tells at once that it has gone, instead of at the
        // message after the one that is lost.
        let mut nothing = [0];
        select! {
            end = writing => end,
            read = reader.read(&mut nothing) => Err(read.err().unwrap_or_else(|| io::ErrorKind::ConnectionAborted.into())),
        }
    }
}

/// How long to wait before the next attempt: twice as long after each failure, up to a cap, and never all at once.
struct Backoff {
    random: ChaCha8Rng,
    next: Duration,
}

impl Backoff {
    fn new(seed: u64) -> Self {
        Self { random: ChaCha8Rng::seed_from_u64(seed), next: SHORTEST }
    }

    fn reset(&mut self) {
        self.next = SHORTEST;
    }

    /// Half to all of the current length, at random: nodes that lost the same peer do not come back in step.
    fn next(&mut self) -> Duration {
        let longest = self.next;
        self.next = (longest * 2).min(LONGEST);
        self.random.random_range(longest / 2..=longest)
    }
}

/// Messages that wait for one peer.
const QUEUE: usize = 256;
/// For one attempt to connect.
const CONNECT: Duration = Duration::from_secs(2);
/// A connection that has lasted so long was welcome.
const STEADY: Duration = Duration::from_secs(1);
/// The first wait of a [`Backoff`], and its last.
const SHORTEST: Duration = Duration::from_millis(20);
const LONGEST: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_the_cap_and_jitter() {
        let mut backoff = Backoff::new(1);
        let mut longest = SHORTEST;
        for _ in 0..12 {
            let wait = backoff.next();
            assert!(longest / 2 <= wait && wait <= longest, "{wait:?} of at most {longest:?}");
            longest = (longest * 2).min(LONGEST);
        }
        assert_eq!(longest, LONGEST);
        backoff.reset();
        assert!(backoff.next() <= SHORTEST);
    }

    #[test]
    fn a_full_queue_drops_and_counts() {
        let peer = NodeId(2);
        let dropped = Arc::new(AtomicU64::new(0));
        let peers = BTreeMap::from([(peer, ([127, 0, 0, 1], 0).into())]);
        let (mut links, receivers) = Links::new(&peers, Arc::clone(&dropped));
        for message in 0..QUEUE + 3 {
            links.send(NodeSet::only(peer), &message);
        }
        assert_eq!(dropped.load(Ordering::Relaxed), 3);
        links.send(NodeSet::only(NodeId(9)), &0);
        assert_eq!(dropped.load(Ordering::Relaxed), 4, "a node that is no peer gets nothing");
        assert_eq!(receivers.len(), 1);
    }
}

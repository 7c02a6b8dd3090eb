//! The way out: one connection to each peer, kept up for as long as the node lives.
//!
//! A link promises nothing. A message waits in a bounded queue while the peer is away, is dropped when the queue is
//! full, and is lost when the connection breaks under it. Paxos is safe under all of that, and its timers ask again.
//!
//! A peer that turns us away is misconfigured, or we are. It says why, and the logs of both tell.

use std::{
    collections::{BTreeMap, BTreeSet},
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
    Identity, Outbox,
    wire::{Hello, Inbound, ReadError, Welcome, Who, framed},
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
    pub(crate) own: Identity,
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
        let (id, peer, address) = (self.own.node, self.peer, self.address);
        let mut said = Said::default();
        loop {
            match self.connect().await {
                Ok(stream) => {
                    let since = Instant::now();
                    said = Said::default();
                    info!(target: "paxos::link", node = %id, to = %peer, "connected");
                    match self.carry(stream, &mut queue).await {
                        Ok(()) => return,
                        Err(error) => info!(target: "paxos::link", node = %id, to = %peer, %error, "disconnected"),
                    }
                    // Who closes at once has no use for us: coming back at once would only be the same again.
                    if since.elapsed() > STEADY {
                        backoff.reset();
                    }
                }
                Err(Failure::Refused(reason)) if said.is_new_reason(&reason) => {
                    warn!(target: "paxos::link", node = %id, to = %peer, %address, ?reason, "refused by the peer");
                }
                Err(Failure::Refused(reason)) => {
                    debug!(target: "paxos::link", node = %id, to = %peer, ?reason, "refused by the peer again");
                }
                Err(Failure::Io(error)) if said.is_first_failure() => {
                    info!(target: "paxos::link", node = %id, to = %peer, %address, %error, "not connected yet");
                }
                Err(Failure::Io(error)) => {
                    debug!(target: "paxos::link", node = %id, to = %peer, %error, "still not connected");
                }
            }
            sleep(backoff.next()).await;
        }
    }

    /// A connection that the peer has welcomed.
    async fn connect(&self) -> Result<TcpStream, Failure> {
        let mut stream = timeout(CONNECT, TcpStream::connect(self.address)).await.map_err(io::Error::from)??;
        // Connecting to a free port of one's own machine can meet itself, when the port it is given is the very one
        // it asks for (TCP simultaneous open). That is no peer.
        if stream.local_addr()? == stream.peer_addr()? {
            return Err(io::Error::new(io::ErrorKind::ConnectionRefused, "connected to itself").into());
        }
        stream.set_nodelay(true)?;
        let who = Who::Peer { id: self.own.node, to: self.peer, membership: self.own.membership.clone() };
        let hello = framed(&Hello::new(&self.own.cluster, who)).map_err(io::Error::other)?;
        stream.write_all(&hello).await?;
        match timeout(WELCOME, welcome(&mut stream)).await.map_err(io::Error::from)?? {
            Ok(_) => Ok(stream),
            Err(reason) => Err(Failure::Refused(reason.chars().take(REASON).collect())),
        }
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
        // A peer says nothing more. Listening all the same tells at once that it has gone, instead of at the
        // message after the one that is lost.
        let mut nothing = [0];
        select! {
            end = writing => end,
            read = reader.read(&mut nothing) => Err(read.err().unwrap_or_else(|| io::ErrorKind::ConnectionAborted.into())),
        }
    }
}

/// What the peer says to our hello. It says nothing after that, so nothing is lost with the buffer.
async fn welcome(stream: &mut TcpStream) -> Result<Welcome, ReadError> {
    let mut inbound = Inbound::new();
    loop {
        if let Some(welcome) = inbound.pull()? {
            return Ok(welcome);
        }
        let length = stream.read(inbound.room()).await?;
        inbound.filled(length)?;
    }
}

/// Why there is no connection.
enum Failure {
    /// Nobody is there, or not in time.
    Io(io::Error),
    /// Whoever is there has turned us away and said this.
    Refused(String),
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl From<ReadError> for Failure {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::Closed => Self::Io(io::ErrorKind::ConnectionAborted.into()),
            ReadError::Io(error) => Self::Io(error),
            ReadError::Wrong(what) => Self::Refused(format!("its answer to a hello is not understood: {what}")),
        }
    }
}

/// What the log has told aloud since the link was up. The same again is for those who look closely.
#[derive(Default)]
struct Said {
    failed: bool,
    reasons: BTreeSet<String>,
}

impl Said {
    fn is_first_failure(&mut self) -> bool {
        !std::mem::replace(&mut self.failed, true)
    }

    /// The peer chooses the words, so only so many are kept.
    fn is_new_reason(&mut self, reason: &str) -> bool {
        self.reasons.len() < REASONS && self.reasons.insert(reason.to_owned())
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
/// For the answer to a hello: longer than a peer besieged by silent strangers bears with them.
const WELCOME: Duration = Duration::from_secs(10);
/// Distinct reasons that are told aloud, and the characters of one that are.
const REASONS: usize = 16;
const REASON: usize = 400;
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
    fn each_reason_is_told_once_and_not_without_end() {
        let mut said = Said::default();
        assert!(said.is_first_failure() && !said.is_first_failure());
        assert!(said.is_new_reason("a") && said.is_new_reason("b") && !said.is_new_reason("a"));
        assert_eq!((0..100).filter(|n| said.is_new_reason(&n.to_string())).count(), REASONS - 2);
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

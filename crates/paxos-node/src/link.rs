//! The way out: one connection to each peer, kept up for as long as the node lives.
//!
//! A link promises nothing. A message waits in a bounded queue while the peer is away, is dropped when the queue is
//! full, and is lost when the connection breaks under it. Paxos is safe under all of that, and its timers ask again.
//!
//! A connection can be dead and not know it: when the line is cut, or the peer loses its power, nothing comes back, and
//! TCP tries again for many minutes, ever more seldom. Then the link would stay dead for as long after the line has
//! healed as it was cut before. So the peer says that it is there, [every second](HERE), and a link that has heard
//! nothing for [a few](SILENCE) is broken: it connects anew.
//!
//! A peer that turns us away is misconfigured, or we are. It says why, and the logs of both tell.

use std::{
    collections::{BTreeMap, BTreeSet},
    convert::Infallible,
    io,
    marker::PhantomData,
    net::SocketAddr,
    time::Duration,
};

use paxos_codec::encode;
use paxos_process::{NodeId, NodeSet};
use rand::RngExt;
use rand_chacha::{ChaCha8Rng, rand_core::SeedableRng};
use serde::{Serialize, de::DeserializeOwned};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpStream, tcp::ReadHalf},
    select,
    sync::mpsc,
    time::{Instant, sleep, sleep_until, timeout},
};
use tracing::{debug, info, warn};

use crate::{
    Identity, Key, Outbox, Stats,
    hello::{Admission, Calling, Reached, Who},
    seal::Seal,
    wire::{Inbound, MAX_VALUES, Outbound, ReadError},
};

/// Messages that left together, encoded back to back: the values of one frame.
pub(crate) struct Parcel {
    queued: Instant,
    values: Vec<u8>,
    messages: u64,
}

/// The outbox of a node that has peers: a queue for each of them.
pub(crate) struct Links<M> {
    queues: BTreeMap<NodeId, Queue>,
    stats: Stats,
    /// For one encoded message; reused.
    encoded: Vec<u8>,
    message: PhantomData<fn(&M)>,
}

struct Queue {
    parcels: mpsc::UnboundedSender<Parcel>,
    /// The parcel of the batch that is being sent.
    values: Vec<u8>,
    messages: u64,
}

impl Parcel {
    /// What it counts in the queue.
    pub(crate) const fn cost(&self) -> usize {
        self.values.len() + PARCEL
    }
}

impl<M> Links<M> {
    /// The queues, and the other ends of them that the links read.
    pub(crate) fn new(
        peers: &BTreeMap<NodeId, SocketAddr>,
        stats: Stats,
    ) -> (Self, Vec<(NodeId, mpsc::UnboundedReceiver<Parcel>)>) {
        let (queues, receivers) = peers
            .keys()
            .map(|&peer| {
                let (parcels, receiver) = mpsc::unbounded_channel();
                ((peer, Queue { parcels, values: Vec::new(), messages: 0 }), (peer, receiver))
            })
            .unzip();
        (Self { queues, stats, encoded: Vec::new(), message: PhantomData }, receivers)
    }
}

impl<M: Serialize> Outbox<M> for Links<M> {
    fn send(&mut self, to: NodeSet, message: &M) {
        self.encoded.clear();
        match encode(message, &mut self.encoded) {
            Ok(()) if self.encoded.len() <= MAX_VALUES => {}
            Ok(()) => return warn!(%to, bytes = self.encoded.len(), "a message is too long to be sent"),
            Err(error) => return warn!(%to, %error, "a message cannot be sent"),
        }
        for peer in to {
            match self.queues.get_mut(&peer) {
                Some(queue) => queue.push(peer, &self.encoded, &self.stats),
                None => self.stats.dropped(1),
            }
        }
    }

    fn flush(&mut self) {
        for (&peer, queue) in &mut self.queues {
            queue.post(peer, &self.stats);
        }
    }
}

impl Queue {
    fn push(&mut self, peer: NodeId, message: &[u8], stats: &Stats) {
        if MAX_VALUES < self.values.len() + message.len() {
            self.post(peer, stats);
        }
        self.values.extend_from_slice(message);
        self.messages += 1;
    }

    /// Puts the parcel into the queue, or drops it when the queue is full.
    fn post(&mut self, peer: NodeId, stats: &Stats) {
        if self.messages == 0 {
            return;
        }
        let (values, messages) = (std::mem::take(&mut self.values), std::mem::take(&mut self.messages));
        let cost = values.len() + PARCEL;
        if QUEUE < stats.queued(peer, cost) {
            stats.unqueued(peer, cost);
            stats.dropped(messages);
            debug!(%peer, messages, "messages are dropped: the queue is full");
        } else {
            let _ = self.parcels.send(Parcel { queued: Instant::now(), values, messages }); // the node may be ending
        }
    }
}

/// One link: who says hello to whom, and how.
pub(crate) struct Link {
    pub(crate) own: Identity,
    pub(crate) key: Option<Key>,
    pub(crate) stats: Stats,
    pub(crate) peer: NodeId,
    pub(crate) address: SocketAddr,
    /// How long each message is held before it leaves, as a slow network would.
    pub(crate) delay: Duration,
    /// How long the peer may be silent: [`SILENCE`], unless a test has less patience.
    pub(crate) silence: Duration,
    pub(crate) seed: u64,
}

impl Link {
    /// Connects, carries the messages of `queue`, and connects again; until the queue is closed.
    pub(crate) async fn run(self, mut queue: mpsc::UnboundedReceiver<Parcel>) {
        let mut backoff = Backoff::new(self.seed ^ u64::from(self.peer.0));
        let (id, peer, address) = (self.own.node, self.peer, self.address);
        let mut said = Said::default();
        loop {
            match self.connect().await {
                Ok((stream, inbound, says)) => {
                    let since = Instant::now();
                    said = Said::default();
                    info!(target: "paxos::link", node = %id, to = %peer, "connected");
                    self.stats.connected(peer, true);
                    let carried = self.carry(stream, inbound, says, &mut queue).await;
                    self.stats.connected(peer, false);
                    match carried {
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

    /// A connection that the peer has welcomed, what it says there, and the seal of what is said to it.
    async fn connect(&self) -> Result<(TcpStream, Inbound, Seal), Failure> {
        let mut stream = timeout(CONNECT, TcpStream::connect(self.address)).await.map_err(io::Error::from)??;
        // Connecting to a free port of one's own machine can meet itself, when the port it is given is the very one
        // it asks for (TCP simultaneous open). That is no peer.
        if stream.local_addr()? == stream.peer_addr()? {
            return Err(io::Error::new(io::ErrorKind::ConnectionRefused, "connected to itself").into());
        }
        stream.set_nodelay(true)?;
        let Identity { node: id, cluster, membership, protocol } = self.own.clone();
        let calling = Calling::new(&cluster, self.key.as_ref(), Who::Peer { id, to: self.peer, membership, protocol })?;
        let mut inbound = Inbound::new();
        let reached = timeout(WELCOME, call(&calling, &mut stream, &mut inbound)).await.map_err(io::Error::from)??;
        if reached.node != self.peer {
            return Err(Failure::Refused(format!("it is {}, not {}", reached.node, self.peer)));
        }
        inbound.admit(reached.hears);
        Ok((stream, inbound, reached.says))
    }

    /// Writes what comes out of the queue until it is closed (`Ok`), the connection breaks or the peer falls silent. All
    /// that waits leaves in one write.
    async fn carry(
        &self,
        mut stream: TcpStream,
        inbound: Inbound,
        says: Seal,
        queue: &mut mpsc::UnboundedReceiver<Parcel>,
    ) -> Result<(), ReadError> {
        let (mut reader, mut writer) = stream.split();
        let mut out = Outbound::new(says);
        let writing = async {
            let mut parcels = Vec::new();
            // With a delay each parcel has a time of its own.
            let at_once = if self.delay.is_zero() { PARCELS } else { 1 };
            while queue.recv_many(&mut parcels, at_once).await > 0 {
                for parcel in parcels.drain(..) {
                    self.stats.unqueued(self.peer, parcel.cost());
                    let Parcel { queued, values, messages } = parcel;
                    self.stats.sent(self.peer, messages, values.len() as u64);
                    if !self.delay.is_zero() {
                        sleep_until(queued + self.delay).await;
                    }
                    out.push_frame(&values);
                }
                let length = out.unwritten().len();
                writer.write_all(out.unwritten()).await?;
                out.written(length);
            }
            Ok(())
        };
        select! {
            end = writing => end,
            Err(end) = self.listen(&mut reader, inbound) => Err(end),
        }
    }

    /// Hears that the peer is there, until it is not. Its leaving is heard at once, and not at the message after the
    /// one that is lost.
    async fn listen(&self, reader: &mut ReadHalf<'_>, mut inbound: Inbound) -> Result<Infallible, ReadError> {
        loop {
            while let Some(payload) = inbound.payload()? {
                if !payload.is_empty() {
                    return Err(ReadError::Wrong("it answers, and has only to say that it is there".into()));
                }
            }
            let silent = |_| io::Error::new(io::ErrorKind::TimedOut, format!("nothing heard for {:?}", self.silence));
            let length = timeout(self.silence, reader.read(inbound.room())).await.map_err(silent)??;
            inbound.filled(length)?;
        }
    }
}

/// The caller's end of the handshake of `hello.rs`.
pub(crate) async fn call(calling: &Calling, stream: &mut TcpStream, inbound: &mut Inbound) -> Result<Reached, Failure> {
    stream.write_all(calling.hello()).await?;
    let reached = calling.greeted(next(stream, inbound).await?).map_err(Failure::refused)?;
    if let Some(proof) = &reached.proof {
        stream.write_all(proof).await?;
        next::<Admission>(stream, inbound).await?.map_err(Failure::refused)?;
    }
    Ok(reached)
}

async fn next<T: DeserializeOwned>(stream: &mut TcpStream, inbound: &mut Inbound) -> Result<T, ReadError> {
    loop {
        if let Some(value) = inbound.pull()? {
            return Ok(value);
        }
        let length = stream.read(inbound.room()).await?;
        inbound.filled(length)?;
    }
}

/// Why there is no connection.
pub(crate) enum Failure {
    /// Nobody is there, or not in time.
    Io(io::Error),
    /// Whoever is there has turned us away and said this.
    Refused(String),
}

impl Failure {
    /// The other end chooses the words, so only so many are kept.
    fn refused(reason: String) -> Self {
        Self::Refused(reason.chars().take(REASON).collect())
    }
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

/// How often a node says on every connection of a peer that it is there.
pub(crate) const HERE: Duration = Duration::from_secs(1);
/// A peer that has said nothing for so long is not there. Several times [`HERE`], because one that is only slow is. No
/// link stays dead for much longer than this once the line is whole again.
pub(crate) const SILENCE: Duration = Duration::from_secs(4);
/// Bytes that wait for one peer, with [`PARCEL`] for each parcel.
const QUEUE: usize = 16 << 20;
/// What a parcel costs beside its bytes.
const PARCEL: usize = 128;
/// Parcels that leave in one write, at most.
const PARCELS: usize = 64;
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
        let peers = BTreeMap::from([(peer, ([127, 0, 0, 1], 0).into())]);
        let stats = Stats::new([peer]);
        let (mut links, mut receivers) = Links::new(&peers, stats.clone());
        let message = "x".repeat(QUEUE / 20 - 8 - PARCEL);
        for _ in 0..23 {
            links.send(NodeSet::only(peer), &message);
            links.flush();
        }
        assert_eq!((stats.counts().dropped, stats.counts().peers[&peer].queued_bytes), (3, QUEUE / 20 * 20));
        links.send(NodeSet::only(NodeId(9)), &message);
        assert_eq!(stats.counts().dropped, 4, "a node that is no peer gets nothing");
        assert_eq!(receivers[0].1.len(), 20);
        links.send(NodeSet::only(peer), &"too long".repeat(MAX_VALUES / 8));
        links.flush();
        assert_eq!((receivers.len(), receivers.pop().unwrap().1.len()), (1, 20));
    }

    #[test]
    fn messages_of_a_batch_share_a_parcel_as_long_as_they_fit() {
        let peer = NodeId(2);
        let peers = BTreeMap::from([(peer, ([127, 0, 0, 1], 0).into())]);
        let (mut links, mut receivers) = Links::new(&peers, Stats::new([peer]));
        links.send(NodeSet::only(peer), &"a".to_owned());
        links.send(NodeSet::only(peer), &"b".to_owned());
        links.flush();
        links.flush();
        links.send(NodeSet::only(peer), &"c".to_owned());
        links.send(NodeSet::only(peer), &"x".repeat(MAX_VALUES - 8));
        links.flush();
        let parcels = &mut receivers[0].1;
        let lengths: Vec<_> =
            std::iter::from_fn(|| parcels.try_recv().ok().map(|parcel| parcel.values.len())).collect();
        assert_eq!(lengths, [18, 9, MAX_VALUES]);
    }
}

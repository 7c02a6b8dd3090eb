//! A node: a process on its thread, its sockets on theirs, and a handle to both.

use std::{
    any::Any,
    collections::BTreeMap,
    error::Error,
    fmt, io,
    net::{SocketAddr, TcpListener},
    thread::{self, JoinHandle},
    time::Duration,
};

use paxos_process::{NodeId, Process};
use serde::{Serialize, de::DeserializeOwned};
use tokio::{runtime::Builder, sync::oneshot};

use tracing::{debug, warn};

use crate::{
    Answers, AskError, Clock, Disk, Durations, Identity, Key, Local, Observer, Postbox, Stats, drive, hello, limit,
    link::{Link, Links, SILENCE},
    listen::Reception,
    mailbox,
};

/// What a node is told before it starts.
pub struct Config<P: Process, A: Answers<P>> {
    /// Who it is: the same as in its store. Nodes and clients of another cluster are turned away, and so are nodes
    /// that take the cluster for another one than it does.
    pub identity: Identity,
    /// Where it listens. Port 0 is any free port; [`Node::address`] tells which.
    pub listen: SocketAddr,
    /// The other nodes of the cluster, and where they listen.
    pub peers: BTreeMap<NodeId, SocketAddr>,
    /// How long a timer takes, at random in the range.
    pub durations: Durations<P::Timer>,
    /// What clients ask and hear, and which output answers whom.
    pub answers: A,
    /// The key of the cluster: who does not hold it is neither a peer nor a client. Without one, everybody is believed
    /// who can reach the port and knows the cluster's name, and the node warns of that unless it listens on loopback.
    pub key: Option<Key>,
    /// The source of all its randomness: jitter of timers and of reconnecting.
    pub seed: u64,
    /// How long to hold each message to a peer before it leaves: zero, or a slow network for a demonstration.
    pub delay: Duration,
}

/// A running node.
pub struct Node<P: Process, A: Answers<P>> {
    address: SocketAddr,
    handle: Handle<P, A>,
    driving: JoinHandle<Result<(), Box<dyn Error + Send + Sync>>>,
    networking: JoinHandle<()>,
}

/// A way to reach the process of a running node from any thread.
pub struct Handle<P: Process, A: Answers<P>> {
    postbox: Postbox<P, A>,
    stats: Stats,
}

impl<P, A> Node<P, A>
where
    P: Process<Message: Serialize + DeserializeOwned + Send, Record: Send, Timer: Send, Request: Send, Output: Send>
        + Send
        + 'static,
    A: Answers<P> + Send + 'static,
{
    /// Starts `process` on `disk`, on which it finds what it has `recovered` from earlier lives, and connects it to
    /// its peers. Returns as soon as it listens.
    ///
    /// # Errors
    ///
    /// When it cannot listen, most likely because the address is in use, or threads cannot be started.
    pub fn start<D>(
        config: Config<P, A>,
        mut process: P,
        recovered: Vec<P::Record>,
        disk: D,
        mut observer: impl Observer<P> + Send + 'static,
    ) -> io::Result<Self>
    where
        D: Disk<P::Record, Error: Into<Box<dyn Error + Send + Sync>>> + Send + 'static,
    {
        let listener = TcpListener::bind(config.listen)?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let runtime = Builder::new_current_thread().enable_io().enable_time().build()?;
        let (postbox, inbox) = mailbox(INBOX);
        let stats = Stats::new(config.peers.keys().copied());
        let (mut net, queues) = Links::new(&config.peers, stats.clone());
        let id = config.identity.node;
        if config.key.is_none() && hello::is_private(address) {
            debug!(node = %id, "there is no cluster key: whoever reaches the port is believed");
        } else if config.key.is_none() {
            warn!(node = %id, %address, "there is no cluster key: whoever reaches the port is believed");
        }

        let peers = config.peers.keys().copied().collect();
        let (identity, key) = (config.identity, config.key);
        let reception = Reception::new(identity.clone(), key.clone(), peers, postbox.clone(), stats.clone());
        let links: Vec<_> = queues
            .into_iter()
            .map(|(peer, queue)| {
                let (own, key, stats, address) = (identity.clone(), key.clone(), stats.clone(), config.peers[&peer]);
                let (delay, silence, seed) = (config.delay, SILENCE, config.seed);
                Link { own, key, stats, peer, address, delay, silence, seed }.run(queue)
            })
            .collect();
        let (driving_ends, ended) = oneshot::channel::<()>();
        let networking = thread::Builder::new().name(format!("{id} net")).spawn(move || {
            runtime.block_on(async {
                let listener = tokio::net::TcpListener::from_std(listener).expect("a runtime with sockets");
                links.into_iter().for_each(|link| drop(tokio::spawn(link)));
                tokio::select! {
                    () = reception.run(listener) => {}
                    _ = ended => {}
                }
            });
            // Dropping the runtime closes every connection.
        })?;

        let measured = stats.measure(disk);
        let clock = Clock::new(config.seed, config.durations);
        let mut local = Local::new(inbox, clock, config.answers, BATCH);
        let driving = thread::Builder::new().name(format!("{id} drive")).spawn(move || {
            let _driving_ends = driving_ends; // however it ends, the sockets close
            let mut disk = measured;
            drive(id, &mut process, recovered, &mut disk, &mut net, &mut local, &mut observer).map_err(Into::into)
        })?;
        Ok(Self { address, handle: Handle { postbox, stats }, driving, networking })
    }

    /// Where it listens.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// A way to ask it and to stop it.
    #[must_use]
    pub fn handle(&self) -> Handle<P, A> {
        self.handle.clone()
    }

    /// Waits until the node has ended: it was stopped, or failed. Its sockets are closed and its disk is released.
    ///
    /// # Errors
    ///
    /// When the disk has failed or the process has panicked.
    pub fn join(self) -> Result<(), NodeError> {
        drop(self.handle);
        let driven = self.driving.join();
        let networked = self.networking.join();
        match (driven, networked) {
            (Ok(Ok(())), Ok(())) => Ok(()),
            (Ok(Err(error)), _) => Err(NodeError::Disk(error)),
            (Err(panic), _) | (_, Err(panic)) => Err(NodeError::Panicked(said(&*panic))),
        }
    }
}

impl<P: Process, A: Answers<P>> Handle<P, A> {
    /// Asks the process. The answer arrives at the receiver, or an error when the node ends before there is one, or
    /// too many wait for an answer already.
    ///
    /// # Errors
    ///
    /// When it is longer than [`MAX_REQUEST`](crate::MAX_REQUEST), or the process is far behind. It is not asked then.
    pub fn ask(&self, ask: A::Ask) -> Result<oneshot::Receiver<A::Reply>, AskError>
    where
        A::Ask: Serialize,
    {
        let bytes = limit::check(&ask)?;
        self.postbox.ask(ask, bytes)
    }

    /// Ends the node after what has been asked before: its records become stable, its sockets close.
    pub fn stop(&self) {
        self.postbox.stop();
    }

    /// The counters of the node.
    #[must_use]
    pub const fn stats(&self) -> &Stats {
        &self.stats
    }

    /// How many messages and requests wait for the process.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.postbox.waiting()
    }

    /// How many messages were dropped because a queue was full, coming or going.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.stats.counts().dropped
    }
}

impl<P: Process, A: Answers<P>> Clone for Handle<P, A> {
    fn clone(&self) -> Self {
        Self { postbox: self.postbox.clone(), stats: self.stats.clone() }
    }
}

/// Why a node has ended without being asked to.
#[derive(Debug)]
pub enum NodeError {
    /// Its disk has failed. No vote that waited for it was sent.
    Disk(Box<dyn Error + Send + Sync>),
    /// An invariant is broken, or its records are not its own; the text is the panic's.
    Panicked(String),
}

impl fmt::Display for NodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Disk(error) => write!(f, "stable storage has failed, so the node has stopped: {error}"),
            Self::Panicked(what) => write!(f, "the node has stopped, because going on would make it worse: {what}"),
        }
    }
}

impl Error for NodeError {}

/// What a panic said.
fn said(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str).or_else(|| panic.downcast_ref::<&str>().copied());
    text.unwrap_or("a panic without words").to_owned()
}

/// Bytes of inputs that wait for the process.
const INBOX: usize = 64 << 20;
/// Events that share one sync at most, but for what came with the last of them.
const BATCH: usize = 4096;

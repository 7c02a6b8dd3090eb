//! A node: a process on its thread, its sockets on theirs, and a handle to both.

use std::{
    any::Any,
    collections::BTreeMap,
    error::Error,
    fmt, io,
    net::{SocketAddr, TcpListener},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
        mpsc::{SyncSender, sync_channel},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use paxos_process::{NodeId, Process};
use serde::{Serialize, de::DeserializeOwned};
use tokio::{runtime::Builder, sync::oneshot};

use crate::{
    Answers, AskError, Clock, Disk, Durations, Identity, Input, Local, Observer, drive, limit,
    link::{Link, Links},
    listen::Reception,
};

/// What a node is told before it starts.
pub struct Config<P: Process> {
    /// Who it is: the same as in its store. Nodes and clients of another cluster are turned away, and so are nodes
    /// that take the cluster for another one than it does.
    pub identity: Identity,
    /// Where it listens. Port 0 is any free port; [`Node::address`] tells which.
    pub listen: SocketAddr,
    /// The other nodes of the cluster, and where they listen.
    pub peers: BTreeMap<NodeId, SocketAddr>,
    /// How long a timer takes, at random in the range.
    pub durations: Durations<P::Timer>,
    /// Whether an output answers a request.
    pub answers: Answers<P>,
    /// The source of all its randomness: jitter of timers and of reconnecting.
    pub seed: u64,
    /// How long to hold each message to a peer before it leaves: zero, or a slow network for a demonstration.
    pub delay: Duration,
}

/// A running node.
pub struct Node<P: Process> {
    address: SocketAddr,
    handle: Handle<P>,
    driving: JoinHandle<Result<(), Box<dyn Error + Send + Sync>>>,
    networking: JoinHandle<()>,
}

/// A way to reach the process of a running node from any thread.
pub struct Handle<P: Process> {
    inputs: SyncSender<Input<P>>,
    dropped: Arc<AtomicU64>,
}

impl<P> Node<P>
where
    P: Process<
            Message: Serialize + DeserializeOwned + Send,
            Record: Send,
            Timer: Send,
            Request: DeserializeOwned + Send,
            Output: Serialize + Send,
        > + Send
        + 'static,
{
    /// Starts `process` on `disk`, on which it finds what it has `recovered` from earlier lives, and connects it to
    /// its peers. Returns as soon as it listens.
    ///
    /// # Errors
    ///
    /// When it cannot listen, most likely because the address is in use, or threads cannot be started.
    pub fn start<D>(
        config: Config<P>,
        mut process: P,
        recovered: Vec<P::Record>,
        mut disk: D,
        mut observer: impl Observer<P> + Send + 'static,
    ) -> io::Result<Self>
    where
        D: Disk<P::Record, Error: Into<Box<dyn Error + Send + Sync>>> + Send + 'static,
    {
        let listener = TcpListener::bind(config.listen)?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let runtime = Builder::new_current_thread().enable_io().enable_time().build()?;
        let (inputs, inbox) = sync_channel(INBOX);
        let dropped = Arc::new(AtomicU64::new(0));
        let (mut net, queues) = Links::new(&config.peers, Arc::clone(&dropped));
        let id = config.identity.node;

        let reception = Reception::new(
            config.identity.clone(),
            config.peers.keys().copied().collect(),
            inputs.clone(),
            Arc::clone(&dropped),
        );
        let links: Vec<_> = queues
            .into_iter()
            .map(|(peer, queue)| {
                let (own, address) = (config.identity.clone(), config.peers[&peer]);
                Link { own, peer, address, delay: config.delay, seed: config.seed }.run(queue)
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

        let clock = Clock::new(config.seed, config.durations);
        let mut local = Local::new(inbox, clock, config.answers, BATCH);
        let driving = thread::Builder::new().name(format!("{id} drive")).spawn(move || {
            let _driving_ends = driving_ends; // however it ends, the sockets close
            drive(id, &mut process, recovered, &mut disk, &mut net, &mut local, &mut observer).map_err(Into::into)
        })?;
        Ok(Self { address, handle: Handle { inputs, dropped }, driving, networking })
    }

    /// Where it listens.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// A way to ask it and to stop it.
    #[must_use]
    pub fn handle(&self) -> Handle<P> {
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

impl<P: Process> Handle<P> {
    /// Asks the process. The answer arrives at the receiver, or an error when the node ends before there is one.
    /// Waits while the process is far behind.
    ///
    /// # Errors
    ///
    /// When the request is longer than [`MAX_REQUEST`](crate::MAX_REQUEST). It is not asked then.
    pub fn ask(&self, request: P::Request) -> Result<oneshot::Receiver<P::Output>, AskError>
    where
        P::Request: Serialize,
    {
        limit::check(&request)?;
        let (reply, answer) = oneshot::channel();
        // If the node has ended, the reply is dropped and the receiver says so.
        let _ = self.inputs.send(Input::Request { request, reply: Some(reply) });
        Ok(answer)
    }

    /// Ends the node after what has been asked before: its records become stable, its sockets close.
    pub fn stop(&self) {
        let _ = self.inputs.send(Input::Stop); // it may have ended already
    }

    /// How many messages were dropped because a queue was full, coming or going.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }
}

impl<P: Process> Clone for Handle<P> {
    fn clone(&self) -> Self {
        Self { inputs: self.inputs.clone(), dropped: Arc::clone(&self.dropped) }
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

/// Inputs that wait for the process.
const INBOX: usize = 1024;
/// Events that share one sync at most.
const BATCH: usize = 256;

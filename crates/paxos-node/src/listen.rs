//! The way in: whoever connects is greeted, and what does not belong is shown the door.
//!
//! Nothing from outside is trusted before its hello has been checked, and its proof if there is a key; and little after
//! it: a frame has a limit, a message that does not decode closes its connection, and no connection can make the node
//! hold more than one frame. Whoever is turned away is told why. Connections that have not proved anything cost about
//! [`STRANGER`](crate::hello::STRANGER) bytes, a few seconds, and a place among a few; when the places are taken, the
//! one who has waited the longest loses his, so that those who know what to say, and say it at once, get in. What
//! strangers do is logged a few times a minute.
//!
//! What a client does after that is in `serve.rs`.

use std::{
    collections::{BTreeMap, VecDeque},
    convert::Infallible,
    fmt::Display,
    io,
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use paxos_codec::MAX_PAYLOAD;
use paxos_process::{NodeId, NodeSet, Process};
use serde::{Serialize, de::DeserializeOwned};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    select,
    sync::{OwnedSemaphorePermit, Semaphore, oneshot},
    time::{MissedTickBehavior, interval, sleep, timeout},
};
use tracing::{debug, info, warn};

use crate::{
    Answers, Identity, Key, Postbox, Stats,
    hello::{Admission, Challenge, Challenging, Greeting, Hello, Who},
    link::HERE,
    seal::{Proof, Seal},
    told::Told,
    wire::{Inbound, Outbound, ReadError, framed},
};

/// Greets connections and brings what they say to the process.
pub(crate) struct Reception<P: Process, A: Answers<P>> {
    pub(crate) own: Identity,
    pub(crate) key: Option<Key>,
    peers: NodeSet,
    pub(crate) postbox: Postbox<P, A>,
    pub(crate) stats: Stats,
    /// How long a client may be silent.
    pub(crate) idle: Duration,
    /// How long a client may leave unread what waits for it.
    pub(crate) stalled: Duration,
    /// How often to say to each peer that this node is there.
    pub(crate) here: Duration,
    /// Who has connected and proved nothing, the one who has waited the longest first. Losing the sender ends it.
    strangers: Mutex<VecDeque<(u64, oneshot::Sender<Infallible>)>>,
    pub(crate) clients: Arc<Semaphore>,
    /// Places of those who look after the node, also when it has clients enough.
    operators: Arc<Semaphore>,
    /// A number for each connection.
    connections: AtomicU64,
    /// The connection that speaks for each peer. A new one takes the place of the old, which is dead as a rule.
    speaking: Mutex<BTreeMap<NodeId, oneshot::Sender<Infallible>>>,
    told: Told,
}

/// Whoever has been greeted, and how it is spoken with.
enum Guest {
    Peer(NodeId, Caller),
    Client { place: OwnedSemaphorePermit, operates: bool, caller: Caller },
}

impl<P, A> Reception<P, A>
where
    P: Process<Message: DeserializeOwned + Send, Request: Send> + 'static,
    A: Answers<P> + 'static,
{
    pub(crate) fn new(
        own: Identity,
        key: Option<Key>,
        peers: NodeSet,
        postbox: Postbox<P, A>,
        stats: Stats,
    ) -> Arc<Self> {
        Arc::new(Self {
            own,
            key,
            peers,
            postbox,
            stats,
            idle: IDLE,
            stalled: STALLED,
            here: HERE,
            strangers: Mutex::default(),
            clients: Arc::new(Semaphore::new(CLIENTS)),
            operators: Arc::new(Semaphore::new(OPERATORS)),
            connections: AtomicU64::new(0),
            speaking: Mutex::default(),
            told: Told::new(Instant::now()),
        })
    }

    /// Accepts connections for ever.
    pub(crate) async fn run(self: Arc<Self>, listener: TcpListener) {
        loop {
            match listener.accept().await {
                Ok((stream, from)) => {
                    tokio::spawn(Arc::clone(&self).receive(stream, from));
                }
                Err(error) => {
                    // Out of file descriptors, most likely. Accepting again at once would fail again at once.
                    if let Some(untold) = self.told.again(Instant::now()) {
                        warn!(node = %self.own.node, %error, untold, "a connection cannot be accepted");
                    }
                    sleep(PAUSE).await;
                }
            }
        }
    }

    pub(crate) async fn receive(self: Arc<Self>, stream: TcpStream, from: SocketAddr) {
        let node = self.own.node;
        let connection = self.connections.fetch_add(1, Ordering::Relaxed);
        let evicted = self.enter(connection);
        let greeted = select! {
            greeted = self.greet(stream) => greeted,
            _ = evicted => Err(ReadError::Wrong("others came, and it had not said who it is".into())),
        };
        self.leave(connection);
        let (ended, known) = match greeted {
            Ok(Guest::Peer(peer, caller)) => (self.hear(peer, caller).await, true),
            Ok(Guest::Client { place: _place, operates, caller }) => {
                (self.serve(connection, operates, caller).await, true)
            }
            Err(error) => (Err(error), false),
        };
        match ended {
            Ok(()) | Err(ReadError::Closed) => debug!(%node, %from, "a connection has ended"),
            Err(error @ ReadError::Io(_)) => debug!(%node, %from, %error, "a connection has ended"),
            Err(error @ ReadError::Wrong(_)) => {
                if !known {
                    self.stats.stranger_refused();
                }
                match self.told.again(Instant::now()) {
                    Some(untold) => warn!(%node, %from, %error, untold, "a connection is closed"),
                    None => debug!(%node, %from, %error, "a connection is closed"),
                }
            }
        }
    }

    /// Takes a place among the strangers, for which the one who has had his the longest may have to go.
    fn enter(&self, connection: u64) -> oneshot::Receiver<Infallible> {
        let (place, evicted) = oneshot::channel();
        let mut strangers = self.strangers.lock().expect("no thread panics with it");
        if STRANGERS <= strangers.len() {
            strangers.pop_front();
        }
        strangers.push_back((connection, place));
        evicted
    }

    fn leave(&self, connection: u64) {
        self.strangers.lock().expect("no thread panics with it").retain(|(stranger, _)| *stranger != connection);
    }

    /// Finds out who it is, up to the point where it may speak.
    async fn greet(&self, stream: TcpStream) -> Result<Guest, ReadError> {
        stream.set_nodelay(true)?;
        let mut caller = Caller { stream, inbound: Inbound::new(), says: Seal::none() };
        let late = |_| ReadError::Wrong(format!("it has not said who it is in {HANDSHAKE:?}"));
        let refused = match timeout(HANDSHAKE, self.examine(&mut caller)).await.map_err(late)? {
            Ok((Who::Peer { id, .. }, _)) => return Ok(Guest::Peer(id, caller)),
            Ok((who @ (Who::Client | Who::Operator), place)) => {
                let (place, operates) = (place.expect("a client has a place"), who == Who::Operator);
                return Ok(Guest::Client { place, operates, caller });
            }
            Err(ReadError::Wrong(reason)) => reason,
            Err(error) => return Err(error),
        };
        caller.refuse(&refused).await;
        Err(ReadError::Wrong(refused))
    }

    /// The handshake of `hello.rs`. What is wrong with the caller it has yet to be told; where there is a key, whoever has
    /// not proved that it holds it hears nothing about the cluster.
    async fn examine(&self, caller: &mut Caller) -> Result<(Who, Option<OwnedSemaphorePermit>), ReadError> {
        let id = self.own.node;
        let payload = caller.payload().await?;
        let hello = Hello::read(&payload)?;
        hello.check_key(self.key.is_some()).map_err(ReadError::Wrong)?;
        let Some(key) = &self.key else {
            let welcome = self.welcome(&hello)?;
            caller.say(&Greeting::Ok(Challenge::none(id))).await?;
            caller.inbound.admit(Seal::none());
            return Ok(welcome);
        };
        let (challenging, challenge) = Challenging::new(key, &payload, id)?;
        caller.say(&Greeting::Ok(challenge)).await?;
        let proof: Proof = paxos_codec::decode(&caller.payload().await?)?;
        let (says, hears) = challenging.answered(&proof).map_err(ReadError::Wrong)?;
        let welcome = self.welcome(&hello)?;
        caller.say(&Admission::Ok(())).await?;
        caller.says = says;
        caller.inbound.admit(hears);
        Ok(welcome)
    }

    /// Who it is, if it belongs here and there is a place for it; and that place, if it is a client.
    fn welcome(&self, hello: &Hello) -> Result<(Who, Option<OwnedSemaphorePermit>), ReadError> {
        let who = hello.check(&self.own).map_err(ReadError::Wrong)?;
        let place = match who {
            Who::Peer { id, .. } if !self.peers.contains(*id) => {
                return Err(ReadError::Wrong(format!("{id} is no peer of {}", self.own.node)));
            }
            Who::Peer { .. } => None,
            Who::Client => Some(self.place(&self.clients, format_args!("{CLIENTS} clients"))?),
            Who::Operator => Some(self.place(&self.operators, format_args!("{OPERATORS} operators"))?),
        };
        Ok((who.clone(), place))
    }

    fn place(&self, of: &Arc<Semaphore>, taken: impl Display) -> Result<OwnedSemaphorePermit, ReadError> {
        let full = |_| ReadError::Wrong(format!("{} has {taken} already", self.own.node));
        Arc::clone(of).try_acquire_owned().map_err(full)
    }

    /// Brings a peer's messages to the process, until it leaves or another connection speaks for it. Says meanwhile
    /// that this node is there, so that the peer knows whether the line still carries anything.
    async fn hear(&self, peer: NodeId, caller: Caller) -> Result<(), ReadError> {
        let (speaker, replaced) = oneshot::channel();
        self.speaking.lock().expect("no thread panics with it").insert(peer, speaker);
        let node = self.own.node;
        info!(target: "paxos::link", %node, from = %peer, "a peer has connected");
        let Caller { mut stream, mut inbound, says } = caller;
        let (mut reader, mut writer) = stream.split();
        let saying = async {
            let (mut here, mut out) = (interval(self.here), Outbound::new(says));
            here.set_missed_tick_behavior(MissedTickBehavior::Delay);
            loop {
                here.tick().await;
                out.push_frame(&[]);
                let length = out.unwritten().len();
                writer.write_all(out.unwritten()).await?;
                out.written(length);
            }
        };
        let hearing = async {
            loop {
                let (mut messages, mut bytes) = (Vec::new(), 0);
                inbound.values(|message, length| {
                    messages.push(message);
                    bytes += length;
                })?;
                let count = messages.len() as u64;
                if count > 0 {
                    self.stats.received(peer, count, bytes as u64);
                    if !self.postbox.messages(peer, messages, bytes) {
                        self.stats.dropped(count);
                        debug!(%node, from = %peer, count, "messages are dropped: the process is behind");
                    }
                }
                let length = reader.read(inbound.room()).await?;
                inbound.filled(length)?;
            }
        };
        select! {
            end = hearing => end,
            end = saying => end,
            _ = replaced => Ok(()),
        }
    }
}

/// The other end of an accepted connection.
pub(crate) struct Caller {
    pub(crate) stream: TcpStream,
    pub(crate) inbound: Inbound,
    /// The seal of what the node says.
    pub(crate) says: Seal,
}

impl Caller {
    /// The payload of the next frame.
    async fn payload(&mut self) -> Result<Vec<u8>, ReadError> {
        loop {
            if let Some(payload) = self.inbound.payload()? {
                return Ok(payload.to_vec());
            }
            self.read().await?;
        }
    }

    async fn read(&mut self) -> Result<(), ReadError> {
        let length = self.stream.read(self.inbound.room()).await?;
        self.inbound.filled(length)
    }

    async fn say<T: Serialize>(&mut self, value: &T) -> Result<(), ReadError> {
        let bytes = framed(value).map_err(|error| ReadError::Wrong(error.to_string()))?;
        Ok(self.stream.write_all(&bytes).await?)
    }

    /// Tells a stranger why it may not stay.
    async fn refuse(&mut self, reason: &str) {
        if let Ok(bytes) = framed(&Greeting::Err(reason.to_owned())) {
            self.part_with(&bytes).await;
        }
    }

    /// Says a last word, and gives the other end a moment to hear it: closing a connection with something unread in it
    /// is a reset, which may overtake the word.
    pub(crate) async fn part_with(&mut self, word: &[u8]) {
        let parting = async {
            self.stream.write_all(word).await?;
            self.stream.shutdown().await?;
            let (mut nothing, mut heard) = ([0; 512], 0);
            // As much as was on its way at once, and no more.
            while heard <= 2 * MAX_PAYLOAD {
                match self.stream.read(&mut nothing).await? {
                    0 => break,
                    length => heard += length,
                }
            }
            Ok::<_, io::Error>(())
        };
        let _ = timeout(PARTING, parting).await; // it has left already, or will not
    }
}

/// Connections that have proved nothing.
const STRANGERS: usize = 64;
/// Clients at a time.
pub(crate) const CLIENTS: usize = 4096;
/// Operators at a time.
const OPERATORS: usize = 16;
/// For saying who it is.
const HANDSHAKE: Duration = Duration::from_secs(5);
/// A client may be silent so long. One that only waits says now and then that it is there.
const IDLE: Duration = Duration::from_secs(300);
/// A client may leave answers unread so long.
const STALLED: Duration = Duration::from_secs(30);
/// To hear a refusal.
const PARTING: Duration = Duration::from_secs(1);
/// Before trying again what has just failed for want of room.
const PAUSE: Duration = Duration::from_millis(20);

#[cfg(test)]
mod tests;

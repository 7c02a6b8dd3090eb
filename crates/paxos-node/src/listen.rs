//! The way in: whoever connects is greeted, and what does not belong is shown the door.
//!
//! Nothing from outside is trusted before its hello has been checked, and little after it: a frame has a limit, a
//! message that does not decode closes its connection, and no connection can make the node hold more than one frame.
//! Whoever is turned away is told why.
//! Connections that have not said hello, and clients, are limited in number; peers are limited by being known.

use std::{
    collections::BTreeMap,
    convert::Infallible,
    io,
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
        mpsc::{SyncSender, TrySendError},
    },
    time::Duration,
};

use paxos_process::{NodeId, NodeSet, Process};
use serde::{Serialize, de::DeserializeOwned};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    select,
    sync::{OwnedSemaphorePermit, Semaphore, oneshot},
    time::{sleep, timeout},
};
use tracing::{debug, warn};

use crate::{
    Identity, Input, MAX_REQUEST,
    wire::{Answer, Hello, Inbound, ReadError, Welcome, Who, framed},
};

/// Greets connections and brings what they say to the process.
pub(crate) struct Reception<P: Process> {
    own: Identity,
    peers: NodeSet,
    inputs: SyncSender<Input<P>>,
    dropped: Arc<AtomicU64>,
    /// How long a client may be silent, and how long it may wait for one answer.
    idle: Duration,
    /// Who has connected and not said hello. Each has [`HANDSHAKE`] to do so, so a place is never taken for long.
    strangers: Arc<Semaphore>,
    clients: Arc<Semaphore>,
    /// The connection that speaks for each peer. A new one takes the place of the old, which is dead as a rule.
    speaking: Mutex<BTreeMap<NodeId, oneshot::Sender<Infallible>>>,
}

impl<P> Reception<P>
where
    P: Process<Message: DeserializeOwned + Send, Request: DeserializeOwned + Send, Output: Serialize + Send> + 'static,
{
    pub(crate) fn new(
        own: Identity,
        peers: NodeSet,
        inputs: SyncSender<Input<P>>,
        dropped: Arc<AtomicU64>,
    ) -> Arc<Self> {
        Arc::new(Self {
            own,
            peers,
            inputs,
            dropped,
            idle: IDLE,
            strangers: Arc::new(Semaphore::new(STRANGERS)),
            clients: Arc::new(Semaphore::new(CLIENTS)),
            speaking: Mutex::default(),
        })
    }

    /// Accepts connections for ever.
    pub(crate) async fn run(self: Arc<Self>, listener: TcpListener) {
        loop {
            let place = Arc::clone(&self.strangers).acquire_owned().await.expect("the semaphore is never closed");
            match listener.accept().await {
                Ok((stream, from)) => {
                    tokio::spawn(Arc::clone(&self).receive(stream, from, place));
                }
                Err(error) => {
                    // Out of file descriptors, most likely. Accepting again at once would fail again at once.
                    warn!(node = %self.own.node, %error, "a connection cannot be accepted");
                    sleep(PAUSE).await;
                }
            }
        }
    }

    async fn receive(self: Arc<Self>, stream: TcpStream, from: SocketAddr, place: OwnedSemaphorePermit) {
        let node = self.own.node;
        match self.greet(stream, place).await {
            Ok(()) | Err(ReadError::Closed) => debug!(%node, %from, "a connection has ended"),
            Err(error @ ReadError::Io(_)) => debug!(%node, %from, %error, "a connection has ended"),
            Err(error @ ReadError::Wrong(_)) => warn!(%node, %from, %error, "a connection is closed"),
        }
    }

    async fn greet(&self, stream: TcpStream, place: OwnedSemaphorePermit) -> Result<(), ReadError> {
        stream.set_nodelay(true)?;
        let mut caller = Caller { stream, inbound: Inbound::new() };
        let late = |_| ReadError::Wrong(format!("it has not said hello in {HANDSHAKE:?}"));
        let id = self.own.node;
        let hello: Hello = match timeout(HANDSHAKE, caller.next()).await.map_err(late)? {
            Err(ReadError::Wrong(reason)) => return caller.refuse(reason).await,
            hello => hello?,
        };
        match hello.check(&self.own) {
            Ok(Who::Peer { id: peer, .. }) if self.peers.contains(peer) => {
                caller.say(Welcome::Ok(id)).await?;
                drop(place);
                self.hear(peer, caller).await
            }
            Ok(Who::Peer { id: peer, .. }) => caller.refuse(format!("{peer} is no peer of {id}")).await,
            Ok(Who::Client) => match self.clients.try_acquire() {
                Ok(_client) => {
                    caller.say(Welcome::Ok(id)).await?;
                    drop(place);
                    self.serve(caller).await
                }
                Err(_) => caller.refuse(format!("{id} has {CLIENTS} clients already")).await,
            },
            Err(reason) => caller.refuse(reason).await,
        }
    }

    /// Brings a peer's messages to the process, until it leaves or another connection speaks for it.
    async fn hear(&self, peer: NodeId, mut caller: Caller) -> Result<(), ReadError> {
        let (speaker, replaced) = oneshot::channel();
        self.speaking.lock().expect("no thread panics with it").insert(peer, speaker);
        let hearing = async {
            loop {
                let input = Input::Message { from: peer, message: caller.next().await? };
                if self.inputs.try_send(input).is_err() {
                    self.dropped.fetch_add(1, Ordering::Relaxed);
                    debug!(node = %self.own.node, from = %peer, "a message is dropped: the process is behind");
                }
            }
        };
        select! {
            end = hearing => end,
            _ = replaced => Ok(()),
        }
    }

    /// Answers a client's requests, one at a time, until it leaves or does what no client should. No client keeps its
    /// place for ever: not one that says nothing, nor one that waits for an answer which does not come. It may have
    /// vanished without a word, and nothing would tell.
    async fn serve(&self, mut caller: Caller) -> Result<(), ReadError> {
        caller.inbound.limit(MAX_REQUEST);
        loop {
            let silent = |_| ReadError::Wrong(format!("a client was silent for {:?}", self.idle));
            let unanswered = |_| {
                ReadError::Wrong(format!(
                    "there was no answer for {:?}, so the outcome is unknown; ask again",
                    self.idle
                ))
            };
            let answered = match timeout(self.idle, caller.next()).await.unwrap_or_else(|late| Err(silent(late))) {
                Ok(request) => {
                    let answer = timeout(self.idle, self.answer(request, &caller));
                    answer.await.unwrap_or_else(|late| Err(unanswered(late)))
                }
                Err(error) => Err(error),
            };
            match answered {
                Ok(output) => caller.say(Answer::Ok(output)).await?,
                Err(ReadError::Wrong(reason)) => return caller.refuse(reason).await,
                Err(error) => return Err(error),
            }
        }
    }

    /// What the process answers, as long as the client waits for it.
    async fn answer(&self, request: P::Request, caller: &Caller) -> Result<P::Output, ReadError> {
        let hasty = || ReadError::Wrong("a client asks one thing at a time, and waits for the answer".into());
        if caller.inbound.is_ahead() {
            return Err(hasty());
        }
        let (reply, answer) = oneshot::channel();
        let mut input = Input::Request { request, reply: Some(reply) };
        while let Err(TrySendError::Full(again)) = self.inputs.try_send(input) {
            input = again;
            sleep(PAUSE).await; // the process is behind; a client can wait
        }
        let mut next = [0];
        select! {
            output = answer => output.map_err(|_| ReadError::Closed), // none comes from a process that has ended
            peeked = caller.stream.peek(&mut next) => match peeked? {
                0 => Err(ReadError::Closed),
                _ => Err(hasty()),
            },
        }
    }
}

/// The other end of an accepted connection.
struct Caller {
    stream: TcpStream,
    inbound: Inbound,
}

impl Caller {
    /// The next thing it says.
    async fn next<T: DeserializeOwned>(&mut self) -> Result<T, ReadError> {
        loop {
            if let Some(value) = self.inbound.pull()? {
                return Ok(value);
            }
            let length = self.stream.read(self.inbound.room()).await?;
            self.inbound.filled(length)?;
        }
    }

    async fn say<T: Serialize>(&mut self, value: T) -> Result<(), ReadError> {
        let bytes = framed(&value).map_err(|error| ReadError::Wrong(error.to_string()))?;
        // A client that does not read its answer must not keep its place for ever.
        timeout(HANDSHAKE, self.stream.write_all(&bytes)).await.map_err(io::Error::from)??;
        Ok(())
    }

    /// Tells it why it may not stay, and gives it a moment to hear that: closing a connection with something unread
    /// in it is a reset, which may overtake the reason.
    async fn refuse(mut self, reason: String) -> Result<(), ReadError> {
        let parting = async {
            self.say(Welcome::Err(reason.clone())).await?;
            self.stream.shutdown().await?;
            while self.stream.read(self.inbound.room()).await? > 0 {}
            Ok::<_, ReadError>(())
        };
        let _ = timeout(PARTING, parting).await; // it has left already, or will not
        Err(ReadError::Wrong(reason))
    }
}

/// Connections that have not said hello; further ones wait in the queue of the operating system.
const STRANGERS: usize = 64;
/// Clients at a time.
const CLIENTS: usize = 256;
/// For the hello, and for reading an answer.
const HANDSHAKE: Duration = Duration::from_secs(5);
/// A client may be silent so long between an answer and its next request, and an answer may take so long.
const IDLE: Duration = Duration::from_secs(300);
/// To hear a refusal.
const PARTING: Duration = Duration::from_secs(1);
/// Before trying again what has just failed for want of room.
const PAUSE: Duration = Duration::from_millis(20);

#[cfg(test)]
mod tests;

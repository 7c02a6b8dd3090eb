//! A client's connection for many requests at a time: what a client library is built on.
//!
//! Whoever asks puts the request into a buffer and gets a future. One task writes all that has gathered in one call,
//! and gives what comes back to those who wait. So a thousand requests in flight cost a thousand futures and a few
//! calls of the operating system.

use std::{
    collections::HashMap,
    io,
    marker::PhantomData,
    net::SocketAddr,
    sync::{
        Arc, Mutex, MutexGuard,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use paxos_process::NodeId;
use serde::{Serialize, de::DeserializeOwned};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{
        TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    select,
    sync::{Notify, oneshot},
    time::{sleep, timeout_at},
};

use crate::{
    ClientError, Key,
    hello::{Calling, Who},
    link::{Failure, call},
    wire::{Answer, Inbound, Outbound, ReadError},
};

/// A connection to one node, for requests `Q` that are answered by `O`. Cloning it gives another way to use the same
/// one; it is closed when the last one is dropped, and then nobody hears what is still unanswered.
pub struct Connection<Q, O> {
    line: Arc<Line<Q, O>>,
    /// Tells the task when the last handle goes.
    _open: Arc<Open>,
}

/// What the handles and the task share.
struct Line<Q, O> {
    node: NodeId,
    state: Mutex<State<O>>,
    /// Something is there to be written, or nobody is left who could ask.
    written: Notify,
    /// How many reads have brought something.
    heard: AtomicU64,
    asks: PhantomData<fn(Q)>,
}

struct State<O> {
    out: Outbound,
    waiting: HashMap<u64, oneshot::Sender<Result<O, ClientError>>>,
    next: u64,
    /// Why the connection is over, once it is.
    over: Option<Over>,
    handles_gone: bool,
}

/// Why a connection is over, to be told to everybody who asks.
#[derive(Clone)]
enum Over {
    Dismissed(String),
    Lost(io::ErrorKind, String),
    Misunderstood(String),
}

impl From<&Over> for ClientError {
    fn from(over: &Over) -> Self {
        match over {
            Over::Dismissed(reason) => Self::Dismissed(reason.clone()),
            Over::Lost(kind, text) => Self::Lost(io::Error::new(*kind, text.clone())),
            Over::Misunderstood(what) => Self::Misunderstood(what.clone()),
        }
    }
}

impl<Q: Serialize, O: DeserializeOwned + Send + 'static> Connection<Q, O> {
    /// Connects to the node of `cluster` that listens at `address`. The cluster has this `key`, or none. To be called
    /// on a tokio runtime with sockets and time, on which the connection then lives.
    ///
    /// # Errors
    ///
    /// When nobody welcomes us by `deadline`, or does not prove that it holds the key. Nothing has been asked then.
    pub async fn connect(
        address: SocketAddr,
        cluster: &str,
        key: Option<&Key>,
        deadline: Instant,
    ) -> Result<Self, ClientError>
    where
        Q: 'static,
    {
        let connecting = async {
            let mut stream = TcpStream::connect(address).await.map_err(ClientError::Unreachable)?;
            stream.set_nodelay(true)?;
            let mut inbound = Inbound::new();
            let calling = Calling::new(cluster, key, Who::Client)?;
            let reached = call(&calling, &mut stream, &mut inbound).await.map_err(|failure| match failure {
                Failure::Io(error) => ClientError::Lost(error),
                Failure::Refused(reason) => ClientError::Refused(reason),
            })?;
            inbound.admit(reached.hears);
            Ok::<_, ClientError>((stream, inbound, reached.node, reached.says))
        };
        let (stream, inbound, node, says) =
            timeout_at(deadline.into(), connecting).await.map_err(|_| ClientError::TimedOut)??;
        Ok(Self::begin(stream, inbound, node, Outbound::new(says)))
    }

    /// A connection that has been welcomed, and its task.
    fn begin(stream: TcpStream, inbound: Inbound, node: NodeId, out: Outbound) -> Self
    where
        Q: 'static,
    {
        let state = State { out, waiting: HashMap::new(), next: 0, over: None, handles_gone: false };
        let (written, heard) = (Notify::new(), AtomicU64::new(0));
        let line = Arc::new(Line { node, state: Mutex::new(state), written, heard, asks: PhantomData });
        let (reader, writer) = stream.into_split();
        let closing = Arc::clone(&line);
        let task = Task(Arc::clone(&line));
        tokio::spawn(async move { task.0.run(reader, writer, inbound).await });
        Self { line, _open: Arc::new(Open(Box::new(move || closing.close()))) }
    }

    /// The node at the other end.
    #[must_use]
    pub fn node(&self) -> NodeId {
        self.line.node
    }

    /// Whether nothing can be asked here any more.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.line.lock().over.is_some()
    }

    /// A number that grows whenever anything comes from the node. A connection that has vanished without a word, as one
    /// does when something on the way has forgotten it, is over only when the system gives up, many minutes later. Whoever
    /// has waited in vain, and finds the number as it was, had better make another one.
    #[must_use]
    pub fn heard(&self) -> u64 {
        self.line.heard.load(Relaxed)
    }

    /// Whether `other` is a handle of the same connection.
    #[must_use]
    pub fn is_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.line, &other.line)
    }

    /// Asks at once, and answers later: the future need not be polled for the request to leave, and requests leave in
    /// the order of the calls. Dropping it takes nothing back, but it then counts no longer among those that wait.
    ///
    /// # Errors
    ///
    /// Those of [`ClientError`]; [`ClientError::is_unknown`] tells which leave the outcome open. When the connection
    /// breaks, or the runtime that it lives on ends, that is the end of everything that is unanswered. There is no
    /// deadline: whoever has one stops waiting.
    pub fn ask(&self, request: &Q) -> impl Future<Output = Result<O, ClientError>> + Send + use<Q, O> {
        let (answer, answered) = oneshot::channel();
        // Made here and not when the future is polled: it may be dropped before.
        let asked = self.line.ask(request, answer).map(|id| Waits { line: Arc::clone(&self.line), id: Some(id) });
        async move {
            let mut waits = asked?;
            let answer = answered.await;
            waits.id = None;
            let unread = || io::Error::new(io::ErrorKind::ConnectionAborted, "nobody reads the answers");
            answer.unwrap_or_else(|_| Err(ClientError::Lost(unread())))
        }
    }
}

/// Somebody who waits for an answer. Dropped before that has come, it is waited for no longer.
struct Waits<Q, O> {
    line: Arc<Line<Q, O>>,
    id: Option<u64>,
}

impl<Q, O> Drop for Waits<Q, O> {
    fn drop(&mut self) {
        if let Some(id) = self.id {
            self.line.lock().waiting.remove(&id);
        }
    }
}

/// The task of a connection, which is over when the task is: also when its runtime ends, and the task is dropped where it
/// stands.
struct Task<Q, O>(Arc<Line<Q, O>>);

impl<Q, O> Drop for Task<Q, O> {
    fn drop(&mut self) {
        let runtime = "the runtime that it lived on has ended";
        self.0.end(Over::Lost(io::ErrorKind::ConnectionAborted, runtime.into()));
    }
}

impl<Q, O> Clone for Connection<Q, O> {
    fn clone(&self) -> Self {
        Self { line: Arc::clone(&self.line), _open: Arc::clone(&self._open) }
    }
}

/// Closes the connection when it is dropped.
struct Open(Box<dyn Fn() + Send + Sync>);

impl Drop for Open {
    fn drop(&mut self) {
        (self.0)();
    }
}

impl<Q, O> Line<Q, O> {
    fn lock(&self) -> MutexGuard<'_, State<O>> {
        self.state.lock().expect("no thread panics with it")
    }

    fn close(&self) {
        self.lock().handles_gone = true;
        self.written.notify_one();
    }

    /// It is over, unless it was before; everybody who still waits is told so.
    fn end(&self, over: Over) {
        let mut state = self.lock();
        let over = state.over.get_or_insert(over).clone();
        let waiting = std::mem::take(&mut state.waiting);
        drop(state);
        for (_, answer) in waiting {
            let _ = answer.send(Err(ClientError::from(&over))); // whoever has stopped waiting needs none
        }
    }
}

impl<Q: Serialize, O: DeserializeOwned> Line<Q, O> {
    fn ask(&self, request: &Q, answer: oneshot::Sender<Result<O, ClientError>>) -> Result<u64, ClientError> {
        let mut state = self.lock();
        if let Some(over) = &state.over {
            // It was never sent, so nothing can have come of it.
            return Err(ClientError::Unsent(ClientError::from(over).to_string()));
        }
        if IN_FLIGHT <= state.waiting.len() {
            return Err(ClientError::Busy);
        }
        let id = state.next;
        let silent = state.out.waiting() == 0;
        state.out.push(&(id, request)).map_err(|error| ClientError::Unsent(error.to_string()))?;
        state.next += 1;
        state.waiting.insert(id, answer);
        drop(state);
        if silent {
            self.written.notify_one(); // otherwise somebody has done so
        }
        Ok(id)
    }

    /// Carries what is asked and answered until the connection is over, and then tells everybody who still waits.
    async fn run(&self, reader: OwnedReadHalf, writer: OwnedWriteHalf, inbound: Inbound) {
        let over = select! {
            over = self.write(writer) => over,
            over = self.read(reader, inbound) => over,
        };
        let closed = || Over::Lost(io::ErrorKind::NotConnected, "it was closed here".into());
        self.end(over.err().unwrap_or_else(closed));
    }

    /// Writes all that has gathered, again and again; and now and then that we are here.
    async fn write(&self, mut writer: OwnedWriteHalf) -> Result<(), Over> {
        let mut bytes = Vec::new();
        loop {
            {
                let mut state = self.lock();
                if state.handles_gone {
                    return Ok(());
                }
                state.out.take(&mut bytes);
            }
            if bytes.is_empty() {
                select! {
                    () = self.written.notified() => {}
                    () = sleep(HERE) => self.lock().out.push_frame(&[]),
                }
            } else {
                writer.write_all(&bytes).await.map_err(Over::from)?;
                bytes.clear();
                bytes.shrink_to(KEPT);
            }
        }
    }

    async fn read(&self, mut reader: OwnedReadHalf, mut inbound: Inbound) -> Result<(), Over> {
        let mut answers = Vec::new();
        loop {
            inbound.values(|answer: Answer<O>, _| answers.push(answer)).map_err(Over::from)?;
            self.hear(&mut answers)?;
            let length = reader.read(inbound.room()).await.map_err(Over::from)?;
            inbound.filled(length).map_err(Over::from)?;
            self.heard.fetch_add(1, Relaxed);
        }
    }

    fn hear(&self, answers: &mut Vec<Answer<O>>) -> Result<(), Over> {
        let (mut heard, mut farewell) = (Vec::with_capacity(answers.len()), None);
        let mut state = self.lock();
        for answer in answers.drain(..) {
            let (id, answer) = match answer {
                Answer::Reply(id, output) => (id, Ok(output)),
                Answer::Busy(id) => (id, Err(ClientError::Busy)),
                Answer::Withheld(id) => (id, Err(ClientError::Withheld)),
                Answer::Refused(id, reason) => (id, Err(ClientError::Refused(reason))),
                Answer::Farewell(reason) => {
                    farewell = Some(Over::Dismissed(reason));
                    continue;
                }
            };
            heard.extend(state.waiting.remove(&id).map(|waiting| (waiting, answer)));
        }
        drop(state);
        for (waiting, answer) in heard {
            let _ = waiting.send(answer); // whoever has stopped waiting needs none
        }
        farewell.map_or(Ok(()), Err)
    }
}

impl From<io::Error> for Over {
    fn from(error: io::Error) -> Self {
        Self::Lost(error.kind(), error.to_string())
    }
}

impl From<ReadError> for Over {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::Closed => Self::Lost(io::ErrorKind::UnexpectedEof, "the node has closed it".into()),
            ReadError::Io(error) => error.into(),
            ReadError::Wrong(what) => Self::Misunderstood(what),
        }
    }
}

/// Requests whose answers are waited for, at a time: no more than a node takes from one client. The node also counts those
/// that nobody waits for any more, and says itself when they are too many.
const IN_FLIGHT: usize = crate::serve::UNANSWERED;
/// How often to say that we are here when there is nothing else to say. A node lets its clients be silent for longer.
const HERE: Duration = Duration::from_secs(60);
/// Room that is kept when everything is written, in bytes.
const KEPT: usize = 256 * 1024;

#[cfg(test)]
mod tests;

//! A client: asks a node, and waits for the answer no longer than it likes.
//!
//! It blocks its thread, because whoever uses it has nothing else to do. Whoever asks many things at a time takes a
//! [`Connection`](crate::Connection).

use std::{
    error::Error,
    fmt,
    io::{self, Read, Write},
    marker::PhantomData,
    net::{SocketAddr, TcpStream},
    time::{Duration, Instant},
};

use paxos_process::NodeId;
use serde::{Serialize, de::DeserializeOwned};

use crate::{
    Key,
    hello::{Admission, Calling, Who},
    wire::{Answer, Inbound, Outbound, ReadError},
};

/// A connection to one node, for requests `Q` that are answered by `O`.
pub struct Client<Q, O> {
    stream: TcpStream,
    inbound: Inbound,
    out: Outbound,
    node: NodeId,
    next: u64,
    kinds: PhantomData<fn(Q) -> O>,
}

impl<Q: Serialize, O: DeserializeOwned> Client<Q, O> {
    /// Connects to the node of `cluster` that listens at `address`. The cluster has this `key`, or none.
    ///
    /// # Errors
    ///
    /// When nobody welcomes us by `deadline`, or does not prove that it holds the key. Nothing has been asked then.
    pub fn connect(
        address: SocketAddr,
        cluster: &str,
        key: Option<&Key>,
        deadline: Instant,
    ) -> Result<Self, ClientError> {
        Self::reach(address, cluster, key, Who::Client, deadline)
    }

    /// The same as an operator, who may ask what [concerns the node](crate::Answers::concerns_node) and nothing else, and
    /// for whom there are places when all those of clients are taken.
    ///
    /// # Errors
    ///
    /// Those of [`connect`](Self::connect).
    pub fn operate(
        address: SocketAddr,
        cluster: &str,
        key: Option<&Key>,
        deadline: Instant,
    ) -> Result<Self, ClientError> {
        Self::reach(address, cluster, key, Who::Operator, deadline)
    }

    fn reach(
        address: SocketAddr,
        cluster: &str,
        key: Option<&Key>,
        who: Who,
        deadline: Instant,
    ) -> Result<Self, ClientError> {
        let mut stream = TcpStream::connect_timeout(&address, left(deadline)?).map_err(ClientError::Unreachable)?;
        stream.set_nodelay(true)?;
        let mut inbound = Inbound::new();
        let calling = Calling::new(cluster, key, who)?;
        write(&mut stream, calling.hello(), deadline)?;
        let greeting = pull(&mut stream, &mut inbound, deadline)?;
        let reached = calling.greeted(greeting).map_err(ClientError::Refused)?;
        if let Some(proof) = &reached.proof {
            write(&mut stream, proof, deadline)?;
            pull::<Admission>(&mut stream, &mut inbound, deadline)?.map_err(ClientError::Refused)?;
        }
        inbound.admit(reached.hears);
        let out = Outbound::new(reached.says);
        Ok(Self { stream, inbound, out, node: reached.node, next: 0, kinds: PhantomData })
    }

    /// The node at the other end.
    #[must_use]
    pub const fn node(&self) -> NodeId {
        self.node
    }

    /// Asks, and waits for the answer.
    ///
    /// # Errors
    ///
    /// When no answer comes by `deadline`. Nobody knows then whether the request has been or will be carried out:
    /// it may have been lost on the way there, or its answer on the way back. See [`ClientError::is_unknown`].
    pub fn ask(&mut self, request: &Q, deadline: Instant) -> Result<O, ClientError> {
        let id = self.next;
        self.next += 1;
        self.out.push(&(id, request)).map_err(|error| ClientError::Unsent(error.to_string()))?;
        let length = self.out.unwritten().len();
        write(&mut self.stream, self.out.unwritten(), deadline)?;
        self.out.written(length);
        loop {
            let mut heard = None;
            self.inbound.values(|answer: Answer<O>, _| match answer {
                Answer::Reply(of, output) if of == id => heard = Some(Ok(output)),
                Answer::Busy(of) if of == id => heard = Some(Err(ClientError::Busy)),
                Answer::Withheld(of) if of == id => heard = Some(Err(ClientError::Withheld)),
                Answer::Refused(of, reason) if of == id => heard = Some(Err(ClientError::Refused(reason))),
                Answer::Farewell(reason) => heard = Some(Err(ClientError::Dismissed(reason))),
                // Of a request that was given up.
                Answer::Reply(..) | Answer::Busy(_) | Answer::Refused(..) | Answer::Withheld(_) => {}
            })?;
            if let Some(heard) = heard {
                return heard;
            }
            read(&mut self.stream, &mut self.inbound, deadline)?;
        }
    }
}

fn write(stream: &mut TcpStream, bytes: &[u8], deadline: Instant) -> Result<(), ClientError> {
    stream.set_write_timeout(Some(left(deadline)?))?;
    Ok(stream.write_all(bytes)?)
}

fn pull<T: DeserializeOwned>(
    stream: &mut TcpStream,
    inbound: &mut Inbound,
    deadline: Instant,
) -> Result<T, ClientError> {
    loop {
        if let Some(value) = inbound.pull()? {
            return Ok(value);
        }
        read(stream, inbound, deadline)?;
    }
}

fn read(stream: &mut TcpStream, inbound: &mut Inbound, deadline: Instant) -> Result<(), ClientError> {
    stream.set_read_timeout(Some(left(deadline)?))?;
    let length = stream.read(inbound.room())?;
    Ok(inbound.filled(length)?)
}

/// The time until `deadline`: never zero, which a socket would take for "no limit".
fn left(deadline: Instant) -> Result<Duration, ClientError> {
    let left = deadline.saturating_duration_since(Instant::now());
    if left.is_zero() { Err(ClientError::TimedOut) } else { Ok(left) }
}

/// Why a client has no answer.
#[derive(Debug)]
pub enum ClientError {
    /// Nobody listens there.
    Unreachable(io::Error),
    /// The node does not want us, or not what we ask; the text says why. It will not be carried out.
    Refused(String),
    /// The node has no room for the request now. It will not be carried out, and may be asked again.
    Busy,
    /// The node has put the answer away, because too much of what it said is unread here. The request may be asked again.
    Withheld,
    /// What was said cannot be sent; the text says what is wrong with it.
    Unsent(String),
    /// The deadline has passed.
    TimedOut,
    /// The node has closed the connection; the text says why.
    Dismissed(String),
    /// The connection broke or was closed.
    Lost(io::Error),
    /// What came back is no answer; the text says what is wrong with it.
    Misunderstood(String),
}

impl ClientError {
    /// Whether a request that ends like this may have been carried out, or still be. If not, it never will be.
    #[must_use]
    pub const fn is_unknown(&self) -> bool {
        match self {
            Self::Unreachable(_) | Self::Refused(_) | Self::Busy | Self::Unsent(_) => false,
            Self::Withheld | Self::TimedOut | Self::Dismissed(_) | Self::Lost(_) | Self::Misunderstood(_) => true,
        }
    }
}

impl fmt::Display for ClientError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreachable(error) => write!(f, "cannot connect: {error}"),
            Self::Refused(reason) => write!(f, "the node refuses: {reason}"),
            Self::Busy => f.write_str("the node is busy; try again"),
            Self::Withheld => f.write_str("the node has put its answer away: too much of what it said is unread"),
            Self::Unsent(reason) => write!(f, "it cannot be asked: {reason}"),
            Self::TimedOut => f.write_str("no answer in time"),
            Self::Dismissed(reason) => write!(f, "the node has closed the connection: {reason}"),
            Self::Lost(error) => write!(f, "the connection is lost: {error}"),
            Self::Misunderstood(what) => write!(f, "the node is not understood: {what}"),
        }
    }
}

impl Error for ClientError {}

impl From<io::Error> for ClientError {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock => Self::TimedOut,
            _ => Self::Lost(error),
        }
    }
}

impl From<ReadError> for ClientError {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::Closed => Self::Lost(io::Error::new(io::ErrorKind::UnexpectedEof, "the node has closed it")),
            ReadError::Io(error) => error.into(),
            ReadError::Wrong(what) => Self::Misunderstood(what),
        }
    }
}

//! A client: asks a node, and waits for the answer no longer than it likes.
//!
//! It blocks its thread, because whoever uses it has nothing else to do.

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

use crate::wire::{Answer, Hello, Inbound, ReadError, Welcome, Who, framed};

/// A connection to one node, for requests `Q` that are answered by `O`.
pub struct Client<Q, O> {
    stream: TcpStream,
    inbound: Inbound,
    node: NodeId,
    kinds: PhantomData<fn(Q) -> O>,
}

impl<Q: Serialize, O: DeserializeOwned> Client<Q, O> {
    /// Connects to the node of `cluster` that listens at `address`.
    ///
    /// # Errors
    ///
    /// When nobody welcomes us by `deadline`. Nothing has been asked then.
    pub fn connect(address: SocketAddr, cluster: &str, deadline: Instant) -> Result<Self, ClientError> {
        let stream = TcpStream::connect_timeout(&address, left(deadline)?).map_err(ClientError::Unreachable)?;
        stream.set_nodelay(true)?;
        let mut client = Self { stream, inbound: Inbound::new(), node: NodeId(0), kinds: PhantomData };
        client.say(&Hello::new(cluster, Who::Client), deadline)?;
        client.node = client.hear::<Welcome>(deadline)?.map_err(ClientError::Refused)?;
        Ok(client)
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
    /// it may have been lost on the way there, or its answer on the way back. A node that refuses a request says why
    /// and closes the connection; one longer than [`MAX_REQUEST`](crate::MAX_REQUEST) is not carried out.
    pub fn ask(&mut self, request: &Q, deadline: Instant) -> Result<O, ClientError> {
        self.say(request, deadline)?;
        self.hear::<Answer<O>>(deadline)?.map_err(ClientError::Refused)
    }

    fn say<T: Serialize>(&mut self, value: &T, deadline: Instant) -> Result<(), ClientError> {
        let bytes = framed(value).map_err(|error| ClientError::Misunderstood(error.to_string()))?;
        self.stream.set_write_timeout(Some(left(deadline)?))?;
        Ok(self.stream.write_all(&bytes)?)
    }

    fn hear<T: DeserializeOwned>(&mut self, deadline: Instant) -> Result<T, ClientError> {
        loop {
            if let Some(value) = self.inbound.pull()? {
                return Ok(value);
            }
            self.stream.set_read_timeout(Some(left(deadline)?))?;
            let length = self.stream.read(self.inbound.room())?;
            self.inbound.filled(length)?;
        }
    }
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
    /// The node does not want us, or not what we ask; the text says why.
    Refused(String),
    /// The deadline has passed.
    TimedOut,
    /// The connection broke or was closed.
    Lost(io::Error),
    /// What was said cannot be sent, or what came back is no answer; the text says what is wrong with it.
    Misunderstood(String),
}

impl fmt::Display for ClientError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreachable(error) => write!(f, "cannot connect: {error}"),
            Self::Refused(reason) => write!(f, "the node refuses: {reason}"),
            Self::TimedOut => f.write_str("no answer in time"),
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

//! A client: finds the leader, asks again when it must, and has each write done once.
//!
//! One [`Client`] keeps one connection to each node that it needs, and one session. Cloned, it serves as many callers at
//! a time as like to: their operations share connection and session, and are told apart by their numbers.
//!
//! What asking again may do, and may not:
//!
//! - A write keeps its number however often and wherever it is asked, so it is done at most once.
//! - When the time is up, an error says whether the write may have been done ([`Error::Unknown`]) or has certainly not
//!   been, and will not be ([`Error::NotDone`]). The difference is kept with care: from the moment that a node may have
//!   proposed it, only an answer makes it known.
//! - A session that has expired is replaced, and a write that was never sent before goes on in the new one. One that was
//!   has an unknown outcome: the store does not know any more either.
//!
//! Four say "unknown" on the way of a write, each to the next:
//!
//! | Who says it | What it says | What the client makes of it |
//! |---|---|---|
//! | the connection, [`ClientError::is_unknown`](paxos_node::ClientError::is_unknown) | The request may have left, and no answer came: too late, broken, or not understood. Without it, it was never sent or was turned away, and never will be carried out. | asks again, under the same number |
//! | a node, [`Reply::Unknown`] | It has proposed the command, has ceased to lead since, and has seen nothing come of it. It may be chosen later. | asks again, under the same number |
//! | the store, [`Failure::is_unknown`] | The command is chosen and nothing was done *now*. Whether it was done before cannot be told: its answer is forgotten. Asking again tells no more. | ends with [`Error::Unknown`], unless its session expired and this was the first time that it was asked |
//! | the client, [`Error::Unknown`] | One of the above, and then no answer that settles it until the deadline. The write has been done once, or will be, or never will. | gives it to the caller |

mod connections;
mod leader;
mod session;

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    string::{String, ToString},
    sync::Arc,
    time::Duration,
};

use core::{error, fmt};
use paxos_messages::Bytes;
use paxos_node::Key;
use paxos_process::NodeId;
use tokio::time::Instant;

use self::{
    leader::{Answered, Leader},
    session::Session,
};
use crate::{Ask, Command, Failure, Found, Operation, Outcome, Page, Query, Reply, Status, Written};

/// Where a cluster is, and how long to wait for it.
#[derive(Clone)]
pub struct Config {
    /// Its nodes; all of them, or those that may be asked.
    pub nodes: BTreeMap<NodeId, SocketAddr>,
    /// Its name.
    pub cluster: String,
    /// Its key, if it has one.
    pub key: Option<Key>,
    /// How long an operation may take, with all that is asked again for it.
    pub deadline: Duration,
    /// How long one node may take before another is asked.
    pub attempt: Duration,
}

impl Config {
    /// A cluster without a key; ten seconds for an operation, and one for a node.
    #[must_use]
    pub const fn new(nodes: BTreeMap<NodeId, SocketAddr>, cluster: String) -> Self {
        let (deadline, attempt) = (Duration::from_secs(10), Duration::from_secs(1));
        Self { nodes, cluster, key: None, deadline, attempt }
    }
}

/// A client of the store. Cloning it gives another way to use the same one.
#[derive(Clone)]
pub struct Client(Arc<Shared>);

struct Shared {
    deadline: Duration,
    leader: Leader,
    session: Session,
}

impl Client {
    /// A client of this cluster. It connects when it is first asked for something, on the tokio runtime of whoever
    /// asks.
    ///
    /// # Panics
    ///
    /// When the cluster has no node.
    #[must_use]
    pub fn new(config: Config) -> Self {
        let (deadline, session) = (config.deadline, Session::new());
        Self(Arc::new(Shared { deadline, leader: Leader::new(&config), session }))
    }

    /// The value of a key. Every write that was answered before this was called is in it.
    ///
    /// # Errors
    ///
    /// When it is not answered in time, or the key is too long.
    pub async fn get(&self, key: impl Into<Bytes>) -> Result<Option<Bytes>, Error> {
        match self.read(Ask::Read(Query::Get { key: key.into() })).await? {
            Found::Value(value) => Ok(value),
            Found::Page(_) => Err(Error::misunderstood()),
        }
    }

    /// The first entries from `start` on and before `end`. Every write that was answered before this was called is in
    /// it.
    ///
    /// # Errors
    ///
    /// When it is not answered in time, or a key is too long.
    pub async fn range(&self, start: impl Into<Bytes>, end: Option<Bytes>, limit: u32) -> Result<Page, Error> {
        match self.read(Ask::Read(Query::Range { start: start.into(), end, limit })).await? {
            Found::Page(page) => Ok(page),
            Found::Value(_) => Err(Error::misunderstood()),
        }
    }

    /// What some node has, however old it is.
    ///
    /// # Errors
    ///
    /// When it is not answered in time, or a key is too long.
    pub async fn read_stale(&self, query: Query) -> Result<Found, Error> {
        self.read(Ask::ReadStale(query)).await
    }

    async fn read(&self, ask: Ask) -> Result<Found, Error> {
        match self.0.leader.ask(&ask, Instant::now() + self.0.deadline).await?.reply {
            Reply::Found(found) => Ok(found),
            Reply::Failed(failure) => Err(Error::Failed(failure)),
            _ => Err(Error::misunderstood()),
        }
    }

    /// Gives a key a value, and returns whether it had one.
    ///
    /// # Errors
    ///
    /// Those of [`execute`](Self::execute).
    pub async fn put(&self, key: impl Into<Bytes>, value: impl Into<Bytes>) -> Result<bool, Error> {
        match self.write(Operation::Put { key: key.into(), value: value.into() }).await? {
            Written::Put { existed } => Ok(existed),
            _ => Err(Error::misunderstood()),
        }
    }

    /// Removes a key, and returns whether it had a value.
    ///
    /// # Errors
    ///
    /// Those of [`execute`](Self::execute).
    pub async fn delete(&self, key: impl Into<Bytes>) -> Result<bool, Error> {
        match self.write(Operation::Delete { key: key.into() }).await? {
            Written::Deleted { existed } => Ok(existed),
            _ => Err(Error::misunderstood()),
        }
    }

    /// Gives a key a value if it has the expected one (`None`: if it is absent), and returns whether it had.
    ///
    /// # Errors
    ///
    /// Those of [`execute`](Self::execute).
    pub async fn compare_and_swap(
        &self,
        key: impl Into<Bytes>,
        expected: Option<Bytes>,
        value: impl Into<Bytes>,
    ) -> Result<bool, Error> {
        match self.write(Operation::CompareAndSwap { key: key.into(), expected, value: value.into() }).await? {
            Written::Compared { swapped, .. } => Ok(swapped),
            _ => Err(Error::misunderstood()),
        }
    }

    /// Puts bytes behind the value of a key, and returns how many it has then.
    ///
    /// # Errors
    ///
    /// Those of [`execute`](Self::execute).
    pub async fn append(&self, key: impl Into<Bytes>, suffix: impl Into<Bytes>) -> Result<u64, Error> {
        match self.write(Operation::Append { key: key.into(), suffix: suffix.into() }).await? {
            Written::Appended { length } => Ok(length),
            _ => Err(Error::misunderstood()),
        }
    }

    async fn write(&self, operation: Operation) -> Result<Written, Error> {
        match self.execute(operation).await? {
            Outcome::Wrote(written) => Ok(written),
            _ => Err(Error::misunderstood()),
        }
    }

    // ANCHOR: execute
    /// Has an operation done once, and returns what came of it.
    ///
    /// # Errors
    ///
    /// [`Error::NotDone`] and [`Error::Failed`]: it has not been done and never will be. [`Error::Unknown`]: it may have
    /// been, or may still be. Dropping the future leaves it just as open.
    pub async fn execute(&self, operation: Operation) -> Result<Outcome, Error> {
        let Shared { deadline, leader, session } = &*self.0;
        let deadline = Instant::now() + *deadline;
        loop {
            let turn = session.turn(leader, deadline).await?;
            let ask = Ask::Execute(Command::Do {
                session: turn.session(),
                sequence: turn.sequence(),
                acknowledged: turn.acknowledged(),
                operation: operation.clone(),
            });
            let Answered { reply, may_be_done } = leader.ask(&ask, deadline).await?;
            match reply {
                Reply::Done(Outcome::Failed(Failure::SessionExpired)) => {
                    turn.has_expired();
                    if may_be_done {
                        return Err(Error::Unknown(Failure::SessionExpired.to_string()));
                    }
                }
                Reply::Done(Outcome::Failed(failure)) if failure.is_unknown() => {
                    return Err(Error::Unknown(failure.to_string()));
                }
                Reply::Done(Outcome::Failed(failure)) | Reply::Failed(failure) => return Err(Error::Failed(failure)),
                Reply::Done(outcome) => return Ok(outcome),
                _ => return Err(Error::misunderstood()),
            }
        }
    }
    // ANCHOR_END: execute

    /// How a node is, asked of itself.
    ///
    /// # Errors
    ///
    /// When it is not one of the cluster's, or does not answer in time.
    pub async fn status(&self, node: NodeId) -> Result<Status, Error> {
        match self.0.leader.ask_node(node, &Ask::Status, Instant::now() + self.0.deadline).await? {
            Reply::Status(status) => Ok(status),
            _ => Err(Error::misunderstood()),
        }
    }
}

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Error {
    /// It has not been done and will not be: the text says what was in the way when the time was up.
    NotDone(String),
    /// Nobody knows whether it has been done, or will be: the text says why.
    Unknown(String),
    /// It cannot be done, and has not been.
    Failed(Failure),
}

impl Error {
    fn misunderstood() -> Self {
        Self::Unknown("the answer is none to what was asked".into())
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotDone(why) => write!(f, "not done: {why}"),
            Self::Unknown(why) => write!(f, "outcome unknown: {why}"),
            Self::Failed(failure) => failure.fmt(f),
        }
    }
}

impl error::Error for Error {}

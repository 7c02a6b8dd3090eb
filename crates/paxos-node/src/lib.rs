//! Runs any process for real: on a thread, with a disk, on sockets, by the clock.
//!
//! A [`Process`](paxos_process::Process) says what it wants: messages, records, timers, outputs. This crate carries
//! it out and names no protocol. Its heart is [`drive()`], the loop that every claim about durability rests on:
//!
//! ```text
//! loop { for event in batch { process.step(event, &mut out) }
//!        net.send(out.sends)                      // asks overlap the disk write
//!        local.outputs(out.outputs)               // and so does what the application is told
//!        disk.append(out.records)
//!        if votes are waiting { disk.sync()? }    // one sync for all of them
//!        net.send(out.sends_after_sync)
//!        local.timers(out.timers); batch = local.next_batch() }
//! ```
//!
//! Around it, in reading order: `environment` is what the loop needs (a [`Disk`], an [`Outbox`], an [`Observer`]);
//! `local` is the inbox, the [`Clock`] and the waiting clients, with `mailbox`, [`Answers`], `askers` and `parcel`;
//! `store` is a disk, a log that knows its owner, and `faults` one that fails; `stats` counts, and `metrics` says what.
//! `hello` is how a connection begins, `key` and `seal` how both ends prove that they belong together, `wire` what goes
//! over it then; `link` is the connections out, `listen` and `serve` are those that come in, `told` is how much of it is
//! logged, `limit` how much one may ask; `heard` is both ends without a socket, for those who throw bytes at them.
//! [`Node`] is all of it together. On the other side are [`Client`], which asks one thing at a time, and
//! [`Connection`], which asks thousands.
//!
//! A cluster of one, which is all it takes to be durable:
//!
//! ```
//! use std::{collections::BTreeMap, time::Duration};
//!
//! use paxos_basic::Replica;
//! use paxos_messages::single::{Output, Request};
//! use paxos_node::{Config, Identity, Matching, Node, Store};
//! use paxos_process::{NodeId, NodeSet};
//! use paxos_quorums::Quorums;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let directory = tempfile::tempdir()?;
//! let id = NodeId(1);
//! let quorums = Quorums::majority(NodeSet::only(id))?;
//! let membership = format!("{} {quorums}", quorums.members());
//! let identity = Identity { node: id, cluster: "example".into(), membership, protocol: "basic-paxos/1".into() };
//! let (store, recovered) = Store::open(&directory, identity.clone())?;
//! let replica = Replica::<String>::new(id, quorums);
//! let config = Config {
//!     identity,
//!     listen: "127.0.0.1:0".parse()?,
//!     peers: BTreeMap::new(),
//!     durations: Box::new(|_| Duration::from_millis(150)..=Duration::from_millis(300)),
//!     answers: Matching::new(|_, _| true),
//!     key: None,
//!     seed: 1,
//!     delay: Duration::ZERO,
//! };
//! let node = Node::start(config, replica, recovered, store, ())?;
//! let answer = node.handle().ask(Request::Propose("blue".into()))?;
//! assert_eq!(answer.blocking_recv()?, Output::Learned("blue".into()));
//!
//! node.handle().stop();
//! node.join()?;
//! # Ok(())
//! # }
//! ```
//!
//! # What it holds
//!
//! Whatever the others do, a node holds so much memory for them at most, beside what the process itself remembers. The
//! names are those of the constants; a buffer that grows may for a moment have twice the room.
//!
//! | for | what | bound | at a time |
//! |---|---|---|---|
//! | a stranger | a buffer and a frame | 2 × `STRANGER` = 2 KiB | `STRANGERS` = 64 |
//! | a client | what it has said: a buffer and a frame | `ROOM` + `MAX_FRAME` = 1.25 MiB | `CLIENTS` = 4096 |
//! | | what it has not read, and the last answer, or refusals of what one read brought | `UNREAD` + 1.75 MiB | |
//! | | answers that wait for that to be read | `UNSAID` = 16 MiB, and short ones: `UNANSWERED` = 8192 of at most 256 bytes | |
//! | all clients | answers that wait, but for short ones and one of each client | `UNSAID_BY_ALL` = 256 MiB | |
//! | an operator | as a client, with 4 requests without an answer | | `OPERATORS` = 16 |
//! | a peer that calls | a buffer and a frame | 1.25 MiB | one each |
//! | a peer that is called | messages that wait, and as much that is being written | 2 × `QUEUE` = 32 MiB | one each |
//! | | what it says: a buffer and a frame | 1.25 MiB | |
//! | the process | inputs that wait, and as much that it has taken and not begun | 2 × `INBOX` = 128 MiB | |
//! | all clients | requests without an answer | `WAITING` = 65,536 of `WAITING_BYTES` = 128 MiB | |
//!
//! So a peer costs 34.5 MiB, which is 138 MiB for the four others of five; the process, the requests and the answers that
//! wait, 512 MiB; and a client that does its worst 7 MiB and 8192 short answers, 2 MiB. A client that waits for each answer
//! costs a few KiB. Answers are weighed by the bytes that they take on the connection: what shares its bytes with the
//! process, as those of the key-value store do, takes less, and a list of very short things up to four times as much. Who
//! can connect can make a node hold this; give it a [`Key`], and the key to those whom you trust so far.
//!
//! # What it does not do
//!
//! It encrypts nothing: who sits on the line reads along. With a [`Key`] nobody without it becomes a peer or a client,
//! or changes, repeats or inserts anything; without one, whoever reaches the port and knows the cluster's name is
//! believed, so run it then on a network that you trust. All who hold the key are trusted alike: a client with it could
//! pose as a peer, and the key is changed by restarting all nodes with another one. It does not change the members of
//! a cluster, nor its quorums, nor its protocol: they are part of a node's [`Identity`], and a store or a peer with
//! others is refused. It promises no delivery: a message may be dropped when a queue is full (and is counted), lost
//! when a connection breaks, and repeated by nobody but the process. It knows no protocol but by its name, so it cannot
//! know whether one makes progress.

mod drive;

mod environment;

mod local;

mod mailbox;

mod answers;

mod askers;

mod parcel;

mod clock;

mod store;

mod faults;

mod node;

mod stats;

mod metrics;

mod hello;

mod key;

mod seal;

mod wire;

mod link;

mod listen;

mod serve;

mod told;

mod heard;

mod limit;

mod client;

mod connection;

pub use answers::{Answers, Carried, Matching};
pub use client::{Client, ClientError};
pub use clock::{Clock, Durations};
pub use connection::Connection;
pub use drive::drive;
pub use environment::{Disk, Observer, Outbox};
pub use faults::{DiskFaults, Faulty};
#[doc(hidden)]
pub use heard::{Heard, heard_by_client, heard_by_node};
pub use key::{Key, KeyError};
pub use limit::{AskError, MAX_REQUEST};
pub use local::Local;
pub use mailbox::{Inbox, Postbox, mailbox};
pub use metrics::MetricsServer;
pub use node::{Config, Handle, Node, NodeError};
pub use paxos_wal::WalError;
pub use stats::{Counts, Measured, PeerCounts, Stats};
pub use store::{Identity, Store, StoreError};

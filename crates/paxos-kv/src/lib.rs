//! A key-value store that is the same on every node, and does each command once.
//!
//! A replicated log gives every node the same commands in the same order. This crate is what stands on it (Schneider,
//! *Implementing Fault-Tolerant Services Using the State Machine Approach*, 1990), in reading order:
//!
//! - `command` is what clients ask of the store: get, put, delete, compare-and-swap, append, range.
//! - `batch` is many commands as one value of the log, encoded once.
//! - [`Machine`] is the state machine; `session` is how a command that is asked twice is done once, `store` the keys and
//!   values, `snapshot` all of it as bytes.
//! - [`Service`] is a node: a [`Process`](paxos_process::Process) around the replica of a log, such as `paxos-multi`'s.
//!   `queue` is how commands become batches, `reads` how reads are confirmed.
//! - `client`, with the feature of that name, asks such nodes over the network.
//!
//! All but the client is pure: no clock, no dice, no input or output. The client is here, and not in a crate of its own,
//! because it is the other half of one contract, the numbering of commands; without its feature nothing of a runtime is
//! compiled.
//!
//! A store without a cluster, and a command that is in its log twice:
//!
//! ```
//! use paxos_kv::{Batch, Command, Machine, Operation, Outcome, SessionId, Written};
//! use paxos_messages::{Slot, multi::Entry};
//!
//! let append = Command::Do {
//!     session: SessionId(1),
//!     sequence: 0,
//!     acknowledged: 0,
//!     operation: Operation::Append { key: b"k"[..].into(), suffix: b"x"[..].into() },
//! };
//! let mut machine = Machine::new();
//! let mut outcomes = Vec::new();
//! for (slot, command) in (0..).map(Slot).zip([Command::Open { nonce: 7 }, append.clone(), append]) {
//!     machine.apply(slot, &Entry::Command(Batch::of(&[command])), |outcome| outcomes.push(outcome));
//! }
//! let once = Outcome::Wrote(Written::Appended { length: 1 });
//! assert_eq!(outcomes, [Outcome::Opened(SessionId(1)), once.clone(), once]);
//! assert_eq!(Machine::restore(&machine.snapshot()), Ok(machine));
//! ```
//!
//! # What it does not do
//!
//! A write does not answer with the value it replaces: answers are kept until their clients have them, and a value is
//! large. There is no time in the store, so nothing in it expires by a clock, keys included. Transactions end at one key.
//! A snapshot is made at once, in memory, and the node does nothing else meanwhile: some tens of milliseconds for 100,000
//! keys of 256 bytes. The client reads from the leader; only what may be stale is read from others.
#![no_std]

extern crate alloc;
#[cfg(feature = "client")]
extern crate std;

mod command;

mod batch;

mod machine;

mod session;
mod store;

mod snapshot;

mod ask;

mod text;

mod service;

mod queue;
mod reads;

mod observed;

#[cfg(feature = "client")]
pub mod client;

mod hash;
mod wire;

pub use ask::{Ask, Output, Reply, Request, Status};
pub use batch::{Batch, Commands, MAX_COMMAND};
pub use command::{
    Command, Failure, Found, MAX_KEY, MAX_PAGE, MAX_PAGE_BYTES, MAX_STORE, MAX_VALUE, Operation, Outcome, Page, Query,
    SessionId, Written,
};
pub use machine::Machine;
pub use service::{Log, Options, Service};
pub use session::{MAX_SESSIONS, WINDOW};
pub use snapshot::RestoreError;

//! A key-value store that is the same on every node.
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
    Command, Failure, Found, MAX_KEY, MAX_PAGE, MAX_PAGE_BYTES, MAX_VALUE, Operation, Outcome, Page, Query, SessionId,
    Written,
};
pub use machine::Machine;
pub use service::{Log, Options, Service};
pub use session::{MAX_SESSIONS, WINDOW};
pub use snapshot::RestoreError;

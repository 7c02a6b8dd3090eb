//! The store from outside: what its state machine does with any log, what its service tells whom, and both in a cluster
//! where things go wrong.

mod cluster;
mod faults;
mod machine;
mod scripted;
mod service;

use paxos_kv::{Command, Operation, Query, SessionId};

/// The bytes of a text.
fn bytes(text: &str) -> paxos_messages::Bytes {
    text.as_bytes().into()
}

/// An operation in the first session.
fn command(sequence: u64, operation: Operation) -> Command {
    Command::Do { session: SessionId(1), sequence, acknowledged: 0, operation }
}

fn put(key: &str, value: &str) -> Operation {
    Operation::Put { key: bytes(key), value: bytes(value) }
}

fn append(key: &str, suffix: &str) -> Operation {
    Operation::Append { key: bytes(key), suffix: bytes(suffix) }
}

fn swap(key: &str, expected: Option<&str>, value: &str) -> Operation {
    Operation::CompareAndSwap { key: bytes(key), expected: expected.map(bytes), value: bytes(value) }
}

fn get(key: &str) -> Query {
    Query::Get { key: bytes(key) }
}

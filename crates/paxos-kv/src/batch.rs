//! Many commands as one value of the log.
//!
//! What a slot costs does not depend on how much is in it: a round of messages and a sync. So a slot carries as many
//! commands as wait for it. They are encoded once, where they are proposed, and are bytes from then on: a node that
//! votes for a batch, stores it and sends it on does not look into it.
//!
//! Numbers are little-endian. A command is
//!
//! ```text
//! kind u8                                                            then, for Open, nonce u64; for any other
//! session u64, sequence u64, acknowledged u64, then by its kind
//!   Get      key            Put, Append   key, bytes
//!   Delete   key            Compare       key, expected (behind a u8: is there one), bytes
//!   Range    start, end (behind a u8: is there one), limit u32
//! ```
//!
//! where a key is its length as u16, and any other bytes as u32, before the bytes themselves.

use alloc::vec::Vec;
use core::fmt;

use paxos_messages::Bytes;

use crate::{
    Command, Failure, MAX_KEY, MAX_VALUE, Operation, Query, SessionId,
    wire::{Reader, put_bytes, put_key},
};

/// Commands, one behind the other. Cloning shares them.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(transparent))]
pub struct Batch(Bytes);

impl Batch {
    /// A batch of these commands.
    #[must_use]
    pub fn of(commands: &[Command]) -> Self {
        let mut draft = Draft::default();
        commands.iter().for_each(|command| draft.push(&command.borrowed()));
        draft.finish()
    }

    /// How many bytes it has.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is no command in it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Its commands in order. Where the bytes are no command, the last item says so.
    #[must_use]
    pub fn commands(&self) -> Commands<'_> {
        Commands(Reader::new(self.0.as_slice()))
    }
}

/// Takes the bytes as they are; what is in them shows when they are read.
impl From<Bytes> for Batch {
    fn from(bytes: Bytes) -> Self {
        Self(bytes)
    }
}

/// Shown as `put k v; append k w`. What clients ask for alike, such as `get k`, has its session and sequence number behind
/// it: where no two values are alike, batches that are shown alike are the same.
impl fmt::Display for Batch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, command) in self.commands().enumerate() {
            f.write_str(if position == 0 { "" } else { "; " })?;
            match command {
                Ok(Command::Open { nonce }) => write!(f, "open {nonce}")?,
                Ok(Command::Do { session, sequence, operation, .. }) => {
                    show(&operation, f)?;
                    if matches!(operation, Operation::Read(_) | Operation::Delete { .. }) {
                        write!(f, " as {}.{sequence}", session.0)?;
                    }
                }
                Err(failure) => failure.fmt(f)?,
            }
        }
        Ok(())
    }
}

fn show(operation: &Operation<&[u8]>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let text = |bytes: &[u8]| Bytes::from(bytes);
    match operation {
        Operation::Read(Query::Get { key }) => write!(f, "get {}", text(key)),
        Operation::Read(Query::Range { start, .. }) => write!(f, "range from {}", text(start)),
        Operation::Put { key, value } => write!(f, "put {} {}", text(key), text(value)),
        Operation::Delete { key } => write!(f, "delete {}", text(key)),
        Operation::CompareAndSwap { key, value, .. } => write!(f, "swap {} {}", text(key), text(value)),
        Operation::Append { key, suffix } => write!(f, "append {} {}", text(key), text(suffix)),
    }
}

/// A batch that is being written.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Draft(Vec<u8>);

impl Draft {
    pub(crate) const fn len(&self) -> usize {
        self.0.len()
    }

    /// Appends a command that has been [checked](Command::check).
    pub(crate) fn push(&mut self, command: &Command<&[u8]>) {
        let out = &mut self.0;
        let (session, sequence, acknowledged, operation) = match command {
            Command::Do { session, sequence, acknowledged, operation } => (session, sequence, acknowledged, operation),
            Command::Open { nonce } => {
                out.push(OPEN);
                return out.extend_from_slice(&nonce.to_le_bytes());
            }
        };
        out.push(match operation {
            Operation::Read(Query::Get { .. }) => GET,
            Operation::Read(Query::Range { .. }) => RANGE,
            Operation::Put { .. } => PUT,
            Operation::Delete { .. } => DELETE,
            Operation::CompareAndSwap { .. } => COMPARE,
            Operation::Append { .. } => APPEND,
        });
        for number in [session.0, *sequence, *acknowledged] {
            out.extend_from_slice(&number.to_le_bytes());
        }
        match operation {
            Operation::Read(Query::Get { key }) | Operation::Delete { key } => put_key(out, key),
            Operation::Put { key, value: bytes } | Operation::Append { key, suffix: bytes } => {
                put_key(out, key);
                put_bytes(out, bytes);
            }
            Operation::CompareAndSwap { key, expected, value } => {
                put_key(out, key);
                out.push(expected.is_some().into());
                expected.iter().for_each(|expected| put_bytes(out, expected));
                put_bytes(out, value);
            }
            Operation::Read(Query::Range { start, end, limit }) => {
                put_key(out, start);
                out.push(end.is_some().into());
                end.iter().for_each(|end| put_key(out, end));
                out.extend_from_slice(&limit.to_le_bytes());
            }
        }
    }

    pub(crate) fn finish(self) -> Batch {
        Batch(self.0.into())
    }
}

/// At least as many bytes as a command has in a batch, and hardly more.
pub(crate) fn most_bytes(command: &Command<&[u8]>) -> usize {
    let Command::Do { operation, .. } = command else { return 1 + 8 };
    let optional = |bytes: &Option<&[u8]>| bytes.map_or(0, <[u8]>::len);
    AROUND
        + match operation {
            Operation::Read(Query::Get { key }) | Operation::Delete { key } => key.len(),
            Operation::Read(Query::Range { start, end, .. }) => start.len() + optional(end),
            Operation::Put { key, value: bytes } | Operation::Append { key, suffix: bytes } => key.len() + bytes.len(),
            Operation::CompareAndSwap { key, expected, value } => key.len() + optional(expected) + value.len(),
        }
}

/// The commands of a batch, borrowed from it.
#[derive(Clone, Debug)]
pub struct Commands<'a>(Reader<'a>);

impl<'a> Iterator for Commands<'a> {
    type Item = Result<Command<&'a [u8]>, Failure>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.0.is_empty() {
            return None;
        }
        let command = read(&mut self.0).ok_or(Failure::Unreadable);
        if command.is_err() {
            self.0 = Reader::new(&[]);
        }
        Some(command)
    }
}

/// The next command; `None` when the bytes are none. Its lengths are read as they are, and
/// [checked](Command::check) by whoever applies it.
fn read<'a>(bytes: &mut Reader<'a>) -> Option<Command<&'a [u8]>> {
    let kind = bytes.byte()?;
    if kind == OPEN {
        return Some(Command::Open { nonce: bytes.u64()? });
    }
    let (session, sequence, acknowledged) = (SessionId(bytes.u64()?), bytes.u64()?, bytes.u64()?);
    let key = bytes.key()?;
    let operation = match kind {
        GET => Operation::Read(Query::Get { key }),
        RANGE => {
            let end = if bytes.flag()? { Some(bytes.key()?) } else { None };
            Operation::Read(Query::Range { start: key, end, limit: bytes.u32()? })
        }
        PUT => Operation::Put { key, value: bytes.bytes()? },
        DELETE => Operation::Delete { key },
        COMPARE => {
            let expected = if bytes.flag()? { Some(bytes.bytes()?) } else { None };
            Operation::CompareAndSwap { key, expected, value: bytes.bytes()? }
        }
        APPEND => Operation::Append { key, suffix: bytes.bytes()? },
        _ => return None,
    };
    Some(Command::Do { session, sequence, acknowledged, operation })
}

/// The most bytes that one command has in a batch: a key and two values, with what stands before them.
pub const MAX_COMMAND: usize = AROUND + MAX_KEY + 2 * MAX_VALUE;

/// The most bytes of a command beside its keys and values: its kind, three numbers, three lengths, a flag.
const AROUND: usize = 1 + 3 * 8 + 3 * 4 + 1;

const OPEN: u8 = 0;
const GET: u8 = 1;
const RANGE: u8 = 2;
const PUT: u8 = 3;
const DELETE: u8 = 4;
const COMPARE: u8 = 5;
const APPEND: u8 = 6;

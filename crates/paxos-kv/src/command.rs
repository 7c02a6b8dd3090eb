//! What clients ask of the store, and what the store answers.

use alloc::vec::Vec;
use core::fmt;

use paxos_messages::Bytes;

/// A client's session: the store has opened it and counts what is done in it. From 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct SessionId(pub u64);

impl fmt::Display for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "session {}", self.0)
    }
}

// ANCHOR: command
/// What the log orders.
///
/// `B` is where the bytes are: with the client they are its own, and in a batch they are a part of it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Command<B = Bytes> {
    /// Open a session. Asked twice, two are open, which harms nobody.
    Open {
        /// A number that nobody else has, such as a random one. Two clients that ask for a session at two nodes must not
        /// ask for the same: a batch is known by its bytes, and both would be told that the one that is chosen is
        /// theirs.
        nonce: u64,
    },
    /// Do this once, however often it is asked.
    Do {
        /// The session it is done in.
        session: SessionId,
        /// Which operation of the session this is, from 0. Asked again, it keeps its number.
        sequence: u64,
        /// All operations of the session below have been answered: their answers need not be kept.
        acknowledged: u64,
        /// What to do.
        operation: Operation<B>,
    },
}

/// What can be done with the keys and values of the store. Both are bytes, ordered as bytes are.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Operation<B = Bytes> {
    /// Read through the log: ordered like a write, and as dear as one.
    Read(Query<B>),
    /// Give a key this value.
    Put {
        /// The key.
        key: B,
        /// Its value from now on.
        value: B,
    },
    /// Remove a key.
    Delete {
        /// The key.
        key: B,
    },
    /// Give a key this value if it has the expected one.
    CompareAndSwap {
        /// The key.
        key: B,
        /// What it must be now. `None`: it must be absent.
        expected: Option<B>,
        /// Its value from now on.
        value: B,
    },
    /// Put these bytes behind the value of a key; an absent key has an empty one. Costs as much as the whole value.
    Append {
        /// The key.
        key: B,
        /// The bytes.
        suffix: B,
    },
}
// ANCHOR_END: command

/// What can be read.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Query<B = Bytes> {
    /// The value of a key.
    Get {
        /// The key.
        key: B,
    },
    /// The keys from `start` on and before `end`, in order, with their values.
    Range {
        /// The first key that may be in it.
        start: B,
        /// The first key behind it. `None`: there is no end.
        end: Option<B>,
        /// At most so many entries; and at most [`MAX_PAGE`], and [`MAX_PAGE_BYTES`] bytes.
        limit: u32,
    },
}

impl Command<Bytes> {
    /// The same command, its bytes borrowed.
    #[must_use]
    pub fn borrowed(&self) -> Command<&[u8]> {
        match self {
            Self::Open { nonce } => Command::Open { nonce: *nonce },
            Self::Do { session, sequence, acknowledged, operation } => Command::Do {
                session: *session,
                sequence: *sequence,
                acknowledged: *acknowledged,
                operation: operation.borrowed(),
            },
        }
    }
}

impl Operation<Bytes> {
    /// The same operation, its bytes borrowed.
    #[must_use]
    pub fn borrowed(&self) -> Operation<&[u8]> {
        match self {
            Self::Read(query) => Operation::Read(query.borrowed()),
            Self::Put { key, value } => Operation::Put { key: key.as_slice(), value: value.as_slice() },
            Self::Delete { key } => Operation::Delete { key: key.as_slice() },
            Self::CompareAndSwap { key, expected, value } => Operation::CompareAndSwap {
                key: key.as_slice(),
                expected: expected.as_ref().map(Bytes::as_slice),
                value: value.as_slice(),
            },
            Self::Append { key, suffix } => Operation::Append { key: key.as_slice(), suffix: suffix.as_slice() },
        }
    }
}

impl Query<Bytes> {
    /// The same query, its bytes borrowed.
    #[must_use]
    pub fn borrowed(&self) -> Query<&[u8]> {
        match self {
            Self::Get { key } => Query::Get { key: key.as_slice() },
            Self::Range { start, end, limit } => {
                Query::Range { start: start.as_slice(), end: end.as_ref().map(Bytes::as_slice), limit: *limit }
            }
        }
    }
}

impl Command<&[u8]> {
    /// Whether its keys and values are as short as they must be. Asked before a command is proposed, so that its
    /// client hears at once; and again when it is applied, because a log is believed and still checked.
    ///
    /// # Errors
    ///
    /// When a key or value is too long.
    pub fn check(&self) -> Result<(), Failure> {
        match self {
            Self::Open { .. } => Ok(()),
            Self::Do { operation, .. } => operation.check(),
        }
    }
}

impl Operation<&[u8]> {
    pub(crate) fn check(&self) -> Result<(), Failure> {
        match self {
            Self::Read(query) => query.check(),
            Self::Put { key, value } => check_key(key).and_then(|()| check_value(value)),
            Self::Delete { key } => check_key(key),
            Self::CompareAndSwap { key, expected, value } => {
                check_key(key)?;
                expected.map_or(Ok(()), check_value)?;
                check_value(value)
            }
            Self::Append { key, suffix } => check_key(key).and_then(|()| check_value(suffix)),
        }
    }
}

impl Query<&[u8]> {
    /// Whether its keys are as short as they must be.
    ///
    /// # Errors
    ///
    /// When a key is too long.
    pub fn check(&self) -> Result<(), Failure> {
        match self {
            Self::Get { key } => check_key(key),
            Self::Range { start, end, .. } => check_key(start).and_then(|()| end.map_or(Ok(()), check_key)),
        }
    }
}

const fn check_key(key: &[u8]) -> Result<(), Failure> {
    if key.len() <= MAX_KEY { Ok(()) } else { Err(Failure::KeyTooLong) }
}

const fn check_value(value: &[u8]) -> Result<(), Failure> {
    if value.len() <= MAX_VALUE { Ok(()) } else { Err(Failure::ValueTooLong) }
}

// ANCHOR: outcome
/// What became of a command. The same on every node, and the same when it is asked again.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Outcome {
    /// The session is open.
    Opened(SessionId),
    /// It was written.
    Wrote(Written),
    /// It was read.
    Found(Found),
    /// It was not done, or nobody knows any more.
    Failed(Failure),
}

/// What a write answers.
///
/// Small on purpose: it is kept until its client has it, and is part of every snapshot. Who wants a value, reads it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Written {
    /// The key has the value.
    Put {
        /// Whether it had one before.
        existed: bool,
    },
    /// The key is absent.
    Deleted {
        /// Whether it had a value before.
        existed: bool,
    },
    /// The value was compared.
    Compared {
        /// Whether it was the expected one, so that the new one took its place.
        swapped: bool,
        /// Whether there was one.
        existed: bool,
    },
    /// The value is longer.
    Appended {
        /// How many bytes it has now.
        length: u64,
    },
}
// ANCHOR_END: outcome

/// What a read answers.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Found {
    /// The value of the key, if it has one.
    Value(Option<Bytes>),
    /// A part of the range.
    Page(Page),
}

/// The first entries of a range.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Page {
    /// Keys and values, in the order of keys.
    pub entries: Vec<(Bytes, Bytes)>,
    /// The first key of the range that did not fit: where to go on.
    pub next: Option<Bytes>,
}

/// Why a command has not done what it asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Failure {
    /// A key has more than [`MAX_KEY`] bytes. Nothing was done.
    KeyTooLong,
    /// A value has, or would have, more than [`MAX_VALUE`] bytes. Nothing was done.
    ValueTooLong,
    /// The session is not open, or not any more. Nothing was done now; whether it was done before, nobody knows.
    SessionExpired,
    /// The client has acknowledged the answer before. Nothing was done now, and the answer is not known any more.
    Acknowledged,
    /// More operations of the session are under way than answers are kept. Nothing was done.
    TooManyUnderWay,
    /// It is no command. Nothing was done.
    Unreadable,
    /// All keys and values would have more than [`MAX_STORE`] bytes. Nothing was done.
    StoreFull,
}

impl Failure {
    /// Whether the command may have been done all the same, when it was asked before.
    #[must_use]
    pub const fn is_unknown(self) -> bool {
        match self {
            Self::SessionExpired | Self::Acknowledged => true,
            Self::KeyTooLong | Self::ValueTooLong | Self::TooManyUnderWay | Self::Unreadable | Self::StoreFull => false,
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::KeyTooLong => write!(f, "a key has at most {MAX_KEY} bytes"),
            Self::ValueTooLong => write!(f, "a value has at most {MAX_VALUE} bytes"),
            Self::SessionExpired => f.write_str("session expired: outcome unknown"),
            Self::Acknowledged => f.write_str("acknowledged before: the answer is not kept"),
            Self::TooManyUnderWay => f.write_str("too many operations of the session are under way"),
            Self::Unreadable => f.write_str("not a command"),
            Self::StoreFull => write!(f, "the store is full: {} MiB of keys and values", MAX_STORE >> 20),
        }
    }
}

/// The most bytes of all keys and values, each entry counted with 16 more: 512 MiB. A snapshot of them is well below what a
/// learner takes, so the log can always be cut.
pub const MAX_STORE: usize = 512 << 20;
/// The most bytes of a key: 1 KiB.
pub const MAX_KEY: usize = 1 << 10;
/// The most bytes of a value: 256 KiB.
pub const MAX_VALUE: usize = 256 << 10;
/// The most entries of a [`Page`].
pub const MAX_PAGE: usize = 1_024;
/// The most bytes of a [`Page`], keys and values together; its first entry may be longer than that.
pub const MAX_PAGE_BYTES: usize = 512 << 10;

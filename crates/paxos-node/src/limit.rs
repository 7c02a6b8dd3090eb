//! How long a request may be, so that everything that comes of it can be written and sent.
//!
//! A request brings a value into a process, and the process puts the value into records and messages, which say more
//! around it: whose vote it is, in which ballot. A value that fills a payload would fit into none of them, and a
//! record that cannot be written ends the node, on every node that is asked to vote for it. So what comes in is
//! shorter than what may go out.

use std::{error::Error, fmt};

use paxos_codec::{EncodeError, MAX_PAYLOAD, encode};
use serde::Serialize;

/// The most bytes a request may have, encoded: a payload, but for 1024 bytes. That much a process may add to a
/// value when it becomes a record or a message; a promise with a vote, the longest of Basic Paxos, adds 52.
pub const MAX_REQUEST: usize = MAX_PAYLOAD - 1024;

/// Whether `request` may be asked, and how many bytes it takes.
pub(crate) fn check(request: &impl Serialize) -> Result<usize, AskError> {
    let mut bytes = Vec::new();
    match encode(request, &mut bytes) {
        Ok(()) if bytes.len() <= MAX_REQUEST => Ok(bytes.len()),
        Ok(()) | Err(EncodeError::TooLong) => Err(AskError::TooLong),
        Err(error) => Err(AskError::Unwritable(error)),
    }
}

/// Why a request is not asked. Nothing has come of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AskError {
    /// It is longer than [`MAX_REQUEST`].
    TooLong,
    /// It cannot be encoded, so nothing that comes of it could be.
    Unwritable(EncodeError),
    /// The process is behind, and there is no room for more to wait. It may be asked again.
    Busy,
}

impl fmt::Display for AskError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLong => write!(f, "the request takes more than {MAX_REQUEST} bytes"),
            Self::Busy => f.write_str("the node is busy; try again"),
            Self::Unwritable(error) => write!(f, "the request cannot be written: {error}"),
        }
    }
}

impl Error for AskError {}

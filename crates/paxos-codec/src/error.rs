//! What can go wrong, in three small enums: writing a value, reading a value, and following a stream.

use std::{error::Error, fmt};

use crate::MAX_PAYLOAD;

/// Why a value was not encoded.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum EncodeError {
    /// The payload would be longer than [`MAX_PAYLOAD`].
    TooLong,
    /// The format cannot express the type; the text says what of it.
    Unsupported(String),
}

impl fmt::Display for EncodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLong => write!(f, "the value takes more than the {MAX_PAYLOAD} bytes of a payload"),
            Self::Unsupported(reason) => write!(f, "the value cannot be encoded: {reason}"),
        }
    }
}

impl Error for EncodeError {}

/// Why a payload was not decoded.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum DecodeError {
    /// The payload is longer than [`MAX_PAYLOAD`], and was not looked at.
    TooLong {
        /// The payload's length, in bytes.
        length: usize,
    },
    /// The payload ends inside the value.
    Truncated,
    /// The payload announces more bytes than a payload may have.
    ClaimsTooMuch,
    /// The value ends before the payload does.
    Trailing {
        /// How many bytes are left over.
        unread: usize,
    },
    /// The bytes are no value of this type; the text says what is wrong with them.
    Malformed(String),
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLong { length } => write!(f, "a payload of {length} bytes; the limit is {MAX_PAYLOAD}"),
            Self::Truncated => write!(f, "the payload ends inside the value"),
            Self::ClaimsTooMuch => write!(f, "the payload announces more than {MAX_PAYLOAD} bytes"),
            Self::Trailing { unread } => write!(f, "{unread} bytes are left over behind the value"),
            Self::Malformed(reason) => write!(f, "the payload is no value of the expected type: {reason}"),
        }
    }
}

impl Error for DecodeError {}

/// Why a stream is lost. There is no way to find the next frame in it: close the connection and open a new one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum FrameError {
    /// The stream does not continue with a frame: the other end speaks something else.
    NotAFrame,
    /// The other end writes another version of the format.
    Version {
        /// The version that it writes.
        found: u8,
    },
    /// The header is damaged.
    HeaderChecksum,
    /// The header announces more bytes than are let in.
    TooLong {
        /// The announced length, in bytes.
        length: u32,
        /// How many are let in: [`MAX_PAYLOAD`], unless [`Frames::limit`](crate::Frames::limit) said fewer.
        longest: usize,
    },
    /// The payload is damaged.
    PayloadChecksum,
}

impl fmt::Display for FrameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotAFrame => write!(f, "the stream does not continue with a frame"),
            Self::Version { found } => write!(f, "frames of version {found} are not understood"),
            Self::HeaderChecksum => write!(f, "a frame's header does not match its checksum"),
            Self::TooLong { length, longest } => {
                write!(f, "a frame announces {length} bytes; the limit is {longest}")
            }
            Self::PayloadChecksum => write!(f, "a frame's payload does not match its checksum"),
        }
    }
}

impl Error for FrameError {}

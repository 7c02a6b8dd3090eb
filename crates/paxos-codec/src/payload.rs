//! One value as bytes, and back. The only file that knows which serialisation format that is.

use bincode::{
    config::{self, Configuration, Fixint, Limit, LittleEndian},
    enc::write::Writer,
    serde::{decode_from_slice, encode_into_writer},
};
use serde::{Serialize, de::DeserializeOwned};

use crate::{DecodeError, EncodeError};

/// The most bytes one payload may have: 1 MiB.
pub const MAX_PAYLOAD: usize = 1 << 20;

/// Appends `value` to `out`, whose former content stays in front. The caller owns the buffer and may reuse it: once
/// it is large enough, nothing is allocated.
///
/// # Errors
///
/// When the payload would be longer than [`MAX_PAYLOAD`], or when the type cannot be encoded, such as a sequence
/// that does not know its length. Then `out` is as it was.
pub fn encode<T: Serialize + ?Sized>(value: &T, out: &mut Vec<u8>) -> Result<(), EncodeError> {
    let start = out.len();
    let mut limited = LimitedWriter { out, room: MAX_PAYLOAD, overflowed: false };
    let encoded = encode_into_writer(value, &mut limited, FORMAT);
    let overflowed = limited.overflowed;
    encoded.map_err(|error| {
        out.truncate(start);
        if overflowed { EncodeError::TooLong } else { EncodeError::Unsupported(error.to_string()) }
    })
}

/// How many bytes [`encode`] would append. It writes them nowhere.
///
/// # Errors
///
/// Those of [`encode`].
pub fn encoded_len<T: Serialize + ?Sized>(value: &T) -> Result<usize, EncodeError> {
    let mut counter = Counter { bytes: 0 };
    match encode_into_writer(value, &mut counter, FORMAT) {
        Ok(()) => Ok(counter.bytes),
        Err(_) if MAX_PAYLOAD < counter.bytes => Err(EncodeError::TooLong),
        Err(error) => Err(EncodeError::Unsupported(error.to_string())),
    }
}

/// Reads back the one value that is the whole of `payload`.
///
/// # Errors
///
/// When the bytes are not exactly one `T`: too few, too many, not a valid value, or longer than [`MAX_PAYLOAD`].
pub fn decode<T: DeserializeOwned>(payload: &[u8]) -> Result<T, DecodeError> {
    if MAX_PAYLOAD < payload.len() {
        return Err(DecodeError::TooLong { length: payload.len() });
    }
    let (value, read) = decode_from_slice(payload, FORMAT).map_err(decode_error)?;
    match payload.len() - read {
        0 => Ok(value),
        unread => Err(DecodeError::Trailing { unread }),
    }
}

/// Reads one value from the front of `unread`, which then begins behind it: for a payload of several values, back to
/// back.
///
/// # Errors
///
/// When the bytes do not begin with a `T`. Nothing behind it can be found then.
pub fn decode_first<T: DeserializeOwned>(unread: &mut &[u8]) -> Result<T, DecodeError> {
    let (value, read) = decode_from_slice(unread, FORMAT).map_err(decode_error)?;
    *unread = &unread[read..];
    Ok(value)
}

/// Integers have their natural width because bincode counts them so against the limit, whatever they take on the
/// wire: with its variable-width integers, a payload well below the limit could be written and then not be read.
const FORMAT: Configuration<LittleEndian, Fixint, Limit<MAX_PAYLOAD>> =
    config::standard().with_fixed_int_encoding().with_limit::<MAX_PAYLOAD>();

/// bincode applies its limit to reading only; this applies it to writing.
struct LimitedWriter<'a> {
    out: &'a mut Vec<u8>,
    room: usize,
    overflowed: bool,
}

impl Writer for LimitedWriter<'_> {
    fn write(&mut self, bytes: &[u8]) -> Result<(), bincode::error::EncodeError> {
        let Some(room) = self.room.checked_sub(bytes.len()) else {
            self.overflowed = true;
            return Err(bincode::error::EncodeError::UnexpectedEnd);
        };
        self.room = room;
        self.out.extend_from_slice(bytes);
        Ok(())
    }
}

/// Counts what is written.
struct Counter {
    bytes: usize,
}

impl Writer for Counter {
    fn write(&mut self, bytes: &[u8]) -> Result<(), bincode::error::EncodeError> {
        self.bytes += bytes.len();
        if self.bytes <= MAX_PAYLOAD { Ok(()) } else { Err(bincode::error::EncodeError::UnexpectedEnd) }
    }
}

fn decode_error(error: bincode::error::DecodeError) -> DecodeError {
    match error {
        bincode::error::DecodeError::UnexpectedEnd { .. } => DecodeError::Truncated,
        bincode::error::DecodeError::LimitExceeded => DecodeError::ClaimsTooMuch,
        other => DecodeError::Malformed(other.to_string()),
    }
}

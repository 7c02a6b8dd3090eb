//! Values to bytes and back: the one crate that names [bincode](https://docs.rs/bincode/2.0.1), which is no longer
//! maintained and therefore fenced in here. Exchanging it is a change to `payload.rs` and to nothing else.
//!
//! A *payload* is one value: a message for a peer, a record for the log. [`encode`] and [`decode`] make and read it.
//! Numbers have their natural width, little-endian; a length is 8 bytes, an enum's variant 4. A payload carries no
//! type and no version: both ends must mean the same `T`.
//!
//! A *frame* is a payload on a byte stream, such as a TCP connection, which keeps no boundaries and may end anywhere:
//!
//! ```text
//!  0        3  4         8             12              16
//! ┌──────────┬──┬─────────┬─────────────┬───────────────┬──────────────────────────┐
//! │ "PXS"    │ 1│ length  │ CRC of the  │ CRC of the    │ payload: `length` bytes, │
//! │          │  │ u32 LE  │ payload     │ 12 bytes left │ at most MAX_PAYLOAD      │
//! └──────────┴──┴─────────┴─────────────┴───────────────┴──────────────────────────┘
//!              └ version
//! ```
//!
//! The header has a checksum of its own so that a damaged length is refused when it is read, and not after waiting
//! for a megabyte that never comes. [`encode_frame`] writes a frame of one value, [`close_frame`] one of anything
//! else, such as several values that [`decode_first`] reads again; [`Frames`] takes a stream apart again, without
//! reading it: whoever owns the socket hands over what arrived.
//!
//! ```
//! use paxos_codec::{Frames, decode, encode_frame};
//!
//! let mut stream = Vec::new();
//! encode_frame("prepare", &mut stream).unwrap();
//! encode_frame("accept", &mut stream).unwrap();
//!
//! let (mut frames, mut heard) = (Frames::new(), Vec::<String>::new());
//! for chunk in stream.chunks(10) {
//!     let mut unread = chunk;
//!     while let Some(payload) = frames.pull(&mut unread).unwrap() {
//!         heard.push(decode(payload).unwrap());
//!     }
//! }
//! assert_eq!(heard, ["prepare", "accept"]);
//! assert!(!frames.is_mid_frame(), "the stream ends where a frame ends");
//! ```
//!
//! # What bytes from a stranger can do
//!
//! They are refused, with an error that says why. They cannot make this crate panic, and cannot make it hold more
//! than [`MAX_FRAME`] bytes of a stream. Decoding allocates what the value needs, and at most 1 MiB per level of
//! nested collections for elements that were announced and never came. Three things are not covered:
//!
//! - A collection of elements that take no bytes, such as `Vec<()>`, announces any length for 8 bytes and costs that
//!   many turns of a loop. No type that is sent or stored should have one.
//! - A type that contains itself is decoded by recursion, as deep as the bytes say: a megabyte of them overflows the
//!   stack. Nor should there be one of those.
//! - A checksum is not a signature: it finds accidents, not forgeries. Paxos trusts its peers, and so do we.

mod error;
mod frame;
mod payload;

pub use error::{DecodeError, EncodeError, FrameError};
pub use frame::{FRAME_HEADER, Frames, MAX_FRAME, close_frame, encode_frame};
pub use payload::{MAX_PAYLOAD, decode, decode_first, encode, encoded_len};

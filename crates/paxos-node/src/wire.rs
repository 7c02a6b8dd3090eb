//! What goes over a connection once it is welcome: frames of values, back to back.
//!
//! | from | to | the values of its frames |
//! |---|---|---|
//! | a peer | a node | the process's messages |
//! | a node | a peer | none: an empty frame every second says that it is there |
//! | a client | a node | `(id u64, Ask)`: many at a time, with ids of the client's choice |
//! | a node | a client | [`Answer`]s, in any order, each with the id that it answers |
//!
//! ```text
//! frame:   the 16 bytes of a header of paxos-codec │ payload
//! payload: value │ value │ …                         without a key
//!          value │ value │ … │ tag, 16 bytes         with a key; see seal.rs
//! ```
//!
//! Several values share a frame because a header, a tag and a call of the operating system each cost more than a small
//! value does. A frame without values says that somebody is still there. How a connection begins is in `hello.rs`.

use std::{fmt, io, ops::Range};

use paxos_codec::{
    DecodeError, EncodeError, FRAME_HEADER, FrameError, MAX_PAYLOAD, close_frame, decode_first, encode, encode_frame,
};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::{
    hello::STRANGER,
    seal::{Seal, TAG},
};

/// What a node says to a client.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Answer<R> {
    /// The answer to the request with this id.
    Reply(u64, R),
    /// The request with this id has not been and will not be carried out, for want of room. It may be asked again.
    Busy(u64),
    /// The request with this id has not been and will not be carried out; the text says why.
    Refused(u64, String),
    /// The connection ends, and why. What has not been answered may or may not be carried out.
    Farewell(String),
    /// The request with this id may have been carried out; its answer is put away, because the client has left too much
    /// unread. It may be asked again.
    Withheld(u64),
}

/// `value` as a frame of its own, without a tag.
pub(crate) fn framed<T: Serialize>(value: &T) -> Result<Vec<u8>, EncodeError> {
    let mut bytes = Vec::new();
    encode_frame(value, &mut bytes)?;
    Ok(bytes)
}

/// Values on their way out, in sealed frames. It writes nothing itself.
pub(crate) struct Outbound {
    seal: Seal,
    bytes: Vec<u8>,
    /// Where the frame begins that still takes values.
    open: Option<usize>,
    /// So many bytes have been written.
    written: usize,
}

impl Outbound {
    pub(crate) const fn new(seal: Seal) -> Self {
        Self { seal, bytes: Vec::new(), open: None, written: 0 }
    }

    /// Adds one value, to the open frame if it has room.
    ///
    /// # Errors
    ///
    /// When the value cannot be encoded or does not fit into a frame. Then nothing is added.
    pub(crate) fn push<T: Serialize>(&mut self, value: &T) -> Result<(), EncodeError> {
        let mut frame = self.open();
        let start = self.bytes.len();
        encode(value, &mut self.bytes)?;
        let length = self.bytes.len() - start;
        if MAX_VALUES < length {
            self.bytes.truncate(start);
            return Err(EncodeError::TooLong);
        }
        if frame + FRAME_HEADER + MAX_VALUES < self.bytes.len() {
            let value = self.bytes.split_off(start);
            self.close();
            frame = self.open();
            self.bytes.extend_from_slice(&value);
        }
        if frame + FRAME < self.bytes.len() {
            self.close();
        }
        Ok(())
    }

    /// Adds a frame of values that are encoded already, at most [`MAX_VALUES`] bytes; none says that we are here.
    pub(crate) fn push_frame(&mut self, values: &[u8]) {
        assert!(values.len() <= MAX_VALUES, "a frame holds {} bytes of values", values.len());
        self.close();
        self.open();
        self.bytes.extend_from_slice(values);
        self.close();
    }

    /// How many bytes wait to be written.
    pub(crate) fn waiting(&self) -> usize {
        self.bytes.len() - self.written
    }

    /// What is to be written next.
    pub(crate) fn unwritten(&mut self) -> &[u8] {
        self.close();
        &self.bytes[self.written..]
    }

    /// So many of those bytes have been written.
    pub(crate) fn written(&mut self, length: usize) {
        self.written += length;
        if self.written == self.bytes.len() {
            self.bytes.clear();
            self.bytes.shrink_to(KEPT);
            self.written = 0;
        } else if KEPT < self.written {
            self.bytes.drain(..self.written);
            self.open = self.open.map(|open| open - self.written);
            self.written = 0;
        }
    }

    /// Moves everything that is to be written into `bytes`, which is empty and gives its room in exchange.
    pub(crate) fn take(&mut self, bytes: &mut Vec<u8>) {
        self.close();
        assert!(self.written == 0 && bytes.is_empty(), "it is either taken or written");
        std::mem::swap(&mut self.bytes, bytes);
    }

    fn open(&mut self) -> usize {
        let Self { bytes, open, .. } = self;
        *open.get_or_insert_with(|| {
            let start = bytes.len();
            bytes.extend_from_slice(&[0; FRAME_HEADER]);
            start
        })
    }

    fn close(&mut self) {
        if let Some(frame) = self.open.take() {
            self.seal.close(&mut self.bytes, frame + FRAME_HEADER);
            close_frame(&mut self.bytes[frame..]);
        }
    }
}

/// Values out of what arrives on a connection. It reads nothing itself, so a blocking socket and an asynchronous one
/// share it. It holds one frame at most, and a buffer; both are small until [`Inbound::admit`].
pub(crate) struct Inbound {
    frames: paxos_codec::Frames,
    seal: Seal,
    buffer: Vec<u8>,
    /// The longest the buffer may become.
    roomiest: usize,
    unread: Range<usize>,
}

impl Inbound {
    pub(crate) fn new() -> Self {
        let mut frames = paxos_codec::Frames::new();
        frames.limit(STRANGER);
        Self { frames, seal: Seal::none(), buffer: vec![0; STRANGER], roomiest: STRANGER, unread: 0..0 }
    }

    /// The other end is welcome: from now on its frames carry the tags of `seal`, and may be long.
    pub(crate) fn admit(&mut self, seal: Seal) {
        self.frames.limit(MAX_PAYLOAD);
        self.seal = seal;
        self.roomiest = ROOM;
    }

    /// The payload of the next frame, if it has arrived. If not, everything that has is used up: read more into the
    /// room.
    pub(crate) fn payload(&mut self) -> Result<Option<&[u8]>, ReadError> {
        let mut unread = &self.buffer[self.unread.clone()];
        let payload = self.frames.pull(&mut unread)?;
        self.unread.start = self.unread.end - unread.len();
        payload.map(|payload| self.seal.open(payload)).transpose()
    }

    /// The next frame, if it has arrived, as the one value that it is.
    pub(crate) fn pull<T: DeserializeOwned>(&mut self) -> Result<Option<T>, ReadError> {
        Ok(self.payload()?.map(paxos_codec::decode).transpose()?)
    }

    /// Gives `each` every value of every frame that has arrived, and the bytes it took. Read more into the room then.
    pub(crate) fn values<T: DeserializeOwned>(&mut self, mut each: impl FnMut(T, usize)) -> Result<(), ReadError> {
        while let Some(mut payload) = self.payload()? {
            while !payload.is_empty() {
                let before = payload.len();
                let value = decode_first(&mut payload)?;
                if before == payload.len() {
                    return Err(ReadError::Wrong("it says bytes that are no value".into()));
                }
                each(value, before - payload.len());
            }
        }
        Ok(())
    }

    /// Where to read more into, once there was nothing more to pull. Grows while reads fill it: who says much at a
    /// time is read much at a time, and who says little costs little.
    pub(crate) fn room(&mut self) -> &mut [u8] {
        if self.unread.end == self.buffer.len() && self.buffer.len() < self.roomiest {
            let length = (4 * self.buffer.len()).min(self.roomiest);
            self.buffer.resize(length, 0);
        }
        &mut self.buffer
    }

    /// So many bytes have been read into the room; none means that the other end has closed the connection.
    pub(crate) fn filled(&mut self, length: usize) -> Result<(), ReadError> {
        self.unread = 0..length;
        match length {
            0 if self.frames.is_mid_frame() => Err(ReadError::Wrong("it was closed in the middle of a frame".into())),
            0 => Err(ReadError::Closed),
            _ => Ok(()),
        }
    }
}

/// Why a connection gives no more values.
#[derive(Debug)]
pub(crate) enum ReadError {
    /// The other end has closed it, between two frames.
    Closed,
    /// It broke.
    Io(io::Error),
    /// The other end says what it should not.
    Wrong(String),
}

impl fmt::Display for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Closed => f.write_str("it was closed"),
            Self::Io(error) => error.fmt(f),
            Self::Wrong(what) => f.write_str(what),
        }
    }
}

impl From<io::Error> for ReadError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl From<FrameError> for ReadError {
    fn from(error: FrameError) -> Self {
        Self::Wrong(error.to_string())
    }
}

impl From<DecodeError> for ReadError {
    fn from(error: DecodeError) -> Self {
        Self::Wrong(error.to_string())
    }
}

/// The most bytes of values that a frame holds: a payload, but for the tag.
pub(crate) const MAX_VALUES: usize = MAX_PAYLOAD - TAG;
/// A frame of so many bytes takes no more values: long enough to be cheap, short enough to be read soon.
const FRAME: usize = 64 * 1024;
/// Room that is kept when everything is written, in bytes.
const KEPT: usize = 256 * 1024;
/// Bytes read at a time, at most.
const ROOM: usize = 256 * 1024;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        Key,
        seal::{Secret, Side},
    };

    fn ends() -> (Outbound, Inbound) {
        let secret = Secret::new(&Key::from_bytes([1; 32]), [b"hello", b"node"]);
        let mut inbound = Inbound::new();
        inbound.admit(secret.seals(Side::Node).1);
        (Outbound::new(secret.seals(Side::Caller).0), inbound)
    }

    /// Hands `bytes` over in pieces that fit, and returns the values.
    fn heard<T: DeserializeOwned>(inbound: &mut Inbound, bytes: &[u8], piece: usize) -> Result<Vec<T>, ReadError> {
        let mut heard = Vec::new();
        let mut rest = bytes;
        while !rest.is_empty() {
            let room = inbound.room();
            let length = piece.min(rest.len()).min(room.len());
            room[..length].copy_from_slice(&rest[..length]);
            rest = &rest[length..];
            inbound.filled(length)?;
            inbound.values(|value, _| heard.push(value))?;
        }
        Ok(heard)
    }

    #[test]
    fn values_come_out_of_any_pieces() {
        for piece in 1..70 {
            let (mut outbound, mut inbound) = ends();
            outbound.push(&1_u64).unwrap();
            outbound.push(&2_u64).unwrap();
            let mut bytes = outbound.unwritten().to_vec();
            outbound.written(bytes.len());
            assert_eq!(bytes.len(), FRAME_HEADER + 8 + 8 + TAG, "two values share a frame");
            outbound.push_frame(&[]);
            outbound.push(&3_u64).unwrap();
            bytes.extend_from_slice(outbound.unwritten());
            assert_eq!(heard::<u64>(&mut inbound, &bytes, piece).unwrap(), [1, 2, 3]);
            assert!(matches!(inbound.filled(0), Err(ReadError::Closed)));
        }
    }

    #[test]
    fn long_and_many_values_are_cut_into_frames() {
        let (mut outbound, mut inbound) = ends();
        let longest = "x".repeat(MAX_VALUES - 8);
        let words = ["a".to_owned(), longest, "b".to_owned(), "y".repeat(FRAME), "z".repeat(FRAME), "c".to_owned()];
        let mut bytes = Vec::new();
        for word in &words {
            outbound.push(word).unwrap();
        }
        assert_eq!(outbound.push(&"x".repeat(MAX_VALUES - 7)), Err(EncodeError::TooLong));
        while outbound.waiting() > 0 {
            let length = outbound.unwritten().len().min(50_000);
            bytes.extend_from_slice(&outbound.unwritten()[..length]);
            outbound.written(length);
        }
        assert!(heard::<String>(&mut inbound, &bytes, usize::MAX).unwrap() == words);
        assert!(inbound.room().len() <= ROOM);
    }

    #[test]
    fn a_repeated_left_out_or_changed_frame_ends_the_connection() {
        let frames: Vec<Vec<u8>> = {
            let (mut outbound, _) = ends();
            let frame = |value: u8| {
                outbound.push(&value).unwrap();
                let bytes = outbound.unwritten().to_vec();
                outbound.written(bytes.len());
                bytes
            };
            [1, 2].map(frame).into()
        };
        let check = |bytes: Vec<u8>, whole: &[u8]| match heard::<u8>(&mut ends().1, &bytes, 33) {
            Ok(heard) => assert_eq!(heard, whole),
            Err(error) => assert!(whole.is_empty() && error.to_string().contains("tag"), "{error}"),
        };
        check(frames.concat(), &[1, 2]);
        check([&frames[0][..], &frames[0]].concat(), &[]);
        check(frames[1].clone(), &[]);
        let mut changed = frames[0].clone();
        changed[FRAME_HEADER] ^= 1;
        close_frame(&mut changed); // a checksum is easily made to fit
        check(changed, &[]);
    }

    #[test]
    fn a_stranger_is_worth_little() {
        let frame = framed(&"x".repeat(STRANGER)).unwrap();
        let mut inbound = Inbound::new();
        let error = heard::<String>(&mut inbound, &frame, usize::MAX).unwrap_err().to_string();
        assert!(error.contains("the limit is 1024"), "{error}");
        assert_eq!(inbound.room().len(), STRANGER);
    }

    #[test]
    fn what_is_no_value_is_wrong() {
        let check = |bytes: &[u8], what: &str| {
            let mut inbound = Inbound::new();
            let end = heard::<String>(&mut inbound, bytes, usize::MAX).and_then(|_| inbound.filled(0));
            assert!(end.unwrap_err().to_string().contains(what), "{what}");
        };
        check(b"GET / HTTP/1.1\r\n\r\n", "no");
        let frame = framed(&"hello").unwrap();
        check(&frame[..frame.len() - 1], "in the middle of a frame");
        check(&framed(&7_u8).unwrap(), "ends inside the value");
    }
}

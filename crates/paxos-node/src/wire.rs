//! What goes over a connection: a hello, and then one kind of frame.
//!
//! | who connects | says | then | and hears |
//! |---|---|---|---|
//! | a peer | [`Hello`] with its node id | the process's messages | nothing |
//! | a client | [`Hello`] | requests | a [`Welcome`], then an answer to each request, in order |
//!
//! Whoever connects is believed to be who it says it is: there is no authentication, as there is none in Paxos,
//! which assumes that nobody lies (*Paxos Made Simple*, §2.1, the "non-Byzantine model").

use std::{fmt, io, ops::Range};

use paxos_codec::{DecodeError, EncodeError, FrameError, encode_frame};
use paxos_process::NodeId;
use serde::{Deserialize, Serialize, de::DeserializeOwned};

/// The first frame of a connection.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Hello {
    version: u16,
    cluster: String,
    who: Who,
}

/// Who connects.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Who {
    /// A node of the cluster.
    Peer(NodeId),
    /// Somebody who asks.
    Client,
}

/// The answer to a client's hello: the node it has reached, or why it may not stay.
pub(crate) type Welcome = Result<NodeId, String>;

impl Hello {
    pub(crate) fn new(cluster: &str, who: Who) -> Self {
        Self { version: VERSION, cluster: cluster.to_owned(), who }
    }

    /// Who it is, if it may join `cluster`; else why not.
    pub(crate) fn check(self, cluster: &str) -> Result<Who, String> {
        if self.version != VERSION {
            return Err(format!("it speaks version {} of the protocol, this node speaks {VERSION}", self.version));
        }
        if self.cluster != cluster {
            return Err(format!("it wants cluster {:?}, this node is of cluster {cluster:?}", self.cluster));
        }
        Ok(self.who)
    }
}

/// `value` as a frame.
pub(crate) fn framed<T: Serialize>(value: &T) -> Result<Vec<u8>, EncodeError> {
    let mut bytes = Vec::new();
    encode_frame(value, &mut bytes)?;
    Ok(bytes)
}

/// Values out of what arrives on a connection. It reads nothing itself, so a blocking socket and an asynchronous one
/// share it. It holds one frame at most, and a buffer.
pub(crate) struct Inbound {
    frames: paxos_codec::Frames,
    buffer: Box<[u8]>,
    unread: Range<usize>,
}

impl Inbound {
    pub(crate) fn new() -> Self {
        Self { frames: paxos_codec::Frames::new(), buffer: vec![0; BUFFER].into(), unread: 0..0 }
    }

    /// The next value, if it has arrived. If not, everything that has is used up: read more into the room.
    pub(crate) fn pull<T: DeserializeOwned>(&mut self) -> Result<Option<T>, ReadError> {
        let mut unread = &self.buffer[self.unread.clone()];
        let payload = self.frames.pull(&mut unread)?;
        self.unread.start = self.unread.end - unread.len();
        Ok(payload.map(paxos_codec::decode).transpose()?)
    }

    /// Where to read more into, once there was nothing more to pull.
    pub(crate) fn room(&mut self) -> &mut [u8] {
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

/// Of everything in this file; frames have a version of their own.
const VERSION: u16 = 1;
/// Bytes read at a time.
const BUFFER: usize = 16 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hello_is_checked() {
        let hello = Hello::new("ours", Who::Peer(NodeId(3)));
        assert_eq!(hello.clone().check("ours"), Ok(Who::Peer(NodeId(3))));
        assert!(hello.clone().check("theirs").unwrap_err().contains("cluster \"theirs\""));
        let newer = Hello { version: VERSION + 1, ..hello };
        assert!(newer.check("ours").unwrap_err().contains("version 2"));
    }

    #[test]
    fn values_come_out_of_any_pieces() {
        let bytes = [framed(&1_u64).unwrap(), framed(&2_u64).unwrap()].concat();
        for piece in 1..bytes.len() {
            let (mut inbound, mut heard) = (Inbound::new(), Vec::new());
            for chunk in bytes.chunks(piece) {
                inbound.room()[..chunk.len()].copy_from_slice(chunk);
                inbound.filled(chunk.len()).unwrap();
                while let Some(value) = inbound.pull::<u64>().unwrap() {
                    heard.push(value);
                }
            }
            assert_eq!(heard, [1, 2]);
            assert!(matches!(inbound.filled(0), Err(ReadError::Closed)));
        }
    }

    #[test]
    fn what_is_no_value_is_wrong() {
        let check = |bytes: &[u8], what: &str| {
            let mut inbound = Inbound::new();
            inbound.room()[..bytes.len()].copy_from_slice(bytes);
            inbound.filled(bytes.len()).unwrap();
            let end = inbound.pull::<Hello>().and_then(|_| inbound.filled(0));
            assert!(end.unwrap_err().to_string().contains(what), "{what}");
        };
        check(b"GET / HTTP/1.1\r\n\r\n", "no");
        let hello = framed(&Hello::new("ours", Who::Client)).unwrap();
        check(&hello[..hello.len() - 1], "in the middle of a frame");
        // A node id past the limit does not decode: the payload's last byte is the id.
        check(&framed(&(VERSION, "ours", 0_u32, 64_u8)).unwrap(), "out of range");
    }
}

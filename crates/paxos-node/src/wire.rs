//! What goes over a connection: a hello, and then one kind of frame.
//!
//! | who connects | says | then | and hears |
//! |---|---|---|---|
//! | a peer | [`Hello`] with its node id and membership, and the peer's | the process's messages | a [`Welcome`] |
//! | a client | [`Hello`] | requests | a [`Welcome`], then an [`Answer`] to each request |
//!
//! A client asks one thing at a time. Whoever is turned away is told why: a refusal is the same bytes wherever it comes.
//!
//! Whoever connects is believed to be who it says it is: there is no authentication, as there is none in Paxos,
//! which assumes that nobody lies (*Paxos Made Simple*, §2.1, the "non-Byzantine model").

use std::{fmt, io, ops::Range};

use paxos_codec::{DecodeError, EncodeError, FrameError, MAX_PAYLOAD, encode_frame};
use paxos_process::NodeId;
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::Identity;

/// The first frame of a connection.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Hello {
    version: u16,
    cluster: String,
    who: Who,
}

/// Who connects.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Who {
    /// A node of the cluster.
    Peer {
        /// Which.
        id: NodeId,
        /// Whom it looks for.
        to: NodeId,
        /// Who it thinks is in the cluster, and what the quorums are.
        membership: String,
    },
    /// Somebody who asks.
    Client,
}

/// The answer to a hello: the node that was reached, or why whoever said it may not stay.
pub(crate) type Welcome = Result<NodeId, String>;

/// The answer to a request: an output of the process, or why there is none. Then the connection is closed.
pub(crate) type Answer<O> = Result<O, String>;

impl Hello {
    pub(crate) fn new(cluster: &str, who: Who) -> Self {
        Self { version: VERSION, cluster: cluster.to_owned(), who }
    }

    /// Who it is, if it belongs to the same cluster as the node `own`; else why not.
    pub(crate) fn check(self, own: &Identity) -> Result<Who, String> {
        let cluster = &own.cluster;
        if self.version != VERSION {
            return Err(format!("it speaks version {} of the protocol, this node speaks {VERSION}", self.version));
        }
        if self.cluster != *cluster {
            return Err(format!("it wants cluster {:?}, this node is of cluster {cluster:?}", self.cluster));
        }
        match &self.who {
            Who::Peer { id, to, .. } if *to != own.node => Err(format!("{id} looks for {to}, this is {}", own.node)),
            Who::Peer { id, membership, .. } if *membership != own.membership => Err(format!(
                "{id} takes the cluster for {membership}, this node takes it for {}: members and quorums must be the \
                 same on every node",
                own.membership
            )),
            Who::Peer { .. } | Who::Client => Ok(self.who),
        }
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
    longest: usize,
}

impl Inbound {
    pub(crate) fn new() -> Self {
        Self { frames: paxos_codec::Frames::new(), buffer: vec![0; BUFFER].into(), unread: 0..0, longest: MAX_PAYLOAD }
    }

    /// From now on, no value may be longer than so many bytes, encoded.
    pub(crate) const fn limit(&mut self, longest: usize) {
        self.longest = longest;
    }

    /// Whether more has arrived than the values that were pulled.
    pub(crate) fn is_ahead(&self) -> bool {
        !self.unread.is_empty()
    }

    /// The next value, if it has arrived. If not, everything that has is used up: read more into the room.
    pub(crate) fn pull<T: DeserializeOwned>(&mut self) -> Result<Option<T>, ReadError> {
        let mut unread = &self.buffer[self.unread.clone()];
        let payload = self.frames.pull(&mut unread)?;
        self.unread.start = self.unread.end - unread.len();
        match payload {
            Some(payload) if self.longest < payload.len() => {
                Err(ReadError::Wrong(format!("it says {} bytes at once; the limit is {}", payload.len(), self.longest)))
            }
            payload => Ok(payload.map(paxos_codec::decode).transpose()?),
        }
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
const VERSION: u16 = 2;
/// Bytes read at a time.
const BUFFER: usize = 16 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hello_is_checked() {
        let own = Identity { node: NodeId(1), cluster: "ours".into(), membership: "{n1,n3} 2 of 2".into() };
        let who = Who::Peer { id: NodeId(3), to: NodeId(1), membership: own.membership.clone() };
        let hello = Hello::new("ours", who.clone());
        assert_eq!(hello.clone().check(&own), Ok(who));
        let theirs = Identity { cluster: "theirs".into(), ..own.clone() };
        assert!(hello.clone().check(&theirs).unwrap_err().contains("cluster \"theirs\""));
        let alone = Identity { membership: "{n1} 1 of 1".into(), ..own.clone() };
        let reason = hello.clone().check(&alone).unwrap_err();
        assert!(
            reason.contains("n3 takes the cluster for {n1,n3} 2 of 2, this node takes it for {n1} 1 of 1"),
            "{reason}"
        );
        let another = Identity { node: NodeId(4), ..own.clone() };
        assert!(hello.clone().check(&another).unwrap_err().contains("n3 looks for n1, this is n4"));
        assert_eq!(Hello::new("ours", Who::Client).check(&alone), Ok(Who::Client), "a client need not know");
        let newer = Hello { version: VERSION + 1, ..hello };
        assert!(newer.check(&own).unwrap_err().contains("version 3"));
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
        // A node id past the limit does not decode.
        check(&framed(&(VERSION, "ours", 0_u32, 64_u8)).unwrap(), "out of range");
    }
}

//! A connection without a socket: whatever bytes somebody says, through all that would read them.
//!
//! It is for those who throw bytes at both ends of a connection, a million times a minute. The steps are those of
//! `listen.rs` and `link.rs`, and whatever they call; only the socket is missing, and what would be said back.

use paxos_codec::decode;
use paxos_process::NodeId;
use serde::de::DeserializeOwned;

use crate::{
    Identity, Key,
    hello::{Admission, Calling, Challenging, Greeting, Hello, Who},
    seal::{Proof, Seal},
    wire::{Answer, Inbound, ReadError},
};

/// How far somebody came.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Heard {
    /// Whether the handshake was completed.
    pub admitted: bool,
    /// How many values came after it.
    pub values: usize,
    /// Why the connection was closed, if something wrong was said.
    pub wrong: Option<String>,
}

/// What a node hears of a caller that says `bytes`, which arrive in pieces of `piece`. A peer says values `M`, a client
/// asks `Q`.
///
/// # Panics
///
/// Never, whatever the bytes are: that is what it is for.
#[must_use]
pub fn heard_by_node<M, Q>(own: &Identity, key: Option<&Key>, bytes: &[u8], piece: usize) -> Heard
where
    M: DeserializeOwned,
    Q: DeserializeOwned,
{
    let mut line = Line::new(bytes, piece);
    let mut heard = Heard::default();
    let ended = line.greet(own, key).and_then(|who| {
        heard.admitted = true;
        match who {
            Who::Peer { .. } => line.values::<M>(&mut heard.values),
            Who::Client | Who::Operator => line.values::<(u64, Q)>(&mut heard.values),
        }
    });
    heard.ended(ended)
}

/// What a client hears of a node that says `bytes`: a greeting, and answers `R`.
///
/// # Panics
///
/// When the system has no random bytes; never because of the bytes.
#[must_use]
pub fn heard_by_client<R: DeserializeOwned>(key: Option<&Key>, bytes: &[u8], piece: usize) -> Heard {
    let calling = Calling::new("ours", key, Who::Client).expect("the system has random bytes");
    let mut line = Line::new(bytes, piece);
    let mut heard = Heard::default();
    let ended = line.greeted(&calling).and_then(|()| {
        heard.admitted = true;
        line.values::<Answer<R>>(&mut heard.values)
    });
    heard.ended(ended)
}

impl Heard {
    fn ended(mut self, ended: Result<(), ReadError>) -> Self {
        if let Err(ReadError::Wrong(reason)) = ended {
            self.wrong = Some(reason);
        }
        self
    }
}

/// Bytes on their way into an [`Inbound`].
struct Line<'a> {
    bytes: &'a [u8],
    piece: usize,
    inbound: Inbound,
}

impl<'a> Line<'a> {
    fn new(bytes: &'a [u8], piece: usize) -> Self {
        Self { bytes, piece: piece.max(1), inbound: Inbound::new() }
    }

    /// As a read of a socket does; at the end, as one that finds it closed.
    fn read(&mut self) -> Result<(), ReadError> {
        let room = self.inbound.room();
        let (now, later) = self.bytes.split_at(self.piece.min(room.len()).min(self.bytes.len()));
        room[..now.len()].copy_from_slice(now);
        self.bytes = later;
        self.inbound.filled(now.len())
    }

    fn payload(&mut self) -> Result<Vec<u8>, ReadError> {
        loop {
            if let Some(payload) = self.inbound.payload()? {
                return Ok(payload.to_vec());
            }
            self.read()?;
        }
    }

    fn greet(&mut self, own: &Identity, key: Option<&Key>) -> Result<Who, ReadError> {
        let payload = self.payload()?;
        let hello = Hello::read(&payload)?;
        hello.check_key(key.is_some()).map_err(ReadError::Wrong)?;
        let mut hears = Seal::none();
        if let Some(key) = key {
            let (challenging, _) = Challenging::new(key, &payload, own.node)?;
            let proof: Proof = decode(&self.payload()?)?;
            (_, hears) = challenging.answered(&proof).map_err(ReadError::Wrong)?;
        }
        let who = hello.check(own).map_err(ReadError::Wrong)?.clone();
        self.inbound.admit(hears);
        Ok(who)
    }

    fn greeted(&mut self, calling: &Calling) -> Result<(), ReadError> {
        let greeting: Greeting = decode(&self.payload()?)?;
        let reached = calling.greeted(greeting).map_err(ReadError::Wrong)?;
        if reached.proof.is_some() {
            decode::<Admission>(&self.payload()?)?.map_err(ReadError::Wrong)?;
        }
        assert!(reached.node.0 < NodeId::LIMIT, "a name that is no node's is not decoded");
        self.inbound.admit(reached.hears);
        Ok(())
    }

    fn values<T: DeserializeOwned>(&mut self, count: &mut usize) -> Result<(), ReadError> {
        loop {
            self.inbound.values(|_: T, _| *count += 1)?;
            self.read()?;
        }
    }
}

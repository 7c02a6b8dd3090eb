//! How a connection begins: who is it, is it of this cluster, and does it hold the key.
//!
//! ```text
//! caller                                     node
//! Hello ─────────────────────────────────▶   checks version, and that both have a key or neither; without one also
//!                                            cluster, names, protocol, membership
//!       ◀───────────────────────────────── Ok(Challenge), or Err(reason) and the end
//! with a key only, when the node's proof holds:
//! Proof ─────────────────────────────────▶   checks it, and then cluster, names, protocol, membership
//!       ◀───────────────────────────────── Ok(()), or Err(reason) and the end
//! ```
//!
//! So where there is a key, only those who hold it are told what the cluster is called and who is in it.
//!
//! Each is one frame of `paxos-codec` with one value, little-endian, of at most [`STRANGER`] bytes:
//!
//! | value | bytes of the payload |
//! |---|---|
//! | Hello | version u16 │ cluster: length u64, text │ keyed u8 (0, 1) │ nonce 32 │ who: u32, 0 a peer, 1 a client, 2 an operator; a peer goes on: its node u8 │ the node it looks for u8 │ membership: length u64, text │ protocol: length u64, text |
//! | Challenge | 0 u32 │ node u8 │ keyed u8; with a key: nonce 32 │ proof 32 |
//! | Proof | proof 32 |
//! | Ok(()) | 0 u32 |
//! | Err | 1 u32 │ reason: length u64, text |
//!
//! The version comes first in every version, and a refusal has the same bytes in each, so that two versions can say
//! why they do not understand each other. How proofs are made is in `seal.rs`. A refusal is not authenticated: whoever
//! sits on the line can end a connection, with or without one.

use std::{io, net::SocketAddr};

use paxos_codec::{FRAME_HEADER, decode};
use paxos_process::NodeId;
use serde::{Deserialize, Serialize};

use crate::{
    Identity, Key,
    key::random,
    seal::{Nonce, Proof, Seal, Secret, Side},
    wire::{ReadError, framed},
};

/// The first frame of a connection.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Hello {
    version: u16,
    cluster: String,
    /// Whether the caller has a key. Both have one or neither: a connection is never quietly less than either expects.
    keyed: bool,
    nonce: Nonce,
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
        /// What its messages mean.
        protocol: String,
    },
    /// Somebody who asks. It need not know what nodes say to each other.
    Client,
    /// Somebody who looks after the node, and asks only what concerns it: there are places for that beside those of clients.
    Operator,
}

/// The answer to a hello, or why whoever said it may not stay.
pub(crate) type Greeting = Result<Challenge, String>;

/// What a node says to a hello that it likes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Challenge {
    /// The node that was reached.
    node: NodeId,
    /// With a key: the node's nonce, and its proof.
    keyed: Option<(Nonce, Proof)>,
}

/// The answer to a proof, or why whoever gave it may not stay.
pub(crate) type Admission = Result<(), String>;

impl Hello {
    /// Reads a hello: its version first, because what follows is another version's business.
    pub(crate) fn read(payload: &[u8]) -> Result<Self, ReadError> {
        match payload {
            [low, high, ..] if u16::from_le_bytes([*low, *high]) != VERSION => {
                let version = u16::from_le_bytes([*low, *high]);
                let reason = format!("it speaks version {version} of the protocol, this node speaks {VERSION}");
                Err(ReadError::Wrong(reason))
            }
            _ => Ok(decode(payload)?),
        }
    }

    /// Whether it has a key if and only if this node has; else why it cannot stay.
    pub(crate) fn check_key(&self, keyed: bool) -> Result<(), String> {
        match (self.keyed, keyed) {
            (true, false) => Err("it has a cluster key, this node has none".into()),
            (false, true) => Err("it has no cluster key, this node has one".into()),
            (true, true) | (false, false) => Ok(()),
        }
    }

    /// Who it is, if it belongs to the same cluster as the node `own`; else why not. That tells much about the cluster,
    /// so it is for those who hold its key. What the caller says is quoted: it ends up in logs.
    pub(crate) fn check(&self, own: &Identity) -> Result<&Who, String> {
        let cluster = &own.cluster;
        if self.cluster != *cluster {
            return Err(format!("it wants cluster {:?}, this node is of cluster {cluster:?}", self.cluster));
        }
        match &self.who {
            Who::Peer { id, to, .. } if *to != own.node => Err(format!("{id} looks for {to}, this is {}", own.node)),
            Who::Peer { id, protocol, .. } if *protocol != own.protocol => Err(format!(
                "{id} speaks {protocol:?}, this node speaks {:?}: the nodes of a cluster run the same protocol, and the \
                 same version of it",
                own.protocol
            )),
            Who::Peer { id, membership, .. } if *membership != own.membership => Err(format!(
                "{id} takes the cluster for {membership:?}, this node takes it for {:?}: members and quorums must be the \
                 same on every node",
                own.membership
            )),
            Who::Peer { .. } | Who::Client | Who::Operator => Ok(&self.who),
        }
    }
}

/// The caller's end of a handshake.
pub(crate) struct Calling {
    key: Option<Key>,
    hello: Vec<u8>,
}

/// What a caller knows when it is welcome: whom it has reached, and how frames are sealed.
pub(crate) struct Reached {
    pub(crate) node: NodeId,
    pub(crate) says: Seal,
    pub(crate) hears: Seal,
    /// To be said before anything else, if there is a key; the answer is an [`Admission`].
    pub(crate) proof: Option<Vec<u8>>,
}

impl Calling {
    pub(crate) fn new(cluster: &str, key: Option<&Key>, who: Who) -> io::Result<Self> {
        let hello =
            Hello { version: VERSION, cluster: cluster.to_owned(), keyed: key.is_some(), nonce: random()?, who };
        Ok(Self { key: key.cloned(), hello: framed(&hello).map_err(io::Error::other)? })
    }

    /// The frame that comes first.
    pub(crate) fn hello(&self) -> &[u8] {
        &self.hello
    }

    /// What follows from the node's answer; or why the connection must end.
    pub(crate) fn greeted(&self, greeting: Greeting) -> Result<Reached, String> {
        let challenge = greeting?;
        let node = challenge.node;
        match (&self.key, challenge.keyed) {
            (None, None) => Ok(Reached { node, says: Seal::none(), hears: Seal::none(), proof: None }),
            (Some(key), Some((nonce, proof))) => {
                let secret = secret(key, &self.hello[FRAME_HEADER..], node, nonce);
                if !secret.proves(Side::Node, &proof) {
                    return Err("it does not hold this cluster's key".into());
                }
                let (says, hears) = secret.seals(Side::Caller);
                let proof = framed(&secret.proof(Side::Caller)).map_err(|error| error.to_string())?;
                Ok(Reached { node, says, hears, proof: Some(proof) })
            }
            (Some(_), None) | (None, Some(_)) => Err("only one of the two has a cluster key".into()),
        }
    }
}

/// The node's end of a handshake with a key.
pub(crate) struct Challenging(Secret);

impl Challenging {
    /// The challenge to whoever has said the hello with this payload, and what is needed to judge the answer.
    pub(crate) fn new(key: &Key, hello: &[u8], own: NodeId) -> io::Result<(Self, Challenge)> {
        let nonce = random()?;
        let secret = secret(key, hello, own, nonce);
        let keyed = Some((nonce, secret.proof(Side::Node)));
        Ok((Self(secret), Challenge { node: own, keyed }))
    }

    /// The seals of what the node says and of what it hears, if `proof` is one.
    pub(crate) fn answered(&self, proof: &Proof) -> Result<(Seal, Seal), String> {
        if self.0.proves(Side::Caller, proof) {
            Ok(self.0.seals(Side::Node))
        } else {
            Err("it does not hold this cluster's key".into())
        }
    }
}

impl Challenge {
    /// Without a key.
    pub(crate) const fn none(own: NodeId) -> Self {
        Self { node: own, keyed: None }
    }
}

fn secret(key: &Key, hello: &[u8], node: NodeId, nonce: Nonce) -> Secret {
    let mut answer = [0; 1 + size_of::<Nonce>()];
    answer[0] = node.0;
    answer[1..].copy_from_slice(&nonce);
    Secret::new(key, [hello, &answer])
}

/// Whether whoever reaches `address` must be on this machine.
pub(crate) const fn is_private(address: SocketAddr) -> bool {
    match address {
        SocketAddr::V4(address) => address.ip().is_loopback(),
        SocketAddr::V6(address) => address.ip().is_loopback(),
    }
}

/// Of everything that goes over a connection; the header of a frame has a version of its own.
pub(crate) const VERSION: u16 = 7;
/// The longest payload, and the most memory, that anybody is worth who has not proved anything, in bytes.
pub(crate) const STRANGER: usize = 1024;

#[cfg(test)]
mod tests {
    use super::*;

    fn own() -> Identity {
        let (cluster, membership, protocol) = ("ours".into(), "{n1,n3} 2 of 2".into(), "words/1".into());
        Identity { node: NodeId(1), cluster, membership, protocol }
    }

    fn peer(membership: &str) -> Who {
        Who::Peer { id: NodeId(3), to: NodeId(1), membership: membership.into(), protocol: "words/1".into() }
    }

    fn hello(who: Who) -> Hello {
        Hello { version: VERSION, cluster: "ours".into(), keyed: false, nonce: [0; 32], who }
    }

    fn key(byte: u8) -> Key {
        Key::from_bytes([byte; 32])
    }

    #[test]
    fn a_hello_is_checked() {
        let own = own();
        let who = peer(&own.membership);
        let peer = hello(who.clone());
        let refused = |own: &Identity| peer.check(own).unwrap_err();
        assert_eq!(peer.check(&own), Ok(&who));
        assert!(refused(&Identity { cluster: "theirs".into(), ..own.clone() }).contains("cluster \"theirs\""));
        let alone = Identity { membership: "{n1} 1 of 1".into(), ..own.clone() };
        let words = "n3 takes the cluster for \"{n1,n3} 2 of 2\", this node takes it for \"{n1} 1 of 1\"";
        assert!(refused(&alone).contains(words), "{}", refused(&alone));
        let another = Identity { node: NodeId(4), ..own.clone() };
        assert!(refused(&another).contains("n3 looks for n1, this is n4"));
        let newer = Identity { protocol: "words/2".into(), ..own.clone() };
        assert!(refused(&newer).contains("n3 speaks \"words/1\", this node speaks \"words/2\""), "{}", refused(&newer));
        assert_eq!(hello(Who::Client).check(&alone), Ok(&Who::Client), "a client need not know");
        assert!(peer.check_key(true).unwrap_err().contains("no cluster key"));
        assert!(Hello { keyed: true, ..peer.clone() }.check_key(false).unwrap_err().contains("this node has none"));
        assert!(peer.check_key(false).is_ok() && Hello { keyed: true, ..peer }.check_key(true).is_ok());
    }

    #[test]
    fn a_hello_cannot_write_lines_of_its_own_into_a_log() {
        let forged = "\n2026-01-01 ERROR the disk has failed \u{1b}[2J";
        let protocol =
            Who::Peer { id: NodeId(3), to: NodeId(1), membership: own().membership, protocol: forged.into() };
        for hello in [hello(peer(forged)), hello(protocol), Hello { cluster: forged.into(), ..hello(Who::Client) }] {
            let reason = hello.check(&own()).unwrap_err();
            assert!(reason.contains("the disk") && !reason.contains(char::is_control), "{reason:?}");
        }
    }

    #[test]
    fn another_version_is_named_whatever_follows_it() {
        for rest in [&[][..], &[1, 2, 3], &[0; 90]] {
            let bytes = [&[9, 0], rest].concat();
            let Err(ReadError::Wrong(reason)) = Hello::read(&bytes) else { panic!("it is understood") };
            assert_eq!(reason, "it speaks version 9 of the protocol, this node speaks 7");
        }
        assert!(Hello::read(&[7]).is_err() && Hello::read(&[7, 0, 0]).is_err());
    }

    #[test]
    fn both_must_hold_the_same_key() {
        let handshake = |callers: &Key, nodes: &Key| {
            let calling = Calling::new("ours", Some(callers), Who::Client).unwrap();
            let (challenging, challenge) =
                Challenging::new(nodes, &calling.hello()[FRAME_HEADER..], NodeId(1)).unwrap();
            (calling.greeted(Ok(challenge)).map(|reached| reached.proof.unwrap()), challenging)
        };
        let (proof, challenging) = handshake(&key(1), &key(1));
        let proof: Proof = decode(&proof.unwrap()[FRAME_HEADER..]).unwrap();
        assert!(challenging.answered(&proof).is_ok());
        let (_, another) = handshake(&key(1), &key(1));
        assert!(another.answered(&proof).is_err(), "a proof is of one connection");
        let (refused, challenging) = handshake(&key(1), &key(2));
        assert_eq!(refused.unwrap_err(), "it does not hold this cluster's key");
        assert!(challenging.answered(&proof).is_err() && challenging.answered(&[0; 32]).is_err());
        let calling = Calling::new("ours", Some(&key(1)), Who::Client).unwrap();
        assert!(calling.greeted(Ok(Challenge::none(NodeId(1)))).is_err(), "a key is not laid aside");
    }

    #[test]
    fn a_hello_of_many_members_fits() {
        let membership = format!("{} 32 of 63", paxos_process::NodeSet::first(63));
        let who = Who::Peer { id: NodeId(3), to: NodeId(1), membership, protocol: "x".repeat(100) };
        let calling = Calling::new(&"x".repeat(255), Some(&key(1)), who).unwrap();
        assert!(calling.hello().len() - FRAME_HEADER <= STRANGER, "{}", calling.hello().len());
    }
}

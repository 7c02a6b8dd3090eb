//! The beginning of a connection, as both ends hear it: a hello and a proof; a greeting and an admission.
//!
//! What must hold: with a key nobody gets in who does not hold it, whatever he says, and what he is told names neither the
//! cluster nor its members. Without one, who is admitted has said who he is; in whatever pieces it arrives, the same comes
//! of it. A stranger costs a few KiB.

use paxos_kv::{Ask, Batch, Reply};
use paxos_messages::multi::Message;
use paxos_node::{Heard, Identity, Key, heard_by_client, heard_by_node};
use paxos_process::NodeId;

use super::{Seed, Target, encoded, framed, pieces, seed};

pub(super) const TARGET: Target = Target {
    name: "hello",
    about: "how a connection begins, at both ends",
    longest: 4096,
    memory: 2 << 20,
    run,
    seeds,
};

fn run(input: &[u8]) {
    let (own, key) = (own(), Key::from_bytes([7; 32]));
    for stream in [input, &framed(input)] {
        let heard = node(&own, None, stream, usize::MAX);
        assert_eq!(node(&own, None, stream, 5), heard, "in other pieces it is something else");
        let heard = node(&own, Some(&key), stream, 100);
        assert!(!heard.admitted && heard.values == 0, "somebody is in who does not hold the key: {heard:?}");
        let told = heard.wrong.unwrap_or_default();
        assert!(!told.contains(&own.cluster) && !told.contains(&own.membership), "a stranger is told {told:?}");
        let heard = heard_by_client::<Reply>(None, stream, usize::MAX);
        assert_eq!(heard_by_client::<Reply>(None, stream, 5), heard, "in other pieces it is something else");
        assert!(!heard_by_client::<Reply>(Some(&key), stream, 100).admitted, "a node is believed without its key");
    }
}

fn node(own: &Identity, key: Option<&Key>, stream: &[u8], piece: usize) -> Heard {
    heard_by_node::<Message<Batch>, Ask>(own, key, stream, piece)
}

/// The node that is called. Its names are in no error of their own.
pub(super) fn own() -> Identity {
    let (cluster, membership, protocol) = ("zebra-cluster".into(), "{n1,n2} 2 of 2".into(), "words/1".into());
    Identity { node: NodeId(1), cluster, membership, protocol }
}

/// The payload of the hello of a client, or of the peer n2. The version is that of `hello.rs`; a test sees that it is.
pub(super) fn hello(peer: bool, keyed: bool) -> Vec<u8> {
    const VERSION: u16 = 7;
    let own = own();
    let head = (VERSION, &own.cluster, keyed, [9_u8; 32]);
    if peer {
        encoded(&(head, 0_u32, NodeId(2), NodeId(1), &own.membership, &own.protocol))
    } else {
        encoded(&(head, 1_u32))
    }
}

fn seeds() -> Vec<Seed> {
    let proof = encoded(&[3_u8; 32]);
    let keyed = encoded(&(0_u32, NodeId(1), 1_u8, [3_u8; 32], [4_u8; 32]));
    let admission = encoded(&Ok::<(), String>(()));
    vec![
        seed("client", pieces(&[hello(false, false)])),
        seed("client-with-key", pieces(&[hello(false, true), proof.clone()])),
        seed("peer", pieces(&[hello(true, false)])),
        seed("peer-with-key", pieces(&[hello(true, true), proof])),
        seed("welcome", pieces(&[encoded(&(0_u32, NodeId(1), 0_u8))])),
        seed("challenge", pieces(&[keyed, admission])),
        seed("refusal", pieces(&[encoded(&Err::<(), _>("no"))])),
        seed("another-version", pieces(&[vec![9, 0, 1, 2, 3]])),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_says_what_the_seeds_say_is_admitted_where_there_is_no_key() {
        let admitted = |peer| node(&own(), None, &framed(&pieces(&[hello(peer, false)])), 3);
        for heard in [admitted(false), admitted(true)] {
            assert_eq!(heard, Heard { admitted: true, ..Heard::default() });
        }
        let told = node(&own(), Some(&Key::from_bytes([7; 32])), &framed(&seeds()[1].bytes), 3).wrong;
        assert_eq!(told.as_deref(), Some("it does not hold this cluster's key"));
    }
}

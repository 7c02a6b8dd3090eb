//! What a client asks, and what a peer says, once it is welcome.
//!
//! What must hold: in whatever pieces it arrives, as many values are heard, and the same is wrong with it. A request that
//! is read and written again is the same. What is read of a frame costs memory in proportion to the frame.

use paxos_kv::{Ask, Batch, Command, Operation, Query, SessionId};
use paxos_messages::{Ballot, Bytes, Slot, multi::Message};
use paxos_node::heard_by_node;
use paxos_process::NodeId;

use super::{Seed, Target, encoded, framed, hello, pieces, reads_back, seed};

pub(super) const TARGET: Target =
    Target { name: "requests", about: "what clients ask and peers say", longest: 4096, memory: 4 << 20, run, seeds };

fn run(input: &[u8]) {
    reads_back::<(u64, Ask)>(input);
    let own = hello::own();
    for peer in [false, true] {
        let greeting = framed(&pieces(&[hello::hello(peer, false)]));
        let stream = [greeting, framed(input)].concat();
        let heard = heard_by_node::<Message<Batch>, Ask>(&own, None, &stream, usize::MAX);
        assert!(heard.admitted, "the hello is good: {heard:?}");
        assert_eq!(heard_by_node::<Message<Batch>, Ask>(&own, None, &stream, 11), heard, "in other pieces it is not");
    }
}

fn seeds() -> Vec<Seed> {
    let bytes = |text: &str| Bytes::from(text.as_bytes());
    let command =
        |sequence, operation| Ask::Execute(Command::Do { session: SessionId(1), sequence, acknowledged: 0, operation });
    let swap = Operation::CompareAndSwap { key: bytes("k"), expected: Some(bytes("v")), value: bytes("w") };
    let range = Query::Range { start: bytes("a"), end: Some(bytes("z")), limit: 9 };
    let asks = [
        ("open", Ask::Execute(Command::Open { nonce: 7 })),
        ("put", command(0, Operation::Put { key: bytes("k"), value: bytes("v") })),
        ("swap", command(1, swap)),
        ("append", command(2, Operation::Append { key: bytes("k"), suffix: bytes("x") })),
        ("get", Ask::Read(Query::Get { key: bytes("k") })),
        ("range", Ask::ReadStale(range)),
        ("status", Ask::Status),
    ];
    let payloads: Vec<_> = (1_u64..).zip(&asks).map(|(id, (_, ask))| encoded(&(id, ask))).collect();
    let mut seeds: Vec<_> = asks.iter().zip(&payloads).map(|((name, _), bytes)| seed(name, bytes.as_slice())).collect();
    seeds.push(seed("seven-in-a-frame", pieces(&[payloads.concat()])));
    seeds.push(seed("seven-frames", pieces(&payloads)));
    let prepare = Message::<Batch>::Prepare { ballot: Ballot { round: 1, node: NodeId(2) }, from: Slot(0) };
    seeds.push(seed("prepare", pieces(&[encoded(&prepare)])));
    seeds
}

//! What a node answers, as its client reads it: a client trusts its node no further than its bytes make sense.
//!
//! What must hold: in whatever pieces it arrives, as many answers are heard, and the same is wrong with it. A reply that is
//! read and written again is the same. A list that is announced and does not come costs 1 MiB at most.

use paxos_kv::{Failure, Found, Outcome, Page, Reply, SessionId, Written};
use paxos_messages::Bytes;
use paxos_node::heard_by_client;
use paxos_process::NodeId;

use super::{Seed, Target, encoded, framed, pieces, reads_back, seed};

pub(super) const TARGET: Target =
    Target { name: "answers", about: "what nodes answer", longest: 4096, memory: 4 << 20, run, seeds };

fn run(input: &[u8]) {
    reads_back::<Reply>(input);
    let stream = [framed(&pieces(&[welcome()])), framed(input)].concat();
    let heard = heard_by_client::<Reply>(None, &stream, usize::MAX);
    assert!(heard.admitted, "the welcome is good: {heard:?}");
    assert_eq!(heard_by_client::<Reply>(None, &stream, 11), heard, "in other pieces it is not");
}

/// The greeting of n1, which has no key.
fn welcome() -> Vec<u8> {
    encoded(&(0_u32, NodeId(1), 0_u8))
}

fn seeds() -> Vec<Seed> {
    let bytes = |text: &str| Bytes::from(text.as_bytes());
    let page = Page { entries: vec![(bytes("k"), bytes("v")), (bytes("l"), bytes("w"))], next: Some(bytes("m")) };
    let replies = [
        ("opened", Reply::Done(Outcome::Opened(SessionId(1)))),
        ("wrote", Reply::Done(Outcome::Wrote(Written::Compared { swapped: true, existed: true }))),
        ("value", Reply::Found(Found::Value(Some(bytes("v"))))),
        ("page", Reply::Found(Found::Page(page))),
        ("not-leader", Reply::NotLeader { leader: Some(NodeId(2)) }),
        ("failed", Reply::Failed(Failure::StoreFull)),
    ];
    let mut seeds: Vec<_> = replies.iter().map(|(name, reply)| seed(name, encoded(reply))).collect();
    let answers = |(id, (_, reply)): (u64, &(&str, Reply))| encoded(&(0_u32, id, reply));
    seeds.push(seed("all-in-frames", pieces(&(1..).zip(&replies).map(answers).collect::<Vec<_>>())));
    seeds.push(seed("busy", pieces(&[encoded(&(1_u32, 5_u64))])));
    seeds.push(seed("withheld", pieces(&[encoded(&(4_u32, 5_u64))])));
    seeds.push(seed("farewell", pieces(&[encoded(&(3_u32, "bye"))])));
    seeds
}

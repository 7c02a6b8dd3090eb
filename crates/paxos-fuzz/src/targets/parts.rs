//! Parts of a snapshot as they come from another node: in any order, again, of several snapshots, and lying about how much
//! there is.
//!
//! What must hold: what is installed has as many bytes as were announced, and they are a piece of what one snapshot said,
//! place by place; and a node that dies at any moment, and reads its records again, is the node that it was, with the parts
//! that it had.

use std::collections::BTreeMap;

use paxos_messages::{
    Bytes, Slot,
    multi::{Effects, Event, Message, Output, Record, SnapshotPart},
};
use paxos_multi::{Options, Replica};
use paxos_process::{NodeId, NodeSet, Process};
use paxos_quorums::Quorums;

use super::{Seed, Target, seed};

pub(super) const TARGET: Target =
    Target { name: "parts", about: "parts of snapshots, in any order", longest: 512, memory: 8 << 20, run, seeds };

fn run(input: &[u8]) {
    let (mut replica, mut records, mut said) = (replica(), Vec::new(), BTreeMap::new());
    let mut out = Effects::new();
    for part in parts(input) {
        note(&part, &mut said);
        let message = Message::Snapshot(part.clone());
        replica.step(Event::Receive { from: NodeId(2), message }, &mut out);
        for output in &out.outputs {
            if let Output::Installed { upto, state } = output {
                assert!(
                    *upto == part.upto && state.len() as u64 == part.total,
                    "{part} installs {} bytes",
                    state.len()
                );
                let place = |(at, byte): (u64, &u8)| said[&(*upto, at)].contains(byte);
                assert!((0..).zip(state.as_slice()).all(place), "a byte of the snapshot to {upto} was never said");
            }
        }
        records.append(&mut out.records);
        out.clear();
    }
    assert_eq!(again(records).checkpoint(), replica.checkpoint(), "a restart has other parts");
}

fn replica() -> Replica<String> {
    let quorums = Quorums::majority(NodeSet::first(3)).expect("three nodes are a cluster");
    Replica::new(NodeId(1), quorums, Options::default())
}

fn again(records: Vec<Record<String>>) -> Replica<String> {
    let mut replica = replica();
    records.into_iter().for_each(|record| replica.replay(record));
    replica
}

/// Six bytes a part: which snapshot, how long it is, where the part begins, how long that is, what fills it; and whether
/// numbers are as small as they look.
fn parts(input: &[u8]) -> impl Iterator<Item = SnapshotPart> {
    let (chunks, _) = input.as_chunks::<6>();
    chunks.iter().map(|&[upto, total, offset, length, fill, large]| {
        let far =
            |number: u8, bit: u8| if large >> bit & 1 == 1 { u64::MAX - u64::from(number) } else { number.into() };
        SnapshotPart {
            upto: Slot(far(upto, 0)),
            total: far(total, 1),
            offset: far(offset, 2),
            part: Bytes::from(vec![fill; length.into()]),
        }
    })
}

/// Which bytes were said to be where in which snapshot.
fn note(part: &SnapshotPart, said: &mut BTreeMap<(Slot, u64), Vec<u8>>) {
    for (at, byte) in (0..).zip(part.part.as_slice()) {
        if let Some(place) = part.offset.checked_add(at) {
            said.entry((part.upto, place)).or_default().push(*byte);
        }
    }
}

fn seeds() -> Vec<Seed> {
    let (first, second) = ([9, 8, 0, 5, 1, 0], [9, 8, 5, 3, 2, 0]);
    let (other, announced) = ([12, 4, 0, 2, 3, 0], [12, 4, 0, 2, 3, 2]);
    vec![
        seed("whole", [first, second].concat()),
        seed("again", [first, first, second, second].concat()),
        seed("another-one-between", [first, other, second, first].concat()),
        seed("empty", [9, 0, 0, 0, 0, 0]),
        seed("far-too-long", announced),
        seed("last-slot-of-all", [0, 3, 0, 3, 7, 1]),
    ]
}

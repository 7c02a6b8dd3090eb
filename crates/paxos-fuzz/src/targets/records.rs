//! What a node has written into its log, of one decision and of many.
//!
//! What must hold: bytes that are a record are what that record is written as, and showing it does not panic.

use paxos_kv::Batch;
use paxos_messages::{
    Ballot, Bytes, Slot, Vote,
    multi::{Entry, Record, SnapshotPart},
    single,
};
use paxos_process::NodeId;

use super::{Seed, Target, encoded, reads_back, seed};

pub(super) const TARGET: Target = Target {
    name: "records",
    about: "what a node has written into its log",
    longest: 4096,
    memory: 4 << 20,
    run,
    seeds,
};

fn run(bytes: &[u8]) {
    if let Some(record) = reads_back::<single::Record<String>>(bytes) {
        assert!(!record.to_string().is_empty());
    }
    if let Some(record) = reads_back::<Record<Batch>>(bytes) {
        assert!(!record.to_string().is_empty());
    }
}

fn seeds() -> Vec<Seed> {
    let ballot = Ballot { round: 3, node: NodeId(2) };
    let value = Entry::Command(Batch::from(Bytes::from(&b"\0\x07\0\0\0\0\0\0\0"[..])));
    let part = SnapshotPart { upto: Slot(9), total: 3, offset: 0, part: Bytes::from(&b"abc"[..]) };
    let log = [
        ("round", Record::Round(ballot)),
        ("promised", Record::Promised(ballot)),
        ("accepted", Record::Accepted(Slot(2), Vote { ballot, value: value.clone() })),
        ("chosen", Record::Chosen(ballot, Slot(2))),
        ("learned", Record::Learned(Slot(2), value)),
        ("snapshot", Record::Snapshot(part)),
        ("forgotten", Record::Forgotten(1)),
        ("recalled", Record::Recalled(Some(ballot), Slot(1))),
    ];
    let vote = Vote { ballot, value: String::from("blue") };
    let single =
        [("single-promised", single::Record::Promised(ballot)), ("single-accepted", single::Record::Accepted(vote))];
    let log = log.iter().map(|(name, record)| seed(name, encoded(record)));
    log.chain(single.iter().map(|(name, record)| seed(name, encoded(record)))).collect()
}

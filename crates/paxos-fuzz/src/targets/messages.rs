//! What nodes say to each other, of one decision and of a log.
//!
//! What must hold: bytes that are a message are what that message is written as; showing it does not panic, whatever is in
//! it; and it has a phase.

use paxos_kv::Batch;
use paxos_messages::{
    Ballot, Bytes, Phase, Slot, Vote,
    multi::{Entry, Message, SnapshotPart, Until},
    single,
};
use paxos_process::NodeId;

use super::{Seed, Target, encoded, reads_back, seed};

pub(super) const TARGET: Target =
    Target { name: "messages", about: "what nodes say to each other", longest: 4096, memory: 4 << 20, run, seeds };

fn run(bytes: &[u8]) {
    if let Some(message) = reads_back::<single::Message<String>>(bytes) {
        assert!(!message.to_string().is_empty() && !message.phase().name().is_empty());
    }
    if let Some(message) = reads_back::<Message<Batch>>(bytes) {
        assert!(!message.to_string().is_empty() && !message.phase().name().is_empty());
    }
}

fn seeds() -> Vec<Seed> {
    let ballot = Ballot { round: 3, node: NodeId(2) };
    let value = Entry::Command(Batch::from(Bytes::from(&b"\0\x07\0\0\0\0\0\0\0"[..])));
    let accepted = Some(Vote { ballot, value: value.clone() });
    let part = SnapshotPart { upto: Slot(9), total: 3, offset: 0, part: Bytes::from(&b"abc"[..]) };
    let (from, chosen) = (Slot(2), Slot(1));
    let log = [
        ("prepare", Message::Prepare { ballot, from }),
        ("promise", Message::Promise { ballot, from, until: Until::Next(Slot(5)), chosen, accepted }),
        ("accept", Message::Accept { ballot, slot: from, value: value.clone(), chosen }),
        ("accepted", Message::Accepted { ballot, slot: from }),
        ("heartbeat", Message::Heartbeat { ballot, round: 4, chosen, everywhere: Slot(0) }),
        ("fetch", Message::Fetch { from, partial: Some((Slot(9), 2)) }),
        ("learn", Message::Learn { slot: from, value }),
        ("snapshot", Message::Snapshot(part)),
        ("remind", Message::Remind { life: 1, highest: Some(ballot) }),
    ];
    let value = String::from("blue");
    let single = [
        ("single-promise", single::Message::Promise { ballot, accepted: Some(Vote { ballot, value: value.clone() }) }),
        ("single-accept", single::Message::Accept { ballot, value: value.clone() }),
        ("single-refused", single::Message::Refused { ballot, promised: ballot, phase: Phase::Decide }),
        ("single-learn", single::Message::Learn { value }),
    ];
    let log = log.iter().map(|(name, message)| seed(name, encoded(message)));
    log.chain(single.iter().map(|(name, message)| seed(name, encoded(message)))).collect()
}

//! Each word has its phase and its line, and a request is read as it is written.

use alloc::{format, string::ToString, vec::Vec};

use super::*;

const LOW: Ballot = Ballot { round: 1, node: NodeId(1) };
const HIGH: Ballot = Ballot { round: 1, node: NodeId(2) };

#[test]
fn every_message_has_its_phase_and_its_line() {
    let check = |message: Message<char>, phase: Phase, line: &str| {
        assert_eq!((message.phase(), message.to_string().as_str()), (phase, line));
    };
    let from = Slot(2);
    check(Message::Probe { round: 1 }, Phase::Elect, "Probe 1");
    check(Message::Willing { round: 1, promised: None }, Phase::Elect, "Willing 1");
    check(Message::Campaign, Phase::Elect, "Campaign");
    check(Message::Prepare { ballot: LOW, from }, Phase::Elect, "Prepare b1.1 from s2");
    let promise = |until, accepted| Message::Promise { ballot: HIGH, from, until, chosen: Slot(1), accepted };
    check(promise(Until::End, None), Phase::Elect, "Promise b1.2 s2.., chosen s1");
    let vote = || Some(Vote { ballot: LOW, value: Entry::Command('a') });
    let next = promise(Until::Next(Slot(3)), vote());
    check(next, Phase::Elect, "Promise b1.2 s2..s3 voted a in b1.1, chosen s1");
    let ask = promise(Until::Ask(Slot(3)), vote());
    check(ask, Phase::Elect, "Promise b1.2 s2..s3? voted a in b1.1, chosen s1");
    let accept = |value| Message::Accept { ballot: LOW, slot: Slot(2), value, chosen: Slot(1) };
    check(accept(Entry::Command('a')), Phase::Propose, "Accept b1.1 s2 a, chosen s1");
    check(accept(Entry::Noop), Phase::Propose, "Accept b1.1 s2 no-op, chosen s1");
    check(Message::Accepted { ballot: LOW, slot: Slot(2) }, Phase::Decide, "Accepted b1.1 s2");
    let refused = |phase| Message::Refused { ballot: LOW, promised: HIGH, phase };
    check(refused(Phase::Elect), Phase::Elect, "Refused b1.1 for b1.2");
    check(refused(Phase::Decide), Phase::Decide, "Refused b1.1 for b1.2");
    check(
        Message::Heartbeat { ballot: LOW, round: 3, chosen: Slot(2), everywhere: Slot(1) },
        Phase::Learn,
        "Heartbeat b1.1 round 3, chosen s2, everywhere s1",
    );
    check(Message::Alive { ballot: LOW, round: 3, learned: Slot(2) }, Phase::Learn, "Alive b1.1 round 3, learned s2");
    check(Message::Fetch { from, partial: None }, Phase::Learn, "Fetch from s2");
    check(
        Message::Fetch { from, partial: Some((Slot(9), 5)) },
        Phase::Learn,
        "Fetch from s2, has 5 bytes of the snapshot to s9",
    );
    check(Message::Learn { slot: Slot(2), value: Entry::Command('a') }, Phase::Learn, "Learn s2 a");
    let part = SnapshotPart { upto: Slot(9), total: 5, offset: 3, part: b"ab".as_slice().into() };
    check(Message::Snapshot(part), Phase::Learn, "Snapshot to s9, bytes 3..5 of 5: ab");
    check(Message::Recall { life: 1 }, Phase::Elect, "Recall");
    check(Message::Remind { life: 1, highest: Some(LOW) }, Phase::Elect, "Remind b1.1");
    check(Message::Remind { life: 1, highest: None }, Phase::Elect, "Remind no ballot");
}

#[test]
fn requests_are_read_as_they_are_written() {
    let compact = Request::Compact { upto: Slot(3), state: b"a b".as_slice().into() };
    for request in [Request::Propose('a'), Request::Read(7), compact, Request::Campaign, Request::Transfer(NodeId(2))] {
        assert_eq!(request.to_string().parse(), Ok(request));
    }
    for wrong in ["", "propose", "propose ab", "read", "read x", "compact x", "campaign now", "transfer 99", "buy a"] {
        assert!(wrong.parse::<Request<char>>().is_err(), "{wrong:?}");
    }
}

#[test]
fn a_snapshot_is_cut_into_parts_that_make_it_whole() {
    let state: Bytes = b"abcdefg".as_slice().into();
    let check = |offset: u64, size: usize, expected: &[&str]| {
        let parts: Vec<_> = SnapshotPart::cut(Slot(4), &state, offset, size).collect();
        let texts: Vec<_> = parts.iter().map(|part| format!("{}:{}", part.offset, part.part)).collect();
        assert_eq!(texts, expected);
        assert!(parts.iter().all(|part| part.total == 7 && part.upto == Slot(4)));
    };
    check(0, 3, &["0:abc", "3:def", "6:g"]);
    check(3, 3, &["3:def", "6:g"]);
    check(0, 99, &["0:abcdefg"]);
    check(7, 3, &["7:"]);
    check(99, 3, &["7:"]);
    assert_eq!(SnapshotPart::cut(Slot(0), &Bytes::default(), 0, 3).count(), 1);
}

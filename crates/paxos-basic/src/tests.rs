//! The routing table: each word reaches its role and no other, and the roles agree on one log.

use alloc::{vec, vec::Vec};

use paxos_messages::{
    Ballot, Phase, Vote,
    single::{Effects, Event, Message, Output, Record, Request, Timer},
};
use paxos_process::{NodeId, NodeSet, Process, TimerOp};
use paxos_quorums::Quorums;

use crate::Replica;

const B: Ballot = Ballot { round: 1, node: NodeId(1) };

fn replica() -> Replica<char> {
    Replica::new(NodeId(1), Quorums::majority(NodeSet::first(3)).unwrap())
}

fn receive(replica: &mut Replica<char>, from: u8, message: Message<char>) -> Effects<char> {
    let mut out = Effects::new();
    replica.step(Event::Receive { from: NodeId(from), message }, &mut out);
    out
}

#[test]
fn each_word_changes_its_roles_and_no_other() {
    let mut before = replica();
    before.step(Event::Request(Request::Propose('a')), &mut Effects::new());
    let check = |message: Message<char>, changed: [bool; 3]| {
        let mut after = before.clone();
        receive(&mut after, 2, message.clone());
        let found = [
            before.proposer() != after.proposer(),
            before.acceptor() != after.acceptor(),
            before.learner() != after.learner(),
        ];
        assert_eq!(found, changed, "proposer, acceptor, learner after {message:?}");
    };
    let higher = Ballot { round: 2, node: NodeId(2) };
    check(Message::Prepare { ballot: B }, [false, true, false]);
    check(Message::Accept { ballot: B, value: 'a' }, [false, true, false]);
    check(Message::Promise { ballot: B, accepted: None }, [true, false, false]);
    check(Message::Refused { ballot: B, promised: higher, phase: Phase::Elect }, [true, false, false]);
    check(Message::Accepted { ballot: B, value: 'a' }, [false, false, true]);
    check(Message::Learn { value: 'a' }, [true, false, true]);
}

#[test]
fn a_quorum_of_votes_stops_the_proposer_and_is_confirmed_once() {
    let mut replica = replica();
    replica.step(Event::Request(Request::Propose('a')), &mut Effects::new());
    assert!(receive(&mut replica, 1, Message::Accepted { ballot: B, value: 'a' }).is_empty());
    let out = receive(&mut replica, 3, Message::Accepted { ballot: B, value: 'a' });
    assert_eq!(out.outputs, [Output::Learned('a')]);
    assert_eq!(out.timers, [TimerOp::Cancel(Timer::Retry)]);
    assert_eq!(out.sends.len(), 1);
    assert!(receive(&mut replica, 2, Message::Accepted { ballot: B, value: 'a' }).is_empty());

    // Later requests are answered from what is known; no ballot is opened.
    let mut out = Effects::new();
    replica.step(Event::Request(Request::Propose('b')), &mut out);
    assert_eq!((out.outputs, out.records), (vec![Output::Learned('a')], vec![]));
}

#[test]
fn one_log_serves_all_roles() {
    let mut lived = replica();
    let mut log = Vec::new();
    let mut out = Effects::new();
    lived.step(Event::Request(Request::Propose('a')), &mut out);
    log.append(&mut out.records);
    log.append(&mut receive(&mut lived, 1, Message::Prepare { ballot: B }).records);
    log.append(&mut receive(&mut lived, 1, Message::Accept { ballot: B, value: 'a' }).records);
    let vote = Vote { ballot: B, value: 'a' };
    assert_eq!(log, [Record::Round(B), Record::Promised(B), Record::Accepted(vote.clone())]);

    for records in [log, lived.checkpoint()] {
        let mut again = replica();
        records.into_iter().for_each(|record| again.replay(record));
        assert_eq!(again.acceptor(), lived.acceptor());
        assert_eq!(again.proposer().opened(), lived.proposer().opened());
        assert_eq!(again.checkpoint(), lived.checkpoint());
    }
    assert_eq!(lived.checkpoint(), [Record::Round(B), Record::Accepted(vote)], "the promise is part of the vote");
}

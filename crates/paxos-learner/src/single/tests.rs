//! Every small tally × every message.

use alloc::{vec, vec::Vec};

use paxos_messages::{Ballot, Phase};

use super::*;

const ME: NodeId = NodeId(1);
const BALLOTS: [Ballot; 2] = [ballot(1, 1), ballot(2, 1)];

const fn ballot(round: u64, node: u8) -> Ballot {
    Ballot { round, node: NodeId(node) }
}

fn learner(nodes: u8) -> Learner<char> {
    Learner::new(ME, Quorums::majority(NodeSet::first(nodes)).unwrap())
}

fn step(learner: &mut Learner<char>, event: Event<char>) -> Effects<char> {
    let mut out = Effects::new();
    learner.step(event, &mut out);
    assert!(out.records.is_empty() && out.sends_after_sync.is_empty() && out.timers.is_empty());
    out
}

fn receive(learner: &mut Learner<char>, from: u8, message: Message<char>) -> Effects<char> {
    step(learner, Event::Receive { from: NodeId(from), message })
}

/// All votes that three acceptors can report for two values in two ballots, and a stranger's.
fn votes() -> Vec<(u8, Vote<char>)> {
    [1, 2, 3, 9]
        .into_iter()
        .flat_map(|from| BALLOTS.into_iter().map(move |ballot| (from, ballot)))
        .flat_map(|(from, ballot)| ['a', 'b'].map(|value| (from, Vote { ballot, value })))
        .collect()
}

#[test]
fn it_learns_exactly_when_a_quorum_has_one_vote() {
    // All sequences of three votes. The expectation counts distinct members per vote, by brute force.
    for one in votes() {
        for two in votes() {
            for three in votes() {
                let sequence = [one.clone(), two.clone(), three.clone()];
                let mut learner = learner(3);
                let mut told = Vec::new();
                for (from, Vote { ballot, value }) in sequence.clone() {
                    let out = receive(&mut learner, from, Message::Accepted { ballot, value });
                    assert_eq!(out.sends.len(), out.outputs.len(), "what it learns from votes it confirms, once");
                    if let Some(sent) = out.sends.first() {
                        assert_eq!(sent.to, NodeSet::first(3).without(ME));
                        assert_eq!(sent.message, Message::Learn { value });
                    }
                    told.extend(out.outputs);
                }
                let chosen = (1..=3).find_map(|length| {
                    let heard = &sequence[..length];
                    let (_, last) = &heard[length - 1];
                    let voters: NodeSet = heard
                        .iter()
                        .filter(|(from, vote)| *from <= 3 && vote == last)
                        .map(|(from, _)| NodeId(*from))
                        .collect();
                    (voters.len() >= 2).then_some(last.value)
                });
                assert_eq!(learner.learned().copied(), chosen, "{sequence:?}");
                assert_eq!(told, chosen.map(Output::Learned).into_iter().collect::<Vec<_>>());
            }
        }
    }
}

#[test]
fn even_clusters_need_more_than_half() {
    let mut learner = learner(4);
    let accepted = Message::Accepted { ballot: BALLOTS[0], value: 'a' };
    assert!(receive(&mut learner, 1, accepted.clone()).is_empty());
    assert!(receive(&mut learner, 2, accepted.clone()).is_empty(), "half of four is no quorum");
    assert_eq!(receive(&mut learner, 4, accepted).outputs, [Output::Learned('a')]);
}

#[test]
fn being_told_is_learning_and_is_not_passed_on() {
    let mut learner = learner(3);
    let out = receive(&mut learner, 2, Message::Learn { value: 'a' });
    assert_eq!(out.outputs, [Output::Learned('a')]);
    assert!(out.sends.is_empty());
    assert!(receive(&mut learner, 3, Message::Learn { value: 'a' }).is_empty(), "once in a life");
    for (from, Vote { ballot, value }) in votes() {
        assert!(receive(&mut learner, from, Message::Accepted { ballot, value }).is_empty(), "counting is over");
    }
}

#[test]
fn requests_are_answered_when_it_knows() {
    let mut learner = learner(3);
    for request in [Request::Learn, Request::Propose('b')] {
        assert!(step(&mut learner, Event::Request(request)).is_empty());
    }
    receive(&mut learner, 2, Message::Learn { value: 'a' });
    for request in [Request::Learn, Request::Propose('b')] {
        assert_eq!(step(&mut learner, Event::Request(request)).outputs, [Output::Learned('a')]);
    }
}

#[test]
fn strangers_and_words_for_other_roles_change_nothing() {
    let mut partial = learner(3);
    receive(&mut partial, 2, Message::Accepted { ballot: BALLOTS[0], value: 'a' });
    let mut done = learner(3);
    receive(&mut done, 2, Message::Learn { value: 'a' });
    for before in [learner(3), partial, done] {
        let mut events = vec![Event::Start, Event::Timeout(Timer::Retry)];
        for (from, message) in [
            (9, Message::Learn { value: 'z' }),
            (9, Message::Accepted { ballot: BALLOTS[0], value: 'a' }),
            (2, Message::Prepare { ballot: BALLOTS[0] }),
            (2, Message::Promise { ballot: BALLOTS[0], accepted: None }),
            (2, Message::Accept { ballot: BALLOTS[0], value: 'z' }),
            (2, Message::Refused { ballot: BALLOTS[0], promised: BALLOTS[1], phase: Phase::Decide }),
        ] {
            events.push(Event::Receive { from: NodeId(from), message });
        }
        for event in events {
            let mut after = before.clone();
            assert!(step(&mut after, event).is_empty());
            assert_eq!(after, before);
        }
    }
}

#[test]
fn it_writes_nothing_and_needs_nothing() {
    let mut learner = learner(3);
    learner.replay(Record::Promised(BALLOTS[0]));
    assert!(learner.checkpoint().is_empty());
    assert_eq!(learner.learned(), None);
}

#[test]
#[should_panic(expected = "Agreement")]
fn a_second_value_stops_the_learner() {
    let mut learner = learner(3);
    receive(&mut learner, 2, Message::Learn { value: 'a' });
    receive(&mut learner, 3, Message::Learn { value: 'b' });
}

//! Every state of a small acceptor × every message, against the rules written a second time as a table.

use alloc::{vec, vec::Vec};

use super::*;

/// Four ballots, so that less, equal and greater all occur on both sides of a promise and of a vote.
const BALLOTS: [Ballot; 4] = [ballot(1, 1), ballot(1, 2), ballot(2, 1), ballot(2, 2)];
const ASKER: NodeId = NodeId(9); // no member of anything: an acceptor answers whoever asks

const fn ballot(round: u64, node: u8) -> Ballot {
    Ballot { round, node: NodeId(node) }
}

/// All states an acceptor can be in: a promise, and perhaps a vote at or below it.
fn states() -> Vec<Acceptor<char>> {
    let mut states = vec![Acceptor::new()];
    for promised in BALLOTS {
        states.push(Acceptor { promised: Some(promised), accepted: None });
        for ballot in BALLOTS.into_iter().filter(|ballot| *ballot <= promised) {
            for value in ['a', 'b'] {
                states.push(Acceptor { promised: Some(promised), accepted: Some(Vote { ballot, value }) });
            }
        }
    }
    states
}

fn step(acceptor: &mut Acceptor<char>, event: Event<char>) -> Effects<char> {
    let mut out = Effects::new();
    acceptor.step(event, &mut out);
    for sent in out.sends.iter().chain(&out.sends_after_sync) {
        assert_eq!(sent.to, NodeSet::only(ASKER), "an answer goes to the asker and to nobody else");
    }
    assert!(out.timers.is_empty() && out.outputs.is_empty());
    out
}

fn receive(acceptor: &mut Acceptor<char>, message: Message<char>) -> Effects<char> {
    step(acceptor, Event::Receive { from: ASKER, message })
}

fn messages(outgoing: &[paxos_process::Outgoing<Message<char>>]) -> Vec<Message<char>> {
    outgoing.iter().map(|sent| sent.message.clone()).collect()
}

#[test]
fn prepare_in_every_state() {
    let mut seen = [0; 4];
    for before in states() {
        for ballot in BALLOTS {
            let mut after = before.clone();
            let out = receive(&mut after, Message::Prepare { ballot });
            let promise = Message::Promise { ballot, accepted: before.accepted.clone() };
            let voted_here = before.accepted.as_ref().is_some_and(|vote| vote.ballot == ballot);
            let (case, records, votes, asks, promised) = match before.promised {
                Some(promised) if ballot < promised => {
                    let refused = Message::Refused { ballot, promised, phase: Phase::Elect };
                    (0, vec![], vec![], vec![refused], promised)
                }
                Some(promised) if ballot == promised && voted_here => (1, vec![], vec![], vec![], promised),
                Some(promised) if ballot == promised => (2, vec![], vec![promise], vec![], promised),
                Some(_) | None => (3, vec![Record::Promised(ballot)], vec![promise], vec![], ballot),
            };
            seen[case] += 1;
            assert_eq!(out.records, records, "{before:?} {ballot}");
            assert_eq!(messages(&out.sends_after_sync), votes, "{before:?} {ballot}");
            assert_eq!(messages(&out.sends), asks, "{before:?} {ballot}");
            assert_eq!(after, Acceptor { promised: Some(promised), accepted: before.accepted.clone() });
        }
    }
    assert!(seen.iter().all(|count| *count > 0), "a case that never happens tests nothing: {seen:?}");
}

#[test]
fn accept_in_every_state() {
    let mut seen = [0; 4];
    for before in states() {
        for (ballot, value) in BALLOTS.into_iter().flat_map(|ballot| [(ballot, 'a'), (ballot, 'b')]) {
            let mut after = before.clone();
            let out = receive(&mut after, Message::Accept { ballot, value });
            let vote = Vote { ballot, value };
            let accepted = Message::Accepted { ballot, value };
            let voted = Acceptor { promised: Some(ballot), accepted: Some(vote.clone()) };
            let (case, records, votes, asks, expected) = match (before.promised, before.accepted.clone()) {
                (Some(promised), _) if ballot < promised => {
                    let refused = Message::Refused { ballot, promised, phase: Phase::Decide };
                    (0, vec![], vec![], vec![refused], before.clone())
                }
                (_, Some(cast)) if cast == vote => (1, vec![], vec![accepted], vec![], before.clone()),
                (_, Some(cast)) if cast.ballot == ballot => (2, vec![], vec![], vec![], before.clone()),
                _ => (3, vec![Record::Accepted(vote)], vec![accepted], vec![], voted),
            };
            seen[case] += 1;
            assert_eq!(out.records, records, "{before:?} {ballot} {value}");
            assert_eq!(messages(&out.sends_after_sync), votes, "{before:?} {ballot} {value}");
            assert_eq!(messages(&out.sends), asks, "{before:?} {ballot} {value}");
            assert_eq!(after, expected, "{before:?} {ballot} {value}");
        }
    }
    assert!(seen.iter().all(|count| *count > 0), "a case that never happens tests nothing: {seen:?}");
}

#[test]
fn words_for_other_roles_change_nothing() {
    let (low, high) = (BALLOTS[0], BALLOTS[3]);
    let foreign = [
        Event::Start,
        Event::Timeout(Timer::Retry),
        Event::Request(Request::Propose('c')),
        Event::Request(Request::Learn),
        Event::Receive { from: ASKER, message: Message::Promise { ballot: high, accepted: None } },
        Event::Receive { from: ASKER, message: Message::Accepted { ballot: high, value: 'c' } },
        Event::Receive { from: ASKER, message: Message::Refused { ballot: low, promised: high, phase: Phase::Elect } },
        Event::Receive { from: ASKER, message: Message::Learn { value: 'c' } },
    ];
    for before in states() {
        for event in foreign.clone() {
            let mut after = before.clone();
            assert!(step(&mut after, event.clone()).is_empty(), "{before:?} {event:?}");
            assert_eq!(after, before);
        }
    }
}

#[test]
fn replay_restores_every_state_from_its_checkpoint() {
    for state in states() {
        let mut again = Acceptor::new();
        state.checkpoint().into_iter().for_each(|record| again.replay(record));
        assert_eq!(again, state);
    }
}

#[test]
fn replay_repeats_what_steps_did() {
    // All sequences of three questions: the records alone lead to the same state.
    let questions: Vec<Message<char>> = BALLOTS
        .into_iter()
        .flat_map(|ballot| [Message::Prepare { ballot }, Message::Accept { ballot, value: 'a' }])
        .collect();
    for one in &questions {
        for two in &questions {
            for three in &questions {
                let (mut lived, mut replayed) = (Acceptor::new(), Acceptor::new());
                for question in [one, two, three] {
                    let out = receive(&mut lived, question.clone());
                    out.records.into_iter().for_each(|record| replayed.replay(record));
                }
                assert_eq!(lived, replayed);
            }
        }
    }
}

#[test]
#[should_panic(expected = "PromisesOnlyGrow: promised b1.1")]
fn a_log_whose_promises_go_down_is_refused() {
    let mut acceptor = Acceptor::<char>::new();
    acceptor.replay(Record::Promised(BALLOTS[1]));
    acceptor.replay(Record::Promised(BALLOTS[0]));
}

#[test]
#[should_panic(expected = "PromisesOnlyGrow: voted in b1.1")]
fn a_log_with_a_vote_below_its_promise_is_refused() {
    let mut acceptor = Acceptor::new();
    acceptor.replay(Record::Promised(BALLOTS[1]));
    acceptor.replay(Record::Accepted(Vote { ballot: BALLOTS[0], value: 'a' }));
}

#[test]
fn what_it_remembers_can_be_asked() {
    for state in states() {
        let Memory { promised, votes, .. } = state.memory();
        assert_eq!((state.promised(), state.accepted()), (promised, votes.first().map(|(_, vote)| vote)));
    }
}

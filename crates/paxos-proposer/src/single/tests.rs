//! Every stage of a small proposer × every message, and the value-selection rule over every pair of reports.

use alloc::{vec, vec::Vec};

use paxos_messages::Phase;
use paxos_process::TimerOp;

use super::*;

const ME: NodeId = NodeId(2);
const CURRENT: Ballot = ballot(2, 2);
const BALLOTS: [Ballot; 4] = [ballot(1, 1), ballot(1, 2), ballot(2, 1), ballot(2, 2)];

const fn ballot(round: u64, node: u8) -> Ballot {
    Ballot { round, node: NodeId(node) }
}

fn quorums() -> Quorums {
    Quorums::majority(NodeSet::first(3)).unwrap()
}

fn step(proposer: &mut Proposer<char>, event: Event<char>) -> Effects<char> {
    let mut out = Effects::new();
    proposer.step(event, &mut out);
    out
}

fn receive(proposer: &mut Proposer<char>, from: u8, message: Message<char>) -> Effects<char> {
    step(proposer, Event::Receive { from: NodeId(from), message })
}

/// A proposer that has opened b1.2 in an earlier life and now opens b2.2.
fn electing(request: Request<char>) -> Proposer<char> {
    let mut proposer = Proposer::new(ME, quorums());
    proposer.replay(Record::Round(ballot(1, 2)));
    let out = step(&mut proposer, Event::Request(request));
    assert_eq!(out.records, [Record::Round(CURRENT)]);
    assert!(out.sends.is_empty(), "nobody hears of a ballot before it is stable");
    assert_eq!(out.sends_after_sync.len(), 1);
    assert_eq!(out.sends_after_sync[0].to, NodeSet::first(3));
    assert_eq!(out.sends_after_sync[0].message, Message::Prepare { ballot: CURRENT });
    assert_eq!(out.timers, [TimerOp::Set(Timer::Retry)]);
    proposer
}

fn promise(accepted: Option<Vote<char>>) -> Message<char> {
    Message::Promise { ballot: CURRENT, accepted }
}

/// All stages: idle and new, idle with a past, electing without and with a promise, proposing.
fn stages() -> Vec<Proposer<char>> {
    let fresh = Proposer::new(ME, quorums());
    let mut stopped = electing(Request::Propose('m'));
    receive(&mut stopped, 1, Message::Learn { value: 'z' });
    let none = electing(Request::Propose('m'));
    let mut one = none.clone();
    receive(&mut one, 1, promise(None));
    let mut proposing = one.clone();
    receive(&mut proposing, 3, promise(None));
    vec![fresh, stopped, none, one, proposing, electing(Request::Learn)]
}

/// What an acceptor below [`CURRENT`] may report: nothing, or a vote in a lower ballot.
fn reports() -> Vec<Option<Vote<char>>> {
    let votes = BALLOTS[..3].iter().flat_map(|ballot| ['a', 'b'].map(|value| Some(Vote { ballot: *ballot, value })));
    [None].into_iter().chain(votes).collect()
}

#[test]
fn the_value_is_that_of_the_highest_accepted_ballot() {
    for first in reports() {
        for second in reports() {
            let mut proposer = electing(Request::Propose('m'));
            assert!(receive(&mut proposer, 1, promise(first.clone())).is_empty(), "one of three is no quorum");
            let out = receive(&mut proposer, 3, promise(second.clone()));
            // The rule a second time, by sorting: equal ballots have equal values in a run, so either will do.
            let mut votes: Vec<Vote<char>> = [first.clone(), second].into_iter().flatten().collect();
            votes.sort_by_key(|vote| vote.ballot);
            let highest = votes.last().map(|vote| vote.ballot);
            let allowed: Vec<char> = match highest {
                None => vec!['m'],
                Some(highest) => votes.iter().filter(|vote| vote.ballot == highest).map(|vote| vote.value).collect(),
            };
            let [sent] = out.sends.as_slice() else { panic!("one Accept: {out:?}") };
            let Message::Accept { ballot: CURRENT, value } = sent.message else { panic!("{sent:?}") };
            assert!(allowed.contains(&value), "{value} not in {allowed:?}");
            assert_eq!(sent.to, NodeSet::first(3));
            assert!(out.records.is_empty() && out.sends_after_sync.is_empty());
            assert_eq!(proposer.promised_by(), [NodeId(1), NodeId(3)].into_iter().collect());
        }
    }
}

#[test]
fn answers_of_other_ballots_say_nothing() {
    for before in stages() {
        for other in [ballot(1, 1), ballot(1, 2), ballot(2, 1), ballot(2, 3), ballot(3, 2)] {
            for message in [
                Message::Promise { ballot: other, accepted: Some(Vote { ballot: ballot(1, 1), value: 'a' }) },
                Message::Refused { ballot: other, promised: ballot(9, 1), phase: Phase::Elect },
                Message::Refused { ballot: other, promised: ballot(9, 1), phase: Phase::Decide },
            ] {
                let mut after = before.clone();
                assert!(receive(&mut after, 3, message.clone()).is_empty(), "{before:?} {message:?}");
                assert_eq!(after, before);
            }
        }
    }
}

#[test]
fn strangers_and_words_for_other_roles_change_nothing() {
    for before in stages() {
        for (from, message) in [
            (9, promise(None)),
            (9, Message::Refused { ballot: CURRENT, promised: ballot(9, 1), phase: Phase::Elect }),
            (9, Message::Learn { value: 'z' }),
            (1, Message::Prepare { ballot: ballot(9, 1) }),
            (1, Message::Accept { ballot: ballot(9, 1), value: 'z' }),
            (1, Message::Accepted { ballot: CURRENT, value: 'z' }),
        ] {
            let mut after = before.clone();
            assert!(receive(&mut after, from, message.clone()).is_empty(), "{before:?} {message:?}");
            assert_eq!(after, before);
        }
        let mut after = before.clone();
        assert!(step(&mut after, Event::Start).is_empty());
        assert_eq!(after, before);
    }
}

#[test]
fn a_promise_counts_once_per_acceptor() {
    let mut proposer = electing(Request::Propose('m'));
    for _ in 0..5 {
        assert!(receive(&mut proposer, 1, promise(None)).is_empty());
    }
    assert_eq!(receive(&mut proposer, 2, promise(None)).sends.len(), 1);
    assert!(receive(&mut proposer, 3, promise(None)).is_empty(), "elected: a late promise changes nothing");
}

#[test]
fn a_refusal_raises_the_next_ballot_and_leaves_this_one_alone() {
    for before in stages() {
        for promised in [ballot(1, 1), CURRENT, ballot(2, 3), ballot(7, 1), ballot(7, 3)] {
            for phase in [Phase::Elect, Phase::Decide] {
                let mut after = before.clone();
                let out = receive(&mut after, 1, Message::Refused { ballot: CURRENT, promised, phase });
                let heard = before.stage != Stage::Idle && promised > CURRENT;
                assert_eq!(out.timers, if heard { vec![TimerOp::Set(Timer::Retry)] } else { vec![] });
                assert!(out.sends.is_empty() && out.records.is_empty() && out.sends_after_sync.is_empty());
                assert_eq!((&after.stage, after.opened), (&before.stage, before.opened));
                let out = step(&mut after, Event::Timeout(Timer::Retry));
                if before.stage == Stage::Idle {
                    assert!(out.is_empty(), "nothing to retry");
                } else {
                    let next = Ballot::above(Some(promised.max(CURRENT)), ME).unwrap();
                    assert_eq!(out.records, [Record::Round(next)]);
                    assert_eq!(after.promised_by(), NodeSet::EMPTY, "promises of the old ballot are forgotten");
                }
            }
        }
    }
}

#[test]
fn a_quorum_of_promises_suffices_despite_a_refusal() {
    let mut proposer = electing(Request::Propose('m'));
    receive(&mut proposer, 1, Message::Refused { ballot: CURRENT, promised: ballot(5, 1), phase: Phase::Elect });
    receive(&mut proposer, 2, promise(None));
    assert_eq!(receive(&mut proposer, 3, promise(None)).sends.len(), 1);
}

#[test]
fn finding_out_proposes_only_what_it_finds() {
    let mut proposer = electing(Request::Learn);
    receive(&mut proposer, 1, promise(None));
    let out = receive(&mut proposer, 2, promise(None));
    assert_eq!(out.outputs, [Output::NothingChosen { below: CURRENT }]);
    assert_eq!(out.timers, [TimerOp::Cancel(Timer::Retry)]);
    assert!(out.sends.is_empty());
    assert_eq!(proposer.stage, Stage::Idle);

    let mut proposer = electing(Request::Learn);
    receive(&mut proposer, 1, promise(Some(Vote { ballot: ballot(1, 1), value: 'a' })));
    let out = receive(&mut proposer, 2, promise(None));
    assert_eq!(out.sends[0].message, Message::Accept { ballot: CURRENT, value: 'a' });
}

#[test]
fn a_question_is_answered_by_promises_given_after_it() {
    let mut proposer = electing(Request::Learn);
    receive(&mut proposer, 1, promise(None));
    // Between the first promise and this question a value may have been chosen by the others.
    assert!(step(&mut proposer, Event::Request(Request::Learn)).is_empty());
    let out = receive(&mut proposer, 2, promise(None));
    assert_eq!((out.outputs, out.records), (vec![], vec![Record::Round(ballot(3, 2))]), "it asks again");
    let found = Some(Vote { ballot: ballot(2, 3), value: 'z' });
    receive(&mut proposer, 1, Message::Promise { ballot: ballot(3, 2), accepted: None });
    let out = receive(&mut proposer, 3, Message::Promise { ballot: ballot(3, 2), accepted: found });
    assert_eq!(out.sends[0].message, Message::Accept { ballot: ballot(3, 2), value: 'z' });

    // A retry asks again as well: one round more is enough.
    let mut proposer = electing(Request::Learn);
    step(&mut proposer, Event::Request(Request::Learn));
    step(&mut proposer, Event::Timeout(Timer::Retry));
    receive(&mut proposer, 1, Message::Promise { ballot: ballot(3, 2), accepted: None });
    let out = receive(&mut proposer, 2, Message::Promise { ballot: ballot(3, 2), accepted: None });
    assert_eq!(out.outputs, [Output::NothingChosen { below: ballot(3, 2) }]);
}

#[test]
fn a_busy_proposer_argues_for_its_first_value() {
    let mut proposer = electing(Request::Propose('m'));
    assert!(step(&mut proposer, Event::Request(Request::Propose('n'))).is_empty());
    assert!(step(&mut proposer, Event::Request(Request::Learn)).is_empty());
    receive(&mut proposer, 1, promise(None));
    let out = receive(&mut proposer, 2, promise(None));
    assert_eq!(out.sends[0].message, Message::Accept { ballot: CURRENT, value: 'm' });

    let mut curious = electing(Request::Learn);
    assert!(step(&mut curious, Event::Request(Request::Propose('n'))).is_empty(), "the ballot is open already");
    receive(&mut curious, 1, promise(None));
    let out = receive(&mut curious, 2, promise(None));
    assert_eq!(out.sends[0].message, Message::Accept { ballot: CURRENT, value: 'n' });
}

#[test]
fn learning_stops_it_in_every_stage() {
    for before in stages() {
        let mut after = before.clone();
        let out = receive(&mut after, 1, Message::Learn { value: 'z' });
        let running = before.stage != Stage::Idle;
        assert_eq!(out.timers, if running { vec![TimerOp::Cancel(Timer::Retry)] } else { vec![] });
        assert_eq!((&after.stage, &after.wish, after.opened), (&Stage::Idle, &Wish::Nothing, before.opened));
        assert!(receive(&mut after, 3, promise(None)).is_empty());
    }
}

#[test]
fn no_ballot_is_used_twice_across_restarts() {
    let mut lived = electing(Request::Propose('m'));
    step(&mut lived, Event::Timeout(Timer::Retry));
    let mut again = Proposer::<char>::new(ME, quorums());
    lived.checkpoint().into_iter().for_each(|record| again.replay(record));
    assert_eq!(again.opened(), lived.opened());
    let out = step(&mut again, Event::Request(Request::Propose('m')));
    assert_eq!(out.records, [Record::Round(ballot(4, 2))]);
}

#[test]
fn used_up_rounds_end_in_silence_not_in_a_panic() {
    let mut proposer = electing(Request::Propose('m'));
    let promised = ballot(u64::MAX, 3);
    receive(&mut proposer, 1, Message::Refused { ballot: CURRENT, promised, phase: Phase::Elect });
    assert!(step(&mut proposer, Event::Timeout(Timer::Retry)).is_empty());
}

#[test]
#[should_panic(expected = "a ballot of another node")]
fn the_log_of_another_node_is_refused() {
    Proposer::<char>::new(ME, quorums()).replay(Record::Round(ballot(1, 1)));
}

#[test]
#[should_panic(expected = "ballots are used once")]
fn a_log_that_reuses_a_ballot_is_refused() {
    let mut proposer = Proposer::<char>::new(ME, quorums());
    proposer.replay(Record::Round(CURRENT));
    proposer.replay(Record::Round(CURRENT));
}

#[test]
fn the_ballot_it_has_opened_can_be_asked() {
    assert_eq!(Proposer::<char>::new(ME, quorums()).opened(), None);
    assert_eq!(electing(Request::Propose('x')).opened(), Some(CURRENT));
}

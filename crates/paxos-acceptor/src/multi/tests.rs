//! Every state of a small acceptor × every message, against the rules written a second time as a table.
//!
//! The acceptor of these states knows that slot 0 is chosen: so there is a slot below, one at, and one above its first.

use alloc::{vec, vec::Vec};

use paxos_messages::multi::Until;

use super::*;

/// Three ballots, so that less, equal and greater all occur on both sides of a promise and of a vote.
const BALLOTS: [Ballot; 3] = [ballot(1, 1), ballot(1, 2), ballot(2, 1)];
const ASKER: NodeId = NodeId(9); // no member of anything: an acceptor answers whoever asks
const FROM: Slot = Slot(1);

const fn ballot(round: u64, node: u8) -> Ballot {
    Ballot { round, node: NodeId(node) }
}

const fn vote(ballot: Ballot, command: char) -> Vote<Entry<char>> {
    Vote { ballot, value: Entry::Command(command) }
}

/// No vote, or one of those at or below a promise.
fn votes(promised: Option<Ballot>) -> Vec<Option<Vote<Entry<char>>>> {
    let ballots = BALLOTS.into_iter().filter(|ballot| Some(*ballot) <= promised);
    let cast = ballots.flat_map(|ballot| [Some(vote(ballot, 'a')), Some(vote(ballot, 'b'))]);
    core::iter::once(None).chain(cast).collect()
}

/// All states: a promise, and perhaps votes at or below it, in two slots and in one that was forgotten; mute or not.
fn states() -> Vec<Acceptor<char>> {
    let mut states = Vec::new();
    for promised in [None, Some(BALLOTS[0]), Some(BALLOTS[1]), Some(BALLOTS[2])] {
        let all = votes(promised);
        for (one, two) in all.iter().flat_map(|one| all.iter().map(move |two| (one, two))) {
            let mut votes = Slots::new();
            one.iter().for_each(|vote| votes.insert(Slot(1), vote.clone()));
            two.iter().for_each(|vote| votes.insert(Slot(2), vote.clone()));
            let highest = votes.iter().map(|(_, vote)| vote.ballot).max();
            for voted in [highest, promised] {
                for mute in [false, true] {
                    states.push(Acceptor { promised, voted, from: FROM, votes: votes.clone(), mute });
                }
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

/// What an answer must say: the slots from `first` on are divided at each vote.
fn pages(acceptor: &Acceptor<char>, ballot: Ballot, first: Slot) -> Vec<Message<char>> {
    let told: Vec<_> = acceptor.votes.iter().filter(|(slot, _)| first <= *slot).collect();
    let mut begins: Vec<Slot> = told.iter().map(|(slot, _)| *slot).collect();
    if begins.first() != Some(&first) {
        begins.insert(0, first);
    }
    let page = |(index, from): (usize, &Slot)| {
        let accepted = told.iter().find(|(slot, _)| slot == from).map(|(_, vote)| (*vote).clone());
        let until = begins.get(index + 1).map_or(Until::End, |next| Until::Next(*next));
        Message::Promise { ballot, from: *from, until, chosen: acceptor.from, accepted }
    };
    begins.iter().enumerate().map(page).collect()
}

#[test]
fn prepare_in_every_state() {
    let mut seen = [0; 5];
    for before in states() {
        for (ballot, first) in BALLOTS.into_iter().flat_map(|ballot| (0..4).map(move |first| (ballot, Slot(first)))) {
            let mut after = before.clone();
            let out = receive(&mut after, Message::Prepare { ballot, from: first });
            let promise = pages(&before, ballot, first);
            let promised = Acceptor { promised: Some(ballot), ..before.clone() };
            let (case, records, votes, asks, expected) = match before.promised {
                _ if before.mute => (0, vec![], vec![], vec![], before.clone()),
                Some(promised) if ballot < promised => {
                    let refused = Message::Refused { ballot, promised, phase: Phase::Elect };
                    (1, vec![], vec![], vec![refused], before.clone())
                }
                Some(promised) if ballot == promised && before.voted == Some(ballot) => {
                    (2, vec![], vec![], vec![], before.clone())
                }
                Some(promised) if ballot == promised => (3, vec![], promise, vec![], before.clone()),
                Some(_) | None => (4, vec![Record::Promised(ballot)], promise, vec![], promised),
            };
            seen[case] += 1;
            assert_eq!(out.records, records, "{before:?} {ballot} {first}");
            assert_eq!(messages(&out.sends_after_sync), votes, "{before:?} {ballot} {first}");
            assert_eq!(messages(&out.sends), asks, "{before:?} {ballot} {first}");
            assert_eq!(after, expected, "{before:?} {ballot} {first}");
        }
    }
    assert!(seen.iter().all(|count| *count > 0), "a case that never happens tests nothing: {seen:?}");
}

#[test]
fn accept_in_every_state() {
    let mut seen = [0; 6];
    for before in states() {
        for (ballot, slot) in BALLOTS.into_iter().flat_map(|ballot| (0..4).map(move |slot| (ballot, Slot(slot)))) {
            for cast in [vote(ballot, 'a'), vote(ballot, 'b')] {
                let mut after = before.clone();
                let value = cast.value.clone();
                let out = receive(&mut after, Message::Accept { ballot, slot, value, chosen: Slot(0) });
                let accepted = Message::Accepted { ballot, slot };
                let mut voted = Acceptor { promised: Some(ballot), voted: Some(ballot), ..before.clone() };
                voted.votes.insert(slot, cast.clone());
                let (case, records, votes, asks, expected) = match (before.promised, before.votes.get(slot)) {
                    _ if before.mute => (0, vec![], vec![], vec![], &before),
                    _ if slot < before.from => (1, vec![], vec![], vec![], &before),
                    (Some(promised), _) if ballot < promised => {
                        let refused = Message::Refused { ballot, promised, phase: Phase::Decide };
                        (2, vec![], vec![], vec![refused], &before)
                    }
                    (_, Some(before_it)) if *before_it == cast => (3, vec![], vec![accepted], vec![], &before),
                    (_, Some(before_it)) if before_it.ballot == ballot => (4, vec![], vec![], vec![], &before),
                    _ => (5, vec![Record::Accepted(slot, cast.clone())], vec![accepted], vec![], &voted),
                };
                seen[case] += 1;
                assert_eq!(out.records, records, "{before:?} {ballot} {slot}");
                assert_eq!(messages(&out.sends_after_sync), votes, "{before:?} {ballot} {slot}");
                assert_eq!(messages(&out.sends), asks, "{before:?} {ballot} {slot}");
                assert_eq!(after, *expected, "{before:?} {ballot} {slot}");
            }
        }
    }
    assert!(seen.iter().all(|count| *count > 0), "a case that never happens tests nothing: {seen:?}");
}

#[test]
fn words_for_other_roles_change_nothing() {
    let (low, high, slot) = (BALLOTS[0], BALLOTS[2], Slot(7));
    let messages = [
        Message::Probe { round: 1 },
        Message::Willing { round: 1, promised: Some(high) },
        Message::Campaign,
        Message::Promise { ballot: high, from: slot, until: Until::End, chosen: slot, accepted: None },
        Message::Accepted { ballot: high, slot },
        Message::Refused { ballot: low, promised: high, phase: Phase::Elect },
        Message::Heartbeat { ballot: high, round: 1, chosen: slot, everywhere: slot },
        Message::Alive { ballot: high, round: 1, learned: slot },
        Message::Fetch { from: slot, partial: None },
        Message::Learn { slot, value: Entry::Noop },
        Message::Recall { life: 1 },
        Message::Remind { life: 1, highest: Some(high) },
    ];
    let received = messages.into_iter().map(|message| Event::Receive { from: ASKER, message });
    let own = [
        Event::Start,
        Event::Timeout(Timer::Election),
        Event::Request(Request::Propose('c')),
        Event::Request(Request::Campaign),
    ];
    let foreign: Vec<_> = received.chain(own).collect();
    for before in states() {
        for event in &foreign {
            let mut after = before.clone();
            assert!(step(&mut after, event.clone()).is_empty(), "{before:?} {event:?}");
            assert_eq!(after, before);
        }
    }
}

/// Whoever asks on at each `Ask` gets all votes, each once, in pages without a gap, and never more than `PAGE` at once.
#[test]
fn a_long_answer_is_asked_for_piece_by_piece() {
    for count in [0, 1, PAGE - 1, PAGE, PAGE + 1, 2 * PAGE, 2 * PAGE + 1] {
        let mut acceptor = Acceptor::new();
        let slots: Vec<Slot> = (0..count as u64).map(|index| Slot(3 * index + 1)).collect(); // with gaps
        for slot in &slots {
            let value = Entry::Command('a');
            receive(&mut acceptor, Message::Accept { ballot: BALLOTS[0], slot: *slot, value, chosen: Slot(0) });
        }
        let (mut reported, mut asked, mut at, mut answers) = (Vec::new(), Some(Slot(0)), Slot(0), 0);
        while let Some(first) = asked.take() {
            answers += 1;
            let out = receive(&mut acceptor, Message::Prepare { ballot: BALLOTS[2], from: first });
            let told = messages(&out.sends_after_sync);
            assert!(told.len() <= PAGE + 1, "{count}: {} pages at once", told.len());
            for (index, page) in told.iter().enumerate() {
                let Message::Promise { from, until, accepted, .. } = page else { panic!("{page:?}") };
                assert_eq!(*from, at, "{count}: a page begins where the one before ended");
                reported.extend(accepted.iter().map(|_| *from));
                match until {
                    Until::Next(next) => at = *next,
                    Until::Ask(next) => (at, asked) = (*next, Some(*next)),
                    Until::End => {}
                }
                assert_eq!(matches!(until, Until::Next(_)), index + 1 < told.len(), "{count}: only the last ends it");
            }
        }
        assert_eq!(reported, slots, "{count}");
        assert_eq!(answers, count.div_ceil(PAGE).max(1), "{count}");
    }
}

#[test]
fn what_is_known_to_be_chosen_is_forgotten_and_said_so() {
    for before in states() {
        for slot in (0..4).map(Slot) {
            let mut after = before.clone();
            after.forget_below(slot);
            let from = slot.max(before.from);
            assert_eq!(after.from, from, "it knows at least what it knew");
            assert!(after.votes.iter().eq(before.votes.iter().filter(|(slot, _)| from <= *slot)));
            assert_eq!((after.promised, after.voted), (before.promised, before.voted), "a promise is for ever");
        }
    }
}

#[test]
fn without_memory_it_is_mute_until_it_is_told_what_it_may_have_promised() {
    for highest in [None, Some(BALLOTS[1])] {
        let mut acceptor = Acceptor::without_memory();
        let out = receive(&mut acceptor, Message::Prepare { ballot: BALLOTS[2], from: Slot(0) });
        assert!(out.is_empty() && acceptor.is_mute());
        let mut out = Effects::new();
        acceptor.recall(highest, Slot(2), &mut out);
        assert_eq!(out.records, [Record::Recalled(highest, Slot(2))]);
        assert_eq!((acceptor.promised(), acceptor.from, acceptor.is_mute()), (highest, Slot(2), false));
        let mut again = Effects::new();
        acceptor.recall(Some(BALLOTS[0]), Slot(0), &mut again);
        assert!(again.is_empty(), "who has a memory needs none from others");
    }
}

#[test]
fn replay_restores_every_state_from_its_checkpoint() {
    // What is chosen, the learner's records say; and a vote in the ballot promised last may be forgotten with its slot.
    let whole = |state: &Acceptor<char>| state.voted == state.votes.iter().map(|(_, vote)| vote.ballot).max();
    for state in states().into_iter().filter(|state| !state.mute && whole(state)) {
        let mut again = Acceptor { from: state.from, ..Acceptor::new() };
        state.checkpoint().into_iter().for_each(|record| again.replay(record));
        assert_eq!(again, state);
    }
}

/// All sequences of four questions: after each, the records alone lead to the same state, with and without a
/// checkpoint in between.
#[test]
fn replay_repeats_what_steps_did() {
    let accept = |ballot, slot| Message::Accept { ballot, slot, value: Entry::Command('a'), chosen: Slot(0) };
    let questions: Vec<Message<char>> = [BALLOTS[0], BALLOTS[2]]
        .into_iter()
        .flat_map(|ballot| {
            [Message::Prepare { ballot, from: Slot(0) }, accept(ballot, Slot(0)), accept(ballot, Slot(1))]
        })
        .collect();
    let all = questions.len();
    for sequence in 0..all.pow(4) {
        for checkpoint_after in 0..4 {
            let (mut lived, mut records) = (Acceptor::new(), Vec::new());
            for turn in 0..4_u32 {
                let question = &questions[sequence / all.pow(turn) % all];
                records.extend(receive(&mut lived, question.clone()).records);
                if turn == checkpoint_after {
                    records = lived.checkpoint();
                }
                let mut replayed = Acceptor::new();
                records.iter().for_each(|record| replayed.replay(record.clone()));
                assert_eq!(lived, replayed, "{sequence}");
            }
        }
    }
}

/// No slot is too high, no ballot either, and what is remembered grows by one vote for each proposal.
#[test]
fn a_lying_proposer_does_not_hurt() {
    let highest = ballot(u64::MAX, 1);
    let mut acceptor = Acceptor::new();
    for slot in [Slot(u64::MAX), Slot(0), Slot(u64::MAX - 1)] {
        let value = Entry::Command('a');
        receive(&mut acceptor, Message::Accept { ballot: BALLOTS[0], slot, value, chosen: Slot(u64::MAX) });
        let out = receive(&mut acceptor, Message::Prepare { ballot: highest, from: slot });
        assert!(messages(&out.sends_after_sync).len() <= 3);
        acceptor = Acceptor { promised: Some(BALLOTS[0]), ..acceptor };
    }
    acceptor.forget_below(Slot(u64::MAX));
    assert_eq!(acceptor.votes.iter().len(), 1, "{acceptor:?}");
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
    acceptor.replay(Record::Accepted(Slot(5), vote(BALLOTS[0], 'a')));
}

#[test]
fn what_it_remembers_can_be_asked() {
    for state in states() {
        let Memory { promised, votes, .. } = state.memory();
        assert_eq!(state.promised(), promised);
        for slot in (0..4).map(Slot) {
            let cast = votes.iter().find(|(at, _)| *at == slot).map(|(_, vote)| vote);
            assert_eq!(state.accepted(slot), cast, "{slot} of {state:?}");
        }
    }
}

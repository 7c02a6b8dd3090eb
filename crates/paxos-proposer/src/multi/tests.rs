//! Every stage of a small proposer × every message, and the value-selection rule, slot by slot, over every pair of
//! answers.

use alloc::{vec, vec::Vec};

use paxos_messages::{
    Phase, Vote,
    multi::{Refusal, Until},
};
use paxos_process::Outgoing;

use super::{lead::AGAIN, *};

const ME: NodeId = NodeId(2);
const CURRENT: Ballot = ballot(2, 2);
const LOWER: [Ballot; 2] = [ballot(1, 1), ballot(1, 3)];
const WINDOW: u64 = 64;

const fn ballot(round: u64, node: u8) -> Ballot {
    Ballot { round, node: NodeId(node) }
}

const fn command(value: char) -> Entry<char> {
    Entry::Command(value)
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

fn receive_all(proposer: &mut Proposer<char>, from: u8, messages: Vec<Message<char>>) -> Vec<Message<char>> {
    let outs = messages.into_iter().map(|message| receive(proposer, from, message));
    outs.flat_map(|out| out.sends).map(|sent: Outgoing<_>| sent.message).collect()
}

/// It learns that just what it has proposed is chosen, below this slot.
fn learned(proposer: &mut Proposer<char>, slot: u64) -> Vec<Message<char>> {
    let (mut out, before) = (Effects::new(), proposer.clone());
    proposer.learned(Slot(slot), |slot| before.proposed(slot), &mut out);
    out.sends.into_iter().map(|sent| sent.message).collect()
}

/// A proposer that has opened b1.2 in an earlier life and now opens b2.2.
fn electing(window: u64) -> Proposer<char> {
    let mut proposer = Proposer::new(ME, quorums(), window);
    proposer.replay(Record::Round(ballot(1, 2)));
    let out = step(&mut proposer, Event::Request(Request::Campaign));
    assert_eq!(out.records, [Record::Round(CURRENT)]);
    assert!(out.sends.is_empty(), "nobody hears of a ballot before it is stable");
    let [asked] = out.sends_after_sync.as_slice() else { panic!("one question: {out:?}") };
    assert_eq!((asked.to, &asked.message), (NodeSet::first(3), &Message::Prepare { ballot: CURRENT, from: Slot(0) }));
    proposer
}

/// One that leads, with nothing to recover.
fn leading(window: u64) -> Proposer<char> {
    let mut proposer = electing(window);
    for from in [1, 3] {
        assert_eq!(receive_all(&mut proposer, from, answer(&[], 0)), []);
    }
    assert_eq!(proposer.leads(), Some(CURRENT));
    proposer
}

type Votes = Vec<(Slot, Vote<Entry<char>>)>;

/// What an acceptor says that has these votes and knows of so many chosen slots.
fn answer(votes: &[(Slot, Vote<Entry<char>>)], chosen: u64) -> Vec<Message<char>> {
    let mut begins: Vec<_> = votes.iter().map(|(slot, vote)| (*slot, Some(vote.clone()))).collect();
    if begins.first().is_none_or(|(first, _)| *first != Slot(0)) {
        begins.insert(0, (Slot(0), None));
    }
    let page = |index: usize| {
        let (from, accepted) = begins[index].clone();
        let until = begins.get(index + 1).map_or(Until::End, |(next, _)| Until::Next(*next));
        Message::Promise { ballot: CURRENT, from, until, chosen: Slot(chosen), accepted }
    };
    (0..begins.len()).map(page).collect()
}

/// No vote, or one in a lower ballot.
fn reports() -> Vec<Option<Vote<Entry<char>>>> {
    let votes = LOWER.iter().flat_map(|ballot| ['a', 'b'].map(|value| (*ballot, command(value))));
    core::iter::once(None).chain(votes.map(|(ballot, value)| Some(Vote { ballot, value }))).collect()
}

/// All that an acceptor may report of slots 1 and 2, so that a gap may be before, between, and after.
fn answers() -> Vec<Votes> {
    let in_slot = |slot, vote: &Option<Vote<_>>| vote.clone().map(|vote| (Slot(slot), vote));
    let reports = reports();
    let pairs = reports.iter().flat_map(|one| reports.iter().map(move |two| [in_slot(1, one), in_slot(2, two)]));
    pairs.map(|pair| pair.into_iter().flatten().collect()).collect()
}

#[test]
fn in_each_slot_the_value_is_that_of_the_highest_ballot_and_a_gap_is_a_noop() {
    for (one, two) in answers().iter().flat_map(|one| answers().into_iter().map(move |two| (one.clone(), two))) {
        for (chosen_one, chosen_two) in (0..4).flat_map(|one| (0..4).map(move |two| (one, two))) {
            let mut proposer = electing(WINDOW);
            assert_eq!(receive_all(&mut proposer, 1, answer(&one, chosen_one)), [], "one of three is no quorum");
            let sent = receive_all(&mut proposer, 3, answer(&two, chosen_two));
            // The rule a second time, by sorting: equal ballots have equal values in a run, so either will do.
            let first = Slot(chosen_one.max(chosen_two));
            let votes = || one.iter().chain(&two).filter(|(slot, _)| first <= *slot);
            let end = votes().map(|(slot, _)| slot.next()).max().unwrap_or(first);
            assert_eq!((proposer.serves_from(), proposer.known_chosen()), (Some(end), first));
            assert_eq!(sent.len() as u64, end.0 - first.0, "{one:?} {two:?}: one proposal for each slot");
            for (message, at) in sent.into_iter().zip(first.0..) {
                let Message::Accept { ballot: CURRENT, slot, value, chosen: Slot(0) } = message else {
                    panic!("{message:?}")
                };
                assert_eq!(slot, Slot(at), "in order, without a gap");
                let here = || votes().filter(|(of, _)| *of == slot).map(|(_, vote)| vote);
                let highest = here().map(|vote| vote.ballot).max();
                let mut allowed = here().filter(|vote| Some(vote.ballot) == highest).map(|vote| vote.value.clone());
                let fits = if highest.is_none() { value == Entry::Noop } else { allowed.any(|of| of == value) };
                assert!(fits, "{slot} {value:?} after {one:?} {two:?}");
            }
        }
    }
}

/// An acceptor has promised when its pages leave no gap: in every order, each said twice.
#[test]
fn half_an_answer_is_none() {
    let vote = |ballot, value| Vote { ballot, value: command(value) };
    let votes = [(Slot(1), vote(LOWER[0], 'a')), (Slot(2), vote(LOWER[1], 'b')), (Slot(5), vote(LOWER[0], 'c'))];
    let pages = answer(&votes, 0);
    assert_eq!(pages.len(), 4);
    for order in 0..4_usize.pow(5) {
        let order: Vec<usize> = (0..5_u32).map(|digit| order / 4_usize.pow(digit) % 4).collect();
        let mut proposer = electing(WINDOW);
        receive_all(&mut proposer, 1, answer(&[], 0));
        let mut sent = Vec::new();
        for (told, page) in order.iter().enumerate() {
            let whole = (0..4).all(|page| order[..=told].contains(&page));
            sent.extend(receive_all(&mut proposer, 3, vec![pages[*page].clone(), pages[*page].clone()]));
            assert_eq!(proposer.leads().is_some(), whole, "{order:?} after {told}");
        }
        let slots = if proposer.leads().is_some() { 6 } else { 0 };
        assert_eq!(sent.len(), slots, "{order:?}: it proposes again once, when it is elected");
    }
}

#[test]
fn an_acceptor_with_more_to_say_is_asked_on_once() {
    let mut proposer = electing(WINDOW);
    let vote = Some(Vote { ballot: LOWER[0], value: command('a') });
    let page = |from, until, accepted| Message::Promise { ballot: CURRENT, from, until, chosen: Slot(0), accepted };
    let first = page(Slot(0), Until::Ask(Slot(7)), vote.clone());
    receive_all(&mut proposer, 3, answer(&[], 0));
    let out = receive(&mut proposer, 1, first.clone());
    let [asked] = out.sends.as_slice() else { panic!("{out:?}") };
    let expected = Message::Prepare { ballot: CURRENT, from: Slot(7) };
    assert_eq!((asked.to, &asked.message), (NodeSet::only(NodeId(1)), &expected));
    assert!(receive(&mut proposer, 1, first).is_empty(), "the network says things twice");
    assert!(proposer.is_electing(), "half an answer is none");
    receive_all(&mut proposer, 1, vec![page(Slot(7), Until::End, vote)]);
    assert_eq!((proposer.leads(), proposer.serves_from()), (Some(CURRENT), Some(Slot(8))));
}

/// Every stage × a refusal of every ballot for every ballot, and answers that do not count.
#[test]
fn answers_in_every_stage() {
    let stages = [Proposer::new(ME, quorums(), WINDOW), electing(WINDOW), leading(WINDOW)];
    let ballots = [ballot(1, 1), ballot(1, 2), CURRENT, ballot(2, 3), ballot(3, 1)];
    for before in &stages {
        for (ballot, promised) in ballots.iter().flat_map(|one| ballots.iter().map(move |two| (*one, *two))) {
            for (from, phase) in [(1, Phase::Elect), (1, Phase::Decide), (1, Phase::Learn), (9, Phase::Elect)] {
                let mut after = before.clone();
                assert!(receive(&mut after, from, Message::Refused { ballot, promised, phase }).is_empty());
                let counts = Some(ballot) == before.opened && from == 1;
                let deposed = counts && before.leads().is_some() && CURRENT < promised;
                let outbid = if counts { before.outbid.max(Some(promised)) } else { before.outbid };
                let stage = if deposed { Stage::Idle } else { before.stage.clone() };
                assert_eq!(after, Proposer { outbid, stage, ..before.clone() }, "{ballot} {promised} {from}");
            }
        }
        for (ballot, from) in ballots.into_iter().flat_map(|ballot| [(ballot, 1), (ballot, 9)]) {
            let counts = Some(ballot) == before.opened && from == 1 && before.is_electing();
            let mut after = before.clone();
            let (slot, until) = (Slot(0), Until::End);
            receive(&mut after, from, Message::Promise { ballot, from: slot, until, chosen: slot, accepted: None });
            assert_eq!(after == *before, !counts, "{ballot} {from}: {after:?}");
        }
    }
}

#[test]
fn the_next_ballot_is_above_all_it_has_heard_of_and_never_one_of_before() {
    for heard in [None, Some(ballot(1, 1)), Some(CURRENT), Some(ballot(2, 3)), Some(ballot(7, 1))] {
        let mut proposer = electing(WINDOW);
        proposer.heard_of(heard);
        let out = step(&mut proposer, Event::Request(Request::Campaign));
        let opened = proposer.opened().expect("it has opened one");
        assert!(CURRENT < opened && heard < Some(opened) && opened.node == ME, "{opened} after {heard:?}");
        assert_eq!(out.records, [Record::Round(opened)]);
    }
    let mut proposer = electing(WINDOW);
    proposer.heard_of(Some(ballot(u64::MAX, 3)));
    assert!(step(&mut proposer, Event::Request(Request::Campaign)).is_empty(), "the rounds are used up");
    assert!(!proposer.is_electing() && proposer.leads().is_none());
}

#[test]
fn who_is_needed_must_have_promised() {
    let mut proposer = Proposer::<char>::new(ME, quorums(), WINDOW);
    proposer.replay(Record::Round(ballot(1, 2)));
    proposer.open(NodeSet::only(NodeId(1)), &mut Effects::new());
    receive_all(&mut proposer, 2, answer(&[], 0));
    receive_all(&mut proposer, 3, answer(&[], 0));
    assert!(proposer.is_electing(), "two of three have promised, and the one that is needed has not");
    receive_all(&mut proposer, 1, answer(&[], 0));
    assert_eq!(proposer.promised_by(), NodeSet::first(3));
}

/// With every window: so many commands are taken as there is room, the rest is refused, and learning makes room.
#[test]
fn the_window_is_the_limit() {
    for window in 1..5 {
        let mut proposer = leading(window);
        let mut next = 0;
        for learnt in [0, 0, 1, 3, 3, 9] {
            assert_eq!(learned(&mut proposer, learnt), []);
            next = learnt.max(next);
            for _ in 0..window + 1 {
                let out = step(&mut proposer, Event::Request(Request::Propose('m')));
                if next < learnt + window {
                    let (slot, value, chosen) = (Slot(next), command('m'), Slot(learnt));
                    let [sent] = out.sends.as_slice() else { panic!("{out:?}") };
                    assert_eq!(sent.message, Message::Accept { ballot: CURRENT, slot, value, chosen });
                    assert_eq!(sent.to, NodeSet::first(3));
                    next += 1;
                } else {
                    assert!(out.sends.is_empty());
                    assert_eq!(out.outputs, [Output::Refused { value: 'm', why: Refusal::Busy }]);
                }
            }
        }
    }
}

/// What is recovered goes first, through the same window, and no command is taken before it is chosen.
#[test]
fn what_is_recovered_goes_first() {
    for window in 1..6 {
        let mut proposer = electing(window);
        receive_all(&mut proposer, 1, answer(&[], 0));
        let last = (Slot(3), Vote { ballot: LOWER[0], value: command('a') });
        let mut sent = receive_all(&mut proposer, 3, answer(&[last], 0));
        for learnt in 0..4 {
            sent.extend(learned(&mut proposer, learnt));
            assert_eq!(sent.len() as u64, (learnt + window).min(4), "window {window}, learned {learnt}");
            let out = step(&mut proposer, Event::Request(Request::Propose('m')));
            assert_eq!(out.outputs, [Output::Refused { value: 'm', why: Refusal::Busy }]);
        }
        let slot = |message: &Message<char>| match message {
            Message::Accept { slot, value, .. } => (slot.0, value.clone()),
            other => panic!("{other:?}"),
        };
        let noop = |slot| (slot, Entry::Noop);
        let told: Vec<_> = sent.iter().map(slot).collect();
        assert_eq!(told, [noop(0), noop(1), noop(2), (3, command('a'))]);
        assert_eq!(learned(&mut proposer, 4), []);
        assert_eq!(step(&mut proposer, Event::Request(Request::Propose('m'))).sends.len(), 1);
    }
}

#[test]
fn what_others_have_learned_in_the_meantime_is_not_proposed_again() {
    let mut proposer = electing(1);
    receive_all(&mut proposer, 1, answer(&[], 0));
    let votes: Votes = (0..4).map(|slot| (Slot(slot), Vote { ballot: LOWER[0], value: command('a') })).collect();
    assert_eq!(receive_all(&mut proposer, 3, answer(&votes, 0)).len(), 1, "s0: the window is 1");
    let [Message::Accept { slot, value, .. }] = &learned(&mut proposer, 3)[..] else { panic!("one proposal") };
    assert_eq!((*slot, value), (Slot(3), &command('a')), "s1 and s2 have been learned by other means");
}

/// Whatever else is chosen in a slot that it has proposed in, or nobody can say what: a higher ballot has overtaken it.
#[test]
fn a_leader_that_has_been_overtaken_stops() {
    for (upto, other, stops) in [(1, 0, true), (2, 0, true), (2, 1, true), (1, 1, false), (2, 2, false), (0, 0, false)]
    {
        for chosen in [Some(command('z')), Some(Entry::Noop), None] {
            let mut proposer = leading(WINDOW);
            for _ in 0..3 {
                step(&mut proposer, Event::Request(Request::Propose('m')));
            }
            let (mut out, mine) = (Effects::new(), command('m'));
            let learned = |slot| if slot == Slot(other) { chosen.as_ref() } else { Some(&mine) };
            proposer.learned(Slot(upto), learned, &mut out);
            assert_eq!(proposer.leads().is_none(), stops, "learned to {upto}, s{other} is {chosen:?}");
            assert!(out.is_empty());
        }
    }
}

#[test]
fn who_does_not_lead_refuses() {
    for mut proposer in [Proposer::new(ME, quorums(), WINDOW), electing(WINDOW)] {
        let out = step(&mut proposer, Event::Request(Request::Propose('m')));
        assert_eq!(out.outputs, [Output::Refused { value: 'm', why: Refusal::NotLeader(None) }]);
        assert!(step(&mut proposer, Event::Timeout(Timer::Heartbeat)).is_empty());
    }
}

/// To those who have not voted for it: a slot that all have voted in, and that waits for one before it, is not said again.
#[test]
fn what_is_said_again_goes_to_who_has_not_voted() {
    let mut proposer = leading(WINDOW);
    for value in ['m', 'n', 'o'] {
        step(&mut proposer, Event::Request(Request::Propose(value)));
    }
    step(&mut proposer, Event::Timeout(Timer::Heartbeat));
    let members = quorums().members();
    let some = members.without(NodeId(3));
    let voted = |slot: Slot| [NodeSet::EMPTY, some, members][slot.0 as usize];
    let mut out = Effects::new();
    proposer.again(voted, &mut out);
    let said: Vec<_> = out.sends.iter().map(|sent| sent.to).collect();
    assert_eq!(said, [members, NodeSet::only(NodeId(3))]);
}

/// The pages of node 1 have come as far as slot 7, those of node 3 all, and node 2 has said nothing.
#[test]
fn whose_answer_has_a_gap_is_asked_again_from_there() {
    let mut proposer = electing(WINDOW);
    receive_all(&mut proposer, 3, answer(&[], 0));
    let (from, until, chosen) = (Slot(0), Until::Ask(Slot(7)), Slot(0));
    receive(&mut proposer, 1, Message::Promise { ballot: CURRENT, from, until, chosen, accepted: None });
    let mut out = Effects::new();
    proposer.ask_again(&mut out);
    let asked = out.sends_after_sync.iter().map(|sent| (sent.to, sent.message.clone()));
    let prepare = |node, from| (NodeSet::only(NodeId(node)), Message::Prepare { ballot: CURRENT, from: Slot(from) });
    assert_eq!(asked.collect::<Vec<_>>(), [prepare(1, 7), prepare(2, 0)]);
}

/// A proposal is said again when it was under way at the heartbeat before, and not before.
#[test]
fn what_has_been_under_way_for_long_is_said_again() {
    let heartbeat = |proposer: &mut Proposer<char>| -> Vec<u64> {
        let out = step(proposer, Event::Timeout(Timer::Heartbeat));
        let slot = |sent: &Outgoing<_>| match &sent.message {
            Message::Accept { ballot: CURRENT, slot, value, .. } if *value == command('m') => slot.0,
            other => panic!("{other:?}"),
        };
        out.sends.iter().map(slot).collect()
    };
    let mut proposer = leading(WINDOW);
    let propose = |proposer: &mut Proposer<char>| step(proposer, Event::Request(Request::Propose('m')));
    propose(&mut proposer);
    propose(&mut proposer);
    assert_eq!(heartbeat(&mut proposer), [], "they have just been said");
    propose(&mut proposer);
    assert_eq!(heartbeat(&mut proposer), [0, 1]);
    learned(&mut proposer, 1);
    assert_eq!(heartbeat(&mut proposer), [1, 2]);
    for _ in 0..WINDOW {
        propose(&mut proposer);
    }
    heartbeat(&mut proposer);
    assert_eq!(heartbeat(&mut proposer).len(), AGAIN, "a leader that comes back to its senses does not flood");
}

/// A member that lies about slots can keep this leader from serving. It can do nothing else to it.
#[test]
fn a_lying_acceptor_does_not_hurt() {
    let far = [Slot(0), Slot(1 << 40), Slot(u64::MAX - 1), Slot(u64::MAX)];
    for (slot, chosen) in far.iter().flat_map(|slot| far.iter().map(move |chosen| (*slot, *chosen))) {
        for until in far.iter().flat_map(|slot| [Until::Next(*slot), Until::Ask(*slot), Until::End]) {
            let mut proposer = electing(WINDOW);
            receive_all(&mut proposer, 1, answer(&[], 0));
            let mut sent = 0;
            for from in [Slot(0), slot] {
                let accepted = Some(Vote { ballot: LOWER[0], value: command('a') });
                let page = Message::Promise { ballot: CURRENT, from, until, chosen, accepted };
                sent += receive(&mut proposer, 3, page).sends.len();
            }
            let end = Message::Promise { ballot: CURRENT, from: slot, until: Until::End, chosen, accepted: None };
            sent += receive(&mut proposer, 3, end).sends.len();
            sent += step(&mut proposer, Event::Request(Request::Propose('m'))).sends.len();
            sent += learned(&mut proposer, 5).len();
            sent += step(&mut proposer, Event::Timeout(Timer::Heartbeat)).sends.len();
            assert!(sent <= 4 + 2 * WINDOW as usize + AGAIN, "{slot} {chosen} {until:?}: {sent}");
        }
    }
}

#[test]
fn replay_repeats_what_steps_did() {
    let mut lived = electing(WINDOW);
    step(&mut lived, Event::Request(Request::Campaign));
    let mut replayed = Proposer::<char>::new(ME, quorums(), WINDOW);
    for records in [lived.checkpoint(), vec![Record::Recalled(Some(ballot(9, 1)), Slot(3))]] {
        records.into_iter().for_each(|record| replayed.replay(record));
        assert_eq!(replayed.opened(), lived.opened());
    }
    step(&mut replayed, Event::Request(Request::Campaign));
    assert_eq!(replayed.opened(), Some(ballot(9, 2)), "what others may have used is outbid");
}

#[test]
#[should_panic(expected = "ballots are used once")]
fn a_log_that_opens_a_ballot_twice_is_refused() {
    let mut proposer = electing(WINDOW);
    proposer.replay(Record::Round(CURRENT));
}

#[test]
#[should_panic(expected = "a ballot of another node")]
fn a_log_of_another_node_is_refused() {
    electing(WINDOW).replay(Record::Round(ballot(3, 1)));
}

/// An acceptor that is asked twice may answer in other pages the second time, and may have voted meanwhile in a ballot
/// between the old one and this. Its highest vote is what counts, whichever page comes first.
#[test]
fn of_two_pages_about_one_slot_the_higher_vote_counts() {
    let page = |until, round, value| {
        let accepted = Some(Vote { ballot: ballot(round, 1), value: command(value) });
        Message::Promise { ballot: CURRENT, from: Slot(0), until, chosen: Slot(0), accepted }
    };
    for pages in [[('o', 0), ('n', 1)], [('n', 1), ('o', 0)]] {
        let mut proposer = electing(WINDOW);
        for ((value, round), until) in pages.into_iter().zip([5, 9]) {
            receive(&mut proposer, 1, page(Until::Next(Slot(until)), round, value));
        }
        let (from, until, chosen, accepted) = (Slot(5), Until::End, Slot(0), None);
        receive(&mut proposer, 1, Message::Promise { ballot: CURRENT, from, until, chosen, accepted });
        let proposed = receive_all(&mut proposer, 3, answer(&[], 0));
        assert!(
            matches!(&proposed[..], [Message::Accept { value, .. }] if *value == command('n')),
            "{pages:?}: {proposed:?}"
        );
    }
}

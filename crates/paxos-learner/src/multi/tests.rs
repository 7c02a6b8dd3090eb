//! Every short sequence of words against the rule written a second time; and every way a transfer can go.

use alloc::{vec, vec::Vec};

use paxos_messages::multi::{PART, PARTS};
use paxos_process::Outgoing;

use super::*;

const BALLOTS: [Ballot; 2] = [ballot(1, 1), ballot(2, 1)];
const ME: NodeId = NodeId(2);
const LEADER: NodeId = NodeId(1);

const fn ballot(round: u64, node: u8) -> Ballot {
    Ballot { round, node: NodeId(node) }
}

const fn command(value: u64) -> Entry<u64> {
    Entry::Command(value)
}

fn quorums() -> Quorums {
    Quorums::majority(NodeSet::first(3)).unwrap()
}

fn learner() -> Learner<u64> {
    Learner::new(quorums(), 0)
}

/// One that has learned so many slots: command n in slot n.
fn knowing(slots: u64) -> Learner<u64> {
    let mut learner = learner();
    for slot in 0..slots {
        receive(&mut learner, LEADER, Message::Learn { slot: Slot(slot), value: command(slot) });
    }
    assert_eq!(learner.learned(), Slot(slots));
    learner
}

fn step(learner: &mut Learner<u64>, event: Event<u64>) -> Effects<u64> {
    let mut out = Effects::new();
    learner.step(event, &mut out);
    assert!(out.sends_after_sync.is_empty() && out.timers.is_empty(), "a learner promises nothing");
    out
}

fn receive(learner: &mut Learner<u64>, from: NodeId, message: Message<u64>) -> Effects<u64> {
    step(learner, Event::Receive { from, message })
}

fn values(learner: &Learner<u64>) -> Vec<Option<Entry<u64>>> {
    (0..learner.learned().0).map(|slot| learner.chosen(Slot(slot)).cloned()).collect()
}

const fn heartbeat(ballot: Ballot, chosen: Slot) -> Message<u64> {
    Message::Heartbeat { ballot, round: 0, chosen, everywhere: Slot(0) }
}

/// Two ballots, two slots: what was proposed there, votes for it, and marks. The second ballot proposes other values.
fn words() -> Vec<(NodeId, Message<u64>)> {
    let mut words = Vec::new();
    for ballot in BALLOTS {
        for slot in [Slot(0), Slot(1)] {
            let value = command(10 * ballot.round + slot.0);
            words.push((LEADER, Message::Accept { ballot, slot, value, chosen: Slot(0) }));
            words.extend([1, 3, 9].map(|voter| (NodeId(voter), Message::Accepted { ballot, slot })));
            words.push((LEADER, heartbeat(ballot, slot.next())));
        }
    }
    words
}

/// What may be believed of a slot, from the words alone: what a quorum voted for in one ballot, or what was proposed in
/// the ballot of a mark.
fn believable(heard: &[&(NodeId, Message<u64>)], slot: Slot) -> Vec<Entry<u64>> {
    let proposals = heard.iter().filter_map(|(_, message)| match message {
        Message::Accept { ballot, slot: of, value, .. } if *of == slot => Some((*ballot, value.clone())),
        _ => None,
    });
    let is_chosen = |ballot: Ballot| {
        let vote = Message::Accepted { ballot, slot };
        let voters: NodeSet =
            heard.iter().filter(|(from, message)| from.0 <= 3 && *message == vote).map(|(from, _)| *from).collect();
        let marked = heard.iter().any(|(_, message)| {
            matches!(message, Message::Heartbeat { ballot: of, chosen, .. } if *of == ballot && slot < *chosen)
        });
        voters.len() >= 2 || marked
    };
    proposals.filter(|(ballot, _)| is_chosen(*ballot)).map(|(_, value)| value).collect()
}

#[test]
fn it_learns_what_may_be_believed_in_order() {
    let words = words();
    let (all, mut marks_not_believed, mut exact) = (words.len(), 0, 0);
    for sequence in 0..all.pow(4) {
        let (mut learner, mut told) = (learner(), Vec::new());
        let mut heard = Vec::new();
        for turn in 0..4_u32 {
            heard.push(&words[sequence / all.pow(turn) % all]);
            let (from, message) = heard[heard.len() - 1].clone();
            told.extend(receive(&mut learner, from, message).outputs);
        }
        for (slot, output) in (0..).map(Slot).zip(&told) {
            let Output::Chosen { slot: of, value } = output else { panic!("{output:?}") };
            assert_eq!(*of, slot, "in the order of slots, without gaps, each once: {heard:?}");
            assert!(believable(&heard, slot).contains(value), "{slot} {value:?} after {heard:?}");
        }
        assert_eq!(learner.learned().0, told.len() as u64);
        // With one ballot it learns all that may be believed. With two, a higher ballot may hide a lower one.
        let one_ballot = heard.iter().all(|(_, message)| match message {
            Message::Accept { ballot, .. } | Message::Accepted { ballot, .. } | Message::Heartbeat { ballot, .. } => {
                *ballot == BALLOTS[0]
            }
            _ => false,
        });
        let prefix = (0..2).map(Slot).take_while(|slot| !believable(&heard, *slot).is_empty()).count();
        if one_ballot {
            assert_eq!(told.len(), prefix, "{heard:?}");
            exact += usize::from(prefix > 0);
        }
        marks_not_believed += usize::from(prefix == 0 && learner.is_behind());
    }
    assert!(exact > 0 && marks_not_believed > 0, "a case that never happens tests nothing");
}

/// A mark says what was proposed in its own ballot, and nothing of any other, whichever of the two is heard first.
#[test]
fn a_mark_is_believed_of_its_own_ballot() {
    let proposal = |ballot, slot| Message::Accept { ballot, slot: Slot(slot), value: command(7), chosen: Slot(0) };
    for [first, second] in [[0, 1], [1, 0]] {
        for (proposed, marked) in [(0, 0), (1, 0), (0, 1), (1, 1)] {
            let words = [proposal(BALLOTS[proposed], 0), heartbeat(BALLOTS[marked], Slot(1))];
            let mut learner = learner();
            receive(&mut learner, LEADER, words[first].clone());
            receive(&mut learner, LEADER, words[second].clone());
            assert_eq!(learner.learned(), Slot(u64::from(proposed == marked)), "{words:?}");
            assert_eq!(learner.is_behind(), proposed != marked, "what it may not believe, it asks for");
        }
    }
    let mut learner = learner();
    receive(&mut learner, LEADER, heartbeat(BALLOTS[1], Slot(1)));
    receive(&mut learner, LEADER, heartbeat(BALLOTS[0], Slot(2)));
    receive(&mut learner, LEADER, proposal(BALLOTS[1], 0));
    assert_eq!(learner.learned(), Slot(1), "the word of an older leader does not take the place of a newer one's");
}

/// Slot 1 is known to be chosen before slot 0 is: whatever is heard of it in between changes nothing.
#[test]
fn what_is_chosen_behind_a_hole_stays_chosen() {
    for ballot in BALLOTS {
        let mut learner = learner();
        receive(&mut learner, LEADER, Message::Learn { slot: Slot(1), value: command(1) });
        let value = command(1);
        receive(&mut learner, LEADER, Message::Accept { ballot, slot: Slot(1), value, chosen: Slot(0) });
        receive(&mut learner, LEADER, Message::Accepted { ballot, slot: Slot(1) });
        receive(&mut learner, LEADER, Message::Learn { slot: Slot(0), value: command(0) });
        assert_eq!(values(&learner), [Some(command(0)), Some(command(1))]);
    }
}

#[test]
fn a_stranger_is_not_heard() {
    let mut learner = learner();
    let stranger = NodeId(9);
    for message in [
        Message::Learn { slot: Slot(0), value: command(1) },
        heartbeat(BALLOTS[1], Slot(5)),
        Message::Fetch { from: Slot(0), partial: None },
        Message::Snapshot(part(Slot(4), 0, 0, &[])),
    ] {
        assert!(receive(&mut learner, stranger, message).is_empty());
    }
    assert_eq!(learner, self::learner());
}

#[test]
#[should_panic(expected = "Agreement: s0")]
fn two_values_for_one_slot_stop_it() {
    let mut learner = knowing(1);
    receive(&mut learner, LEADER, Message::Learn { slot: Slot(0), value: command(9) });
}

/// Dice that fall the same way each time.
struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % limit
    }
}

/// The state after all slots below `upto`: five bytes that are all different.
fn state(upto: Slot) -> [u8; 5] {
    core::array::from_fn(|index| 10 * upto.0 as u8 + index as u8)
}

/// Random lives, each with crashes after every step: what the records hold is a part of what was known, and the same;
/// and told again how far the log is chosen, the node knows what it knew.
#[test]
fn replay_gives_what_was_known_as_soon_as_it_is_told_again() {
    for seed in 0..500 {
        let (mut dice, mut lived, mut records) = (Dice(seed), learner(), Vec::new());
        for turn in 0..40 {
            let (slot, chosen) = (Slot(dice.below(8)), Slot(dice.below(8)));
            let value = command(slot.0);
            let mut out = Effects::new();
            match dice.below(6) {
                0 | 1 => {
                    // As a replica does it, whose acceptor votes.
                    records.push(Record::Accepted(slot, Vote { ballot: BALLOTS[0], value: value.clone() }));
                    lived.proposal(slot, BALLOTS[0], value, true);
                    lived.mark(BALLOTS[0], chosen, &mut out);
                }
                2 => lived.vote(NodeId(1 + dice.below(3) as u8), slot, BALLOTS[0], &mut out),
                3 => out = receive(&mut lived, LEADER, Message::Learn { slot, value }),
                4 => out = receive(&mut lived, LEADER, heartbeat(BALLOTS[0], chosen)),
                _ => {
                    let state = state(slot);
                    let offset = dice.below(5) as usize;
                    let cut = &state[offset..state.len().min(offset + 1 + dice.below(4) as usize)];
                    let part = Message::Snapshot(part(slot, 5, offset as u64, cut));
                    out = receive(&mut lived, LEADER, part);
                }
            }
            for output in &out.outputs {
                if let Output::Installed { upto, state: whole } = output {
                    assert_eq!(whole.as_slice(), state(*upto), "{seed} {turn}: each part in its place");
                }
            }
            records.append(&mut out.records);
            if dice.below(10) == 0 {
                let kept = records
                    .iter()
                    .filter(|record| matches!(record, Record::Accepted(slot, _) if lived.learned() <= *slot));
                records = lived.checkpoint().into_iter().chain(kept.cloned()).collect();
            }
            let mut again = learner();
            records.iter().for_each(|record| again.replay(record.clone()));
            assert!(again.learned() <= lived.learned(), "{seed} {turn}: it knows more than it knew");
            again.mark(BALLOTS[0], lived.learned(), &mut Effects::new());
            assert_eq!(again.learned(), lived.learned(), "{seed} {turn}: {records:?}");
            for slot in (0..8).map(Slot) {
                let both = again.chosen(slot).zip(lived.chosen(slot));
                assert!(both.is_none_or(|(again, lived)| again == lived), "{seed} {turn} {slot}");
            }
            assert_eq!(again.log.partial(), lived.log.partial(), "{seed} {turn}: a transfer goes on where it was");
        }
    }
}

#[test]
fn a_checkpoint_tells_all() {
    for (learned, upto) in (0..5).flat_map(|learned| (0..=learned).map(move |upto| (learned, upto))) {
        let mut lived = knowing(learned);
        step(&mut lived, Event::Request(Request::Compact { upto: Slot(upto), state: b"state"[..].into() }));
        let mut again = learner();
        lived.checkpoint().into_iter().for_each(|record| again.replay(record));
        let (mut one, mut two) = (Effects::new(), Effects::new());
        lived.tell(&mut one);
        again.tell(&mut two);
        assert_eq!(one.outputs, two.outputs);
        let after = one.outputs.iter().filter(|output| matches!(output, Output::Chosen { .. })).count() as u64;
        assert_eq!(after, learned - upto, "a snapshot, and what follows");
    }
}

/// What is known to be chosen behind a hole, by word, by votes or by a mark, is in no record. So a restart forgets it, with a
/// checkpoint and without one: the two know the same, say the same, and both learn it when it is told again.
#[test]
fn a_checkpoint_forgets_what_a_restart_forgets() {
    let ballot = BALLOTS[0];
    let vote = Message::Accepted { ballot, slot: Slot(2) };
    let ways = [
        vec![(LEADER, Message::Learn { slot: Slot(2), value: command(2) })],
        vec![(NodeId(1), vote.clone()), (NodeId(3), vote)],
        vec![(LEADER, heartbeat(ballot, Slot(3)))],
    ];
    for way in ways {
        let mut lived = knowing(1);
        let mut records = lived.checkpoint();
        lived.proposal(Slot(2), ballot, command(2), true);
        let vote = Record::Accepted(Slot(2), Vote { ballot, value: command(2) });
        records.push(vote.clone());
        for (from, message) in way.clone() {
            records.extend(receive(&mut lived, from, message).records);
        }
        assert_eq!(lived.learned(), Slot(1), "slot 1 is a hole");
        let replayed = |records: &[Record<u64>]| {
            let mut again = learner();
            records.iter().for_each(|record| again.replay(record.clone()));
            again
        };
        // The vote is the acceptor's, and in its checkpoint.
        let with = lived.checkpoint().into_iter().chain([vote]).collect::<Vec<_>>();
        let restarted = [replayed(&with), replayed(&records)];
        let told = restarted.map(|mut again| {
            assert_eq!(again.learned(), lived.learned(), "{way:?}: nothing that it has said is taken back");
            let mut told = receive(&mut again, LEADER, Message::Learn { slot: Slot(1), value: command(1) }).outputs;
            assert_eq!(again.learned(), Slot(2), "{way:?}: it does not know of slot 2 any more");
            told.extend(receive(&mut again, LEADER, heartbeat(ballot, Slot(3))).outputs);
            assert_eq!(again.learned(), Slot(3), "{way:?}: and is told again");
            told
        });
        assert_eq!(told[0], told[1], "{way:?}");
        receive(&mut lived, LEADER, Message::Learn { slot: Slot(1), value: command(1) });
        assert_eq!(lived.learned(), Slot(3), "{way:?}: whoever lives on knows it");
    }
}

fn part(upto: Slot, total: u64, offset: u64, part: &[u8]) -> SnapshotPart {
    SnapshotPart { upto, total, offset, part: part.into() }
}

/// The words between one who lacks something and one who has it, until nothing is said any more; `lose` says which are
/// lost. Counts them.
fn exchange(behind: &mut Learner<u64>, ahead: &mut Learner<u64>, mut lose: impl FnMut(usize) -> bool) -> usize {
    let mut out = Effects::new();
    behind.fetch(NodeSet::only(LEADER), &mut out);
    let (mut said, mut to_ahead) = (0, out.sends);
    while let Some(Outgoing { message, .. }) = to_ahead.pop() {
        assert!(matches!(message, Message::Fetch { .. }) && to_ahead.is_empty(), "one page is asked for at a time");
        let answer = receive(ahead, ME, message).sends;
        assert!(answer.len() <= PARTS.max(PAGE as usize), "an answer has a limit");
        for Outgoing { to, message } in answer {
            assert_eq!(to, NodeSet::only(ME));
            said += 1;
            if !lose(said) {
                to_ahead.extend(receive(behind, LEADER, message).sends);
            }
        }
    }
    said
}

#[test]
fn who_is_behind_fetches_page_after_page() {
    for slots in [0, 1, PAGE - 1, PAGE, PAGE + 1, 3 * PAGE, 3 * PAGE + 5] {
        let (mut behind, mut ahead) = (learner(), knowing(slots));
        behind.strive(Slot(slots));
        assert_eq!(exchange(&mut behind, &mut ahead, |_| false) as u64, slots, "each slot is said once");
        assert_eq!(values(&behind), values(&ahead));
        assert!(!behind.is_behind());
    }
}

#[test]
fn who_is_too_far_behind_gets_the_snapshot_and_what_follows() {
    for size in [0, 1, PART - 1, PART, PART + 1, PART * PARTS, PART * PARTS + 1, 3 * PART * PARTS] {
        let state = Bytes::from(vec![7; size]);
        let (mut behind, mut ahead) = (learner(), knowing(9));
        step(&mut ahead, Event::Request(Request::Compact { upto: Slot(5), state: state.clone() }));
        assert_eq!(ahead.first(), Slot(5), "nothing is kept for others");
        behind.strive(Slot(9));
        exchange(&mut behind, &mut ahead, |_| false);
        let mut again = Effects::new();
        exchange(&mut behind, &mut ahead, |_| false);
        behind.tell(&mut again);
        assert_eq!(again.outputs[0], Output::Installed { upto: Slot(5), state });
        assert_eq!((again.outputs.len(), behind.learned()), (5, Slot(9)), "size {size}");
    }
}

/// Wherever a transfer breaks off, the rest is sent, and of what has come nothing is sent again.
#[test]
fn an_interrupted_transfer_goes_on_where_it_was() {
    let (parts, state) = (2 * PARTS + 3, Bytes::from(vec![7; PART * (2 * PARTS + 3)]));
    for broken in 1..=parts {
        let (mut behind, mut ahead) = (learner(), knowing(5));
        step(&mut ahead, Event::Request(Request::Compact { upto: Slot(5), state: state.clone() }));
        behind.strive(Slot(5));
        exchange(&mut behind, &mut ahead, |said| broken <= said);
        let come = behind.log.partial().map_or(0, |(_, bytes)| bytes);
        assert_eq!(come, (PART * (broken - 1)) as u64);
        // It restarts in between, from a checkpoint.
        let mut again = learner();
        behind.checkpoint().into_iter().for_each(|record| again.replay(record));
        again.strive(Slot(5));
        assert_eq!(exchange(&mut again, &mut ahead, |_| false), parts - (broken - 1), "only the rest is sent");
        assert_eq!(again.learned(), Slot(5));
    }
}

/// While a transfer is under way, the other node has put a later snapshot in the place of the one it was sending.
#[test]
fn a_superseded_transfer_begins_anew() {
    let (mut behind, mut ahead) = (learner(), knowing(9));
    let compact = |upto, byte| Request::Compact { upto: Slot(upto), state: vec![byte; 3 * PART].into() };
    step(&mut ahead, Event::Request(compact(5, 1)));
    behind.strive(Slot(9));
    exchange(&mut behind, &mut ahead, |said| said > 2);
    assert_eq!(behind.log.partial(), Some((Slot(5), 2 * PART as u64)));
    let late = SnapshotPart::cut(Slot(5), &vec![1; 3 * PART].into(), 2 * PART as u64, PART).next().expect("a part");
    step(&mut ahead, Event::Request(compact(8, 2)));
    exchange(&mut behind, &mut ahead, |said| said > 1);
    assert_eq!(behind.log.partial(), Some((Slot(8), PART as u64)));
    assert!(receive(&mut behind, LEADER, Message::Snapshot(late)).records.is_empty(), "a part of the earlier one");
    exchange(&mut behind, &mut ahead, |_| false);
    exchange(&mut behind, &mut ahead, |_| false);
    let mut out = Effects::new();
    behind.tell(&mut out);
    assert_eq!(out.outputs[0], Output::Installed { upto: Slot(8), state: vec![2; 3 * PART].into() });
    assert_eq!(behind.learned(), Slot(9));
}

/// The node that was sending has gone, and the one that is asked next has not come so far with its snapshot: an earlier
/// one is better than none that will ever be whole.
#[test]
fn a_transfer_begins_anew_from_a_node_with_an_earlier_snapshot() {
    let (mut behind, mut first, mut second) = (learner(), knowing(9), knowing(9));
    let compact = |upto, byte| Request::Compact { upto: Slot(upto), state: vec![byte; 3 * PART].into() };
    step(&mut first, Event::Request(compact(8, 1)));
    step(&mut second, Event::Request(compact(5, 2)));
    behind.strive(Slot(9));
    exchange(&mut behind, &mut first, |said| said > 2);
    assert_eq!(behind.log.partial(), Some((Slot(8), 2 * PART as u64)));
    exchange(&mut behind, &mut second, |_| false);
    assert_eq!(behind.learned(), Slot(9));
}

/// Nothing more is waited for than what will come: after the end of a snapshot the rest is asked for at once, and after
/// everything nothing is.
#[test]
fn who_has_been_sent_all_waits_for_nothing() {
    let (mut behind, mut ahead) = (learner(), knowing(9));
    step(&mut ahead, Event::Request(Request::Compact { upto: Slot(5), state: b"state"[..].into() }));
    behind.strive(Slot(9));
    assert_eq!(exchange(&mut behind, &mut ahead, |_| false), 1 + 4, "the snapshot, and four slots after it");
    assert!(!behind.is_fetching() && !behind.is_behind());
}

/// What was heard of slots that the snapshot stands for is forgotten; what was heard of those after it counts.
#[test]
fn a_snapshot_takes_the_place_of_what_was_heard() {
    let mut learner = learner();
    for slot in [1, 3, 4] {
        receive(&mut learner, LEADER, Message::Learn { slot: Slot(slot), value: command(slot) });
    }
    let out = receive(&mut learner, LEADER, Message::Snapshot(part(Slot(4), 0, 0, b"")));
    let installed = Output::Installed { upto: Slot(4), state: Bytes::default() };
    assert_eq!(out.outputs, [installed, Output::Chosen { slot: Slot(4), value: command(4) }]);
    assert_eq!((learner.first(), learner.learned()), (Slot(4), Slot(5)));
}

/// A part counts when it goes on where the one before ended, within the whole; a first part that comes twice does not
/// begin anew.
#[test]
fn a_part_counts_in_its_place() {
    let taken = |learner: &mut Learner<u64>, total, offset, bytes: &[u8]| {
        !receive(learner, LEADER, Message::Snapshot(part(Slot(4), total, offset, bytes))).records.is_empty()
    };
    let mut learner = learner();
    assert!(!taken(&mut learner, 5, 1, b"x"), "the beginning is missing");
    assert!(!taken(&mut learner, 1, 0, b"xx"), "more than the whole");
    let mut learner = self::learner();
    assert!(taken(&mut learner, 5, 0, b"ab"));
    for (total, offset, bytes) in [(5, 0, &b"ab"[..]), (5, 1, b"bc"), (5, 3, b"de"), (5, 2, b"cdef"), (6, 2, b"cd")] {
        assert!(!taken(&mut learner, total, offset, bytes), "{total} {offset} {bytes:?}");
        assert_eq!(learner.log.partial(), Some((Slot(4), 2)));
    }
    assert!(taken(&mut learner, 5, 2, b"cde"));
    assert_eq!((learner.learned(), learner.log.partial()), (Slot(4), None));
}

#[test]
fn what_does_not_come_is_asked_for_again() {
    let mut behind = learner();
    behind.strive(Slot(2));
    let asks = |behind: &mut Learner<u64>| {
        let mut out = Effects::new();
        behind.fetch_again(NodeSet::only(LEADER), &mut out);
        out.sends.len()
    };
    assert_eq!(asks(&mut behind), 1);
    assert_eq!(asks(&mut behind), 1, "nothing has come since");
    receive(&mut behind, LEADER, Message::Learn { slot: Slot(0), value: command(0) });
    assert_eq!(asks(&mut behind), 0, "something has come: the rest is on its way");
    assert_eq!(asks(&mut behind), 1, "it was not");
    receive(&mut behind, LEADER, Message::Learn { slot: Slot(1), value: command(1) });
    assert_eq!(asks(&mut behind) + asks(&mut behind), 0, "nothing is missing");
}

/// Which slots are kept: those that no snapshot covers; and of the others, those that a member needs, up to the limit.
#[test]
fn a_slot_is_kept_while_a_member_may_need_it() {
    for (retain, upto, everywhere) in
        (0..7).flat_map(|retain| (0..7).flat_map(move |upto| (0..7).map(move |all| (retain, upto, all))))
    {
        let mut learner = Learner::new(quorums(), retain);
        for slot in 0..5 {
            receive(&mut learner, LEADER, Message::Learn { slot: Slot(slot), value: command(slot) });
        }
        step(&mut learner, Event::Request(Request::Compact { upto: Slot(upto), state: Bytes::default() }));
        learner.everywhere(Slot(everywhere));
        let covered = if upto <= 5 { upto } else { 0 };
        let kept = |slot: u64| covered <= slot || (everywhere <= slot && 5 - slot <= retain);
        let first = (0..5).find(|slot| kept(*slot)).unwrap_or(5);
        assert_eq!(learner.first(), Slot(first), "retain {retain}, upto {upto}, everywhere {everywhere}");
        assert!((0..5).all(|slot| learner.chosen(Slot(slot)).is_some() == (first <= slot)));
    }
}

/// No word of a member that lies makes it panic, answer without a limit, or take more memory than it was sent.
#[test]
fn a_lying_member_does_not_hurt() {
    let far = [Slot(0), Slot(5), Slot(u64::MAX - 1), Slot(u64::MAX)];
    let mut words = Vec::new();
    for slot in far {
        let ballot = BALLOTS[1];
        words.push(Message::Accept { ballot, slot, value: command(slot.0), chosen: slot });
        words.push(Message::Accepted { ballot, slot });
        words.push(Message::Heartbeat { ballot, round: u64::MAX, chosen: slot, everywhere: slot });
        words.push(Message::Learn { slot, value: command(slot.0) });
        words.push(Message::Fetch { from: slot, partial: Some((slot, u64::MAX)) });
        words.push(Message::Fetch { from: slot, partial: None });
        for (total, offset) in [(0, 0), (1, 0), (1, 1), (1, u64::MAX), (u64::MAX, 0), (u64::MAX, u64::MAX)] {
            words.push(Message::Snapshot(part(slot, total, offset, b"x")));
            words.push(Message::Snapshot(part(slot, total, offset, b"")));
        }
    }
    let all = words.len();
    for sequence in 0..all.pow(3) {
        let mut learner = learner();
        for turn in 0..3_u32 {
            let word = words[sequence / all.pow(turn) % all].clone();
            let out = receive(&mut learner, LEADER, word);
            assert!(out.sends.len() <= PAGE as usize && out.outputs.len() <= 4);
        }
        let mut out = Effects::new();
        learner.fetch_again(NodeSet::only(LEADER), &mut out);
        learner.tell(&mut out);
        step(&mut learner, Event::Request(Request::Compact { upto: Slot(u64::MAX), state: Bytes::default() }));
        assert!(out.outputs.len() <= 4 && learner.checkpoint().len() <= 4);
    }
}

#[test]
fn who_has_voted_can_be_asked_by_ballot() {
    let mut learner = learner();
    let [low, high] = BALLOTS;
    receive(&mut learner, LEADER, Message::Accept { ballot: high, slot: Slot(0), value: command(1), chosen: Slot(0) });
    receive(&mut learner, NodeId(3), Message::Accepted { ballot: high, slot: Slot(0) });
    assert_eq!(learner.voters(Slot(0), Some(high)), NodeSet::only(NodeId(3)));
    for (slot, ballot) in [(0, Some(low)), (0, None), (1, Some(high))] {
        assert_eq!(learner.voters(Slot(slot), ballot), NodeSet::EMPTY, "s{slot} in {ballot:?}");
    }
}

#[test]
fn what_was_voted_in_one_ballot_stays_when_one_more_vote_comes() {
    let mut learner = learner();
    let [low, high] = BALLOTS;
    receive(&mut learner, NodeId(1), Message::Accepted { ballot: high, slot: Slot(0) });
    receive(&mut learner, NodeId(3), Message::Accepted { ballot: low, slot: Slot(0) });
    assert_eq!(learner.voters(Slot(0), Some(high)), NodeSet::only(NodeId(1)), "a lower ballot is no news");
    receive(&mut learner, NodeId(3), Message::Accepted { ballot: ballot(3, 1), slot: Slot(0) });
    assert_eq!(learner.voters(Slot(0), Some(ballot(3, 1))), NodeSet::only(NodeId(3)), "a higher one is");
}

/// A mark is written down once, and only as far as it has been learned.
#[test]
fn a_mark_is_recorded_when_it_says_more() {
    let mut learner = learner();
    let mut hears = |message| receive(&mut learner, LEADER, message).records;
    let mark = |slot| Record::<u64>::Chosen(BALLOTS[0], Slot(slot));
    let accept = |slot| Message::Accept { ballot: BALLOTS[0], slot: Slot(slot), value: command(slot), chosen: Slot(0) };
    hears(accept(0));
    hears(accept(1));
    assert!(!hears(heartbeat(BALLOTS[0], Slot(0))).contains(&mark(0)), "it says nothing");
    assert!(hears(heartbeat(BALLOTS[0], Slot(1))).contains(&mark(1)));
    assert!(!hears(heartbeat(BALLOTS[0], Slot(1))).contains(&mark(1)), "it is known");
    assert!(hears(heartbeat(BALLOTS[0], Slot(5))).contains(&mark(2)), "the rest is not known here");
}

#[test]
fn whether_something_is_asked_for_can_be_asked() {
    let mut learner = learner();
    let mut out = Effects::new();
    assert!(!learner.is_fetching());
    learner.strive(Slot(2));
    learner.fetch(NodeSet::only(LEADER), &mut out);
    assert!(learner.is_fetching());
    for slot in 0..2 {
        receive(&mut learner, LEADER, Message::Learn { slot: Slot(slot), value: command(slot) });
    }
    assert!(!learner.is_fetching(), "it has come");
}

/// The first part comes again in the middle of a transfer: the network says things twice, and what was received stays.
#[test]
fn the_first_part_of_a_snapshot_again_does_not_begin_anew() {
    let mut learner = learner();
    let state = Bytes::from(vec![7; PART + 1]);
    let parts: Vec<_> = SnapshotPart::cut(Slot(9), &state, 0, PART).collect();
    let [first, last] = &parts[..] else { panic!("two parts") };
    for part in [first, first, last] {
        receive(&mut learner, LEADER, Message::Snapshot(part.clone()));
    }
    assert_eq!(learner.learned(), Slot(9));
    let mut exact = Learner::<u64>::new(quorums(), 0);
    let whole = SnapshotPart { total: first.part.len() as u64, ..first.clone() };
    receive(&mut exact, LEADER, Message::Snapshot(whole));
    assert_eq!(exact.learned(), Slot(9), "a part that fills the room that is left is taken");
}

/// The first leader's mark is of no use here, where nothing of its ballot was heard. The next leader's is.
#[test]
fn a_mark_of_a_higher_ballot_takes_the_place_of_a_lower_one() {
    let mut learner = learner();
    let [low, high] = BALLOTS;
    receive(&mut learner, LEADER, heartbeat(low, Slot(1)));
    receive(&mut learner, LEADER, Message::Accept { ballot: high, slot: Slot(0), value: command(7), chosen: Slot(0) });
    receive(&mut learner, LEADER, heartbeat(high, Slot(1)));
    assert_eq!(values(&learner), [Some(command(7))]);
}

#[test]
fn the_largest_snapshot_has_a_gibibyte() {
    for (total, received) in [(1 << 30, 3), ((1 << 30) + 1, 0)] {
        let mut learner = learner();
        let part = SnapshotPart { upto: Slot(9), total, offset: 0, part: Bytes::from(vec![1, 2, 3]) };
        receive(&mut learner, LEADER, Message::Snapshot(part));
        assert_eq!(learner.came(), (Slot(0), received), "of {total} bytes");
    }
}

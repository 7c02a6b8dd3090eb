//! All pairs of short logs that Raft can bring about, and how a leader makes the other one like its own.

use alloc::{vec, vec::Vec};

use paxos_messages::{
    Slot,
    multi::{Entry, Request, SnapshotPart},
};
use paxos_process::{Event, NodeId, NodeSet, Process};
use paxos_quorums::Quorums;

use crate::{Effects, Log, Message, Options, Position, Record, Replica, Term};

const SHORT: u64 = 4;

/// Every sequence of terms that never goes down, of up to so many entries of terms 1 to 3.
fn shapes() -> Vec<Vec<u64>> {
    let mut all = vec![vec![]];
    let mut last = all.clone();
    for _ in 0..SHORT {
        last = last
            .iter()
            .flat_map(|shape: &Vec<u64>| {
                let lowest = shape.last().copied().unwrap_or(1);
                (lowest..=3).map(|term| shape.iter().copied().chain([term]).collect::<Vec<_>>()).collect::<Vec<_>>()
            })
            .collect();
        all.extend(last.clone());
    }
    all
}

/// All pairs of them that can be at the same time. What a term has appended, one leader has: two logs with entries of one
/// term have them behind the same entries (§5.3, Log Matching).
fn pairs() -> impl Iterator<Item = (Vec<u64>, Vec<u64>)> {
    let begin = |shape: &[u64], term: u64| {
        let slot = shape.iter().position(|of| *of == term)?;
        Some(shape[..slot].to_vec())
    };
    let can_be = move |one: &[u64], other: &[u64]| {
        (1..=3).all(|term| begin(one, term).zip(begin(other, term)).is_none_or(|(one, other)| one == other))
    };
    let all = shapes();
    let pairs =
        all.clone().into_iter().flat_map(move |one| all.clone().into_iter().map(move |other| (one.clone(), other)));
    pairs.filter(move |(one, other)| can_be(one, other))
}

/// A log of these terms. Where two logs have the same terms in front of a slot, they have the same entry in it, as logs of
/// Raft do: the entry is named by them.
fn log_of(terms: &[u64]) -> Log<Vec<u64>> {
    let mut log = Log::new(0);
    for (slot, term) in (0..).zip(terms) {
        log.write(Slot(slot), Term(*term), Entry::Command(terms[..=usize::try_from(slot).unwrap()].to_vec()));
    }
    log
}

fn common(one: &[u64], other: &[u64]) -> u64 {
    one.iter().zip(other).take_while(|(one, other)| one == other).count() as u64
}

/// Backing up never goes below what is common, and ends: each step is lower than the one before.
#[test]
fn two_logs_meet_where_they_agree_and_no_lower() {
    let mut most = 0;
    for (leads, follows) in pairs() {
        let (leader, follower) = (log_of(&leads), log_of(&follows));
        let (mut next, mut steps) = (leader.end(), 0);
        loop {
            let before = leader.position(next).unwrap();
            if follower.position(next) == Some(before) {
                break;
            }
            let hint = follower.position(follower.meet(before)).unwrap();
            let back = leader.meet(hint);
            assert!(back < next, "{leads:?} {follows:?}: from {next} to {back}");
            assert!(Slot(common(&leads, &follows)) <= back, "{leads:?} {follows:?}: {back} is common, and given up");
            (next, steps) = (back, steps + 1);
        }
        most = most.max(steps);
    }
    assert_eq!(most, 2, "at most a step for each term that the two have not in common");
}

/// Two nodes with any two logs: the one is elected if its log is as up-to-date as the other's, and then the other's becomes
/// the same, whatever it was.
#[test]
fn a_leader_makes_every_log_its_own() {
    for (leads, follows) in pairs() {
        let quorums = Quorums::majority(NodeSet::first(2)).unwrap();
        let replica = |id, terms: &[u64]| {
            let mut replica = Replica::new(NodeId(id), quorums, Options::default());
            replica.replay(Record::Term(Term(3)));
            for slot in 0..terms.len() {
                let entry = Entry::Command(terms[..=slot].to_vec());
                replica.replay(Record::Appended(Slot(slot as u64), Term(terms[slot]), entry));
            }
            replica
        };
        let mut nodes = [replica(1, &leads), replica(2, &follows)];
        let mut mail = vec![(0, Event::Request(Request::Campaign))];
        let mut messages = 0;
        while let Some((to, event)) = (!mail.is_empty()).then(|| mail.remove(0)) {
            let mut out = Effects::new();
            nodes[to].step(event, &mut out);
            let from = NodeId(to as u8 + 1);
            for sent in out.sends.into_iter().chain(out.sends_after_sync) {
                for node in sent.to {
                    messages += 1;
                    mail.push((usize::from(node.0) - 1, Event::Receive { from, message: sent.message.clone() }));
                }
            }
        }
        let up_to_date = position(&follows) <= position(&leads);
        assert_eq!(nodes[0].serves(), up_to_date, "{leads:?} {follows:?}");
        if up_to_date {
            assert_eq!(nodes[0].log().last(), nodes[1].log().last());
            for slot in 0..nodes[0].log().end().0 {
                assert_eq!(nodes[0].log().entry(Slot(slot)), nodes[1].log().entry(Slot(slot)), "{leads:?} {follows:?}");
            }
        }
        assert!(messages < 40, "{leads:?} {follows:?}: {messages} messages");
    }
}

fn position(terms: &[u64]) -> Position {
    Position { term: Term(terms.last().copied().unwrap_or(0)), end: Slot(terms.len() as u64) }
}

/// A snapshot of any beginning of one log, installed into any other: what the other has behind it is kept if it is behind
/// the same entry, and all of it goes if it is not (Figure 13, step 6).
#[test]
fn a_snapshot_keeps_what_is_behind_the_same_entry() {
    let (mut kept, mut dropped) = (0, 0);
    for (from, into) in pairs() {
        for upto in 1..=from.len() {
            let last = Term(from[upto - 1]);
            let part = SnapshotPart { upto: Slot(upto as u64), total: 1, offset: 0, part: b"s"[..].into() };
            let mut log = log_of(&into);
            assert!(log.take(&part));
            assert_eq!(log.install(last), Some(Slot(upto as u64)));
            let same = into.len() >= upto && from[..upto] == into[..upto];
            let end = if same { into.len() } else { upto };
            assert_eq!(
                (log.covered(), log.end()),
                (Slot(upto as u64), Slot(end as u64)),
                "{from:?} to {upto}, {into:?}"
            );
            assert_eq!(log.last().term, if same { Term(into[end - 1]) } else { last });
            kept += usize::from(same && upto < into.len());
            dropped += usize::from(!same && upto < into.len());
        }
    }
    assert!(kept > 50 && dropped > 50, "{kept} {dropped}");
}

/// A late `AppendEntries` about fewer entries does not cut off what a later one has brought.
#[test]
fn what_is_there_already_is_not_cut_off() {
    let mut replica = Replica::new(NodeId(2), Quorums::majority(NodeSet::first(3)).unwrap(), Options::default());
    let append = |end: u64| Message::AppendEntries {
        term: Term(1),
        before: Position { term: Term(u64::from(0 < end)), end: Slot(end) },
        entry: Some((Term(1), Entry::Command(end))),
        chosen: Slot(0),
        everywhere: Slot(0),
        round: 0,
    };
    let mut out = Effects::new();
    for end in [0, 1, 0] {
        replica.step(Event::Receive { from: NodeId(1), message: append(end) }, &mut out);
    }
    assert_eq!(
        (replica.log().end(), out.records.len()),
        (Slot(2), 3),
        "a term and two entries were written, each once"
    );
}

//! What a script cannot show: what things cost, all ways in which logs can differ, long transfers, and broken links.

mod logs;

use alloc::{collections::BTreeSet, format, string::ToString, vec, vec::Vec};

use paxos_messages::{
    Phase, Slot,
    multi::{Entry, Output, PART, PARTS, Refusal, Request, SnapshotPart, Timer},
};
use paxos_process::{NodeId, NodeSet, Process};
use paxos_quorums::Quorums;
use paxos_sim::{Choice, Disk, Happening, Invariant, Loopback, Setting, World};

use crate::{Effects, Event, Message, Options, Position, Record, Replica, Term};

const LEADER: NodeId = NodeId(1);
const OTHER: NodeId = NodeId(2);
const THIRD: NodeId = NodeId(3);

fn members(count: u8) -> NodeSet {
    NodeSet::first(count)
}

fn majority(count: u8) -> Quorums {
    Quorums::majority(members(count)).unwrap()
}

/// A world whose disks are quick, led by node 1.
fn led(quorums: Quorums, options: Options) -> World<Replica<u64>> {
    let setting = Setting { quorums, disk: Disk::AtOnce, loopback: Loopback::AtOnce };
    let mut world = World::new(setting, |id| Replica::new(id, quorums, options));
    world.apply(&Choice::Request(LEADER, Request::Campaign), &mut ());
    settle(&mut world);
    assert!(world.process(LEADER).serves());
    world
}

fn settle(world: &mut World<Replica<u64>>) {
    world.stabilize(&mut ());
    assert_eq!(world.violated(&Invariant::ALL), None);
}

fn ask(world: &mut World<Replica<u64>>, id: NodeId, request: Request<u64>) -> Vec<Output<u64>> {
    let mut told = Vec::new();
    world.apply(&Choice::Request(id, request), &mut |happening: Happening<'_, Replica<u64>>| {
        if let Happening::Told(_, output) = happening {
            told.push(output.clone());
        }
    });
    told
}

fn fire(world: &mut World<Replica<u64>>, id: NodeId, timer: Timer) {
    world.apply(&Choice::Fire(id, timer), &mut ());
    settle(world);
}

fn cut(world: &mut World<Replica<u64>>, id: NodeId, from: NodeSet) {
    for other in from.without(id) {
        world.apply(&Choice::Cut(id, other), &mut ());
        world.apply(&Choice::Cut(other, id), &mut ());
    }
}

fn heal(world: &mut World<Replica<u64>>, id: NodeId, from: NodeSet) {
    for other in from.without(id) {
        world.apply(&Choice::Heal(id, other), &mut ());
        world.apply(&Choice::Heal(other, id), &mut ());
    }
}

/// In the steady state a slot costs 2(N-1) messages, and one sync at each node; and what the leader appends does not wait for
/// its own. The same as in Multi-Paxos.
#[test]
fn a_slot_costs_what_the_theory_says() {
    for count in [1, 3, 5, 7] {
        let quorums = majority(count);
        let setting = Setting { quorums, disk: Disk::Manual, loopback: Loopback::AtOnce };
        let mut world = World::new(setting, |id| Replica::<u64>::new(id, quorums, Options::default()));
        world.apply(&Choice::Request(LEADER, Request::Campaign), &mut ());
        world.stabilize(&mut ());
        for command in 0..10 {
            let (mut asks, mut votes, mut others, mut syncs) = (0, 0, 0, vec![]);
            let mut watch = |happening: Happening<'_, Replica<u64>>| match happening {
                Happening::Sent(packet) if packet.from != packet.to => match packet.message {
                    Message::AppendEntries { entry: Some(_), .. } => asks += 1,
                    Message::Appended { .. } => votes += 1,
                    _ => others += 1,
                },
                Happening::Synced(id) => syncs.push(id),
                _ => {}
            };
            world.apply(&Choice::Request(LEADER, Request::Propose(command)), &mut watch);
            assert_eq!(world.network().len(), usize::from(count) - 1, "the entry is under way already");
            assert!(world.has_unsynced(LEADER), "while the leader's own vote waits for its disk");
            world.stabilize(&mut watch);
            assert_eq!((asks, votes, others), (count - 1, count - 1, 0), "{count} nodes");
            syncs.sort();
            assert!(syncs.into_iter().eq(members(count).iter()), "each node syncs once for a slot");
            assert_eq!(world.process(LEADER).chosen(), Slot(command + 2), "and the first slot is the term's own");
        }
    }
}

/// An election costs 2(N-1) messages, whatever is in the logs: votes report nothing.
#[test]
fn an_election_costs_the_same_whatever_the_log_is() {
    for commands in [0, 5, 50] {
        let mut world = led(majority(5), Options::default());
        for command in 0..commands {
            ask(&mut world, LEADER, Request::Propose(command));
            settle(&mut world);
        }
        fire(&mut world, LEADER, Timer::Heartbeat);
        let mut election = 0;
        let mut watch = |happening: Happening<'_, Replica<u64>>| {
            let between = |packet: &paxos_sim::Packet<_>| packet.from != packet.to;
            if let Happening::Sent(packet) = happening
                && between(packet)
                && matches!(packet.message, Message::RequestVote { .. } | Message::Vote { .. })
            {
                election += 1;
            }
        };
        world.apply(&Choice::Request(OTHER, Request::Campaign), &mut watch);
        world.stabilize(&mut watch);
        assert_eq!((election, world.process(OTHER).serves()), (8, true));
    }
}

#[test]
fn every_quorum_is_enough_and_nothing_less_is() {
    let grid = Quorums::grid(members(4), 2).unwrap();
    for quorums in [majority(3), majority(4), Quorums::flexible(members(5), 4, 2).unwrap(), grid] {
        for bits in 0..1_u64 << quorums.members().len() {
            let up: NodeSet = quorums.members().iter().filter(|id| bits & 1 << (id.0 - 1) != 0).collect();
            if !up.contains(LEADER) {
                continue;
            }
            let mut world = led(quorums, Options::default());
            for id in quorums.members() {
                if !up.contains(id) {
                    cut(&mut world, id, quorums.members());
                }
            }
            ask(&mut world, LEADER, Request::Propose(7));
            settle(&mut world);
            assert_eq!(world.process(LEADER).chosen() == Slot(2), quorums.is_phase2(up), "{quorums} of {up}");
        }
    }
}

#[test]
fn a_full_window_refuses_and_opens_again() {
    let mut world = led(majority(3), Options { window: 3, ..Options::default() });
    let busy = |value| vec![Output::Refused { value, why: Refusal::Busy }];
    assert_eq!(
        (0..3).map(|value| ask(&mut world, LEADER, Request::Propose(value))).collect::<Vec<_>>(),
        [vec![], vec![], vec![]]
    );
    assert_eq!(ask(&mut world, LEADER, Request::Propose(3)), busy(3));
    settle(&mut world);
    assert_eq!(ask(&mut world, LEADER, Request::Propose(4)), []);
}

/// A snapshot of several pages, of which every third part is lost once, arrives whole, and the transfer goes on where it was.
#[test]
fn a_long_snapshot_arrives_in_parts() {
    let (quorums, all) = (majority(3), members(3));
    let mut world = led(quorums, Options { retain: 0, ..Options::default() });
    cut(&mut world, THIRD, all);
    ask(&mut world, LEADER, Request::Propose(1));
    settle(&mut world);
    fire(&mut world, LEADER, Timer::Heartbeat);
    let state: Vec<u8> = (0..PART * (2 * PARTS + 3) + 5).map(|at| (at / PART) as u8).collect();
    for id in [LEADER, OTHER] {
        ask(&mut world, id, Request::Compact { upto: Slot(2), state: state.clone().into() });
    }
    heal(&mut world, THIRD, all);
    let (mut lost, mut rounds) = (BTreeSet::new(), 0);
    while world.process(THIRD).chosen() < Slot(2) {
        rounds += 1;
        assert!(rounds < 50, "it comes on: {:?}", world.process(THIRD).log().partial());
        world.apply(&Choice::Fire(LEADER, Timer::Heartbeat), &mut ());
        while let Some(packet) = world.network().first() {
            let is_lost = match &packet.message {
                Message::InstallSnapshot { part, .. } => {
                    (part.offset / PART as u64).is_multiple_of(3) && lost.insert(part.offset)
                }
                _ => false,
            };
            world.apply(&if is_lost { Choice::Drop(0) } else { Choice::Deliver(0) }, &mut ());
        }
    }
    assert_eq!(lost.len(), 7, "each of them was lost, and sent again");
    let installed = world.process(THIRD);
    assert_eq!((installed.chosen(), installed.log().first()), (Slot(2), Slot(2)));
    fire(&mut world, LEADER, Timer::Heartbeat);
    ask(&mut world, LEADER, Request::Propose(2));
    settle(&mut world);
    fire(&mut world, LEADER, Timer::Heartbeat);
    assert_eq!(world.process(THIRD).chosen(), Slot(3));
}

/// The leader takes no commands while it hands over; if nobody takes over, it does again.
#[test]
fn an_heir_that_does_not_come_is_given_up() {
    let mut world = led(majority(3), Options::default());
    fire(&mut world, LEADER, Timer::Heartbeat);
    cut(&mut world, OTHER, members(3));
    ask(&mut world, LEADER, Request::Transfer(OTHER));
    assert_eq!(ask(&mut world, LEADER, Request::Propose(2)), [Output::Refused { value: 2, why: Refusal::Busy }]);
    settle(&mut world);
    fire(&mut world, LEADER, Timer::Election);
    assert_eq!(
        ask(&mut world, LEADER, Request::Propose(3)),
        [Output::Refused { value: 3, why: Refusal::Busy }],
        "not yet"
    );
    fire(&mut world, LEADER, Timer::Heartbeat);
    fire(&mut world, LEADER, Timer::Election);
    assert_eq!(ask(&mut world, LEADER, Request::Propose(4)), []);
    settle(&mut world);
    assert!(world.process(LEADER).serves());
}

/// Who hears no leader asks first, and raises no term: whoever hears one stays silent, and so does whoever has a longer log.
#[test]
fn a_working_leader_is_left_alone() {
    let mut world = led(majority(3), Options::default());
    cut(&mut world, THIRD, NodeSet::only(LEADER));
    for _ in 0..5 {
        fire(&mut world, THIRD, Timer::Election);
        assert_eq!(world.process(THIRD).term(), Term(1), "n2 hears n1");
    }
    let mut world = led(majority(3), Options::default());
    cut(&mut world, THIRD, members(3));
    ask(&mut world, LEADER, Request::Propose(1));
    settle(&mut world);
    world.apply(&Choice::Crash(LEADER), &mut ());
    heal(&mut world, THIRD, members(3));
    for _ in 0..5 {
        fire(&mut world, OTHER, Timer::Election);
        if world.process(OTHER).leads().is_some() {
            break;
        }
        fire(&mut world, THIRD, Timer::Election);
        assert_eq!(world.process(THIRD).term(), world.process(OTHER).term(), "n2 hears nobody, and has the longer log");
    }
    assert!(world.process(OTHER).serves());
}

/// Whoever has given its vote does not go on asking for itself: answers that come late are of no use any more.
#[test]
fn a_voter_does_not_campaign_by_an_earlier_question() {
    let (mut replica, mut out) = (Replica::<u64>::new(LEADER, majority(5), Options::default()), Effects::new());
    replica.step(Event::Timeout(Timer::Election), &mut out);
    let willing = |round| Message::Willing { round, term: Term(0) };
    replica.step(Event::Receive { from: OTHER, message: willing(1) }, &mut out);
    let request = Message::RequestVote { term: Term(1), last: Position::ORIGIN };
    replica.step(Event::Receive { from: THIRD, message: request }, &mut out);
    replica.step(Event::Receive { from: NodeId(4), message: willing(1) }, &mut out);
    assert_eq!(replica.term(), Term(1), "it has voted for n3");
    assert!(matches!(out.records[..], [Record::Term(Term(1)), Record::Voted(Term(1), THIRD)]));
}

/// *Constrained election* (OmniPaxos, EuroSys 2023, §2): only n3 hears a quorum, and its log is short. In Multi-Paxos it would be
/// elected and be told the rest; in Raft nobody votes for it, and whoever has the log hears only n3.
#[test]
fn who_hears_a_quorum_and_has_a_short_log_cannot_lead() {
    let all = members(5);
    let mut world = led(majority(5), Options::default());
    cut(&mut world, THIRD, all);
    ask(&mut world, LEADER, Request::Propose(1));
    settle(&mut world);
    heal(&mut world, THIRD, all);
    for (id, other) in all.iter().flat_map(|id| all.iter().map(move |other| (id, other))) {
        if id != other && id != THIRD && other != THIRD {
            world.apply(&Choice::Cut(id, other), &mut ());
        }
    }
    for round in 0..5 {
        for id in all.without(THIRD) {
            fire(&mut world, id, Timer::Election); // the leader steps down, since it has heard no quorum
        }
        ask(&mut world, THIRD, Request::Campaign);
        settle(&mut world);
        assert!(round == 0 || all.iter().all(|id| world.process(id).leads().is_none()), "nobody leads");
    }
    heal(&mut world, OTHER, NodeSet::only(LEADER)); // n2 has the log, and now hears a quorum as well
    ask(&mut world, OTHER, Request::Campaign);
    settle(&mut world);
    assert!(world.process(OTHER).serves());
}

#[test]
fn every_message_has_its_phase_and_its_line() {
    let check = |message: Message<char>, phase: Phase, line: &str| {
        assert_eq!((message.phase(), message.to_string().as_str()), (phase, line));
    };
    let (term, at) = (Term(2), Position { term: Term(1), end: Slot(3) });
    check(Message::PreVote { round: 4, last: at }, Phase::Elect, "PreVote 4, log t1 s3");
    check(Message::Willing { round: 4, term }, Phase::Elect, "Willing 4");
    check(Message::RequestVote { term, last: at }, Phase::Elect, "RequestVote t2, log t1 s3");
    check(Message::Vote { term }, Phase::Elect, "Vote t2");
    check(Message::TimeoutNow { term }, Phase::Elect, "TimeoutNow t2");
    check(Message::Refused { term, phase: Phase::Decide }, Phase::Decide, "Refused for t2");
    let entries =
        |entry| Message::AppendEntries { term, before: at, entry, chosen: Slot(3), everywhere: Slot(1), round: 5 };
    let entry = Some((Term(1), Entry::Command('a')));
    check(entries(entry), Phase::Propose, "AppendEntries t2 behind t1 s3: a of t1, chosen s3");
    check(entries(None), Phase::Learn, "AppendEntries t2 behind t1 s3: nothing, chosen s3, everywhere s1, round 5");
    check(Message::Appended { term, matched: Slot(4), round: 5 }, Phase::Decide, "Appended t2 to s4, round 5");
    let behind = Message::Behind { term, refused: Slot(7), hint: at, round: 5 };
    check(behind, Phase::Decide, "Behind t2 at s7, perhaps t1 s3");
    let part = SnapshotPart { upto: Slot(3), total: 2, offset: 0, part: b"ab"[..].into() };
    let install = Message::InstallSnapshot { term, last: Term(1), part: part.clone() };
    check(install, Phase::Learn, &format!("InstallSnapshot t2 of t1 {part}"));
    let received = Message::Received { term, upto: Slot(3), bytes: 2 };
    check(received, Phase::Learn, "Received t2 2 bytes of the snapshot to s3");
    let records: Vec<Record<char>> = vec![
        Record::Term(term),
        Record::Voted(term, LEADER),
        Record::Appended(Slot(3), term, Entry::Noop),
        Record::Snapshot(Term(1), part.clone()),
    ];
    let lines: Vec<_> = records.iter().map(ToString::to_string).collect();
    assert_eq!(lines, ["Term t2", "Voted t2 for n1", "Appended s3 no-op of t2", &format!("Snapshot of t1 {part}")]);
}

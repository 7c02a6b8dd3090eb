//! A whole cluster in a simulated world: real replicas, and clients that ask again elsewhere.

use std::collections::BTreeMap;

use paxos_kv::{Ask, Batch, Command, Found, Options, Outcome, Output, Reply, Request, Service, SessionId, Written};
use paxos_multi::Replica;
use paxos_process::{NodeId, NodeSet};
use paxos_quorums::Quorums;
use paxos_sim::{Choice, ChoiceOf, Happening, Invariant, Setting, World};

use crate::{append, bytes, get};

pub(crate) type Kv = Service<Replica<Batch>>;

pub(crate) fn world(options: Options) -> World<Kv> {
    let quorums = Quorums::majority(NodeSet::first(3)).unwrap();
    let replica = move |id| Replica::new(id, quorums, paxos_multi::Options { window: 4, retain: 0 });
    World::new(Setting::new(quorums), move |id| Service::new(replica(id), options))
}

pub(crate) fn client(token: u64, ask: Ask) -> Request {
    Request::Client { token, ask }
}

fn append_as(session: u64, sequence: u64, suffix: &str) -> Ask {
    let operation = append("k", suffix);
    Ask::Execute(Command::Do { session: SessionId(session), sequence, acknowledged: sequence, operation })
}

/// Lets it happen, then lets the world come to rest, and returns the answers.
pub(crate) fn apply(world: &mut World<Kv>, choice: &ChoiceOf<Kv>) -> BTreeMap<u64, Reply> {
    let mut answers = BTreeMap::new();
    let mut watch = |happening: Happening<'_, Kv>| {
        if let Happening::Told(_, Output::Answer { token, reply }) = happening {
            assert_eq!(answers.insert(*token, reply.clone()), None, "{token} is answered twice");
        }
    };
    world.apply(choice, &mut watch);
    world.stabilize(&mut watch);
    answers
}

pub(crate) fn lead(world: &mut World<Kv>, node: u8) {
    apply(world, &Choice::Request(NodeId(node), Request::Campaign));
    assert!(world.process(NodeId(node)).status().leads, "n{node}");
}

#[test]
fn a_command_asked_again_at_the_next_leader_is_done_once() {
    let mut world = world(Options::default());
    lead(&mut world, 1);
    let opened = apply(&mut world, &Choice::Request(NodeId(1), client(1, Ask::Execute(Command::Open { nonce: 0 }))));
    assert_eq!(opened, BTreeMap::from([(1, Reply::Done(Outcome::Opened(SessionId(1))))]));
    let ask = append_as(1, 0, "x");
    apply(&mut world, &Choice::Request(NodeId(1), client(2, ask.clone())));
    apply(&mut world, &Choice::Crash(NodeId(1)));
    lead(&mut world, 2);
    let again = apply(&mut world, &Choice::Request(NodeId(2), client(1, ask)));
    assert_eq!(again, BTreeMap::from([(1, Reply::Done(Outcome::Wrote(Written::Appended { length: 1 })))]));
    let read = apply(&mut world, &Choice::Request(NodeId(2), client(2, Ask::Read(get("k")))));
    assert_eq!(read, BTreeMap::from([(2, Reply::Found(Found::Value(Some(bytes("x")))))]));
    assert_eq!(world.violated(&Invariant::ALL), None);
}

#[test]
fn who_comes_back_late_takes_a_snapshot_over_and_knows_what_was_answered() {
    let mut world = world(Options { compact_after: 100, ..Options::default() });
    lead(&mut world, 1);
    apply(&mut world, &Choice::Request(NodeId(1), client(0, Ask::Execute(Command::Open { nonce: 0 }))));
    apply(&mut world, &Choice::Crash(NodeId(3)));
    for number in 0..12 {
        apply(&mut world, &Choice::Request(NodeId(1), client(number, append_as(1, number, "x"))));
    }
    while let Some(lost) = world.network().iter().position(|packet| packet.to == NodeId(3)) {
        world.apply(&Choice::Drop(lost), &mut ());
    }
    let mut restored = false;
    let mut watch = |happening: Happening<'_, Kv>| {
        restored |= matches!(happening, Happening::Told(NodeId(3), Output::Restored { .. }));
    };
    world.apply(&Choice::Restart(NodeId(3)), &mut watch);
    for _ in 0..5 {
        world.apply(&Choice::Fire(NodeId(1), paxos_messages::multi::Timer::Heartbeat), &mut watch);
        world.stabilize(&mut watch);
    }
    assert!(restored, "the log was cut, so there is no other way");
    assert_eq!(world.process(NodeId(3)).machine(), world.process(NodeId(1)).machine());

    lead(&mut world, 3);
    let again = apply(&mut world, &Choice::Request(NodeId(3), client(1, append_as(1, 11, "x"))));
    assert_eq!(again, BTreeMap::from([(1, Reply::Done(Outcome::Wrote(Written::Appended { length: 12 })))]));
}

//! A whole cluster in a simulated world: real replicas, faults by a seed, clients that ask again elsewhere, and two judges,
//! the invariants of the log and the linearizability of what clients saw.

use std::collections::{BTreeMap, BTreeSet};

use paxos_judge::{Action, Before, Call, End, Verdict, judge};
use paxos_kv::{
    Ask, Batch, Command, Found, Machine, Operation, Options, Outcome, Output, Query, Reply, Request, Service,
    SessionId, Written,
};
use paxos_multi::Replica;
use paxos_process::{NodeId, NodeSet};
use paxos_quorums::Quorums;
use paxos_sim::{Bounds, Choice, ChoiceOf, Happening, Invariant, Random, Setting, World};

use crate::{append, bytes, get};

type Kv = Service<Replica<Batch>>;

fn world(options: Options) -> World<Kv> {
    let quorums = Quorums::majority(NodeSet::first(3)).unwrap();
    let replica = move |id| Replica::new(id, quorums, paxos_multi::Options { window: 4, retain: 0 });
    World::new(Setting::new(quorums), move |id| Service::new(replica(id), options))
}

/// One command in a batch, so that `Validity` can be judged.
const SINGLE: Options =
    Options { pipeline: 2, batch_bytes: 0, batch_commands: 1, queue_bytes: 1 << 20, compact_after: u64::MAX };

fn client(token: u64, ask: Ask) -> Request {
    Request::Client { token, ask }
}

fn append_as(session: u64, sequence: u64, suffix: &str) -> Ask {
    let operation = append("k", suffix);
    Ask::Execute(Command::Do { session: SessionId(session), sequence, acknowledged: sequence, operation })
}

/// Lets it happen, then lets the world come to rest, and returns the answers.
fn apply(world: &mut World<Kv>, choice: &ChoiceOf<Kv>) -> BTreeMap<u64, Reply> {
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

fn lead(world: &mut World<Kv>, node: u8) {
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

/// What clients see, as they see it: from what the world tells while it happens.
#[derive(Default)]
struct Recorder {
    time: u64,
    /// By token: when it was asked first, and what.
    asked: BTreeMap<u64, (u64, Ask)>,
    /// Those that are over. When one is asked again after that, it is the same operation, and the answer is no news.
    over: BTreeSet<u64>,
    calls: Vec<Call>,
    nodes: BTreeSet<NodeId>,
}

impl Recorder {
    fn see(&mut self, happening: &Happening<'_, Kv>) {
        self.time += 1;
        match happening {
            Happening::Asked(_, Request::Client { token, ask }) => {
                let operation = operation_of(*token);
                if !self.over.contains(&operation) {
                    self.asked.entry(operation).or_insert((self.time, ask.clone()));
                }
            }
            Happening::Told(id, Output::Answer { token, reply: Reply::Done(_) | Reply::Found(_) }) => {
                let Happening::Told(_, Output::Answer { reply, .. }) = happening else { return };
                self.nodes.insert(*id);
                let operation = operation_of(*token);
                if let Some((invoke, ask)) = self.asked.remove(&operation) {
                    self.over.insert(operation);
                    self.calls.extend(call(operation, &ask, Some(reply), invoke, End::Returned(self.time)));
                }
            }
            _ => {}
        }
    }

    fn history(mut self) -> Vec<Call> {
        for (operation, (invoke, ask)) in self.asked {
            self.calls.extend(call(operation, &ask, None, invoke, End::Unknown));
        }
        self.calls
    }
}

/// Tokens from 100 on are second attempts.
const fn operation_of(token: u64) -> u64 {
    token % 100
}

fn call(client: u64, ask: &Ask, reply: Option<&Reply>, invoke: u64, end: End) -> Option<Call> {
    let action = match (ask, reply) {
        (Ask::Execute(Command::Do { operation: Operation::Append { suffix, .. }, .. }), reply) => {
            let length = match reply {
                Some(Reply::Done(Outcome::Wrote(Written::Appended { length }))) => Some(*length),
                Some(_) => return None, // such as an expired session: nothing is known to have been done
                None => None,
            };
            let existed = length.map(|length| 1 < length);
            Action::Append { suffix: suffix.to_string(), before: Before { existed, value: None } }
        }
        (Ask::Read(Query::Get { .. }), Some(Reply::Found(Found::Value(value)))) => {
            Action::Get { result: value.as_ref().map(ToString::to_string) }
        }
        _ => return None,
    };
    Some(Call { client, key: "k".into(), action, invoke, end })
}

/// Three clients append and read, each command is asked at two nodes, and anything goes wrong. Sessions 1 to 3 are opened
/// before anything else.
#[test]
fn no_seed_shows_a_client_what_it_must_not_see() {
    let (mut answered, mut restored, mut by) = (0, 0, BTreeSet::<NodeId>::new());
    for seed in 0..2_000 {
        let options = if seed % 2 == 0 { SINGLE } else { Options { compact_after: 60, ..Options::default() } };
        let mut world = world(options);
        lead(&mut world, 1);
        for token in 0..3 {
            apply(&mut world, &Choice::Request(NodeId(1), client(token, Ask::Execute(Command::Open { nonce: 0 }))));
        }
        let mut requests = Vec::new();
        for operation in 0..9_u64 {
            let (session, sequence) = (operation % 3 + 1, operation / 3);
            let write = Command::Do {
                session: SessionId(session),
                sequence,
                acknowledged: 0,
                operation: append("k", &operation.to_string()),
            };
            let ask = if operation % 3 == 2 { Ask::Read(get("k")) } else { Ask::Execute(write) };
            for attempt in 0..2 {
                let node = NodeId(((seed + operation + attempt) % 3 + 1) as u8);
                requests.push((node, client(operation + 100 * attempt, ask.clone())));
            }
        }
        requests.extend((1..=3).map(|node| (NodeId(node), Request::Campaign)));
        let bounds = Bounds { fires: 40, duplicates: 10, drops: 10, crashes: 3, ..Bounds::requests(requests) };
        let bounds = Bounds { may_crash: NodeSet::first(3), ..bounds };

        let mut recorder = Recorder::default();
        let mut watch = |happening: Happening<'_, Kv>| {
            restored += u32::from(matches!(happening, Happening::Told(_, Output::Restored { .. })));
            recorder.see(&happening);
        };
        let tally = Random::new(seed).run(&mut world, &bounds, &[], 400, &mut Vec::new(), &mut watch);
        let invariants: Vec<Invariant> = match seed % 2 {
            0 => Invariant::ALL.to_vec(),
            // A batch of several commands is nobody's wish, as a judge of values sees it.
            _ => Invariant::ALL.into_iter().filter(|invariant| *invariant != Invariant::Validity).collect(),
        };
        assert_eq!(world.violated(&invariants), None, "seed {seed}, {tally:?}");
        by.extend(&recorder.nodes);
        let history = recorder.history();
        answered += history.iter().filter(|call| call.end != End::Unknown).count();
        match judge(&history).unwrap() {
            Verdict::Linearizable { .. } => {}
            Verdict::NotLinearizable(why) => panic!("seed {seed}: {why}"),
            Verdict::Undecided { .. } => panic!("seed {seed} is too hard to judge"),
        }
        same_state_at_same_slot(&world, seed);
    }
    assert!(2_000 < answered, "{answered} answers");
    assert!(0 < restored, "no snapshot was taken over");
    assert_eq!(by.len(), 3, "every node led once");
}

/// Nodes that have applied the same slots are equal, to the byte.
fn same_state_at_same_slot(world: &World<Kv>, seed: u64) {
    let machines: Vec<&Machine> = (1..=3).map(|node| world.process(NodeId(node)).machine()).collect();
    for (one, other) in [(0, 1), (0, 2), (1, 2)] {
        let (one, other) = (machines[one], machines[other]);
        assert!(one.applied() != other.applied() || one.snapshot() == other.snapshot(), "seed {seed}");
    }
}

//! Random faults on a whole cluster, by a seed, and two judges: the invariants of the log, and the linearizability of what
//! clients saw. Then the faults end, and what is left is looked at: nothing that was acknowledged is lost, nothing was
//! done twice, and every node has the same state.

use std::collections::{BTreeMap, BTreeSet};

use paxos_judge::{Action, Before, Call, End, Verdict, judge};
use paxos_kv::{
    Ask, Command, Found, Operation, Options, Outcome, Output, Query, Reply, Request, SessionId, Status, Written,
};
use paxos_process::{NodeId, NodeSet};
use paxos_sim::{Bounds, Choice, Happening, Invariant, Random, World};

use crate::{
    append,
    cluster::{Kv, apply, client, lead, world},
    get,
};

/// One command in a batch, so that `Validity` can be judged.
const SINGLE: Options =
    Options { pipeline: 2, batch_bytes: 0, batch_commands: 1, queue_bytes: 1 << 20, compact_after: u64::MAX };

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

/// A token above 100 is of an operation that was asked before.
const fn operation_of(token: u64) -> u64 {
    token % 100
}

fn call(client: u64, ask: &Ask, reply: Option<&Reply>, invoke: u64, end: End) -> Option<Call> {
    let action = match (ask, reply) {
        (Ask::Execute(Command::Do { operation: Operation::Append { suffix, .. }, .. }), reply) => {
            let length = match reply {
                Some(Reply::Done(Outcome::Wrote(Written::Appended { length }))) => Some(*length),
                Some(other) => panic!("client {client} did nothing wrong: {other:?}"),
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

/// Three clients append and read, each command is asked at all nodes, and anything goes wrong: messages are lost, come twice
/// and in any order, links are cut, nodes crash, and one may lose its disk. Then all heals, and somebody reads.
#[test]
fn no_seed_shows_a_client_what_it_must_not_see() {
    let mut seen = Seen::default();
    for seed in 0..2_000 {
        one_seed(seed, &mut seen);
    }
    println!("{seen:?}");
    assert!(6_000 < seen.answered && 2_000 < seen.unknown, "{seen:?}");
    assert!(0 < seen.cuts && 0 < seen.crashes && 0 < seen.disks && 0 < seen.restored, "{seen:?}");
    assert_eq!(seen.by.len(), 3, "every node has answered: {seen:?}");
}

/// What shows that the faults were there, and that clients had something to see all the same.
#[derive(Debug, Default)]
struct Seen {
    answered: usize,
    unknown: usize,
    cuts: usize,
    crashes: usize,
    disks: usize,
    restored: u32,
    by: BTreeSet<NodeId>,
}

/// One run: what is in it, and what has been seen of it.
struct Run<'a> {
    seed: u64,
    world: World<Kv>,
    random: Random,
    invariants: Vec<Invariant>,
    recorder: Recorder,
    seen: &'a mut Seen,
}

fn one_seed(seed: u64, seen: &mut Seen) {
    let options = if seed.is_multiple_of(2) { SINGLE } else { Options { compact_after: 60, ..Options::default() } };
    // A batch of several commands is nobody's wish, as a judge of values sees it.
    let judged = |invariant: &Invariant| seed.is_multiple_of(2) || *invariant != Invariant::Validity;
    let invariants: Vec<Invariant> = Invariant::ALL.into_iter().filter(judged).collect();
    let mut world = world(options);
    lead(&mut world, 1);
    // Sessions 1 to 3 are opened before anything else.
    for token in 0..3 {
        apply(&mut world, &Choice::Request(NodeId(1), client(token, Ask::Execute(Command::Open { nonce: 0 }))));
    }
    let (random, recorder) = (Random::new(seed).ticking(), Recorder::default());
    let mut run = Run { seed, world, random, invariants, recorder, seen };
    run.break_it();
    run.mend_it();
    run.judge();
}

impl Run<'_> {
    fn break_it(&mut self) {
        let Self { seed, world, random, invariants, recorder, seen } = self;
        let mut restored = 0;
        let mut watch = |happening: Happening<'_, Kv>| {
            restored += u32::from(matches!(happening, Happening::Told(_, Output::Restored { .. })));
            recorder.see(&happening);
        };
        let mut path = Vec::new();
        let tally = random.run(world, &bounds(*seed), invariants, 600, &mut path, &mut watch);
        assert_eq!(tally.violated, None, "seed {seed}, {tally:?}");
        seen.cuts += tally.cuts;
        seen.crashes += tally.crashes;
        seen.disks += path.iter().filter(|choice| matches!(choice, Choice::Lose(_))).count();
        seen.restored += restored;
    }

    /// The faults end. Somebody must come to lead, whoever leads must answer, and then all must be as far.
    fn mend_it(&mut self) {
        for attempt in 0..20 {
            self.heal(|world| leader(world).is_some());
            if let Some(leader) = leader(&self.world) {
                let read = Choice::Request(leader, client(READ + 100 * attempt, Ask::Read(get("k"))));
                let Self { world, recorder, .. } = self;
                world.apply(&read, &mut |happening: Happening<'_, Kv>| recorder.see(&happening));
            }
            self.heal(at_rest);
            if self.recorder.over.contains(&READ) && at_rest(&self.world) {
                return;
            }
        }
        panic!("seed {} does not recover", self.seed);
    }

    fn heal(&mut self, end: fn(&World<Kv>) -> bool) {
        let Self { seed, world, random, invariants, recorder, .. } = self;
        let mut watch = |happening: Happening<'_, Kv>| recorder.see(&happening);
        let tally = random.heal(world, end, invariants, 5_000, &mut Vec::new(), &mut watch);
        assert_eq!(tally.violated, None, "seed {seed}, {tally:?}");
    }

    fn judge(self) {
        let Self { seed, recorder, seen, .. } = self;
        seen.by.extend(&recorder.nodes);
        let history = recorder.history();
        seen.unknown += history.iter().filter(|call| call.end == End::Unknown).count();
        seen.answered += history.iter().filter(|call| call.end != End::Unknown).count();
        match judge(&history).unwrap() {
            Verdict::Linearizable { .. } => {}
            Verdict::NotLinearizable(why) => panic!("seed {seed}: {why}"),
            Verdict::Undecided { .. } => panic!("seed {seed} is too hard to judge"),
        }
    }
}

/// The last read. Whatever was acknowledged before must be in it, and everything once: the judge sees to that.
const READ: u64 = 99;

/// Whatever may go wrong; and six commands, each asked at all nodes, and twelve reads. A read that is asked again is
/// another read.
fn bounds(seed: u64) -> Bounds<Request> {
    let mut requests = Vec::new();
    for operation in 0..6 {
        // Answers are lost here, so nobody acknowledges any.
        let (session, sequence, acknowledged) = (SessionId(operation % 3 + 1), operation / 3, 0);
        let operation_asked = append("k", &operation.to_string());
        let ask = Ask::Execute(Command::Do { session, sequence, acknowledged, operation: operation_asked });
        for attempt in 0..3 {
            let node = NodeId(((seed + operation + attempt) % 3 + 1) as u8);
            requests.push((node, client(operation + 100 * attempt, ask.clone())));
        }
    }
    requests.extend((6..18).map(|read| (NodeId((read % 3 + 1) as u8), client(read, Ask::Read(get("k"))))));
    requests.extend((1..=3).map(|node| (NodeId(node), Request::Campaign)));
    let (fires, duplicates, drops, crashes, losses, cuts) = (60, 10, 10, 3, 1, 12);
    let may_crash = NodeSet::first(3);
    Bounds { fires, duplicates, drops, crashes, may_crash, losses, cuts, ..Bounds::requests(requests) }
}

/// A node that leads and answers.
fn leader(world: &World<Kv>) -> Option<NodeId> {
    (1..=3).map(NodeId).find(|id| world.is_up(*id) && world.process(*id).status().leads)
}

/// Whether nobody waits for anything, and all have applied the same slots. Then they are equal, to the byte.
fn at_rest(world: &World<Kv>) -> bool {
    let [one, others @ ..] = [1, 2, 3].map(|node| world.process(NodeId(node)).machine());
    let level = others.iter().all(|other| other.applied() == one.applied());
    assert!(!level || others.iter().all(|other| other.snapshot() == one.snapshot()), "they differ");
    let waits = |status: Status| 0 < status.under_way + status.queued + status.reads;
    level && !(1..=3).any(|node| waits(world.process(NodeId(node)).status()))
}

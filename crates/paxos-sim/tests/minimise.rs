//! A counterexample is made smaller, and fails all the same.

use std::hash::Hash;

use paxos_basic::Replica;
use paxos_messages::{
    Fact, Memory, Observed, Phase,
    single::{Message, Output, Record, Request, Timer},
};
use paxos_process::{EffectsOf, EventOf, NodeId, NodeSet, Process};
use paxos_quorums::Quorums;
use paxos_sim::{Bounds, Choice, Invariant, Random, Setting, World, minimise, minimise_within};

/// A replica that answers before its disk has anything.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Hasty(Replica<char>);

impl Process for Hasty {
    type Message = Message<char>;
    type Record = Record<char>;
    type Timer = Timer;
    type Request = Request<char>;
    type Output = Output<char>;

    fn step(&mut self, event: EventOf<Self>, out: &mut EffectsOf<Self>) {
        self.0.step(event, out);
        out.sends.append(&mut out.sends_after_sync);
    }

    fn replay(&mut self, record: Record<char>) {
        self.0.replay(record);
    }

    fn checkpoint(&self) -> Vec<Record<char>> {
        self.0.checkpoint()
    }
}

impl Observed for Hasty {
    type Decree = char;

    fn said(&self, message: &Message<char>) -> Option<Fact<char>> {
        self.0.said(message)
    }

    fn told(&self, output: &Output<char>) -> Option<Fact<char>> {
        self.0.told(output)
    }

    fn wanted(request: &Request<char>) -> Option<char> {
        Replica::wanted(request)
    }

    fn memory(&self) -> Memory<char> {
        self.0.memory()
    }

    fn phase(message: &Message<char>) -> Phase {
        Replica::<char>::phase(message)
    }
}

type Path = Vec<Choice<Timer, Request<char>>>;

fn fresh() -> World<Hasty> {
    let quorums = Quorums::majority(NodeSet::first(3)).expect("three nodes");
    World::new(Setting::new(quorums), |id| Hasty(Replica::new(id, quorums)))
}

/// The run of a seed, if it fails.
fn failing(seed: u64) -> Option<(Invariant, Path)> {
    let asked = vec![(NodeId(1), Request::Propose('a')), (NodeId(2), Request::Propose('b'))];
    let (fires, crashes, drops, duplicates, may_crash) = (9, 3, 9, 9, NodeSet::first(3));
    let bounds = Bounds { fires, crashes, drops, duplicates, may_crash, ..Bounds::requests(asked) };
    let mut path = Vec::new();
    let tally = Random::new(seed).run(&mut fresh(), &bounds, &Invariant::ALL, 300, &mut path, &mut ());
    tally.violated.map(|invariant| (invariant, path))
}

/// Whether each of these can be made, and `invariant` fails then.
fn fails(invariant: Invariant, path: &[Choice<Timer, Request<char>>]) -> bool {
    let mut world = fresh();
    path.iter().all(|choice| {
        let possible = world.obstacle(choice).is_none();
        if possible {
            world.apply(choice, &mut ());
        }
        possible
    }) && world.violated(&[invariant]).is_some()
}

/// Checks that `least` fails, and that it does not without any one of its choices.
fn check_least(seed: u64, invariant: Invariant, least: &Path) {
    assert!(fails(invariant, least), "seed {seed}: {least:?}");
    for position in 0..least.len() {
        let mut rest = least.clone();
        rest.remove(position);
        assert!(!fails(invariant, &rest), "seed {seed}: choice {position} can be left out of {least:?}");
    }
}

#[test]
fn what_is_left_fails_and_nothing_can_be_left_out() {
    let mut smaller = 0;
    for seed in 0..50 {
        let Some((invariant, path)) = failing(seed) else { continue };
        let least = minimise(&fresh(), invariant, &path);
        check_least(seed, invariant, &least);
        smaller += usize::from(least.len() < path.len());
    }
    assert!(10 < smaller, "there was something to make smaller: {smaller}");
}

#[test]
fn with_other_numbers_it_is_no_longer_and_effort_has_an_end() {
    let (mut exactly, mut alike) = (0, 0);
    for seed in 0..50 {
        let Some((invariant, path)) = failing(seed) else { continue };
        let least = minimise_within(&fresh(), invariant, &path, u64::MAX, &mut |_| true);
        assert!(least.is_least);
        check_least(seed, invariant, &least.path);
        alike += least.path.len();
        exactly += minimise(&fresh(), invariant, &path).len();

        let spent = minimise_within(&fresh(), invariant, &path, 0, &mut |_| true);
        assert!(!spent.is_least && spent.path == path);
        let mut tries = 3;
        let stopped = minimise_within(&fresh(), invariant, &path, u64::MAX, &mut |_| {
            tries -= 1;
            0 < tries
        });
        assert!(!stopped.is_least && fails(invariant, &stopped.path), "seed {seed}");
    }
    // One decision has few numbers; a log gains more by it.
    assert!(alike <= exactly, "{alike} choices in all, and {exactly} without changing any number");
}

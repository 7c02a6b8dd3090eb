//! Mutants in a simulation: seeds, until an invariant fails.
//!
//! The checker knows where to look and looks at everything there; a simulation knows nothing and rolls dice. That it
//! finds most of these mistakes, and how long it takes, is what the kill matrix shows of it.

use std::{fmt, hash::Hash, ops::Range};

use paxos_basic::Replica;
use paxos_messages::{Observed, multi, single};
use paxos_multi::Options;
use paxos_process::{NodeId, NodeSet};
use paxos_sim::{Bounds, Choice, Disk, Invariant, Loopback, Random, Setting, Tally, World};

use crate::{Mutant, Requests, Scenario, Wrong, WrongLog, pushed, stopped::unless_stopped};

/// A seed in which something is broken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seed {
    /// The seed.
    pub seed: u64,
    /// What.
    pub broken: Broken,
}

/// What a seed breaks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Broken {
    /// This invariant.
    Invariant(Invariant),
    /// The assertion of a role, at which its node stopped. These are its words.
    Assertion(String),
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Invariant(invariant) => invariant.fmt(f),
            Self::Assertion(words) => f.write_str(words),
        }
    }
}

/// The first of `seeds` in which a rule that is wrong as `wrong` says breaks something, in a cluster as large as that of
/// `scenario`. With `None` the reference itself is simulated, and not its second writing.
#[must_use]
pub fn simulate(scenario: Scenario, wrong: Option<Mutant>, seeds: Range<u64>) -> Option<Seed> {
    let (setting, quorums) = (setting(scenario), scenario.setting().quorums);
    match (scenario.requests, wrong) {
        (Requests::Basic(_), None) => {
            first(seeds, |seed| one_decision(seed, World::new(setting, |id| Replica::new(id, quorums))))
        }
        (Requests::Basic(_), wrong) => {
            first(seeds, |seed| one_decision(seed, World::new(setting, |id| Wrong::new(wrong, id, quorums))))
        }
        (Requests::Multi(_), None) => first(seeds, |seed| {
            one_log(seed, World::new(setting, |id| paxos_multi::Replica::new(id, quorums, Options::default())))
        }),
        (Requests::Multi(_), wrong) => {
            first(seeds, |seed| one_log(seed, World::new(setting, |id| WrongLog::new(wrong, id, quorums))))
        }
    }
}

/// Everything is a choice, also the moment of a sync.
fn setting(scenario: Scenario) -> Setting {
    Setting { disk: Disk::Manual, loopback: Loopback::InFlight, ..scenario.setting() }
}

fn first(mut seeds: Range<u64>, run: impl Fn(u64) -> Tally) -> Option<Seed> {
    seeds.find_map(|seed| {
        let broken = match unless_stopped(|| run(seed)) {
            Ok(tally) => Broken::Invariant(tally.violated?),
            Err(words) => Broken::Assertion(words),
        };
        Some(Seed { seed, broken })
    })
}

/// Every node proposes, and everything may go wrong.
fn one_decision<P>(seed: u64, mut world: World<P>) -> Tally
where
    P: Observed<Message = single::Message<char>, Request = single::Request<char>, Timer = single::Timer> + Clone + Hash,
{
    let members = world.setting().quorums.members();
    let propose = |(id, value)| (id, single::Request::Propose(value));
    let requests = members.iter().zip('a'..).chain([(NodeId(1), 'x')]).map(propose).collect();
    let (fires, duplicates, drops, crashes) = (20, 20, 40, 6);
    let bounds = Bounds { fires, duplicates, drops, crashes, may_crash: members, ..Bounds::requests(requests) };
    pushed::decision(seed, &mut world, &bounds, (&Invariant::ALL, true), &mut ())
}

/// Whoever leads is asked for command after command, and to read; everything may go wrong, and a disk may be lost.
fn one_log<P>(seed: u64, mut world: World<P>) -> Tally
where
    P: Observed<Message = multi::Message<char>, Request = multi::Request<char>, Timer = multi::Timer>
        + Clone
        + Hash
        + Serves,
{
    let members = world.setting().quorums.members();
    let none = Bounds::requests(Vec::new());
    let (fires, duplicates, drops, crashes, cuts) = (10_000, 100, 100, 10, 60);
    let losses = u16::from(seed.is_multiple_of(4));
    let bounds = Bounds { fires, duplicates, drops, crashes, losses, cuts, may_crash: members, ..none };
    let mut random = Random::new(seed).ticking();
    let mut all = Tally::default();
    for turn in 0..60 {
        let tally = random.run(&mut world, &bounds, &Invariant::ALL, 10, &mut Vec::new(), &mut ());
        all = Tally { steps: all.steps + tally.steps, violated: tally.violated, ..all };
        if all.violated.is_some() {
            return all;
        }
        for leader in leaders(&world, members) {
            let value = char::from_u32(u32::from('a') + turn).expect("a letter");
            // There are runs with few reads, and some with times in which nobody wants anything else.
            let read = (seed.is_multiple_of(2) || turn % 5 == 4).then_some(multi::Request::Read(u64::from(turn)));
            let proposed = (!seed.is_multiple_of(3) || turn % 9 < 4).then_some(multi::Request::Propose(value));
            for request in read.into_iter().chain(proposed) {
                world.apply(&Choice::Request(leader, request), &mut ());
                all.steps += 1;
            }
        }
        let leader = leaders(&world, members).first().copied();
        // Every turn, or every few, so that there is time for something to come of it.
        let every = [1, 3, 6][(seed / 5 % 3) as usize];
        let push = || pushed::log((seed, (turn / every) as usize), &world, leader, &multi::Request::Campaign);
        for choice in if turn % every == 0 { push() } else { Vec::new() } {
            if world.obstacle(&choice).is_none() {
                world.apply(&choice, &mut ());
                all.steps += 1;
            }
        }
        all.violated = world.newly_violated(&Invariant::ALL);
        if all.violated.is_some() {
            return all;
        }
    }
    all
}

fn leaders<P: Serves + Observed + Clone + Hash>(world: &World<P>, members: NodeSet) -> Vec<NodeId> {
    members.iter().filter(|id| world.is_up(*id) && world.process(*id).leads()).collect()
}

/// A replica of a log that may believe that it leads.
trait Serves {
    /// Whether it does.
    fn leads(&self) -> bool;
}

impl Serves for paxos_multi::Replica<char> {
    fn leads(&self) -> bool {
        Self::leads(self).is_some()
    }
}

impl Serves for WrongLog<char> {
    fn leads(&self) -> bool {
        self.replica().leads().is_some()
    }
}

//! Mutants in a simulation: seeds, until an invariant fails.
//!
//! The checker knows where to look and looks at everything there; a simulation knows nothing and rolls dice. That it
//! finds most of these mistakes, and how long it takes, is what the kill matrix shows of it.

use std::hash::Hash;

use paxos_basic::Replica;
use paxos_messages::{Observed, multi, single};
use paxos_multi::Options;
use paxos_process::{NodeId, NodeSet};
use paxos_sim::{Bounds, Choice, Disk, Invariant, Loopback, Random, Setting, Tally, World};

use crate::{Mutant, Requests, Scenario, Wrong, WrongLog};

/// A seed in which an invariant fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seed {
    /// The seed.
    pub seed: u64,
    /// What fails.
    pub invariant: Invariant,
    /// After how many choices of this seed.
    pub choices: usize,
}

/// The first seed below `seeds` in which a rule that is wrong as `wrong` says breaks an invariant, in a cluster as
/// large as that of `scenario`. With `None` the reference itself is simulated, and not its second writing.
#[must_use]
pub fn simulate(scenario: Scenario, wrong: Option<Mutant>, seeds: u64) -> Option<Seed> {
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

fn first(seeds: u64, run: impl Fn(u64) -> Tally) -> Option<Seed> {
    (0..seeds).find_map(|seed| {
        let tally = run(seed);
        tally.violated.map(|invariant| Seed { seed, invariant, choices: tally.steps })
    })
}

/// Every node proposes, and everything may go wrong.
fn one_decision<P>(seed: u64, mut world: World<P>) -> Tally
where
    P: Observed<Request = single::Request<char>> + Clone + Hash,
{
    let members = world.setting().quorums.members();
    let propose = |(id, value)| (id, single::Request::Propose(value));
    let requests = members.iter().zip('a'..).chain([(NodeId(1), 'x')]).map(propose).collect();
    let (fires, duplicates, drops, crashes) = (20, 20, 40, 6);
    let bounds = Bounds { fires, duplicates, drops, crashes, may_crash: members, ..Bounds::requests(requests) };
    Random::new(seed).run(&mut world, &bounds, &Invariant::ALL, 400, &mut Vec::new(), &mut ())
}

/// Whoever leads is asked for command after command, and to read; everything may go wrong, and a disk may be lost.
fn one_log<P>(seed: u64, mut world: World<P>) -> Tally
where
    P: Observed<Request = multi::Request<char>, Timer = multi::Timer> + Clone + Hash + Serves,
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
            let requests = [multi::Request::Read(u64::from(turn)), multi::Request::Propose(value)];
            for request in requests {
                world.apply(&Choice::Request(leader, request), &mut ());
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

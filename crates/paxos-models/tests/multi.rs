//! Multi-Paxos under random faults: long runs with crashes, loss, duplication, reordering and partitions, judged by every
//! invariant after every choice; then the faults end, and every node must come to tell the same log.

use paxos_messages::{
    Slot,
    multi::{Request, Timer},
};
use paxos_multi::{Options, Replica};
use paxos_process::{NodeId, NodeSet};
use paxos_quorums::Quorums;
use paxos_sim::{Bounds, Choice, Header, Invariant, Random, Setting, World, write_path};

type Log = World<Replica<String>>;
type Path = [Choice<Timer, Request<String>>];

fn fresh(quorums: Quorums) -> Log {
    // A narrow window and a short memory: fewer runs are needed until they matter.
    World::new(Setting::new(quorums), |id| Replica::new(id, quorums, Options { window: 8, retain: 16 }))
}

/// Whatever may go wrong, often: how often, each seed decides for itself.
fn bounds(nodes: u8) -> Bounds<Request<String>> {
    let (fires, duplicates, drops, crashes, losses, cuts) = (100_000, 500, 500, 30, 1, 300);
    let may_crash = NodeSet::first(nodes);
    Bounds { fires, duplicates, drops, crashes, may_crash, losses, cuts, ..Bounds::requests(Vec::new()) }
}

/// The nodes that believe that they lead.
fn leaders(world: &Log) -> Vec<NodeId> {
    world.setting().quorums.members().iter().filter(|id| world.is_up(*id) && world.process(*id).serves()).collect()
}

/// One of them.
fn leader(world: &Log) -> Option<NodeId> {
    leaders(world).first().copied()
}

/// How far every node has learned, if all are up and as far.
fn level(world: &Log) -> Option<Slot> {
    let mut learned = world.setting().quorums.members().iter().map(|id| world.process(id).learner().learned());
    let first = learned.next()?;
    learned.all(|slot| slot == first).then_some(first)
}

fn fail(quorums: Quorums, seed: u64, what: &str, path: &Path) -> ! {
    let header = Header { quorums, ..Header::new("multi", 3).expect("three nodes") };
    panic!("seed {seed}: {what}\n{}", write_path(&header, what, fresh(quorums), path));
}

fn run(quorums: Quorums, seed: u64) -> (Log, [usize; 2]) {
    let (mut world, mut path) = (fresh(quorums), Vec::new());
    let nodes = u8::try_from(quorums.members().len()).expect("few nodes");
    let mut random = Random::new(seed).ticking();
    let mut faults = 0;
    for command in 0..300 {
        let tally = random.run(&mut world, &bounds(nodes), &Invariant::ALL, 10, &mut path, &mut ());
        faults += tally.steps;
        if let Some(invariant) = tally.violated {
            fail(quorums, seed, &format!("violates {invariant}"), &path);
        }
        // Whoever believes that it leads is asked for both.
        for leader in leaders(&world) {
            for request in [Request::Propose(format!("c{command} at {leader}")), Request::Read(command)] {
                let choice = Choice::Request(leader, request);
                world.apply(&choice, &mut ());
                path.push(choice);
            }
        }
    }
    let (mut healing, broken) = (0, path.len());
    for attempt in 0..20 {
        let last = world.history().learned().last().map_or(Slot(0), |(slot, _)| *slot);
        // First somebody must lead, then everybody must have learned what that one proposes.
        let ends: [&dyn Fn(&Log) -> bool; 2] =
            [&|world| leader(world).is_some(), &|world| level(world).is_some_and(|slot| last < slot)];
        for end in ends {
            let tally = random.heal(&mut world, end, &Invariant::ALL, 5_000, &mut path, &mut ());
            healing += tally.steps;
            if let Some(invariant) = tally.violated {
                fail(quorums, seed, &format!("violates {invariant}"), &path);
            }
            if let Some(leader) = leader(&world) {
                let choice = Choice::Request(leader, Request::Propose(format!("after {attempt}")));
                world.apply(&choice, &mut ());
                path.push(choice);
            }
        }
        if level(&world).is_some_and(|slot| last < slot) {
            return (world, [faults, healing]);
        }
    }
    // Healing goes round in circles; how it got there is what matters.
    fail(quorums, seed, "does not recover from this", &path[..broken]);
}

/// Runs all `seeds`, and shows that the faults were there and the log grew all the same.
fn sweep(nodes: u8, seeds: u64) {
    let quorums = Quorums::majority(NodeSet::first(nodes)).expect("some nodes");
    let (mut slots, mut steps) = (0, [0, 0]);
    for seed in 0..seeds {
        let (world, [faults, healing]) = run(quorums, seed);
        slots += level(&world).map_or(0, |slot| slot.0);
        steps = [steps[0] + faults, steps[1] + healing];
    }
    println!("{nodes} nodes, {seeds} seeds: {slots} slots; {} choices with faults, {} to heal", steps[0], steps[1]);
    assert!(seeds < slots, "a run in which nothing is chosen shows nothing");
}

#[test]
fn random_faults_break_no_invariant_of_three_nodes_and_no_log_for_good() {
    sweep(3, 1_500);
}

#[test]
fn random_faults_break_no_invariant_of_five_nodes_and_no_log_for_good() {
    sweep(5, 600);
}

//! The real protocols under the timed simulation: a short sweep of fixed seeds.

use paxos_models::simulated::{self, Tally};
use paxos_process::NodeSet;
use paxos_sim::timed::{Conditions, Counts, Kind, Storage, System, Violation, shrink, simulate, simulate_under};

/// Runs the seeds from 0 on, and shows that what can go wrong did.
fn sweep<S: System>(system: &S, seeds: u64) -> Counts {
    let mut counts = Counts::new();
    for seed in 0..seeds {
        let run = simulate(system, seed, &mut ());
        assert_eq!(run.violation, None, "seed {seed}");
        counts.merge(&run.counts);
    }
    counts
}

#[test]
fn basic_holds_and_recovers() {
    let system = simulated::basic(3, paxos_basic::Replica::<String>::new);
    let counts = sweep(&system, 300);
    for (kind, count) in counts.iter() {
        let never = matches!(kind, Kind::Replaced | Kind::Installed | Kind::Answered | Kind::Checkpoint);
        assert_eq!(never, count == 0, "{kind}: {count}");
    }
}

#[test]
fn multi_holds_and_recovers() {
    let system = simulated::multi(3, paxos_multi::Replica::<String>::new);
    let counts = sweep(&system, 200);
    for (kind, count) in counts.iter() {
        assert!(0 < count, "{kind} never happened");
    }
}

/// Runs the seeds from 0 on against a store, and shows that clients had something to see.
fn sweep_store(options: paxos_kv::Options, seeds: u64) -> (Counts, Tally) {
    let system = simulated::kv(3, options, simulated::service);
    let (mut counts, mut tally) = (Counts::new(), Tally::default());
    for seed in 0..seeds {
        let run = simulate(&system, seed, &mut ());
        assert_eq!(run.violation, None, "seed {seed}");
        counts.merge(&run.counts);
        tally.merge(&run.load.tally());
    }
    (counts, tally)
}

#[test]
fn kv_holds_and_recovers() {
    let (counts, tally) = sweep_store(simulated::STORE, 150);
    for (kind, count) in counts.iter() {
        // What a read tells a log is not what it tells a client.
        assert_eq!(kind == Kind::Answered, count == 0, "{kind}: {count}");
    }
    assert_eq!(tally.by, NodeSet::first(3), "commands were answered by all nodes");
    let Tally { answered, refused, unknown, asked_again, twice, expired, restored, undecided, .. } = tally;
    assert!(10_000 < answered && 100 < unknown && 100 < asked_again && 100 < twice, "{tally:?}");
    assert!(10 < expired && 100 < refused && 100 < restored, "{tally:?}");
    assert_eq!(undecided, 0);
}

#[test]
fn kv_chooses_nothing_that_nobody_asked_for() {
    let (_, tally) = sweep_store(paxos_kv::Options { batch_commands: 1, ..simulated::STORE }, 50);
    assert!(3_000 < tally.answered, "{tally:?}");
}

/// Three nodes with a long log, one of them without its memory, on slow links: each election took longer to read than its
/// rivals waited, and none came to an end. Seeds like this one are one in fifteen thousand.
#[test]
fn an_election_of_many_pages_comes_to_its_end() {
    let system = simulated::multi(3, paxos_multi::Replica::<String>::new);
    assert_eq!(simulate(&system, 16_543, &mut ()).violation, None);
}

/// The same seed is the same run in every build, on every machine: a number that changes is a change of the protocol, of the
/// world or of the simulation, and the seeds that anybody has written down mean other runs now.
#[test]
fn a_seed_is_a_run_to_the_byte() {
    let system = simulated::basic(3, paxos_basic::Replica::<String>::new);
    let fingerprints: Vec<u64> = (0..4).map(|seed| simulate(&system, seed, &mut ()).fingerprint()).collect();
    let known = [0x7ed5_977b_729f_7326, 0x3996_8147_bed2_0435, 0xcfb1_bd76_59e0_c46a, 0x8fa9_2119_4585_7cf5];
    assert_eq!(fingerprints, known, "{fingerprints:#x?}");
}

/// A disk with a rule that is broken makes a node forget, and the run says so; with the rules of `paxos-wal` it never does.
#[test]
fn a_broken_rule_of_storage_is_found_out() {
    let sound = Storage::SOUND;
    let run = |storage, seed| {
        let system = simulated::basic(3, paxos_basic::Replica::<String>::new).on(storage);
        simulate(&system, seed, &mut ()).violation
    };
    for broken in [Storage { ends_with_its_disk: false, ..sound }, Storage { writes_anew: false, ..sound }] {
        let found = (0..300).find_map(|seed| run(broken, seed));
        assert!(matches!(found, Some(Violation::WrongRecord(_))), "{broken:?}: {found:?}");
    }
    // A log of one decision is too short to be replaced.
    let broken = Storage { syncs_the_directory: false, ..sound };
    let system = simulated::multi(3, paxos_multi::Replica::<String>::new).on(broken);
    let found = (0..100).find_map(|seed| simulate(&system, seed, &mut ()).violation);
    assert!(matches!(found, Some(Violation::WrongRecord(_))), "{found:?}");
}

/// What is left of the faults of a run that fails makes it fail, and without any of them it does not.
#[test]
fn a_run_that_fails_is_shrunk_to_the_faults_that_it_needs() {
    let storage = Storage { writes_anew: false, ..Storage::SOUND };
    let system = simulated::basic(3, paxos_basic::Replica::<String>::new).on(storage);
    let swarm = |seed| Conditions::swarm(seed, NodeSet::first(3), &system.limits());
    let fails = |conditions: &Conditions, seed| simulate_under(&system, conditions.clone(), seed, &mut ()).violation;
    let (seed, violation) = (0..300).find_map(|seed| Some((seed, fails(&swarm(seed), seed)?))).expect("one fails");
    let least = shrink(&system, swarm(seed), seed, &violation, &mut || true);
    assert!(least.faults().len() < swarm(seed).faults().len() && least.lasting < swarm(seed).lasting, "{least:?}");
    assert!(fails(&least, seed).is_some_and(|shown| shown.is_like(&violation)));
    for kind in least.faults() {
        let mut fewer = least.clone();
        fewer.only(&least.faults().into_iter().filter(|other| *other != kind).collect::<Vec<_>>());
        assert!(!fails(&fewer, seed).is_some_and(|shown| shown.is_like(&violation)), "{kind} is not needed");
    }
    let asked_once = shrink(&system, swarm(seed), seed, &violation, &mut || false);
    assert_eq!(asked_once, swarm(seed), "nobody waits");
}

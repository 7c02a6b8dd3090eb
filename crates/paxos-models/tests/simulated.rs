//! The real protocols under the timed simulation: a short sweep of fixed seeds.

use paxos_models::simulated::{self, Tally};
use paxos_process::NodeSet;
use paxos_sim::timed::{Counts, Kind, System, simulate};

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

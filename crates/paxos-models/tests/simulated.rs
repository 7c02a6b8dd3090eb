//! The real protocols under the timed simulation: a short sweep of fixed seeds.

use paxos_models::simulated;
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

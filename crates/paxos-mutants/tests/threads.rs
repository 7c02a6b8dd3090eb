//! What a search finds does not depend on how many threads search, nor on how often it was stopped.

use std::num::NonZero;

use paxos_check::{Checkable, Limits, Report, Verdict, check, check_with_file};
use paxos_mutants::{Mutant, Requests, Scenario};
use paxos_sim::{Bounds, ChoiceOf, World};

fn same_for_any_number<P: Checkable>(
    mutant: Mutant,
    world: &World<P>,
    bounds: &Bounds<P::Request>,
    limits: &Limits,
) -> Report<ChoiceOf<P>> {
    let search = |threads| {
        let threads = NonZero::new(threads).expect("a thread");
        check(world, bounds, &Limits { threads, ..limits.clone() }, |_| {})
    };
    let one = search(1);
    let is_same = |other: &Report<ChoiceOf<P>>, how: &str| {
        assert_eq!(one.verdict, other.verdict, "{mutant}, {how}");
        let counted = |report: &Report<ChoiceOf<P>>| {
            let progress = report.progress;
            (progress.states, progress.choices, progress.depth, progress.frontier)
        };
        assert_eq!(counted(&one), counted(other), "{mutant}, {how}");
    };
    for threads in [2, 5] {
        is_same(&search(threads), &format!("{threads} threads"));
    }
    let directory = tempfile::tempdir().expect("a temporary directory");
    let file = directory.path().join("states");
    for states in [100, 1_500] {
        let limits = Limits { states, ..limits.clone() };
        let found = check_with_file(world, bounds, &limits, (&file, mutant.name()), |_| {});
        let found = found.expect("it goes on");
        if found.progress.states == one.progress.states {
            is_same(&found, "stopped and gone on");
        } else {
            assert_eq!(found.verdict, Verdict::NotExhaustive, "{mutant}, up to {states} states");
        }
    }
    let again = check_with_file(world, bounds, limits, (&file, mutant.name()), |_| {});
    is_same(&again.expect("it goes on"), "gone on");
    one
}

#[test]
fn the_shortest_counterexample_is_the_same_for_any_number_of_threads() {
    for mutant in [Mutant::M2, Mutant::M3b, Mutant::M6, Mutant::L4] {
        let scenario: Scenario = mutant.scenario().expect("it is at home in a world");
        for states in [2_000, Limits::default().states] {
            let limits = Limits { invariants: mutant.breaks().into_iter().collect(), states, ..Limits::default() };
            match scenario.requests {
                Requests::Basic(_) => {
                    let world = scenario.world(Some(mutant));
                    same_for_any_number(mutant, &world, &scenario.bounds(), &limits);
                }
                Requests::Multi(_) => {
                    let world = scenario.log_world(Some(mutant));
                    same_for_any_number(mutant, &world, &scenario.log_bounds(), &limits);
                }
            }
        }
    }
}

//! What a search finds does not depend on how many threads search.

use std::num::NonZero;

use paxos_check::{Checkable, Limits, Report, check};
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
    for threads in [2, 5] {
        let many = search(threads);
        assert_eq!(one.verdict, many.verdict, "{mutant}, {threads} threads");
        let counted = |report: &Report<ChoiceOf<P>>| {
            let progress = report.progress;
            (progress.states, progress.choices, progress.depth, progress.frontier)
        };
        assert_eq!(counted(&one), counted(&many), "{mutant}, {threads} threads");
    }
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

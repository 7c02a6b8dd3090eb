//! The claims that are small enough for every test run hold, with exactly the states they must have.

use std::{sync::Arc, thread};

use paxos_models::claims;

/// Two at a time: each is a search by one thread.
#[test]
fn the_quick_claims_hold_with_their_number_of_states() {
    let quick: Vec<_> = claims::all().into_iter().filter(|claim| claim.quick).collect();
    thread::scope(|scope| {
        for half in 0..2 {
            let claims = quick.iter().skip(half).step_by(2);
            scope.spawn(move || {
                for claim in claims {
                    let report = claim.check(&Arc::default(), |_| {});
                    assert_eq!(report.progress.states, claim.states, "{}", claim.what);
                    assert_eq!(claim.is_kept(&report), Some(true), "{}: {:?}", claim.what, report.verdict);
                }
            });
        }
    });
}

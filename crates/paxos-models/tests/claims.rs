//! The claims that are small enough for every test run hold, with exactly the states they must have.

use paxos_check::Limits;
use paxos_models::claims;

#[test]
fn the_quick_claims_hold_with_their_number_of_states() {
    for claim in claims::all().into_iter().filter(|claim| claim.quick) {
        let report = claim.check(&Limits::default(), |_| {});
        assert_eq!(report.progress.states, claim.states, "{}", claim.what);
        assert_eq!(claim.is_kept(&report), Some(true), "{}: {:?}", claim.what, report.verdict);
    }
}

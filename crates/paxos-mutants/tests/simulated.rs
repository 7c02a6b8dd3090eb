//! What a wrong store does to its clients is noticed in a timed simulation, by what they saw.

use paxos_models::simulated;
use paxos_mutants::{Mutant, WrongService};
use paxos_sim::timed::{Violation, simulate};

/// What the first seed that shows anything says of the store with this rule wrong.
fn complaint(wrong: Option<Mutant>, seeds: u64) -> Option<Violation> {
    let system =
        simulated::kv(3, simulated::STORE, |id, quorums, options| WrongService::new(wrong, id, quorums, options));
    (0..seeds).find_map(|seed| simulate(&system, seed, &mut ()).violation)
}

#[test]
fn no_rule_wrong_is_the_store() {
    assert_eq!(complaint(None, 40), None);
}

#[test]
fn clients_notice_a_wrong_store() {
    for wrong in [Mutant::S1, Mutant::S2, Mutant::S3, Mutant::M16] {
        let violation = complaint(Some(wrong), 300);
        assert!(matches!(violation, Some(Violation::Complaint(_))), "{wrong}: {violation:?}");
    }
}

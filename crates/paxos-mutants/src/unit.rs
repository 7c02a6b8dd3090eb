//! Mutants under unit tests: one node, a few words, one rule.
//!
//! Each check is a unit test of the roles, asked at the boundary of a node so that the reference and every mutant can be asked the
//! same: this is said to it, that must it say. It is called by its name, as `cargo test` calls a test, and a test puts the
//! reference through all of them.

mod decision;
mod disk;
mod log;
mod service;

use crate::{Mutant, Wrong, WrongLog};

/// The unit tests that fail where `wrong` is wrong, by name. With `None`, those that fail for the references: none.
#[must_use]
pub fn unit(wrong: Option<Mutant>) -> Vec<&'static str> {
    let protocol = wrong.map(Mutant::protocol);
    let mut failed = Vec::new();
    match protocol {
        Some("basic") => failed.extend(decision::failing(|id, quorums| Wrong::new(wrong, id, quorums))),
        Some("multi") => failed.extend(log::failing(|id, quorums| WrongLog::new(wrong, id, quorums))),
        Some("store") => failed.extend(disk::failing(wrong)),
        Some("kv") => failed.extend(service::failing(wrong)),
        Some(_) => {}
        None => {
            failed.extend(decision::failing(paxos_basic::Replica::new));
            let log = |id, quorums| paxos_multi::Replica::new(id, quorums, paxos_multi::Options::default());
            failed.extend(log::failing(log));
            failed.extend(service::failing(None));
            failed.extend(disk::failing(None));
        }
    }
    failed
}

/// How many unit tests there are.
#[must_use]
pub fn units() -> usize {
    decision::COUNT + log::COUNT + service::COUNT + disk::COUNT
}

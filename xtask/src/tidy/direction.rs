//! Which crate may know which. The workspace is an hourglass: protocols above the waist know no driver, drivers below
//! it name no protocol, and only what is meant to see both sees both.

use self::Layer::{Both, Driver, Pure};
use super::Failure;
use super::workspace::Crate;

/// The whole direction, one row a crate: its layer, its name, and the workspace crates that it may depend on.
///
/// Dev-dependencies are free: a test may see both halves of the hourglass.
const ALLOWED: &[(Layer, &str, &[&str])] = &[
    (Pure, "paxos-process", &[]),
    (Pure, "paxos-quorums", &["paxos-process"]),
    (Pure, "paxos-messages", &["paxos-process"]),
    (Pure, "paxos-acceptor", &["paxos-process", "paxos-messages"]),
    (Pure, "paxos-proposer", &["paxos-process", "paxos-messages", "paxos-quorums"]),
    (Pure, "paxos-learner", &["paxos-process", "paxos-messages", "paxos-quorums"]),
    (Pure, "paxos-leader", &["paxos-process", "paxos-messages", "paxos-quorums"]),
    (
        Pure,
        "paxos-basic",
        &["paxos-process", "paxos-quorums", "paxos-messages", "paxos-acceptor", "paxos-proposer", "paxos-learner"],
    ),
    (
        Pure,
        "paxos-multi",
        &[
            "paxos-process",
            "paxos-quorums",
            "paxos-messages",
            "paxos-acceptor",
            "paxos-proposer",
            "paxos-learner",
            "paxos-leader",
        ],
    ),
    (Pure, "paxos-raft", &["paxos-process", "paxos-quorums", "paxos-messages", "paxos-leader"]),
    (Pure, "paxos", ALL_PURE),
    // The simulator and the checker need the words ballot and fact to state the invariants, but no protocol.
    // Its disks hold the real log's bytes and are read back by the real recovery.
    (Driver, "paxos-sim", &["paxos-process", "paxos-messages", "paxos-quorums", "paxos-codec", "paxos-wal"]),
    // What it writes and reads are the words that a world and a script know already.
    (Driver, "paxos-trace", &["paxos-process", "paxos-messages", "paxos-quorums", "paxos-sim"]),
    (Driver, "paxos-check", &["paxos-process", "paxos-messages", "paxos-sim"]),
    (Driver, "paxos-codec", &[]),
    (Driver, "paxos-wal", &[]),
    (Driver, "paxos-node", &["paxos-process", "paxos-codec", "paxos-wal"]),
    // Pure as it stands; its feature `client` talks to nodes.
    (Both, "paxos-kv", &["paxos-process", "paxos-messages", "paxos-node"]),
    // It judges what clients saw, so it is built without what they saw it of.
    (Both, "paxos-judge", &[]),
    (
        Both,
        "paxos-models",
        &[
            "paxos-process",
            "paxos-quorums",
            "paxos-messages",
            "paxos-acceptor",
            "paxos-proposer",
            "paxos-learner",
            "paxos-basic",
            "paxos-multi",
            "paxos-raft",
            "paxos",
            "paxos-kv",
            "paxos-judge",
            "paxos-sim",
            "paxos-check",
        ],
    ),
    (
        Both,
        "paxos-mutants",
        &[
            "paxos-process",
            "paxos-messages",
            "paxos-quorums",
            "paxos-basic",
            "paxos-multi",
            "paxos-sim",
            "paxos-check",
            "paxos-models",
            "paxos-kv",
            "paxos-judge",
        ],
    ),
    // It throws bytes at whatever reads them.
    (Both, "paxos-fuzz", ANYTHING),
    (Both, "paxos-cli", ANYTHING),
    (Both, "examples", ANYTHING),
    // What somebody else's program looks like that wants one role.
    (Both, "import_one_role", &["paxos-process", "paxos-messages", "paxos-acceptor"]),
    (Both, "benches", ANYTHING),
    // The chores judge the crates, so they are built without them.
    (Both, "xtask", &[]),
];

const ANYTHING: &[&str] = &["*"];

const ALL_PURE: &[&str] = &[
    "paxos-process",
    "paxos-quorums",
    "paxos-messages",
    "paxos-acceptor",
    "paxos-proposer",
    "paxos-learner",
    "paxos-leader",
    "paxos-basic",
    "paxos-multi",
    "paxos-raft",
];

#[derive(Clone, Copy, PartialEq, Eq)]
enum Layer {
    /// State machines: no clock, no dice, no input or output, no standard library.
    Pure,
    /// Runs any process; names no protocol.
    Driver,
    /// Applications, examples, benchmarks: what sees both halves.
    Both,
}

/// Every arrow between crates of the workspace is in the table.
pub(crate) fn check(crates: &[Crate]) -> Vec<Failure> {
    let mut failures = Vec::new();
    for krate in crates {
        let Some((_, _, allowed)) = ALLOWED.iter().find(|(_, name, _)| *name == krate.name) else {
            failures.push(Failure::new(
                krate.manifest(),
                format!("{} is not in the table of arrows; {DECIDE}", krate.name),
            ));
            continue;
        };
        let arrows = krate.dependencies.iter().filter(|dependency| dependency.in_workspace);
        for arrow in arrows.filter(|arrow| *allowed != ANYTHING && !allowed.contains(&arrow.name.as_str())) {
            failures.push(Failure::new(
                krate.manifest(),
                format!("{} may not depend on {}; {DECIDE}", krate.name, arrow.name),
            ));
        }
    }
    failures
}

/// Every row of the table is a crate: a row that outlives its crate would let a new one of that name in unseen.
pub(crate) fn stale_rows(crates: &[Crate]) -> Vec<Failure> {
    ALLOWED
        .iter()
        .filter(|(_, name, _)| !crates.iter().any(|krate| krate.name == *name))
        .map(|(_, name, _)| Failure::new(TABLE, format!("{name} is no crate of the workspace: remove its row")))
        .collect()
}

pub(crate) fn is_pure(name: &str) -> bool {
    pure_crates().any(|pure| pure == name)
}

pub(crate) fn pure_crates() -> impl Iterator<Item = &'static str> {
    ALLOWED.iter().filter(|(layer, ..)| *layer == Pure).map(|(_, name, _)| *name)
}

const DECIDE: &str =
    "a new arrow is a decision: add it to the table in xtask/src/tidy/direction.rs and to ARCHITECTURE.md";
const TABLE: &str = "xtask/src/tidy/direction.rs";

#[cfg(test)]
mod tests {
    use super::super::workspace::made_up::a_crate;
    use super::*;

    #[test]
    fn arrows_of_the_table_pass() {
        let crates = [
            a_crate("paxos-process", &[]),
            a_crate("paxos-sim", &["paxos-process", "paxos-messages"]),
            a_crate("paxos-cli", &["paxos-node", "paxos-basic", "paxos-mutants"]),
        ];
        assert_eq!(check(&crates), []);
    }

    #[test]
    fn a_pure_crate_that_knows_a_driver_fails() {
        let failures = check(&[a_crate("paxos-basic", &["paxos-sim"])]);
        assert_eq!(failures.len(), 1);
        assert_eq!(failures[0].file, "crates/paxos-basic/Cargo.toml");
        assert!(failures[0].repair.starts_with("paxos-basic may not depend on paxos-sim"));
    }

    #[test]
    fn a_driver_that_knows_a_protocol_fails() {
        assert_eq!(check(&[a_crate("paxos-node", &["paxos-basic"])]).len(), 1);
    }

    #[test]
    fn a_crate_without_a_row_fails() {
        assert!(check(&[a_crate("paxos-new", &[])])[0].repair.contains("a new arrow is a decision"));
    }

    #[test]
    fn a_row_without_a_crate_fails() {
        let crates: Vec<Crate> = ALLOWED.iter().skip(1).map(|(_, name, _)| a_crate(name, &[])).collect();
        let failures = stale_rows(&crates);
        assert_eq!(failures.len(), 1);
        assert!(failures[0].repair.starts_with("paxos-process is no crate"));
    }

    /// The table itself keeps the hourglass: no row of it lets a pure crate see a driver, or a driver a protocol.
    #[test]
    fn the_table_is_an_hourglass() {
        let protocols =
            ["paxos-acceptor", "paxos-proposer", "paxos-learner", "paxos-basic", "paxos-multi", "paxos-raft", "paxos"];
        for (layer, name, allowed) in ALLOWED {
            match layer {
                Pure => assert!(allowed.iter().all(|crate_name| is_pure(crate_name)), "{name}"),
                Driver => assert!(!allowed.iter().any(|crate_name| protocols.contains(crate_name)), "{name}"),
                Both => {}
            }
            assert_eq!(*name == "paxos", *allowed == ALL_PURE, "{name}");
        }
        assert_eq!(pure_crates().filter(|name| *name != "paxos").collect::<Vec<_>>(), ALL_PURE);
    }
}

//! Paxos made wrong: one-rule mutants of the roles, and the counterexample that kills each.

//! Paxos made wrong.
//!
//! Every rule of Paxos looks as if one could do without it. This crate leaves them out, one at a time: a [`Mutant`]
//! is a replica in which exactly one rule is wrong, in a way that people really get it wrong. The model checker
//! finds what goes wrong then, in as few choices as possible, and the run is kept beside the mutant as a script that
//! anybody can replay:
//!
//! ```text
//! cargo paxos mutants             # the kill matrix
//! cargo paxos mutants M2          # one mutant: its rule, its story, its shortest counterexample
//! cargo paxos run crates/paxos-mutants/scripts/M2.script
//! ```
//!
//! The roles of the workspace know nothing of this: they have no switches. The mutants of Basic Paxos are built from a
//! second, compact writing of it ([`Wrong`]) whose rules stand in one file, `wrong/rules.rs`. Those of Multi-Paxos are
//! the replica itself in a wrapper ([`WrongLog`]) that changes what crosses its boundary; `wrong_log/rules.rs` says
//! where. With no rule changed either must be the reference, and a test walks it and the reference side by side: each
//! step of the one asks exactly what the same step of the other asks. So what kills a mutant is its one rule.

mod kill;
mod mutant;
mod scenario;
mod wrong;
mod wrong_log;

pub use kill::{Kill, Shown, Spared, kill, replay, spare};
pub use mutant::Mutant;
pub use scenario::{Crash, Requests, Scenario};
pub use wrong::Wrong;
pub use wrong_log::WrongLog;

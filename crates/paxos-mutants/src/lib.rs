//! Paxos made wrong.
//!
//! Every rule of Paxos looks as if one could do without it. This crate leaves them out, one at a time: a [`Mutant`]
//! is a node in which exactly one rule is wrong, in a way that people really get it wrong. Each is put under five
//! [`Layer`]s of tests, from one node and a few words to what clients saw, and dies in those that can see it; its run is
//! kept beside it as a script that anybody can replay:
//!
//! ```text
//! cargo paxos mutants             # the kill matrix
//! cargo paxos mutants M2          # one mutant: its rule, its story, its script, what each layer makes of it
//! cargo paxos run crates/paxos-mutants/scripts/M2.script
//! ```
//!
//! The roles of the workspace know nothing of this: they have no switches. The mutants of Basic Paxos are built from a
//! second, compact writing of it ([`Wrong`]) whose rules stand in one file, `wrong/rules.rs`. Those of Multi-Paxos are
//! the replica itself in a wrapper ([`WrongLog`]) that changes what crosses its boundary, those of the key-value store its
//! service in one ([`WrongService`]); those of a disk live on one that is simulated ([`WrongStore`]). In each, `rules.rs` says
//! what is changed. With no rule changed they must be the reference: a test walks the replicas side by side, and each step of
//! the one asks exactly what the same step of the other asks. So what kills a mutant is its one rule.
//!
//! # The catalogue
//!
//! The mistakes that a Paxos is to be tried with, and the mutant of each; behind the numbered ones, those that people have
//! beside. A test says that no mutant is missing here, and none too many.
//!
//! | the mistake | mutant |
//! |---|---|
//! | 1, 2 promise, or vote in, a ballot lower than the promised one | A1, A2 |
//! | 3 accepting does not raise the promise | M2, M2b |
//! | 4, 5 a promise or a vote is answered before it is stable | M1, B1, B2: one lane, so one mistake for both answers |
//! | 6 recovery restores the promise and not a vote | L1 |
//! | 7 the value of the lowest ballot is adopted; the most frequent; the last | M3d, M3, M3c |
//! | 8 the proposer's own value, although a vote was reported | M3b |
//! | 9 messages are counted, not senders | M9b promises, M9 both |
//! | 10 a quorum of half; half, rounded up, of four | M10, M10b both phases, M22 phase 1 alone |
//! | 11 votes of different ballots are added up | M8 |
//! | 12 a ballot without its proposer's name | M6 |
//! | 13 a ballot is used again after a restart | M6b, L8 after a lost disk |
//! | 14 late promises of an older ballot count | M5, L2 |
//! | 15 part of an answer is taken for all of it | L3 |
//! | 16 votes are forgotten and nobody is told | M21 |
//! | 17 fresh commands in gaps | L4 |
//! | 18 a hole is skipped | M14 |
//! | 19 acknowledged when the Accept is sent | S1 |
//! | 20 reads without a quorum | M16, M15 |
//! | 21 a lease that is counted wrongly | none: there are no leases here, a read asks a quorum |
//! | 22 what was answered is left out of the snapshot | S2 |
//! | 23 catching up hands out votes | L5, L6 |
//! | 24 damage in mid-log is taken for its end | D1 |
//! | 25 a failed sync is ignored, or tried again; the directory is not synced | D2, D2b; D3; and D4 |
//! | quorums that add up to n | M22 |
//! | a definite error after a command was proposed | S3 |
//! | one refusal ends the round; no waiting; a refusal does not raise the round | M11; M12; V2 |
//! | whoever hears a leader elects nobody, also where it is of no use | V1, V3 |
//! | any heartbeat is obeyed, also that of a competing leader which has been outbid | L9 |
//! | one vote is a decision; a vote has no ballot of its own | M7; M4 |
//! | the failure detector elects; a slot is its proposer's; the truth is said in the wrong ballot | M13; M17; L7 |
//! | a node without its disk votes as if it were new | M19 |
//! | a new configuration is used before it is chosen | none: members are fixed |
//! | Fast Paxos recovers with a quorum of the classic size | none: there is no Fast Paxos here |
//! | an event for a watcher is lost when the log is compacted | none: the store has no watchers |
//!
//! L9 is a mistake about progress in the books, and here one about reads: a leader that is outbid looks for a quorum all the
//! same, so one more follower costs time only once; but that follower's answer confirms what the leader no longer knows.

mod clients;
mod kill;
mod matrix;
mod mutant;
mod pushed;
mod scenario;
mod simulation;
mod stopped;
mod story;
mod tale;
mod time;
mod unit;
mod wrong;
mod wrong_log;
mod wrong_service;
mod wrong_store;

pub use clients::{History, Wronged, decide, differ, serve, store_world};
pub use kill::{Kill, Shown, Spared, kill, spare};
pub use matrix::{Effort, Layer, Outcome, deaths, put, put_references};
pub use mutant::{Home, Mutant};
pub use scenario::{Crash, Requests, Scenario};
pub use simulation::{Broken, Seed, simulate};
pub use story::{Stories, stories};
pub use tale::{Tale, tell};
pub use time::{Late, late};
pub use unit::{unit, units};
pub use wrong::Wrong;
pub use wrong_log::WrongLog;
pub use wrong_service::{Asked, Below, WrongService};
pub use wrong_store::{Happens, Stored, WrongStore, play, search_store, simulate_store, store_script};

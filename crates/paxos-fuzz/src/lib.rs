//! Hostile input: what must hold whatever bytes come.
//!
//! Everything that reads bytes which somebody else wrote has a *target* here: a plain function of bytes that panics when
//! something does not hold. "It does not panic" is the least of it. The header of each file in `targets` says what else:
//! what is read and written again is the same, a damaged log is a prefix or refused, nobody without the key gets in.
//!
//! The same functions are called in three ways:
//!
//! - by the tests of this crate, with the seeds in `corpus`, and with a few thousand inputs that [`Mutator`] makes of
//!   them, always the same; the tests also measure that no target holds more memory than it may;
//! - by `cargo paxos fuzz`, with a seed, for as long as one likes;
//! - by libFuzzer, which sees which branches an input takes, in the workspace `fuzz` beside this one.
//!
//! ```
//! let frames = paxos_fuzz::Target::named("frames").expect("there is one");
//! frames.run(b"GET / HTTP/1.1\r\n\r\n");
//! ```
//!
//! What made a target panic once stays in `corpus`, under a name that says what it was.
//!
//! # What it does not do
//!
//! It finds no deadlock and no race: a target is one thread. It feeds no process with the messages of a peer that holds
//! the key and lies: Paxos trusts its peers.

mod mutator;
mod runner;
mod targets;

pub use mutator::Mutator;
pub use runner::{Crash, Progress, attempt, fuzz};
pub use targets::{Seed, Target};

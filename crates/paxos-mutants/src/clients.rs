//! Mutants seen from outside: what clients asked and heard, judged by `paxos-judge`, and by nothing else.
//!
//! A client knows no ballot and no slot. It sees a wrong rule only when the rule gives it a wrong answer: this is the last
//! judge and the only one that counts, and it sees least.

mod decision;
mod store;

use std::ops::Range;

use paxos_judge::{Call, Explanation, Verdict, judge};

use crate::stopped::unless_stopped;

pub use decision::decide;
pub use store::{History, differ, serve, store_world};

/// A seed that was bad for its clients.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wronged {
    /// They saw what no store shows that does one thing after the other.
    Answered {
        /// The seed.
        seed: u64,
        /// How many calls it has.
        calls: usize,
        /// Why not.
        why: Box<Explanation>,
    },
    /// A node stopped at one of its assertions, before anybody was told anything wrong.
    Stopped {
        /// The seed.
        seed: u64,
        /// The assertion, in its words.
        words: String,
    },
}

impl Wronged {
    /// The seed.
    #[must_use]
    pub const fn seed(&self) -> u64 {
        match self {
            Self::Answered { seed, .. } | Self::Stopped { seed, .. } => *seed,
        }
    }
}

/// The first of `seeds` whose history is not linearizable, or has none because a node stops.
fn first(mut seeds: Range<u64>, history: impl Fn(u64) -> Vec<Call>) -> Option<Wronged> {
    seeds.find_map(|seed| {
        let history = match unless_stopped(|| history(seed)) {
            Ok(history) => history,
            Err(words) => return Some(Wronged::Stopped { seed, words }),
        };
        let calls = history.len();
        wrong(&history).map(|why| Wronged::Answered { seed, calls, why: Box::new(why) })
    })
}

/// What is wrong with a history.
///
/// # Panics
///
/// When it is no history: a client overlaps itself. Small ones are never undecided.
pub(crate) fn wrong(history: &[Call]) -> Option<Explanation> {
    match judge(history).expect("each client does one thing") {
        Verdict::NotLinearizable(why) => Some(why),
        Verdict::Linearizable { .. } => None,
        Verdict::Undecided { .. } => unreachable!("a history of a few calls is decided"),
    }
}

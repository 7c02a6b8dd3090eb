//! Where a search stops, how far it is, and what it has found out.

use std::{
    fs,
    num::NonZero,
    sync::{Arc, atomic::AtomicBool},
    thread,
    time::Duration,
};

use paxos_sim::Invariant;

/// Where the search stops without an answer, and what it judges by.
#[derive(Clone, Debug)]
pub struct Limits {
    /// The invariants, in the order in which they are looked at.
    pub invariants: Vec<Invariant>,
    /// How many distinct states it may remember.
    pub states: usize,
    /// How many bytes it may use, by its own estimate.
    pub bytes: usize,
    /// How many choices a run may have.
    pub depth: usize,
    /// How many threads it may use. What it finds does not depend on it.
    pub threads: NonZero<usize>,
    /// Set by somebody else, such as a person who has seen enough, it stops the search soon.
    pub stop: Arc<AtomicBool>,
}

impl Default for Limits {
    /// All invariants, 100 million states, 8 GiB, runs of any length; as many threads as the machine has cores.
    fn default() -> Self {
        let invariants = Invariant::ALL.to_vec();
        let threads = thread::available_parallelism().unwrap_or(NonZero::<usize>::MIN);
        Self { invariants, states: 100_000_000, bytes: 8 << 30, depth: usize::MAX, threads, stop: Arc::default() }
    }
}

/// What the search has found out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict<C> {
    /// The invariants hold in every run within the bounds.
    Holds,
    /// An invariant fails after this run. The search found no run with fewer choices, and none of these can be left
    /// out.
    Violated {
        /// The first invariant that fails.
        invariant: Invariant,
        /// The choices that lead there from the initial world.
        path: Vec<C>,
    },
    /// A limit was reached first. Nothing failed so far; this says nothing about the rest.
    NotExhaustive,
}

/// How far the search is.
#[derive(Clone, Copy, Debug)]
pub struct Progress {
    /// Distinct states found.
    pub states: usize,
    /// Choices tried: each led to a state, new or not.
    pub choices: usize,
    /// The length of the runs being looked at.
    pub depth: usize,
    /// States of that length that are still to be looked at.
    pub frontier: usize,
    /// Memory in use, by the search's own estimate: what it remembers of each state. The worlds that its threads are
    /// at, and what they have found of one batch, are a few MiB more.
    pub bytes: usize,
    /// Memory in use by the whole process, as the system measures it, where it can be asked (on Linux).
    pub resident: Option<usize>,
    /// Time since the start. A search that goes on from a file counts what it took until the file was written, and not
    /// what it takes to read it.
    pub elapsed: Duration,
    /// How long the file is in which the search remembers, if it has one.
    pub file_bytes: Option<u64>,
}

impl Progress {
    /// Distinct states found in a second.
    #[must_use]
    pub fn states_per_second(&self) -> f64 {
        self.states as f64 / self.elapsed.as_secs_f64().max(1e-9)
    }

    /// The chance that two different states of this search had the same 64-bit fingerprint, so that one of them was
    /// taken for seen: at most n² / 2⁶⁵.
    #[must_use]
    pub fn collision_chance(&self) -> f64 {
        (self.states as f64).powi(2) / 2f64.powi(65)
    }
}

/// A search that has ended.
#[derive(Clone, Debug)]
pub struct Report<C> {
    /// What it has found out.
    pub verdict: Verdict<C>,
    /// How far it came; `depth` is the length of the longest run that led to a new state.
    pub progress: Progress,
}

/// The resident memory of this process, in bytes.
pub(crate) fn resident() -> Option<usize> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kibibytes: usize = line.trim().strip_suffix(" kB")?.parse().ok()?;
    Some(kibibytes << 10)
}

#[cfg(test)]
mod tests {
    #[test]
    #[cfg(target_os = "linux")]
    fn what_is_used_is_resident() {
        let used = vec![1u8; 64 << 20];
        assert!(super::resident() > Some(used.len()));
    }
}

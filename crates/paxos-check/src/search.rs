//! The search. This file is a chapter of the book.

use std::{
    collections::{HashSet, VecDeque},
    hash::{BuildHasherDefault, Hash, Hasher},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use paxos_messages::Observed;
use paxos_sim::{Bounds, ChoiceOf, Invariant, World};

use crate::minimise::minimise;

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
    /// Set by somebody else, such as a person who has seen enough, it stops the search soon.
    pub stop: Arc<AtomicBool>,
}

impl Default for Limits {
    /// All invariants, 100 million states, 8 GiB, runs of any length.
    fn default() -> Self {
        let invariants = Invariant::ALL.to_vec();
        Self { invariants, states: 100_000_000, bytes: 8 << 30, depth: usize::MAX, stop: Arc::default() }
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
    /// Memory in use, by the search's own estimate.
    pub bytes: usize,
    /// Time since the start.
    pub elapsed: Duration,
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
    /// How far it came; `depth` is the length of the longest run that led to a new state, and `bytes` is the most it
    /// used.
    pub progress: Progress,
}

// ANCHOR: check
/// Looks at every world that can be reached from `initial` within `bounds`, shortest runs first.
///
/// `tell` hears of the progress every few ten thousand states.
pub fn check<P: Observed + Clone + Eq + Hash>(
    initial: &World<P>,
    bounds: &Bounds<P::Request>,
    limits: &Limits,
    mut tell: impl FnMut(&Progress),
) -> Report<ChoiceOf<P>> {
    let mut search = Search { seen: HashSet::default(), steps: Vec::new(), choices: 0, start: Instant::now() };
    search.is_new(initial, 0, 0);
    let (mut frontier, mut next) = (VecDeque::from([(0, initial.clone())]), VecDeque::new());
    let (mut depth, mut most, mut enabled) = (0, 0, Vec::new());

    if let Some(invariant) = initial.violated(&limits.invariants) {
        let progress = search.progress(0, 0, 0);
        return Report { verdict: Verdict::Violated { invariant, path: Vec::new() }, progress };
    }
    let verdict = 'search: loop {
        while let Some((parent, world)) = frontier.pop_front() {
            enabled.clear();
            world.choices(bounds, &mut enabled);
            for (nth, choice) in enabled.iter().enumerate() {
                search.choices += 1;
                let mut child = world.clone();
                child.apply_within(bounds, choice, &mut ());
                let Some(state) = search.is_new(&child, parent, nth) else { continue };
                if let Some(invariant) = child.newly_violated(&limits.invariants) {
                    depth += 1;
                    let path = search.path(state, initial, bounds);
                    let path = minimise(initial, bounds, invariant, path);
                    break 'search Verdict::Violated { invariant, path };
                }
                next.push_back((state, child));
                let waiting = frontier.len() + next.len();
                let progress = || search.progress(depth + 1, waiting, per_world(initial) * waiting);
                if state % 32_768 == 0 {
                    most = most.max(progress().bytes);
                    tell(&progress());
                }
                let full = state + 1 >= limits.states || (state % 256 == 0 && progress().bytes >= limits.bytes);
                if full || (state % 256 == 0 && limits.stop.load(Ordering::Relaxed)) {
                    break 'search Verdict::NotExhaustive;
                }
            }
        }
        if next.is_empty() {
            break Verdict::Holds;
        }
        depth += 1;
        if depth >= limits.depth {
            break Verdict::NotExhaustive;
        }
        std::mem::swap(&mut frontier, &mut next);
    };
    let waiting = frontier.len() + next.len();
    let progress = search.progress(depth, waiting, per_world(initial) * waiting);
    Report { verdict, progress: Progress { bytes: most.max(progress.bytes), ..progress } }
}
// ANCHOR_END: check

/// What the search remembers: not the states, but a fingerprint of each, and how it was first reached.
struct Search {
    seen: HashSet<u64, BuildHasherDefault<Identity>>,
    /// For each state in order of discovery: the state before it, and which of that state's choices led here.
    steps: Vec<(u32, u16)>,
    choices: usize,
    start: Instant,
}

impl Search {
    // ANCHOR: is_new
    /// The number of a state not seen before, reached from `parent` by its `nth` choice; `None` when it was seen.
    fn is_new<P: Observed + Clone + Hash>(&mut self, world: &World<P>, parent: usize, nth: usize) -> Option<usize> {
        self.seen.insert(world.fingerprint()).then(|| {
            let parent = u32::try_from(parent).expect("fewer than 2^32 states are ever remembered");
            let nth = u16::try_from(nth).expect("a world has fewer than 65,536 choices");
            self.steps.push((parent, nth));
            self.steps.len() - 1
        })
    }
    // ANCHOR_END: is_new

    /// The choices that first led to `state`, found by walking back to the start and then forth again.
    fn path<P: Observed + Clone + Hash>(
        &self,
        mut state: usize,
        initial: &World<P>,
        bounds: &Bounds<P::Request>,
    ) -> Vec<ChoiceOf<P>> {
        let mut nths = Vec::new();
        while state != 0 {
            let (parent, nth) = self.steps[state];
            nths.push(nth);
            state = parent as usize;
        }
        let mut world = initial.clone();
        let mut path = Vec::new();
        for nth in nths.into_iter().rev() {
            let mut enabled = Vec::new();
            world.choices(bounds, &mut enabled);
            let choice = enabled.swap_remove(usize::from(nth));
            world.apply_within(bounds, &choice, &mut ());
            path.push(choice);
        }
        path
    }

    fn progress(&self, depth: usize, frontier: usize, frontier_bytes: usize) -> Progress {
        let remembered = self.seen.capacity() * 9 + self.steps.capacity() * size_of::<(u32, u16)>();
        Progress {
            states: self.steps.len(),
            choices: self.choices,
            depth,
            frontier,
            bytes: remembered + frontier_bytes,
            elapsed: self.start.elapsed(),
        }
    }
}

/// About how many bytes a world of the frontier takes. Nodes are shared between worlds; one of them is its own. The
/// allocator and the growth of the queues take half as much again, measured against the resident memory of searches
/// with one to five million waiting worlds: the estimate stays above it.
fn per_world<P: Observed + Clone + Hash>(world: &World<P>) -> usize {
    world.footprint() * 3 / 2
}

/// Fingerprints are hashes already; the set need not hash them again.
#[derive(Default)]
struct Identity(u64);

impl Hasher for Identity {
    fn finish(&self) -> u64 {
        self.0
    }
    fn write(&mut self, _: &[u8]) {
        unreachable!("fingerprints are whole u64 numbers");
    }
    fn write_u64(&mut self, fingerprint: u64) {
        self.0 = fingerprint;
    }
}

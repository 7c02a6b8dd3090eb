//! The search. This file is a chapter of the book.

use std::{ops::Range, sync::atomic::Ordering, time::Instant};

use paxos_sim::{Bounds, ChoiceOf, World, minimise};

use crate::{
    Checkable, Limits, Progress, Report, Verdict,
    expand::{Found, Team},
    report::resident,
    seen::Seen,
    steps::Steps,
};

// ANCHOR: check
/// Looks at every world that can be reached from `initial` within `bounds`, shortest runs first.
///
/// `tell` hears of the progress every few ten thousand states. The report is the same however many threads
/// `limits` allow, but for the times in it.
pub fn check<P: Checkable>(
    initial: &World<P>,
    bounds: &Bounds<P::Request>,
    limits: &Limits,
    mut tell: impl FnMut(&Progress),
) -> Report<ChoiceOf<P>> {
    let mut search = Search::new(initial);
    let mut team = Team::new(initial, bounds, limits);
    let (mut depth, mut level) = (0, 0..1);
    if let Some(invariant) = initial.violated(&limits.invariants) {
        return Report { verdict: Verdict::Violated { invariant, path: Vec::new() }, progress: search.progress(0, 0) };
    }
    let verdict = 'search: loop {
        for batch in batches(&level) {
            let waiting = level.end - batch.end;
            for found in team.expand(batch, depth, &search.seen, &search.steps) {
                search.choices += found.tried;
                for Found { fingerprint, parent, nth, violated } in found.worlds {
                    let Some(state) = search.is_new(fingerprint, parent, nth) else { continue };
                    if let Some(invariant) = violated {
                        depth += 1;
                        let path = team.way_to(state, depth, &search.steps);
                        let path = minimise(initial, invariant, &path);
                        break 'search Verdict::Violated { invariant, path };
                    }
                    if state + 1 >= limits.states {
                        break 'search Verdict::NotExhaustive;
                    }
                }
            }
            let progress = search.progress(depth + 1, waiting + search.steps.len() - level.end);
            tell(&progress);
            if progress.bytes >= limits.bytes || limits.stop.load(Ordering::Relaxed) {
                break 'search Verdict::NotExhaustive;
            }
        }
        level = level.end..search.steps.len();
        if level.is_empty() {
            break Verdict::Holds;
        }
        depth += 1;
        if depth >= limits.depth {
            break Verdict::NotExhaustive;
        }
    };
    Report { verdict, progress: search.progress(depth, search.steps.len() - level.start) }
}
// ANCHOR_END: check

/// What the search remembers: not the states, but a fingerprint of each, and how it was first reached.
struct Search {
    seen: Seen,
    steps: Steps,
    choices: usize,
    start: Instant,
}

impl Search {
    fn new<P: Checkable>(initial: &World<P>) -> Self {
        let mut seen = Seen::new();
        seen.insert(initial.fingerprint());
        Self { seen, steps: Steps::new(), choices: 0, start: Instant::now() }
    }

    // ANCHOR: is_new
    /// The number of a state not seen before, reached from `parent` by its `nth` choice; `None` when it was seen.
    fn is_new(&mut self, fingerprint: u64, parent: usize, nth: u16) -> Option<usize> {
        self.seen.insert(fingerprint).then(|| {
            self.steps.push(parent, nth);
            self.steps.len() - 1
        })
    }
    // ANCHOR_END: is_new

    fn progress(&self, depth: usize, frontier: usize) -> Progress {
        Progress {
            states: self.steps.len(),
            choices: self.choices,
            depth,
            frontier,
            bytes: self.seen.bytes() + self.steps.bytes(),
            resident: resident(),
            elapsed: self.start.elapsed(),
        }
    }
}

/// A level in parts, each as many states as are looked at before what was found is counted.
fn batches(level: &Range<usize>) -> impl Iterator<Item = Range<usize>> + use<> {
    let Range { start, end } = *level;
    (start..end).step_by(BATCH).map(move |first| first..end.min(first + BATCH))
}

/// The same for any number of threads, or what is reported would depend on it.
const BATCH: usize = 8_192;

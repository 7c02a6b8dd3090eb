//! The search. This file is a chapter of the book.

use std::{
    ops::Range,
    path::Path,
    sync::atomic::Ordering,
    time::{Duration, Instant},
};

use paxos_sim::{Bounds, ChoiceOf, World, minimise};

use crate::{
    Checkable, Limits, Progress, Report, Verdict,
    expand::{Found, Part, Team},
    report::resident,
    seen::Seen,
    state_file::{self, StateFile, StateFileError},
    steps::Steps,
};

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
    search(initial, bounds, limits, None, &mut tell).expect("only a file can fail, and there is none")
}

/// As [`check`], and writes what it remembers to the file at `path` as it goes. If the file is there, it goes on from
/// it, and the report is that of a search which was never stopped. `limits` may be others than before, but not the
/// invariants.
///
/// `model` names the process, as far as the worlds and bounds do not tell it from others.
///
/// # Errors
///
/// When the file is of another search, damaged, or cannot be written. What was written stays.
pub fn check_with_file<P: Checkable>(
    initial: &World<P>,
    bounds: &Bounds<P::Request>,
    limits: &Limits,
    (path, model): (&Path, &str),
    mut tell: impl FnMut(&Progress),
) -> Result<Report<ChoiceOf<P>>, StateFileError> {
    let text = state_file::text(model, initial, bounds, &limits.invariants, BATCH);
    search(initial, bounds, limits, Some(StateFile::open(path, &text)?), &mut tell)
}

// ANCHOR: check
fn search<P: Checkable>(
    initial: &World<P>,
    bounds: &Bounds<P::Request>,
    limits: &Limits,
    file: Option<StateFile>,
    tell: &mut impl FnMut(&Progress),
) -> Result<Report<ChoiceOf<P>>, StateFileError> {
    let mut search = Search::new(initial, file);
    let mut team = Team::new(initial, bounds, limits);
    let (mut depth, mut level) = (0, 0..1);
    if let Some(invariant) = initial.violated(&limits.invariants) {
        let verdict = Verdict::Violated { invariant, path: Vec::new() };
        return Ok(Report { verdict, progress: search.progress(0, 0) });
    }
    let verdict = 'search: loop {
        for batch in batches(&level) {
            let (waiting, tried) = (level.end - batch.end, search.choices);
            for found in search.look(&mut team, batch.clone(), depth)? {
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
            // Who is stopped has not looked at all of a batch.
            let stopped = limits.stop.load(Ordering::Relaxed);
            if !stopped {
                search.keep(batch.start, search.choices - tried)?;
            }
            let progress = search.progress(depth + 1, waiting + search.steps.len() - level.end);
            tell(&progress);
            if progress.bytes >= limits.bytes || stopped || limits.stop.load(Ordering::Relaxed) {
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
    search.file.as_ref().map_or(Ok(()), StateFile::sync)?;
    Ok(Report { verdict, progress: search.progress(depth, search.steps.len() - level.start) })
}
// ANCHOR_END: check

/// What the search remembers: not the states, but a fingerprint of each, and how it was first reached.
struct Search {
    seen: Seen,
    steps: Steps,
    choices: usize,
    start: Instant,
    /// How long those searches took that this one goes on from.
    earlier: Duration,
    /// Where it is written too.
    file: Option<StateFile>,
}

impl Search {
    fn new<P: Checkable>(initial: &World<P>, file: Option<StateFile>) -> Self {
        let mut seen = Seen::new();
        seen.insert(initial.fingerprint());
        let (steps, earlier) = (Steps::new(), Duration::ZERO);
        Self { seen, steps, choices: 0, start: Instant::now(), earlier, file }
    }

    /// Looks at the states of a batch, each reached by `depth` choices, or recalls what was found when this was done.
    fn look<P: Checkable>(
        &mut self,
        team: &mut Team<'_, P>,
        batch: Range<usize>,
        depth: usize,
    ) -> Result<Vec<Part>, StateFileError> {
        let Some(file) = &mut self.file else { return Ok(team.expand(batch, depth, &self.seen, &self.steps)) };
        let Some((part, earlier)) = file.recall(&batch)? else {
            return Ok(team.expand(batch, depth, &self.seen, &self.steps));
        };
        if !team.finds_again(&part, batch.start, depth, &self.seen, &self.steps) {
            return Err(file.of_other_code(batch.start));
        }
        (self.earlier, self.start) = (earlier, Instant::now());
        Ok(vec![part])
    }

    /// Writes down what was found from the batch that begins with the state `first`.
    fn keep(&mut self, first: usize, tried: usize) -> Result<(), StateFileError> {
        let elapsed = self.elapsed();
        self.file.as_mut().map_or(Ok(()), |file| file.keep(first, tried, elapsed))
    }

    // ANCHOR: is_new
    /// The number of a state not seen before, reached from `parent` by its `nth` choice; `None` when it was seen.
    fn is_new(&mut self, fingerprint: u64, parent: usize, nth: u16) -> Option<usize> {
        self.seen.insert(fingerprint).then(|| {
            self.steps.push(parent, nth);
            if let Some(file) = &mut self.file {
                file.note(fingerprint, parent, nth);
            }
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
            elapsed: self.elapsed(),
            file_bytes: self.file.as_ref().map(StateFile::bytes),
        }
    }

    fn elapsed(&self) -> Duration {
        self.earlier + self.start.elapsed()
    }
}

/// A level in parts, each as many states as are looked at before what was found is counted.
fn batches(level: &Range<usize>) -> impl Iterator<Item = Range<usize>> + use<> {
    let Range { start, end } = *level;
    (start..end).step_by(BATCH).map(move |first| first..end.min(first + BATCH))
}

/// The same for any number of threads, or what is reported would depend on it.
const BATCH: usize = 8_192;

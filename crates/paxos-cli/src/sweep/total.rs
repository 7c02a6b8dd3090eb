//! What the runs of a sweep add up to, in the order of their seeds.

use std::{
    collections::BTreeMap,
    fs::File,
    io::{self, BufWriter, Write as _},
    path::{Path, PathBuf},
};

use anyhow::Context as _;
use paxos_judge::{Call, write_history};
use paxos_models::simulated::{BasicLoad, KvLoad, MultiLoad};
use paxos_process::NodeSet;
use paxos_sim::{
    Trace,
    timed::{Counts, Run, System, Violation},
};

use crate::sim::of_run;

/// A load that has something to tell when its run is over.
pub(super) trait Tells {
    /// How often what happened to clients.
    fn tally(&self) -> Vec<(&'static str, u64)> {
        Vec::new()
    }

    /// What clients saw.
    fn calls(&self) -> Vec<Call> {
        Vec::new()
    }
}

impl Tells for BasicLoad {}

impl Tells for MultiLoad {}

impl Tells for KvLoad {
    fn tally(&self) -> Vec<(&'static str, u64)> {
        let tally = Self::tally(self);
        vec![
            ("operations answered", tally.answered),
            ("operations refused", tally.refused),
            ("operations of unknown outcome", tally.unknown),
            ("operations asked again", tally.asked_again),
            ("commands twice in the log", tally.twice),
            ("sessions expired", tally.expired),
            (UNDECIDED, tally.undecided),
        ]
    }

    fn calls(&self) -> Vec<Call> {
        self.history()
    }
}

/// How many histories were too hard to judge, by name.
pub(super) const UNDECIDED: &str = "histories too hard to judge";

/// What is kept of a run.
pub(super) struct Seen {
    counts: Counts,
    tally: Vec<(&'static str, u64)>,
    milliseconds: u64,
    violation: Option<Violation>,
    /// What clients saw, and what nodes said, as it is written to files.
    history: Vec<u8>,
    trace: Vec<u8>,
}

impl Seen {
    pub(super) fn new<S: System<Load: Tells>>(over: Run<S>, run: u64, wants_history: bool, trace: Vec<u8>) -> Self {
        let mut history = Vec::new();
        if wants_history {
            let calls: Vec<Call> = over.load.calls().into_iter().map(|call| of_run(run, call)).collect();
            write_history(&calls, &mut history).expect("memory takes what is written to it");
        }
        Self {
            tally: over.load.tally(),
            counts: over.counts,
            milliseconds: over.time.as_millis() as u64,
            violation: over.violation,
            history,
            trace,
        }
    }
}

/// What all runs add up to.
pub(super) struct Total {
    /// The first seed that is not in it.
    pub(super) next: u64,
    pub(super) counts: Counts,
    pub(super) tally: BTreeMap<&'static str, u64>,
    /// Of virtual time. Each run's is rounded, so that parts of a sweep add up to the whole.
    pub(super) milliseconds: u64,
    /// The lowest seed that fails, and how. Nothing behind it is added.
    pub(super) violation: Option<(u64, Violation)>,
    /// Runs that were quicker than one before them.
    waiting: BTreeMap<u64, Seen>,
    history: Option<(BufWriter<File>, PathBuf)>,
    trace: Option<(BufWriter<File>, PathBuf)>,
    error: Option<(io::Error, PathBuf)>,
}

impl Total {
    /// Nothing yet, of seeds from `first` on.
    pub(super) fn new(first: u64, nodes: u8, history: Option<&Path>, trace: Option<&Path>) -> anyhow::Result<Self> {
        let create = |file: Option<&Path>| -> anyhow::Result<Option<(BufWriter<File>, PathBuf)>> {
            let Some(file) = file else { return Ok(None) };
            let created = File::create(file).with_context(|| format!("cannot write {}", file.display()))?;
            Ok(Some((BufWriter::new(created), file.to_owned())))
        };
        let (history, mut trace) = (create(history)?, create(trace)?);
        if let Some((out, file)) = trace {
            let out = Trace::new(out, NodeSet::first(nodes)).finish();
            trace = Some((out.with_context(|| format!("cannot write {}", file.display()))?, file));
        }
        Ok(Self {
            next: first,
            counts: Counts::new(),
            tally: BTreeMap::new(),
            milliseconds: 0,
            violation: None,
            waiting: BTreeMap::new(),
            history,
            trace,
            error: None,
        })
    }

    /// A run is over. It is added when all before it are.
    pub(super) fn add(&mut self, seed: u64, seen: Seen) {
        self.waiting.insert(seed, seen);
        while self.violation.is_none()
            && let Some(seen) = self.waiting.remove(&self.next)
        {
            self.counts.merge(&seen.counts);
            self.milliseconds += seen.milliseconds;
            for (what, count) in seen.tally {
                *self.tally.entry(what).or_default() += count;
            }
            for (out, bytes) in [(&mut self.history, seen.history), (&mut self.trace, seen.trace)] {
                if let Some((out, file)) = out
                    && let Err(error) = out.write_all(&bytes)
                {
                    self.error.get_or_insert((error, file.clone()));
                }
            }
            self.violation = seen.violation.map(|violation| (self.next, violation));
            self.next += 1;
        }
    }

    /// All has been added.
    pub(super) fn finish(mut self) -> anyhow::Result<Self> {
        for (out, file) in [&mut self.history, &mut self.trace].into_iter().flatten() {
            if let Err(error) = out.flush() {
                self.error.get_or_insert((error, file.clone()));
            }
        }
        match self.error.take() {
            Some((error, file)) => Err(error).with_context(|| format!("cannot write {}", file.display())),
            None => Ok(self),
        }
    }

    /// What happened how often, by name; what never did is there too, with a 0.
    pub(super) fn named(&self) -> BTreeMap<String, u64> {
        let kinds = self.counts.iter().map(|(kind, count)| (kind.name().to_owned(), count));
        kinds.chain(self.tally.iter().map(|(what, count)| ((*what).to_owned(), *count))).collect()
    }
}

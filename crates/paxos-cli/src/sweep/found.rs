//! What is done with a seed that fails: it is made small, saved, and said how to see again.
//!
//! First the run as a whole: a smaller cluster, fewer kinds of faults, a shorter time in which things fail. That can be done
//! with whatever went wrong, and is said in the words of the command line. Then, where an invariant fails, the list of its
//! choices: what comes out is a script, which needs no clock.

use std::{
    fs, panic,
    path::{Path, PathBuf},
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use anyhow::Context as _;
use paxos_judge::{Verdict, judge, write_history};
use paxos_models::simulated;
use paxos_sim::{
    Choice, ChoiceOf, Header, Invariant, Smaller, World, minimise_within,
    timed::{Conditions, Run, System, Violation, shrink, simulate_under},
    write_path,
};

use super::{Faults, Protocol, Sweep, Swept, report::Broken, total::Tells};
use crate::{
    output::say,
    search::{self, Line},
};

/// A run that fails, and how it is asked for.
struct Failing<S: System> {
    seed: u64,
    nodes: u8,
    conditions: Conditions,
    run: Run<S>,
    /// The command that shows it again.
    again: String,
}

impl Sweep {
    /// The violation of this seed, made small and written to a file. The run is made again: a seed is all that one needs to keep.
    pub(super) fn save<S: Swept>(
        &self,
        system: &impl Fn(u8) -> S,
        seed: u64,
        violation: &Violation,
        stop: &AtomicBool,
    ) -> anyhow::Result<Broken> {
        let line = Line::new("making it smaller", self.json);
        // What is tried may make a process panic. That is no news, and would be told each time.
        let hook = panic::take_hook();
        panic::set_hook(Box::new(|_| {}));
        let failing = self.shrunk(system, seed, violation, stop, &line);
        let smaller = match failing.run.violation {
            Some(Violation::Invariant(invariant)) => Some(self.minimised(system, &failing, invariant, stop, &line)),
            _ => None,
        };
        panic::set_hook(hook);
        line.clear();
        let mut broken = Broken {
            seed,
            violation: violation.to_string(),
            again: failing.again.clone(),
            script: None,
            history: None,
        };
        if let Some(shown) = &failing.run.violation {
            broken.violation = shown.to_string();
        }
        let default = || PathBuf::from(format!("{}-{seed}.script", self.protocol.name()));
        let file = self.script.clone().unwrap_or_else(default);
        if let Some(text) = self.script(&system(failing.nodes), &failing, smaller.as_ref())? {
            broken.script = Some(write(&file, text.as_bytes())?);
            // A story of thousands of lines tells nobody anything.
            if !self.json && text.lines().count() <= SHOWN {
                say(text);
            }
        }
        // Not every complaint is one that a history shows: two nodes that differ have told nobody yet.
        let calls = failing.run.load.calls();
        if let Ok(Verdict::NotLinearizable(_)) = judge(&calls) {
            let mut history = Vec::new();
            write_history(&calls, &mut history)?;
            broken.history = Some(write(&file.with_extension("history"), &history)?);
        }
        Ok(broken)
    }

    /// The same seed in a smaller cluster, if it fails there too, with fewer faults, for a shorter time.
    fn shrunk<S: Swept>(
        &self,
        system: &impl Fn(u8) -> S,
        seed: u64,
        violation: &Violation,
        stop: &AtomicBool,
        line: &Line,
    ) -> Failing<S> {
        let mut tried = 0;
        let mut go_on = || {
            tried += 1;
            line.say(format!("{tried} runs"));
            !stop.load(Ordering::Relaxed)
        };
        let mut fails = |nodes: &u8| {
            let smaller = system(*nodes);
            go_on() && {
                let run = simulate_under(&smaller, self.conditions(&smaller, seed), seed, &mut ());
                run.violation.is_some_and(|shown| shown.is_like(violation))
            }
        };
        let nodes = (3..self.nodes).find(|nodes| fails(nodes)).unwrap_or(self.nodes);
        let system = system(nodes);
        let whole = self.conditions(&system, seed);
        let conditions = shrink(&system, whole.clone(), seed, violation, &mut go_on);
        let mut again = format!("cargo paxos sweep --protocol {} --seeds {seed}..{}", self.protocol.name(), seed + 1);
        if nodes != 3 {
            again += &format!(" --nodes {nodes}");
        }
        if let Some(mutant) = self.mutant {
            again += &format!(" --mutant {mutant}");
        }
        if conditions.faults() != whole.faults() || self.faults.is_some() {
            again += &format!(" --faults {}", Faults(conditions.faults()));
        }
        if conditions.lasting != whole.lasting || self.failing.is_some() {
            again += &format!(" --failing {}ms", Duration::from_nanos(conditions.lasting).as_millis());
        }
        let run = simulate_under(&system, conditions.clone(), seed, &mut ());
        Failing { seed, nodes, conditions, run, again }
    }

    /// The choices of the run that was shrunk, or of the one that was not, made small: whichever has fewer faults then, or else
    /// is shorter. A run of few kinds of faults is not always one of few choices.
    fn minimised<S: Swept>(
        &self,
        system: &impl Fn(u8) -> S,
        failing: &Failing<S>,
        invariant: Invariant,
        stop: &AtomicBool,
        line: &Line,
    ) -> Smaller<ChoiceOf<S::Process>> {
        let minimise = |system: &S, path: &[ChoiceOf<S::Process>]| {
            let mut go_on = |left: usize| {
                line.say(format!("{left} of {} choices left", path.len()));
                !stop.load(Ordering::Relaxed)
            };
            minimise_within(&fresh(system), invariant, path, EFFORT, &mut go_on)
        };
        let system = system(failing.nodes);
        let shrunk = minimise(&system, &failing.run.path);
        if failing.nodes != self.nodes {
            return shrunk;
        }
        let whole = simulate_under(&system, self.conditions(&system, failing.seed), failing.seed, &mut ());
        let whole = minimise(&system, &whole.path);
        let size = |smaller: &Smaller<ChoiceOf<S::Process>>| {
            (smaller.path.iter().filter(|choice| is_fault(choice)).count(), smaller.path.len())
        };
        if size(&whole) < size(&shrunk) { whole } else { shrunk }
    }

    /// What went wrong as a script, if a script can say it.
    fn script<S: Swept>(
        &self,
        system: &S,
        failing: &Failing<S>,
        smaller: Option<&Smaller<ChoiceOf<S::Process>>>,
    ) -> anyhow::Result<Option<String>> {
        if (self.protocol, self.mutant.is_some()) == (Protocol::Kv, true) {
            return Ok(None); // its clients ask what a script of a mutant has no words for
        }
        let Failing { seed, nodes, conditions, run, again } = failing;
        let violation = run.violation.as_ref().context("the same seed fails again")?;
        let mut header = Header::new(self.protocol.name(), *nodes)?;
        header.mutant = self.mutant.map(|mutant| mutant.to_string());
        header.options = self.options();
        let under = format!(
            "What fails: {}, for {} ms.\nThe whole run: {again}",
            Faults(conditions.faults()),
            Duration::from_nanos(conditions.lasting).as_millis(),
        );
        let (Violation::Invariant(invariant), Some(smaller)) = (violation, smaller) else {
            let about = format!("Seed {seed}: {violation}.\n{under}\nNo invariant fails; this is how far it came.");
            // The last choice of a run that ends with a panic is the one that panics.
            let is_panic = matches!(violation, Violation::Panicked(_));
            let path = &run.path[..run.path.len() - usize::from(is_panic)];
            return Ok(Some(write_path(&header, &about, fresh(system), path)));
        };
        header.expect = Some(*invariant);
        let least =
            if smaller.is_least { "none can be left out" } else { "some may be left out: it took too long to try" };
        let about = format!(
            "Seed {seed} violates {invariant}. Of what is left here, {} choices, {least}.\n{under}",
            smaller.path.len(),
        );
        search::script(&header, &about, &fresh(system), &smaller.path).map(Some)
    }

    /// What the processes are told beside, by name, where that is not what they are told by default.
    fn options(&self) -> std::collections::BTreeMap<String, u64> {
        let paxos_multi::Options { window, retain } = simulated::OPTIONS;
        let paxos_kv::Options { pipeline, batch_bytes, batch_commands, queue_bytes, compact_after } = simulated::STORE;
        let log = [("window", window), ("retain", retain)];
        let store = [
            ("pipeline", pipeline as u64),
            ("batch_bytes", batch_bytes as u64),
            ("batch_commands", batch_commands as u64),
            ("queue_bytes", queue_bytes as u64),
            ("compact_after", compact_after),
        ];
        let named =
            |options: &[(&str, u64)]| options.iter().map(|(name, value)| ((*name).to_owned(), *value)).collect();
        match (self.protocol, self.mutant) {
            (Protocol::Basic, _) | (_, Some(_)) => named(&[]),
            (Protocol::Multi | Protocol::Raft, None) => named(&log),
            (Protocol::Kv, None) => named(&[&log[..], &store[..]].concat()),
        }
    }
}

const fn is_fault<T, Q>(choice: &Choice<T, Q>) -> bool {
    match choice {
        Choice::Drop(_)
        | Choice::Duplicate(_)
        | Choice::Crash(_)
        | Choice::CrashKeeping(..)
        | Choice::Lose(_)
        | Choice::Cut(..) => true,
        Choice::Deliver(_)
        | Choice::Fire(..)
        | Choice::Request(..)
        | Choice::Sync(_)
        | Choice::Restart(_)
        | Choice::Heal(..) => false,
    }
}

fn fresh<S: System>(system: &S) -> World<S::Process> {
    World::new(system.setting(), |id| system.make(id))
}

fn write(file: &Path, bytes: &[u8]) -> anyhow::Result<String> {
    fs::write(file, bytes).with_context(|| format!("cannot write {}", file.display()))?;
    Ok(file.display().to_string())
}

/// How many choices are made, in all replays together, to make a script smaller: a minute's work, at most a few.
const EFFORT: u64 = 20_000_000;

/// A script of more lines is not printed.
const SHOWN: usize = 400;

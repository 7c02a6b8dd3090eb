//! `paxos sweep`: thousands of timed simulations, each of another seed, on all cores.

mod merge;
mod report;

use std::{
    path::PathBuf,
    process::ExitCode,
    sync::{
        Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use anyhow::Context as _;
use clap::{Args, ValueEnum};
use indicatif::ProgressBar;
use paxos_models::simulated;
use paxos_mutants::{Mutant, Wrong, WrongLog};
use paxos_sim::{
    Header, Scriptable, World, minimise,
    timed::{Counts, Run, System, Violation, simulate},
    write_path,
};

pub(crate) use self::merge::Merge;
use self::report::{Broken, Report};
use crate::{
    args::{is_of, usage},
    output::say,
    search::{self, UNDECIDED},
};

const EXAMPLES: &str = "\
Examples:
  cargo paxos sweep --protocol multi --seeds 0..1000       a thousand runs of a log, on all cores
  cargo paxos sweep --protocol basic --seeds 42..43        one run again
  cargo paxos sweep --protocol multi --seeds 0..1000 --mutant L6   how soon does it find a bug?
  cargo paxos sweep --protocol multi --seeds 0..100000 --shard 0/4 --out 0.json   a quarter of them, for `merge`

Each seed draws what fails and how often: messages lost, doubled and late, partitions of every shape, clogged links, slow and
paused nodes, clocks that drift, crashes between any two effects, torn and damaged disks. Then all is mended, and the
cluster must get on in time. The first violation ends the sweep; it is made as small as it can be and saved as a script.

Exit code: 0 held in every run, 1 violated, 2 usage, 3 stopped before the last run, 4 it failed.";

/// Simulate with clocks, links and disks that fail: seeds A to B, on all cores
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Sweep {
    /// What is simulated
    #[arg(long, value_enum)]
    protocol: Protocol,
    /// The seeds, from the first to before the last
    #[arg(long, value_name = "A..B", value_parser = seeds)]
    seeds: (u64, u64),
    /// The size of the cluster
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u8).range(1..=26))]
    nodes: u8,
    /// How many runs at a time [default: one on each core]
    #[arg(long, value_parser = clap::value_parser!(u8).range(1..))]
    jobs: Option<u8>,
    /// Only this part of the seeds, of so many parts
    #[arg(long, value_name = "I/N", value_parser = shard)]
    shard: Option<(u64, u64)>,
    /// A mutant in place of the protocol: see `cargo paxos mutants`
    #[arg(long)]
    mutant: Option<Mutant>,
    /// Write what came out to this file, for `cargo paxos merge`
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Where a violation is saved, as a script [default: PROTOCOL-SEED.script]
    #[arg(long, value_name = "FILE")]
    script: Option<PathBuf>,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Protocol {
    /// One decision
    Basic,
    /// A replicated log
    Multi,
}

impl Protocol {
    const fn name(self) -> &'static str {
        match self {
            Self::Basic => "basic",
            Self::Multi => "multi",
        }
    }
}

/// What all threads add up.
#[derive(Default)]
struct Total {
    counts: Counts,
    time: Duration,
    /// The violation of the lowest seed so far.
    broken: Option<Broken>,
}

impl Sweep {
    pub(crate) fn run(self) -> anyhow::Result<ExitCode> {
        if let Err(problem) = is_of(self.mutant, self.protocol.name()) {
            return Ok(usage(problem));
        }
        let (nodes, mutant) = (self.nodes, self.mutant);
        match (self.protocol, mutant) {
            (Protocol::Basic, None) => self.sweep(&simulated::basic(nodes, paxos_basic::Replica::<String>::new)),
            (Protocol::Basic, Some(_)) => {
                self.sweep(&simulated::basic(nodes, |id, quorums| Wrong::<String>::new(mutant, id, quorums)))
            }
            (Protocol::Multi, None) => self.sweep(&simulated::multi(nodes, paxos_multi::Replica::<String>::new)),
            (Protocol::Multi, Some(_)) => {
                self.sweep(&simulated::multi(nodes, |id, quorums, _| WrongLog::<String>::new(mutant, id, quorums)))
            }
        }
    }

    fn sweep<S: System<Process: Scriptable> + Sync>(&self, system: &S) -> anyhow::Result<ExitCode> {
        let (first, end) = part(self.seeds, self.shard);
        let stop = search::stop_on_interrupt()?;
        let bar = search::bar("sweeping", "seeds", end - first, self.json);
        let (next, total, began) = (AtomicU64::new(first), Mutex::new(Total::default()), Instant::now());
        let jobs = self.jobs.map_or_else(|| thread::available_parallelism().map_or(1, usize::from), usize::from);
        thread::scope(|scope| {
            for _ in 0..jobs {
                scope.spawn(|| self.work(system, end, &next, &stop, &total, &bar));
            }
        });
        bar.finish_and_clear();
        let total = total.into_inner().expect("no thread has panicked");
        let broken = match total.broken {
            Some(broken) => Some(self.save(system, broken)?),
            None => None,
        };
        let report = Report {
            protocol: self.protocol.name().to_owned(),
            nodes: self.nodes,
            mutant: self.mutant.map(|mutant| mutant.to_string()),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            commit: report::commit(),
            seeds: vec![(first, next.load(Ordering::Relaxed).min(end))],
            wanted: (first, end),
            choices: total.counts.choices,
            simulated_seconds: total.time.as_secs(),
            seconds: began.elapsed().as_secs_f64(),
            counts: report::named(&total.counts),
            broken,
        };
        if let Some(out) = &self.out {
            report.write(out)?;
        }
        report.print(self.json)?;
        Ok(match report.broken {
            Some(_) => ExitCode::from(1),
            None if report.is_complete() => ExitCode::SUCCESS,
            None => ExitCode::from(UNDECIDED),
        })
    }

    /// Takes seeds until there are none, one has failed, or somebody has seen enough. What was taken is finished.
    fn work<S: System<Process: Scriptable>>(
        &self,
        system: &S,
        end: u64,
        next: &AtomicU64,
        stop: &AtomicBool,
        total: &Mutex<Total>,
        bar: &ProgressBar,
    ) {
        while !stop.load(Ordering::Relaxed) {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if end <= seed {
                break;
            }
            let run = simulate(system, seed, &mut ());
            let mut total = total.lock().expect("no thread has panicked");
            total.counts.merge(&run.counts);
            total.time += run.time;
            if let Some(violation) = run.violation {
                stop.store(true, Ordering::Relaxed);
                if total.broken.as_ref().is_none_or(|known| seed < known.seed) {
                    total.broken = Some(Broken { seed, violation: violation.to_string(), script: String::new() });
                }
            }
            let simulated = total.time.as_secs();
            drop(total);
            bar.set_message(format!(", {simulated} s simulated"));
            bar.inc(1);
        }
    }

    /// The violation, made small and written to a file. The run is made again: a seed is all that one needs to keep.
    fn save<S: System<Process: Scriptable>>(&self, system: &S, broken: Broken) -> anyhow::Result<Broken> {
        let run = simulate(system, broken.seed, &mut ());
        let text = self.script(system, broken.seed, &run)?;
        let default = || PathBuf::from(format!("{}-{}.script", self.protocol.name(), broken.seed));
        let file = self.script.clone().unwrap_or_else(default);
        std::fs::write(&file, &text).with_context(|| format!("cannot write {}", file.display()))?;
        if !self.json {
            say(&text);
        }
        Ok(Broken { script: file.display().to_string(), ..broken })
    }

    fn script<S: System<Process: Scriptable>>(&self, system: &S, seed: u64, run: &Run<S>) -> anyhow::Result<String> {
        let fresh = World::new(system.setting(), |id| system.make(id));
        let mut header = Header::new(self.protocol.name(), self.nodes)?;
        header.mutant = self.mutant.map(|mutant| mutant.to_string());
        if (self.protocol, self.mutant) == (Protocol::Multi, None) {
            let paxos_multi::Options { window, retain } = simulated::OPTIONS;
            header.options.extend([("window".to_owned(), window), ("retain".to_owned(), retain)]);
        }
        match run.violation.clone().context("the same seed fails again")? {
            Violation::Invariant(invariant) => {
                let path = minimise(&fresh, invariant, &run.path);
                header.expect = Some(invariant);
                let about = format!(
                    "Seed {seed} violates {invariant}, after {} choices. Of these, none can be left out.",
                    run.path.len()
                );
                search::script(&header, &about, &fresh, &path)
            }
            other => {
                let about = format!("Seed {seed}: {other}. No invariant fails; this is how far it came.");
                Ok(write_path(&header, &about, fresh, &run.path))
            }
        }
    }
}

/// `A..B`, the first included and the last not.
fn seeds(text: &str) -> Result<(u64, u64), String> {
    match text.split_once("..").map(|(first, end)| (first.parse(), end.parse())) {
        Some((Ok(first), Ok(end))) if first < end => Ok((first, end)),
        _ => Err("expected A..B, such as 0..1000: from 0 to 999".to_owned()),
    }
}

/// `I/N`, counted from 0.
fn shard(text: &str) -> Result<(u64, u64), String> {
    match text.split_once('/').map(|(part, parts)| (part.parse(), parts.parse())) {
        Some((Ok(part), Ok(parts))) if part < parts => Ok((part, parts)),
        _ => Err("expected I/N, such as 0/4 to 3/4".to_owned()),
    }
}

/// The seeds of a part: all parts together are all seeds.
fn part((first, end): (u64, u64), shard: Option<(u64, u64)>) -> (u64, u64) {
    let Some((part, parts)) = shard else { return (first, end) };
    let bound = |part: u64| first + (u128::from(end - first) * u128::from(part) / u128::from(parts)) as u64;
    (bound(part), bound(part + 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_all_seeds() {
        for (end, parts) in [(10, 3), (10, 10), (3, 5), (u64::MAX, 7)] {
            let bounds: Vec<_> = (0..parts).map(|number| part((1, end), Some((number, parts)))).collect();
            assert_eq!((bounds[0].0, bounds[bounds.len() - 1].1), (1, end));
            assert!(bounds.windows(2).all(|two| two[0].1 == two[1].0), "{bounds:?}");
        }
    }

    #[test]
    fn seeds_and_shards_are_checked() {
        assert_eq!((seeds("3..9"), shard("1/4")), (Ok((3, 9)), Ok((1, 4))));
        for wrong in ["", "3", "9..3", "3..3", "a..b"] {
            assert!(seeds(wrong).is_err(), "{wrong}");
        }
        for wrong in ["", "4", "4/4", "0/0", "a/b"] {
            assert!(shard(wrong).is_err(), "{wrong}");
        }
    }
}

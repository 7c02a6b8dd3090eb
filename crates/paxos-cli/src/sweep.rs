//! `paxos sweep`: thousands of timed simulations, each of another seed, on all cores.
//!
//! What comes out does not depend on how many run at a time: the runs are added up in the order of their seeds, and what lies
//! behind the first seed that fails is not counted, though others may have run it by then.

mod found;
mod merge;
mod report;
mod total;

use std::{
    fmt,
    path::PathBuf,
    process::ExitCode,
    str::FromStr,
    sync::{
        Condvar, Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use clap::{Args, ValueEnum};
use indicatif::ProgressBar;
use paxos_models::simulated;
use paxos_mutants::{Mutant, Wrong, WrongLog, WrongService};
use paxos_sim::{
    Scriptable, Trace,
    timed::{Conditions, Kind, System, simulate_under},
};

pub(crate) use self::merge::Merge;
use self::{
    report::Report,
    total::{Seen, Tells, Total},
};
use crate::{
    args::{self, is_of, usage},
    search::{self, UNDECIDED},
    trace::NO_PAXOS,
};

const EXAMPLES: &str = "\
Examples:
  cargo paxos sweep --protocol multi --seeds 0..1000       a thousand runs of a log, on all cores
  cargo paxos sweep --protocol kv --seeds 0..1000          of a store, judged by what its clients saw as well
  cargo paxos sweep --protocol kv --seeds 7..8 --history h.ndjson --trace t.ndjson   and what was seen and said
  cargo paxos sweep --protocol basic --seeds 42..43        one run again
  cargo paxos sweep --protocol multi --seeds 0..1000 --mutant L6   how soon does it find a bug?
  cargo paxos sweep --protocol multi --seeds 0..1000 --faults lost,one-way   only these, where a seed draws them
  cargo paxos sweep --protocol multi --seeds 0..100000 --shard 0/4 --out 0.json   a quarter of them, for `merge`

Each seed draws what fails and how often: messages lost, doubled and late, partitions of every shape, clogged links, slow and
paused nodes, clocks that drift, crashes between any two effects, torn and damaged disks. Then all is mended, and the
cluster must get on in time. The first violation ends the sweep. It is made small (fewer kinds of faults, then fewer choices)
and saved, and the last lines say how to see it again. Ctrl-C ends that too, with what there is.

Exit code: 0 held in every run, 1 violated, 2 usage, 3 stopped before the last run or too hard to judge, 4 it failed.";

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
    /// A mutant in place of the protocol: see `paxos mutants`
    #[arg(long)]
    mutant: Option<Mutant>,
    /// Of the faults that a seed draws, only these, with commas between them; or `none`
    #[arg(long, value_name = "FAULTS")]
    faults: Option<Faults>,
    /// How long things fail, such as 500ms [default: 2s of basic, 4s of the others, which is also the longest]
    #[arg(long, value_name = "TIME", value_parser = args::duration)]
    failing: Option<Duration>,
    /// Write what the clients of a store saw to this file, as paxos-history/1
    #[arg(long, value_name = "FILE")]
    history: Option<PathBuf>,
    /// Write what was promised, proposed, voted and learned to this file, as paxos-trace/1
    #[arg(long, value_name = "FILE")]
    trace: Option<PathBuf>,
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
    /// A replicated log by Raft
    Raft,
    /// A store on that log, and its clients
    Kv,
}

impl Protocol {
    const fn name(self) -> &'static str {
        match self {
            Self::Basic => "basic",
            Self::Multi => "multi",
            Self::Raft => "raft",
            Self::Kv => "kv",
        }
    }
}

/// Kinds of faults, as they are named on a command line.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Faults(Vec<Kind>);

impl FromStr for Faults {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "none" {
            return Ok(Self(Vec::new()));
        }
        text.split(',').map(str::parse).collect::<Result<_, _>>().map(Self)
    }
}

impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return f.write_str("none");
        }
        let words: Vec<String> = self.0.iter().map(|kind| kind.word()).collect();
        f.write_str(&words.join(","))
    }
}

/// A system whose sweep can be told, and whose runs can be written as scripts.
trait Swept: System<Process: Scriptable, Load: Tells> {}

impl<S: System<Process: Scriptable, Load: Tells>> Swept for S {}

impl Sweep {
    pub(crate) fn run(self) -> anyhow::Result<ExitCode> {
        if let Err(problem) = is_of(self.mutant, self.protocol.name()) {
            return Ok(usage(problem));
        }
        if self.history.is_some() && self.protocol != Protocol::Kv {
            return Ok(usage("a history is what clients saw, and only a store has some: --protocol kv"));
        }
        if self.trace.is_some() && self.protocol == Protocol::Raft {
            return Ok(usage(NO_PAXOS));
        }
        let mutant = self.mutant;
        match (self.protocol, mutant) {
            (Protocol::Basic, None) => self.sweep(|nodes| simulated::basic(nodes, paxos_basic::Replica::<String>::new)),
            (Protocol::Basic, Some(_)) => {
                self.sweep(|nodes| simulated::basic(nodes, |id, quorums| Wrong::<String>::new(mutant, id, quorums)))
            }
            (Protocol::Multi, None) => self.sweep(|nodes| simulated::multi(nodes, paxos_multi::Replica::<String>::new)),
            // None of the mutants is one of Raft.
            (Protocol::Raft, _) => self.sweep(|nodes| simulated::multi(nodes, paxos_raft::Replica::<String>::new)),
            (Protocol::Multi, Some(_)) => self
                .sweep(|nodes| simulated::multi(nodes, |id, quorums, _| WrongLog::<String>::new(mutant, id, quorums))),
            (Protocol::Kv, None) => self.sweep(|nodes| simulated::kv(nodes, simulated::STORE, simulated::service)),
            (Protocol::Kv, Some(_)) => self.sweep(|nodes| {
                let wrong = |id, quorums, options| WrongService::new(mutant, id, quorums, options);
                simulated::kv(nodes, simulated::STORE, wrong)
            }),
        }
    }

    fn sweep<S: Swept + Sync>(&self, system: impl Fn(u8) -> S) -> anyhow::Result<ExitCode> {
        let (first, end) = part(self.seeds, self.shard);
        let (whole, stop) = (system(self.nodes), search::stop_on_interrupt()?);
        let bar = search::bar("sweeping", "seeds", end - first, self.json);
        let total = Mutex::new(Total::new(first, self.nodes, self.history.as_deref(), self.trace.as_deref())?);
        let work = Work {
            sweep: self,
            system: &whole,
            end,
            next: AtomicU64::new(first),
            stop: &stop,
            total,
            caught_up: Condvar::new(),
            bar: &bar,
        };
        let began = Instant::now();
        let jobs = self.jobs.map_or_else(|| thread::available_parallelism().map_or(1, usize::from), usize::from);
        thread::scope(|scope| (0..jobs).for_each(|_| _ = scope.spawn(|| work.run())));
        bar.finish_and_clear();
        let seconds = began.elapsed().as_secs_f64();
        let total = work.total.into_inner().expect("no thread has panicked").finish()?;
        let broken = match &total.violation {
            Some((seed, violation)) => Some(self.save(&system, *seed, violation, &stop)?),
            None => None,
        };
        let first_run = simulate_under(&whole, self.conditions(&whole, self.seeds.0), self.seeds.0, &mut ());
        let report = Report {
            protocol: self.protocol.name().to_owned(),
            nodes: self.nodes,
            mutant: self.mutant.map(|mutant| mutant.to_string()),
            faults: self.faults.as_ref().map(ToString::to_string),
            failing_ms: self.failing.map(|failing| failing.as_millis() as u64),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            commit: report::commit(),
            first_run: format!("{:016x}", first_run.fingerprint()),
            seeds: vec![(first, total.next)],
            wanted: (first, end),
            of: self.seeds,
            choices: total.counts.choices,
            simulated_ms: total.milliseconds,
            seconds,
            counts: total.named(),
            broken,
        };
        if let Some(out) = &self.out {
            report.write(out)?;
        }
        report.print(self.json)?;
        Ok(match report.broken {
            Some(_) => ExitCode::from(1),
            None if report.is_complete() && !report.is_undecided() => ExitCode::SUCCESS,
            None => ExitCode::from(UNDECIDED),
        })
    }

    /// What the run of a seed has to live with.
    fn conditions(&self, system: &impl System, seed: u64) -> Conditions {
        let mut conditions = Conditions::swarm(seed, system.setting().quorums.members(), &system.limits());
        if let Some(Faults(kinds)) = &self.faults {
            conditions.only(kinds);
        }
        if let Some(failing) = self.failing {
            let failing = u64::try_from(failing.as_nanos()).unwrap_or(u64::MAX);
            conditions.lasting = conditions.lasting.min(failing);
        }
        conditions
    }

    fn look<S: Swept>(&self, system: &S, seed: u64) -> Seen {
        let conditions = self.conditions(system, seed);
        let run = seed - self.seeds.0;
        if self.trace.is_none() {
            return Seen::new(
                simulate_under(system, conditions, seed, &mut ()),
                run,
                self.history.is_some(),
                Vec::new(),
            );
        }
        let mut trace = Trace::of_run(Vec::new(), run);
        let over = simulate_under(system, conditions, seed, &mut trace);
        let said = trace.finish().expect("memory takes what is written to it");
        Seen::new(over, run, self.history.is_some(), said)
    }
}

/// What the threads of a sweep share.
struct Work<'a, S> {
    sweep: &'a Sweep,
    system: &'a S,
    end: u64,
    next: AtomicU64,
    stop: &'a AtomicBool,
    total: Mutex<Total>,
    /// Told when seeds have been added up: nobody runs far ahead of a slow one, as what is not added up takes memory.
    caught_up: Condvar,
    bar: &'a ProgressBar,
}

impl<S: Swept> Work<'_, S> {
    /// Takes seeds until there are none, one has failed, or somebody has seen enough. What was taken is finished.
    fn run(&self) {
        while !self.stop.load(Ordering::Relaxed) {
            let seed = self.next.fetch_add(1, Ordering::Relaxed);
            if self.end <= seed {
                break;
            }
            let seen = self.sweep.look(self.system, seed);
            let mut total = self.total.lock().expect("no thread has panicked");
            while total.violation.is_none() && total.next + AHEAD <= seed {
                total = self.caught_up.wait(total).expect("no thread has panicked");
            }
            total.add(seed, seen);
            self.caught_up.notify_all();
            let (is_over, simulated) = (total.violation.is_some(), total.milliseconds / 1_000);
            drop(total);
            self.bar.set_message(format!(", {simulated} s simulated"));
            self.bar.inc(1);
            if is_over {
                break;
            }
        }
    }
}

/// How many seeds may be run ahead of one that takes long.
const AHEAD: u64 = 10_000;

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

//! `paxos sim`: runs chosen by a seed.

use std::{fs::File, io::BufWriter, path::PathBuf, process::ExitCode, sync::atomic::Ordering};

use anyhow::Context as _;
use clap::{Args, Subcommand};
use paxos_basic::Replica;
use paxos_messages::{
    Observed,
    single::{Request, Timer},
};
use paxos_models::claims;
use paxos_mutants::{Mutant, Wrong};
use paxos_process::NodeSet;
use paxos_quorums::Quorums;
use paxos_sim::{Bounds, Happening, Header, Invariant, Random, Scriptable, Setting, Tally, Trace, Watch, World};
use serde_json::json;

use crate::{
    args::usage,
    output::say,
    search::{self, Path, UNDECIDED},
};

/// Simulate: runs chosen by a seed, the same to the byte for the same seed
#[derive(Args)]
pub(crate) struct Sim {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    Basic(Basic),
}

const EXAMPLES: &str = "\
Examples:
  cargo paxos sim basic --seed 7                           one run
  cargo paxos sim basic --seed 1 --runs 1000               a thousand runs, seeds 1 to 1000
  cargo paxos sim basic --seed 1 --runs 100 --trace t.ndjson   and their paxos-trace/1, for an outside validator
  cargo paxos sim basic --seed 1 --runs 5000 --mutant M1   how soon does chance find a bug?

Exit code: 0 held in every run, 1 violated, 2 usage, 3 stopped before the last run.";

/// Basic Paxos with loss, duplication, reordering, crashes and restarts
#[derive(Args)]
#[command(after_help = EXAMPLES)]
struct Basic {
    /// The first seed
    #[arg(long)]
    seed: u64,
    /// How many runs, each with the next seed
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..))]
    runs: u64,
    /// The size of the cluster
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u8).range(1..=26))]
    nodes: u8,
    /// How many of the nodes propose, each its own value
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u8).range(1..=26))]
    proposers: u8,
    /// How many choices a run may have
    #[arg(long, default_value_t = 400, value_parser = clap::value_parser!(u32).range(1..))]
    steps: u32,
    /// A mutant in place of the protocol: see `paxos mutants`
    #[arg(long)]
    mutant: Option<Mutant>,
    /// Write what was promised, proposed, voted and learned to this file, as paxos-trace/1
    #[arg(long, value_name = "FILE")]
    trace: Option<PathBuf>,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

impl Sim {
    pub(crate) fn run(self) -> anyhow::Result<ExitCode> {
        let What::Basic(basic) = self.what;
        if basic.proposers > basic.nodes {
            return Ok(usage("every proposer is on one of the nodes: --proposers is at most --nodes"));
        }
        if basic.seed.checked_add(basic.runs).is_none() {
            return Ok(usage("--seed plus --runs is past the last seed"));
        }
        let quorums = Quorums::majority(NodeSet::first(basic.nodes))?;
        let setting = Setting::new(quorums);
        match basic.mutant {
            None => basic.simulate(|| World::new(setting, |id| Replica::new(id, quorums))),
            Some(mutant) => basic.simulate(|| World::new(setting, |id| Wrong::new(Some(mutant), id, quorums))),
        }
    }
}

/// Everything a simulation adds up.
#[derive(Default)]
struct Total {
    tally: Tally,
    runs: u64,
    /// Runs in which some node learned a value.
    learned: u64,
}

impl Basic {
    fn simulate<P>(&self, fresh: impl Fn() -> World<P>) -> anyhow::Result<ExitCode>
    where
        P: Scriptable<Timer = Timer, Request = Request<char>>,
    {
        let mut trace = match &self.trace {
            None => None,
            Some(file) => {
                let opened = File::create(file).with_context(|| format!("cannot write {}", file.display()))?;
                Some(Trace::new(BufWriter::new(opened), NodeSet::first(self.nodes)))
            }
        };
        let stop = search::stop_on_interrupt()?;
        let bar = search::bar(self.runs, self.json);
        let (mut total, mut failed) = (Total::default(), None);
        for run in 0..self.runs {
            let (mut world, mut path) = (fresh(), Vec::new());
            if let Some(trace) = &mut trace {
                trace.begin(run);
            }
            let seed = self.seed + run;
            let tally = Random::new(seed).run(
                &mut world,
                &self.bounds(),
                &Invariant::ALL,
                self.steps as usize,
                &mut path,
                &mut Tracing(trace.as_mut()),
            );
            total.add(&tally, !world.history().learned().is_empty());
            bar.inc(1);
            if let Some(invariant) = tally.violated {
                failed = Some((seed, invariant, self.script(&fresh(), seed, invariant, &path)?));
                break;
            }
            if stop.load(Ordering::Relaxed) {
                break;
            }
        }
        bar.finish_and_clear();
        if let (Some(trace), Some(file)) = (trace, &self.trace) {
            trace.finish().with_context(|| format!("cannot write {}", file.display()))?;
        }
        self.print(&total, failed.as_ref());
        Ok(match failed {
            Some(_) => ExitCode::from(1),
            None if total.runs < self.runs => ExitCode::from(UNDECIDED),
            None => ExitCode::SUCCESS,
        })
    }

    /// Whatever may go wrong, often; how often, each seed decides for itself.
    fn bounds(&self) -> Bounds<Request<char>> {
        let (fires, duplicates, drops, crashes) = (20, 20, 40, 6);
        let may_crash = NodeSet::first(self.nodes);
        Bounds { fires, duplicates, drops, crashes, may_crash, ..claims::rivals(self.proposers) }
    }

    fn script<P>(&self, world: &World<P>, seed: u64, invariant: Invariant, path: &Path) -> anyhow::Result<String>
    where
        P: Scriptable<Timer = Timer, Request = Request<char>>,
    {
        let mut header = Header::new("basic", self.nodes)?;
        header.mutant = self.mutant.map(|mutant| mutant.to_string());
        header.expect = Some(invariant);
        search::script(&header, &format!("Seed {seed} violates {invariant}."), world, path)
    }

    fn print(&self, total: &Total, failed: Option<&(u64, Invariant, String)>) {
        let Total { tally, runs, learned } = total;
        if self.json {
            let verdict = match failed {
                Some(_) => "violated",
                None if *runs < self.runs => "stopped",
                None => "held",
            };
            let violated = failed.map(
                |(seed, invariant, script)| json!({"seed": seed, "invariant": invariant.name(), "script": script}),
            );
            return say(format_args!(
                "{}",
                json!({
                    "verdict": verdict, "seed": self.seed, "runs": runs, "runs_wanted": self.runs, "learned": learned, "choices": tally.steps,
                    "delivered": tally.delivered, "dropped": tally.dropped, "duplicated": tally.duplicated,
                    "retries": tally.fired, "crashes": tally.crashes, "violated": violated,
                })
            ));
        }
        if let Some((_, _, script)) = failed {
            say(script);
        }
        say(format_args!(
            "{runs} runs from seed {}: {learned} learned a value; {} choices, {} messages arrived, {} lost, {} twice, \
             {} retries, {} crashes",
            self.seed, tally.steps, tally.delivered, tally.dropped, tally.duplicated, tally.fired, tally.crashes
        ));
        match failed {
            Some((seed, invariant, _)) => say(format_args!("violated: {invariant}, by seed {seed}")),
            None if *runs < self.runs => {
                say(format_args!("stopped after {runs} of {} runs; nothing failed in those", self.runs));
            }
            None => say("held: every invariant, after every choice"),
        }
    }
}

impl Total {
    const fn add(&mut self, run: &Tally, learned: bool) {
        self.runs += 1;
        self.learned += learned as u64;
        self.tally.steps += run.steps;
        self.tally.delivered += run.delivered;
        self.tally.dropped += run.dropped;
        self.tally.duplicated += run.duplicated;
        self.tally.fired += run.fired;
        self.tally.crashes += run.crashes;
    }
}

/// A trace, if one is wanted.
struct Tracing<'a>(Option<&'a mut Trace<BufWriter<File>>>);

impl<P: Observed<Decree: std::fmt::Display>> Watch<P> for Tracing<'_> {
    fn see(&mut self, happening: Happening<'_, P>) {
        if let Some(trace) = &mut self.0 {
            trace.see(happening);
        }
    }
}

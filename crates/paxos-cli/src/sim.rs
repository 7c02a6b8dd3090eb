//! `paxos sim`: runs chosen by a seed.

mod kv;
mod tracing;

use std::{
    collections::BTreeMap, fmt::Display, fs::File, hash::Hash, io::BufWriter, path::PathBuf, process::ExitCode,
    str::FromStr, sync::atomic::Ordering,
};

use anyhow::Context as _;
use clap::{Args, Subcommand};
use paxos_messages::multi;
use paxos_models::claims;
use paxos_mutants::{Mutant, Wrong, WrongLog};
use paxos_process::{NodeId, NodeSet, Value};
use paxos_quorums::Quorums;
use paxos_sim::{Bounds, ChoiceOf, Header, Invariant, Random, Scriptable, Setting, Tally, Trace, World};
use paxos_trace::Recorder;
use serde::Serialize;
use serde_json::json;

pub(crate) use self::kv::of_run;
use self::tracing::Tracing;
use crate::{
    args::{is_of, usage},
    output::say,
    search::{self, UNDECIDED},
};

/// Simulate: runs chosen by a seed, the same to the byte for the same seed
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Sim {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    Basic(Basic),
    Multi(Multi),
    Kv(kv::Kv),
}

const EXAMPLES: &str = "\
Examples:
  cargo paxos sim basic --seed 1 --runs 1000               one decision, a thousand times
  cargo paxos sim multi --seed 1 --runs 200                a log, two hundred times
  cargo paxos sim kv --seed 1 --runs 100                   a store and its clients, a hundred times

Exit code: 0 held in every run, 1 violated, 2 usage, 3 stopped before the last run, 4 it failed.";

const BASIC_EXAMPLES: &str = "\
Examples:
  cargo paxos sim basic --seed 7                           one run
  cargo paxos sim basic --seed 1 --runs 1000               a thousand runs, seeds 1 to 1000
  cargo paxos sim basic --seed 1 --runs 100 --trace t.ndjson   and their paxos-trace/1, for an outside validator
  cargo paxos sim basic --seed 7 --record seven.run        the run itself, for `cargo paxos trace`
  cargo paxos sim basic --seed 1 --runs 5000 --mutant M1   how soon does chance find a bug?

Exit code: 0 held in every run, 1 violated, 2 usage, 3 stopped before the last run, 4 it failed.";

const MULTI_EXAMPLES: &str = "\
Examples:
  cargo paxos sim multi --seed 7                           one run
  cargo paxos sim multi --seed 1 --runs 200                two hundred runs, seeds 1 to 200
  cargo paxos sim multi --seed 1 --nodes 5 --steps 10000 --trace t.ndjson
  cargo paxos sim multi --seed 1 --runs 1000 --mutant L6   how soon does chance find a bug?
  cargo paxos sim multi --seed 1 --runs 50 --history h.ndjson --trace t.ndjson   with clients: as `sim kv`

Exit code: 0 held in every run, 1 violated, 2 usage, 3 stopped before the last run, 4 it failed.";

/// Basic Paxos with loss, duplication, reordering, crashes and restarts
#[derive(Args)]
#[command(after_help = BASIC_EXAMPLES)]
struct Basic {
    #[command(flatten)]
    options: Options,
    /// How many of the nodes propose, each its own value
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u8).range(1..=26))]
    proposers: u8,
    /// A mutant in place of the protocol: see `paxos mutants`
    #[arg(long)]
    mutant: Option<Mutant>,
}

/// A replicated log with all of that, with cut links, lost disks, elections and recoveries
#[derive(Args)]
#[command(after_help = MULTI_EXAMPLES)]
struct Multi {
    #[command(flatten)]
    options: Options,
    /// How many commands are proposed, each at one of the nodes; only a leader takes them
    #[arg(long, default_value_t = 100)]
    commands: u32,
    /// How many slots a leader may have under way
    #[arg(long, default_value_t = 8, value_parser = clap::value_parser!(u64).range(1..))]
    window: u64,
    /// A mutant in place of the log: see `cargo paxos mutants`
    #[arg(long, conflicts_with = "window")]
    mutant: Option<Mutant>,
    /// Write what clients saw to this file, as paxos-history/1. A log has none, so the runs are those of `sim kv`: of the
    /// store on this log
    #[arg(long, value_name = "FILE", conflicts_with_all = ["commands", "window", "mutant", "steps", "record"])]
    history: Option<PathBuf>,
}

/// What every simulation takes.
#[derive(Args)]
struct Options {
    /// The first seed
    #[arg(long)]
    seed: u64,
    /// How many runs, each with the next seed
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..))]
    runs: u64,
    /// The size of the cluster
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u8).range(1..=26))]
    nodes: u8,
    /// How many choices a run may have [default: 400 of basic, 3000 of multi]
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..))]
    steps: Option<u32>,
    /// Write what was promised, proposed, voted and learned to this file, as paxos-trace/1
    #[arg(long, value_name = "FILE")]
    trace: Option<PathBuf>,
    /// Write the run itself to this file, as paxos-run/1, for `cargo paxos trace`: of one run only
    #[arg(long, value_name = "FILE", conflicts_with = "runs")]
    record: Option<PathBuf>,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

/// A simulation of some protocol.
struct Simulation<'a, Q> {
    protocol: &'static str,
    mutant: Option<Mutant>,
    /// What the protocol is told beside.
    told: BTreeMap<String, u64>,
    options: &'a Options,
    steps: usize,
    bounds: Bounds<Q>,
    chooser: fn(u64) -> Random,
}

impl Sim {
    pub(crate) fn run(self) -> anyhow::Result<ExitCode> {
        match self.what {
            What::Basic(basic) => basic.run(),
            What::Multi(multi) => multi.run(),
            What::Kv(kv) => kv.run(),
        }
    }
}

impl Basic {
    fn run(&self) -> anyhow::Result<ExitCode> {
        let options = &self.options;
        if self.proposers > options.nodes {
            return Ok(usage("every proposer is on one of the nodes: --proposers is at most --nodes"));
        }
        if let Err(problem) = is_of(self.mutant, "basic") {
            return Ok(usage(problem));
        }
        let quorums = Quorums::majority(NodeSet::first(options.nodes))?;
        let setting = Setting::new(quorums);
        let (fires, duplicates, drops, crashes) = (20, 20, 40, 6);
        let may_crash = NodeSet::first(options.nodes);
        let bounds = Bounds { fires, duplicates, drops, crashes, may_crash, ..claims::rivals(self.proposers) };
        let (steps, mutant) = (options.steps.unwrap_or(400) as usize, self.mutant);
        let (told, chooser) = (BTreeMap::new(), Random::new as fn(u64) -> Random);
        let simulation = Simulation { protocol: "basic", mutant, told, options, steps, bounds, chooser };
        match mutant {
            None => simulation.run(|| World::new(setting, |id| paxos_basic::Replica::new(id, quorums))),
            Some(_) => simulation.run(|| World::new(setting, |id| Wrong::new(mutant, id, quorums))),
        }
    }
}

impl Multi {
    fn run(&self) -> anyhow::Result<ExitCode> {
        let (options, mutant) = (&self.options, self.mutant);
        if self.history.is_some() {
            let Options { seed, runs, nodes, ref trace, json, .. } = *options;
            return kv::Kv { seed, runs, nodes, history: self.history.clone(), trace: trace.clone(), json }.run();
        }
        if let Err(problem) = is_of(mutant, "multi") {
            return Ok(usage(problem));
        }
        let quorums = Quorums::majority(NodeSet::first(options.nodes))?;
        let nodes: Vec<NodeId> = quorums.members().iter().collect();
        let asked = |number: u32| {
            let node = nodes[number as usize % nodes.len()];
            (node, multi::Request::Propose(format!("c{number}")))
        };
        let bounds = Bounds {
            ahead: 8,
            fires: 100_000,
            duplicates: 500,
            drops: 500,
            crashes: 30,
            may_crash: NodeSet::first(options.nodes),
            losses: 1,
            cuts: 300,
            ..Bounds::requests((0..self.commands).map(asked).collect())
        };
        let steps = options.steps.unwrap_or(3_000) as usize;
        let log = paxos_multi::Options { window: self.window, retain: 2 * self.window };
        // A mutant has options of its own.
        let told = [("window", log.window), ("retain", log.retain)].map(|(name, value)| (name.to_owned(), value));
        let told = if mutant.is_none() { told.into() } else { BTreeMap::new() };
        let chooser = |seed| Random::new(seed).ticking();
        let setting = Setting::new(quorums);
        let simulation = Simulation { protocol: "multi", mutant, told, options, steps, bounds, chooser };
        match mutant {
            None => simulation.run(|| World::new(setting, |id| paxos_multi::Replica::<String>::new(id, quorums, log))),
            Some(_) => simulation.run(|| World::new(setting, |id| WrongLog::<String>::new(mutant, id, quorums))),
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
    /// Values learned, each in a slot of its own, in all runs.
    slots: u64,
}

impl<Q: Value + Display + FromStr<Err: Display>> Simulation<'_, Q> {
    fn run<P>(&self, fresh: impl Fn() -> World<P>) -> anyhow::Result<ExitCode>
    where
        P: Scriptable<Message: Serialize, Request = Q> + Hash,
    {
        let Options { seed: first, runs, nodes, json, .. } = *self.options;
        if first.checked_add(runs).is_none() {
            return Ok(usage("--seed plus --runs is past the last seed"));
        }
        let mut trace = match &self.options.trace {
            None => None,
            Some(file) => {
                let opened = File::create(file).with_context(|| format!("cannot write {}", file.display()))?;
                Some(Trace::new(BufWriter::new(opened), NodeSet::first(nodes)))
            }
        };
        let mut recorder = match &self.options.record {
            None => None,
            Some(file) => {
                let opened = File::create(file).with_context(|| format!("cannot write {}", file.display()))?;
                Some(Recorder::of_world(BufWriter::new(opened), &self.header()?))
            }
        };
        let stop = search::stop_on_interrupt()?;
        let bar = search::bar("simulating", "runs", runs, json);
        let (mut total, mut failed) = (Total::default(), None);
        for run in 0..runs {
            let (mut world, mut path) = (fresh(), Vec::new());
            if let Some(trace) = &mut trace {
                trace.begin(run);
            }
            let seed = first + run;
            let tally = (self.chooser)(seed).run(
                &mut world,
                &self.bounds,
                &Invariant::ALL,
                self.steps,
                &mut path,
                &mut Tracing(trace.as_mut(), recorder.as_mut()),
            );
            total.add(&tally, world.history().learned().iter().count() as u64);
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
        self.print(&total, failed.as_ref());
        if let (Some(recorder), Some(file)) = (recorder, &self.options.record) {
            recorder.finish().with_context(|| format!("cannot write {}", file.display()))?;
        }
        if let (Some(trace), Some(file)) = (trace, &self.options.trace) {
            trace.finish().with_context(|| format!("cannot write {}", file.display()))?;
        }
        Ok(match failed {
            Some(_) => ExitCode::from(1),
            None if total.runs < runs => ExitCode::from(UNDECIDED),
            None => ExitCode::SUCCESS,
        })
    }

    /// The world of its runs.
    fn header(&self) -> anyhow::Result<Header> {
        let (mutant, options) = (self.mutant.map(|mutant| mutant.to_string()), self.told.clone());
        Ok(Header { mutant, options, ..Header::new(self.protocol, self.options.nodes)? })
    }

    fn script<P: Scriptable>(
        &self,
        world: &World<P>,
        seed: u64,
        invariant: Invariant,
        path: &[ChoiceOf<P>],
    ) -> anyhow::Result<String> {
        let header = Header { expect: Some(invariant), ..self.header()? };
        search::script(&header, &format!("Seed {seed} violates {invariant}."), world, path)
    }

    fn print(&self, total: &Total, failed: Option<&(u64, Invariant, String)>) {
        let Total { tally, runs, learned, slots } = total;
        let Options { seed, runs: wanted, json, .. } = *self.options;
        if json {
            let verdict = match failed {
                Some(_) => "violated",
                None if *runs < wanted => "stopped",
                None => "held",
            };
            let violated = failed.map(
                |(seed, invariant, script)| json!({"seed": seed, "invariant": invariant.name(), "script": script}),
            );
            return say(format_args!(
                "{}",
                json!({
                    "verdict": verdict, "protocol": self.protocol, "seed": seed, "runs": runs, "runs_wanted": wanted, "learned": learned, "slots": slots, "choices": tally.steps,
                    "delivered": tally.delivered, "dropped": tally.dropped, "duplicated": tally.duplicated,
                    "retries": tally.fired, "crashes": tally.crashes, "cuts": tally.cuts, "violated": violated,
                })
            ));
        }
        if let Some((_, _, script)) = failed {
            say(script);
        }
        // A log has more to tell than a decision.
        let (more, cuts, fired) = match self.protocol {
            "basic" => (String::new(), String::new(), "retries"),
            _ => (format!(", {slots} slots in all"), format!(", {} links cut", tally.cuts), "alarms"),
        };
        say(format_args!(
            "{runs} runs from seed {}: {learned} learned a value{}; {} choices, {} messages arrived, {} lost, {} twice, \
             {} {}, {} crashes{}",
            seed,
            more,
            tally.steps,
            tally.delivered,
            tally.dropped,
            tally.duplicated,
            tally.fired,
            fired,
            tally.crashes,
            cuts
        ));
        match failed {
            Some((seed, invariant, _)) => say(format_args!("violated: {invariant}, by seed {seed}")),
            None if *runs < wanted => {
                say(format_args!("stopped after {runs} of {} runs; nothing failed in those", wanted));
            }
            None => say("held: every invariant, after every choice"),
        }
    }
}

impl Total {
    const fn add(&mut self, run: &Tally, slots: u64) {
        self.runs += 1;
        self.learned += (slots > 0) as u64;
        self.slots += slots;
        self.tally.steps += run.steps;
        self.tally.delivered += run.delivered;
        self.tally.dropped += run.dropped;
        self.tally.duplicated += run.duplicated;
        self.tally.fired += run.fired;
        self.tally.crashes += run.crashes;
        self.tally.cuts += run.cuts;
    }
}

//! `paxos torture`: real faults on real processes, and a verdict on what came of it.
//!
//! `plan.rs` is what will be done, drawn from a seed; `network.rs` the proxies between the nodes; `rack.rs` what is done to
//! the processes and how they end; `run.rs` the run; `verdict.rs` the judgement. The processes are those of `paxos cluster`,
//! and the clients those of `paxos kv load`.

use std::{
    collections::BTreeSet,
    fs::{self, File},
    hash::{BuildHasher, RandomState},
    io::{BufWriter, Write},
    path::{Path, PathBuf},
    process::ExitCode,
    time::Duration,
};

use anyhow::{Context, bail};
use clap::ValueEnum;
use paxos_judge::write_history;
use paxos_process::NodeSet;
use tempfile::TempDir;

use crate::{
    cluster::{
        place::Place,
        supervisor::{Ears, Supervisor},
    },
    demo::Interrupted,
    output::say,
};

mod plan;

mod network;

mod rack;

mod run;

mod traced;

mod verdict;

use network::Network;
use plan::{Fault, Plan};
use rack::Rack;
use run::Run;
use traced::Traced;
use verdict::{Facts, Limits, Verdict};

/// Torture a replicated store of real processes, and judge what its clients saw
///
/// Processes with memories on disk, a proxy on every way between two of them, and clients that write and read without
/// pause. Messages are delayed and lost, the network is cut, processes are killed and stand still, disks fail and rot: a
/// random part of all that, drawn from the seed. Then everything is healed, and the program checks that what the clients
/// saw is linearizable, that nothing acknowledged is lost, that all nodes hold the same state, that none ended as it should
/// not or grew too large, and that the cluster decides again. Ctrl-C ends the torture early, and judges.
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Torture {
    /// How many nodes
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u8).range(3..=9))]
    nodes: u8,
    /// How long they are tortured
    #[arg(long, default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..=86_400))]
    seconds: u64,
    /// Where the faults are drawn from; a random one if left out. The same seed gives the same faults at the same times;
    /// what the processes make of them is their own
    #[arg(long)]
    seed: Option<u64>,
    /// These faults, all of them; if left out, a random part of all but the lie
    #[arg(long, value_enum, value_delimiter = ',')]
    faults: Vec<Fault>,
    /// How many clients write and read at a time
    #[arg(long, default_value_t = 8, value_parser = clap::value_parser!(u64).range(1..=10))]
    clients: u64,
    /// Write what the clients asked and heard to this file, as paxos-history/1
    #[arg(long, value_name = "FILE")]
    history: Option<PathBuf>,
    /// Have every node record its run in this new or empty directory, n1.run, n2.run, …, as paxos-run/1, and replay them at
    /// the end; what the nodes said is beside them, trace.ndjson, as paxos-trace/1. A minute of five nodes takes some 300 MB.
    /// No byte changes at rest then and no log is cut: a record tells neither of a memory that is lost, nor of a checkpoint
    #[arg(long, value_name = "DIR")]
    trace: Option<PathBuf>,
    /// With --trace: when the records take so much, the torture ends early, and is judged. The replay takes nine times as much
    /// memory
    #[arg(long, default_value_t = 512, value_name = "MIB", requires = "trace", value_parser = clap::value_parser!(u64).range(1..=1 << 20))]
    trace_most: u64,
    /// Put memories, logs, history and events into this new or empty directory, and keep them; otherwise they are kept
    /// only if something did not hold
    #[arg(long, value_name = "DIR")]
    keep: Option<PathBuf>,
    /// The most memory that a node may have
    #[arg(long, default_value_t = 512, value_name = "MIB")]
    memory: u64,
    /// Say everything that is done, as it happens
    #[arg(long, short, conflicts_with = "json")]
    verbose: bool,
    /// Print nothing but the verdict, as one JSON object
    #[arg(long)]
    json: bool,
}

const EXAMPLES: &str = "Examples:
  paxos torture                                   five nodes, a minute, a random seed
  paxos torture --nodes 3 --seconds 10 --seed 7 --verbose
  paxos torture --faults kill,pause               the leader's worst days
  paxos torture --faults lie,kill --seconds 3     disks that lie: the verdict must be VIOLATED
  paxos torture --history h.ndjson; paxos judge h.ndjson
  paxos torture --trace runs                      and look at it: paxos trace runs/n*.run --first 40
  paxos torture --json | jq .counts

Faults: delay (and narrow lines), drop (and resets), cut, oneway, kill (and kill all), pause, disk (fsync errors, full disks,
short writes, slow disks, bytes changed at rest), lie.

Exit code: 0 everything held, 1 something did not, 2 usage, 3 the history was too hard to judge, 4 it failed: it could not
be run, 130 interrupted twice.";

impl Torture {
    pub(crate) fn run(self) -> anyhow::Result<ExitCode> {
        let ears = Ears::open()?;
        let seed = self.seed.unwrap_or_else(|| RandomState::new().hash_one(0) >> 32);
        let place = Directory::new(self.keep.as_deref())?;
        let (time, by_name) = (Duration::from_secs(self.seconds), !self.faults.is_empty());
        let allowed: BTreeSet<Fault> = match &self.faults[..] {
            [] => Fault::value_variants().iter().copied().filter(|fault| *fault != Fault::Lie).collect(),
            named => named.iter().copied().collect(),
        };
        let plan = Plan::new(seed, NodeSet::first(self.nodes), time, &allowed, by_name);
        let names: Vec<_> = plan.faults.iter().map(|fault| name(*fault)).collect();
        if !self.json {
            let (nodes, seconds, clients) = (self.nodes, self.seconds, self.clients);
            say(format_args!(
                "Torture of {nodes} nodes for {seconds} s by {clients} clients, seed {seed}: {}",
                names.join(", ")
            ));
        }
        let cluster = Place::found(place.path(), self.nodes, None)?;
        let network = Network::between(&cluster.members, seed)?;
        let most = self.trace_most << 20;
        let trace = self.trace.as_deref().map(|directory| Traced::new(directory, NodeSet::first(self.nodes), most));
        let (lie, trace) = (plan.faults.contains(&Fault::Lie), trace.transpose()?);
        let supervisor = Supervisor::new(cluster, Vec::new(), ears)?.recording(self.trace.clone());
        let rack = Rack::new(supervisor, network, seed, lie, trace.is_some());
        let mut run = Run::new(rack, plan, time, self.clients, self.json, self.verbose).traced(trace);
        let told = run.go();
        drop(run); // every process has ended before its directory goes
        match told {
            Err(error) if error.is::<Interrupted>() => {
                eprintln!("{Interrupted}: all nodes have been stopped");
                Ok(ExitCode::from(130))
            }
            Err(error) => {
                let kept = place.keep();
                Err(error.context(format!("it could not be run to its end; all there is, is in {}", kept.display())))
            }
            Ok(facts) => self.judge(&facts, place, seed),
        }
    }

    fn judge(&self, facts: &Facts, place: Directory, seed: u64) -> anyhow::Result<ExitCode> {
        let limits = Limits { memory: self.memory << 20, available: AVAILABLE };
        let verdict = Verdict::on(facts, limits);
        if self.json {
            let mut told = verdict.to_json(facts);
            told["seed"] = seed.into();
            say(&told);
        } else {
            verdict.lines(facts).iter().for_each(say);
        }
        if let Some(file) = &self.history {
            write(facts, file)?;
        }
        if self.keep.is_some() || verdict.code() != 0 {
            let kept = place.keep();
            let history = kept.join("history.ndjson");
            write(facts, &history)?;
            fs::write(kept.join("events"), facts.record.events.join("\n") + "\n").context("cannot write the events")?;
            if !self.json {
                let faults: Vec<_> = self.faults.iter().map(|fault| name(*fault)).collect();
                let faults = if faults.is_empty() { String::new() } else { format!(" --faults {}", faults.join(",")) };
                say(format_args!("Kept in {}: memories, logs, history, events.", kept.display()));
                let Self { nodes, seconds, clients, .. } = self;
                say(format_args!(
                    "Again: paxos torture --nodes {nodes} --seconds {seconds} --clients {clients} --seed {seed}{faults}"
                ));
                say(format_args!("Judge again: paxos judge {}", history.display()));
            }
        }
        Ok(ExitCode::from(verdict.code()))
    }
}

fn name(fault: Fault) -> String {
    fault.to_possible_value().map_or_else(String::new, |value| value.get_name().to_owned())
}

fn write(facts: &Facts, file: &Path) -> anyhow::Result<()> {
    let cannot = || format!("cannot write {}", file.display());
    let mut out = BufWriter::new(File::create(file).with_context(cannot)?);
    write_history(&facts.history, &mut out).and_then(|()| out.flush()).with_context(cannot)
}

/// Where everything is: removed at the end, unless there is something to look at.
enum Directory {
    Temporary(TempDir),
    Wanted(PathBuf),
}

impl Directory {
    fn new(wanted: Option<&Path>) -> anyhow::Result<Self> {
        let Some(wanted) = wanted else {
            let temporary = TempDir::with_prefix("paxos-torture-").context("cannot create a temporary directory")?;
            return Ok(Self::Temporary(temporary));
        };
        if fs::read_dir(wanted).is_ok_and(|mut entries| entries.next().is_some()) {
            bail!("{} is not empty: give --keep a new directory", wanted.display());
        }
        fs::create_dir_all(wanted).with_context(|| format!("cannot create {}", wanted.display()))?;
        Ok(Self::Wanted(wanted.to_owned()))
    }

    fn path(&self) -> &Path {
        match self {
            Self::Temporary(temporary) => temporary.path(),
            Self::Wanted(path) => path,
        }
    }

    fn keep(self) -> PathBuf {
        match self {
            Self::Temporary(temporary) => temporary.keep(),
            Self::Wanted(path) => path,
        }
    }
}

/// A cluster whose nodes are all there decides within this time: an election and a retry take a second, and a busy machine
/// some more.
const AVAILABLE: Duration = Duration::from_secs(10);

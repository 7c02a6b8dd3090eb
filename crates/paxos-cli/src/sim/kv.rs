//! `paxos sim kv`: the store and its clients in a timed simulation, and what they saw.

use std::{fs::File, io::BufWriter, io::Write as _, path::PathBuf, process::ExitCode, sync::atomic::Ordering};

use anyhow::Context as _;
use clap::Args;
use paxos_judge::{Call, write_history};
use paxos_models::simulated::{self, Tally};
use paxos_process::NodeSet;
use paxos_sim::{
    Trace,
    timed::{Counts, Kind, Violation, simulate},
};
use serde_json::json;

use super::Tracing;
use crate::{
    args::usage,
    output::say,
    search::{self, UNDECIDED},
};

const EXAMPLES: &str = "\
Examples:
  cargo paxos sim kv --seed 7                              one run
  cargo paxos sim kv --seed 1 --runs 1000                  a thousand runs, seeds 1 to 1000
  cargo paxos sim kv --seed 1 --runs 50 --history h.ndjson && cargo paxos judge h.ndjson
  cargo paxos sim kv --seed 1 --runs 50 --trace t.ndjson && cargo paxos judge t.ndjson

Three to five clients append, put, swap, delete and read, each in its session, and ask again elsewhere when they hear nothing. \
Messages are lost, come twice and late, links are cut, nodes pause and crash, disks fail. Then all is mended, and the store \
must answer again. What the clients saw must be linearizable, and nodes that are as far must be equal.

Exit code: 0 held in every run, 1 violated, 2 usage, 3 stopped before the last run or too hard to judge, 4 it failed.";

/// The store under clients, with clocks, slow links, failing disks; what the clients saw is judged
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Kv {
    /// The first seed
    #[arg(long)]
    pub(super) seed: u64,
    /// How many runs, each with the next seed
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..))]
    pub(super) runs: u64,
    /// The size of the cluster
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u8).range(1..=26))]
    pub(super) nodes: u8,
    /// Write what the clients saw to this file, as paxos-history/1: each run has clients and keys of its own
    #[arg(long, value_name = "FILE")]
    pub(super) history: Option<PathBuf>,
    /// Write what was promised, proposed, voted and learned to this file, as paxos-trace/1
    #[arg(long, value_name = "FILE")]
    pub(super) trace: Option<PathBuf>,
    /// Print one JSON object
    #[arg(long)]
    pub(super) json: bool,
}

/// Everything that the runs add up to.
struct Total {
    runs: u64,
    counts: Counts,
    tally: Tally,
    violated: Option<(u64, Violation)>,
}

impl Kv {
    pub(super) fn run(&self) -> anyhow::Result<ExitCode> {
        if self.seed.checked_add(self.runs).is_none() {
            return Ok(usage("--seed plus --runs is past the last seed"));
        }
        let opened = |file: &Option<PathBuf>| -> anyhow::Result<Option<BufWriter<File>>> {
            let Some(file) = file else { return Ok(None) };
            let opened = File::create(file).with_context(|| format!("cannot write {}", file.display()))?;
            Ok(Some(BufWriter::new(opened)))
        };
        let mut history = opened(&self.history)?;
        let mut trace = opened(&self.trace)?.map(|out| Trace::new(out, NodeSet::first(self.nodes)));
        let system = simulated::kv(self.nodes, simulated::STORE, simulated::service);
        let stop = search::stop_on_interrupt()?;
        let bar = search::bar("simulating", "runs", self.runs, self.json);
        let mut total = Total { runs: 0, counts: Counts::new(), tally: Tally::default(), violated: None };
        let cannot_write = |file: &Option<PathBuf>| {
            format!("cannot write {}", file.as_deref().map(|file| file.display().to_string()).unwrap_or_default())
        };
        for run in 0..self.runs {
            if let Some(trace) = &mut trace {
                trace.begin(run);
            }
            let seed = self.seed + run;
            let over = simulate(&system, seed, &mut Tracing(trace.as_mut(), None));
            total.runs += 1;
            total.counts.merge(&over.counts);
            total.tally.merge(&over.load.tally());
            if let Some(history) = &mut history {
                let calls: Vec<Call> = over.load.history().into_iter().map(|call| of_run(run, call)).collect();
                write_history(&calls, history).with_context(|| cannot_write(&self.history))?;
            }
            bar.inc(1);
            total.violated = over.violation.map(|violation| (seed, violation));
            if total.violated.is_some() || stop.load(Ordering::Relaxed) {
                break;
            }
        }
        bar.finish_and_clear();
        if let Some(mut history) = history {
            history.flush().with_context(|| cannot_write(&self.history))?;
        }
        if let Some(trace) = trace {
            trace.finish().with_context(|| cannot_write(&self.trace))?;
        }
        self.print(&total);
        Ok(match total.violated {
            Some(_) => ExitCode::from(1),
            None if total.runs < self.runs || 0 < total.tally.undecided => ExitCode::from(UNDECIDED),
            None => ExitCode::SUCCESS,
        })
    }

    fn print(&self, total: &Total) {
        let Total { runs, counts, tally, violated } = total;
        if self.json {
            return self.print_json(total);
        }
        let of = |kind| counts.of(kind);
        say(format_args!(
            "{runs} runs from seed {}: {} operations answered, {} refused, {} of unknown outcome; asked again {} times, {} \
             commands twice in the log, {} sessions expired",
            self.seed, tally.answered, tally.refused, tally.unknown, tally.asked_again, tally.twice, tally.expired
        ));
        say(format_args!(
            "{} choices, {} messages arrived, {} lost, {} twice, {} crashes, {} disks replaced, {} snapshots taken over",
            counts.choices,
            counts.delivered,
            of(Kind::Lost),
            of(Kind::Copied),
            of(Kind::Crashed),
            of(Kind::Replaced),
            tally.restored
        ));
        match violated {
            Some((seed, violation)) => say(format_args!(
                "violated by seed {seed}: {violation}\nthe same again: cargo paxos sim kv --seed {seed} --nodes {}",
                self.nodes
            )),
            None if *runs < self.runs => {
                say(format_args!("stopped after {runs} of {} runs; nothing failed in those", self.runs));
            }
            None if 0 < tally.undecided => {
                say(format_args!("nothing failed; the histories of {} runs were too hard to judge", tally.undecided));
            }
            None => {
                say("held: every invariant, after every choice; all recovered; what the clients saw is linearizable");
            }
        }
    }

    fn print_json(&self, total: &Total) {
        let Total { runs, counts, tally, violated } = total;
        let verdict = match violated {
            Some(_) => "violated",
            None if *runs < self.runs => "stopped",
            None if 0 < tally.undecided => "undecided",
            None => "held",
        };
        let violated = violated.as_ref().map(|(seed, what)| json!({"seed": seed, "violation": what.to_string()}));
        let happened: serde_json::Map<String, serde_json::Value> =
            counts.iter().map(|(kind, count)| (kind.name().to_owned(), count.into())).collect();
        say(json!({
            "verdict": verdict, "protocol": "kv", "seed": self.seed, "runs": runs, "runs_wanted": self.runs,
            "answered": tally.answered, "refused": tally.refused, "unknown": tally.unknown,
            "asked_again": tally.asked_again, "twice": tally.twice, "expired": tally.expired,
            "restored": tally.restored, "undecided": tally.undecided, "choices": counts.choices,
            "delivered": counts.delivered, "happened": happened, "violated": violated,
        }));
    }
}

/// The same call, of a client and on a key that no other run has: many runs are then one history.
pub(crate) fn of_run(run: u64, call: Call) -> Call {
    Call { client: run * CLIENTS + call.client, key: format!("run{run}.{}", call.key), ..call }
}

/// More clients than a run has.
const CLIENTS: u64 = 1_000_000;

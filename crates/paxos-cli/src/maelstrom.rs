//! `paxos maelstrom`: the replicated store as a node of Maelstrom, the workbench of Jepsen's author.
//!
//! `words.rs` is what is said, `lines.rs` the way out, `once.rs` how it is done once, `node.rs` the node. For those without Maelstrom, `--drive` does
//! what it does: `rig.rs` has the processes and their network, `drive.rs` the clients and the run.

use std::{
    fs::File,
    io::{BufWriter, Write as _},
    path::{Path, PathBuf},
    process::ExitCode,
    sync::atomic::{AtomicBool, Ordering::Relaxed},
    time::Duration,
};

use anyhow::Context as _;
use paxos_judge::{Call, Verdict, judge, write_history};
use paxos_mutants::{Home, Mutant};
use serde_json::json;
use tempfile::TempDir;

use crate::{
    args,
    node::logging::{self, LogFormat},
    output::say,
    search::{UNDECIDED, grouped, stop_on_interrupt},
};

mod drive;

mod lines;

mod node;

mod once;

mod rig;

mod words;

const EXAMPLES: &str = "\
Examples:
  A script, paxos-node.sh, because Maelstrom starts a program by its path:
    #!/bin/sh
    exec paxos maelstrom
  Then, with Maelstrom installed (https://github.com/jepsen-io/maelstrom):
    maelstrom test -w lin-kv --bin ./paxos-node.sh --node-count 3 --time-limit 30 --rate 50 --concurrency 2n --nemesis partition
  By hand, a cluster of one:
    printf '%s\\n' '{\"src\":\"c1\",\"dest\":\"n1\",\"body\":{\"type\":\"init\",\"msg_id\":1,\"node_id\":\"n1\",\"node_ids\":[\"n1\"]}}' | paxos maelstrom

  Without Maelstrom, three processes whose lines are lost, repeated, delayed and cut, and who are killed:
    paxos maelstrom --drive --seed 1 --runs 4 --seconds 10 --history h.ndjson
    paxos maelstrom --drive --seed 1 --runs 10 --mutant S1     a broken rule, as clients of real processes see it

The protocol is that of Maelstrom's documentation. The project's own tests speak it; they do not run Maelstrom itself.

A node whose directory is empty begins anew, as part of a new cluster: it cannot know that it had a memory. So whoever kills nodes
and starts them again gives them --dir, and an empty directory to each new test. Nodes write their log to stderr.

If something does not hold, memories, logs and the history are kept, and the last line says where. Ctrl-C ends a run: it is healed
and judged; a second one ends at once.

Exit code: 0 stdin was closed, 2 usage, 4 it failed. With --drive: 0 everything held, 1 something did not, 2 usage, 3 the
history was too hard to judge, or it was stopped, 4 it failed.";

/// Be a node of Maelstrom's lin-kv workload: JSON lines on stdin and stdout
///
/// The replica sits directly behind the lines: its messages to other nodes are Maelstrom's, so that a partition cuts Paxos
/// and not only clients. Nothing else is said on stdout; the log is on stderr (RUST_LOG).
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Maelstrom {
    /// Keep the memory of each node below this directory, in one of its name; an empty one is a new cluster's. If left out, it
    /// is a temporary directory of this process, which stays behind if the process is killed, and is not found again
    #[arg(long, env = "PAXOS_MAELSTROM_DIR", value_name = "DIR")]
    dir: Option<PathBuf>,
    /// Drive nodes instead of being one: start processes, stand between their lines, ask, and judge
    #[arg(long, conflicts_with = "dir")]
    drive: bool,
    /// A mutant in place of the store: see `paxos mutants`. Not each of them shows within a few runs
    #[arg(long)]
    mutant: Option<Mutant>,
    /// How many nodes
    #[arg(long, requires = "drive", default_value_t = 3, value_parser = clap::value_parser!(u8).range(1..=9))]
    nodes: u8,
    /// Where faults and questions are drawn from; the next run takes the next one. What the processes make of them is their
    /// own
    #[arg(long, requires = "drive", default_value_t = 1)]
    seed: u64,
    /// How many runs
    #[arg(long, requires = "drive", default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..))]
    runs: u64,
    /// How long each is tortured
    #[arg(long, requires = "drive", default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..=86_400))]
    seconds: u64,
    /// Write what the clients of the last run asked and heard to this file, as paxos-history/1
    #[arg(long, requires = "drive", value_name = "FILE")]
    history: Option<PathBuf>,
    /// Print one JSON object for each run
    #[arg(long, requires = "drive")]
    json: bool,
}

impl Maelstrom {
    pub(crate) fn run(self) -> anyhow::Result<ExitCode> {
        // What a store is made of: its log, and its service. A disk, or another protocol, is not in its place.
        let is_of_store = |mutant: Mutant| mutant.home() == Home::Clients || mutant.protocol() == "multi";
        if let Some(other) = self.mutant.filter(|mutant| !is_of_store(*mutant)) {
            return Ok(args::usage(format!(
                "{other} is a mutant of {}, and not of a store or its log",
                other.protocol()
            )));
        }
        if self.drive {
            return self.drive();
        }
        if let Err(problem) = logging::start(LogFormat::Text) {
            return Ok(args::usage(problem));
        }
        match self.dir {
            Some(directory) => node::run(&directory, self.mutant)?,
            None => node::run(place()?.path(), self.mutant)?,
        }
        Ok(ExitCode::SUCCESS)
    }

    /// One run after the other, up to the first that does not hold.
    fn drive(self) -> anyhow::Result<ExitCode> {
        let stop = stop_on_interrupt()?;
        for seed in (self.seed..).take(usize::try_from(self.runs).unwrap_or(usize::MAX)) {
            let code = self.one(seed, &stop)?;
            if code != 0 {
                return Ok(ExitCode::from(code));
            }
        }
        Ok(ExitCode::SUCCESS)
    }

    /// The exit code of one run.
    fn one(&self, seed: u64, stop: &AtomicBool) -> anyhow::Result<u8> {
        let (place, time) = (place()?, Duration::from_secs(self.seconds));
        let plan = drive::Plan { nodes: usize::from(self.nodes), time, seed, mutant: self.mutant };
        let seen = match drive::run(&plan, place.path(), stop) {
            Ok(seen) => seen,
            Err(error) => {
                let kept = place.keep();
                return Err(
                    error.context(format!("seed {seed} could not be run to its end; logs are in {}", kept.display()))
                );
            }
        };
        if let Some(file) = &self.history {
            write(&seen.history, file)?;
        }
        let (mut verdict, mut code) = match judge(&seen.history)? {
            Verdict::Linearizable { calls, keys } => {
                (format!("linearizable: {} calls of {} keys", grouped(calls), grouped(keys)), 0)
            }
            Verdict::NotLinearizable(why) => (why.to_string(), 1),
            Verdict::Undecided { key } => (format!("undecided: too many calls of key {key:?} overlap"), UNDECIDED),
        };
        if !seen.wrong.is_empty() {
            let told = seen.wrong.iter().take(MOST_WRONG).cloned().collect::<Vec<_>>().join("; ");
            (verdict, code) = (format!("{verdict}; but {told}"), 1);
        }
        let kept = (code != 0).then(|| place.keep());
        if let Some(kept) = &kept {
            write(&seen.history, &kept.join("history.ndjson"))?;
        }
        let stopped = stop.load(Relaxed);
        self.tell(seed, &seen, (&verdict, code), stopped, kept.as_deref());
        Ok(if code == 0 && stopped { UNDECIDED } else { code })
    }

    fn tell(&self, seed: u64, seen: &drive::Seen, (verdict, code): (&str, u8), stopped: bool, kept: Option<&Path>) {
        let drive::Seen { kills, cuts, lost, repeated, .. } = seen;
        let [reads, writes, unknown] = seen.counts();
        if self.json {
            return say(json!({
                "seed": seed, "holds": code == 0, "verdict": verdict, "calls": seen.history.len(), "reads": reads,
                "writes": writes, "unknown": unknown, "kills": kills, "cuts": cuts, "lost": lost, "repeated": repeated,
                "stopped": stopped, "kept": kept,
            }));
        }
        let early = if stopped { ", stopped early" } else { "" };
        say(format_args!(
            "Seed {seed}{early}: {verdict}.\n  {} reads and {} writes answered, {} calls of unknown outcome; {kills} kills, {cuts} \
             cuts, {} lines lost, {} repeated.",
            grouped(reads),
            grouped(writes),
            grouped(unknown),
            grouped(usize::try_from(*lost).unwrap_or(usize::MAX)),
            grouped(usize::try_from(*repeated).unwrap_or(usize::MAX)),
        ));
        if let Some(kept) = kept {
            let history = kept.join("history.ndjson");
            say(format_args!("Kept in {}: memories, logs, history.", kept.display()));
            say(format_args!("Judge again: paxos judge {}", history.display()));
        }
    }
}

fn place() -> anyhow::Result<TempDir> {
    TempDir::with_prefix("paxos-maelstrom-").context("cannot create a temporary directory")
}

fn write(history: &[Call], file: &Path) -> anyhow::Result<()> {
    let cannot = || format!("cannot write {}", file.display());
    let mut out = BufWriter::new(File::create(file).with_context(cannot)?);
    write_history(history, &mut out).and_then(|()| out.flush()).with_context(cannot)
}

/// How much of what went wrong is told.
const MOST_WRONG: usize = 5;

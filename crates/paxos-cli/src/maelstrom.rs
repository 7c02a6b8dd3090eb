//! `paxos maelstrom`: the replicated store as a node of Maelstrom, the workbench of Jepsen's author.
//!
//! `words.rs` is what is said, `once.rs` how it is done once, `node.rs` the node. For those without Maelstrom, `--drive` does
//! what it does: `rig.rs` has the processes and their network, `drive.rs` the clients and the run.

use std::{
    fs::File,
    io::{BufWriter, Write as _},
    path::{Path, PathBuf},
    process::ExitCode,
    sync::atomic::Ordering::Relaxed,
    time::Duration,
};

use anyhow::Context as _;
use paxos_judge::{Call, Verdict, judge, write_history};
use serde_json::json;
use tempfile::TempDir;

use crate::{
    args,
    node::logging::{self, LogFormat},
    output::say,
    search::UNDECIDED,
};

mod drive;

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

The protocol is that of Maelstrom's documentation. The project's own tests speak it; they do not run Maelstrom itself.

Exit code: 0 stdin was closed, 2 usage, 4 it failed. With --drive: 0 everything held, 1 something did not, 2 usage, 3 the
history was too hard to judge, or it was stopped, 4 it failed.";

/// Be a node of Maelstrom's lin-kv workload: JSON lines on stdin and stdout
///
/// The replica sits directly behind the lines: its messages to other nodes are Maelstrom's, so that a partition cuts Paxos
/// and not only clients. Nothing else is said on stdout; the log is on stderr (RUST_LOG).
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Maelstrom {
    /// Keep the memory of each node below this directory, in one of its name; an empty one is a new cluster's. A new
    /// temporary directory if left out, which is gone when the node ends
    #[arg(long, env = "PAXOS_MAELSTROM_DIR", value_name = "DIR")]
    dir: Option<PathBuf>,
    /// Drive nodes instead of being one: start processes, stand between their lines, ask, and judge
    #[arg(long, conflicts_with = "dir")]
    drive: bool,
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
        if self.drive {
            return self.drive();
        }
        if let Err(problem) = logging::start(LogFormat::Text) {
            return Ok(args::usage(problem));
        }
        match self.dir {
            Some(directory) => node::run(&directory)?,
            None => {
                let directory =
                    TempDir::with_prefix("paxos-maelstrom-").context("cannot create a temporary directory")?;
                node::run(directory.path())?;
            }
        }
        Ok(ExitCode::SUCCESS)
    }

    /// One run after the other, up to the first that does not hold.
    fn drive(self) -> anyhow::Result<ExitCode> {
        ctrlc::set_handler(|| drive::STOP.store(true, Relaxed)).context("cannot listen for signals")?;
        for seed in (self.seed..).take(usize::try_from(self.runs).unwrap_or(usize::MAX)) {
            let seen = drive::run(usize::from(self.nodes), Duration::from_secs(self.seconds), seed)?;
            if let Some(file) = &self.history {
                write(&seen.history, file)?;
            }
            let (mut verdict, mut code) = match judge(&seen.history)? {
                Verdict::Linearizable { calls, keys } => (format!("linearizable: {calls} calls of {keys} keys"), 0),
                Verdict::NotLinearizable(why) => (why.to_string(), 1),
                Verdict::Undecided { key } => (format!("undecided: too many calls of key {key:?} overlap"), UNDECIDED),
            };
            if !seen.wrong.is_empty() {
                (verdict, code) = (format!("{verdict}; but {}", seen.wrong.join("; ")), 1);
            }
            let drive::Seen { kills, cuts, lost, repeated, .. } = seen;
            let calls = seen.history.len();
            if self.json {
                say(json!({
                    "seed": seed, "holds": code == 0, "verdict": verdict, "calls": calls,
                    "kills": kills, "cuts": cuts, "lost": lost, "repeated": repeated,
                }));
            } else {
                say(format_args!(
                    "Seed {seed}: {verdict}. {kills} kills, {cuts} cuts, {lost} lines lost, {repeated} repeated."
                ));
            }
            if code != 0 {
                return Ok(ExitCode::from(code));
            }
            if drive::STOP.load(Relaxed) {
                return Ok(ExitCode::from(UNDECIDED));
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}

fn write(history: &[Call], file: &Path) -> anyhow::Result<()> {
    let cannot = || format!("cannot write {}", file.display());
    let mut out = BufWriter::new(File::create(file).with_context(cannot)?);
    write_history(history, &mut out).and_then(|()| out.flush()).with_context(cannot)
}

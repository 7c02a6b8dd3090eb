//! Searches whose number of states is known: Lamport's, and the documentation's.

use std::{
    fs,
    path::{Path, PathBuf},
    process::ExitCode,
    sync::atomic::Ordering,
};

use anyhow::Context as _;
use clap::Args;
use paxos_check::{Limits, Progress};
use paxos_models::{
    claims::{self, Claim},
    lamport,
};
use serde_json::json;

use crate::{
    args::usage,
    output::say,
    search::{self, Line, Threads, UNDECIDED, grouped},
};

/// Our roles under Lamport's own specification: do as many states come out?
#[derive(Args)]
#[command(after_help = "Examples:
  cargo paxos check lamport
  cargo paxos check lamport --json

Exit code: 0 the same, 1 not, 2 usage.")]
pub(super) struct Lamport {
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

/// Every exhaustive run that the documentation claims, with its number of states
#[derive(Args)]
#[command(after_help = "Examples:
  cargo paxos check claims                          all but the largest
  cargo paxos check claims --quick --json           those of the tests, for a program
  cargo paxos check claims --large --list           the names of all
  cargo paxos check claims basic log-campaigns      these two, with
                        --threads 1                 one thread
  cargo paxos check claims log-rivals-quiet --state-file rivals.states
                                                    a long one, which can be stopped: the same command goes on
  cargo paxos check claims --large --update docs/src/checker.md
                                                    all of them, and their rows in the book as they are found

Exit code: 0 all is as claimed, 1 something is not, 2 usage, 3 undecided: stopped, or at a limit, 4 it failed.")]
pub(super) struct Claims {
    /// Only these: `check claims --list` names them
    names: Vec<String>,
    /// Only those that the tests run too
    #[arg(long)]
    quick: bool,
    /// Also the largest, which take long
    #[arg(long, conflicts_with = "quick")]
    large: bool,
    /// Say which there are, and run none
    #[arg(long, conflicts_with_all = ["json", "markdown"])]
    list: bool,
    /// Print a table as the book has it
    #[arg(long, conflicts_with = "json")]
    markdown: bool,
    /// Write the row of each claim that holds into this file, over the row that it has there
    #[arg(long, value_name = "FILE", conflicts_with = "list")]
    update: Option<PathBuf>,
    #[command(flatten)]
    threads: Threads,
    /// For one claim: write what is found to this file, and go on from it if it is there
    #[arg(long, value_name = "FILE", requires = "names", conflicts_with = "list")]
    state_file: Option<PathBuf>,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

impl Lamport {
    pub(super) fn run(self) -> ExitCode {
        let known = [(2, 3_921, 17), (3, 185_369, 25)];
        let mut same = true;
        let mut rows = Vec::new();
        for (ballots, states, depth) in known {
            let counted = lamport::count(ballots, states + TOO_MANY);
            same &= (counted.states, counted.depth) == (states, depth);
            if self.json {
                rows.push(json!({
                    "ballots": ballots, "states": counted.states, "depth": counted.depth,
                    "known_states": states, "known_depth": depth,
                }));
            } else {
                say(format_args!(
                    "3 acceptors, 2 values, ballots 0..{}: {}{} states, depth {} (TLC on Paxos.tla: {}, {depth})",
                    ballots - 1,
                    if counted.states > states + TOO_MANY { "more than " } else { "" },
                    grouped(counted.states),
                    counted.depth,
                    grouped(states)
                ));
            }
        }
        if self.json {
            say(format_args!("{}", json!({"same": same, "runs": rows})));
        } else {
            say(format_args!("{}", if same { "the same" } else { "NOT the same: our rules are not Lamport's" }));
        }
        ExitCode::from(u8::from(!same))
    }
}

impl Claims {
    pub(super) fn run(self) -> anyhow::Result<ExitCode> {
        if let Some(unknown) = self.names.iter().find(|name| claims::named(name).is_none()) {
            return Ok(usage(format!("no claim is called {unknown:?}: see cargo paxos check claims --large --list")));
        }
        if self.state_file.is_some() && self.names.len() != 1 {
            return Ok(usage("a state file is of one search: name one claim"));
        }
        let asked = |claim: &Claim| {
            let named = self.names.iter().any(|name| name == claim.name);
            named || (self.names.is_empty() && if self.quick { claim.quick } else { self.large || !claim.large })
        };
        let claims: Vec<Claim> = claims::all().into_iter().filter(asked).collect();
        if self.list {
            for claim in claims {
                say(format_args!("{:<28} {:>12}  {}", claim.name, grouped(claim.states), claim.what));
            }
            return Ok(ExitCode::SUCCESS);
        }
        self.heading();
        let stop = search::stop_on_interrupt()?;
        let limits = Limits { threads: self.threads.get(), stop, ..Limits::default() };
        let (mut rows, mut differs, mut undecided) = (Vec::new(), false, false);
        for claim in claims {
            if limits.stop.load(Ordering::Relaxed) {
                undecided = true;
                break;
            }
            let line = Line::new(claim.what, self.json);
            let tell = |progress: &_| line.show(progress);
            let found = match &self.state_file {
                None => Ok(claim.check(&limits, tell)),
                Some(file) => claim.check_with_file(file, &limits, tell),
            };
            line.clear();
            let found = found?;
            let kept = claim.is_kept(&found);
            if let (Some(file), Some(true)) = (&self.update, kept) {
                update(file, &claim, &found.progress)?;
            }
            differs |= kept == Some(false);
            undecided |= kept.is_none();
            rows.push(self.row(&claim, &found.progress, kept));
        }
        if self.json {
            say(json!({"as_claimed": !differs && !undecided, "claims": rows}));
        } else if !self.markdown {
            say("* in which a node hears its own messages at once: fewer runs than there are");
            say("One of them again: cargo paxos check claims NAME");
        }
        Ok(match (differs, undecided) {
            (true, _) => ExitCode::from(1),
            (false, true) => ExitCode::from(UNDECIDED),
            (false, false) => ExitCode::SUCCESS,
        })
    }

    fn heading(&self) {
        if self.markdown {
            say("| every run of | states | depth | seconds | MiB | `cargo paxos check claims` |");
            say("|---|---:|---:|---:|---:|---|");
        } else if !self.json {
            say(format_args!(
                "{:<56} {:>12} {:>5} {:>8} {:>10} {:>5}  {:<28} verdict",
                "every run of", "states", "depth", "seconds", "states/s", "MiB", "name"
            ));
        }
    }

    /// Shows what came out, unless it is for a program, which is given all of it at the end.
    fn row(&self, claim: &Claim, progress: &Progress, kept: Option<bool>) -> serde_json::Value {
        let verdict = match (kept, claim.depth) {
            (Some(true), None) => "holds".to_owned(),
            (Some(true), Some(depth)) => format!("holds so far: runs of up to {depth} choices"),
            (Some(false), _) => format!("NOT as claimed: {} states, and that it holds", grouped(claim.states)),
            (None, _) => "undecided: stopped, or at a limit".to_owned(),
        };
        let (what, states, seconds) = (claim.what, grouped(progress.states), progress.elapsed.as_secs_f64());
        let (depth, mebibytes) = (progress.depth, progress.bytes.div_ceil(1 << 20));
        if self.markdown {
            say(markdown(claim, progress));
        } else if !self.json {
            let speed = grouped(progress.states_per_second() as usize);
            say(format_args!(
                "{what:<56} {states:>12} {depth:>5} {seconds:>8.1} {speed:>10} {mebibytes:>5}  {:<28} {verdict}",
                claim.name
            ));
        }
        json!({
            "name": claim.name, "what": what, "states": progress.states, "claimed": claim.states, "depth": depth,
            "depth_limit": claim.depth, "choices": progress.choices, "seconds": seconds, "bytes": progress.bytes,
            "resident": progress.resident, "state_file_bytes": progress.file_bytes, "threads": self.threads.get().get(), "as_claimed": kept,
            "command": format!("cargo paxos check claims {}", claim.name),
        })
    }
}

/// The row of a claim in the book.
fn markdown(claim: &Claim, progress: &Progress) -> String {
    let limit =
        claim.depth.map_or_else(String::new, |depth| format!(": **not exhaustive**, runs of up to {depth} choices"));
    let (Claim { what, name, .. }, Progress { depth, .. }) = (claim, progress);
    let (states, seconds) = (grouped(progress.states), progress.elapsed.as_secs_f64());
    let mebibytes = progress.bytes.div_ceil(1 << 20);
    format!("| {what}{limit} | {states} | {depth} | {seconds:.1} | {mebibytes} | `{name}` |")
}

/// Writes the row of a claim over the one that the file has, which is known by the name in its last cell.
fn update(file: &Path, claim: &Claim, progress: &Progress) -> anyhow::Result<()> {
    let shown = file.display();
    let text = fs::read_to_string(file).with_context(|| format!("cannot read {shown}"))?;
    let last = format!("| `{}` |", claim.name);
    let row = text.lines().find(|line| line.starts_with("| ") && line.ends_with(&last));
    let row =
        row.with_context(|| format!("{shown} has no row that ends with {last}: write one, and it is filled in"))?;
    let text = text.replace(row, &markdown(claim, progress));
    fs::write(file, text).with_context(|| format!("cannot write {shown}"))
}

/// How many states more than there should be are counted, to tell how weak a rule is, before the count is stopped.
const TOO_MANY: usize = 100_000;

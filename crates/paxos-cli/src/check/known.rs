//! Searches whose number of states is known: Lamport's, and the documentation's.

use std::{process::ExitCode, sync::atomic::Ordering};

use clap::Args;
use paxos_models::{claims, lamport};
use serde_json::json;

use crate::{
    output::say,
    search::{self, Line, UNDECIDED, grouped},
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
  cargo paxos check claims
  cargo paxos check claims --quick --json

Exit code: 0 all is as claimed, 1 something is not, 2 usage, 3 undecided: stopped, or at a limit.")]
pub(super) struct Claims {
    /// Only those that the tests run too
    #[arg(long)]
    quick: bool,
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
        let (mut rows, mut differs, mut undecided) = (Vec::new(), false, false);
        let stop = search::stop_on_interrupt()?;
        if !self.json {
            say(format_args!(
                "{:<56} {:>12} {:>5} {:>8} {:>10}",
                "every run of", "states", "depth", "seconds", "states/s"
            ));
        }
        for claim in claims::all().into_iter().filter(|claim| claim.quick || !self.quick) {
            if stop.load(Ordering::Relaxed) {
                undecided = true;
                break;
            }
            let line = Line::new(claim.what, self.json);
            let report = claim.check(&stop, |progress| line.show(progress));
            line.clear();
            let (kept, progress) = (claim.is_kept(&report), &report.progress);
            differs |= kept == Some(false);
            undecided |= kept.is_none();
            rows.push(json!({
                "what": claim.what, "states": progress.states, "claimed": claim.states, "depth": progress.depth,
                "depth_limit": claim.depth, "seconds": progress.elapsed.as_secs_f64(), "as_claimed": kept,
            }));
            if !self.json {
                let verdict = match (kept, claim.depth) {
                    (Some(true), None) => "holds".to_owned(),
                    (Some(true), Some(depth)) => format!("holds so far: runs of up to {depth} choices"),
                    (Some(false), _) => format!("NOT as claimed: {} states, and that it holds", grouped(claim.states)),
                    (None, _) => "undecided: stopped, or at a limit".to_owned(),
                };
                say(format_args!(
                    "{:<56} {:>12} {:>5} {:>8.1} {:>10}  {verdict}",
                    claim.what,
                    grouped(progress.states),
                    progress.depth,
                    progress.elapsed.as_secs_f64(),
                    grouped(progress.states_per_second() as usize),
                ));
            }
        }
        if self.json {
            say(json!({"as_claimed": !differs && !undecided, "claims": rows}));
        } else {
            say("* in which a node hears its own messages at once: fewer runs than there are");
        }
        Ok(match (differs, undecided) {
            (true, _) => ExitCode::from(1),
            (false, true) => ExitCode::from(UNDECIDED),
            (false, false) => ExitCode::SUCCESS,
        })
    }
}

/// How many states more than there should be are counted, to tell how weak a rule is, before the count is stopped.
const TOO_MANY: usize = 100_000;

//! `paxos judge`: files that tell of a run, judged by nothing but what they say.

use std::{
    fs::File,
    io::{BufRead as _, BufReader},
    path::PathBuf,
    process::ExitCode,
};

use anyhow::Context as _;
use clap::Args;
use paxos_judge::{LineError, TraceVerdict, Verdict, judge, judge_trace, read_history};
use serde_json::json;

use crate::{args::usage, output::say, search::UNDECIDED};

const EXAMPLES: &str = "\
Examples:
  cargo paxos kv load --cluster here --history h.ndjson && cargo paxos judge h.ndjson
  cargo paxos sim multi --seed 1 --runs 100 --trace t.ndjson && cargo paxos judge t.ndjson
  cargo paxos trace here/n1.run here/n2.run here/n3.run --to tla -o t.ndjson && cargo paxos judge t.ndjson

A history, paxos-history/1, is what clients saw: is it what one store would have told them that does one thing after the
other? A trace, paxos-trace/1, is what nodes said: is each of its lines a step of Lamport's specification? Which of the two
a file is shows in its first line.

Exit code: 0 it is, 1 it is not: with the answer that fits nowhere, or the line that is no step, 2 usage or neither, 3 too
hard to say, 4 it failed.";

/// Judge a history of clients, or a trace of what nodes said
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Judge {
    /// A paxos-history/1 or a paxos-trace/1
    file: PathBuf,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

impl Judge {
    pub(crate) fn run(self) -> anyhow::Result<ExitCode> {
        let name = self.file.display();
        let mut file = match File::open(&self.file) {
            Ok(file) => BufReader::new(file),
            Err(error) => return Ok(usage(format!("cannot read {name}: {error}"))),
        };
        // The first line of a trace says what it is, and that of a history is a call.
        let head = file.fill_buf().with_context(|| format!("cannot read {name}"))?;
        let first = head.split(|byte| *byte == b'\n').next().unwrap_or_default();
        let is_trace = serde_json::from_slice(first).is_ok_and(|line: serde_json::Value| line["ev"] == "meta");
        let (kind, judged) = match is_trace {
            true => ("paxos-trace/1", trace(judge_trace(file))),
            false => ("paxos-history/1", history(read_history(file))),
        };
        let (word, text, code) = match judged {
            Ok(judged) => judged,
            Err(problem) => return Ok(usage(format!("{name} is no {kind}: {problem}"))),
        };
        if self.json {
            say(json!({ "verdict": word, "format": kind, "text": text }));
        } else {
            say(text);
        }
        Ok(ExitCode::from(code))
    }
}

/// The verdict as a word and a text, and the exit code.
type Judged = Result<(&'static str, String, u8), String>;

fn trace(judged: Result<TraceVerdict, LineError>) -> Judged {
    Ok(match judged.map_err(|error| error.to_string())? {
        TraceVerdict::Allowed { lines, runs, chosen } => {
            ("allowed", format!("allowed: {lines} steps of {runs} runs; something is chosen in {chosen} slots"), 0)
        }
        TraceVerdict::Forbidden { line, what } => ("not allowed", format!("not allowed: line {line}: {what}"), 1),
    })
}

/// Of a history.
pub(crate) fn history(read: Result<Vec<paxos_judge::Call>, LineError>) -> Judged {
    let history = read.map_err(|error| error.to_string())?;
    Ok(match judge(&history).map_err(|error| error.to_string())? {
        Verdict::Linearizable { calls, keys } => {
            ("linearizable", format!("linearizable: {calls} calls of {keys} keys"), 0)
        }
        Verdict::NotLinearizable(why) => ("not linearizable", why.to_string(), 1),
        Verdict::Undecided { key } => {
            ("undecided", format!("undecided: too many calls of key {key:?} overlap"), UNDECIDED)
        }
    })
}

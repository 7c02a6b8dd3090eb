//! `paxos judge`: files that tell of a run, judged by nothing but what they say.

use std::{
    fs::File,
    io::{self, BufRead, BufReader, Cursor, Read as _},
    path::PathBuf,
    process::ExitCode,
};

use clap::Args;
use paxos_judge::{LineError, MAX_LINE, TraceVerdict, Verdict, judge, judge_trace, read_history};
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

Exit code: 0 it is, 1 it is not: with the answer that fits nowhere, or the line that is no step, 2 usage, or the file is neither
of them, or says nothing, 3 too hard to say, 4 it failed.";

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
        let (head, kind) = match head(&mut file) {
            Ok(head) => head,
            Err(error) => return Ok(usage(format!("cannot read {name}: {error}"))),
        };
        let whole = Cursor::new(head).chain(file);
        let judged = match kind {
            Kind::Trace => trace(judge_trace(whole)),
            Kind::History => history(read_history(whole)),
            Kind::Run => {
                return Ok(usage(format!(
                    "{name} is a paxos-run/1: `paxos trace {name}` judges it, and with `--to tla` makes a trace of it"
                )));
            }
        };
        let kind = if matches!(kind, Kind::Trace) { "paxos-trace/1" } else { "paxos-history/1" };
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

enum Kind {
    History,
    Trace,
    Run,
}

/// The beginning of a file, up to the end of its first line that is not empty, and what that says the file is: the first line
/// of a trace or a run says so, and that of a history is a call.
fn head(file: &mut impl BufRead) -> io::Result<(Vec<u8>, Kind)> {
    let (mut head, mut first) = (Vec::new(), 0);
    while head[first..].iter().all(u8::is_ascii_whitespace) && head.len() <= MAX_LINE {
        first = head.len();
        if file.take((MAX_LINE + 1 - first) as u64).read_until(b'\n', &mut head)? == 0 {
            break;
        }
    }
    let kind = match serde_json::from_slice::<serde_json::Value>(&head[first..]) {
        Ok(line) if line["format"] == "paxos-run/1" => Kind::Run,
        Ok(line) if !line["ev"].is_null() => Kind::Trace,
        _ => Kind::History,
    };
    Ok((head, kind))
}

/// The verdict as a word and a text, and the exit code.
type Judged = Result<(&'static str, String, u8), String>;

fn trace(judged: Result<TraceVerdict, LineError>) -> Judged {
    Ok(match judged.map_err(|error| error.to_string())? {
        TraceVerdict::Allowed { lines: 0, .. } => return Err("it has no step".to_owned()),
        TraceVerdict::Allowed { lines, runs, chosen } => {
            ("allowed", format!("allowed: {lines} steps of {runs} runs; something is chosen in {chosen} slots"), 0)
        }
        TraceVerdict::Forbidden { line, what } => ("not allowed", format!("not allowed: line {line}: {what}"), 1),
    })
}

/// Of a history.
pub(crate) fn history(read: Result<Vec<paxos_judge::Call>, LineError>) -> Judged {
    let history = read.map_err(|error| error.to_string())?;
    if history.is_empty() {
        return Err("it has no call".to_owned());
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_line_says_what_a_file_is_however_long_it_is() {
        let kind = |text: &str| {
            let mut file = BufReader::with_capacity(5, text.as_bytes());
            let (head, kind) = head(&mut file).unwrap();
            let mut whole = Vec::new();
            Cursor::new(head).chain(file).read_to_end(&mut whole).unwrap();
            assert!(whole == text.as_bytes(), "nothing is lost");
            match kind {
                Kind::History => "history",
                Kind::Trace => "trace",
                Kind::Run => "run",
            }
        };
        assert_eq!(kind(""), "history");
        assert_eq!(kind("\n \n"), "history");
        assert_eq!(kind(r#"{"client":1}"#), "history");
        assert_eq!(kind("\n\n{\"ev\":\"meta\"}\n{\"ev\":\"1a\"}\n"), "trace");
        let quorums = vec![["n1", "n2", "n3"]; 1_000];
        let meta = json!({"ev": "meta", "format": "paxos-trace/1", "quorums": quorums}).to_string();
        assert_eq!(kind(&meta), "trace");
        assert_eq!(kind("{\"ev\":\"meta\",\"format\":\"paxos-run/1\"}\n"), "run");
        assert_eq!(kind(&" ".repeat(MAX_LINE + 9)), "history");
    }
}

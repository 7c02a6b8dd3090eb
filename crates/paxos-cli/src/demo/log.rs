//! `paxos demo`: a replicated store under load, whose leader is killed. Here is what it is given, and how it ends.
//!
//! `story.rs` is what happens, act by act, and `verdict.rs` judges what the clients saw. The processes are those of
//! `paxos cluster`, with its settings, so the fail-over that is measured is the one that users get; the clients are those
//! of `paxos kv load`.

use std::{
    fs::{self, File},
    io::{self, BufWriter, Read, Write},
    path::PathBuf,
    process::ExitCode,
};

use anyhow::Context;
use paxos_judge::write_history;

use super::{Directory, screen::Screen};
use crate::{
    args,
    cluster::{
        place::Place,
        supervisor::{Ears, Supervisor},
    },
    load::Step,
};

mod story;

mod verdict;

use story::Story;
use verdict::Verdict;

/// The options of the demonstration.
#[derive(clap::Args)]
pub(super) struct Log {
    /// Commands for the clients, one a line, in a file; - is stdin. More are generated when these are done
    #[arg(value_name = "FILE")]
    commands: Option<PathBuf>,
    /// How many nodes
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u8).range(3..=9))]
    nodes: u8,
    /// How often the leader is killed
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u8).range(0..=20))]
    kills: u8,
    /// How many clients write and read at a time
    #[arg(long, default_value_t = 8, value_parser = clap::value_parser!(u64).range(1..=64))]
    clients: u64,
    /// Keep the nodes' memories and the clients' history at the end, and say where they are
    #[arg(long)]
    keep: bool,
    /// Put them into this new or empty directory, and keep them
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Print nothing but the verdict, as one JSON object
    #[arg(long)]
    json: bool,
    /// Print nothing but the verdict
    #[arg(long, short)]
    quiet: bool,
}

impl Log {
    pub(super) fn run(self) -> anyhow::Result<ExitCode> {
        let given = match self.given()? {
            Ok(given) => given,
            Err(problem) => return Ok(args::usage(problem)),
        };
        let ears = Ears::open()?;
        let directory = Directory::new(self.data.as_deref(), self.keep)?;
        let quiet = self.quiet || self.json;
        let place = Place::found(directory.path(), self.nodes, None)?;
        let mut story = Story::new(Supervisor::new(place, Vec::new(), ears)?, quiet);
        let facts = story.tell(self.clients, self.kills, given)?;
        drop(story); // every process has ended before its directory goes
        let verdict = Verdict::on(&facts);
        let mut screen = Screen::new(false);
        if let Some(kept) = directory.kept() {
            let history = kept.join("history.ndjson");
            let mut out = BufWriter::new(File::create(&history)?);
            write_history(&facts.history, &mut out).and_then(|()| out.flush()).context("cannot write the history")?;
        }
        if self.json {
            screen.line(&verdict.to_json(&facts).to_string())?;
        } else {
            verdict.show(&facts, &mut screen)?;
            if let Some(kept) = directory.kept() {
                let kept = kept.display();
                screen.line(&format!(
                    "Kept in {kept}, with history.ndjson. `cargo paxos cluster --data {kept}` goes on."
                ))?;
            }
        }
        Ok(ExitCode::from(verdict.code()))
    }

    /// The commands that are given; the inner error is the user's.
    fn given(&self) -> anyhow::Result<Result<Vec<Step>, String>> {
        let text = match &self.commands {
            None => return Ok(Ok(Vec::new())),
            Some(path) if path.as_os_str() == "-" => text_of(io::stdin().lock())?,
            Some(path) => fs::read_to_string(path).map_err(|error| format!("cannot read {}: {error}", path.display())),
        };
        let text = match text {
            Ok(text) => text,
            Err(problem) => return Ok(Err(problem)),
        };
        let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
        Ok(lines.map(str::parse).collect::<Result<Vec<Step>, String>>().and_then(|given| match given.len() {
            0 => Err("there is no command in it".into()),
            _ => Ok(given),
        }))
    }
}

/// What stdin has, if it is not too long to be held; the inner error is the user's. A part of it would be other commands.
fn text_of(stdin: impl Read) -> anyhow::Result<Result<String, String>> {
    let mut bytes = Vec::new();
    stdin.take(LONGEST + 1).read_to_end(&mut bytes).context("cannot read commands from stdin")?;
    if LONGEST < bytes.len() as u64 {
        let problem = format!("stdin has more than {} MiB: give the commands in a file", LONGEST >> 20);
        return Ok(Err(problem));
    }
    Ok(String::from_utf8(bytes).map_err(|error| format!("the commands on stdin are no text: {error}")))
}

/// Bytes of commands that are read from stdin.
const LONGEST: u64 = 16 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stdin_is_read_to_its_end_or_refused() {
        let check = |bytes: u64, expected: Option<u64>| {
            let read = text_of(io::repeat(b'#').take(bytes)).unwrap();
            assert_eq!(read.ok().map(|text| text.len() as u64), expected, "{bytes}");
        };
        check(0, Some(0));
        check(LONGEST, Some(LONGEST));
        check(LONGEST + 1, None);
        assert!(text_of(&b"put colour \xff"[..]).unwrap().is_err());
    }
}

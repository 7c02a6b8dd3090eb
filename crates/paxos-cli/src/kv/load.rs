//! `paxos kv load`: many clients at a time, and how long they waited. `paxos kv judge`: were they told the truth?

use std::{
    fs::File,
    hash::{BuildHasher, RandomState},
    io::{self, BufReader, BufWriter, Write},
    path::{Path, PathBuf},
    process::{self, ExitCode},
    sync::atomic::Ordering,
    thread,
    time::{Duration, Instant},
};

use anyhow::Context;
use indicatif::{ProgressBar, ProgressStyle};
use paxos_judge::{read_history, write_history};
use serde_json::json;

use super::Target;
use crate::{
    args::usage,
    judge::history,
    load::{Load, Mix, Plan, Seen, Work},
    output::say,
    search::stop_on_interrupt,
};

/// Let many clients write and read at a time, and measure how long they wait
#[derive(clap::Args)]
#[command(after_help = "Examples:
  cargo paxos kv load --cluster here
  cargo paxos kv load --cluster here --clients 64 --seconds 5 --puts --value-size 256
  cargo paxos kv load --cluster here --keys 16 --reads 50 --history h.ndjson
  cargo paxos kv judge h.ndjson

The figures are of this machine and its load at this moment; the clients share it with whatever else runs. Ctrl-C ends \
the load at once: what was under way is of unknown outcome. A second one ends the program.

Exit code: 0 every operation was answered, 1 some were not, 2 usage, 4 it failed: there is no load.")]
pub(super) struct LoadCommand {
    /// How many clients; each does one thing after the other
    #[arg(long, default_value_t = 64, value_parser = clap::value_parser!(u64).range(1..=4096))]
    clients: u64,
    /// How many connections they share, each with a session of its own [default: one for every 256 clients]
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..=4096))]
    connections: Option<u64>,
    /// For how long
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..=86_400))]
    seconds: u64,
    /// The bytes of a value
    #[arg(long, default_value_t = 256, value_parser = clap::value_parser!(u32).range(1..=262_144))]
    value_size: u32,
    /// How many keys there are
    #[arg(long, default_value_t = 1_000, value_parser = clap::value_parser!(u64).range(1..))]
    keys: u64,
    /// Every write is a put of --value-size bytes: no appends, deletes or swaps
    #[arg(long)]
    puts: bool,
    /// How many of 100 operations read
    #[arg(long, default_value_t = 0, value_parser = clap::value_parser!(u64).range(..=100))]
    reads: u64,
    /// Write what the clients asked and heard to this file, as paxos-history/1; the keys then begin with run- and a
    /// random number, so that all of them are absent at first and the history can be judged, whatever was done before
    #[arg(long, value_name = "FILE")]
    history: Option<PathBuf>,
    #[command(flatten)]
    target: Target,
}

impl LoadCommand {
    pub(super) fn run(self) -> anyhow::Result<ExitCode> {
        let config = match self.target.config() {
            Ok(config) => config,
            Err(code) => return Ok(code),
        };
        let plan = Plan {
            config,
            clients: self.clients,
            connections: self.connections(),
            work: Work::generated(self.mix()),
            history: self.history.is_some(),
            begins: (Instant::now(), 0),
        };
        let stop = stop_on_interrupt()?;
        // Before the load: whoever cannot have the file is told so now, and not when all is done.
        let history = match self.history.as_ref().map(create).transpose() {
            Ok(history) => history,
            Err(error) => return Ok(self.target.failed(format_args!("{error:#}"), false)),
        };
        let bar = bar(self.seconds, self.target.json());
        let load = Load::start(plan)?;
        let end = Instant::now() + Duration::from_secs(self.seconds);
        // Until all have their last answers, which a sick cluster may let them wait for: an interrupt ends that too.
        while !load.is_over() {
            let left = end.saturating_duration_since(Instant::now());
            if stop.load(Ordering::Relaxed) {
                load.cancel();
            } else if left.is_zero() {
                load.stop();
            }
            bar.set_position(load.now() / 1_000_000_000);
            bar.set_message(format!("{} operations", load.done()));
            thread::sleep(if left.is_zero() { SOON } else { TICK.min(left) });
        }
        let seen = load.join()?;
        bar.finish_and_clear();
        self.print(&seen);
        if let (Some(mut out), Some(file)) = (history, &self.history) {
            write_history(&seen.history, &mut out).and_then(|()| out.flush()).with_context(|| cannot_write(file))?;
        }
        Ok(ExitCode::from(u8::from(seen.failed + seen.unknown > 0)))
    }

    fn mix(&self) -> Mix {
        let Self { keys, reads, puts, .. } = *self;
        // A history is judged from the absence of its keys on, so a run that is to be judged has keys of its own.
        let own = || format!("run-{:016x}-", RandomState::new().hash_one(process::id()));
        let prefix = self.history.as_ref().map_or_else(String::new, |_| own());
        Mix { prefix, keys, value_size: self.value_size as usize, writes: 100 - reads, puts, retire: None }
    }

    fn connections(&self) -> u64 {
        self.connections.unwrap_or(self.clients.div_ceil(SHARED))
    }

    fn print(&self, seen: &Seen) {
        let [median, p99, p999, longest] = [50.0, 99.0, 99.9, 100.0]
            .map(|percent| (!seen.latency.is_empty()).then(|| seen.percentile(percent).as_secs_f64() * 1e3));
        if self.target.json() {
            return say(json!({
                "clients": self.clients, "connections": self.connections(), "value_size": self.value_size, "keys": self.keys, "reads_percent": self.reads, "puts": self.puts,
                "seconds": seen.took.as_secs_f64(), "answered": seen.answered, "writes": seen.acknowledged, "not_done": seen.failed,
                "unknown": seen.unknown, "operations_per_second": seen.rate(), "p50_ms": median, "p99_ms": p99,
                "p99.9_ms": p999, "max_ms": longest, "trouble": seen.trouble,
            }));
        }
        say(format_args!(
            "{} operations in {:.1} s, {} of them writes: {:.0} a second; {} not done, {} of unknown outcome",
            seen.answered,
            seen.took.as_secs_f64(),
            seen.acknowledged,
            seen.rate(),
            seen.failed,
            seen.unknown
        ));
        let [median, p99, p999, longest] =
            [median, p99, p999, longest].map(|time| time.map_or("-".into(), |time| format!("{time:.2}")));
        say(format_args!("latency in ms, answered or not: p50 {median}, p99 {p99}, p99.9 {p999}, longest {longest}"));
        if let Some(trouble) = &seen.trouble {
            say(format_args!("the last trouble: {trouble}"));
        }
    }
}

fn create(file: &PathBuf) -> anyhow::Result<BufWriter<File>> {
    Ok(BufWriter::new(File::create(file).with_context(|| cannot_write(file))?))
}

fn cannot_write(file: &Path) -> String {
    format!("cannot write {}", file.display())
}

/// So many clients share a connection, unless the user says otherwise.
const SHARED: u64 = 256;

fn bar(seconds: u64, quiet: bool) -> ProgressBar {
    if quiet || !io::IsTerminal::is_terminal(&io::stderr()) {
        return ProgressBar::hidden();
    }
    let style = "{bar:30} {pos}/{len} s, {msg}";
    ProgressBar::new(seconds).with_style(ProgressStyle::with_template(style).expect("a valid template"))
}

/// Judge what clients saw: is it what one store would have told them that does one thing after the other?
#[derive(clap::Args)]
#[command(after_help = "Examples:
  cargo paxos kv judge h.ndjson

Exit code: 0 linearizable, 1 not: with the answer that fits nowhere, 2 no history, 3 too hard to say.")]
pub(super) struct Judge {
    /// A history, paxos-history/1: all that was ever asked of its keys, by all clients, since they were absent
    file: PathBuf,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

impl Judge {
    pub(super) fn run(self) -> anyhow::Result<ExitCode> {
        let name = self.file.display();
        let file = match File::open(&self.file) {
            Ok(file) => file,
            Err(error) => return Ok(usage(format!("cannot read {name}: {error}"))),
        };
        let (word, text, code) = match history(read_history(BufReader::new(file))) {
            Ok(judged) => judged,
            Err(problem) => return Ok(usage(format!("{name} is no history: {problem}"))),
        };
        if self.json {
            say(json!({ "verdict": word, "text": text }));
        } else {
            say(text);
        }
        Ok(ExitCode::from(code))
    }
}

/// Between two looks at the clients; and when they are about to end.
const TICK: Duration = Duration::from_millis(100);
const SOON: Duration = Duration::from_millis(5);

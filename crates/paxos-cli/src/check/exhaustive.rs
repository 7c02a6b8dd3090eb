//! A search of some protocol: its bounds, its verdict, and how both are shown.

use std::{collections::BTreeMap, path::PathBuf, process::ExitCode};

use anyhow::Context as _;
use clap::{Args, ValueEnum};
use paxos_check::{Checkable, Limits, Report, Verdict, check, check_with_file};
use paxos_mutants::Mutant;
use paxos_process::NodeSet;
use paxos_quorums::Quorums;
use paxos_sim::{Bounds, ChoiceOf, Disk, Header, Invariant, Loopback, Scriptable, Setting, World};
use serde_json::json;

use crate::{
    args::QuorumRule,
    output::say,
    search::{self, Line, Threads, UNDECIDED, grouped},
};

/// What every search takes.
#[derive(Args)]
pub(super) struct Search {
    /// Crashes, of any node at any moment, with restart
    #[arg(long, default_value_t = 0)]
    crashes: u8,
    /// Messages that may arrive twice
    #[arg(long, default_value_t = 0)]
    duplicates: u8,
    /// majority, flexible:P1,P2 or grid:COLUMNS
    #[arg(long, default_value = "majority")]
    quorums: QuorumRule,
    /// When a node hears its own messages: at-once is smaller and finds most bugs, in-flight misses none
    #[arg(long, default_value = "in-flight")]
    own: Own,
    /// Judge by this invariant only; may be repeated
    #[arg(long = "invariant", value_name = "NAME")]
    invariants: Vec<Invariant>,
    /// Search runs of up to so many choices
    #[arg(long)]
    depth: Option<usize>,
    /// Stop after so many states
    #[arg(long, default_value_t = 100_000_000)]
    max_states: usize,
    /// Stop at so much memory, in MiB
    #[arg(long, default_value_t = 8_192)]
    max_memory: usize,
    #[command(flatten)]
    threads: Threads,
    /// Write what is found to this file as it is found, and go on from it if it is there: after Ctrl-C, a kill or a limit
    /// the same command goes on where it stopped. 14 bytes a state
    #[arg(long, value_name = "FILE")]
    state_file: Option<PathBuf>,
    /// Write the counterexample to this file, as a script for `paxos run`
    #[arg(long, value_name = "FILE")]
    save: Option<PathBuf>,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, ValueEnum)]
enum Own {
    InFlight,
    AtOnce,
}

impl Own {
    const fn name(self) -> &'static str {
        match self {
            Self::InFlight => "in-flight",
            Self::AtOnce => "at-once",
        }
    }
}

/// What is searched.
pub(super) struct Protocol {
    pub(super) name: &'static str,
    pub(super) mutant: Option<Mutant>,
    /// Its own options, for programs.
    pub(super) about: serde_json::Value,
}

impl Protocol {
    /// What a state file calls it.
    fn model(&self) -> String {
        self.mutant.map_or_else(|| self.name.to_owned(), |mutant| format!("{}, {}", self.name, mutant.name()))
    }
}

impl Search {
    /// The world of so many nodes. The error is the user's.
    pub(super) fn setting(&self, nodes: u8) -> Result<Setting, String> {
        let quorums = self.quorums.of(NodeSet::first(nodes)).map_err(|error| error.to_string())?;
        let disk = if self.crashes > 0 { Disk::Manual } else { Disk::AtOnce };
        let loopback = match self.own {
            Own::InFlight => Loopback::InFlight,
            Own::AtOnce => Loopback::AtOnce,
        };
        Ok(Setting { quorums, disk, loopback })
    }

    pub(super) fn run<P: Scriptable + Checkable>(
        &self,
        protocol: &Protocol,
        world: &World<P>,
        bounds: Bounds<P::Request>,
    ) -> anyhow::Result<ExitCode> {
        let bounds = Bounds {
            duplicates: self.duplicates.into(),
            crashes: self.crashes.into(),
            may_crash: world.setting().quorums.members(),
            ..bounds
        };
        let invariants = if self.invariants.is_empty() { Invariant::ALL.to_vec() } else { self.invariants.clone() };
        let stop = search::stop_on_interrupt()?;
        let (bytes, depth) = (self.max_memory.saturating_mul(1 << 20), self.depth.unwrap_or(usize::MAX));
        let limits = Limits { invariants, states: self.max_states, bytes, depth, threads: self.threads.get(), stop };
        let line = Line::new("checking", self.json);
        let tell = |progress: &_| line.show(progress);
        let report = match &self.state_file {
            None => Ok(check(world, &bounds, &limits, tell)),
            Some(file) => check_with_file(world, &bounds, &limits, (file, &protocol.model()), tell),
        };
        line.clear();
        let report = report?;
        let script = match &report.verdict {
            Verdict::Violated { invariant, path } => Some(counterexample(protocol, world, *invariant, path)?),
            Verdict::Holds | Verdict::NotExhaustive => None,
        };
        self.print(protocol, &report, &world.setting().quorums, script.as_deref());
        if let (Some(file), Some(script)) = (&self.save, &script) {
            std::fs::write(file, script).with_context(|| format!("cannot write {}", file.display()))?;
        }
        Ok(match report.verdict {
            Verdict::Holds => ExitCode::SUCCESS,
            Verdict::Violated { .. } => ExitCode::from(1),
            Verdict::NotExhaustive => ExitCode::from(UNDECIDED),
        })
    }

    fn print<C>(&self, protocol: &Protocol, report: &Report<C>, quorums: &Quorums, script: Option<&str>) {
        let progress = &report.progress;
        let (verdict, invariant, length) = match &report.verdict {
            Verdict::Holds => ("holds", None, None),
            Verdict::Violated { invariant, path } => ("violated", Some(*invariant), Some(path.len())),
            Verdict::NotExhaustive => ("not exhaustive", None, None),
        };
        if self.json {
            let mut found = json!({
                "protocol": protocol.name, "crashes": self.crashes, "duplicates": self.duplicates,
                "quorums": quorums.to_string(), "own": self.own.name(), "depth_limit": self.depth,
                "verdict": verdict, "invariant": invariant.map(Invariant::name), "length": length, "script": script,
                "states": progress.states, "choices": progress.choices, "depth": progress.depth,
                "seconds": progress.elapsed.as_secs_f64(), "states_per_second": progress.states_per_second(),
                "bytes": progress.bytes, "resident": progress.resident, "state_file_bytes": progress.file_bytes, "threads": self.threads.get().get(),
                "collision_chance": progress.collision_chance(),
            });
            if let (Some(found), Some(about)) = (found.as_object_mut(), protocol.about.as_object()) {
                found.extend(about.clone());
            }
            return say(found);
        }
        if let Some(script) = script {
            say(script);
        }
        say(format_args!(
            "{} states, {} choices, depth {}, {:.1} s, {} states/s, {}, collision chance {:.0e}",
            grouped(progress.states),
            grouped(progress.choices),
            progress.depth,
            progress.elapsed.as_secs_f64(),
            grouped(progress.states_per_second() as usize),
            search::memory(progress),
            progress.collision_chance()
        ));
        match invariant {
            Some(invariant) => say(format_args!("violated: {invariant}, after {} choices", length.unwrap_or_default())),
            None if verdict == "holds" => say(match self.own {
                Own::InFlight => "holds: in every run within these bounds",
                Own::AtOnce => {
                    "holds: in every run within these bounds in which a node hears its own messages at once; \
                     --own in-flight searches the others too"
                }
            }),
            None => say(format_args!(
                "not exhaustive: nothing failed in what was searched, which is not all: it was stopped or reached a \
                 limit; try --max-states, --max-memory, another --depth, or smaller bounds{}",
                if self.state_file.is_some() { "; the same command goes on from here" } else { "" }
            )),
        }
    }
}

fn counterexample<P: Scriptable>(
    protocol: &Protocol,
    world: &World<P>,
    invariant: Invariant,
    path: &[ChoiceOf<P>],
) -> anyhow::Result<String> {
    let Setting { quorums, disk, loopback } = *world.setting();
    let (name, mutant) = (protocol.name.to_owned(), protocol.mutant.map(|mutant| mutant.to_string()));
    let (options, expect) = (BTreeMap::new(), Some(invariant));
    let header = Header { protocol: name, quorums, disk, loopback, mutant, options, expect };
    let about = format!("A shortest run that violates {invariant}: {} choices.", path.len());
    search::script(&header, &about, world, path)
}

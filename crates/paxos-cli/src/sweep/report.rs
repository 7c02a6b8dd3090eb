//! What a sweep found, as a file and on the terminal.

use std::{collections::BTreeMap, fs, path::Path, process::Command};

use anyhow::Context as _;
use paxos_sim::timed::Counts;
use serde::{Deserialize, Serialize};

use crate::output::say;

/// What came of the seeds that were run.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Report {
    pub(super) protocol: String,
    pub(super) nodes: u8,
    pub(super) mutant: Option<String>,
    /// Seeds mean the same runs in the same version and commit only.
    pub(super) version: String,
    pub(super) commit: Option<String>,
    /// The seeds that were run: from the first to before the last, in order.
    pub(super) seeds: Vec<(u64, u64)>,
    /// Those that should have been.
    pub(super) wanted: (u64, u64),
    pub(super) choices: u64,
    pub(super) simulated_seconds: u64,
    pub(super) seconds: f64,
    /// How often what happened.
    pub(super) counts: BTreeMap<String, u64>,
    pub(super) broken: Option<Broken>,
}

/// A seed that showed something wrong.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Broken {
    pub(super) seed: u64,
    pub(super) violation: String,
    /// The file in which it is saved.
    pub(super) script: String,
}

impl Report {
    pub(super) fn read(file: &Path) -> anyhow::Result<Self> {
        let text = fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
        serde_json::from_str(&text).with_context(|| format!("{} is not what a sweep writes", file.display()))
    }

    pub(super) fn write(&self, file: &Path) -> anyhow::Result<()> {
        let text = serde_json::to_string_pretty(self)? + "\n";
        fs::write(file, text).with_context(|| format!("cannot write {}", file.display()))
    }

    /// How many seeds were run.
    pub(super) fn runs(&self) -> u64 {
        self.seeds.iter().map(|(first, end)| end - first).sum()
    }

    /// Whether all were that should have been.
    pub(super) fn is_complete(&self) -> bool {
        self.seeds == [self.wanted]
    }

    pub(super) fn print(&self, json: bool) -> anyhow::Result<()> {
        if json {
            say(serde_json::to_string(self)?);
            return Ok(());
        }
        let runs = self.runs();
        let ranges: Vec<String> = self.seeds.iter().map(|(first, end)| format!("{first}..{end}")).collect();
        say(format_args!(
            "{} of {} nodes, seeds {}: {runs} runs, {} choices, {} s simulated in {:.1} s ({:.0} seeds/s)",
            self.mutant.as_deref().unwrap_or(&self.protocol),
            self.nodes,
            ranges.join(", "),
            self.choices,
            self.simulated_seconds,
            self.seconds,
            runs as f64 / self.seconds.max(1e-9),
        ));
        let happened: Vec<String> = self.counts.iter().map(|(what, count)| format!("{count} {what}")).collect();
        say(format_args!("happened: {}", happened.join(", ")));
        match &self.broken {
            Some(Broken { seed, violation, script }) => {
                say(format_args!("violated: {violation}, by seed {seed}"));
                say(format_args!("replay it with: cargo paxos run {script}"));
            }
            None if self.is_complete() => say("held: every invariant, after every choice, and every cluster recovered"),
            None => {
                let (first, end) = self.wanted;
                say(format_args!("stopped: {runs} of {} seeds were run; nothing failed in those", end - first));
            }
        }
        Ok(())
    }
}

/// What happened how often, by name; what never did is there too, with a 0.
pub(super) fn named(counts: &Counts) -> BTreeMap<String, u64> {
    counts.iter().map(|(kind, count)| (kind.name().to_owned(), count)).collect()
}

/// Which commit this was run from, where that can be found out.
pub(super) fn commit() -> Option<String> {
    let output = Command::new("git").args(["rev-parse", "HEAD"]).output().ok().filter(|output| output.status.success());
    Some(String::from_utf8(output?.stdout).ok()?.trim().to_owned())
}

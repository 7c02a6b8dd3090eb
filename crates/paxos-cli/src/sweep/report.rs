//! What a sweep found, as a file and on the terminal.

use std::{collections::BTreeMap, fs, path::Path, process::Command};

use anyhow::Context as _;
use paxos_sim::Invariant;
use serde::{Deserialize, Serialize};

use super::total;
use crate::output::say;

/// What came of the seeds that were run.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Report {
    pub(super) protocol: String,
    pub(super) nodes: u8,
    pub(super) mutant: Option<String>,
    /// What alone may fail, and for how many milliseconds, if that was said.
    pub(super) faults: Option<String>,
    pub(super) failing_ms: Option<u64>,
    /// Seeds mean the same runs in the same version and commit only.
    pub(super) version: String,
    pub(super) commit: Option<String>,
    /// The fingerprint of the run of the first seed of all parts: two binaries that make the same run of it are, as far as that
    /// shows, of the same code.
    pub(super) first_run: String,
    /// The seeds that were run: from the first to before the last, in order.
    pub(super) seeds: Vec<(u64, u64)>,
    /// Those that should have been.
    pub(super) wanted: (u64, u64),
    /// Those of the sweep that this is a part of.
    pub(super) of: (u64, u64),
    pub(super) choices: u64,
    pub(super) simulated_ms: u64,
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
    /// The command that makes the run again, smaller.
    pub(super) again: String,
    /// The file in which it is saved as a script: one that fails, if an invariant does.
    pub(super) script: Option<String>,
    /// The file that has what clients saw, if that is what is wrong.
    pub(super) history: Option<String>,
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

    /// Whether some history was too hard to judge.
    pub(super) fn is_undecided(&self) -> bool {
        self.counts.get(total::UNDECIDED).is_some_and(|many| 0 < *many)
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
            self.simulated_ms / 1_000,
            self.seconds,
            runs as f64 / self.seconds.max(1e-9),
        ));
        let happened: Vec<String> = self.counts.iter().map(|(what, count)| format!("{count} {what}")).collect();
        say(format_args!("happened: {}", happened.join(", ")));
        match &self.broken {
            Some(broken) => {
                say(format_args!("violated: {}, by seed {}", broken.violation, broken.seed));
                say(format_args!("the same again: {}", broken.again));
                if let Some(history) = &broken.history {
                    say(format_args!("what its clients saw: cargo paxos judge {history}"));
                }
                match (&broken.script, broken.violation.parse::<Invariant>()) {
                    (Some(script), Ok(_)) => say(format_args!("replay it with: cargo paxos run {script}")),
                    // Without a clock, nothing is wrong with them.
                    (Some(script), Err(_)) => say(format_args!("its choices: cargo paxos run {script}")),
                    (None, _) => {}
                }
            }
            None if self.is_complete() && self.is_undecided() => {
                say("nothing failed; some histories were too hard to judge");
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

/// Which commit this was run from, where that can be found out, and whether something was changed since.
pub(super) fn commit() -> Option<String> {
    let describe = ["describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"];
    let output = Command::new("git").args(describe).output().ok().filter(|output| output.status.success());
    Some(String::from_utf8(output?.stdout).ok()?.trim().to_owned())
}

//! What the nodes record of their runs while they are tortured, and the judgement on it.
//!
//! Clients see a store from outside. A record is the inside: all inputs of every node, in all its lives. They are taken to
//! a simulated world, where each node must write and tell what the process has written and told, where every invariant is
//! looked at, and from where what the nodes said is judged by Lamport's specification.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, bail};
use paxos_judge::TraceVerdict;
use paxos_process::NodeSet;

use crate::trace::{JudgedNodes, TraceCommand};

/// The directory of the runs.
#[derive(Clone)]
pub(super) struct Traced {
    directory: PathBuf,
    nodes: NodeSet,
    /// So many bytes they may take together.
    most: u64,
}

impl Traced {
    /// These nodes record in `directory`, which is made if need be, and must be empty.
    ///
    /// # Errors
    ///
    /// When it cannot be made, or something is in it.
    pub(super) fn new(directory: &Path, nodes: NodeSet, most: u64) -> anyhow::Result<Self> {
        if fs::read_dir(directory).is_ok_and(|mut entries| entries.next().is_some()) {
            bail!("{} is not empty: give --trace a new directory", directory.display());
        }
        fs::create_dir_all(directory).with_context(|| format!("cannot create {}", directory.display()))?;
        Ok(Self { directory: directory.to_owned(), nodes, most })
    }

    fn runs(&self) -> Vec<PathBuf> {
        self.nodes.iter().map(|node| self.directory.join(format!("{node}.run"))).collect()
    }

    fn bytes(&self) -> u64 {
        self.runs().iter().filter_map(|run| fs::metadata(run).ok()).map(|run| run.len()).sum()
    }

    pub(super) fn is_full(&self) -> bool {
        self.most <= self.bytes()
    }

    /// Whether the runs are one that may be, and what is to be said of it.
    pub(super) fn judge(&self) -> Result<String, String> {
        let judged = TraceCommand::judge_nodes(self.runs(), &self.directory.join(TRACE));
        let JudgedNodes { choices, violated, said } = judged.map_err(|error| format!("{error:#}"))?;
        match said {
            _ if !violated.is_empty() => {
                let names: Vec<_> = violated.iter().map(ToString::to_string).collect();
                Err(format!("violated in the replay: {}", names.join(", ")))
            }
            TraceVerdict::Forbidden { line, what } => Err(format!("{TRACE}, line {line}: {what}")),
            TraceVerdict::Allowed { lines, .. } => {
                Ok(format!("{} MiB, {choices} choices, {lines} steps", self.bytes() >> 20))
            }
        }
    }
}

/// The name of what the nodes said, as paxos-trace/1.
const TRACE: &str = "trace.ndjson";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trace_is_full_when_all_runs_together_are_long_and_begins_in_an_empty_directory() {
        let place = tempfile::tempdir().unwrap();
        let directory = place.path().join("runs");
        let traced = Traced::new(&directory, NodeSet::first(3), 10).unwrap();
        for (node, full) in [(1, false), (2, false), (3, true)] {
            fs::write(directory.join(format!("n{node}.run")), "1234").unwrap();
            assert_eq!(traced.is_full(), full);
        }
        assert!(traced.judge().unwrap_err().contains("n1.run"));
        assert!(Traced::new(&directory, NodeSet::first(3), 10).is_err());
    }
}

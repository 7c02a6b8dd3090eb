//! `paxos demo`: clusters of real processes that lose nodes in front of your eyes, and what they remember.
//!
//! `log.rs` is the replicated store under load, whose leader is killed; `basic.rs` a single decision, message by message.
//! They share the screen, and the way a demonstration ends.

use std::{
    fmt, fs,
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::{Context, bail};
use tempfile::TempDir;

mod log;

mod basic;

mod screen;

/// Watch a replicated store lose its leader under load, and lose nothing else
///
/// Three processes with memories on disk; clients that write and read without pause; the leader killed with SIGKILL,
/// another one elected, the dead one started again and caught up; then everything stopped and started again. At the end
/// the program checks that every acknowledged write is there, that all nodes hold the same state, and that what the
/// clients saw is linearizable: what one store would have told them that does one thing after the other.
#[derive(clap::Args)]
#[command(after_help = EXAMPLES, subcommand_negates_reqs = true)]
pub(crate) struct Demo {
    #[command(subcommand)]
    protocol: Option<Protocol>,
    #[command(flatten)]
    log: log::Log,
}

#[derive(clap::Subcommand)]
enum Protocol {
    Basic(basic::Basic),
}

const EXAMPLES: &str = "Examples:
  cargo paxos demo
  cargo paxos demo --nodes 5 --kills 3
  printf 'put colour blue\\nappend log x\\ncas colour blue green\\n' > commands.txt
  cargo paxos demo commands.txt          these first, one a line; generated ones have other keys
  printf 'put a 1\\nput b 2\\n' | cargo paxos demo -
  cargo paxos demo --json | jq .fail_over_ms
  cargo paxos demo --data here           then: cargo paxos cluster --data here
  cargo paxos demo basic                 one decision, message by message

Exit code: 0 everything held, 1 something did not, 2 usage, 3 the history was too hard to judge, 4 it failed: it could not \
be shown, 130 interrupted.";

impl Demo {
    pub(crate) fn run(self) -> anyhow::Result<ExitCode> {
        let told = match self.protocol {
            Some(Protocol::Basic(basic)) => basic.run(),
            None => self.log.run(),
        };
        match told {
            Err(error) if error.is::<Interrupted>() => {
                eprintln!("{Interrupted}: all nodes have been stopped");
                Ok(ExitCode::from(130))
            }
            told => told,
        }
    }
}

/// Where the memories are: removed at the end, unless they are to be kept.
pub(super) enum Directory {
    Temporary(TempDir),
    Kept(PathBuf),
}

impl Directory {
    pub(super) fn new(wanted: Option<&Path>, keep: bool) -> anyhow::Result<Self> {
        if let Some(wanted) = wanted {
            let used = fs::read_dir(wanted).is_ok_and(|mut entries| entries.next().is_some());
            if used {
                bail!("{} is not empty: the demo starts with new memories; give it a new directory", wanted.display());
            }
            fs::create_dir_all(wanted).with_context(|| format!("cannot create {}", wanted.display()))?;
            return Ok(Self::Kept(wanted.to_owned()));
        }
        let directory = TempDir::with_prefix("paxos-demo-").context("cannot create a temporary directory")?;
        Ok(if keep { Self::Kept(directory.keep()) } else { Self::Temporary(directory) })
    }

    pub(super) fn path(&self) -> &Path {
        match self {
            Self::Temporary(directory) => directory.path(),
            Self::Kept(path) => path,
        }
    }

    pub(super) fn kept(&self) -> Option<&Path> {
        match self {
            Self::Temporary(_) => None,
            Self::Kept(path) => Some(path),
        }
    }
}

/// The user has pressed Ctrl-C.
#[derive(Debug)]
pub(crate) struct Interrupted;

impl fmt::Display for Interrupted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("interrupted")
    }
}

impl std::error::Error for Interrupted {}

/// A node cannot listen where it should.
#[derive(Debug)]
pub(super) struct PortTaken;

impl fmt::Display for PortTaken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a port was taken by another program")
    }
}

impl std::error::Error for PortTaken {}

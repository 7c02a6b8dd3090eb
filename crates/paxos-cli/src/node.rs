//! `paxos node`: one node of a replicated key-value store. Here the protocol, the store, the driver and the disk meet.
//!
//! In reading order: `settings.rs` is where its options come from; `words.rs` what its clients ask and hear; `watch.rs`
//! what it logs; `record.rs` what it writes down of its run; `metrics.rs` what it counts for others; `ending.rs` and `logging.rs` what it shares with `basic.rs`,
//! the node of a single decision.

use std::{
    fs::{self, File},
    hash::{BuildHasher, RandomState},
    io::{self, Write},
    path::Path,
    process::ExitCode,
};

use anyhow::Context;
use paxos_kv::{Batch, Service};
use paxos_messages::multi::{Record, Timer};
use paxos_multi::{Options, Replica};
use paxos_node::{Config, Faulty, Identity, MetricsServer, Store, StoreError, WalError};
use paxos_process::NodeId;
use paxos_quorums::Quorums;
use serde_json::json;
use tracing::{info, warn};

use crate::args;

mod settings;

pub(crate) mod words;

mod watch;

mod metrics;

mod record;

mod basic;
mod ending;
pub(crate) mod logging;

use logging::LogFormat;
use record::Recording;
use settings::{Flags, Settings};
use words::Answering;

/// Run one node of a replicated key-value store, or of another protocol
///
/// The nodes of a cluster agree on one log of commands under a leader, and apply it to a store that is the same on all
/// of them. The node remembers what it promised in its data directory. It runs until it is stopped by Ctrl-C or
/// SIGTERM. What it does is logged to stderr; RUST_LOG=debug shows every message, by phase, slot and ballot.
///
/// Each option is taken from the command line, or else from its environment variable, or else from the file that
/// --config names.
#[derive(clap::Args)]
#[command(after_help = EXAMPLES, subcommand_negates_reqs = true)]
pub(crate) struct Node {
    #[command(subcommand)]
    protocol: Option<Protocol>,
    #[command(flatten)]
    flags: Flags,
}

#[derive(clap::Subcommand)]
enum Protocol {
    Basic(basic::Basic),
}

const EXAMPLES: &str = "Examples:
  A new cluster of three on one machine. In each of three terminals:
    PEERS=1=127.0.0.1:7001,2=127.0.0.1:7002,3=127.0.0.1:7003
  and then one of these in each:
    cargo paxos node --new-cluster --id 1 --peers $PEERS --data n1
    cargo paxos node --new-cluster --id 2 --peers $PEERS --data n2
    cargo paxos node --new-cluster --id 3 --peers $PEERS --data n3
  In a fourth:
    cargo paxos kv put --to 127.0.0.1:7001,127.0.0.1:7002,127.0.0.1:7003 colour blue
  From a file, such as `cargo paxos cluster --data here` writes (of a node that is not running):
    cargo paxos node --config here/cluster.toml --id 2
  From the environment:
    PAXOS_ID=1 PAXOS_CONFIG=here/cluster.toml cargo paxos node --metrics 127.0.0.1:9001
  One decision, and no log:
    cargo paxos node basic --help

A file for --config, in TOML (paths are relative to it; without `data`, a node keeps its memory in n1, n2, … beside it):
  cluster = \"shop\"
  key = \"key\"
  heartbeat = \"50ms\"
  [peers]
  1 = \"10.0.0.1:7001\"
  2 = \"10.0.0.2:7001\"
  3 = \"10.0.0.3:7001\"

Exit code: 0 stopped when asked to, 2 usage, 4 it failed.";

/// The process of this node.
pub(crate) type Replicated = Service<Replica<Batch>>;

impl Node {
    pub(crate) fn run(self) -> anyhow::Result<ExitCode> {
        if let Some(Protocol::Basic(basic)) = self.protocol {
            return basic.run();
        }
        match self.flags.settle() {
            Ok(settings) => match logging::start(settings.log_format) {
                Ok(()) => settings.run(),
                Err(problem) => Ok(args::usage(problem)),
            },
            Err(problem) => Ok(args::usage(problem)),
        }
    }
}

impl Settings {
    fn run(self) -> anyhow::Result<ExitCode> {
        let identity = identity(self.id, &self.cluster, &self.quorums);
        let seed = RandomState::new().hash_one(self.id);
        remove_stale_mark(&self.data)?;
        let opened = Store::<Record<Batch>>::open(&self.data, identity.clone());
        let (store, recovered) = opened.map_err(|error| advised(error, &self.data))?;
        let store = store.long_past(self.checkpoint_past);
        let founding = is_founding(&self.data, self.new_cluster && recovered.is_empty())?;
        let (memory, records) = (store.path().to_owned(), recovered.len());
        // What it promised before, if there was a before, is in its records. If there are none, either there was no
        // before, which is only certain of a founding member, or it is lost.
        let replica = if recovered.is_empty() && !founding {
            info!(target: "paxos::node", node = %self.id, "no memory: it will not vote before all others have answered");
            Replica::without_memory(self.id, self.quorums, Options::default(), seed)
        } else {
            Replica::new(self.id, self.quorums, Options::default())
        };
        let service = Service::new(replica, paxos_kv::Options::default());
        let answering = Answering::default();
        let (listen, heartbeat, election) = (self.listen, self.heartbeat, self.election.clone());
        let config = Config {
            identity,
            listen,
            peers: self.peers.clone(),
            durations: Box::new(move |timer| match timer {
                Timer::Heartbeat => heartbeat..=heartbeat,
                Timer::Election => election.clone(),
            }),
            answers: answering.clone(),
            key: self.key.clone(),
            seed,
            delay: self.delay,
        };
        let watch = watch::Watch::new(self.id);
        let watch = match &self.record {
            Some(file) => Recording::to(file, ("kv", self.quorums), self.id, records, watch)?,
            None => Recording::off(self.id, watch),
        };
        let node = match self.disk_faults {
            None => paxos_node::Node::start(config, service, recovered, store, watch),
            Some(faults) => {
                warn!(target: "paxos::node", node = %self.id, ?faults, "the disk is going to fail, as was wanted");
                paxos_node::Node::start(config, service, recovered, Faulty::new(store, faults), watch)
            }
        };
        let node = node.with_context(|| format!("cannot listen on {listen}"))?;
        let handle = node.handle();
        answering.counts_of(handle.stats());
        let metrics = self.metrics.map(|address| metrics::serve(address, handle.clone())).transpose()?;
        ending::on_request(self.stop_with_stdin, move || handle.stop())?;
        info!(target: "paxos::node", node = %self.id, address = %node.address(), records, "ready");
        let ready = match self.log_format {
            LogFormat::Text => {
                format!("{} is ready at {}, with its memory in {}", self.id, node.address(), memory.display())
            }
            LogFormat::Json => {
                let metrics = metrics.as_ref().map(MetricsServer::address);
                let id = self.id.to_string();
                json!({ "ready": id, "address": node.address(), "records": records, "metrics": metrics }).to_string()
            }
        };
        let _ = writeln!(io::stdout(), "{ready}"); // nobody need listen
        let handle = node.handle();
        node.join()?;
        drop(metrics);
        info!(target: "paxos::node", node = %self.id, dropped = handle.dropped(), "stopped");
        Ok(ExitCode::SUCCESS)
    }
}

/// Who a node of the replicated store is: the same on its disk, and for its peers.
pub(crate) fn identity(node: NodeId, cluster: &str, quorums: &Quorums) -> Identity {
    identity_in(PROTOCOL, node, cluster, quorums)
}

/// Who a node of this protocol is.
fn identity_in(protocol: &str, node: NodeId, cluster: &str, quorums: &Quorums) -> Identity {
    let membership = format!("{} {quorums}", quorums.members());
    Identity { node, cluster: cluster.to_owned(), membership, protocol: protocol.to_owned() }
}

/// Says what can be done when a memory is damaged.
fn advised(error: StoreError, directory: &Path) -> anyhow::Error {
    match error {
        StoreError::Wal(WalError::Corrupt { .. } | WalError::Missing { .. }) => anyhow::anyhow!(
            "{error} Or move {} away as a whole: with an empty directory the node knows that its memory is lost, and votes \
             again when all others have told it what it may have promised.",
            directory.display()
        ),
        error => error.into(),
    }
}

/// Whether the memory in `directory` has been there since the cluster began, so that nothing is lost of it: a file there
/// says so, and is lost with it. Says it from now on if `begins`.
fn is_founding(directory: &Path, begins: bool) -> anyhow::Result<bool> {
    let mark = directory.join(FOUNDING);
    if begins {
        found(directory).with_context(|| format!("cannot write {}", mark.display()))?;
    }
    Ok(mark.exists())
}

/// Removes the mark of a founding member that has no log beside it: whoever removed that one, and not the mark, has lost the
/// memory all the same. Before a new log is made, so that no crash leaves both.
fn remove_stale_mark(directory: &Path) -> anyhow::Result<()> {
    let mark = directory.join(FOUNDING);
    if mark.exists() && !directory.join("wal").exists() {
        fs::remove_file(&mark)
            .and_then(|()| File::open(directory)?.sync_all())
            .with_context(|| format!("cannot remove {}", mark.display()))?;
    }
    Ok(())
}

/// Marks the memory in `directory`, which is about to begin, as that of a founding member.
///
/// # Errors
///
/// When it cannot be written.
pub(crate) fn found(directory: &Path) -> io::Result<()> {
    fs::create_dir_all(directory)?;
    File::create(directory.join(FOUNDING))?.sync_all()?;
    File::open(directory)?.sync_all()
}

/// What the records and messages of a node mean. It counts up when they change: those of `paxos-messages`, and the
/// batches of commands of `paxos-kv` in them.
const PROTOCOL: &str = "paxos-log/1";
/// The file that says that a memory began with the cluster.
const FOUNDING: &str = "founding-member";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decree::Decree;

    #[test]
    fn a_node_of_one_protocol_leaves_the_memory_of_another_alone() {
        let (directory, id) = (tempfile::tempdir().unwrap(), NodeId(1));
        let quorums = Quorums::majority(paxos_process::NodeSet::first(3)).unwrap();
        let of = |protocol| identity_in(protocol, id, "paxos", &quorums);
        drop(Store::<Record<Batch>>::open(&directory, of(PROTOCOL)).unwrap());
        let opened = Store::<paxos_messages::single::Record<Decree>>::open(&directory, of(basic::PROTOCOL));
        let error = opened.map(|_| ()).unwrap_err().to_string();
        for words in ["speaks \"paxos-log/1\", and this", "speaks \"basic-paxos/1\"", "directory of its own"] {
            assert!(error.contains(words), "{words:?} in {error}");
        }
    }
}

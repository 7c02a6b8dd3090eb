//! `paxos node basic`: one node of Basic Paxos, by hand. Here the protocol, the driver and the disk meet.

use std::{
    collections::BTreeMap,
    hash::{BuildHasher, RandomState},
    io::{self, Write},
    net::SocketAddr,
    ops::RangeInclusive,
    path::PathBuf,
    process::ExitCode,
    time::Duration,
};

use anyhow::Context;
use paxos_basic::Replica;
use paxos_messages::single::{Output, Request, Timer};
use paxos_node::{Config, Matching, Store};
use paxos_process::{NodeId, NodeSet};
use paxos_quorums::Quorums;
use tracing::info;

use super::{LogFormat, ending, logging};
use crate::{
    args::{self, Peer, QuorumRule},
    decree::Decree,
};

mod log;

/// Run one node of a Basic Paxos cluster
///
/// The node decides one value together with the other nodes of its cluster, and remembers what it promised in its
/// data directory. It runs until it is stopped by Ctrl-C or SIGTERM. What it says is logged to stderr, by phase.
/// RUST_LOG chooses more or less of it, such as RUST_LOG=debug or RUST_LOG=warn.
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Basic {
    /// This node's number, one of those in --peers
    #[arg(long, value_parser = args::node_id)]
    id: NodeId,
    /// All nodes of the cluster, this one among them: ID=HOST:PORT,ID=HOST:PORT,...
    #[arg(long, required = true, value_delimiter = ',', value_name = "ID=ADDR")]
    peers: Vec<Peer>,
    /// Where this node keeps its memory; created if need be. Each node has its own, for ever, and the same members
    /// and quorums; addresses may change
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
    /// Listen here instead of at this node's address in --peers
    #[arg(long, value_name = "ADDR", value_parser = args::address)]
    listen: Option<SocketAddr>,
    /// Which nodes are enough: majority, flexible:P1,P2 (so many per phase) or grid:COLUMNS. The same on every node
    #[arg(long, default_value = "majority", value_name = "RULE")]
    quorums: QuorumRule,
    /// How long to wait for a decision before trying again, at random in this range of milliseconds
    #[arg(long, default_value = "150..300", value_name = "MIN..MAX", value_parser = args::milliseconds)]
    retry: RangeInclusive<Duration>,
    /// The name of the cluster; nodes and clients of another one are turned away
    #[arg(long, default_value = "paxos", value_name = "NAME")]
    cluster: String,
    /// How to write the log and the line that says that the node is ready
    #[arg(long, value_enum, default_value_t = LogFormat::Text, value_name = "FORMAT")]
    log_format: LogFormat,
    /// The same as --log-format json
    #[arg(long, conflicts_with = "log_format")]
    json: bool,
    /// Hold every message to a peer so long: a slow network on one machine
    #[arg(long, default_value = "0ms", value_name = "TIME", value_parser = args::duration)]
    delay: Duration,
    /// Stop when stdin is closed, so that the node never outlives the program that started it
    #[arg(long)]
    stop_with_stdin: bool,
    /// Of the replicated store's nodes only
    #[arg(long, env = "PAXOS_RECORD", value_name = "FILE", visible_alias = "trace", hide = true)]
    record: Option<PathBuf>,
}

const EXAMPLES: &str = "Examples:
  A cluster of three on one machine. In each of three terminals:
    PEERS=1=127.0.0.1:7001,2=127.0.0.1:7002,3=127.0.0.1:7003
  and then one of these in each:
    cargo paxos node basic --id 1 --peers $PEERS --data basic1
    cargo paxos node basic --id 2 --peers $PEERS --data basic2
    cargo paxos node basic --id 3 --peers $PEERS --data basic3
  In a fourth:
    cargo paxos propose --to 127.0.0.1:7001 blue
    cargo paxos learn --from 127.0.0.1:7003

Exit code: 0 stopped when asked to, 2 usage, 4 it failed.";

impl Basic {
    pub(crate) fn run(self) -> anyhow::Result<ExitCode> {
        if self.record.is_some() {
            return Ok(args::usage(NO_RECORD));
        }
        let (quorums, listen, peers) = match self.cluster() {
            Ok(cluster) => cluster,
            Err(problem) => return Ok(args::usage(problem)),
        };
        let format = if self.json { LogFormat::Json } else { self.log_format };
        if let Err(problem) = logging::start(format) {
            return Ok(args::usage(problem));
        }
        let identity = super::identity_in(PROTOCOL, self.id, &self.cluster, &quorums);
        let (store, recovered) = Store::open(&self.data, identity.clone())?;
        let (memory, records) = (store.path().to_owned(), recovered.len());
        let retry = self.retry.clone();
        let config = Config {
            identity,
            listen,
            peers,
            durations: Box::new(move |Timer::Retry| retry.clone()),
            answers: Matching::new(answers),
            key: None,
            seed: RandomState::new().hash_one(self.id),
            delay: self.delay,
        };
        let replica = Replica::<Decree>::new(self.id, quorums);
        let node = paxos_node::Node::start(config, replica, recovered, store, log::Log::new(self.id, format))
            .with_context(|| format!("cannot listen on {listen}"))?;

        let handle = node.handle();
        ending::on_request(self.stop_with_stdin, move || handle.stop())?;
        info!(target: "paxos::node", node = %self.id, address = %node.address(), records, "ready");
        let ready = match format {
            LogFormat::Text => {
                format!("{} is ready at {}, with its memory in {}", self.id, node.address(), memory.display())
            }
            LogFormat::Json => {
                serde_json::json!({ "ready": self.id.to_string(), "address": node.address() }).to_string()
            }
        };
        let _ = writeln!(io::stdout(), "{ready}"); // nobody need listen

        let handle = node.handle();
        node.join()?;
        info!(target: "paxos::node", node = %self.id, dropped = handle.dropped(), "stopped");
        Ok(ExitCode::SUCCESS)
    }

    /// The quorums, this node's address and the others', if they make a cluster.
    fn cluster(&self) -> Result<(Quorums, SocketAddr, BTreeMap<NodeId, SocketAddr>), String> {
        let mut peers = BTreeMap::new();
        for peer in &self.peers {
            if peers.insert(peer.id, peer.address).is_some() {
                return Err(format!("--peers names {} twice", peer.id));
            }
        }
        let members: NodeSet = peers.keys().copied().collect();
        let quorums = self.quorums.of(members).map_err(|error| error.to_string())?;
        let own = peers.remove(&self.id);
        let own = own.ok_or_else(|| format!("--peers must name this node too: {}=HOST:PORT", self.id.0))?;
        Ok((quorums, self.listen.unwrap_or(own), peers))
    }
}

/// A proposal waits for the decision; a question also takes "nothing" for an answer.
fn answers(request: &Request<Decree>, output: &Output<Decree>) -> bool {
    match (request, output) {
        (Request::Propose(_) | Request::Learn, Output::Learned(_)) => true,
        (Request::Learn, Output::NothingChosen { .. }) => true,
        (Request::Propose(_), Output::NothingChosen { .. }) => false,
    }
}

/// A value may be a text of many lines, and a record has a line for it, of which a replay reads all.
const NO_RECORD: &str = "a node of Basic Paxos does not record its run (--record, PAXOS_RECORD): its values are longer than the \
                         line that a record has for them. `paxos sim basic --record FILE` records a run of the same protocol, \
                         and `paxos node --record FILE` that of a node of the replicated store.";
/// What the records and messages of this node mean. It counts up when they change.
pub(super) const PROTOCOL: &str = "basic-paxos/1";

//! `paxos kv status` and `paxos kv transfer`: how the nodes are, and who leads.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::SocketAddr,
    process::ExitCode,
    thread,
    time::{Duration, Instant},
};

use paxos_kv::client::Config;
use paxos_node::ClientError;
use paxos_process::NodeId;
use serde_json::{Value, json};

use super::{Target, target::Named};
use crate::{
    args,
    node::words::{Asked, Inspection, Replied},
    output::say,
};

/// Show how each node is: who leads, how far the log is, what waits, how the disk does
#[derive(clap::Args)]
#[command(after_help = "Examples:
  cargo paxos kv status --cluster here
  cargo paxos kv status --cluster here --json | jq '.nodes[].applied'

Columns: the slots are the first that is not chosen, and not applied; queue is commands that wait + batches under way + \
reads that wait; sync is how long one takes on average, and the longest; equal digests at equal slots are equal states. \
A star marks the leader; a question mark is an address of --to at which nobody has said which node it is.

Exit code: 0 a leader serves, 1 none does, 2 usage, 4 it failed: nothing is known of the cluster.")]
pub(super) struct StatusCommand {
    #[command(flatten)]
    target: Target,
}

/// Hand leadership over to another node
#[derive(clap::Args)]
#[command(after_help = "Examples:
  cargo paxos kv transfer --cluster here 2

A node that does not answer, or is far behind the leader, is not made the leader.

Exit code: 0 it leads, 2 usage, 4 it failed: another one leads, or none.")]
pub(super) struct Transfer {
    /// The number of the node that is to lead
    #[arg(value_parser = args::node_id)]
    node: NodeId,
    #[command(flatten)]
    target: Target,
}

/// How each node of a cluster is, or why it does not say.
pub(crate) type Inspected = BTreeMap<NodeId, Result<Inspection, ClientError>>;

/// Asks every node, each for at most a second, all at the same time.
pub(crate) fn inspect(config: &Config, deadline: Instant) -> Inspected {
    let deadline = deadline.min(Instant::now() + PATIENCE);
    thread::scope(|scope| {
        let asked: Vec<_> = config
            .nodes
            .iter()
            .map(|(&node, &address)| (node, scope.spawn(move || inspect_one(config, address, deadline))))
            .collect();
        asked.into_iter().map(|(node, asked)| (node, asked.join().expect("asking does not panic"))).collect()
    })
}

fn inspect_one(config: &Config, address: SocketAddr, deadline: Instant) -> Result<Inspection, ClientError> {
    match Target::ask_node(config, address, &Asked::Inspect, deadline)? {
        Replied::Inspected(inspection) => Ok(*inspection),
        _ => Err(ClientError::Misunderstood("it is no inspection".into())),
    }
}

/// The node that says that it leads; of two, the one in the higher ballot.
pub(crate) fn leader(inspected: &Inspected) -> Option<NodeId> {
    let leads = inspected.iter().filter_map(|(node, found)| {
        let status = found.as_ref().ok()?.status;
        status.leads.then_some((status.ballot, *node))
    });
    leads.max().map(|(_, node)| node)
}

/// The state that all nodes hold, and the slot before which it is, if it is the same.
pub(crate) fn same_state(inspected: &Inspected) -> Option<(u64, u64)> {
    let mut states = BTreeSet::new();
    for found in inspected.values() {
        let status = found.as_ref().ok()?.status;
        states.insert((status.digest, status.applied.0));
    }
    if states.len() == 1 { states.pop_first() } else { None }
}

impl StatusCommand {
    pub(super) fn run(self) -> ExitCode {
        let named = match self.target.find() {
            Ok(named) => named,
            Err(code) => return code,
        };
        let config = &named.config;
        let inspected = inspect(config, self.target.deadline());
        let leader = leader(&inspected);
        if self.target.json() {
            let silent = |(address, why)| json!({ "node": null, "address": address, "error": why });
            let known = inspected.iter().map(|(node, found)| to_json(*node, config, found));
            let nodes: Vec<_> = known.chain(named.silent.iter().map(silent)).collect();
            say(
                json!({ "cluster": config.cluster, "leader": leader.map(|leader| leader.to_string()), "nodes": nodes }),
            );
        } else {
            show(&named, &inspected, leader);
        }
        if leader.is_some() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
    }
}

fn show(Named { config, silent, .. }: &Named, inspected: &Inspected, leader: Option<NodeId>) {
    say(format_args!(
        "{:<5}{:<22}{:<8}{:>9}{:>9}{:>8}{:>12}{:>17}{:>10}  {:<16}",
        "node", "address", "ballot", "chosen", "applied", "keys", "queue", "sync", "log", "digest"
    ));
    for (node, found) in inspected {
        let address = config.nodes[node].to_string();
        let name = if leader == Some(*node) { format!("{node}*") } else { node.to_string() };
        match found {
            Err(error) => say(format_args!("{name:<5}{address:<22}{error}")),
            Ok(inspection) => {
                let status = &inspection.status;
                let ballot = status.ballot.map_or("-".into(), |ballot| ballot.to_string());
                let queue = format!("{}+{}+{}", status.queued, status.under_way, status.reads);
                let sync = format!("{} / {}", short(mean_sync(inspection)), short(inspection.longest_sync));
                say(format_args!(
                    "{name:<5}{address:<22}{ballot:<8}{:>9}{:>9}{:>8}{queue:>12}{sync:>17}{:>9}K  {:016x}",
                    status.chosen.0,
                    status.applied.0,
                    status.keys,
                    inspection.log_bytes >> 10,
                    status.digest
                ));
            }
        }
    }
    for (address, why) in silent {
        say(format_args!("{:<5}{:<22}{why}", "?", address.to_string()));
    }
    match leader {
        Some(leader) => say(format_args!("{leader} leads.")),
        None => say(
            "None of these nodes leads. If they are not all of them, name the others, too. Are more than half of them running? A new leader takes a moment.",
        ),
    }
}

fn mean_sync(inspection: &Inspection) -> Duration {
    inspection.sync_time.div_f64((inspection.syncs as f64).max(1.0))
}

/// A length of time in few characters.
fn short(time: Duration) -> String {
    let milliseconds = time.as_secs_f64() * 1e3;
    if milliseconds < 10.0 { format!("{milliseconds:.1}ms") } else { format!("{milliseconds:.0}ms") }
}

fn to_json(node: NodeId, config: &Config, found: &Result<Inspection, ClientError>) -> Value {
    let (name, address) = (node.to_string(), config.nodes[&node]);
    let inspection = match found {
        Ok(inspection) => inspection,
        Err(error) => return json!({ "node": name, "address": address, "error": error.to_string() }),
    };
    let status = &inspection.status;
    let peers = inspection.peers.iter().map(|peer| {
        json!({
            "node": peer.node.to_string(), "connected": peer.connected, "queued_bytes": peer.queued_bytes,
            "sent": peer.sent, "bytes_sent": peer.bytes_sent, "received": peer.received,
            "bytes_received": peer.bytes_received,
        })
    });
    json!({
        "node": name, "address": address, "leads": status.leads,
        "leader": status.leader.map(|leader| leader.to_string()),
        "ballot": status.ballot.map(|ballot| ballot.to_string()),
        "chosen": status.chosen.0, "applied": status.applied.0, "digest": format!("{:016x}", status.digest),
        "keys": status.keys, "bytes": status.bytes, "sessions": status.sessions,
        "queued": status.queued, "under_way": status.under_way, "reads": status.reads,
        "records": inspection.records, "bytes_appended": inspection.bytes_appended, "log_bytes": inspection.log_bytes,
        "syncs": inspection.syncs, "mean_sync_ms": mean_sync(inspection).as_secs_f64() * 1e3,
        "longest_sync_ms": inspection.longest_sync.as_secs_f64() * 1e3, "checkpoints": inspection.checkpoints,
        "checkpoint_seconds": inspection.checkpoint_time.as_secs_f64(), "dropped": inspection.dropped,
        "clients": inspection.clients, "strangers_refused": inspection.strangers_refused,
        "peers": peers.collect::<Vec<_>>(),
    })
}

impl Transfer {
    pub(super) fn run(self) -> ExitCode {
        let named = match self.target.find() {
            Ok(named) => named,
            Err(code) => return code,
        };
        let (config, deadline) = (&named.config, self.target.deadline());
        if !config.nodes.contains_key(&self.node) {
            return self.no_such_node(&named);
        }
        // Whoever leads may have changed when it is asked, and a campaign may fail: so it is asked until it has worked.
        let (mut asked, mut inspected) = (None, Inspected::new());
        while Instant::now() < deadline {
            inspected = inspect(config, deadline);
            let found = leader(&inspected);
            if found == Some(self.node) {
                let from = asked.map(|from: NodeId| from.to_string());
                if self.target.json() {
                    say(json!({ "leader": self.node.to_string(), "from": from }));
                } else {
                    say(format_args!("{} leads", self.node));
                }
                return ExitCode::SUCCESS;
            }
            if let (Some(from), Ok(_)) = (found, &inspected[&self.node]) {
                asked = Some(from);
                let soon = Instant::now() + BETWEEN_LOOKS;
                // There is no answer, so there is only the time that it is given to arrive.
                let _ = Target::ask_node(config, config.nodes[&from], &Asked::Transfer(self.node), soon);
            } else {
                thread::sleep(BETWEEN_LOOKS);
            }
        }
        self.target.failed(format_args!("{} does not lead: {}", self.node, self.obstacle(config, &inspected)), false)
    }

    fn no_such_node(&self, named: &Named) -> ExitCode {
        let node = self.node;
        if !named.by_address {
            return args::usage(format_args!("{node} is no node of the cluster"));
        }
        let nobody = format!("no node at --to says that it is {node}");
        if named.silent.is_empty() {
            return args::usage(nobody);
        }
        let silent: Vec<_> = named.silent.iter().map(|(address, why)| format!("{address}: {why}")).collect();
        self.target.failed(format_args!("{nobody}; {}", silent.join("; ")), false)
    }

    /// Why it does not lead, as far as one can see.
    fn obstacle(&self, config: &Config, inspected: &Inspected) -> String {
        let leader = leader(inspected).and_then(|leader| Some((leader, inspected[&leader].as_ref().ok()?)));
        match (inspected.get(&self.node), leader) {
            (None, _) => "there was no time to ask".into(),
            (Some(Err(error)), _) => format!("at {} {error}", config.nodes[&self.node]),
            (Some(Ok(_)), None) => "nobody leads; are more than half of the nodes running?".into(),
            (Some(Ok(own)), Some((leader, its))) => {
                let [own, its] = [own, its].map(|inspection| inspection.status.applied.0);
                format!("{leader} does; it has applied {its} slots, and {} {own}", self.node)
            }
        }
    }
}

/// For one node to say how it is.
const PATIENCE: Duration = Duration::from_secs(1);
/// Before looking again who leads.
const BETWEEN_LOOKS: Duration = Duration::from_millis(200);

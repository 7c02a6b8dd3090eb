//! Where the options of a node come from: the command line, the environment, a file, in this order.

use std::{
    collections::BTreeMap,
    fs,
    net::SocketAddr,
    ops::RangeInclusive,
    path::{Path, PathBuf},
    time::Duration,
};

use paxos_node::{DiskFaults, Key};
use paxos_process::{NodeId, NodeSet};
use paxos_quorums::Quorums;
use serde::Deserialize;

use super::LogFormat;
use crate::args::{self, Peer, QuorumRule};

/// The options as they may be given. What is not given here is looked up in the file.
#[derive(clap::Args)]
pub(super) struct Flags {
    /// A file of options, in TOML
    #[arg(long, env = "PAXOS_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
    /// This node's number, one of those in --peers
    #[arg(long, env = "PAXOS_ID", value_parser = args::node_id)]
    id: Option<NodeId>,
    /// All nodes of the cluster, this one among them: ID=HOST:PORT,ID=HOST:PORT,...
    #[arg(long, env = "PAXOS_PEERS", value_delimiter = ',', value_name = "ID=ADDR")]
    peers: Vec<Peer>,
    /// Where this node keeps its memory; created if need be. Each node has its own, for ever. A node whose directory is
    /// empty has lost its memory, and votes again when all others have told it what it may have said
    #[arg(long, env = "PAXOS_DATA", value_name = "DIR")]
    data: Option<PathBuf>,
    /// The cluster begins now, and this node with it: its empty directory is no loss. Only for the very first start
    #[arg(long)]
    new_cluster: bool,
    /// Listen here instead of at this node's address in --peers
    #[arg(long, env = "PAXOS_LISTEN", value_name = "ADDR", value_parser = args::address)]
    listen: Option<SocketAddr>,
    /// Which nodes are enough: majority, flexible:P1,P2 (so many per phase) or grid:COLUMNS. The same on every node
    /// [default: majority]
    #[arg(long, env = "PAXOS_QUORUMS", value_name = "RULE")]
    quorums: Option<QuorumRule>,
    /// The name of the cluster; nodes and clients of another one are turned away [default: paxos]
    #[arg(long, env = "PAXOS_CLUSTER", value_name = "NAME")]
    cluster: Option<String>,
    /// A file with the key of the cluster, 64 hexadecimal digits: who does not hold it is turned away
    #[arg(long, env = "PAXOS_KEY", value_name = "FILE")]
    key: Option<PathBuf>,
    /// Serve counters there, as Prometheus text over HTTP
    #[arg(long, env = "PAXOS_METRICS", value_name = "ADDR", value_parser = args::address)]
    metrics: Option<SocketAddr>,
    /// Write all that happens to this node to the end of this file, as paxos-run/1, for `paxos trace`. From its very first
    /// start on; and it grows without end
    #[arg(long, env = "PAXOS_RECORD", value_name = "FILE", visible_alias = "trace")]
    record: Option<PathBuf>,
    /// How often a leader says that it is there [default: 40ms]
    #[arg(long, env = "PAXOS_HEARTBEAT", value_name = "TIME", value_parser = args::duration)]
    heartbeat: Option<Duration>,
    /// How long to wait for a leader before trying to lead, at random in this range of milliseconds. Several times the
    /// heartbeat [default: 200..400]
    #[arg(long, env = "PAXOS_ELECTION", value_name = "MIN..MAX", value_parser = args::milliseconds)]
    election: Option<RangeInclusive<Duration>>,
    /// How to write the log and the line that says that the node is ready [default: text]
    #[arg(long, env = "PAXOS_LOG_FORMAT", value_enum, value_name = "FORMAT")]
    log_format: Option<LogFormat>,
    /// The same as --log-format json
    #[arg(long, conflicts_with = "log_format")]
    json: bool,
    /// Hold every message to a peer so long: a slow network on one machine
    #[arg(long, default_value = "0ms", value_name = "TIME", value_parser = args::duration)]
    delay: Duration,
    /// Past so many MiB the log on disk is cut to what must be remembered; the node stands still for that
    #[arg(long, default_value_t = 64, value_name = "MIB", value_parser = clap::value_parser!(u64).range(1..=1 << 20))]
    checkpoint_past: u64,
    /// Let the disk fail, to see what comes of it: fsync:P,full:P,short:P,slow:P,lie:P,seed:N with probabilities per sync. A
    /// sync fails, the disk is full, it becomes full in the middle of a write, a sync takes up to half a second; and a sync
    /// that lies, which is safe on no disk, says that it is done and is not
    #[arg(long, value_name = "FAULTS")]
    disk_faults: Option<DiskFaults>,
    /// Stop when stdin is closed, so that the node never outlives the program that started it
    #[arg(long)]
    stop_with_stdin: bool,
}

/// The options of a file. Everything that is a word of its own on the command line is the same word here.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Written {
    id: Option<u8>,
    #[serde(default)]
    peers: BTreeMap<String, String>,
    data: Option<PathBuf>,
    listen: Option<String>,
    quorums: Option<String>,
    cluster: Option<String>,
    key: Option<PathBuf>,
    metrics: Option<String>,
    heartbeat: Option<String>,
    election: Option<String>,
    log_format: Option<LogFormat>,
}

/// What a node starts with.
pub(super) struct Settings {
    pub(super) id: NodeId,
    pub(super) listen: SocketAddr,
    /// The others.
    pub(super) peers: BTreeMap<NodeId, SocketAddr>,
    pub(super) quorums: Quorums,
    pub(super) data: PathBuf,
    pub(super) new_cluster: bool,
    pub(super) cluster: String,
    pub(super) key: Option<Key>,
    pub(super) metrics: Option<SocketAddr>,
    pub(super) record: Option<PathBuf>,
    pub(super) heartbeat: Duration,
    pub(super) election: RangeInclusive<Duration>,
    pub(super) log_format: LogFormat,
    pub(super) delay: Duration,
    /// In bytes.
    pub(super) checkpoint_past: u64,
    pub(super) disk_faults: Option<DiskFaults>,
    pub(super) stop_with_stdin: bool,
}

impl Flags {
    /// Looks up in the file what is not given, and checks that it makes a node. The error is the user's.
    pub(super) fn settle(self) -> Result<Settings, String> {
        let written = self.config.as_deref().map(read).transpose()?.unwrap_or_default();
        let beside = self.config.as_deref().and_then(Path::parent).unwrap_or(Path::new("")).to_owned();
        let id = match (self.id, written.id) {
            (Some(id), _) => id,
            (None, Some(id)) => NodeId::try_from(id).map_err(|error| in_file("id", error.to_string()))?,
            (None, None) => return Err("which node is this? Give --id, PAXOS_ID, or `id` in the file".into()),
        };
        let mut peers = members(&self.peers, &written.peers)?;
        let rule = or_written(self.quorums, "quorums", written.quorums.as_deref(), str::parse)?;
        let members = peers.keys().copied().collect::<NodeSet>();
        let quorums = rule.unwrap_or(QuorumRule::Majority).of(members).map_err(|error| error.to_string())?;
        let own = peers.remove(&id).ok_or_else(|| format!("--peers must name this node too: {}=HOST:PORT", id.0))?;
        let default_data = self.config.is_some().then(|| PathBuf::from(id.to_string()));
        let data = self.data.or_else(|| written.data.or(default_data).map(|data| beside.join(data)));
        let data = data.ok_or("where is this node's memory? Give --data, PAXOS_DATA, or `data` in the file")?;
        let key = self.key.or_else(|| written.key.map(|key| beside.join(key)));
        let heartbeat = or_written(self.heartbeat, "heartbeat", written.heartbeat.as_deref(), args::duration)?;
        let election = or_written(self.election, "election", written.election.as_deref(), args::milliseconds)?;
        let (heartbeat, election) = (heartbeat.unwrap_or(HEARTBEAT), election.unwrap_or(ELECTION));
        if heartbeat.is_zero() || *election.start() < 2 * heartbeat {
            return Err(format!(
                "--election {:?}..{:?} leaves no time for a --heartbeat of {heartbeat:?}: wait for several of them",
                election.start(),
                election.end()
            ));
        }
        let json = self.json.then_some(LogFormat::Json);
        Ok(Settings {
            id,
            listen: or_written(self.listen, "listen", written.listen.as_deref(), args::address)?.unwrap_or(own),
            peers,
            quorums,
            data,
            new_cluster: self.new_cluster,
            cluster: self.cluster.or(written.cluster).unwrap_or_else(|| "paxos".into()),
            key: key.map(Key::read).transpose().map_err(|error| error.to_string())?,
            metrics: or_written(self.metrics, "metrics", written.metrics.as_deref(), args::address)?,
            record: self.record,
            heartbeat,
            election,
            log_format: json.or(self.log_format).or(written.log_format).unwrap_or(LogFormat::Text),
            delay: self.delay,
            checkpoint_past: self.checkpoint_past << 20,
            disk_faults: self.disk_faults,
            stop_with_stdin: self.stop_with_stdin,
        })
    }
}

/// What is given, or else what the file says.
fn or_written<T>(
    given: Option<T>,
    name: &str,
    written: Option<&str>,
    read: impl Fn(&str) -> Result<T, String>,
) -> Result<Option<T>, String> {
    match (given, written) {
        (None, Some(text)) => read(text).map(Some).map_err(|error| in_file(name, error)),
        (given, _) => Ok(given),
    }
}

fn in_file(name: &str, error: String) -> String {
    format!("the configuration file says for `{name}`: {error}")
}

/// All members: those given, or else those of the file.
fn members(given: &[Peer], written: &BTreeMap<String, String>) -> Result<BTreeMap<NodeId, SocketAddr>, String> {
    let in_table = || written.iter().map(|(id, address)| format!("{id}={address}").parse::<Peer>());
    let all: Result<Vec<Peer>, String> = if given.is_empty() { in_table().collect() } else { Ok(given.to_vec()) };
    let mut members = BTreeMap::new();
    for peer in all.map_err(|error| in_file("peers", error))? {
        if members.insert(peer.id, peer.address).is_some() {
            return Err(format!("--peers names {} twice", peer.id));
        }
    }
    if members.is_empty() {
        return Err("who is in the cluster? Give --peers, PAXOS_PEERS, or a table [peers] in the file".into());
    }
    Ok(members)
}

fn read(file: &Path) -> Result<Written, String> {
    let text = fs::read_to_string(file).map_err(|error| format!("cannot read {}: {error}", file.display()))?;
    toml::from_str(&text).map_err(|error| format!("{} is no configuration: {error}", file.display()))
}

/// How often a leader is heard.
const HEARTBEAT: Duration = Duration::from_millis(40);
/// How long no leader is heard before others try: several heartbeats, and a sync that takes its time.
const ELECTION: RangeInclusive<Duration> = Duration::from_millis(200)..=Duration::from_millis(400);

//! `paxos cluster`: a cluster of processes on this machine, kept running.
//!
//! `place.rs` is the directory it lives in, `supervisor.rs` its processes; here is who is started again, and when.

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    path::PathBuf,
    process::{ExitCode, ExitStatus},
    time::{Duration, Instant},
};

use anyhow::{Context as _, bail};
use paxos_process::NodeId;
use serde_json::{Value, json};

use crate::{args, output::say};

pub(crate) mod place;
pub(crate) mod supervisor;

use place::Place;
use supervisor::{Ears, News, Supervisor, is_port_taken};

/// Run a cluster of real processes on this machine, and keep it running
///
/// Each node is a process of its own, `paxos node`, with its memory in the directory. The directory also remembers who
/// the members are, where they listen and the cluster's key, so that the same cluster can be started again. A node that
/// dies is started again, also when it was killed with SIGKILL. A node that is stopped on purpose, with SIGTERM, stays
/// down. Ctrl-C stops everything and loses nothing.
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Cluster {
    /// How many nodes a new cluster has [default: 3]
    #[arg(long, value_parser = clap::value_parser!(u8).range(1..=i64::from(place::MOST)))]
    nodes: Option<u8>,
    /// Where the cluster lives: a new or empty directory for a new one
    #[arg(long, default_value = "paxos-cluster", value_name = "DIR")]
    data: PathBuf,
    /// The port of the first node of a new cluster, and the next ones for the others; free ones if left out
    #[arg(long, value_name = "PORT", value_parser = clap::value_parser!(u16).range(1..))]
    port: Option<u16>,
    /// Every node serves counters, as Prometheus text over HTTP, at a free port
    #[arg(long)]
    metrics: bool,
    /// Every node writes all that happens to it to a file in this directory, n1.run, n2.run, …, as paxos-run/1, for
    /// `paxos trace`: from the first start of a new cluster on
    #[arg(long, value_name = "DIR", visible_alias = "trace")]
    record: Option<PathBuf>,
    /// Print one JSON object for everything that happens
    #[arg(long)]
    json: bool,
    /// Stop when stdin is closed, so that the cluster never outlives the program that started it
    #[arg(long)]
    stop_with_stdin: bool,
}

const EXAMPLES: &str = "Examples:
  cargo paxos cluster                                   three nodes in ./paxos-cluster
  cargo paxos cluster --nodes 5 --data /tmp/five --port 7001
  cargo paxos cluster --data /tmp/five                  the same five again, where they were
  cargo paxos kv put --cluster /tmp/five colour blue    from another terminal
  kill -9 PID                                           a PID that it has said: it is started again
  kill PID                                              it stays down, until you start it:
  cargo paxos node --config /tmp/five/cluster.toml --id 2
  cargo paxos cluster --data here --record here-runs    all that happens is written down; at the end:
  cargo paxos trace here-runs/*.run --to script -o here.script

Exit code: 0 stopped when asked to, 2 usage, 4 it failed.";

impl Cluster {
    pub(crate) fn run(self) -> anyhow::Result<ExitCode> {
        let ears = Ears::open()?;
        if self.stop_with_stdin {
            ears.hear_the_end_of_stdin();
        }
        place::check(&self.data)?; // before anything is written there
        let _lock = place::lock(&self.data)?;
        let is_new = !place::is_place(&self.data);
        let place = if is_new {
            Place::found(&self.data, self.nodes.unwrap_or(3), self.port)?
        } else {
            place::finish(&self.data)?;
            Place::open(&self.data)?
        };
        let size = place.members.len();
        if self.nodes.is_some_and(|nodes| usize::from(nodes) != size) {
            return Ok(args::usage(format!(
                "the cluster in {} has {size} nodes, and members never change: leave out --nodes, or give another --data",
                self.data.display()
            )));
        }
        if !is_new && self.port.is_some() {
            return Ok(args::usage(format!(
                "the cluster in {} knows its ports: leave out --port, or change the addresses in cluster.toml",
                self.data.display()
            )));
        }
        let metrics = if self.metrics { vec!["--metrics".to_owned(), "127.0.0.1:0".to_owned()] } else { Vec::new() };
        if let Some(directory) = &self.record {
            std::fs::create_dir_all(directory).with_context(|| format!("cannot create {}", directory.display()))?;
        }
        let mut running = Running {
            supervisor: Supervisor::new(place, metrics, ears)?.recording(self.record),
            json: self.json,
            down: BTreeMap::new(),
        };
        running.introduce(is_new);
        running.keep()?;
        Ok(ExitCode::SUCCESS)
    }
}

/// A cluster that is kept running.
struct Running {
    supervisor: Supervisor,
    json: bool,
    /// Nodes that have died: when to start them again, and how long to wait the next time.
    down: BTreeMap<NodeId, Down>,
}

#[derive(Clone, Copy)]
struct Down {
    /// When to start it; `None` once it is started.
    again: Option<Instant>,
    /// How long to wait if it dies again.
    pause: Duration,
    /// How often in a row another program had its port.
    taken: u32,
}

impl Running {
    fn introduce(&self, is_new: bool) {
        let place = self.supervisor.place();
        let directory = place.directory().display();
        let to: Vec<_> = place.members.values().map(SocketAddr::to_string).collect();
        if self.json {
            return self.tell("cluster", &json!({ "directory": place.directory(), "new": is_new, "addresses": to }));
        }
        let kind = if is_new { "A new cluster" } else { "The cluster" };
        say(format_args!("{kind} of {} nodes in {directory}. Ctrl-C stops it.", to.len()));
        say(format_args!("Try: cargo paxos kv status --cluster {directory}"));
    }

    /// Starts all nodes, and again those that die, until the user wants to stop.
    fn keep(&mut self) -> anyhow::Result<()> {
        for node in self.supervisor.place().members.clone().into_keys() {
            self.supervisor.start(node)?;
        }
        loop {
            self.start_again()?;
            let next = self.down.values().filter_map(|down| down.again).min();
            let next = next.unwrap_or_else(|| Instant::now() + IDLE);
            match self.supervisor.next_news(next)? {
                None => {}
                Some(News::Ready { node, records, metrics }) => self.ready(node, records, metrics.as_deref()),
                Some(News::Ended { node, status }) => self.ended(node, status)?,
                Some(News::Interrupted) => break,
            }
        }
        let killed = self.supervisor.stop();
        if self.json {
            self.tell("stopped", &json!({ "killed": killed.iter().map(NodeId::to_string).collect::<Vec<_>>() }));
        } else if killed.is_empty() {
            say("All nodes have stopped.");
        } else {
            say("All nodes have stopped; some had to be killed, which loses nothing.");
        }
        Ok(())
    }

    fn start_again(&mut self) -> anyhow::Result<()> {
        let now = Instant::now();
        for (&node, down) in &mut self.down {
            if down.again.is_some_and(|again| again <= now) {
                down.again = None;
                self.supervisor.start(node)?;
            }
        }
        Ok(())
    }

    fn ready(&mut self, node: NodeId, records: u64, metrics: Option<&str>) {
        let (address, pid) = (self.supervisor.address(node), self.supervisor.pid(node).unwrap_or(0));
        // It has come up, so the next time it dies is another story.
        self.down.remove(&node);
        if self.json {
            let node = node.to_string();
            let told = json!({ "node": node, "address": address, "pid": pid, "records": records, "metrics": metrics });
            return self.tell("ready", &told);
        }
        let memory = if records == 0 { "nothing to remember".into() } else { format!("{records} records replayed") };
        let metrics = metrics.map(|address| format!(", metrics at http://{address}/metrics")).unwrap_or_default();
        say(format_args!("{node} is ready at {address}, process {pid}, {memory}{metrics}"));
    }

    fn ended(&mut self, node: NodeId, status: ExitStatus) -> anyhow::Result<()> {
        if status.success() {
            if self.json {
                self.tell("stopped on purpose", &json!({ "node": node.to_string() }));
            } else {
                say(format_args!("{node} was stopped on purpose, and stays down"));
            }
            return Ok(());
        }
        if status.code() == Some(2) {
            bail!("{node} does not start: {}", self.supervisor.last_words(node));
        }
        let why = if status.code().is_some() { self.supervisor.last_words(node) } else { String::new() };
        let before = self.down.get(&node).copied();
        let pause = before.map_or(FIRST_PAUSE, |down| down.pause);
        let taken = if is_port_taken(&why) { 1 + before.map_or(0, |down| down.taken) } else { 0 };
        let down = Down { again: Some(Instant::now() + pause), pause: (2 * pause).min(LONGEST_PAUSE), taken };
        self.down.insert(node, down);
        self.tell_of_death(node, status, &why, taken);
        Ok(())
    }

    /// Says that a node has died. When its port is taken time after time, says what can be done, and no more.
    fn tell_of_death(&self, node: NodeId, status: ExitStatus, why: &str, taken: u32) {
        let place = self.supervisor.place();
        let advice = (PORT_IS_LOST <= taken).then(|| {
            let (address, file) = (self.supervisor.address(node), place.description());
            let file = file.display();
            format!("another program listens at {address}: end it, or stop this cluster and change the address of {node} in {file}")
        });
        if self.json {
            let told = json!({ "node": node.to_string(), "status": status.to_string(), "why": why, "advice": advice });
            return self.tell("died", &told);
        }
        let colon = if why.is_empty() { "" } else { ": " };
        match advice {
            None => say(format_args!("{node} has died ({status}){colon}{why}; it is started again")),
            Some(advice) if taken == PORT_IS_LOST => {
                say(format_args!("{node} cannot start, {advice}. It is tried again without another word"));
            }
            Some(_) => {}
        }
    }

    fn tell(&self, event: &str, about: &Value) {
        let mut told = json!({ "event": event });
        if let (Some(told), Some(about)) = (told.as_object_mut(), about.as_object()) {
            told.extend(about.clone());
        }
        say(told);
    }
}

/// When nothing is to be done.
const IDLE: Duration = Duration::from_secs(3600);
/// Before a node that has died is started again, for the first time and at most.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
/// A port that was taken so often in a row is not about to be free.
const PORT_IS_LOST: u32 = 4;

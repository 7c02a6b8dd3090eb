//! The processes of a local cluster: started, killed, stopped and heard by this one, and by nobody else.
//!
//! Whatever happens here, the nodes end: one that is dropped is killed by its process id and waited for, and one whose
//! parent is gone sees its stdin closed and stops by itself.

use std::{
    collections::BTreeMap,
    fs::OpenOptions,
    io::{self, BufRead, BufReader},
    net::SocketAddr,
    path::PathBuf,
    process::{Command, ExitStatus, Stdio},
    sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel},
    thread,
    time::{Duration, Instant},
};

use anyhow::Context;
use paxos_process::NodeId;
use serde_json::Value;

use super::place::Place;
use crate::process::Guarded;

/// What happens to the processes.
pub(crate) enum News {
    /// A node is ready.
    Ready {
        /// Which.
        node: NodeId,
        /// How many records it has replayed.
        records: u64,
        /// Where it serves metrics, if it does.
        metrics: Option<String>,
    },
    /// A node has ended by itself: this supervisor has neither killed nor stopped it.
    Ended {
        /// Which.
        node: NodeId,
        /// How.
        status: ExitStatus,
    },
    /// The user wants to stop.
    Interrupted,
}

/// What the reader of a node's stdout has to tell.
enum Heard {
    Ready(NodeId, u32, Value),
    Silent(NodeId, u32),
    Interrupted,
}

/// Where news arrive. They open before anything is made that would have to be removed or finished, so that Ctrl-C is never
/// the end of this program in the middle of it.
pub(crate) struct Ears {
    heard: Receiver<Heard>,
    teller: Sender<Heard>,
}

impl Ears {
    /// From now on Ctrl-C and SIGTERM are news.
    ///
    /// # Errors
    ///
    /// When signals cannot be listened for.
    pub(crate) fn open() -> anyhow::Result<Self> {
        let (teller, heard) = channel();
        let interrupted = teller.clone();
        ctrlc::set_handler(move || drop(interrupted.send(Heard::Interrupted))).context("cannot listen for signals")?;
        Ok(Self { heard, teller })
    }

    /// From now on the end of stdin is the same news: whoever started this program is gone, or has let go of it.
    pub(crate) fn hear_the_end_of_stdin(&self) {
        let teller = self.teller.clone();
        thread::spawn(move || {
            let _ = io::copy(&mut io::stdin(), &mut io::sink()); // an error is an end, too
            let _ = teller.send(Heard::Interrupted);
        });
    }
}

/// A cluster that runs as processes of this program.
pub(crate) struct Supervisor {
    place: Place,
    program: PathBuf,
    /// More options for every node.
    options: Vec<String>,
    /// Where each node records its run.
    record: Option<PathBuf>,
    nodes: BTreeMap<NodeId, Life>,
    lives: u32,
    heard: Receiver<Heard>,
    teller: Sender<Heard>,
}

struct Life {
    process: Guarded,
    number: u32,
}

impl Supervisor {
    /// Nothing runs yet. Every node is started with these further options of `paxos node`.
    ///
    /// # Errors
    ///
    /// When this program does not know where it is itself.
    pub(crate) fn new(place: Place, options: Vec<String>, ears: Ears) -> anyhow::Result<Self> {
        let program = std::env::current_exe().context("cannot find the program itself")?;
        let Ears { heard, teller } = ears;
        Ok(Self { place, program, options, record: None, nodes: BTreeMap::new(), lives: 0, heard, teller })
    }

    /// Every node records its run in this directory, if it is one.
    pub(crate) fn recording(mut self, directory: Option<PathBuf>) -> Self {
        self.record = directory;
        self
    }

    pub(crate) const fn place(&self) -> &Place {
        &self.place
    }

    pub(crate) fn address(&self, node: NodeId) -> SocketAddr {
        self.place.members[&node]
    }

    /// Kills what runs, and has all nodes listen at other ports from now on.
    ///
    /// # Errors
    ///
    /// When no port is free, or `cluster.toml` cannot be written.
    pub(crate) fn move_to_free_ports(&mut self) -> anyhow::Result<()> {
        self.nodes.clear();
        self.place.move_to_free_ports()
    }

    /// The last thing that a node has said, in whichever of its lives.
    pub(crate) fn last_words(&self, node: NodeId) -> String {
        let text = std::fs::read_to_string(self.place.log(node)).unwrap_or_default();
        text.lines().next_back().unwrap_or("it has said nothing").to_owned()
    }

    /// The process id of a node that runs.
    pub(crate) fn pid(&self, node: NodeId) -> Option<u32> {
        self.nodes.get(&node).map(|life| life.process.id())
    }

    /// Starts a process of this very program as `node`; [`News::Ready`] tells when it is ready. What it logs is added
    /// to the node's log file.
    ///
    /// # Errors
    ///
    /// When it cannot be started.
    pub(crate) fn start(&mut self, node: NodeId) -> anyhow::Result<()> {
        self.start_with(node, &[])
    }

    /// The same, with more options for this life.
    ///
    /// # Errors
    ///
    /// When it cannot be started.
    pub(crate) fn start_with(&mut self, node: NodeId, more: &[String]) -> anyhow::Result<()> {
        let path = self.place.log(node);
        let log = OpenOptions::new().create(true).append(true).open(&path);
        let log = log.with_context(|| format!("cannot write {}", path.display()))?;
        let mut command = Command::new(&self.program);
        command
            .args(["node", "--log-format", "json", "--stop-with-stdin", "--id", &node.0.to_string(), "--config"])
            .arg(self.place.description())
            .args(&self.options)
            .args(more)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(log);
        if let Some(directory) = &self.record {
            command.arg("--record").arg(directory.join(format!("{node}.run")));
        }
        // What is meant for this program is not meant for its nodes.
        std::env::vars().filter(|(name, _)| name.starts_with("PAXOS_")).for_each(|(name, _)| {
            command.env_remove(name);
        });
        let mut process = Guarded::spawn(&mut command)?;
        let stdout = process.take_stdout();
        self.lives += 1;
        let (number, teller) = (self.lives, self.teller.clone());
        thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                if let Ok(line) = serde_json::from_str(&line) {
                    let _ = teller.send(Heard::Ready(node, number, line)); // nobody need listen
                }
            }
            let _ = teller.send(Heard::Silent(node, number));
        });
        self.nodes.insert(node, Life { process, number });
        Ok(())
    }

    /// Kills `node` (SIGKILL on Unix), and waits until it is dead. If it does not run, nothing happens.
    pub(crate) fn kill(&mut self, node: NodeId) {
        drop(self.nodes.remove(&node));
    }

    /// Has `node` stand still (SIGSTOP on Unix), until it is [resumed](Self::resume). Returns whether it does.
    pub(crate) fn pause(&self, node: NodeId) -> bool {
        self.nodes.get(&node).is_some_and(|life| life.process.pause())
    }

    /// Has `node` go on.
    pub(crate) fn resume(&self, node: NodeId) {
        if let Some(life) = self.nodes.get(&node) {
            life.process.resume();
        }
    }

    /// Stops all nodes: what they have said is stable. One that does not stop in time is killed, which loses nothing
    /// either. Returns those.
    pub(crate) fn stop(&mut self) -> Vec<NodeId> {
        self.nodes.values_mut().for_each(|life| life.process.close_stdin());
        let deadline = Instant::now() + PATIENCE;
        let mut killed = Vec::new();
        for (node, mut life) in std::mem::take(&mut self.nodes) {
            if life.process.ends_by(deadline).is_none() {
                killed.push(node);
            }
        }
        killed
    }

    /// The next thing that happens by `deadline`, if any does.
    ///
    /// # Errors
    ///
    /// When a node that has ended cannot be waited for.
    pub(crate) fn next_news(&mut self, deadline: Instant) -> anyhow::Result<Option<News>> {
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let heard = match self.heard.recv_timeout(left) {
                Ok(heard) => heard,
                Err(RecvTimeoutError::Timeout) => return Ok(None),
                Err(RecvTimeoutError::Disconnected) => unreachable!("the supervisor itself can tell"),
            };
            let current = |node: &NodeId, number: u32| self.nodes.get(node).is_some_and(|life| life.number == number);
            match heard {
                Heard::Interrupted => return Ok(Some(News::Interrupted)),
                Heard::Ready(node, number, line) if current(&node, number) => {
                    let records = line["records"].as_u64().unwrap_or(0);
                    let metrics = line["metrics"].as_str().map(str::to_owned);
                    return Ok(Some(News::Ready { node, records, metrics }));
                }
                Heard::Silent(node, number) if current(&node, number) => {
                    let mut life = self.nodes.remove(&node).expect("it is current");
                    let status = life.process.wait().with_context(|| format!("cannot wait for {node}"))?;
                    return Ok(Some(News::Ended { node, status }));
                }
                Heard::Ready(..) | Heard::Silent(..) => {} // of an earlier life, which was killed
            }
        }
    }
}

/// Whether the last words of a node are that another program has its port. They are those of `paxos node`; there is no
/// other way to tell.
pub(crate) fn is_port_taken(last_words: &str) -> bool {
    last_words.contains("cannot listen on")
}

/// How long nodes may take to stop.
const PATIENCE: Duration = Duration::from_secs(20);

//! Node processes, and a network between their lines that loses, repeats, delays and cuts them, drawn from a seed.

use std::{
    collections::BTreeMap,
    env,
    fs::File,
    io::{BufRead as _, BufReader, Write as _},
    path::PathBuf,
    process::{ChildStdin, Command, Stdio},
    sync::mpsc::{self, Receiver, Sender},
    thread,
    time::{Duration, Instant},
};

use anyhow::Context as _;
use paxos_mutants::Mutant;
use rand::RngExt as _;
use rand_chacha::{ChaCha8Rng, rand_core::SeedableRng as _};
use serde_json::json;

use super::words::Line;
use crate::process::Guarded;

/// A process, killed when it is dropped. It would end by itself, too, when its stdin does.
struct Running {
    child: Guarded,
    stdin: ChildStdin,
}

/// A line under way.
struct Parcel {
    line: Line,
    /// What a client says reaches the life of the node that it was said to, or nobody, as on a connection: a node knows
    /// what was said twice for as long as it lives. What nodes say may arrive at any time.
    life: Option<u64>,
}

/// All nodes and their network.
pub(super) struct Rig {
    pub(super) random: ChaCha8Rng,
    /// Of memories and logs.
    directory: PathBuf,
    mutant: Option<Mutant>,
    nodes: Vec<Option<Running>>,
    lives: Vec<u64>,
    ready: Vec<bool>,
    sender: Sender<String>,
    lines: Receiver<String>,
    under_way: BTreeMap<(Instant, u64), Parcel>,
    count: u64,
    /// On which side of the cut each node is.
    sides: Vec<bool>,
    /// Whether lines are lost, repeated and delayed.
    pub(super) rough: bool,
    pub(super) lost: u64,
    pub(super) repeated: u64,
    pub(super) kills: u64,
    pub(super) cuts: u64,
}

impl Rig {
    pub(super) fn new(count: usize, seed: u64, directory: PathBuf, mutant: Option<Mutant>) -> anyhow::Result<Self> {
        let (sender, lines) = mpsc::channel();
        let mut rig = Self {
            random: ChaCha8Rng::seed_from_u64(seed),
            directory,
            mutant,
            nodes: (0..count).map(|_| None).collect(),
            lives: vec![0; count],
            ready: vec![false; count],
            sender,
            lines,
            under_way: BTreeMap::new(),
            count: 0,
            sides: vec![false; count],
            rough: true,
            lost: 0,
            repeated: 0,
            kills: 0,
            cuts: 0,
        };
        rig.start_all()?;
        Ok(rig)
    }

    /// Starts every node that does not run.
    pub(super) fn start_all(&mut self) -> anyhow::Result<()> {
        (0..self.nodes.len()).try_for_each(|node| self.start(node))
    }

    fn start(&mut self, node: usize) -> anyhow::Result<()> {
        if self.nodes[node].is_some() {
            return Ok(());
        }
        let log = self.directory.join(format!("{}.log", name(node)));
        let log = File::options().create(true).append(true).open(log).context("cannot write a log")?;
        let mut command = Command::new(env::current_exe().context("cannot find this program")?);
        command.args(["maelstrom", "--dir"]).arg(&self.directory);
        command.args(self.mutant.iter().flat_map(|mutant| ["--mutant", mutant.name()]));
        let mut child = Guarded::spawn(command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(log))?;
        let (stdin, stdout) = (child.take_stdin(), BufReader::new(child.take_stdout()));
        let sender = self.sender.clone();
        thread::spawn(move || stdout.lines().map_while(Result::ok).try_for_each(|line| sender.send(line)));
        self.nodes[node] = Some(Running { child, stdin });
        self.lives[node] += 1;
        self.ready[node] = false;
        let names: Vec<_> = (0..self.nodes.len()).map(name).collect();
        let body = json!({ "type": "init", "msg_id": self.lives[node], "node_id": names[node], "node_ids": names });
        self.deliver(&Line { src: STARTER.into(), dest: name(node), body });
        Ok(())
    }

    pub(super) fn is_ready(&self) -> bool {
        self.ready.iter().all(|ready| *ready)
    }

    /// Ends a node by SIGKILL.
    pub(super) fn kill(&mut self) {
        let node = self.random.random_range(0..self.nodes.len());
        self.kills += u64::from(self.nodes[node].take().is_some());
    }

    /// Cuts the network at random, perhaps so that all are on one side.
    pub(super) fn cut(&mut self) {
        self.sides = self.nodes.iter().map(|_| self.random.random()).collect();
        self.cuts += u64::from(self.sides.iter().any(|side| *side != self.sides[0]));
    }

    /// Everything works again, and who has ended by itself is named.
    pub(super) fn heal(&mut self) -> anyhow::Result<Vec<String>> {
        self.sides.fill(false);
        self.rough = false;
        let ended = self.ended();
        self.start_all()?;
        Ok(ended)
    }

    /// Nodes that have ended and were not killed.
    pub(super) fn ended(&mut self) -> Vec<String> {
        let mut ended = Vec::new();
        for (node, running) in self.nodes.iter_mut().enumerate() {
            let status = running.as_mut().and_then(|running| running.child.ends_by(Instant::now()));
            if let Some(status) = status {
                *running = None;
                ended.push(format!("{} has ended by itself: {status}", name(node)));
            }
        }
        ended
    }

    /// Puts a line on its way.
    pub(super) fn send(&mut self, line: Line) {
        let (from, to) = (self.index(&line.src), self.index(&line.dest));
        let between = from.zip(to);
        let cut = between.is_some_and(|(from, to)| self.sides[from] != self.sides[to]);
        if cut || (between.is_some() && self.rough && self.random.random_ratio(1, 20)) {
            self.lost += 1;
            return;
        }
        let life = to.filter(|_| from.is_none()).map(|to| self.lives[to]);
        let again = self.rough && self.random.random_ratio(1, 20);
        self.repeated += u64::from(again);
        for _ in 0..=u32::from(again) {
            let most = if !self.rough {
                1
            } else if self.random.random_ratio(1, 20) {
                300
            } else {
                8
            };
            let due = Instant::now() + Duration::from_millis(self.random.random_range(0..=most));
            self.count += 1;
            self.under_way.insert((due, self.count), Parcel { line: line.clone(), life });
        }
    }

    /// Lets the network work for a moment, and returns what it has brought to clients.
    pub(super) fn work(&mut self) -> anyhow::Result<Vec<Line>> {
        let (now, mut told) = (Instant::now(), Vec::new());
        while let Some(entry) = self.under_way.first_entry().filter(|entry| entry.key().0 <= now) {
            let Parcel { line, life } = entry.remove();
            match self.index(&line.dest) {
                Some(node) if life.is_none_or(|life| life == self.lives[node]) => self.deliver(&line),
                Some(_) => {}
                None => told.push(line),
            }
        }
        let due = self.under_way.first_key_value().map_or(TICK, |((due, _), _)| due.saturating_duration_since(now));
        let mut next = self.lines.recv_timeout(due.min(TICK)).ok();
        while let Some(text) = next {
            // A killed node may leave half a line behind.
            if let Ok(line) = serde_json::from_str::<Line>(&text) {
                match self.index(&line.src) {
                    Some(node) if line.dest == STARTER => {
                        self.ready[node] |= line.body["in_reply_to"] == self.lives[node];
                    }
                    _ => self.send(line),
                }
            }
            next = self.lines.try_recv().ok();
        }
        Ok(told)
    }

    fn deliver(&mut self, line: &Line) {
        let Some(running) = self.index(&line.dest).and_then(|node| self.nodes[node].as_mut()) else { return };
        let text = json!(line).to_string();
        let _ = writeln!(running.stdin, "{text}"); // what is said to the dead is lost
    }

    fn index(&self, wanted: &str) -> Option<usize> {
        (0..self.nodes.len()).find(|node| name(*node) == wanted)
    }
}

pub(super) fn name(node: usize) -> String {
    format!("n{node}")
}

/// Who says init.
const STARTER: &str = "c0";
/// How long the network waits for something to happen.
const TICK: Duration = Duration::from_millis(5);

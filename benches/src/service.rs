//! The `paxos` program as a user runs it, for the bench `service`: a cluster of processes, and what they say of themselves.

use std::{
    collections::BTreeMap,
    env, fs,
    io::{BufRead, BufReader, Lines},
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use paxos_kv::client::Config;
use paxos_node::Key;
use paxos_process::NodeId;
use serde_json::Value;

/// The program.
pub struct Program(PathBuf);

impl Program {
    /// Builds the program, which is then in the folder of release builds below `target`.
    ///
    /// # Panics
    ///
    /// When it does not build.
    #[must_use]
    pub fn build(target: &Path) -> Self {
        let built = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
            .args(["build", "--quiet", "--release", "--package", "paxos-cli"])
            .status()
            .expect("cargo starts");
        assert!(built.success(), "the program does not build");
        Self(target.join("release").join(format!("paxos{}", env::consts::EXE_SUFFIX)))
    }

    /// Runs the program to its end, and reads the one JSON object that it prints.
    ///
    /// # Errors
    ///
    /// When it exits with another code than 0, or prints no such object: with what it says.
    pub fn ask(&self, arguments: &[&str]) -> Result<Value, String> {
        let output = Command::new(&self.0).args(arguments).output().map_err(|error| error.to_string())?;
        read(&output)
    }

    /// Runs `paxos demo` with a cluster in `dir`, whose leader it kills so many times, and reads the verdict.
    ///
    /// # Errors
    ///
    /// As [`ask`](Self::ask), and when its nodes are seen to have other timers than those of every user.
    pub fn demo(&self, dir: &str, kills: &str) -> Result<Value, String> {
        let mut running = Command::new(&self.0)
            .args(["demo", "--json", "--kills", kills, "--data", dir])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|error| error.to_string())?;
        let mut timers = None;
        while running.try_wait().map_err(|error| error.to_string())?.is_none() {
            timers = timers.or_else(|| children(running.id()).into_iter().find(|words| sets_timers(words)));
            thread::sleep(BETWEEN_LOOKS);
        }
        let verdict = read(&running.wait_with_output().map_err(|error| error.to_string())?)?;
        match timers {
            Some(words) => Err(format!("its nodes have timers of their own: {words}")),
            None => Ok(verdict),
        }
    }

    /// What an option of a node is unless somebody says otherwise, as its help tells it.
    #[must_use]
    pub fn default_of(&self, option: &str) -> String {
        let help = Command::new(&self.0).args(["node", "--help"]).output();
        let help = help.map(|output| String::from_utf8_lossy(&output.stdout).into_owned()).unwrap_or_default();
        let told = help.split_once(&format!("{option} <")).and_then(|(_, after)| after.split_once("[default: "));
        told.and_then(|(_, after)| after.split_once(']')).map_or_else(|| "unknown".into(), |(told, _)| told.to_owned())
    }
}

/// The object that a program has printed.
fn read(output: &std::process::Output) -> Result<Value, String> {
    let (text, complaint) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    match serde_json::from_str(&text) {
        Ok(said) if output.status.success() => Ok(said),
        _ => Err(format!("{}: {} {}", output.status, text.trim(), complaint.trim())),
    }
}

/// A running cluster, with default options. Dropping it stops it; so does the death of this program, since its stdin is
/// closed then.
pub struct Cluster {
    place: String,
    running: Child,
    input: Option<ChildStdin>,
    lines: Lines<BufReader<ChildStdout>>,
    pids: Vec<u32>,
    addresses: BTreeMap<NodeId, SocketAddr>,
    replayed: BTreeMap<String, u64>,
}

impl Cluster {
    /// Starts the cluster in `dir`, and waits until its nodes are ready. It may have nobody who leads yet.
    ///
    /// # Panics
    ///
    /// When it does not start.
    #[must_use]
    pub fn start(program: &Program, dir: &Path) -> Self {
        let place = dir.to_str().expect("a path of text").to_owned();
        let mut running = Command::new(&program.0)
            .args(["cluster", "--json", "--stop-with-stdin", "--data", &place])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the program starts");
        let (input, output) = (running.stdin.take(), running.stdout.take().expect("piped"));
        let mut cluster = Self {
            place,
            running,
            input,
            lines: BufReader::new(output).lines(),
            pids: Vec::new(),
            addresses: BTreeMap::new(),
            replayed: BTreeMap::new(),
        };
        while cluster.replayed.len() < NODES {
            let line = cluster.lines.next().expect("the cluster goes on").expect("it can be read");
            let event: Value = serde_json::from_str(&line).expect("JSON");
            if event["event"] == "ready" {
                let node = event["node"].as_str().expect("a name").to_owned();
                let id = NodeId(node.trim_start_matches('n').parse().expect("a number"));
                let address = event["address"].as_str().and_then(|address| address.parse().ok());
                cluster.addresses.insert(id, address.expect("an address"));
                cluster.replayed.insert(node, event["records"].as_u64().expect("a number"));
                cluster.pids.push(event["pid"].as_u64().and_then(|pid| pid.try_into().ok()).expect("a process id"));
            }
        }
        cluster
    }

    /// Where it is: what clients name it by.
    #[must_use]
    pub fn place(&self) -> &str {
        &self.place
    }

    /// The processes of its nodes.
    #[must_use]
    pub fn pids(&self) -> &[u32] {
        &self.pids
    }

    /// What a client has to know of it.
    ///
    /// # Panics
    ///
    /// When its files do not tell its name and its key.
    #[must_use]
    pub fn config(&self) -> Config {
        let place = Path::new(&self.place);
        let told = fs::read_to_string(place.join("cluster.toml")).expect("the cluster's file");
        let name = told.lines().find_map(|line| line.strip_prefix("cluster = \"")?.strip_suffix('"'));
        let key = Key::read(place.join("key")).expect("the cluster's key");
        Config { key: Some(key), ..Config::new(self.addresses.clone(), name.expect("a name").to_owned()) }
    }

    /// How many records each node has read from its log when it was started.
    #[must_use]
    pub const fn replayed(&self) -> &BTreeMap<String, u64> {
        &self.replayed
    }

    /// Waits until the cluster answers: somebody leads.
    ///
    /// # Panics
    ///
    /// When it does not within a minute.
    pub fn answers(&self, program: &Program) {
        let end = Instant::now() + PATIENCE;
        loop {
            let put = Command::new(&program.0)
                .args(["kv", "put", "--cluster", &self.place, "ready", "yes"])
                .stdout(Stdio::null())
                .status()
                .expect("the program starts");
            if put.success() {
                return;
            }
            assert!(Instant::now() < end, "the cluster does not answer");
        }
    }

    /// What each node says of itself.
    ///
    /// # Errors
    ///
    /// When one does not, or nobody leads.
    pub fn status(&self, program: &Program) -> Result<Vec<Value>, String> {
        let status = program.ask(&["kv", "status", "--cluster", &self.place, "--json"])?;
        let nodes = status["nodes"].as_array().cloned().unwrap_or_default();
        let silent = nodes.iter().any(|node| !node["digest"].is_string());
        if silent || nodes.len() < NODES { Err(format!("not all nodes answer: {status}")) } else { Ok(nodes) }
    }

    /// Waits until all nodes have applied all that is chosen, and returns what they say of themselves.
    ///
    /// # Errors
    ///
    /// When they then do not hold the same state, or do not come so far.
    pub fn agrees(&self, program: &Program) -> Result<Vec<Value>, String> {
        let end = Instant::now() + PATIENCE;
        loop {
            let found = self.status(program);
            if let Ok(nodes) = &found {
                let same = |name: &str| nodes.iter().all(|node| node[name] == nodes[0][name]);
                if same("applied") && same("chosen") && nodes.iter().all(|node| node["applied"] == node["chosen"]) {
                    return if same("digest") { found } else { Err("the digests of the nodes differ".into()) };
                }
            }
            if end <= Instant::now() {
                return Err(format!("the nodes do not come to one slot: {found:?}"));
            }
            thread::sleep(BETWEEN_LOOKS);
        }
    }

    /// The processor time of all nodes so far, in seconds, where the system tells it.
    #[must_use]
    pub fn processor_seconds(&self) -> f64 {
        self.pids.iter().map(|pid| processor_seconds(*pid)).sum()
    }
}

impl Drop for Cluster {
    /// Closes its stdin, and waits for the end.
    fn drop(&mut self) {
        drop(self.input.take());
        self.lines.by_ref().for_each(drop);
        let _ = self.running.wait();
    }
}

/// The processor time of a process so far, where the system tells it.
fn processor_seconds(pid: u32) -> f64 {
    const TICKS: f64 = 100.0; // a second has so many on Linux
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    let ticks = |nth: usize| fields.get(nth).and_then(|field| field.parse::<f64>().ok()).unwrap_or(0.0);
    (ticks(11) + ticks(12)) / TICKS
}

/// The command lines of the processes that this one has started, where the system tells them.
fn children(pid: u32) -> Vec<String> {
    let tasks = fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().filter_map(Result::ok);
    let pids = tasks.filter_map(|task| fs::read_to_string(task.path().join("children")).ok()).collect::<String>();
    let line = |pid: &str| fs::read_to_string(format!("/proc/{pid}/cmdline")).ok().map(|line| line.replace('\0', " "));
    pids.split_whitespace().filter_map(line).collect()
}

fn sets_timers(words: &str) -> bool {
    ["--heartbeat", "--election"].iter().any(|timer| words.contains(timer))
}

/// So many nodes has a cluster unless somebody says otherwise.
const NODES: usize = 3;
/// For a cluster to do what it must.
const PATIENCE: Duration = Duration::from_secs(60);
const BETWEEN_LOOKS: Duration = Duration::from_millis(100);

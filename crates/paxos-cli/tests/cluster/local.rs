//! A cluster that `paxos cluster` runs, for tests.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::Value;
use tempfile::TempDir;

use crate::support::{Guard, PATIENCE, eventually, paxos, processes_of, run};

/// A supervised cluster of three, in a directory that goes with it.
pub(crate) struct Local {
    place: TempDir,
    supervisor: Option<Guard>,
    /// The process of each node, as far as it was told.
    pub(crate) pids: BTreeMap<String, u64>,
}

impl Local {
    /// A new cluster, all of whose nodes are ready.
    pub(crate) fn start() -> Self {
        let mut local = Self { place: tempfile::tempdir().unwrap(), supervisor: None, pids: BTreeMap::new() };
        local.start_again();
        local
    }

    /// The same cluster, after it was stopped.
    pub(crate) fn start_again(&mut self) {
        let mut command = paxos("cluster --json --metrics --data");
        let errors = File::create(self.place.path().join("errors")).unwrap();
        let record = command.arg(self.directory()).arg("--record").arg(self.runs());
        self.supervisor = Some(Guard::spawn(record.stderr(errors)));
        self.pids.clear();
        self.until("three nodes are ready", |local, _| local.pids.len() == 3);
    }

    pub(crate) fn directory(&self) -> PathBuf {
        self.place.path().join("cluster")
    }

    /// Where the nodes record their runs.
    pub(crate) fn runs(&self) -> PathBuf {
        self.place.path().join("runs")
    }

    pub(crate) fn path(&self) -> &Path {
        self.place.path()
    }

    pub(crate) fn supervisor(&mut self) -> &mut Guard {
        self.supervisor.as_mut().unwrap()
    }

    /// Reads what the supervisor tells until an event is the one that is waited for; returns that.
    pub(crate) fn until(&mut self, what: &str, mut enough: impl FnMut(&Self, &Value) -> bool) -> Value {
        loop {
            let line = self.supervisor().line().unwrap_or_else(|| panic!("it ends before {what}"));
            let event: Value = serde_json::from_str(&line).unwrap();
            if event["event"] == "ready" {
                self.pids.insert(event["node"].as_str().unwrap().to_owned(), event["pid"].as_u64().unwrap());
            } else if let Some(node) = event["node"].as_str() {
                self.pids.remove(node);
            }
            if enough(self, &event) {
                return event;
            }
        }
    }

    /// Sends a signal to a node.
    pub(crate) fn signal(&mut self, node: &str, name: &str) {
        let pid = self.pids.remove(node).unwrap();
        let sent = Command::new("kill").args([&format!("-{name}"), &pid.to_string()]).status().unwrap();
        assert!(sent.success());
    }

    /// A `paxos kv` command for this cluster.
    pub(crate) fn kv_command(&self, arguments: &str) -> Command {
        let (verb, rest) = arguments.split_once(' ').unwrap_or((arguments, ""));
        let mut command = paxos(&format!("kv {verb} --cluster"));
        command.arg(self.directory()).args(rest.split_whitespace());
        command
    }

    /// Its exit code, stdout and stderr.
    pub(crate) fn kv(&self, arguments: &str) -> (i32, String, String) {
        run(&mut self.kv_command(arguments))
    }

    /// What it prints, when it succeeds.
    pub(crate) fn ok(&self, arguments: &str) -> String {
        let (code, stdout, stderr) = self.kv(arguments);
        assert_eq!(code, 0, "{arguments}: {stdout}{stderr}");
        stdout.trim_end().to_owned()
    }

    pub(crate) fn status(&self) -> Value {
        let (_, stdout, stderr) = self.kv("status --json");
        serde_json::from_str(&stdout).unwrap_or_else(|error| panic!("{error}: {stdout}{stderr}"))
    }

    /// The node that leads, once one does.
    pub(crate) fn leader(&self) -> String {
        let mut found = None;
        eventually("somebody leads", || {
            found = self.status()["leader"].as_str().map(str::to_owned);
            found.is_some()
        });
        found.unwrap()
    }

    /// Waits until all three nodes hold the same state.
    pub(crate) fn all_equal(&self) {
        eventually("all nodes hold the same state", || {
            let status = self.status();
            let nodes = status["nodes"].as_array().unwrap();
            let same = |field: &str| nodes.iter().all(|node| !node[field].is_null() && node[field] == nodes[0][field]);
            nodes.len() == 3 && same("digest") && same("applied")
        });
    }

    /// Stops everything, as Ctrl-C does.
    pub(crate) fn stop(&mut self) {
        self.supervisor().signal("TERM");
        assert_eq!(self.supervisor().exit_code(), Some(0), "{PATIENCE:?} were enough");
        self.supervisor = None;
    }
}

#[test]
fn a_directory_of_somebody_else_is_left_as_it_is() {
    let place = tempfile::tempdir().unwrap();
    for name in ["lock", "notes", "cluster.toml"] {
        let directory = place.path().join(format!("with-{name}"));
        fs::create_dir(&directory).unwrap();
        fs::write(directory.join(name), "mine").unwrap();
        let (code, _, stderr) = run(paxos("cluster --data").arg(&directory));
        assert!(code == 4 && stderr.contains(&directory.display().to_string()), "{stderr}");
        assert_eq!(fs::read_to_string(directory.join(name)).unwrap(), "mine");
        assert_eq!(fs::read_dir(&directory).unwrap().count(), 1, "nothing is added to {name}");
    }
}

#[test]
fn a_cluster_that_was_killed_while_it_was_founded_is_founded_anew() {
    for milestone in ["unfinished", "key", "n1", "n3"] {
        let place = tempfile::tempdir().unwrap();
        let directory = place.path().join("cluster");
        let founder = Guard::spawn(paxos("cluster --json --data").arg(&directory));
        eventually(milestone, || directory.join(milestone).exists());
        drop(founder); // SIGKILL
        eventually("its nodes end", || processes_of(place.path()).is_empty());
        let again = Guard::spawn(paxos("cluster --json --data").arg(&directory));
        while !again.line().unwrap_or_else(|| panic!("killed at {milestone}, it is not started")).contains("ready") {}
    }
}

#[test]
fn a_cluster_that_stops_with_its_stdin_does_not_outlive_who_started_it() {
    let place = tempfile::tempdir().unwrap();
    let (stdin, starter) = std::io::pipe().unwrap();
    let mut command = paxos("cluster --json --stop-with-stdin --data");
    let mut cluster = Guard::spawn(command.arg(place.path().join("cluster")).stdin(stdin));
    drop(command); // and with it this end of the pipe
    while !cluster.line().expect("it goes on").contains("ready") {}
    drop(starter); // as when a program dies, however it does
    assert_eq!(cluster.exit_code(), Some(0));
    assert_eq!(processes_of(place.path()), Vec::<String>::new());
}

#[test]
fn who_has_lost_a_port_is_told_what_to_do_and_comes_back_when_it_is_free() {
    let mut local = Local::start();
    let directory = local.directory();
    local.stop();
    let description = fs::read_to_string(directory.join("cluster.toml")).unwrap();
    let address = description.lines().find_map(|line| line.strip_prefix("2 = ")).unwrap().trim_matches('"');
    let thief = std::net::TcpListener::bind(address).unwrap();
    let cluster = Guard::spawn(paxos("cluster --data").arg(&directory));
    let until = |words: &str| {
        let mut deaths = 0;
        loop {
            let line = cluster.line().expect("it goes on");
            deaths += usize::from(line.starts_with("n2 has died"));
            if line.contains(words) {
                return (line, deaths);
            }
        }
    };
    let (advice, deaths) = until("change the address of n2 in");
    assert!(advice.contains(address) && advice.contains("cluster.toml"), "{advice}");
    assert_eq!(deaths, 3, "one line for each attempt, and then no more");
    drop(thief);
    assert_eq!(until("n2 is ready").1, 0);
}

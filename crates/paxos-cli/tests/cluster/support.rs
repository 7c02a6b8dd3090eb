//! Processes of the binary under test: every one is ended by its id, every wait has a deadline.

use std::{
    fs::File,
    io::{BufRead, BufReader},
    net::{SocketAddr, TcpListener},
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    sync::mpsc::{Receiver, channel},
    thread,
    time::{Duration, Instant},
};

use tempfile::TempDir;

/// Far more than anything here takes: a test that meets it has failed.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// The binary, with arguments separated by spaces.
pub(crate) fn paxos(arguments: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_paxos"));
    command.args(arguments.split_whitespace()).env_remove("RUST_LOG").stdin(Stdio::null());
    command
}

/// Runs to the end: exit code, stdout, stderr.
pub(crate) fn run(command: &mut Command) -> (i32, String, String) {
    let Output { status, stdout, stderr } = command.output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (status.code().unwrap_or(-1), text(stdout), text(stderr))
}

/// A process that is killed when it is dropped.
pub(crate) struct Guard {
    child: Child,
    lines: Receiver<String>,
}

impl Guard {
    pub(crate) fn spawn(command: &mut Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let (sender, lines) = channel();
        let stdout = child.stdout.take().unwrap();
        thread::spawn(move || {
            BufReader::new(stdout).lines().map_while(Result::ok).try_for_each(|line| sender.send(line))
        });
        Self { child, lines }
    }

    /// Its next line on stdout; none if it ends instead.
    pub(crate) fn line(&self) -> Option<String> {
        match self.lines.recv_timeout(PATIENCE) {
            Ok(line) => Some(line),
            Err(std::sync::mpsc::RecvTimeoutError::Disconnected) => None,
            Err(std::sync::mpsc::RecvTimeoutError::Timeout) => panic!("it says nothing"),
        }
    }

    /// Sends a signal, such as `TERM`.
    #[cfg(unix)]
    pub(crate) fn signal(&self, name: &str) {
        let sent = Command::new("kill").args([&format!("-{name}"), &self.child.id().to_string()]).status().unwrap();
        assert!(sent.success());
    }

    /// Whether it has not ended yet.
    pub(crate) fn is_running(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    /// Its exit code, when it has ended by itself.
    pub(crate) fn exit_code(&mut self) -> Option<i32> {
        let mut status = None;
        eventually("the process ends", || {
            status = self.child.try_wait().unwrap();
            status.is_some()
        });
        status.and_then(|status| status.code())
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Polls until `condition` holds, or fails the test.
pub(crate) fn eventually(what: &str, mut condition: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !condition() {
        assert!(Instant::now() < deadline, "still waiting: {what}");
        thread::sleep(Duration::from_millis(5)); // between two looks, not in the hope of anything
    }
}

/// Three nodes by hand.
pub(crate) struct Cluster {
    pub(crate) addresses: Vec<SocketAddr>,
    directory: TempDir,
    nodes: Vec<Option<Guard>>,
}

impl Cluster {
    /// Ports and disks for three nodes; none runs.
    pub(crate) fn new() -> Self {
        let free: Vec<_> = (1..=3).map(|_| TcpListener::bind("127.0.0.1:0").unwrap()).collect();
        let addresses = free.iter().map(|free| free.local_addr().unwrap()).collect();
        Self { addresses, directory: tempfile::tempdir().unwrap(), nodes: vec![None, None, None] }
    }

    /// Three running nodes. A port that somebody else takes in the moment between is given up, and three others tried.
    pub(crate) fn start_all() -> Self {
        for _ in 0..10 {
            let mut cluster = Self::new();
            if (1..=3).all(|node| cluster.start(node)) {
                return cluster;
            }
        }
        panic!("no free ports")
    }

    /// The command of one node.
    pub(crate) fn command(&self, node: usize) -> Command {
        let peers: Vec<_> = (1..).zip(&self.addresses).map(|(id, address)| format!("{id}={address}")).collect();
        let mut command = paxos(&format!("node basic --id {node} --peers {} --retry 50..100 --data", peers.join(",")));
        command.arg(self.data(node)).stderr(File::create(self.log_path(node)).unwrap());
        command
    }

    /// Starts a node, and returns whether it is ready.
    pub(crate) fn start(&mut self, node: usize) -> bool {
        let guard = Guard::spawn(&mut self.command(node));
        self.is_ready(node, guard)
    }

    /// The same, with the command changed by `wrap`; its log goes where the node's log goes.
    pub(crate) fn start_as(&mut self, node: usize, wrap: impl FnOnce(&Command) -> Command) -> bool {
        let mut command = wrap(&self.command(node));
        let guard = Guard::spawn(command.stderr(File::create(self.log_path(node)).unwrap()));
        self.is_ready(node, guard)
    }

    fn is_ready(&mut self, node: usize, guard: Guard) -> bool {
        let ready = guard.line().is_some_and(|line| line.starts_with(&format!("n{node} is ready at ")));
        self.nodes[node - 1] = Some(guard);
        ready
    }

    /// Kills a node with SIGKILL.
    pub(crate) fn kill(&mut self, node: usize) {
        self.nodes[node - 1] = None;
    }

    /// A running node.
    pub(crate) fn node(&mut self, node: usize) -> &mut Guard {
        self.nodes[node - 1].as_mut().unwrap()
    }

    pub(crate) fn data(&self, node: usize) -> PathBuf {
        self.directory.path().join(format!("n{node}"))
    }

    /// What a node has logged in its current life.
    pub(crate) fn log(&self, node: usize) -> String {
        std::fs::read_to_string(self.log_path(node)).unwrap()
    }

    fn log_path(&self, node: usize) -> PathBuf {
        self.directory.path().join(format!("n{node}.log"))
    }

    /// What a client is told by a node, as a JSON object.
    pub(crate) fn propose(&self, node: usize, value: &str) -> serde_json::Value {
        self.ask(&format!("propose --json --timeout 20s --to {} {value}", self.addresses[node - 1]))
    }

    pub(crate) fn learn(&self, node: usize) -> serde_json::Value {
        self.ask(&format!("learn --json --timeout 20s --from {}", self.addresses[node - 1]))
    }

    fn ask(&self, arguments: &str) -> serde_json::Value {
        let (code, stdout, stderr) = run(&mut paxos(arguments));
        assert_eq!((code, stderr.as_str()), (0, ""));
        serde_json::from_str(&stdout).unwrap()
    }
}

/// The running processes with `path` on their command line, as far as there is a `/proc` to tell.
pub(crate) fn processes_of(path: &Path) -> Vec<String> {
    let path = path.to_str().unwrap();
    let command_lines = std::fs::read_dir("/proc").into_iter().flatten().filter_map(|entry| {
        let bytes = std::fs::read(entry.ok()?.path().join("cmdline")).ok()?;
        Some(String::from_utf8_lossy(&bytes).replace('\0', " "))
    });
    command_lines.filter(|line| line.contains(path)).collect()
}

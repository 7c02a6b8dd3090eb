//! The processes of the demonstration: started, killed and ended by this one, and by nobody else.
//!
//! A node logs one JSON object per line, and a thread per node turns the lines into [`News`]. Whatever happens here,
//! the nodes end: a node that is dropped is killed by its process id and waited for, and a node whose parent is gone
//! sees its stdin closed and stops by itself.

use std::{
    collections::BTreeMap,
    io::{self, BufRead, BufReader},
    net::{SocketAddr, TcpListener},
    path::{Path, PathBuf},
    process::{ChildStderr, Command, Stdio},
    sync::{
        Arc, Barrier,
        mpsc::{Receiver, RecvTimeoutError, Sender, channel},
    },
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, bail};
use paxos_messages::single::{Output, Request};
use paxos_node::ClientError;
use serde_json::Value;

use super::{Interrupted, NODES, PortTaken};
use crate::{client::Asker, cluster::supervisor::is_port_taken, decree::Decree, process::Guarded};

/// What a story can hear.
pub(super) enum News {
    /// A node has logged an event.
    Logged {
        /// Which node.
        node: u8,
        /// In which of its lives.
        life: u32,
        /// The event's fields.
        line: Value,
    },
    /// A node has ended, and said this that is no event.
    Ended {
        /// Which node.
        node: u8,
        /// Which of its lives.
        life: u32,
        /// What it said: why, if it has ended by itself.
        words: String,
    },
    /// A client has an answer.
    Answered {
        /// The number of the proposing client; none for a question.
        client: Option<usize>,
        /// What was said.
        answer: Result<Output<Decree>, String>,
    },
    /// The user wants to stop.
    Interrupted,
}

/// Where news arrive. They open before there is a directory, so that Ctrl-C never ends this program and leaves it.
pub(super) struct Ears {
    news: Receiver<News>,
    teller: Sender<News>,
}

impl Ears {
    /// From now on Ctrl-C is news.
    pub(super) fn open() -> anyhow::Result<Self> {
        let (teller, news) = channel();
        let interrupted = teller.clone();
        ctrlc::set_handler(move || drop(interrupted.send(News::Interrupted))).context("cannot listen for signals")?;
        Ok(Self { news, teller })
    }
}

/// Three processes on this machine.
pub(super) struct Cluster {
    program: PathBuf,
    directory: PathBuf,
    name: String,
    /// How long each message takes from node to node.
    delay: Duration,
    addresses: BTreeMap<u8, SocketAddr>,
    nodes: BTreeMap<u8, Process>,
    lives: u32,
    news: Receiver<News>,
    teller: Sender<News>,
}

/// A running node. Dropping it kills it.
struct Process {
    child: Guarded,
    life: u32,
    /// Whether it has been asked to stop.
    stopping: bool,
}

impl Cluster {
    /// A cluster whose nodes will keep their memories in `directory`, on a network that takes `delay` for a message.
    pub(super) fn new(directory: &Path, delay: Duration, ears: Ears) -> anyhow::Result<Self> {
        let program = std::env::current_exe().context("cannot find the program itself")?;
        let Ears { news, teller } = ears;
        Ok(Self {
            program,
            directory: directory.to_owned(),
            name: format!("demo-{}", std::process::id()),
            delay,
            addresses: BTreeMap::new(),
            nodes: BTreeMap::new(),
            lives: 0,
            news,
            teller,
        })
    }

    /// Picks three ports that are free now. They are held until all are known, so that they differ; a moment later
    /// somebody else may have one, which is [`PortTaken`].
    pub(super) fn choose_ports(&mut self) -> anyhow::Result<()> {
        let held: Vec<_> = NODES.iter().map(|_| TcpListener::bind("127.0.0.1:0")).collect::<io::Result<_>>()?;
        let addresses = held.iter().map(TcpListener::local_addr).collect::<io::Result<Vec<_>>>()?;
        self.addresses = NODES.into_iter().zip(addresses).collect();
        Ok(())
    }

    pub(super) fn address(&self, node: u8) -> SocketAddr {
        self.addresses[&node]
    }

    /// Starts a process of this very program as `node`, and gives the number of this life of it: no two are the same.
    pub(super) fn start(&mut self, node: u8) -> anyhow::Result<u32> {
        let peers: Vec<_> = self.addresses.iter().map(|(id, address)| format!("{id}={address}")).collect();
        // An undisturbed decision takes four messages. Trying again before that would only disturb it.
        let retry = format!("{0}..{1}", 100 + 5 * self.delay.as_millis(), 200 + 10 * self.delay.as_millis());
        let delay = format!("{}ms", self.delay.as_millis());
        let mut command = Command::new(&self.program);
        command
            .args(["node", "basic", "--id", &node.to_string(), "--peers", &peers.join(","), "--cluster", &self.name])
            .args(["--retry", &retry, "--delay", &delay, "--log-format", "json", "--stop-with-stdin", "--data"])
            .arg(self.directory.join(format!("n{node}")))
            .env("RUST_LOG", "info,paxos::received=debug")
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::piped());
        self.lives += 1;
        let (life, teller) = (self.lives, self.teller.clone());
        let mut child = Guarded::spawn(&mut command)?;
        let log = child.take_stderr();
        self.nodes.insert(node, Process { child, life, stopping: false });
        thread::spawn(move || listen(node, life, log, &teller));
        Ok(life)
    }

    /// Kills `node` (SIGKILL on Unix), and waits until it is dead. If it does not run, nothing happens.
    pub(super) fn kill(&mut self, node: u8) {
        drop(self.nodes.remove(&node));
    }

    /// Asks `node` to stop; [`News::Ended`] tells when it has.
    pub(super) fn stop(&mut self, node: u8) -> anyhow::Result<()> {
        let process = self.nodes.get_mut(&node).with_context(|| format!("n{node} does not run"))?;
        process.stopping = true;
        process.child.close_stdin();
        Ok(())
    }

    /// Each value is proposed by a client of its own, to the node that it asks. They are connected before they ask, and
    /// then ask at once.
    pub(super) fn propose(&self, values: &[Decree]) {
        let together = Arc::new(Barrier::new(values.len()));
        for (client, value) in values.iter().cloned().enumerate() {
            let address = self.address(asked_by(client));
            let together = Arc::clone(&together);
            let start_together = move || {
                together.wait();
            };
            self.client(Some(client), address, Request::Propose(value), start_together);
        }
    }

    /// Asks `node`, as a client.
    pub(super) fn ask(&self, node: u8, request: Request<Decree>) {
        self.client(None, self.address(node), request, || {});
    }

    fn client(
        &self,
        client: Option<usize>,
        address: SocketAddr,
        request: Request<Decree>,
        before_asking: impl FnOnce() + Send + 'static,
    ) {
        let (cluster, teller) = (self.name.clone(), self.teller.clone());
        thread::spawn(move || {
            let connected = connect(address, &cluster, deadline());
            before_asking(); // also without a connection: the others wait for us
            let answer = connected.and_then(|mut asker| asker.ask(&request, deadline()));
            let answer = answer.map_err(|error| error.to_string());
            let _ = teller.send(News::Answered { client, answer });
        });
    }

    /// The next thing that happens. What no story can go on with is an error: a deadline, the user's wish to stop, a
    /// node that ends by itself, a client without an answer.
    pub(super) fn next_news(&mut self, deadline: Instant) -> anyhow::Result<News> {
        let left = deadline.saturating_duration_since(Instant::now());
        let news = self.news.recv_timeout(left).map_err(|error| match error {
            RecvTimeoutError::Timeout => anyhow::anyhow!("it has not happened in {PATIENCE:?}"),
            RecvTimeoutError::Disconnected => unreachable!("the cluster itself can tell"),
        })?;
        match &news {
            News::Interrupted => return Err(Interrupted.into()),
            News::Answered { answer: Err(error), .. } => bail!("a client has no answer: {error}"),
            News::Ended { node, life, words } => self.ended(*node, *life, words)?,
            News::Logged { .. } | News::Answered { .. } => {}
        }
        Ok(news)
    }

    /// A node has ended: was it meant to?
    fn ended(&mut self, node: u8, life: u32, words: &str) -> anyhow::Result<()> {
        let Some(process) = self.nodes.get_mut(&node).filter(|process| process.life == life) else {
            return Ok(()); // killed
        };
        let status = process.child.wait().with_context(|| format!("cannot wait for n{node}"))?;
        let asked = process.stopping;
        self.nodes.remove(&node);
        if asked && status.success() {
            return Ok(());
        }
        if is_port_taken(words) {
            return Err(PortTaken.into());
        }
        bail!("n{node} has ended by itself ({status}): {}", words.trim())
    }
}

/// A client of the node at `address`, which may be about to start: that nobody listens is no answer before `deadline`.
fn connect(address: SocketAddr, cluster: &str, deadline: Instant) -> Result<Asker, ClientError> {
    loop {
        match Asker::connect(address, cluster, None, deadline) {
            Err(ClientError::Unreachable(_)) if Instant::now() < deadline => thread::sleep(BETWEEN_ATTEMPTS),
            connected => return connected,
        }
    }
}

/// The node that a proposing client asks: not n3, which will be killed.
pub(super) const fn asked_by(client: usize) -> u8 {
    [1, 2][client % 2]
}

/// Tells what a node logs, until it ends.
fn listen(node: u8, life: u32, log: ChildStderr, teller: &Sender<News>) {
    let mut words = String::new();
    for line in BufReader::new(log).lines().map_while(Result::ok) {
        match serde_json::from_str(&line) {
            Ok(line) => drop(teller.send(News::Logged { node, life, line })),
            Err(_) => words.push_str(&(line + "\n")),
        }
    }
    let _ = teller.send(News::Ended { node, life, words });
}

/// Until when to wait for the next turn of the story.
pub(super) fn deadline() -> Instant {
    Instant::now() + PATIENCE
}

/// Far more than any turn takes, also on a busy machine.
const PATIENCE: Duration = Duration::from_secs(20);
/// Before looking again whether somebody listens.
const BETWEEN_ATTEMPTS: Duration = Duration::from_millis(20);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_does_not_wait_past_its_deadline() {
        let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let error = connect(address, "test", Instant::now() + 2 * BETWEEN_ATTEMPTS).map(drop).unwrap_err();
        assert!(matches!(error, ClientError::Unreachable(_) | ClientError::TimedOut), "{error}");
    }
}

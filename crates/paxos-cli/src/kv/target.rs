//! Whom a client asks, and for how long.

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    path::PathBuf,
    process::ExitCode,
    sync::mpsc,
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, bail};
use paxos_kv::client::{Client, Config, Error};
use paxos_node::{ClientError, Key};
use paxos_process::NodeId;

use super::Told;
use crate::{
    args,
    cluster::place::Place,
    node::words::{Asked, Replied},
};

/// The options that name a cluster.
#[derive(Clone, clap::Args)]
pub(crate) struct Target {
    /// The addresses of the cluster's nodes: HOST:PORT,HOST:PORT,...
    #[arg(long, env = "PAXOS_TO", value_name = "ADDR,ADDR", value_delimiter = ',', value_parser = args::address)]
    to: Vec<SocketAddr>,
    /// The directory of a cluster that `paxos cluster` runs
    #[arg(long, env = "PAXOS_DIR", value_name = "DIR", conflicts_with_all = ["to", "key_file"])]
    cluster: Option<PathBuf>,
    /// With --to: the name of the cluster
    #[arg(long, env = "PAXOS_CLUSTER", default_value = "paxos", value_name = "NAME")]
    name: String,
    /// With --to: the file with the cluster's key, if it has one
    #[arg(id = "key_file", long = "key", env = "PAXOS_KEY", value_name = "FILE")]
    key: Option<PathBuf>,
    /// How long to try, such as 500ms, 5s or 2m
    #[arg(long, default_value = "10s", value_name = "TIME", value_parser = args::duration)]
    pub(super) deadline: Duration,
    /// Print JSON
    #[arg(long)]
    pub(super) json: bool,
}

/// A client that asks one thing of one node.
type Asker = paxos_node::Client<Asked, Replied>;

impl Target {
    pub(crate) fn deadline(&self) -> Instant {
        Instant::now() + self.deadline
    }

    /// The cluster's name, key and nodes. Those of --to are asked for their numbers; one that does not answer is left
    /// out.
    ///
    /// # Errors
    ///
    /// When no cluster is named, or nobody answers.
    pub(crate) fn config(&self) -> anyhow::Result<Config> {
        let config = match &self.cluster {
            Some(directory) => Place::open(directory)?.config(),
            None => {
                let key = self.key.as_ref().map(Key::read).transpose()?;
                Config { key: key.clone(), ..Config::new(self.numbered(key.as_ref())?, self.name.clone()) }
            }
        };
        Ok(Config { deadline: self.deadline, ..config })
    }

    fn numbered(&self, key: Option<&Key>) -> anyhow::Result<BTreeMap<NodeId, SocketAddr>> {
        if self.to.is_empty() {
            bail!("which cluster? Give --cluster DIR (or PAXOS_DIR), or --to ADDR,ADDR,... (or PAXOS_TO)");
        }
        // All at a time: one that is silent keeps nobody from answering, and is not waited for long when others have.
        let (answers, answered) = mpsc::channel();
        let deadline = self.deadline();
        for &address in &self.to {
            let (name, key, answers) = (self.name.clone(), key.cloned(), answers.clone());
            thread::spawn(move || {
                let asked = Asker::connect(address, &name, key.as_ref(), deadline).map(|client| client.node());
                let _ = answers.send((address, asked)); // it may be too late
            });
        }
        drop(answers);
        let (mut nodes, mut problem, mut until) = (BTreeMap::new(), None, None::<Instant>);
        let next = |until: Option<Instant>| match until {
            None => answered.recv().ok(), // each of them ends at the deadline
            Some(until) => answered.recv_timeout(until.saturating_duration_since(Instant::now())).ok(),
        };
        while let Some((address, asked)) = next(until) {
            match asked {
                Ok(node) => {
                    nodes.insert(node, address);
                    until = until.or_else(|| Some(deadline.min(Instant::now() + LATER)));
                }
                Err(error) => problem = Some(anyhow::Error::from(error).context(format!("{address}"))),
            }
        }
        match problem {
            Some(problem) if nodes.is_empty() => Err(problem.context("no node of --to can be asked")),
            _ => Ok(nodes),
        }
    }

    /// Asks one node one thing that is not the store's. `None`: there is no answer to wait for.
    ///
    /// # Errors
    ///
    /// When it does not answer in time.
    pub(super) fn ask_node(
        config: &Config,
        address: SocketAddr,
        asked: &Asked,
        deadline: Instant,
    ) -> Result<Replied, ClientError> {
        let mut client = Asker::connect(address, &config.cluster, config.key.as_ref(), deadline)?;
        client.ask(asked, deadline)
    }

    /// Lets a client ask for something and prints what it is told.
    pub(super) fn ask(&self, asking: impl AsyncFnOnce(Client) -> Result<Told, Error>) -> anyhow::Result<ExitCode> {
        let config = match self.config() {
            Ok(config) => config,
            Err(error) if self.to.is_empty() && self.cluster.is_none() => return Ok(args::usage(error)),
            Err(error) => return Err(error),
        };
        let client = Client::new(config);
        match runtime()?.block_on(asking(client)) {
            Ok(told) => told.print(self.json),
            Err(error) => {
                let code = if matches!(error, Error::Unknown(_)) { UNKNOWN } else { 1 };
                eprintln!("error: {error}");
                if matches!(error, Error::NotDone(_)) {
                    eprintln!("Are more than half of the nodes running, and does --to name all of them?");
                }
                Ok(ExitCode::from(code))
            }
        }
    }
}

/// A runtime for clients, on the thread that asks for it.
///
/// # Errors
///
/// When the system has no resources for one.
pub(crate) fn runtime() -> anyhow::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_current_thread().enable_all().build().context("cannot start the clients")
}

/// How much later than the first node the others may answer.
const LATER: Duration = Duration::from_secs(1);
/// The exit code when nobody knows what came of a write.
const UNKNOWN: u8 = 3;

//! Whom a client asks, and for how long.

use std::{
    collections::BTreeMap,
    fmt::Display,
    net::SocketAddr,
    path::PathBuf,
    process::ExitCode,
    sync::mpsc,
    thread,
    time::{Duration, Instant},
};

use anyhow::Context;
use clap::{ArgMatches, FromArgMatches, error::ErrorKind, parser::ValueSource};
use paxos_kv::client::{Client, Config, Error};
use paxos_node::{ClientError, Key};
use paxos_process::NodeId;

use super::Told;
use crate::{
    args,
    cluster::place::Place,
    node::words::{Asked, Replied},
    output,
};

/// The options that name a cluster.
///
/// Two ways to name one exclude each other, and the environment may name one too. What is on the command line goes first,
/// so which way is meant depends on where each option comes from, which is why this reads them by hand.
#[derive(Clone)]
pub(crate) struct Target(Options);

#[derive(Clone, clap::Args)]
pub(super) struct Options {
    /// The addresses of the cluster's nodes: HOST:PORT,HOST:PORT,...
    #[arg(long, env = "PAXOS_TO", value_name = "ADDR,ADDR", value_delimiter = ',', value_parser = args::address)]
    to: Vec<SocketAddr>,
    /// The directory of a cluster that `paxos cluster` runs
    #[arg(long, env = "PAXOS_DIR", value_name = "DIR")]
    cluster: Option<PathBuf>,
    /// With --to: the name of the cluster
    #[arg(long, env = "PAXOS_CLUSTER", default_value = "paxos", value_name = "NAME")]
    name: String,
    /// With --to: the file with the cluster's key, if it has one
    #[arg(id = "key_file", long = "key", env = "PAXOS_KEY", value_name = "FILE")]
    key: Option<PathBuf>,
    /// How long to try, such as 500ms, 5s or 2m
    #[arg(long, default_value = "10s", value_name = "TIME", value_parser = args::duration)]
    deadline: Duration,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

impl FromArgMatches for Target {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        Self::from_arg_matches_mut(&mut matches.clone())
    }

    fn from_arg_matches_mut(matches: &mut ArgMatches) -> Result<Self, clap::Error> {
        let is_from = |source, option: &str| matches.value_source(option) == Some(source);
        let typed = |option| is_from(ValueSource::CommandLine, option);
        let (by_address, by_directory) = (typed("to") || typed("key_file"), typed("cluster"));
        let both_exported = ["to", "cluster"].into_iter().all(|option| is_from(ValueSource::EnvVariable, option));
        let mut options = Options::from_arg_matches_mut(matches)?;
        match (by_address, by_directory) {
            (true, true) => return Err(conflict("--cluster cannot be used with --to or --key")),
            (false, false) if both_exported => {
                return Err(conflict("PAXOS_DIR and PAXOS_TO are both set: say which with --cluster or --to"));
            }
            (true, false) => options.cluster = None,
            (false, true) => options.to.clear(),
            (false, false) => {}
        }
        Ok(Self(options))
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

impl clap::Args for Target {
    fn augment_args(command: clap::Command) -> clap::Command {
        Options::augment_args(command)
    }

    fn augment_args_for_update(command: clap::Command) -> clap::Command {
        Options::augment_args_for_update(command)
    }
}

fn conflict(problem: &str) -> clap::Error {
    clap::Error::raw(ErrorKind::ArgumentConflict, format!("{problem}\n"))
}

/// An operator, who asks one thing of one node, also when that has no place for another client.
type Asker = paxos_node::Client<Asked, Replied>;

/// A cluster, as far as it is known.
pub(super) struct Named {
    /// Its nodes are those of the directory, or those of --to that have said who they are.
    pub(super) config: Config,
    /// The others of --to, and why it is not known who they are.
    pub(super) silent: BTreeMap<SocketAddr, String>,
    /// Whether --to names it.
    pub(super) by_address: bool,
}

impl Target {
    pub(super) const fn json(&self) -> bool {
        self.0.json
    }

    pub(super) fn deadline(&self) -> Instant {
        Instant::now() + self.0.deadline
    }

    /// The cluster's name, key and nodes. Those of --to are asked for their numbers.
    ///
    /// # Errors
    ///
    /// The exit code, when no cluster is named or what describes it cannot be read; why is told.
    pub(super) fn find(&self) -> Result<Named, ExitCode> {
        let Options { to, cluster, .. } = &self.0;
        if to.is_empty() && cluster.is_none() {
            let problem = "which cluster? Give --cluster DIR (or PAXOS_DIR), or --to ADDR,ADDR,... (or PAXOS_TO)";
            return Err(args::usage(problem));
        }
        let mut named = self.named().map_err(|error| self.failed(format_args!("{error:#}"), false))?;
        named.config.deadline = self.0.deadline;
        Ok(named)
    }

    fn named(&self) -> anyhow::Result<Named> {
        if let Some(directory) = &self.0.cluster {
            let config = Place::open(directory)?.config();
            return Ok(Named { config, silent: BTreeMap::new(), by_address: false });
        }
        let key = self.0.key.as_ref().map(Key::read).transpose()?;
        let (nodes, silent) = self.numbered(key.as_ref());
        let config = Config { key, ..Config::new(nodes, self.0.name.clone()) };
        Ok(Named { config, silent, by_address: true })
    }

    /// The same, with at least one node that can be asked.
    ///
    /// # Errors
    ///
    /// Those of [`find`](Self::find), and when there is no such node.
    pub(super) fn config(&self) -> Result<Config, ExitCode> {
        let Named { config, silent, .. } = self.find()?;
        if config.nodes.is_empty() {
            let why: Vec<_> = silent.iter().map(|(address, why)| format!("{address}: {why}")).collect();
            return Err(self.failed(format_args!("no node of --to can be asked: {}", why.join("; ")), false));
        }
        Ok(config)
    }

    /// Says that it failed, as the user wants to hear it; returns the exit code.
    pub(super) fn failed(&self, error: impl Display, is_unknown: bool) -> ExitCode {
        output::failed(error, is_unknown, self.json())
    }

    /// Who is at which address of --to; and why it is not known of the others.
    fn numbered(&self, key: Option<&Key>) -> (BTreeMap<NodeId, SocketAddr>, BTreeMap<SocketAddr, String>) {
        // All at a time: one that is silent keeps nobody from answering, and is not waited for long when others have.
        let (answers, answered) = mpsc::channel();
        let deadline = self.deadline();
        for &address in &self.0.to {
            let (name, key, answers) = (self.0.name.clone(), key.cloned(), answers.clone());
            thread::spawn(move || {
                let asked = Asker::operate(address, &name, key.as_ref(), deadline).map(|client| client.node());
                let _ = answers.send((address, asked)); // it may be too late
            });
        }
        drop(answers);
        let (mut nodes, mut until) = (BTreeMap::new(), None::<Instant>);
        let mut silent: BTreeMap<_, _> =
            self.0.to.iter().map(|address| (*address, "it does not answer".into())).collect();
        let next = |until: Option<Instant>| match until {
            None => answered.recv().ok(), // each of them ends at the deadline
            Some(until) => answered.recv_timeout(until.saturating_duration_since(Instant::now())).ok(),
        };
        while let Some((address, asked)) = next(until) {
            match asked {
                Ok(node) => {
                    silent.remove(&address);
                    nodes.insert(node, address);
                    until = until.or_else(|| Some(deadline.min(Instant::now() + LATER)));
                }
                Err(error) => drop(silent.insert(address, error.to_string())),
            }
        }
        (nodes, silent)
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
        let mut client = Asker::operate(address, &config.cluster, config.key.as_ref(), deadline)?;
        client.ask(asked, deadline)
    }

    /// Lets a client ask for something and prints what it is told.
    pub(super) fn ask(&self, asking: impl AsyncFnOnce(Client) -> Result<Told, Error>) -> anyhow::Result<ExitCode> {
        let client = match self.config() {
            Ok(config) => Client::new(config),
            Err(code) => return Ok(code),
        };
        match runtime()?.block_on(asking(client)) {
            Ok(told) => told.print(self.json()),
            Err(error) => {
                let code = self.failed(&error, matches!(error, Error::Unknown(_)));
                if matches!(error, Error::NotDone(_)) {
                    eprintln!("Are more than half of the nodes running, and does --to name all of them?");
                }
                Ok(code)
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

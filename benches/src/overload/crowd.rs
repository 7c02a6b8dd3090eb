//! Connections that only are there, many thousands of them.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use paxos_kv::{Ask, Reply, client::Config};
use paxos_node::{ClientError, Connection};
use paxos_process::NodeId;
use tokio::task::JoinSet;

/// Clients that have said who they are, and nothing since.
#[derive(Default)]
pub struct Crowd {
    /// Those that were let in.
    pub idle: Vec<Connection<Ask, Reply>>,
    /// What the others were told, and how many.
    pub refused: BTreeMap<String, usize>,
}

impl Crowd {
    /// So many connect, to each of `nodes` as many as to another.
    ///
    /// # Panics
    ///
    /// When there is no node, or one that the cluster does not have.
    pub async fn gather(config: &Config, nodes: &[NodeId], count: usize) -> Self {
        let mut tasks = JoinSet::new();
        for first in 0..AT_ONCE {
            let (config, nodes) = (config.clone(), nodes.to_owned());
            tasks.spawn(async move {
                let mut connected = Vec::new();
                for nth in (first..count).step_by(AT_ONCE) {
                    let (address, deadline) = (config.nodes[&nodes[nth % nodes.len()]], Instant::now() + PATIENCE);
                    connected.push(Connection::connect(address, &config.cluster, config.key.as_ref(), deadline).await);
                }
                connected
            });
        }
        let mut crowd = Self::default();
        while let Some(connected) = tasks.join_next().await {
            for connection in connected.expect("it only connects") {
                crowd.take(connection);
            }
        }
        crowd
    }

    fn take(&mut self, connected: Result<Connection<Ask, Reply>, ClientError>) {
        match connected {
            Ok(connection) => self.idle.push(connection),
            Err(error) => *self.refused.entry(error.to_string()).or_default() += 1,
        }
    }

    /// How many are still there.
    #[must_use]
    pub fn present(&self) -> usize {
        self.idle.iter().filter(|connection| !connection.is_over()).count()
    }
}

/// Lets this process, and those that it starts from now on, have as many files open as the system grants without asking
/// anybody; and says how many that are.
#[must_use]
pub fn raise_open_files() -> usize {
    #[cfg(unix)]
    {
        use nix::sys::resource::{Resource, getrlimit, setrlimit};
        let Ok((now, most)) = getrlimit(Resource::RLIMIT_NOFILE) else { return FEW };
        let wanted = most.min(ENOUGH);
        let raised = now < wanted && setrlimit(Resource::RLIMIT_NOFILE, wanted, most).is_ok();
        usize::try_from(if raised { wanted } else { now }).unwrap_or(usize::MAX)
    }
    #[cfg(not(unix))]
    FEW
}

/// Connections that are made at a time: a node has 64 places for those who have not said who they are.
const AT_ONCE: usize = 32;
const PATIENCE: Duration = Duration::from_secs(20);
/// Files that every system lets a process open.
const FEW: usize = 256;
/// More than the crowd is.
#[cfg(unix)]
const ENOUGH: u64 = 32_768;

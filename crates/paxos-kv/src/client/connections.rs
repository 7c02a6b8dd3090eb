//! One connection to each node: made when it is needed, by one caller for all, and left when it does not answer.
//!
//! A connection that breaks says so. One that something on the way has forgotten does not: what is written on it goes
//! nowhere, and the system believes in it for many minutes more. So whoever has waited in vain on one on which nothing
//! was heard meanwhile [leaves](Connections::leave) it, and the next who asks that node makes another one.

use std::{
    collections::BTreeMap,
    format,
    net::SocketAddr,
    string::{String, ToString},
    sync::{Mutex, MutexGuard},
};

use paxos_node::{ClientError, Connection, Key};
use paxos_process::NodeId;
use tokio::{
    sync::Mutex as AsyncMutex,
    time::{Instant, timeout_at},
};

use super::Config;
use crate::{Ask, Reply};

pub(super) type Wire = Connection<Ask, Reply>;

/// The connections to the nodes of a cluster.
pub(super) struct Connections {
    cluster: String,
    key: Option<Key>,
    places: BTreeMap<NodeId, Place>,
}

/// Where one node is, and the connection to it.
struct Place {
    address: SocketAddr,
    state: Mutex<State>,
    /// Held while somebody connects, so that only one does. A node has few places for those who have not said yet who
    /// they are, and a thousand callers of one client would take them all.
    connecting: AsyncMutex<()>,
}

#[derive(Default)]
struct State {
    wire: Option<Wire>,
    /// How often it was tried in vain, and why the last time.
    failures: u64,
    why: String,
}

impl Connections {
    pub(super) fn new(config: &Config) -> Self {
        let place = |address| Place { address, state: Mutex::default(), connecting: AsyncMutex::new(()) };
        let places = config.nodes.iter().map(|(node, address)| (*node, place(*address))).collect();
        Self { cluster: config.cluster.clone(), key: config.key.clone(), places }
    }

    /// The connection to a node; a new one, when there is none, or it is over.
    pub(super) async fn to(&self, node: NodeId, deadline: Instant) -> Result<Wire, ClientError> {
        let unknown = || ClientError::Unsent("it is no node of the cluster".into());
        let place = self.places.get(&node).ok_or_else(unknown)?;
        let failures = match &*place.lock() {
            State { wire: Some(wire), .. } if !wire.is_over() => return Ok(wire.clone()),
            State { failures, .. } => *failures,
        };
        let connecting = timeout_at(deadline, place.connecting.lock()).await;
        let _connecting = connecting.map_err(|_| ClientError::TimedOut)?;
        // Whoever was at it while we waited was so for us too, whether it succeeded or not.
        match &*place.lock() {
            State { wire: Some(wire), .. } if !wire.is_over() => return Ok(wire.clone()),
            state if failures < state.failures => return Err(ClientError::Unsent(state.why.clone())),
            _ => {}
        }
        let connected = self.connect(node, place.address, deadline).await;
        let mut state = place.lock();
        match &connected {
            Ok(wire) => state.wire = Some(wire.clone()),
            Err(ClientError::TimedOut) => {} // it may have had less time than those who wait
            Err(error) => {
                state.failures += 1;
                state.why = error.to_string();
            }
        }
        connected
    }

    async fn connect(&self, node: NodeId, address: SocketAddr, deadline: Instant) -> Result<Wire, ClientError> {
        let wire = Wire::connect(address, &self.cluster, self.key.as_ref(), deadline.into_std()).await?;
        if wire.node() != node {
            return Err(ClientError::Unsent(format!("{address} is {}", wire.node())));
        }
        Ok(wire)
    }

    /// Has the next who asks this node make another connection, unless somebody has done so already. Those who wait for an
    /// answer on this one wait on.
    pub(super) fn leave(&self, node: NodeId, wire: &Wire) {
        if let Some(place) = self.places.get(&node) {
            let mut state = place.lock();
            if state.wire.as_ref().is_some_and(|kept| kept.is_same(wire)) {
                state.wire = None;
            }
        }
    }
}

impl Place {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no thread panics with it")
    }
}

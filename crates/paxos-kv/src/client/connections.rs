//! One connection to each node: made when it is needed, and left when it does not answer.
//!
//! A connection that breaks says so. One that something on the way has forgotten does not: what is written on it goes
//! nowhere, and the system believes in it for many minutes more. So whoever has waited in vain on one on which nothing
//! was heard meanwhile [leaves](Connections::leave) it, and the next who asks that node makes another one.

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    string::String,
    sync::{Mutex, MutexGuard},
};

use paxos_node::{ClientError, Connection, Key};
use paxos_process::NodeId;
use tokio::time::Instant;

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
}

#[derive(Default)]
struct State {
    wire: Option<Wire>,
}

impl Connections {
    pub(super) fn new(config: &Config) -> Self {
        let place = |address| Place { address, state: Mutex::default() };
        let places = config.nodes.iter().map(|(node, address)| (*node, place(*address))).collect();
        Self { cluster: config.cluster.clone(), key: config.key.clone(), places }
    }

    /// The connection to a node; a new one, when there is none, or it is over.
    pub(super) async fn to(&self, node: NodeId, deadline: Instant) -> Result<Wire, ClientError> {
        let unknown = || ClientError::Unsent("it is no node of the cluster".into());
        let place = self.places.get(&node).ok_or_else(unknown)?;
        match &*place.lock() {
            State { wire: Some(wire) } if !wire.is_over() => return Ok(wire.clone()),
            _ => {}
        }
        let wire = self.connect(place.address, deadline).await?;
        // Others may have connected meanwhile: the first one stays, so that there is one.
        let mut state = place.lock();
        let kept = state.wire.take().filter(|wire| !wire.is_over()).unwrap_or(wire);
        state.wire = Some(kept.clone());
        Ok(kept)
    }

    async fn connect(&self, address: SocketAddr, deadline: Instant) -> Result<Wire, ClientError> {
        Wire::connect(address, &self.cluster, self.key.as_ref(), deadline.into_std()).await
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

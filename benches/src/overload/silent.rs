//! Clients that ask for much and read nothing of it.
//!
//! A client of ours reads whatever comes. So what the node says to one of these stops on the way: there is something between
//! them that passes everything on until it is told not to, and then takes nothing more from the node.

use std::time::{Duration, Instant};

use paxos_kv::{Ask, Query, Reply, client::Config};
use paxos_node::Connection;
use paxos_process::NodeId;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, copy},
    net::{TcpListener, TcpStream},
    select,
    sync::watch,
    task::JoinHandle,
    time::sleep,
};

/// Clients whose answers nobody reads. They are there until it is dropped.
pub struct Silent {
    connections: Vec<Connection<Ask, Reply>>,
    ways: Vec<JoinHandle<()>>,
}

impl Silent {
    /// So many ask this node for `pages` pages each, and read none.
    ///
    /// # Errors
    ///
    /// When one is not let in.
    ///
    /// # Panics
    ///
    /// When the cluster does not have the node, or the system no more sockets.
    pub async fn gather(config: &Config, node: NodeId, count: usize, pages: usize) -> Result<Self, String> {
        let (stop, stopped) = watch::channel(false);
        let mut silent = Self { connections: Vec::new(), ways: Vec::new() };
        for _ in 0..count {
            let listener = TcpListener::bind("127.0.0.1:0").await.expect("a socket");
            let address = listener.local_addr().expect("it is bound");
            let to = TcpStream::connect(config.nodes[&node]).await.map_err(|error| error.to_string())?;
            silent.ways.push(tokio::spawn(way(listener, to, stopped.clone())));
            let deadline = Instant::now() + PATIENCE;
            let connected = Connection::connect(address, &config.cluster, config.key.as_ref(), deadline).await;
            silent.connections.push(connected.map_err(|error| error.to_string())?);
        }
        stop.send(true).expect("the ways are there");
        // Of whoever leads or does not: a node that has lost its leadership meanwhile would say so, which is short and soon
        // read by the system.
        let ask = Ask::ReadStale(Query::Range { start: Vec::new().into(), end: None, limit: u32::MAX });
        // Not all at once: most would be turned away, and a refusal is soon read.
        for _ in 0..pages.div_ceil(AT_ONCE) {
            for connection in &silent.connections {
                for _ in 0..AT_ONCE {
                    drop(connection.ask(&ask)); // it has left; nobody waits for what comes of it
                }
            }
            sleep(PAUSE).await;
        }
        Ok(silent)
    }
}

impl Drop for Silent {
    fn drop(&mut self) {
        self.ways.iter().for_each(JoinHandle::abort);
    }
}

/// Brings what one client says to the node, and back until it is stopped.
async fn way(listener: TcpListener, mut node: TcpStream, mut stopped: watch::Receiver<bool>) {
    let Ok((mut client, _)) = listener.accept().await else { return };
    let ((mut from_node, mut to_node), (mut from_client, mut to_client)) = (node.split(), client.split());
    let back = async {
        let mut bytes = [0; 4_096];
        loop {
            let read = select! {
                biased;
                () = async { drop(stopped.wait_for(|stopped| *stopped).await) } => return,
                read = from_node.read(&mut bytes) => read,
            };
            match read {
                Ok(length @ 1..) if to_client.write_all(&bytes[..length]).await.is_ok() => {}
                _ => return,
            }
        }
    };
    // Both ends stay open, also when nothing comes back any more.
    let _ = tokio::join!(copy(&mut from_client, &mut to_node), back);
    std::future::pending::<()>().await;
}

const PATIENCE: Duration = Duration::from_secs(20);
/// Pages that each asks for together, and how long it then waits.
const AT_ONCE: usize = 10;
const PAUSE: Duration = Duration::from_millis(50);

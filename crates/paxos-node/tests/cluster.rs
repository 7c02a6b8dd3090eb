//! Real nodes on real sockets and disks, in one process: they decide, survive bad company, and stop when the disk does.

use std::{
    collections::BTreeMap,
    io::{Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::mpsc::{Sender, channel},
    time::{Duration, Instant},
};

use paxos_basic::Replica;
use paxos_codec::MAX_PAYLOAD;
use paxos_messages::single::{Message, Output, Record, Request, Timer};
use paxos_node::{
    AskError, Client, ClientError, Config, Connection, Disk, Identity, Key, MAX_REQUEST, Matching, Node, NodeError,
    Observer, Store,
};
use paxos_process::{NodeId, NodeSet};
use paxos_quorums::Quorums;
use tempfile::TempDir;

type Value = String;
type Basic = Replica<Value>;
type Answers = Matching<Basic>;
type Asker = Client<Request<Value>, Output<Value>>;

const MEMBERSHIP: &str = "{n1,n2,n3} 2 of 3";
const PROTOCOL: &str = "basic-paxos/1";

/// Far more than anything here takes: a test that meets it has failed.
const PATIENCE: Duration = Duration::from_secs(20);

fn deadline() -> Instant {
    Instant::now() + PATIENCE
}

/// A cluster of three, its addresses and its disks. Nodes are stopped when it is dropped.
struct Cluster {
    addresses: BTreeMap<NodeId, SocketAddr>,
    disks: TempDir,
    nodes: BTreeMap<NodeId, Node<Basic, Answers>>,
    key: Option<Key>,
}

impl Cluster {
    fn start() -> Self {
        Self::start_with(None)
    }

    fn start_with(key: Option<Key>) -> Self {
        // Held until all are known, so that they differ; the node binds a moment later.
        let free: Vec<_> = (1..=3).map(|_| TcpListener::bind("127.0.0.1:0").unwrap()).collect();
        let addresses = (1..).map(NodeId).zip(free.iter().map(|free| free.local_addr().unwrap())).collect();
        drop(free);
        let mut cluster = Self { addresses, disks: tempfile::tempdir().unwrap(), nodes: BTreeMap::new(), key };
        for id in [1, 2, 3] {
            cluster.start_node(NodeId(id));
        }
        cluster
    }

    fn config(&self, id: NodeId) -> Config<Basic, Answers> {
        let mut peers = self.addresses.clone();
        let listen = peers.remove(&id).unwrap();
        Config {
            identity: identity(id),
            listen,
            peers,
            durations: Box::new(|Timer::Retry| Duration::from_millis(50)..=Duration::from_millis(100)),
            answers: Matching::new(|_, _| true),
            key: self.key.clone(),
            seed: id.0.into(),
            delay: Duration::ZERO,
        }
    }

    fn start_node(&mut self, id: NodeId) {
        let (store, recovered) = self.store(id);
        let node = Node::start(self.config(id), replica(id), recovered, store, ()).unwrap();
        assert_eq!(node.address(), self.addresses[&id]);
        self.nodes.insert(id, node);
    }

    fn store(&self, id: NodeId) -> (Store<Record<Value>>, Vec<Record<Value>>) {
        Store::open(self.disks.path().join(id.to_string()), identity(id)).unwrap()
    }

    fn stop_node(&mut self, id: NodeId) {
        let node = self.nodes.remove(&id).unwrap();
        node.handle().stop();
        node.join().unwrap();
    }

    fn client(&self, id: NodeId) -> Asker {
        Client::connect(self.addresses[&id], "test", self.key.as_ref(), deadline()).unwrap()
    }

    fn ask(&self, id: NodeId, request: Request<Value>) -> Output<Value> {
        self.client(id).ask(&request, deadline()).unwrap()
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        for (_, node) in std::mem::take(&mut self.nodes) {
            node.handle().stop();
            let _ = node.join();
        }
    }
}

fn identity(id: NodeId) -> Identity {
    Identity { node: id, cluster: "test".into(), membership: MEMBERSHIP.into(), protocol: PROTOCOL.into() }
}

fn replica(id: NodeId) -> Basic {
    Replica::new(id, Quorums::majority(NodeSet::first(3)).unwrap())
}

#[test]
fn three_nodes_decide_and_remember() {
    let mut cluster = Cluster::start();
    let Output::NothingChosen { .. } = cluster.ask(NodeId(3), Request::Learn) else { panic!("nobody has proposed") };
    let chosen = cluster.ask(NodeId(1), Request::Propose("blue".into()));
    assert_eq!(chosen, Output::Learned("blue".into()));
    assert_eq!(cluster.ask(NodeId(2), Request::Propose("green".into())), chosen);
    assert_eq!(cluster.client(NodeId(3)).node(), NodeId(3));

    for id in [1, 2, 3] {
        cluster.stop_node(NodeId(id));
    }
    for id in [1, 2, 3] {
        cluster.start_node(NodeId(id));
    }
    for id in [3, 1, 2] {
        assert_eq!(cluster.ask(NodeId(id), Request::Learn), chosen);
    }
}

#[test]
fn two_of_three_are_enough_and_one_is_not() {
    let mut cluster = Cluster::start();
    cluster.stop_node(NodeId(3));
    cluster.stop_node(NodeId(2));
    let soon = Instant::now() + Duration::from_millis(300);
    let lonely = cluster.client(NodeId(1)).ask(&Request::Propose("blue".into()), soon);
    assert!(matches!(lonely, Err(ClientError::TimedOut)), "{lonely:?}");
    cluster.start_node(NodeId(2));
    assert_eq!(cluster.ask(NodeId(2), Request::Learn), cluster.ask(NodeId(1), Request::Learn));
}

/// What a stranger says to a node, and that the node says why and hangs up.
fn hangs_up(address: SocketAddr, says: &[u8], why: &str) {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.write_all(says).unwrap();
    let mut answer = Vec::new();
    // Closed, or reset because it did not read everything: not kept waiting.
    if let Err(error) = stream.read_to_end(&mut answer) {
        assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset, "{error}");
    }
    let answer = String::from_utf8_lossy(&answer);
    assert!(answer.contains(why), "{why:?} in {answer:?}");
}

/// A frame as others would write it: the hello of version 7 has a version, a cluster, whether there is a key, a nonce,
/// and who (0 a peer, with its node, the node it looks for, its membership and its protocol; 1 a client).
fn frame<T: serde::Serialize>(value: &T) -> Vec<u8> {
    let mut bytes = Vec::new();
    paxos_codec::encode_frame(value, &mut bytes).unwrap();
    bytes
}

const NONCE: [u8; 32] = [7; 32];

fn hello(cluster: &str, keyed: bool, peer: u8, to: u8, membership: &str) -> Vec<u8> {
    frame(&(7_u16, cluster, keyed, NONCE, 0_u32, peer, to, membership, PROTOCOL))
}

#[test]
fn bad_company_is_shown_the_door_and_the_cluster_decides() {
    let cluster = Cluster::start();
    let address = cluster.addresses[&NodeId(1)];
    let peer = |id| hello("test", false, id, 1, MEMBERSHIP);
    hangs_up(address, b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", "does not continue with a frame");
    hangs_up(address, &frame(&(2_u16, "test", 0_u32, 2_u8, 1_u8, MEMBERSHIP)), "version 2 of the protocol");
    hangs_up(address, &hello("other", false, 2, 1, MEMBERSHIP), "cluster \"other\"");
    hangs_up(address, &hello("test", true, 2, 1, MEMBERSHIP), "it has a cluster key, this node has none");
    hangs_up(address, &peer(1), "n1 is no peer of n1"); // itself
    hangs_up(address, &peer(4), "n4 is no peer of n1");
    hangs_up(address, &peer(64), "out of range");
    hangs_up(address, &hello("test", false, 2, 3, MEMBERSHIP), "n2 looks for n3, this is n1");
    hangs_up(address, &hello("test", false, 2, 1, "{n2} 1 of 1"), "n2 takes the cluster for \"{n2} 1 of 1\"");
    hangs_up(address, &frame(&"x".repeat(1024)), "the limit is 1024"); // too much for a stranger
    hangs_up(address, &[peer(2), frame(&u32::MAX)].concat(), ""); // no message

    let mut oversize = frame(&0_u8)[..16].to_vec();
    oversize[4..8].copy_from_slice(&u32::MAX.to_le_bytes());
    hangs_up(address, &oversize, "does not match its checksum");
    let chosen = cluster.ask(NodeId(1), Request::Propose("blue".into()));
    assert_eq!(chosen, Output::Learned("blue".into()));
    let refused = cluster.nodes[&NodeId(1)].handle().stats().counts().strangers_refused;
    assert!((11..=12).contains(&refused), "{refused}"); // all but the one that was welcome, and was no stranger
}

#[test]
fn a_cluster_with_a_key_takes_nobody_without_it() {
    let key = Key::generate().unwrap();
    let cluster = Cluster::start_with(Some(key.clone()));
    let chosen = cluster.ask(NodeId(1), Request::Propose("blue".into()));
    assert_eq!(chosen, Output::Learned("blue".into()));
    let address = cluster.addresses[&NodeId(1)];
    let refused = |key: Option<&Key>| match Asker::connect(address, "test", key, deadline()) {
        Err(ClientError::Refused(reason)) => reason,
        other => panic!("welcome: {:?}", other.map(drop)),
    };
    assert_eq!(refused(None), "it has no cluster key, this node has one");
    assert_eq!(refused(Some(&Key::generate().unwrap())), "it does not hold this cluster's key");
    // A stranger that cares for nobody's proof, and one that goes on without one of its own.
    let greeting = hello("test", true, 2, 1, MEMBERSHIP);
    hangs_up(address, &[greeting.clone(), frame(&[0_u8; 32])].concat(), "it does not hold this cluster's key");
    hangs_up(address, &[greeting, frame(&0_u32)].concat(), "");
    assert_eq!(cluster.ask(NodeId(2), Request::Learn), chosen);
}

#[test]
fn a_node_with_another_key_is_no_part_of_the_cluster() {
    let mut cluster = Cluster::start_with(Some(Key::generate().unwrap()));
    for id in [2, 3] {
        cluster.stop_node(NodeId(id));
    }
    let key = cluster.key.replace(Key::generate().unwrap());
    cluster.start_node(NodeId(2));
    // Each has a client of its own kind, and each refuses the other: neither reaches a quorum.
    let soon = Instant::now() + Duration::from_millis(300);
    let alone = cluster.client(NodeId(2)).ask(&Request::Propose("green".into()), soon);
    assert!(matches!(alone, Err(ClientError::TimedOut)), "{alone:?}");
    cluster.stop_node(NodeId(2));
    cluster.key = key;
    for id in [2, 3] {
        cluster.start_node(NodeId(id));
    }
    // What it proposed alone was never chosen, and nobody else has heard of it.
    assert_eq!(cluster.ask(NodeId(1), Request::Propose("blue".into())), Output::Learned("blue".into()));
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
}

#[test]
fn one_connection_carries_many_requests() {
    let key = Key::generate().unwrap();
    let cluster = Cluster::start_with(Some(key.clone()));
    let address = cluster.addresses[&NodeId(2)];
    runtime().block_on(async {
        let connected = Connection::<Request<Value>, Output<Value>>::connect(address, "test", Some(&key), deadline());
        let connection = connected.await.unwrap();
        assert_eq!(connection.node(), NodeId(2));
        let asked: Vec<_> = (0..1000).map(|n| connection.ask(&Request::Propose(format!("value {n}")))).collect();
        let too_long = connection.ask(&Request::Propose(value(1)));
        let mut chosen = Vec::new();
        for answer in asked {
            chosen.push(tokio::time::timeout(PATIENCE, answer).await.unwrap().unwrap());
        }
        chosen.dedup();
        assert_eq!(chosen.len(), 1, "{chosen:?}");
        let Err(ClientError::Refused(reason)) = too_long.await else { panic!("it was not refused") };
        assert!(reason.contains("the limit is"), "{reason}");
    });
}

#[test]
fn a_client_that_reads_is_answered_however_much_there_is_to_say() {
    let cluster = Cluster::start();
    let long = Output::Learned("x".repeat(256 << 10));
    let Output::Learned(value) = long.clone() else { unreachable!() };
    assert!(cluster.ask(NodeId(1), Request::Propose(value)) == long);
    runtime().block_on(async {
        let address = cluster.addresses[&NodeId(1)];
        let connected = Connection::<Request<Value>, Output<Value>>::connect(address, "test", None, deadline());
        let connection = connected.await.unwrap();
        // All at once, so that one batch of the process answers many of them: 75 MiB, for some of which there is no room.
        let (mut left, mut withheld) = (300, 0);
        while left > 0 {
            let asked: Vec<_> = (0..left).map(|_| connection.ask(&Request::Learn)).collect();
            let before = left;
            for answer in asked {
                match tokio::time::timeout(PATIENCE, answer).await.expect("in time") {
                    Err(ClientError::Withheld) => withheld += 1,
                    answer => {
                        assert!(answer.expect("an answer") == long);
                        left -= 1;
                    }
                }
            }
            assert!(left < before, "whoever reads always hears something");
        }
        assert!(withheld > 0, "there was room for 75 MiB at once");
    });
}

#[test]
fn what_is_unanswered_when_the_connection_breaks_is_unknown() {
    let mut cluster = Cluster::start();
    for id in [2, 3] {
        cluster.stop_node(NodeId(id)); // so no answer comes
    }
    let address = cluster.addresses[&NodeId(1)];
    runtime().block_on(async {
        let connected = Connection::<Request<Value>, Output<Value>>::connect(address, "test", None, deadline());
        let connection = connected.await.unwrap();
        let asked: Vec<_> = (0..10).map(|n| connection.ask(&Request::Propose(format!("value {n}")))).collect();
        cluster.stop_node(NodeId(1));
        for answer in asked {
            let error = tokio::time::timeout(PATIENCE, answer).await.unwrap().unwrap_err();
            assert!(error.is_unknown(), "{error}");
        }
        assert!(connection.is_over());
        let error = connection.ask(&Request::Learn).await.unwrap_err();
        assert!(!error.is_unknown(), "it was never sent: {error}");
    });
}

#[test]
fn clients_of_another_cluster_are_told_so() {
    let cluster = Cluster::start();
    let refused = Asker::connect(cluster.addresses[&NodeId(1)], "other", None, deadline()).map(|_| ());
    let Err(ClientError::Refused(reason)) = refused else { panic!("welcome: {refused:?}") };
    assert!(reason.contains("\"other\"") && reason.contains("\"test\""), "{reason}");
}

/// A value whose proposal is `over` bytes longer than allowed: in a payload, the kind of a request takes 4 bytes and the
/// length of a text 8.
fn value(over: usize) -> Value {
    "x".repeat(MAX_REQUEST - 12 + over)
}

#[test]
fn a_value_at_the_limit_is_chosen_told_and_promised() {
    let mut cluster = Cluster::start();
    let chosen = Output::Learned(value(0));
    cluster.stop_node(NodeId(3));
    assert!(cluster.ask(NodeId(1), Request::Propose(value(0))) == chosen);
    for id in [1, 2] {
        cluster.stop_node(NodeId(id));
    }
    // n3 knows nothing: it learns from a promise with a vote, which has to fit into a frame.
    for id in [2, 3] {
        cluster.start_node(NodeId(id));
    }
    assert!(cluster.ask(NodeId(3), Request::Learn) == chosen);
    assert!(cluster.ask(NodeId(2), Request::Propose("green".into())) == chosen);
    cluster.start_node(NodeId(1));
    assert!(cluster.ask(NodeId(1), Request::Learn) == chosen);
}

#[test]
fn a_longer_request_is_refused_and_kills_nobody() {
    let cluster = Cluster::start();
    // As long as a frame can carry, with the id and the tag, and one byte too long: both fit into a frame of the client.
    for over in [MAX_PAYLOAD - MAX_REQUEST - 24, 1] {
        for id in [1, 2, 3] {
            let refused = cluster.client(NodeId(id)).ask(&Request::Propose(value(over)), deadline());
            let Err(ClientError::Refused(reason)) = refused.map(drop) else { panic!("it was not refused") };
            assert!(reason.contains(&format!("the limit is {MAX_REQUEST}")), "{reason}");
            let asked = cluster.nodes[&NodeId(id)].handle().ask(Request::Propose(value(over)));
            assert_eq!(asked.err(), Some(AskError::TooLong));
        }
    }
    let longest = Request::Propose(value(MAX_PAYLOAD - MAX_REQUEST));
    let unsent = cluster.client(NodeId(1)).ask(&longest, deadline());
    assert!(matches!(unsent, Err(ClientError::Unsent(_))), "{:?}", unsent.map(drop));
    let Output::NothingChosen { .. } = cluster.ask(NodeId(1), Request::Learn) else { panic!("it was carried out") };
    let asked = cluster.nodes[&NodeId(2)].handle().ask(Request::Propose(value(0))).unwrap();
    assert!(asked.blocking_recv().unwrap() == Output::Learned(value(0)));
    assert!(cluster.ask(NodeId(3), Request::Learn) == Output::Learned(value(0)));
}

#[test]
fn silent_strangers_keep_nobody_waiting() {
    let cluster = Cluster::start();
    let address = cluster.addresses[&NodeId(1)];
    let _silent: Vec<_> = (0..200).map(|_| TcpStream::connect(address).unwrap()).collect();
    let chosen = cluster.ask(NodeId(1), Request::Propose("blue".into()));
    assert_eq!(chosen, Output::Learned("blue".into()));
}

/// A disk that takes nothing.
struct Broken;

impl Disk<Record<Value>> for Broken {
    type Error = &'static str;

    fn append(&mut self, _: &Record<Value>) -> Result<(), &'static str> {
        Ok(())
    }
    fn sync(&mut self) -> Result<(), &'static str> {
        Err("input/output error")
    }
    fn is_long(&self) -> bool {
        false
    }
    fn checkpoint(&mut self, _: Vec<Record<Value>>) -> Result<(), &'static str> {
        Ok(())
    }
}

/// Reports every message that leaves.
struct Sent(Sender<Message<Value>>);

impl Observer<Basic> for Sent {
    fn sending(&mut self, _: NodeSet, message: &Message<Value>) {
        let _ = self.0.send(message.clone());
    }
}

#[test]
fn a_failed_sync_ends_the_node_and_nothing_was_promised() {
    let mut cluster = Cluster::start();
    cluster.stop_node(NodeId(1));
    let (sent, messages) = channel();
    let node = Node::start(cluster.config(NodeId(1)), replica(NodeId(1)), vec![], Broken, Sent(sent)).unwrap();
    let lost = cluster.client(NodeId(1)).ask(&Request::Propose("blue".into()), deadline());
    assert!(matches!(lost, Err(ClientError::Lost(_))), "{lost:?}");
    let Err(NodeError::Disk(error)) = node.join() else { panic!("the node has not noticed") };
    assert_eq!(error.to_string(), "input/output error");
    assert_eq!(messages.iter().count(), 0, "not even its own question may leave before the ballot is stable");
}

#[test]
fn a_broken_invariant_ends_the_node_with_its_reason() {
    let cluster = Cluster::start();
    let config = Config { listen: ([127, 0, 0, 1], 0).into(), ..cluster.config(NodeId(1)) };
    let foreign = vec![Record::Round(paxos_messages::Ballot { round: 1, node: NodeId(2) })];
    let node = Node::start(config, replica(NodeId(1)), foreign, Broken, ()).unwrap();
    let Err(NodeError::Panicked(reason)) = node.join() else { panic!("it runs on another's memory") };
    assert!(reason.contains("a ballot of another node"), "{reason}");
}

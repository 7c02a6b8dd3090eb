//! The store on real nodes, asked through the client: what clients saw while nodes stopped and came back is judged.

use std::{
    collections::BTreeMap,
    future::Future,
    io::{Read, Write},
    net::{Shutdown, SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst},
    },
    thread,
    time::{Duration, Instant},
};

use paxos_judge::{Action, Before, Call, End, Verdict, judge};
use paxos_kv::{
    Ask, Batch, Command, MAX_KEY, MAX_SESSIONS, Options, Outcome, Output, Query, Reply, Request, Service,
    client::{Client, Config, Error},
};
use paxos_messages::{
    Bytes,
    multi::{Record, Timer},
};
use paxos_multi::Replica;
use paxos_node::{Carried, Config as NodeConfig, Connection, Identity, Key, Node, Store};
use paxos_process::{NodeId, NodeSet};
use paxos_quorums::Quorums;
use tempfile::TempDir;
use tokio::{runtime::Builder, task::JoinSet};

type Kv = Service<Replica<Batch>>;
type Answers = Carried<Kv, Ask, Reply>;

const MEMBERSHIP: &str = "{n1,n2,n3} 2 of 3";

/// Three nodes, their addresses and disks. They are stopped when it is dropped.
struct Cluster {
    addresses: BTreeMap<NodeId, SocketAddr>,
    disks: TempDir,
    nodes: BTreeMap<NodeId, Node<Kv, Answers>>,
    key: Key,
    options: Options,
}

impl Cluster {
    fn start(options: Options) -> Self {
        // Held until all are known, so that they differ; a node binds its own a moment later.
        let free: Vec<_> = (1..=3).map(|_| TcpListener::bind("127.0.0.1:0").unwrap()).collect();
        let addresses = (1..).map(NodeId).zip(free.iter().map(|free| free.local_addr().unwrap())).collect();
        drop(free);
        let (disks, key) = (tempfile::tempdir().unwrap(), Key::generate().unwrap());
        let mut cluster = Self { addresses, disks, nodes: BTreeMap::new(), key, options };
        (1..=3).for_each(|id| cluster.start_node(NodeId(id)));
        cluster
    }

    fn start_node(&mut self, id: NodeId) {
        let (cluster, membership, protocol) = ("ours".into(), MEMBERSHIP.into(), "paxos-log/1".into());
        let identity = Identity { node: id, cluster, membership, protocol };
        let directory = self.disks.path().join(id.to_string());
        let (store, recovered) = Store::<Record<Batch>>::open(directory, identity.clone()).unwrap();
        let mut peers = self.addresses.clone();
        let listen = peers.remove(&id).unwrap();
        let quorums = Quorums::majority(NodeSet::first(3)).unwrap();
        let replica = Replica::new(id, quorums, paxos_multi::Options::default());
        let config = NodeConfig {
            identity,
            listen,
            peers,
            durations: Box::new(|timer| match timer {
                Timer::Heartbeat => Duration::from_millis(20)..=Duration::from_millis(20),
                Timer::Election => Duration::from_millis(150)..=Duration::from_millis(300),
            }),
            answers: Carried::new(Request::client, Output::answer),
            key: Some(self.key.clone()),
            seed: id.0.into(),
            delay: Duration::ZERO,
        };
        let node = Node::start(config, Service::new(replica, self.options), recovered, store, ()).unwrap();
        self.nodes.insert(id, node);
    }

    fn stop_node(&mut self, id: NodeId) {
        let node = self.nodes.remove(&id).unwrap();
        node.handle().stop();
        node.join().unwrap();
    }

    fn client(&self) -> Client {
        let config = Config::new(self.addresses.clone(), "ours".into());
        Client::new(Config { key: Some(self.key.clone()), deadline: Duration::from_secs(20), ..config })
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        self.nodes.values().for_each(|node| node.handle().stop());
    }
}

/// The way to a node, with something on it that forwards what comes, and may forget connections: it takes then what is said
/// on them, and passes nothing on. New ones are as good as ever.
struct Way {
    address: SocketAddr,
    /// How many connections it has taken.
    taken: Arc<AtomicUsize>,
    /// How many of them it has forgotten: the first ones.
    forgotten: Arc<AtomicUsize>,
}

impl Way {
    fn to(node: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (taken, forgotten) = (Arc::<AtomicUsize>::default(), Arc::<AtomicUsize>::default());
        let way = Self { address, taken: Arc::clone(&taken), forgotten: Arc::clone(&forgotten) };
        thread::spawn(move || {
            for here in listener.incoming().map_while(Result::ok) {
                let number = taken.fetch_add(1, SeqCst);
                let Ok(there) = TcpStream::connect(node) else { continue };
                for (from, to) in [(&here, &there), (&there, &here)] {
                    let (from, to) = (from.try_clone().unwrap(), to.try_clone().unwrap());
                    let forgotten = Arc::clone(&forgotten);
                    thread::spawn(move || forward(from, to, || number < forgotten.load(SeqCst)));
                }
            }
        });
        way
    }

    fn forget_all(&self) {
        self.forgotten.store(self.taken.load(SeqCst), SeqCst);
    }
}

fn forward(mut from: TcpStream, mut to: TcpStream, is_forgotten: impl Fn() -> bool) {
    let mut buffer = [0; 4096];
    while let Ok(length @ 1..) = from.read(&mut buffer) {
        if !is_forgotten() && to.write_all(&buffer[..length]).is_err() {
            break;
        }
    }
    let _ = to.shutdown(Shutdown::Both); // it may be closed
}

/// The way to a node, on which what it says is taken until one is told not to.
fn way_that_may_stop(node: SocketAddr) -> (SocketAddr, Arc<AtomicBool>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let (address, stopped) = (listener.local_addr().unwrap(), Arc::<AtomicBool>::default());
    let stop = Arc::clone(&stopped);
    thread::spawn(move || {
        let (here, _) = listener.accept().unwrap();
        let there = TcpStream::connect(node).unwrap();
        let (asks, to) = (here.try_clone().unwrap(), there.try_clone().unwrap());
        thread::spawn(move || forward(asks, to, || false));
        let (mut says, mut to, mut buffer) = (&there, &here, [0; 4096]);
        while !stop.load(SeqCst) {
            match says.read(&mut buffer) {
                Ok(length @ 1..) if to.write_all(&buffer[..length]).is_ok() => {}
                _ => return,
            }
        }
        loop {
            thread::park(); // both ends stay open
        }
    });
    (address, stopped)
}

fn run<T>(future: impl Future<Output = T>) -> T {
    Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}

fn bytes(text: &str) -> Bytes {
    text.as_bytes().into()
}

/// The node that leads, as soon as there is one.
async fn leader(client: &Client) -> NodeId {
    let deadline = Instant::now() + Duration::from_secs(60);
    while Instant::now() < deadline {
        client.get(bytes("")).await.unwrap();
        for node in [1, 2, 3].map(NodeId) {
            if client.status(node).await.is_ok_and(|status| status.leads) {
                return node;
            }
        }
    }
    panic!("nobody leads");
}

#[test]
fn the_store_does_what_clients_ask() {
    let cluster = Cluster::start(Options::default());
    run(async {
        let client = cluster.client();
        assert_eq!(client.put(bytes("k"), bytes("a")).await, Ok(false));
        assert_eq!(client.put(bytes("k"), bytes("b")).await, Ok(true));
        assert_eq!(client.get(bytes("k")).await, Ok(Some(bytes("b"))));
        assert_eq!(client.compare_and_swap(bytes("k"), Some(bytes("a")), bytes("c")).await, Ok(false));
        assert_eq!(client.compare_and_swap(bytes("k"), Some(bytes("b")), bytes("c")).await, Ok(true));
        assert_eq!(client.append(bytes("k"), bytes("d")).await, Ok(2));
        assert_eq!(client.compare_and_swap(bytes("l"), None, bytes("e")).await, Ok(true));
        let page = client.range(bytes("k"), None, 9).await.unwrap();
        assert_eq!(page.entries, [(bytes("k"), bytes("cd")), (bytes("l"), bytes("e"))]);
        assert_eq!(client.delete(bytes("l")).await, Ok(true));
        assert_eq!(client.get(bytes("l")).await, Ok(None));
        client.read_stale(Query::Get { key: bytes("k") }).await.unwrap();
        let long = Bytes::from(vec![0; MAX_KEY + 1]);
        assert_eq!(client.get(long.clone()).await, Err(Error::Failed(paxos_kv::Failure::KeyTooLong)));
        assert_eq!(client.delete(long).await, Err(Error::Failed(paxos_kv::Failure::KeyTooLong)));
    });
}

#[test]
fn thousands_of_operations_share_a_session() {
    let cluster = Cluster::start(Options::default());
    run(async {
        let client = cluster.client();
        let mut tasks = JoinSet::new();
        // More at a time than a session has room for.
        for number in 0..3_000_u64 {
            let client = client.clone();
            tasks.spawn(async move { client.append(bytes(&(number % 3).to_string()), bytes("x")).await.unwrap() });
        }
        let mut lengths = tasks.join_all().await;
        lengths.sort_unstable();
        let expected: Vec<u64> = (0..3_000).map(|number| number / 3 + 1).collect();
        assert_eq!(lengths, expected, "each was done once");
    });
}

#[test]
fn without_a_quorum_an_outcome_is_unknown_or_nothing_was_done() {
    let mut cluster = Cluster::start(Options::default());
    run(async {
        let client = cluster.client();
        client.put(bytes("k"), bytes("a")).await.unwrap();
        let config = Config::new(cluster.addresses.clone(), "ours".into());
        let hasty = Config { key: Some(cluster.key.clone()), deadline: Duration::from_millis(1_500), ..config };
        let (known, stranger) = (Client::new(hasty.clone()), Client::new(hasty));
        while known.put(bytes("known"), bytes("")).await.is_err() {} // it has a session then
        let leads = leader(&client).await;
        let others: Vec<NodeId> = [1, 2, 3].map(NodeId).into_iter().filter(|node| *node != leads).collect();
        others.iter().for_each(|node| cluster.stop_node(*node));

        // Who has no session cannot open one, and has nothing done.
        assert!(matches!(stranger.put(bytes("k"), bytes("b")).await, Err(Error::NotDone(_))));
        assert!(matches!(stranger.get(bytes("k")).await, Err(Error::NotDone(_))));
        // Whether the leader still proposes depends on when it notices. Either way the error is the truth.
        let error = known.put(bytes("k"), bytes("c")).await.unwrap_err();
        others.iter().for_each(|node| cluster.start_node(*node));
        let value = client.get(bytes("k")).await.unwrap();
        match error {
            Error::NotDone(_) => assert_eq!(value, Some(bytes("a"))),
            Error::Unknown(_) => assert!([Some(bytes("a")), Some(bytes("c"))].contains(&value)),
            Error::Failed(failure) => panic!("{failure}"),
        }
    });
}

#[test]
fn a_session_that_has_expired_is_replaced() {
    let cluster = Cluster::start(Options::default());
    run(async {
        let client = cluster.client();
        assert_eq!(client.append(bytes("k"), bytes("x")).await, Ok(1));
        // So many others open sessions that this one's place is taken.
        let mut opened = 0;
        while opened < MAX_SESSIONS {
            let address = cluster.addresses[&leader(&client).await];
            let deadline = Instant::now() + Duration::from_secs(20);
            let others = Connection::connect(address, "ours", Some(&cluster.key), deadline).await.unwrap();
            let asked: Vec<_> = (0..512).map(|_| others.ask(&Ask::Execute(Command::Open { nonce: 0 }))).collect();
            for answer in asked {
                // Any other answer is that of a node that has ceased to lead: then somebody else is asked.
                opened += usize::from(matches!(answer.await, Ok(Reply::Done(Outcome::Opened(_)))));
            }
        }
        assert_eq!(client.append(bytes("k"), bytes("y")).await, Ok(2));
        assert_eq!(client.get(bytes("k")).await, Ok(Some(bytes("xy"))));
    });
}

#[test]
fn a_client_that_asks_for_much_and_reads_nothing_is_in_nobodys_way() {
    let cluster = Cluster::start(Options::default());
    run(async {
        let client = cluster.client();
        for nth in 0..32 {
            client.put(bytes(&format!("page {nth:02}")), vec![0; 16 << 10]).await.unwrap();
        }
        let (address, stopped) = way_that_may_stop(cluster.addresses[&leader(&client).await]);
        let deadline = Instant::now() + Duration::from_secs(20);
        let silent = Connection::<Ask, Reply>::connect(address, "ours", Some(&cluster.key), deadline).await.unwrap();
        stopped.store(true, SeqCst);
        // Half a gigabyte in all: more than there is room for, for one and for all.
        let page = Ask::Read(Query::Range { start: bytes("page"), end: None, limit: u32::MAX });
        let _waiting: Vec<_> = (0..1_000).map(|_| silent.ask(&page)).collect();
        for nth in 0..200 {
            assert_eq!(client.append(bytes("log"), bytes("x")).await, Ok(nth + 1));
            assert!(client.range(bytes("page"), None, 99).await.unwrap().entries.len() > 16);
        }
    });
}

/// A client that gives a node as long as an operation, unless it is told otherwise; on ways of its own.
fn client_on_ways(cluster: &Cluster, attempt: Duration) -> (Client, BTreeMap<NodeId, Way>) {
    let ways: BTreeMap<_, _> = cluster.addresses.iter().map(|(id, address)| (*id, Way::to(*address))).collect();
    let config = Config::new(ways.iter().map(|(id, way)| (*id, way.address)).collect(), "ours".into());
    let deadline = Duration::from_secs(20);
    (Client::new(Config { key: Some(cluster.key.clone()), deadline, attempt, ..config }), ways)
}

#[test]
fn a_connection_that_is_forgotten_on_the_way_is_left() {
    let cluster = Cluster::start(Options::default());
    let (client, ways) = client_on_ways(&cluster, Duration::from_millis(200));
    run(async {
        assert_eq!(client.append(bytes("k"), bytes("x")).await, Ok(1));
        for length in 2..5 {
            ways.values().for_each(Way::forget_all);
            assert_eq!(client.append(bytes("k"), bytes("x")).await, Ok(length));
        }
    });
}

#[test]
fn a_client_outlives_the_runtime_that_its_connections_were_made_on() {
    let cluster = Cluster::start(Options::default());
    let client = cluster.client();
    for length in 1..4 {
        assert_eq!(run(client.append(bytes("k"), bytes("x"))), Ok(length));
    }
}

/// Asks so much at a time on a new client, and returns how many connections it made.
fn connections_for_many(client: &Client, ways: &BTreeMap<NodeId, Way>) -> BTreeMap<NodeId, usize> {
    run(async {
        let mut tasks = JoinSet::new();
        for _ in 0..1_000 {
            let client = client.clone();
            tasks.spawn(async move { client.get(bytes("k")).await });
        }
        tasks.join_all().await.into_iter().for_each(|answer| assert_eq!(answer, Ok(None)));
    });
    ways.iter().map(|(id, way)| (*id, way.taken.load(SeqCst))).collect()
}

#[test]
fn many_at_once_share_one_connection_to_a_node() {
    let cluster = Cluster::start(Options::default());
    let (client, ways) = client_on_ways(&cluster, Duration::from_secs(20));
    let made = connections_for_many(&client, &ways);
    assert!(made.values().all(|made| *made <= 1), "{made:?}");
}

#[test]
fn many_at_once_try_a_node_that_is_down_together() {
    let mut cluster = Cluster::start(Options::default());
    run(async {
        let watcher = cluster.client();
        watcher.put(bytes("begin"), bytes("")).await.unwrap();
        cluster.stop_node(NodeId(1));
        watcher.put(bytes("without it"), bytes("")).await.unwrap();
    });
    let (client, ways) = client_on_ways(&cluster, Duration::from_secs(20));
    let made = connections_for_many(&client, &ways);
    // Another time when somebody believes that it leads; not another time for everybody.
    assert!((1..100).contains(&made[&NodeId(1)]), "{made:?}");
}

#[test]
fn a_node_is_not_taken_for_another() {
    let cluster = Cluster::start(Options::default());
    let mut nodes = cluster.addresses.clone();
    nodes.insert(NodeId(1), nodes[&NodeId(2)]);
    let config = Config { key: Some(cluster.key.clone()), ..Config::new(nodes, "ours".into()) };
    run(async {
        let client = Client::new(config);
        let Err(Error::NotDone(why)) = client.status(NodeId(1)).await else { panic!("it was taken for n1") };
        assert!(why.contains("n1: ") && why.contains(" is n2"), "{why}");
        client.status(NodeId(2)).await.unwrap();
    });
}

/// Several clients, one key each and one for all, while the leader is stopped and comes back, three times. Logs are cut
/// so often that whoever comes back gets a snapshot.
#[test]
fn what_clients_see_is_linearizable_while_leaders_come_and_go() {
    let options = Options { compact_after: 4_000, ..Options::default() };
    let mut cluster = Cluster::start(options);
    let history: Arc<Mutex<Vec<Call>>> = Arc::default();
    let begin = Instant::now();
    let now = move || u64::try_from(begin.elapsed().as_nanos()).unwrap();
    run(async {
        let watcher = cluster.client();
        watcher.put(bytes("begin"), bytes("")).await.unwrap();
        let mut clients = JoinSet::new();
        let (stop, stopped) = tokio::sync::watch::channel(false);
        for id in 0..4_u64 {
            let (client, history, stopped) = (cluster.client(), Arc::clone(&history), stopped.clone());
            clients.spawn(async move {
                let mut number = 0;
                while !*stopped.borrow() {
                    number += 1;
                    // A key is retired before its history is hard to judge.
                    let key = if number % 3 == 0 { format!("own{id}") } else { format!("shared{}", number / 40) };
                    let text = format!("{id}.{number};");
                    let invoke = now();
                    let (action, error) = match number % 4 {
                        0 => match client.get(bytes(&key)).await {
                            Ok(value) => (Action::Get { result: value.map(|value| value.to_string_lossless()) }, None),
                            Err(error) => (Action::Get { result: None }, Some(error)),
                        },
                        1 => {
                            let done = client.put(bytes(&key), bytes(&text)).await;
                            let before = Before { existed: done.as_ref().ok().copied(), value: None };
                            (Action::Put { value: text, before }, done.err())
                        }
                        _ => {
                            let done = client.append(bytes(&key), bytes(&text)).await;
                            (Action::Append { suffix: text, before: Before::default() }, done.err())
                        }
                    };
                    let end = match &error {
                        None => End::Returned(now()),
                        Some(Error::Unknown(_)) => End::Unknown,
                        Some(Error::NotDone(_) | Error::Failed(_)) => End::Failed(now()),
                    };
                    history.lock().unwrap().push(Call { client: id, key, action, invoke, end });
                    if end == End::Unknown {
                        return;
                    }
                }
            });
        }
        for _ in 0..3 {
            let before = history.lock().unwrap().len();
            while history.lock().unwrap().len() < before + 20 {
                assert!(begin.elapsed() < Duration::from_secs(60), "the clients are stuck");
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            let leads = leader(&watcher).await;
            cluster.stop_node(leads);
            let another = leader(&watcher).await;
            assert_ne!(another, leads);
            watcher.put(bytes("while it is away"), bytes("")).await.unwrap();
            cluster.start_node(leads);
        }
        stop.send(true).unwrap();
        clients.join_all().await;

        // All nodes come to the same state.
        let mut states = Vec::new();
        while states.len() < 3 || states.iter().any(|state| *state != states[0]) {
            assert!(begin.elapsed() < Duration::from_secs(60), "the nodes do not agree: {states:?}");
            tokio::time::sleep(Duration::from_millis(10)).await;
            states.clear();
            for node in [1, 2, 3].map(NodeId) {
                let status = watcher.status(node).await;
                states.extend(status.map(|status| (status.applied, status.digest)));
            }
        }
    });
    let history = history.lock().unwrap();
    match judge(&history).unwrap() {
        Verdict::Linearizable { calls, .. } => assert!(30 < calls, "{calls} calls"),
        Verdict::NotLinearizable(why) => panic!("{why}"),
        Verdict::Undecided { key } => panic!("{key} is too hard to judge"),
    }
}

trait Text {
    fn to_string_lossless(&self) -> String;
}

impl Text for Bytes {
    fn to_string_lossless(&self) -> String {
        String::from_utf8(self.as_slice().to_vec()).unwrap()
    }
}

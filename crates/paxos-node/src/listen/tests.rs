//! The reception with a short patience, in front of a process that never answers; and a link to it over a bad line.

use std::future::pending;

use paxos_process::{EffectsOf, EventOf};
use tokio::{
    io::copy_bidirectional,
    runtime::{Builder, Runtime},
    sync::watch,
    task::JoinHandle,
};
use tracing::{
    Event, Level, Metadata, Subscriber,
    span::{Attributes, Id, Record},
};

mod hostile;

use super::*;
use crate::{
    Inbox, Matching, Outbox,
    hello::Calling,
    link::{Failure, Link, Links, call},
    mailbox::{Input, Wait, mailbox},
    parcel::{Parcel, Weight},
    told::LINES,
    wire::{Answer, Outbound},
};

/// A process that nobody runs: what is asked of it stays in its inbox.
enum Mute {}

impl Process for Mute {
    type Message = u8;
    type Record = u8;
    type Timer = ();
    type Request = u8;
    type Output = u8;

    fn step(&mut self, _: EventOf<Self>, _: &mut EffectsOf<Self>) {
        match *self {}
    }

    fn replay(&mut self, _: u8) {
        match *self {}
    }

    fn checkpoint(&self) -> Vec<u8> {
        match *self {}
    }
}

type Silent = Matching<Mute>;

/// Far more than anything here takes.
const PATIENCE: Duration = Duration::from_secs(20);

fn identity(membership: &str) -> Identity {
    let (cluster, protocol) = ("test".into(), "mute/1".into());
    Identity { node: NodeId(1), cluster, membership: membership.into(), protocol }
}

fn reception(key: Option<Key>, idle: Duration) -> (Arc<Reception<Mute, Silent>>, Inbox<Mute, Silent>) {
    let own = identity("{n1} 1 of 1");
    let (postbox, inbox) = mailbox(1000);
    let mut reception = Reception::new(own, key, NodeSet::EMPTY, postbox, Stats::new([]));
    Arc::get_mut(&mut reception).unwrap().idle = idle;
    (reception, inbox)
}

/// The reception of n1, which says every few milliseconds that it is there, and the identity of n2, its peer.
fn pair(key: &Key) -> (Arc<Reception<Mute, Silent>>, Inbox<Mute, Silent>, Identity) {
    let own = identity("{n1,n2} 2 of 2");
    let peer = Identity { node: NodeId(2), ..own.clone() };
    let (postbox, inbox) = mailbox(1 << 20);
    let (peers, stats) = (NodeSet::only(peer.node), Stats::new([peer.node]));
    let mut reception = Reception::new(own, Some(key.clone()), peers, postbox, stats);
    Arc::get_mut(&mut reception).unwrap().here = Duration::from_millis(5);
    (reception, inbox, peer)
}

/// Waits until it is `done`.
async fn until(what: &str, mut done: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !done() {
        assert!(Instant::now() < deadline, "{what}");
        tokio::task::yield_now().await;
    }
}

fn runtime() -> Runtime {
    Builder::new_current_thread().enable_io().enable_time().build().unwrap()
}

fn inputs(inbox: &Inbox<Mute, Silent>) -> Vec<Input<Mute, Silent>> {
    let mut inputs = Vec::new();
    inbox.take(&mut inputs, Wait::Not);
    inputs
}

/// What a client that says this after its hello is told, up to the end of the connection, which it leaves to the node.
async fn told(reception: &Arc<Reception<Mute, Silent>>, says: &[u8]) -> String {
    let hello = Calling::new("test", None, Who::Client).unwrap().hello().to_vec();
    answered(reception, &[&hello, says].concat()).await
}

/// What anybody who says this is told, up to the end of the connection.
async fn answered(reception: &Arc<Reception<Mute, Silent>>, says: &[u8]) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    let (stream, from) = listener.accept().await.unwrap();
    let serving = tokio::spawn(Arc::clone(reception).receive(stream, from));
    client.write_all(says).await.unwrap();
    let mut answer = Vec::new();
    client.read_to_end(&mut answer).await.unwrap();
    drop(client);
    serving.await.unwrap();
    String::from_utf8_lossy(&answer).into_owned()
}

#[test]
fn no_client_keeps_its_place_for_ever() {
    let (reception, inbox) = reception(None, Duration::from_millis(20));
    runtime().block_on(async {
        let reason = told(&reception, &[]).await;
        assert!(reason.contains("silent for 20ms"), "{reason:?}");
        let mut asks = Outbound::new(Seal::none());
        asks.push(&(5_u64, 7_u8)).unwrap();
        let reason = told(&reception, asks.unwritten()).await;
        assert!(reason.contains("silent for 20ms"), "{reason:?}");
    });
    let inputs = inputs(&inbox);
    let [
        Input::Connected { .. },
        Input::Gone { .. },
        Input::Connected { .. },
        Input::Asks { asks, .. },
        Input::Gone { connection: 1 },
    ] = &inputs[..]
    else {
        panic!("{} inputs", inputs.len())
    };
    assert_eq!((asks.len(), asks[0].id, asks[0].ask), (1, 5, 7));
    assert_eq!((reception.clients.available_permits(), reception.strangers.lock().unwrap().len()), (CLIENTS, 0));
    assert_eq!(reception.stats.counts().clients, 0);
}

#[test]
fn a_request_for_which_there_is_no_room_is_refused_and_not_carried_out() {
    let (reception, inbox) = reception(None, PATIENCE);
    runtime().block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let listening = tokio::spawn(Arc::clone(&reception).run(listener));
        let deadline = Instant::now() + PATIENCE;
        let client = crate::Connection::<u8, u8>::connect(address, "test", None, deadline).await.unwrap();
        let _waiting: Vec<_> = (0..100).map(|ask| client.ask(&ask)).collect();
        while reception.postbox.waiting() < 100 {
            tokio::task::yield_now().await;
            assert!(Instant::now() < deadline);
        }
        let refused = client.ask(&200).await;
        assert!(matches!(refused, Err(crate::ClientError::Busy)), "{refused:?}");
        listening.abort();
    });
    let asks = |input: &Input<_, Silent>| if let Input::Asks { asks, .. } = input { asks.len() } else { 0 };
    assert_eq!(inputs(&inbox).iter().map(asks).sum::<usize>(), 100);
}

#[test]
fn a_connection_is_closed_with_its_last_handle() {
    let (reception, inbox) = reception(None, PATIENCE);
    runtime().block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let listening = tokio::spawn(Arc::clone(&reception).run(listener));
        let deadline = Instant::now() + PATIENCE;
        let client = crate::Connection::<u8, u8>::connect(address, "test", None, deadline).await.unwrap();
        let another = client.clone();
        drop(client);
        let answer = another.ask(&1);
        while reception.postbox.waiting() == 0 {
            tokio::task::yield_now().await;
            assert!(Instant::now() < deadline);
        }
        drop(another);
        assert!(answer.await.unwrap_err().is_unknown(), "it was asked, and nobody hears the answer");
        while reception.clients.available_permits() < CLIENTS {
            tokio::task::yield_now().await;
            assert!(Instant::now() < deadline);
        }
        listening.abort();
    });
    let [Input::Connected { .. }, Input::Asks { .. }, Input::Gone { .. }] = &inputs(&inbox)[..] else { panic!() };
}

#[test]
fn a_client_that_does_not_read_is_left() {
    let (mut reception, inbox) = reception(None, 10 * PATIENCE);
    Arc::get_mut(&mut reception).unwrap().stalled = Duration::from_millis(20);
    runtime().block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (stream, from) = listener.accept().await.unwrap();
        let serving = tokio::spawn(Arc::clone(&reception).receive(stream, from));
        client.write_all(Calling::new("test", None, Who::Client).unwrap().hello()).await.unwrap();
        let deadline = Instant::now() + PATIENCE;
        let answers = loop {
            tokio::task::yield_now().await;
            assert!(Instant::now() < deadline);
            if let Some(Input::Connected { answers, .. }) = inputs(&inbox).pop() {
                break answers;
            }
        };
        // More than the buffers of the system take; answers that nobody asked for are as good as any.
        let parcel = |_| {
            let many = (0..100_000).map(|id| Answer::Reply(id, 0)).collect();
            answers.send(Parcel { answers: many, weight: Weight::default() })
        };
        assert!((0..16).all(|parcel_number| parcel(parcel_number).is_ok()));
        timeout(PATIENCE, serving).await.expect("it is left").unwrap();
    });
    assert_eq!(reception.clients.available_permits(), CLIENTS);
}

/// Counts the lines that a log would have.
#[derive(Clone, Default)]
struct Lines(Arc<AtomicU64>);

impl Subscriber for Lines {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        *metadata.level() <= Level::INFO
    }
    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }
    fn record(&self, _: &Id, _: &Record<'_>) {}
    fn record_follows_from(&self, _: &Id, _: &Id) {}
    fn event(&self, _: &Event<'_>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
    fn enter(&self, _: &Id) {}
    fn exit(&self, _: &Id) {}
}

#[test]
fn a_flood_of_strangers_writes_a_few_lines_and_those_who_belong_get_in() {
    let key = Key::from_bytes([1; 32]);
    let (reception, inbox) = reception(Some(key.clone()), PATIENCE);
    let lines = Lines::default();
    let _logging = tracing::subscriber::set_default(lines.clone());
    runtime().block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let listening = tokio::spawn(Arc::clone(&reception).run(listener));
        let mut silent = Vec::new();
        for _ in 0..4 * STRANGERS {
            silent.push(TcpStream::connect(address).await.unwrap());
            let mut loud = TcpStream::connect(address).await.unwrap();
            loud.write_all(b"GET / HTTP/1.1\r\n\r\n").await.unwrap();
            loud.read_to_end(&mut Vec::new()).await.unwrap();
        }
        let deadline = Instant::now() + PATIENCE;
        let client = crate::Connection::<u8, u8>::connect(address, "test", Some(&key), deadline).await;
        assert_eq!(client.unwrap().node(), NodeId(1));
        assert!(reception.strangers.lock().unwrap().len() <= STRANGERS);
        listening.abort();
    });
    assert!((1..=u64::from(LINES)).contains(&lines.0.load(Ordering::Relaxed)), "{:?} lines", lines.0);
    assert!(4 * STRANGERS as u64 <= reception.stats.counts().strangers_refused);
    assert!(inputs(&inbox).iter().all(|input| matches!(input, Input::Connected { .. } | Input::Gone { .. })));
}

#[test]
fn answers_come_back_with_their_ids() {
    let (reception, inbox) = reception(None, PATIENCE);
    runtime().block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let listening = tokio::spawn(Arc::clone(&reception).run(listener));
        let deadline = Instant::now() + PATIENCE;
        let client = crate::Connection::<u8, u8>::connect(address, "test", None, deadline).await.unwrap();
        let (first, second, third) = (client.ask(&1), client.ask(&2), client.ask(&3));
        let mut sender = None;
        let mut asked = Vec::new();
        while asked.len() < 3 {
            tokio::task::yield_now().await;
            assert!(Instant::now() < deadline);
            for input in inputs(&inbox) {
                match input {
                    Input::Connected { answers, .. } => sender = Some(answers),
                    Input::Asks { asks, .. } => asked.extend(asks.into_iter().map(|asked| (asked.ask, asked.id))),
                    Input::Messages { .. } | Input::Gone { .. } | Input::Ask { .. } | Input::Stop => panic!(),
                }
            }
        }
        assert_eq!(asked.iter().map(|(ask, _)| *ask).collect::<Vec<_>>(), [1, 2, 3]);
        let id = |ask: usize| asked[ask - 1].1;
        let answers = vec![Answer::Reply(id(3), 30), Answer::Busy(id(1)), Answer::Reply(id(2), 20)];
        let sender = sender.expect("it has connected"); // until the end, as that of a living process
        sender.send(Parcel { answers, weight: Weight::default() }).unwrap();
        assert!(matches!(first.await, Err(crate::ClientError::Busy)));
        assert_eq!((second.await.unwrap(), third.await.unwrap()), (20, 30));
        listening.abort();
    });
}

#[test]
fn a_peer_hears_again_and_again_that_the_node_is_there() {
    let key = Key::from_bytes([1; 32]);
    let (reception, _inbox, peer) = pair(&key);
    runtime().block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut stream = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (accepted, from) = listener.accept().await.unwrap();
        let serving = tokio::spawn(Arc::clone(&reception).receive(accepted, from));
        let Identity { node: id, membership, protocol, .. } = peer;
        let who = Who::Peer { id, to: NodeId(1), membership, protocol };
        let (calling, mut inbound) = (Calling::new("test", Some(&key), who).unwrap(), Inbound::new());
        let Ok(reached) = call(&calling, &mut stream, &mut inbound).await else { panic!("it is turned away") };
        inbound.admit(reached.hears);
        let mut heard = 0;
        while heard < 5 {
            while let Some(payload) = inbound.payload().unwrap() {
                assert_eq!(payload, [0; 0], "it has nothing to say but that it is there");
                heard += 1;
            }
            let length = timeout(PATIENCE, stream.read(inbound.room())).await.expect("it says so").unwrap();
            inbound.filled(length).unwrap();
        }
        serving.abort();
    });
}

#[test]
fn only_who_holds_the_key_is_told_what_the_cluster_is() {
    let (key, another) = (Key::from_bytes([1; 32]), Key::from_bytes([2; 32]));
    let (reception, _inbox, peer) = pair(&key);
    runtime().block_on(async {
        let whos =
            [(NodeId(2), NodeId(1), "{n2}"), (NodeId(2), NodeId(3), "{n1,n2} 2 of 2"), (NodeId(9), NodeId(1), "")]
                .map(|(id, to, membership)| Who::Peer { id, to, membership: membership.into(), protocol: "".into() });
        for who in whos.into_iter().chain([Who::Client]) {
            for cluster in ["test", "other"] {
                let calling = Calling::new(cluster, Some(&another), who.clone()).unwrap();
                let answer = answered(&reception, &[calling.hello(), &framed(&[0_u8; 32]).unwrap()].concat()).await;
                assert!(answer.contains("it does not hold this cluster's key"), "{answer:?}");
                assert!(!answer.contains("test") && !answer.contains(&peer.membership), "{answer:?}");
            }
        }
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut stream = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (accepted, from) = listener.accept().await.unwrap();
        tokio::spawn(Arc::clone(&reception).receive(accepted, from));
        let calling = Calling::new("other", Some(&key), Who::Client).unwrap();
        let Err(Failure::Refused(reason)) = call(&calling, &mut stream, &mut Inbound::new()).await else { panic!() };
        assert!(reason.contains("this node is of cluster \"test\""), "{reason}");
    });
}

/// A bad line to `to`: connections that come to `listener` are passed on while it is `whole`. When it is not, nothing
/// that is said on them arrives, nobody is told, and new ones are not answered.
async fn line(listener: TcpListener, to: SocketAddr, whole: watch::Receiver<bool>) {
    loop {
        let (mut here, _) = listener.accept().await.unwrap();
        let (mut cut, mut healed) = (whole.clone(), whole.clone());
        healed.wait_for(|whole| *whole).await.unwrap();
        tokio::spawn(async move {
            let mut there = TcpStream::connect(to).await.unwrap();
            select! {
                _ = copy_bidirectional(&mut here, &mut there) => {}
                () = async { drop(cut.wait_for(|whole| !whole).await) } => pending().await, // and both stay open
            }
        });
    }
}

#[test]
fn a_link_over_a_line_that_is_cut_says_so_and_comes_back_when_it_is_whole() {
    let key = Key::from_bytes([1; 32]);
    let (reception, inbox, own) = pair(&key);
    runtime().block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let bad = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (to, address) = (listener.local_addr().unwrap(), bad.local_addr().unwrap());
        let listening = tokio::spawn(Arc::clone(&reception).run(listener));
        let (cut, whole) = watch::channel(true);
        let passing = tokio::spawn(line(bad, to, whole));

        let (peer, stats) = (NodeId(1), Stats::new([NodeId(1)]));
        let (mut links, mut queues) = Links::new(&BTreeMap::from([(peer, address)]), stats.clone());
        let (delay, silence) = (Duration::ZERO, Duration::from_millis(300));
        let link = Link { own, key: Some(key), stats: stats.clone(), peer, address, delay, silence, seed: 1 };
        let carrying = tokio::spawn(link.run(queues.pop().unwrap().1));
        let connected = || stats.counts().peers[&peer].connected;
        let mut arrives = |message: u8| {
            links.send(NodeSet::only(peer), &message);
            links.flush();
            inputs(&inbox)
                .iter()
                .any(|input| matches!(input, Input::Messages { messages, .. } if messages.contains(&message)))
        };
        until("the line is whole", || arrives(1) && connected()).await;
        cut.send(false).unwrap();
        until("the counter says that the line is cut", || !connected()).await;
        cut.send(true).unwrap();
        until("the line is whole again", || arrives(2) && connected()).await;
        [listening, passing, carrying].iter().for_each(JoinHandle::abort);
    });
}

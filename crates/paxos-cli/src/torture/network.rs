//! The network between the nodes: a proxy on the way of each to each other, which does to it what networks do.
//!
//! A node believes that its peers listen where the proxies do. A connection from n1 to n2 carries messages one way, and
//! the other way a sign of life; so what is done to the *direction* n1 to n2 concerns those messages, and the signs on the
//! connection that n2 has made to n1.
//!
//! TCP hides loss from those who use it, so this is what a bad network looks like from above: a cut keeps bytes back, and
//! they arrive when it heals, however old they are then, unless somebody has given up meanwhile. Bytes that get lost behind
//! TCP's back, or a reset in the middle of a frame, end the connection, and what was on its way is gone.

use std::{
    collections::BTreeMap,
    io,
    net::{Ipv4Addr, SocketAddr},
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use anyhow::Context;
use paxos_process::NodeId;
use rand::RngExt;
use rand_chacha::{ChaCha8Rng, rand_core::SeedableRng};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{
        TcpListener, TcpStream,
        tcp::{ReadHalf, WriteHalf},
    },
    runtime::Builder,
    sync::{mpsc, oneshot, watch},
    time::{Instant, sleep, sleep_until},
};

use super::plan::Direction;

/// What a direction is like.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Weather {
    pub(super) cut: bool,
    /// At random up to so long.
    pub(super) delay: Duration,
    /// Bytes a second, if there is a limit.
    pub(super) rate: Option<u64>,
    /// Of what is read at a time, so much is lost, or resets the connection.
    pub(super) loss: f64,
}

impl Weather {
    /// The worse of both, in every respect.
    fn and(self, other: Self) -> Self {
        let rate = [self.rate, other.rate].into_iter().flatten().min();
        let (delay, loss) = (self.delay.max(other.delay), self.loss.max(other.loss));
        Self { cut: self.cut || other.cut, delay, rate, loss }
    }
}

/// Proxies between all nodes, on a thread of their own. They end when it is dropped.
pub(super) struct Network {
    /// Where a node reaches each other one.
    ways: BTreeMap<Direction, SocketAddr>,
    directions: BTreeMap<Direction, watch::Sender<Weather>>,
    /// What is done now, each under a number.
    fronts: BTreeMap<u64, (Vec<Direction>, Weather)>,
    next: u64,
    counts: Arc<Counts>,
    running: Option<(oneshot::Sender<()>, JoinHandle<()>)>,
}

/// What has happened to bytes.
#[derive(Default)]
pub(super) struct Counts {
    /// Times that bytes were lost.
    lost: AtomicU64,
    /// Connections that were reset.
    resets: AtomicU64,
}

/// The ends of what a proxy must know.
#[derive(Clone)]
struct Way {
    target: SocketAddr,
    there: watch::Receiver<Weather>,
    back: watch::Receiver<Weather>,
    counts: Arc<Counts>,
    dice: Arc<Mutex<ChaCha8Rng>>,
}

impl Network {
    /// Fine weather between all of `members`.
    ///
    /// # Errors
    ///
    /// When there are no ports or no threads for it.
    pub(super) fn between(members: &BTreeMap<NodeId, SocketAddr>, seed: u64) -> anyhow::Result<Self> {
        let pairs: Vec<Direction> =
            members.keys().flat_map(|&from| members.keys().map(move |&to| (from, to))).collect();
        let pairs: Vec<Direction> = pairs.into_iter().filter(|(from, to)| from != to).collect();
        let directions: BTreeMap<_, _> =
            pairs.iter().map(|&pair| (pair, watch::Sender::new(Weather::default()))).collect();
        let (counts, dice) = (Arc::<Counts>::default(), Arc::new(Mutex::new(ChaCha8Rng::seed_from_u64(seed))));
        let (mut ways, mut proxies) = (BTreeMap::new(), Vec::new());
        for &(from, to) in &pairs {
            let listener = listen_beside(|address| members.values().any(|member| *member == address));
            let listener = listener.context("there is no free port")?;
            listener.set_nonblocking(true)?;
            ways.insert((from, to), listener.local_addr()?);
            let (there, back) = (directions[&(from, to)].subscribe(), directions[&(to, from)].subscribe());
            let (counts, dice) = (Arc::clone(&counts), Arc::clone(&dice));
            proxies.push((listener, Way { target: members[&to], there, back, counts, dice }));
        }
        let runtime = Builder::new_current_thread().enable_io().enable_time().build()?;
        let (stop, stopped) = oneshot::channel();
        let thread = thread::Builder::new().name("network".into()).spawn(move || {
            runtime.block_on(async {
                for (listener, way) in proxies {
                    let listener = TcpListener::from_std(listener).expect("a runtime with sockets");
                    tokio::spawn(way.serve(listener));
                }
                let _ = stopped.await; // an error means the same
            });
        })?;
        let (fronts, next, running) = (BTreeMap::new(), 0, Some((stop, thread)));
        Ok(Self { ways, directions, fronts, next, counts, running })
    }

    /// What `node` must believe of where the others are: the value of its --peers, with its own address.
    pub(super) fn peers_of(&self, node: NodeId, own: SocketAddr) -> String {
        let others = self.ways.iter().filter(|((from, _), _)| *from == node);
        let others = others.map(|((_, to), address)| format!("{}={address}", to.0));
        std::iter::once(format!("{}={own}", node.0)).chain(others).collect::<Vec<_>>().join(",")
    }

    /// From now on it is like this in these directions, until it is [lifted](Self::lift) by the number that is returned.
    pub(super) fn worsen(&mut self, directions: Vec<Direction>, weather: Weather) -> u64 {
        self.next += 1;
        self.fronts.insert(self.next, (directions, weather));
        self.forecast();
        self.next
    }

    pub(super) fn lift(&mut self, front: u64) {
        self.fronts.remove(&front);
        self.forecast();
    }

    pub(super) fn heal(&mut self) {
        self.fronts.clear();
        self.forecast();
    }

    /// Times that bytes were lost, and that connections were reset.
    pub(super) fn losses(&self) -> (u64, u64) {
        (self.counts.lost.load(Relaxed), self.counts.resets.load(Relaxed))
    }

    fn forecast(&self) {
        for (direction, sender) in &self.directions {
            let over = self.fronts.values().filter(|(directions, _)| directions.contains(direction));
            let weather = over.fold(Weather::default(), |all, (_, weather)| all.and(*weather));
            sender.send_if_modified(|now| std::mem::replace(now, weather) != weather);
        }
    }
}

/// Listens at a free port that is not `taken`. Those of nodes that do not run yet are free for the system: a proxy on one of
/// them would be the node that it stands before, and connect to itself without end.
fn listen_beside(mut taken: impl FnMut(SocketAddr) -> bool) -> io::Result<std::net::TcpListener> {
    let mut refused = Vec::new(); // held, so that they are not offered again
    loop {
        let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        if !taken(listener.local_addr()?) {
            return Ok(listener);
        }
        refused.push(listener);
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        if let Some((stop, thread)) = self.running.take() {
            drop(stop);
            let _ = thread.join(); // a proxy that has panicked has told so
        }
    }
}

impl Way {
    async fn serve(self, listener: TcpListener) {
        loop {
            match listener.accept().await {
                Ok((caller, _)) => drop(tokio::spawn(self.clone().carry(caller))),
                Err(_) => sleep(Duration::from_millis(10)).await, // too many files are open: some will close
            }
        }
    }

    /// One connection, until either end or the weather ends it.
    async fn carry(mut self, mut caller: TcpStream) {
        // A connection is made by words in both directions.
        if self.there.wait_for(|weather| !weather.cut).await.is_err()
            || self.back.wait_for(|weather| !weather.cut).await.is_err()
        {
            return;
        }
        let Ok(mut target) = TcpStream::connect(self.target).await else { return };
        let _ = (caller.set_nodelay(true), target.set_nodelay(true)); // slower without, and no more
        let ((from_caller, to_caller), (from_target, to_target)) = (caller.split(), target.split());
        tokio::select! {
            _ = self.pump(self.there.clone(), from_caller, to_target) => {}
            _ = self.pump(self.back.clone(), from_target, to_caller) => {}
        }
    }

    /// Carries bytes in one direction. Those that are on their way are in a queue, each with the time that it arrives at.
    async fn pump(
        &self,
        weather: watch::Receiver<Weather>,
        mut from: ReadHalf<'_>,
        to: WriteHalf<'_>,
    ) -> io::Result<()> {
        let (sender, receiver) = mpsc::channel(ON_THE_WAY);
        let read = async {
            let mut buffer = vec![0; CHUNK];
            loop {
                let length = from.read(&mut buffer).await?;
                if length == 0 {
                    return Ok(());
                }
                let now = *weather.borrow();
                let (arrives, fate) = self.fate(now, length);
                let (bytes, ends) = match fate {
                    Fate::Arrives => (&buffer[..length], false),
                    Fate::IsLost => continue,
                    Fate::Resets(after) => (&buffer[..after], true),
                };
                if sender.send((arrives, bytes.to_vec(), ends)).await.is_err() {
                    return Ok(());
                }
                if ends {
                    std::future::pending::<()>().await; // until all before it is delivered
                }
            }
        };
        tokio::select! {
            ended = read => ended,
            ended = deliver(receiver, weather.clone(), to) => ended,
        }
    }

    fn fate(&self, weather: Weather, length: usize) -> (Instant, Fate) {
        let mut dice = self.dice.lock().expect("no thread panics with it");
        let arrives = Instant::now() + weather.delay.mul_f64(dice.random());
        if !dice.random_bool(weather.loss) {
            (arrives, Fate::Arrives)
        } else if dice.random() {
            self.counts.lost.fetch_add(1, Relaxed);
            (arrives, Fate::IsLost)
        } else {
            self.counts.resets.fetch_add(1, Relaxed);
            (arrives, Fate::Resets(dice.random_range(0..length)))
        }
    }
}

/// Hands over what has arrived, in order, and not while the line is cut.
async fn deliver(
    mut queue: mpsc::Receiver<(Instant, Vec<u8>, bool)>,
    mut weather: watch::Receiver<Weather>,
    mut to: WriteHalf<'_>,
) -> io::Result<()> {
    while let Some((arrives, bytes, ends)) = queue.recv().await {
        sleep_until(arrives).await;
        if weather.wait_for(|weather| !weather.cut).await.is_err() {
            break;
        }
        let rate = weather.borrow().rate;
        if let Some(rate) = rate {
            sleep(Duration::from_secs_f64(bytes.len() as f64 / rate as f64)).await;
        }
        to.write_all(&bytes).await?;
        if ends {
            break;
        }
    }
    Ok(())
}

enum Fate {
    Arrives,
    IsLost,
    /// After so many of its bytes.
    Resets(usize),
}

/// Bytes that are read at a time.
const CHUNK: usize = 16 << 10;
/// Chunks that are on their way at a time.
const ON_THE_WAY: usize = 256;

#[cfg(test)]
mod tests {
    use std::{
        io::{ErrorKind, Read, Write},
        net::{TcpListener, TcpStream},
    };

    use super::*;

    const A: NodeId = NodeId(1);
    const B: NodeId = NodeId(2);

    /// A network, and a connection from n1 to n2 through it.
    fn connected() -> (Network, TcpStream, TcpStream) {
        let listeners = [A, B].map(|node| (node, TcpListener::bind("127.0.0.1:0").unwrap()));
        let members = listeners.iter().map(|(node, at)| (*node, at.local_addr().unwrap())).collect();
        let network = Network::between(&members, 1).unwrap();
        let caller = TcpStream::connect(network.ways[&(A, B)]).unwrap();
        let (called, _) = listeners[1].1.accept().unwrap();
        for end in [&caller, &called] {
            end.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        }
        (network, caller, called)
    }

    fn hears(end: &mut TcpStream, expected: &[u8]) {
        let mut heard = vec![0; expected.len()];
        end.read_exact(&mut heard).unwrap();
        assert_eq!(heard, expected);
    }

    fn hears_nothing(end: &mut TcpStream) {
        end.set_read_timeout(Some(Duration::from_millis(100))).unwrap();
        let kind = end.read(&mut [0]).unwrap_err().kind();
        assert!(matches!(kind, ErrorKind::WouldBlock | ErrorKind::TimedOut), "{kind:?}");
        end.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    }

    #[test]
    fn no_proxy_takes_the_port_of_a_node_that_does_not_run_yet() {
        let mut offered = Vec::new();
        let listener = listen_beside(|address| {
            offered.push(address);
            offered.len() < 3
        });
        assert_eq!(listener.unwrap().local_addr().unwrap(), offered[2]);
        assert!(offered[0] != offered[1] && !offered[..2].contains(&offered[2]), "{offered:?}");
    }

    #[test]
    fn a_cut_direction_keeps_back_and_the_other_one_does_not() {
        let (mut network, mut caller, mut called) = connected();
        let cut = network.worsen(vec![(A, B)], Weather { cut: true, ..Weather::default() });
        caller.write_all(b"there").unwrap();
        called.write_all(b"back").unwrap();
        hears(&mut caller, b"back");
        hears_nothing(&mut called);
        network.lift(cut);
        hears(&mut called, b"there");
    }

    #[test]
    fn a_lossy_line_loses_or_ends_and_garbles_nothing() {
        let (mut network, mut caller, mut called) = connected();
        network.worsen(vec![(A, B)], Weather { loss: 0.5, ..Weather::default() });
        let writing = thread::spawn(move || while caller.write_all(&[7; 1_000]).is_ok() {});
        let mut heard = Vec::new();
        let _ = called.read_to_end(&mut heard); // a reset is an end, too
        drop(called);
        writing.join().unwrap();
        assert!(heard.iter().all(|byte| *byte == 7));
        assert_eq!(network.losses().1, 1, "it was reset");
    }

    #[test]
    fn the_worse_weather_counts_until_it_is_lifted() {
        let (mut network, mut caller, mut called) = connected();
        let slow = network.worsen(vec![(B, A)], Weather { delay: Duration::from_millis(1), ..Weather::default() });
        let cut = network.worsen(vec![(B, A)], Weather { cut: true, rate: Some(1_000), ..Weather::default() });
        assert!(network.directions[&(B, A)].borrow().cut);
        network.lift(slow);
        called.write_all(b"back").unwrap();
        hears_nothing(&mut caller);
        network.lift(cut);
        hears(&mut caller, b"back");
        assert_eq!(*network.directions[&(B, A)].borrow(), Weather::default());
    }
}

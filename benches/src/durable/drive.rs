//! The loop that drives every library, and the threads that it runs in.

use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
        mpsc::{Receiver, channel},
    },
    thread,
    time::{Duration, Instant},
};

use super::{
    Application, Load, Node, Outcome, Way,
    clients::Clients,
    disk::Disk,
    wire::{self, Counters, Mail, Net, next_message},
};

/// Runs a cluster of a library until all commands are applied everywhere, or nothing happens any more.
pub(super) fn run<N: Node>(load: Load, way: Way, dir: &Path) -> Outcome {
    let counters = Arc::new(Counters::default());
    let progress: Arc<[AtomicU64]> = (0..load.nodes).map(|_| AtomicU64::new(0)).collect();
    let ends = wire::connect(load.nodes, &counters).expect("sockets on loopback");
    thread::scope(|scope| {
        let (mut nodes, mut inboxes) = (Vec::new(), Vec::new());
        for (id, (net, streams)) in ends.into_iter().enumerate() {
            let (inbox, mail) = channel();
            for (from, stream) in streams {
                let inbox = inbox.clone();
                scope.spawn(move || wire::read(from, stream, &inbox));
            }
            inboxes.push(inbox);
            let (counters, progress, dir) = (counters.clone(), progress.clone(), dir.join(id.to_string()));
            nodes.push(scope.spawn(move || {
                let node = N::new(id, load, Disk::open(&dir, counters.clone()));
                let clients = (id == 0).then(|| Clients::new(load, way, counters));
                let application = Application::new(load);
                Driver { id, node, net, mail, application, clients, progress, last: Instant::now() }.run(load)
            }));
        }
        let mut nodes = nodes.into_iter();
        // The leader ends when all is done, or when nothing happens any more.
        let leader = nodes.next().expect("a leader").join();
        inboxes.iter().for_each(|inbox| drop(inbox.send(Mail::Stop)));
        let others: Vec<_> = nodes.map(thread::ScopedJoinHandle::join).collect();
        let Ok(Ended { complete, outcome: Some(outcome) }) = leader else { return Outcome::default() };
        let verified = complete && others.iter().all(|ended| ended.as_ref().is_ok_and(|ended| ended.complete));
        Outcome { verified, ..outcome }
    })
}

/// How a node has ended.
struct Ended {
    /// It has applied all commands, in their order.
    complete: bool,
    /// What the clients say, where they were.
    outcome: Option<Outcome>,
}

/// One node and all that it has.
struct Driver<N> {
    id: usize,
    node: N,
    net: Net,
    mail: Receiver<Mail>,
    application: Application,
    /// At the leader only.
    clients: Option<Clients>,
    /// How many commands each node has applied.
    progress: Arc<[AtomicU64]>,
    /// When something has last happened here.
    last: Instant,
}

impl<N: Node> Driver<N> {
    fn run(mut self, load: Load) -> Ended {
        let total = Clients::total(load);
        if self.id == 0 {
            self.elect();
        }
        while self.is_going_on(total) && self.step() {}
        let complete = self.application.in_order() && self.application.applied() == total;
        Ended { complete, outcome: self.clients.map(Clients::outcome) }
    }

    /// Leads, and lets the clients begin.
    fn elect(&mut self) {
        while !self.node.leads() {
            assert!(self.last.elapsed() < PATIENCE, "nobody leads");
            self.node.campaign();
            self.carry_out();
            while !self.node.leads() && (self.node.has_more() || self.take(SOON) == Taken::Something) {
                self.carry_out();
            }
        }
        self.clients.as_mut().expect("clients at the leader").begin();
    }

    /// Followers go on until they are told. The leader does until all nodes have applied all, or nothing happens.
    fn is_going_on(&self, total: u64) -> bool {
        let Some(clients) = &self.clients else { return true };
        !(clients.is_done() && total <= self.everywhere()) && self.last.elapsed() < PATIENCE
    }

    /// All nodes have applied all commands below.
    fn everywhere(&self) -> u64 {
        self.progress.iter().map(|applied| applied.load(Ordering::Relaxed)).min().unwrap_or(0)
    }

    /// A batch: what has come, what the clients want, and what follows. False when nothing will come any more.
    fn step(&mut self) -> bool {
        let may_offer = self.clients.as_ref().is_some_and(Clients::may_offer);
        let wait = if may_offer || self.node.has_more() { Duration::ZERO } else { SOON };
        let taken = self.take(wait);
        let everywhere = self.everywhere();
        if let Some(clients) = &mut self.clients {
            clients.everywhere(everywhere);
            if !wait.is_zero() && taken == Taken::Nothing && clients.wait_for_all() {
                self.node.close();
            }
            let entries = clients.entries();
            if !entries.is_empty() {
                self.node.offer(entries);
            }
        }
        self.carry_out();
        taken != Taken::End
    }

    fn carry_out(&mut self) {
        self.node.carry_out(&mut self.net, &mut self.application);
        let applied = self.application.applied();
        if self.progress[self.id].swap(applied, Ordering::Relaxed) != applied {
            self.last = Instant::now();
        }
        if let Some(clients) = &mut self.clients {
            clients.applied(applied);
        }
    }

    /// Takes all that has come, within bounds, and waits for it so long if nothing has.
    fn take(&mut self, wait: Duration) -> Taken {
        let mut next = match self.mail.try_recv() {
            Err(_) if !wait.is_zero() => self.mail.recv_timeout(wait).ok(),
            mail => mail.ok(),
        };
        for taken in 0..BATCH {
            match next {
                Some(Mail::Messages { from, mut messages }) => {
                    while let Some(message) = next_message(&mut messages) {
                        self.node.receive(from, message);
                    }
                }
                Some(Mail::Stop) => return Taken::End,
                None if taken == 0 => return Taken::Nothing,
                None => break,
            }
            next = if taken + 1 < BATCH { self.mail.try_recv().ok() } else { None };
        }
        Taken::Something
    }
}

/// What a node has found when it looked.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Taken {
    Something,
    Nothing,
    End,
}

/// How long a node waits before it looks whether something is to be said again.
const SOON: Duration = Duration::from_millis(5);
/// How long nothing may happen before a run is over, and void.
const PATIENCE: Duration = Duration::from_secs(20);
/// How much is taken at once.
const BATCH: usize = 1024;

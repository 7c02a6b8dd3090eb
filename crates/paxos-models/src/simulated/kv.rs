//! The store: clients, each with a session, write and read a few keys at whichever node they believe to lead, and what they
//! saw is judged.
//!
//! Nothing is read off the nodes but what a client is told, so whatever speaks the store's words can be put in its place.

mod client;
mod record;

use std::{
    collections::{BTreeMap, VecDeque},
    hash::Hash,
    ops::RangeInclusive,
    time::Duration,
};

use paxos_judge::{Action, Before, Call, End};
use paxos_kv::{Ask, Batch, Failure, Options, Outcome, Output, Reply, Request, Service};
use paxos_messages::{Observed, Slot, multi::Timer};
use paxos_process::{NodeId, NodeSet};
use paxos_quorums::Quorums;
use paxos_sim::{
    Happening, Invariant, Setting, World,
    timed::{Limits, Load, System},
};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde::{Serialize, de::DeserializeOwned};

use self::{
    client::{Client, Doing, Task, answered},
    record::{LIST, Record},
};
pub use record::Tally;

/// A cluster that keeps a store.
#[derive(Clone, Debug)]
pub struct Kv<F> {
    quorums: Quorums,
    options: Options,
    make: F,
}

/// Small batches, a short queue and many snapshots: fewer runs are needed until they matter.
pub const STORE: Options =
    Options { pipeline: 2, batch_bytes: 1 << 10, batch_commands: 4, queue_bytes: 1 << 9, compact_after: 200 };

/// A cluster of `nodes` nodes that keep a store, each made by `make`, which is given `options`.
///
/// # Panics
///
/// When there is no node.
pub fn kv<P, F: Fn(NodeId, Quorums, Options) -> P>(nodes: u8, options: Options, make: F) -> Kv<F> {
    Kv { quorums: Quorums::majority(NodeSet::first(nodes)).expect("a cluster has nodes"), options, make }
}

/// The service of a node, around a replica with [`OPTIONS`](super::OPTIONS): what [`kv`] is given when nothing is wrong.
#[must_use]
pub fn service(id: NodeId, quorums: Quorums, options: Options) -> Service<paxos_multi::Replica<Batch>> {
    Service::new(paxos_multi::Replica::new(id, quorums, super::OPTIONS), options)
}

/// The same service around a replica of Raft.
#[must_use]
pub fn service_on_raft(id: NodeId, quorums: Quorums, options: Options) -> Service<paxos_raft::Replica<Batch>> {
    Service::new(paxos_raft::Replica::new(id, quorums, super::OPTIONS), options)
}

impl<P, F> System for Kv<F>
where
    P: Observed<Record: Serialize + DeserializeOwned, Request: From<Request>, Timer = Timer, Output = Output>
        + Clone
        + Eq
        + Hash,
    F: Fn(NodeId, Quorums, Options) -> P,
{
    type Process = P;
    type Load = KvLoad;

    fn setting(&self) -> Setting {
        Setting::new(self.quorums)
    }

    fn make(&self, id: NodeId) -> P {
        (self.make)(id, self.quorums, self.options)
    }

    fn clock(&self, timer: Timer) -> RangeInclusive<Duration> {
        super::multi::clock(timer)
    }

    fn load(&self, seed: u64) -> KvLoad {
        KvLoad::new(seed, self.quorums.members())
    }

    /// A batch of several commands is nobody's wish, as a judge of values sees it: `Validity` is judged where a batch
    /// has one. That reads are fresh is judged by what clients saw.
    fn invariants(&self) -> Vec<Invariant> {
        let judged = |invariant: &Invariant| self.options.batch_commands == 1 || *invariant != Invariant::Validity;
        Invariant::ALL.into_iter().filter(judged).collect()
    }

    fn limits(&self) -> Limits {
        Limits { faults: Duration::from_secs(4), healing: Duration::from_secs(20), choices: 4_000 }
    }
}

/// What is asked of a store, and what is wrong with its answers.
#[derive(Clone, Debug)]
pub struct KvLoad {
    dice: ChaCha8Rng,
    members: Vec<NodeId>,
    /// How many milliseconds go by between two looks at the clients at most.
    pace: u64,
    clients: Vec<Client>,
    /// How many clients there have been, and operations of all of them.
    numbers: (u64, u64),
    /// How many operations there have been on each key.
    keys: [(&'static str, u64); 4],
    /// What a key had when somebody last saw or wrote it: what a swap expects.
    seen: BTreeMap<String, Option<String>>,
    record: Record,
    mended: bool,
    /// What is done at the very end by one client: a write, and a read of each key.
    last: Option<VecDeque<Task>>,
    /// The first slot that nobody had applied when all of that was answered.
    marked: Option<Slot>,
    /// How far each node has applied, as it says since all was mended.
    applied: BTreeMap<NodeId, Slot>,
}

impl KvLoad {
    fn new(seed: u64, members: NodeSet) -> Self {
        let mut dice = ChaCha8Rng::seed_from_u64(seed);
        dice.set_stream(LOAD);
        let (clients, pace) = (dice.random_range(3..=5), dice.random_range(2..=40));
        Self {
            dice,
            members: members.iter().collect(),
            pace,
            clients: (1..=clients).map(Client::new).collect(),
            numbers: (clients, 0),
            keys: [("list1", 0), ("list2", 0), ("key1", 0), ("key2", 0)],
            seen: BTreeMap::new(),
            record: Record::new(),
            mended: false,
            last: None,
            marked: None,
            applied: BTreeMap::new(),
        }
    }

    /// What clients saw: those that are not over have no known end.
    #[must_use]
    pub fn history(&self) -> Vec<Call> {
        let open = self.clients.iter().filter_map(|client| client.call(End::Unknown));
        self.record.calls().iter().cloned().chain(open).collect()
    }

    /// What shows that clients had something to see.
    #[must_use]
    pub const fn tally(&self) -> Tally {
        self.record.tally()
    }

    /// What is asked now, and when to ask again.
    fn ask_all(&mut self, now: Duration, requests: &mut Vec<(NodeId, Request)>) -> Duration {
        self.come_to_an_end();
        for position in 0..self.clients.len() {
            self.turn(position, now, requests);
        }
        let status = |node: &NodeId| (*node, Request::client(STATUS, Ask::Status));
        if self.mended {
            requests.extend(self.members.iter().map(status));
            return now + Duration::from_millis(25);
        }
        let [somebody, other] = [(); 2].map(|()| self.members[self.dice.random_range(0..self.members.len())]);
        match self.dice.random_range(0..80) {
            0..8 => requests.push(status(&somebody)),
            8 => requests.push((somebody, Request::Campaign)),
            9 => requests.push((somebody, Request::Transfer(other))),
            _ => {}
        }
        now + Duration::from_millis(self.dice.random_range(1..=self.pace))
    }

    /// Lets a client do what it is time for.
    fn turn(&mut self, position: usize, now: Duration, requests: &mut Vec<(NodeId, Request)>) {
        if self.clients[position].doing.is_none() {
            let Some(task) = self.choose(position) else { return };
            self.numbers.1 += 1;
            let (number, invoke) = (self.numbers.1, self.record.time(now));
            // What comes last must be answered: whether it is, is what recovery means.
            let patience = Duration::from_millis(self.dice.random_range(300..=3_000));
            let gives_up = if self.last.is_some() { Duration::MAX } else { now + patience };
            self.clients[position].begin(task, number, invoke, gives_up);
        }
        let Self { clients, dice, record, mended, members, .. } = self;
        let client = &mut clients[position];
        let Some(doing) = &client.doing else { return };
        if doing.gives_up <= now {
            self.replace(position);
        } else if doing.asks_again <= now {
            // Sometimes it asks somebody else than who answered last, such as a leader that does not know that it was deposed.
            let known = client.node.filter(|_| *mended || !dice.random_bool(STRAYS));
            let node = known.unwrap_or_else(|| members[dice.random_range(0..members.len())]);
            if doing.is_asked() {
                record.asks_again();
            }
            let (token, ask) = client.ask(now + Duration::from_millis(dice.random_range(50..=300)));
            if *mended || !dice.random_bool(LOST) {
                requests.push((node, Request::client(token, ask)));
            }
        }
    }

    /// What a client without a session does is to open one, whatever it is given.
    fn choose(&mut self, position: usize) -> Option<Task> {
        if let Some(last) = &mut self.last {
            return if position == 0 { last.pop_front() } else { None };
        }
        if self.mended || self.dice.random_bool(0.3) {
            return None;
        }
        let nth = self.dice.random_range(0..self.keys.len());
        let (name, uses) = &mut self.keys[nth];
        let key = format!("{name}.{}", *uses / RETIRED);
        *uses += 1;
        let (is_list, value) = (name.starts_with(LIST), format!("{}.", self.numbers.1 + 1));
        let before = Before::default();
        let action = match self.dice.random_range(0..10) {
            0..4 => Action::Get { result: None },
            _ if is_list => Action::Append { suffix: value, before },
            4..7 => Action::Put { value, before },
            7..9 => {
                let expect = self.seen.get(&key).cloned().flatten();
                Action::CompareAndSwap { expect, value, swapped: false, before }
            }
            _ => Action::Delete { before },
        };
        Some(Task { key, action, through_log: self.dice.random_bool(0.3) })
    }

    /// When all was mended and nobody waits any more, somebody new writes, and then reads every key.
    fn come_to_an_end(&mut self) {
        if !self.mended || self.clients.iter().any(|client| client.doing.is_some()) {
            return;
        }
        match &self.last {
            None => {
                self.replace(0);
                let append = Action::Append { suffix: "last.".into(), before: Before::default() };
                let write = Task { key: self.record.a_list(), action: append, through_log: true };
                let keys = self.record.keys(&write.key);
                let read = |key| Task { key, action: Action::Get { result: None }, through_log: false };
                self.last = Some([write].into_iter().chain(keys.into_iter().map(read)).collect());
            }
            Some(last) if last.is_empty() && self.marked.is_none() => self.marked = Some(self.record.next()),
            Some(_) => {}
        }
    }

    /// A client that will not know what came of its last operation does nothing more, and another one takes its place.
    fn replace(&mut self, position: usize) {
        self.numbers.0 += 1;
        let client = std::mem::replace(&mut self.clients[position], Client::new(self.numbers.0));
        self.record.ends(client.call(End::Unknown));
    }

    /// A client is answered, if its answer is not lost, and it has not heard another one.
    fn hear(&mut self, now: Duration, id: NodeId, token: u64, reply: &Reply) {
        self.record.is_answered(token, reply);
        let Some(position) = self.clients.iter().position(|client| client.waits_for(token)) else { return };
        if !self.mended && self.dice.random_bool(LOST) {
            return;
        }
        let client = &mut self.clients[position];
        match reply {
            Reply::Done(Outcome::Opened(session)) => {
                client.opened(*session, !self.mended && self.dice.random_bool(LOST));
            }
            Reply::Done(Outcome::Failed(failure)) if failure.is_unknown() => {
                self.record.expires(*failure == Failure::SessionExpired);
                self.replace(position);
            }
            Reply::NotLeader { .. } | Reply::Busy
                if !self.mended && client.asks_first(token) && self.dice.random_bool(DISCOURAGED) =>
            {
                // It is not done, so its client may do something else instead, also under the same number.
                let end = End::Failed(self.record.time(now));
                self.record.ends(client.call(end));
                client.doing = None;
            }
            Reply::NotLeader { leader } => client.is_sent_on(token, *leader, now),
            Reply::Busy | Reply::Unknown => client.is_sent_on(token, None, now + SOON),
            _ => {
                let Some(Doing { task, .. }) = &client.doing else { return };
                let Some(action) = answered(&task.action, reply) else {
                    return self.record.complain(format!("{:?} was answered {reply:?}", task.action));
                };
                match &action {
                    Action::Get { result } => _ = self.seen.insert(task.key.clone(), result.clone()),
                    Action::Put { value, .. } => _ = self.seen.insert(task.key.clone(), Some(value.clone())),
                    _ => {}
                }
                let end = End::Returned(self.record.time(now));
                let call = client.call(end).map(|call| Call { action, ..call });
                client.is_done(id);
                self.record.ends(call);
            }
        }
    }
}

impl<P: Observed<Request: From<Request>, Output = Output> + Clone + Hash> Load<P> for KvLoad {
    fn ask(&mut self, now: Duration, _: &World<P>, requests: &mut Vec<(NodeId, P::Request)>) -> Option<Duration> {
        let mut asked = Vec::new();
        let next = self.ask_all(now, &mut asked);
        requests.extend(asked.into_iter().map(|(node, request)| (node, request.into())));
        Some(next)
    }

    fn see(&mut self, now: Duration, happening: &Happening<'_, P>) {
        let Happening::Told(id, output) = happening else { return };
        match output {
            Output::Answer { token: STATUS, reply: Reply::Status(status) } => {
                self.record.has_applied(*id, status.applied, status.digest);
                if self.mended {
                    self.applied.insert(*id, status.applied);
                }
            }
            Output::Answer { token, reply } => {
                self.record.hears_from(*id, reply);
                self.hear(now, *id, *token, reply);
            }
            Output::Applied { slot, entry } => self.record.applied(*slot, entry),
            Output::Restored { .. } => self.record.restored(),
            Output::Leads { .. } | Output::Follows { .. } => {}
        }
    }

    fn mended(&mut self, _: Duration) {
        self.mended = true;
    }

    fn has_recovered(&self, nodes: NodeSet, _: &World<P>) -> bool {
        let Some(marked) = self.marked else { return false };
        nodes.iter().all(|id| self.applied.get(&id).is_some_and(|applied| marked <= *applied))
    }

    fn complaint(&mut self, _: &World<P>) -> Option<String> {
        let history = self.history();
        self.record.complaint(&history)
    }
}

/// The load has dice of its own.
const LOAD: u64 = 8;

/// The token of all questions how a node is: they are answered at once.
const STATUS: u64 = 0;

/// How often a question or an answer is lost between a client and a node, and how often a client has slept so long that its
/// session has expired.
const LOST: f64 = 0.05;

/// How often a client asks anybody, though it knows who answered last.
const STRAYS: f64 = 0.3;

/// How often a client does not ask again when it is told that its operation is not done.
const DISCOURAGED: f64 = 0.1;

/// How long a client waits before it asks again when a node has too much to do, or cannot say.
const SOON: Duration = Duration::from_millis(20);

/// How many operations there are on a key before another takes its place: a judge reads it as a whole.
const RETIRED: u64 = 300;

//! A log: whoever leads is asked to propose and to read, and every node makes snapshots.

use std::{collections::BTreeMap, hash::Hash, ops::RangeInclusive, time::Duration};

use paxos_messages::{
    Fact, Observed, Slot,
    multi::{Entry, Output, Request, Timer},
};
use paxos_multi::Options;
use paxos_process::{NodeId, NodeSet};
use paxos_quorums::Quorums;
use paxos_sim::{
    Happening, Setting, World,
    timed::{Limits, Load, Storage, System},
};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde::{Serialize, de::DeserializeOwned};

/// A cluster that keeps a log.
#[derive(Clone, Debug)]
pub struct Multi<F> {
    quorums: Quorums,
    storage: Storage,
    make: F,
}

impl<F> Multi<F> {
    /// The same, with this between its nodes and their disks.
    #[must_use]
    pub fn on(self, storage: Storage) -> Self {
        Self { storage, ..self }
    }
}

/// A narrow window and a short memory: fewer runs are needed until they matter.
pub const OPTIONS: Options = Options { window: 8, retain: 16 };

/// A cluster of `nodes` nodes that keep a log, each made by `make`, which is given [`OPTIONS`].
///
/// # Panics
///
/// When there is no node.
pub fn multi<P, F: Fn(NodeId, Quorums, Options) -> P>(nodes: u8, make: F) -> Multi<F> {
    let quorums = Quorums::majority(NodeSet::first(nodes)).expect("a cluster has nodes");
    Multi { quorums, storage: Storage::SOUND, make }
}

impl<P, F> System for Multi<F>
where
    P: Observed<Request = Request<String>, Timer = Timer, Output = Output<String>, Decree = Entry<String>>
        + Clone
        + Eq
        + Hash,
    P::Record: Serialize + DeserializeOwned,
    F: Fn(NodeId, Quorums, Options) -> P,
{
    type Process = P;
    type Load = MultiLoad;

    fn setting(&self) -> Setting {
        Setting::new(self.quorums)
    }

    fn make(&self, id: NodeId) -> P {
        (self.make)(id, self.quorums, OPTIONS)
    }

    /// As `paxos node` has them by default.
    fn clock(&self, timer: Timer) -> RangeInclusive<Duration> {
        clock(timer)
    }

    fn load(&self, seed: u64) -> MultiLoad {
        let mut dice = ChaCha8Rng::seed_from_u64(seed);
        dice.set_stream(LOAD);
        let pace = dice.random_range(5..=100);
        let (told, leads) = (BTreeMap::new(), NodeSet::EMPTY);
        MultiLoad { dice, members: self.quorums.members(), pace, asked: 0, mended: false, leads, told, marked: None }
    }

    fn storage(&self) -> Storage {
        self.storage
    }

    fn limits(&self) -> Limits {
        Limits { faults: Duration::from_secs(4), healing: Duration::from_secs(20), choices: 4_000 }
    }
}

/// How long the timers of a log take, as `paxos node` has them by default.
pub(super) const fn clock(timer: Timer) -> RangeInclusive<Duration> {
    match timer {
        Timer::Heartbeat => Duration::from_millis(40)..=Duration::from_millis(40),
        Timer::Election => Duration::from_millis(200)..=Duration::from_millis(400),
    }
}

/// What is asked of a log.
#[derive(Clone, Debug)]
pub struct MultiLoad {
    dice: ChaCha8Rng,
    members: NodeSet,
    /// How many milliseconds go by between two requests at most.
    pace: u64,
    asked: u64,
    mended: bool,
    /// The nodes that believe that they lead.
    leads: NodeSet,
    /// The first slot that each node has not told in this life.
    told: BTreeMap<NodeId, Slot>,
    /// A slot that was proposed and chosen since all was mended.
    marked: Option<Slot>,
}

impl<P> Load<P> for MultiLoad
where
    P: Observed<Request = Request<String>, Output = Output<String>, Decree = Entry<String>> + Clone + Hash,
{
    fn ask(&mut self, now: Duration, _: &World<P>, requests: &mut Vec<(NodeId, P::Request)>) -> Option<Duration> {
        self.asked += 1;
        for leader in self.leads {
            let what = if self.mended { "after" } else { "c" };
            requests.push((leader, Request::Propose(format!("{what}{}at{leader}", self.asked))));
            requests.push((leader, Request::Read(self.asked)));
        }
        if self.mended {
            return Some(now + Duration::from_millis(100));
        }
        let nth = self.dice.random_range(0..self.members.len());
        let somebody = self.members.iter().nth(nth).expect("one of the members");
        match self.dice.random_range(0..20) {
            0..3 => {
                // Every node gives the same state for the same slot: the slot itself stands for it.
                if let Some(upto) = self.told.get(&somebody).copied() {
                    requests.push((somebody, Request::Compact { upto, state: format!("to {upto}").as_bytes().into() }));
                }
            }
            3 => requests.push((somebody, Request::Campaign)),
            4 => requests.extend(self.leads.iter().map(|leader| (leader, Request::Transfer(somebody)))),
            _ => {}
        }
        Some(now + Duration::from_millis(self.dice.random_range(1..=self.pace)))
    }

    fn see(&mut self, _: Duration, happening: &Happening<'_, P>) {
        match happening {
            Happening::Told(id, Output::Leads { .. }) => _ = self.leads.insert(*id),
            Happening::Told(id, Output::Follows { .. }) => self.leads = self.leads.without(*id),
            Happening::Crashed(id, _) => {
                self.leads = self.leads.without(*id);
                self.told.remove(id);
            }
            Happening::Fact(id, Fact::Learned { slot, value }) => {
                self.told.insert(*id, slot.next());
                if let Entry::Command(command) = value
                    && command.starts_with("after")
                {
                    self.marked = self.marked.or(Some(*slot));
                }
            }
            Happening::Fact(id, Fact::Installed { upto }) => _ = self.told.insert(*id, *upto),
            _ => {}
        }
    }

    fn mended(&mut self, _: Duration) {
        self.mended = true;
    }

    fn has_recovered(&self, nodes: NodeSet, _: &World<P>) -> bool {
        let Some(marked) = self.marked else { return false };
        nodes.iter().all(|id| self.told.get(&id).is_some_and(|told| marked < *told))
    }
}

/// The load has dice of its own.
const LOAD: u64 = 8;

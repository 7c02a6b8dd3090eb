//! One decision: every node is asked to propose now and then, and to learn.

use std::{hash::Hash, ops::RangeInclusive, time::Duration};

use paxos_messages::{
    Fact, Observed,
    single::{Record, Request, Timer},
};
use paxos_process::{NodeId, NodeSet};
use paxos_quorums::Quorums;
use paxos_sim::{
    Happening, Setting, World,
    timed::{Limits, Load, Storage, System},
};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// A cluster of Basic Paxos.
#[derive(Clone, Debug)]
pub struct Basic<F> {
    quorums: Quorums,
    storage: Storage,
    make: F,
}

impl<F> Basic<F> {
    /// The same, with this between its nodes and their disks.
    #[must_use]
    pub fn on(self, storage: Storage) -> Self {
        Self { storage, ..self }
    }
}

/// A cluster of `nodes` nodes of Basic Paxos, each made by `make`.
///
/// # Panics
///
/// When there is no node.
pub fn basic<P, F: Fn(NodeId, Quorums) -> P>(nodes: u8, make: F) -> Basic<F> {
    let quorums = Quorums::majority(NodeSet::first(nodes)).expect("a cluster has nodes");
    Basic { quorums, storage: Storage::SOUND, make }
}

impl<P, F> System for Basic<F>
where
    P: Observed<Record = Record<String>, Request = Request<String>, Timer = Timer> + Clone + Eq + Hash,
    F: Fn(NodeId, Quorums) -> P,
{
    type Process = P;
    type Load = BasicLoad;

    fn setting(&self) -> Setting {
        Setting::new(self.quorums)
    }

    fn make(&self, id: NodeId) -> P {
        (self.make)(id, self.quorums)
    }

    fn clock(&self, _: Timer) -> RangeInclusive<Duration> {
        Duration::from_millis(50)..=Duration::from_millis(150)
    }

    fn load(&self, seed: u64) -> BasicLoad {
        let mut dice = ChaCha8Rng::seed_from_u64(seed);
        dice.set_stream(LOAD);
        BasicLoad { dice, members: self.quorums.members(), asked: 0, mended: false, learned: NodeSet::EMPTY }
    }

    fn storage(&self) -> Storage {
        self.storage
    }

    fn limits(&self) -> Limits {
        Limits { faults: Duration::from_secs(2), healing: Duration::from_secs(10), choices: 2_000 }
    }
}

/// What is asked of Basic Paxos.
#[derive(Clone, Debug)]
pub struct BasicLoad {
    dice: ChaCha8Rng,
    members: NodeSet,
    asked: u32,
    mended: bool,
    /// The nodes that have told what they learned, since all was mended.
    learned: NodeSet,
}

impl<P: Observed<Request = Request<String>> + Clone + Hash> Load<P> for BasicLoad {
    fn ask(&mut self, now: Duration, _: &World<P>, requests: &mut Vec<(NodeId, P::Request)>) -> Option<Duration> {
        self.asked += 1;
        if self.mended {
            // A node that crashed has forgotten that it was asked: it is asked again, and so is who has not answered.
            let silent = self.members.iter().filter(|id| !self.learned.contains(*id));
            requests.extend(silent.map(|id| (id, Request::Propose(format!("late{id}")))));
            return Some(now + Duration::from_secs(1));
        }
        let nth = self.dice.random_range(0..self.members.len());
        let node = self.members.iter().nth(nth).expect("one of the members");
        let value =
            if self.dice.random_bool(0.8) { Request::Propose(format!("v{}", self.asked)) } else { Request::Learn };
        requests.push((node, value));
        Some(now + Duration::from_millis(self.dice.random_range(1..=400)))
    }

    fn see(&mut self, _: Duration, happening: &Happening<'_, P>) {
        if let (true, Happening::Fact(id, Fact::Learned { .. })) = (self.mended, happening) {
            self.learned.insert(*id);
        }
    }

    fn mended(&mut self, _: Duration) {
        self.mended = true;
    }

    fn has_recovered(&self, nodes: NodeSet, _: &World<P>) -> bool {
        nodes.is_subset(self.learned)
    }
}

/// The load has dice of its own.
const LOAD: u64 = 8;

//! What a run has to live with: how long things take, and what fails how often.

use std::time::Duration;

use paxos_process::NodeSet;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::{Jitter, Kind, Limits, agenda::Time};

/// What a run has to live with until all is mended. Public, so that a benchmark can be precise where a sweep is random.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Conditions {
    /// The shortest time from one node to another, in nanoseconds: a row for each sender, in the order of their names.
    pub latency: Vec<Vec<Time>>,
    /// How much longer a message takes.
    pub jitter: Jitter,
    /// How many messages in a thousand are lost.
    pub loss: u32,
    /// How many arrive and arrive again, perhaps after all that they were about.
    pub copies: u32,
    /// How many take very much longer than the others.
    pub late: u32,
    /// By how much a clock may be wrong, in thousandths: for a whole run, each node for itself.
    pub drift: u32,
    /// How many timers in a thousand go off late.
    pub timers_late: u32,
    /// How many steps in a hundred thousand end with a crash of their node.
    pub boundary: u32,
    /// What strikes, and how long it is from one time to the next on average, in nanoseconds.
    pub strikes: Vec<(Kind, Time)>,
    /// What happens to disks.
    pub disk: DiskFaults,
    /// What things cost when nothing fails.
    pub costs: Costs,
    /// How long things fail, in nanoseconds, if the system's limits do not end it before.
    pub lasting: Time,
}

/// What happens to disks when their nodes crash.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DiskFaults {
    /// Whether a crash may find unsynced bytes on the disk: any number of them.
    pub torn: bool,
    /// Whether it may find zeros in their place.
    pub zeros: bool,
    /// Whether it may find later ones and not earlier ones.
    pub holes: bool,
    /// How many crashes in a thousand find damage to what was synced.
    pub damage: u32,
}

/// What things cost when nothing fails.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Costs {
    /// How long a node is busy with one step, in nanoseconds.
    pub step: Time,
    /// How long a byte takes on the wire, in nanoseconds: the next message of the sender waits for it.
    pub byte: Time,
    /// How long a sync takes, from the shortest to the longest, in nanoseconds.
    pub sync: (Time, Time),
}

impl Conditions {
    /// Nothing fails: every message takes half a millisecond, and every sync a quarter of one.
    #[must_use]
    pub fn calm(nodes: usize) -> Self {
        Self {
            latency: vec![vec![500 * MICROSECOND; nodes]; nodes],
            jitter: Jitter::None,
            loss: 0,
            copies: 0,
            late: 0,
            drift: 0,
            timers_late: 0,
            boundary: 0,
            strikes: Vec::new(),
            disk: DiskFaults::default(),
            costs: Costs { step: 0, byte: 0, sync: (250 * MICROSECOND, 250 * MICROSECOND) },
            lasting: Time::MAX,
        }
    }

    /// Those of a seed: less than half of everything that can fail, each as often as the seed says.
    #[must_use]
    pub fn swarm(seed: u64, members: NodeSet, limits: &Limits) -> Self {
        let mut dice = ChaCha8Rng::seed_from_u64(seed);
        dice.set_stream(CONDITIONS);
        let nodes = members.len();
        let slowest = [200 * MICROSECOND, 2 * MILLISECOND, 20 * MILLISECOND][dice.random_range(0..3)];
        let latency = (0..nodes).map(|_| (0..nodes).map(|_| dice.random_range(slowest / 10..=slowest)).collect());
        let latency = latency.collect();
        let jitter = match dice.random_range(0..3) {
            0 => Jitter::None,
            1 => Jitter::Exponential(slowest / 2),
            _ => Jitter::HeavyTail(slowest / 4),
        };
        let mut swarm = |most: u32| if dice.random_bool(0.5) { dice.random_range(1..=most) } else { 0 };
        let (loss, copies, late) = (swarm(200), swarm(200), swarm(50));
        let (drift, timers_late, boundary) = (swarm(200), swarm(100), swarm(300));
        let (torn, zeros, holes) = (0 < swarm(1), 0 < swarm(1), 0 < swarm(1));
        let disk = DiskFaults { torn, zeros, holes, damage: swarm(300) };
        let longest = u64::try_from(limits.faults.as_nanos()).unwrap_or(Time::MAX);
        let mut strikes = Vec::new();
        for kind in STRIKES {
            if dice.random_bool(0.3) {
                strikes.push((kind, dice.random_range(longest / 12..=longest)));
            }
        }
        let quickest = [20 * MICROSECOND, MILLISECOND, 5 * MILLISECOND][dice.random_range(0..3)];
        let costs = Costs { step: 0, byte: 0, sync: (quickest, quickest * dice.random_range(1..=4)) };
        let lasting = longest;
        Self { latency, jitter, loss, copies, late, drift, timers_late, boundary, strikes, disk, costs, lasting }
    }

    /// What fails here now and then: some of [`Kind::FAULTS`].
    #[must_use]
    pub fn faults(&self) -> Vec<Kind> {
        Kind::FAULTS.into_iter().filter(|kind| self.clone().switch(*kind).is_on()).collect()
    }

    /// Lets nothing fail but these kinds, as often as it did.
    pub fn only(&mut self, kinds: &[Kind]) {
        for kind in Kind::FAULTS.into_iter().filter(|kind| !kinds.contains(kind)) {
            self.switch(kind).off();
        }
    }

    fn switch(&mut self, kind: Kind) -> Switch<'_> {
        match kind {
            Kind::Lost => Switch::Chance(&mut self.loss),
            Kind::Copied => Switch::Chance(&mut self.copies),
            Kind::Late => Switch::Chance(&mut self.late),
            Kind::Drifted => Switch::Chance(&mut self.drift),
            Kind::TimerLate => Switch::Chance(&mut self.timers_late),
            Kind::AtBoundary => Switch::Chance(&mut self.boundary),
            Kind::Flipped => Switch::Chance(&mut self.disk.damage),
            Kind::Torn => Switch::Yes(&mut self.disk.torn),
            Kind::Zeroed => Switch::Yes(&mut self.disk.zeros),
            Kind::Hole => Switch::Yes(&mut self.disk.holes),
            other => Switch::Strike(&mut self.strikes, other),
        }
    }

    /// How long a strike lasts, in nanoseconds: to a fifth of the time in which things fail.
    pub(super) fn longest_strike(limits: &Limits) -> Time {
        u64::try_from((limits.faults / 5).max(Duration::from_millis(1)).as_nanos()).unwrap_or(Time::MAX)
    }
}

/// What makes one kind of fault happen, or not.
enum Switch<'a> {
    Chance(&'a mut u32),
    Yes(&'a mut bool),
    Strike(&'a mut Vec<(Kind, Time)>, Kind),
}

impl Switch<'_> {
    fn is_on(&self) -> bool {
        match self {
            Self::Chance(chance) => 0 < **chance,
            Self::Yes(yes) => **yes,
            Self::Strike(strikes, kind) => strikes.iter().any(|(struck, _)| struck == kind),
        }
    }

    fn off(self) {
        match self {
            Self::Chance(chance) => *chance = 0,
            Self::Yes(yes) => *yes = false,
            Self::Strike(strikes, kind) => strikes.retain(|(struck, _)| *struck != kind),
        }
    }
}

/// What strikes now and then; the rest is drawn for each message, step and crash.
const STRIKES: [Kind; 18] = [
    Kind::Isolated,
    Kind::OneWay,
    Kind::Halves,
    Kind::Bridge,
    Kind::Chain,
    Kind::Ring,
    Kind::Flapped,
    Kind::Clogged,
    Kind::Swizzled,
    Kind::Paused,
    Kind::Slowed,
    Kind::Crashed,
    Kind::Crashed,
    Kind::AllCrashed,
    Kind::Looped,
    Kind::SyncFailed,
    Kind::DiskFull,
    Kind::Replaced,
];

/// The conditions have dice of their own: what they draw changes nothing else.
const CONDITIONS: u64 = 7;

pub(super) const MICROSECOND: Time = 1_000;
pub(super) const MILLISECOND: Time = 1_000_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_fault_can_be_switched_off() {
        let limits = Limits { faults: Duration::from_secs(1), healing: Duration::from_secs(1), choices: 1 };
        let mut seen = Vec::new();
        for seed in 0..200 {
            let mut conditions = Conditions::swarm(seed, NodeSet::first(3), &limits);
            let all = conditions.faults();
            if let Some(first) = all.first() {
                conditions.only(&all[1..]);
                assert_eq!(conditions.faults(), all[1..], "without {first}");
            }
            conditions.only(&[]);
            assert_eq!(conditions.faults(), []);
            seen.extend(all);
        }
        for kind in Kind::FAULTS {
            assert!(seen.contains(&kind), "{kind} is never drawn");
        }
        assert!(Conditions::calm(3).faults().is_empty());
    }
}

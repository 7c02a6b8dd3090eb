//! What will be done to a cluster, and when: drawn from a seed before anything runs.
//!
//! A run takes a random part of the allowed faults and leaves the others out. With all of them at once, each hides what the
//! others would show: a cluster that is always cut in two never gets far enough for a crash to matter. Leaving out is called
//! swarm testing (Groce et al., *Swarm Testing*, ISSTA 2012).
//!
//! The same seed gives the same plan. What the processes make of it is their own: they run on a real clock.

use std::{collections::BTreeSet, fmt, time::Duration};

use paxos_process::{NodeId, NodeSet};
use rand::{RngExt, seq::SliceRandom};
use rand_chacha::{ChaCha8Rng, rand_core::SeedableRng};

/// A kind of fault, as it is named on the command line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, clap::ValueEnum)]
pub(super) enum Fault {
    /// Messages take long, or go through a narrow line
    Delay,
    /// Bytes get lost, and connections are reset in the middle of a frame
    Drop,
    /// The network is cut: in two, around one node, or to a chain
    Cut,
    /// A node is heard and hears nothing, or the other way round
    #[value(name = "oneway")]
    OneWay,
    /// Nodes are killed and started again: one, the leader, or all at once
    Kill,
    /// Nodes stand still and go on as if nothing had been
    Pause,
    /// Disks fail while they are written, and bytes change while nobody looks
    Disk,
    /// Every disk says that it has synced, and has not. No program survives that: the verdict must be no
    Lie,
}

/// From whom to whom.
pub(super) type Direction = (NodeId, NodeId);

/// One fault at its time.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Blow {
    /// Since the clients began.
    pub(super) at: Duration,
    /// Then it is over.
    pub(super) lasts: Duration,
    pub(super) what: What,
}

/// What is done.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum What {
    /// What goes in these directions takes up to so long.
    Delay(Vec<Direction>, Duration),
    /// So many bytes a second get through.
    Narrow(Vec<Direction>, u64),
    /// So much of what is read at a time is lost, or resets its connection.
    Lossy(Vec<Direction>, f64),
    /// Nothing gets through. The text says what it looks like.
    Cut(Vec<Direction>, String),
    /// The same, where the other direction works.
    OneWay(Vec<Direction>, String),
    Kill(Victim),
    KillAll,
    Pause(Victim),
    /// It lives on with a disk that fails, at so many of a thousand syncs.
    FailingDisk(Victim, u32),
    /// It is killed, and a byte of its log changes: at such a part of its length, by this pattern.
    Damage(Victim, f64, u8),
}

/// To whom it is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Victim {
    /// Whoever leads then.
    Leader,
    Node(NodeId),
}

/// All that will be done.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Plan {
    /// The kinds that this seed has chosen.
    pub(super) faults: BTreeSet<Fault>,
    /// In order.
    pub(super) blows: Vec<Blow>,
}

impl Plan {
    /// A plan for these nodes, over so long. `allowed` is what it may choose from; what was asked for by name is not left
    /// out.
    pub(super) fn new(seed: u64, nodes: NodeSet, time: Duration, allowed: &BTreeSet<Fault>, by_name: bool) -> Self {
        let mut draw = Draw { dice: ChaCha8Rng::seed_from_u64(seed), nodes: nodes.iter().collect() };
        let faults = if by_name { allowed.clone() } else { draw.some_of(allowed) };
        let kinds: Vec<Fault> = faults.iter().copied().filter(|fault| *fault != Fault::Lie).collect();
        let (mut blows, mut at) = (Vec::new(), CALM);
        while at < time && !kinds.is_empty() {
            let kind = draw.one(&kinds);
            let lasts = draw.time(100..=2_500).min(time - at);
            blows.push(Blow { at, lasts, what: draw.what(kind) });
            at += draw.time(50..=1_200);
        }
        Self { faults, blows }
    }
}

/// Dice, and whom they are about.
struct Draw {
    dice: ChaCha8Rng,
    nodes: Vec<NodeId>,
}

impl Draw {
    /// Each with a chance of two thirds, and at least one.
    fn some_of(&mut self, allowed: &BTreeSet<Fault>) -> BTreeSet<Fault> {
        let all: Vec<Fault> = allowed.iter().copied().collect();
        let mut some: BTreeSet<Fault> = all.iter().copied().filter(|_| self.dice.random_ratio(2, 3)).collect();
        if some.is_empty() && !all.is_empty() {
            some.insert(self.one(&all));
        }
        some
    }

    fn one<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.dice.random_range(0..of.len())]
    }

    fn time(&mut self, milliseconds: std::ops::RangeInclusive<u64>) -> Duration {
        Duration::from_millis(self.dice.random_range(milliseconds))
    }

    /// The leader is where it hurts most.
    fn victim(&mut self) -> Victim {
        if self.dice.random_ratio(1, 3) { Victim::Leader } else { Victim::Node(self.one(&self.nodes.clone())) }
    }

    fn what(&mut self, fault: Fault) -> What {
        match fault {
            Fault::Delay if self.dice.random_ratio(1, 3) => {
                What::Narrow(self.directions(), self.dice.random_range(20_000..=200_000))
            }
            Fault::Delay => {
                // Mostly less than an election takes, and now and then far more.
                let most = if self.dice.random_ratio(1, 5) { 1_500 } else { 150 };
                What::Delay(self.directions(), self.time(5..=most))
            }
            Fault::Drop => What::Lossy(self.directions(), self.dice.random_range(0.001..=0.05)),
            Fault::Cut => self.cut(),
            Fault::OneWay => self.one_way(),
            Fault::Kill if self.dice.random_ratio(1, 6) => What::KillAll,
            Fault::Kill => What::Kill(self.victim()),
            Fault::Pause => What::Pause(self.victim()),
            Fault::Disk if self.dice.random_ratio(1, 3) => {
                What::Damage(self.victim(), self.dice.random_range(0.0..1.0), self.dice.random_range(1..=255))
            }
            Fault::Disk => What::FailingDisk(self.victim(), self.dice.random_range(1..=50)),
            Fault::Lie => unreachable!("disks lie from the beginning, and not at a time"),
        }
    }

    /// All directions, or a random part of them.
    fn directions(&mut self) -> Vec<Direction> {
        let all = directions(&self.nodes, |_, _| true);
        let share = if self.dice.random_ratio(1, 3) { 1.0 } else { self.dice.random_range(0.1..=0.7) };
        all.into_iter().filter(|_| self.dice.random_bool(share)).collect()
    }

    fn cut(&mut self) -> What {
        self.nodes.shuffle(&mut self.dice);
        let order = self.nodes.clone();
        let place = |node: NodeId| order.iter().position(|other| *other == node).expect("a node");
        match self.dice.random_range(0..3) {
            // Each hears its neighbours: a shape in which some elect one leader after the other for ever (Ng et al.,
            // Omni-Paxos, EuroSys 2023).
            0 => {
                let apart = directions(&order, |a, b| 1 < place(a).abs_diff(place(b)));
                What::Cut(apart, format!("chain {}", listed(&order)))
            }
            1 => {
                let apart = directions(&order, |a, b| a == order[0] || b == order[0]);
                What::Cut(apart, format!("{} alone", order[0]))
            }
            _ => {
                let size = self.dice.random_range(1..order.len());
                let apart = directions(&order, |a, b| (place(a) < size) != (place(b) < size));
                What::Cut(apart, format!("{} | {}", listed(&order[..size]), listed(&order[size..])))
            }
        }
    }

    fn one_way(&mut self) -> What {
        let one = self.one(&self.nodes.clone());
        if self.dice.random() {
            What::OneWay(directions(&self.nodes, |from, _| from == one), format!("{one} is not heard"))
        } else {
            What::OneWay(directions(&self.nodes, |_, to| to == one), format!("{one} hears nothing"))
        }
    }
}

/// The directions between different nodes that are meant.
fn directions(nodes: &[NodeId], meant: impl Fn(NodeId, NodeId) -> bool) -> Vec<Direction> {
    let all = nodes.iter().flat_map(|&from| nodes.iter().map(move |&to| (from, to)));
    all.filter(|&(from, to)| from != to && meant(from, to)).collect()
}

fn listed(nodes: &[NodeId]) -> String {
    nodes.iter().map(NodeId::to_string).collect::<Vec<_>>().join(" ")
}

impl What {
    /// What is counted together.
    pub(super) const fn kind(&self) -> &'static str {
        match self {
            Self::Delay(..) => "delay",
            Self::Narrow(..) => "narrow line",
            Self::Lossy(..) => "loss and resets",
            Self::Cut(..) => "cut",
            Self::OneWay(..) => "one way",
            Self::Kill(_) => "kill",
            Self::KillAll => "kill all",
            Self::Pause(_) => "pause",
            Self::FailingDisk(..) => "failing disk",
            Self::Damage(..) => "damage at rest",
        }
    }
}

/// What it looks like, without the victim, who is known when it happens.
impl fmt::Display for What {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Delay(on, up_to) => write!(f, "up to {} ms on {} directions", up_to.as_millis(), on.len()),
            Self::Narrow(on, rate) => write!(f, "{} KB/s on {} directions", rate / 1_000, on.len()),
            Self::Lossy(on, chance) => write!(f, "{:.1} % on {} directions", chance * 100.0, on.len()),
            Self::Cut(_, shape) | Self::OneWay(_, shape) => f.write_str(shape),
            Self::FailingDisk(_, often) => write!(f, "{often} of 1000 syncs fail"),
            Self::Kill(_) | Self::KillAll | Self::Pause(_) | Self::Damage(..) => Ok(()),
        }
    }
}

/// Before the first fault: there must be something to lose.
const CALM: Duration = Duration::from_millis(500);

#[cfg(test)]
mod tests {
    use clap::ValueEnum;

    use super::*;

    fn plan(seed: u64, allowed: &[Fault], by_name: bool) -> Plan {
        let allowed = allowed.iter().copied().collect();
        Plan::new(seed, NodeSet::first(5), Duration::from_secs(60), &allowed, by_name)
    }

    #[test]
    fn a_seed_is_a_plan_and_another_seed_another() {
        let all = Fault::value_variants();
        assert_eq!(plan(1, all, false), plan(1, all, false));
        assert_ne!(plan(1, all, false).blows, plan(2, all, false).blows);
        let sets: BTreeSet<_> = (0..50).map(|seed| plan(seed, all, false).faults).collect();
        assert!(20 < sets.len(), "each run leaves out others: {}", sets.len());
        assert_eq!(plan(3, all, true).faults.len(), all.len(), "what is named is not left out");
    }

    #[test]
    fn only_what_is_allowed_happens_and_all_of_it_does() {
        let kinds = |fault: Fault| -> BTreeSet<&str> {
            (0..20).flat_map(|seed| plan(seed, &[fault], false).blows).map(|blow| blow.what.kind()).collect()
        };
        let check =
            |fault, expected: &[&str]| assert_eq!(kinds(fault), expected.iter().copied().collect(), "{fault:?}");
        check(Fault::Delay, &["delay", "narrow line"]);
        check(Fault::Drop, &["loss and resets"]);
        check(Fault::Cut, &["cut"]);
        check(Fault::OneWay, &["one way"]);
        check(Fault::Kill, &["kill", "kill all"]);
        check(Fault::Pause, &["pause"]);
        check(Fault::Disk, &["damage at rest", "failing disk"]);
        check(Fault::Lie, &[]);
    }

    #[test]
    fn blows_are_in_order_and_over_in_time() {
        for seed in 0..50 {
            let blows = plan(seed, Fault::value_variants(), false).blows;
            assert!(blows.is_sorted_by_key(|blow| blow.at));
            assert!(blows.iter().all(|blow| CALM <= blow.at && blow.at + blow.lasts <= Duration::from_secs(60)));
        }
    }
}

//! The random chooser: a simulation, the same to the byte for the same seed.

mod healing;
mod partition;

use std::hash::Hash;

use paxos_messages::Observed;
use rand::{Rng, RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::{Bounds, Choice, ChoiceOf, Invariant, Watch, World};

/// Chooses by a seed. Each seed draws how likely each kind of fault is, and switches about half of them off: a run
/// in which everything fails a little finds less than runs in which a few things fail a lot (swarm testing; Groce
/// and others, ISSTA 2012).
#[derive(Debug)]
pub struct Random {
    dice: ChaCha8Rng,
    /// What a log needs beside has its own dice: a run without it is the same whether there could be some or not.
    more: ChaCha8Rng,
    weights: Weights,
}

#[derive(Debug)]
struct Weights {
    duplicate: u32,
    drop: u32,
    fire: u32,
    sync: u32,
    crash: u32,
    restart: u32,
    /// Per mille, after each choice, that links are cut, and that all are whole again.
    cut: u32,
    heal: u32,
    /// How many times as often the timers go off whose name sorts first.
    pace: u32,
}

/// What happened in a run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Choices made.
    pub steps: usize,
    /// Messages that arrived, copies included.
    pub delivered: usize,
    /// Messages lost.
    pub dropped: usize,
    /// Messages that arrived and stayed in flight.
    pub duplicated: usize,
    /// Timers that went off.
    pub fired: usize,
    /// Crashes.
    pub crashes: usize,
    /// Links cut, each in one direction.
    pub cuts: usize,
    /// The first invariant that failed; the run stops there.
    pub violated: Option<Invariant>,
}

impl Random {
    /// The chooser of `seed`.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        let mut dice = ChaCha8Rng::seed_from_u64(seed);
        let mut more = dice.clone();
        more.set_stream(1);
        let (cut, heal) = (swarm(&mut more, 20), 1 + swarm(&mut more, 30));
        let pace = 1 << more.random_range(0..=4);
        let mut swarm = |most| swarm(&mut dice, most);
        let weights = Weights {
            duplicate: swarm(20),
            drop: swarm(20),
            fire: swarm(10),
            crash: swarm(6),
            sync: 1 + swarm(60),
            restart: 1 + swarm(30),
            cut,
            heal,
            pace,
        };
        Self { dice, more, weights }
    }

    /// For a protocol that timers keep going, such as one that elects a leader when it hears none: they go off in every
    /// run, though seldom in some. Those whose names sort first do so more often, as in [`heal`](Self::heal).
    #[must_use]
    pub fn ticking(mut self) -> Self {
        if self.weights.fire == 0 {
            self.weights.fire = self.more.random_range(1..=10);
        }
        self
    }

    /// Runs `world` for at most `steps` choices within `bounds`, or until nothing can happen or one of `invariants`
    /// fails. The choices made are appended to `path`.
    pub fn run<P: Observed + Clone + Hash>(
        &mut self,
        world: &mut World<P>,
        bounds: &Bounds<P::Request>,
        invariants: &[Invariant],
        steps: usize,
        path: &mut Vec<ChoiceOf<P>>,
        watch: &mut impl Watch<P>,
    ) -> Tally {
        let mut run = Run { world, bounds, invariants, path, watch, tally: Tally::default(), steps };
        let mut choices = Vec::new();
        while !run.is_over() {
            if 0 < bounds.cuts {
                self.change_links(&mut run);
            }
            choices.clear();
            run.world.choices(bounds, &mut choices);
            let Some(choice) = self.pick(&choices) else { break };
            run.choose(choice);
        }
        run.tally
    }

    fn pick<T: Copy + Ord, Q: Clone>(&mut self, choices: &[Choice<T, Q>]) -> Option<Choice<T, Q>> {
        let Self { dice, weights, .. } = self;
        let timers = || choices.iter().filter_map(timer);
        let frequent = timers().min().filter(|first| timers().any(|other| *first < other));
        let weight = |choice: &Choice<T, Q>| match timer(choice) {
            Some(name) if Some(name) == frequent => weights.fire * weights.pace,
            _ => weights.of(choice),
        };
        let total: u32 = choices.iter().map(weight).sum();
        let mut left = if total == 0 { return None } else { dice.next_u32() % total };
        choices.iter().find_map(|choice| {
            let weight = weight(choice);
            if left < weight {
                return Some(choice.clone());
            }
            left -= weight;
            None
        })
    }
}

/// The timer that goes off, if that is the choice.
const fn timer<T: Copy, Q>(choice: &Choice<T, Q>) -> Option<T> {
    match choice {
        Choice::Fire(_, timer) => Some(*timer),
        _ => None,
    }
}

impl Weights {
    const fn of<T, Q>(&self, choice: &Choice<T, Q>) -> u32 {
        match choice {
            Choice::Deliver(_) => 40,
            Choice::Duplicate(_) => self.duplicate,
            Choice::Drop(_) => self.drop,
            Choice::Fire(..) => self.fire,
            Choice::Request(..) => 10,
            Choice::Sync(_) => self.sync,
            Choice::Crash(_) | Choice::CrashKeeping(..) => self.crash,
            Choice::Restart(_) => self.restart,
            Choice::Lose(_) => 2,
            // Links are cut and healed by the shape: see `partition`.
            Choice::Cut(..) | Choice::Heal(..) => 0,
        }
    }
}

/// How likely a kind of fault is in this run: not at all in half of them.
fn swarm(dice: &mut ChaCha8Rng, most: u32) -> u32 {
    if dice.random_bool(0.5) { dice.random_range(1..=most) } else { 0 }
}

/// A run that is under way.
struct Run<'a, P: Observed, W> {
    world: &'a mut World<P>,
    bounds: &'a Bounds<P::Request>,
    invariants: &'a [Invariant],
    path: &'a mut Vec<ChoiceOf<P>>,
    watch: &'a mut W,
    tally: Tally,
    steps: usize,
}

impl<P: Observed + Clone + Hash, W: Watch<P>> Run<'_, P, W> {
    fn is_over(&self) -> bool {
        self.steps <= self.tally.steps || self.tally.violated.is_some()
    }

    fn choose(&mut self, choice: ChoiceOf<P>) {
        self.world.apply_within(self.bounds, &choice, self.watch);
        self.tally.count(&choice);
        self.path.push(choice);
        self.tally.violated = self.world.newly_violated(self.invariants);
    }

    /// Chooses, unless the run is over or something stands in the way.
    fn choose_if_possible(&mut self, choice: ChoiceOf<P>) {
        if !self.is_over() && self.world.obstacle(&choice).is_none() {
            self.choose(choice);
        }
    }
}

impl Tally {
    const fn count<T, Q>(&mut self, choice: &Choice<T, Q>) {
        self.steps += 1;
        match choice {
            Choice::Deliver(_) => self.delivered += 1,
            Choice::Duplicate(_) => (self.delivered, self.duplicated) = (self.delivered + 1, self.duplicated + 1),
            Choice::Drop(_) => self.dropped += 1,
            Choice::Fire(..) => self.fired += 1,
            Choice::Crash(_) | Choice::CrashKeeping(..) => self.crashes += 1,
            Choice::Cut(..) => self.cuts += 1,
            Choice::Request(..) | Choice::Sync(_) | Choice::Restart(_) | Choice::Lose(_) | Choice::Heal(..) => {}
        }
    }
}

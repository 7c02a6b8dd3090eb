//! The random chooser: a simulation, the same to the byte for the same seed.

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
    /// The first invariant that failed; the run stops there.
    pub violated: Option<Invariant>,
}

impl Random {
    /// The chooser of `seed`.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        let mut dice = ChaCha8Rng::seed_from_u64(seed);
        let mut swarm = |most: u32| if dice.random_bool(0.5) { dice.random_range(1..=most) } else { 0 };
        let weights = Weights {
            duplicate: swarm(20),
            drop: swarm(20),
            fire: swarm(10),
            crash: swarm(6),
            sync: 1 + swarm(60),
            restart: 1 + swarm(30),
        };
        Self { dice, weights }
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
        let (mut tally, mut choices) = (Tally::default(), Vec::new());
        while tally.steps < steps {
            choices.clear();
            world.choices(bounds, &mut choices);
            let Some(choice) = self.pick(&choices) else { break };
            world.apply_within(bounds, &choice, watch);
            tally.count(&choice);
            path.push(choice);
            tally.violated = world.newly_violated(invariants);
            if tally.violated.is_some() {
                break;
            }
        }
        tally
    }

    fn pick<T: Clone, Q: Clone>(&mut self, choices: &[Choice<T, Q>]) -> Option<Choice<T, Q>> {
        let total: u32 = choices.iter().map(|choice| self.weight(choice)).sum();
        let mut left = if total == 0 { return None } else { self.dice.next_u32() % total };
        choices.iter().find_map(|choice| {
            let weight = self.weight(choice);
            if left < weight {
                return Some(choice.clone());
            }
            left -= weight;
            None
        })
    }

    const fn weight<T, Q>(&self, choice: &Choice<T, Q>) -> u32 {
        match choice {
            Choice::Deliver(_) => 40,
            Choice::Duplicate(_) => self.weights.duplicate,
            Choice::Drop(_) => self.weights.drop,
            Choice::Fire(..) => self.weights.fire,
            Choice::Request(..) => 10,
            Choice::Sync(_) => self.weights.sync,
            Choice::Crash(_) => self.weights.crash,
            Choice::Restart(_) => self.weights.restart,
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
            Choice::Crash(_) => self.crashes += 1,
            Choice::Request(..) | Choice::Sync(_) | Choice::Restart(_) => {}
        }
    }
}

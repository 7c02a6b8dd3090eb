//! Looking at many worlds at once: what every thread does, and that nobody can tell how many there were.
//!
//! The states of one length are looked at in batches. Of each batch, threads take parts, as they come to them; they
//! read what was seen before the batch and change nothing. What they find is put in the order of the states that it
//! was found from, and only then counted, by one thread: so a state has the same number, and the same first way to it,
//! as if one had done all the work. Counting was 4 % of the time of one thread when it was sampled; it bounds what more give.

use std::{
    ops::Range,
    panic::resume_unwind,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread,
};

use paxos_sim::{Bounds, ChoiceOf, Invariant, World};

use crate::{
    Checkable, Limits,
    asleep::Asleep,
    seen::Seen,
    steps::Steps,
    walk::{Stop, Walker},
};

/// A world that was not seen before its batch.
pub(crate) struct Found {
    pub(crate) fingerprint: u64,
    pub(crate) parent: usize,
    pub(crate) nth: u16,
    /// The first invariant that it violates.
    pub(crate) violated: Option<Invariant>,
}

/// What was found from a part of a batch, in order.
#[derive(Default)]
pub(crate) struct Part {
    pub(crate) worlds: Vec<Found>,
    /// How many choices were tried.
    pub(crate) tried: usize,
}

/// As many walkers as there are threads.
pub(crate) struct Team<'a, P: Checkable> {
    walkers: Vec<Walker<'a, P>>,
    bounds: &'a Bounds<P::Request>,
    invariants: &'a [Invariant],
    stop: &'a Arc<AtomicBool>,
}

impl<'a, P: Checkable> Team<'a, P> {
    pub(crate) fn new(initial: &World<P>, bounds: &'a Bounds<P::Request>, limits: &'a Limits) -> Self {
        let walkers = (0..limits.threads.get()).map(|_| Walker::new(initial, bounds)).collect();
        Self { walkers, bounds, invariants: &limits.invariants, stop: &limits.stop }
    }

    /// Looks at the states of a batch, each reached by `depth` choices.
    pub(crate) fn expand(&mut self, batch: Range<usize>, depth: usize, seen: &Seen, steps: &Steps) -> Vec<Part> {
        let (next, parts) = (AtomicUsize::new(batch.start), Mutex::new(Vec::new()));
        let (bounds, invariants, stop) = (self.bounds, self.invariants, self.stop);
        let look = |walker: &mut Walker<'a, P>| {
            loop {
                let first = next.fetch_add(PART, Ordering::Relaxed);
                if batch.end <= first || stop.load(Ordering::Relaxed) {
                    return;
                }
                let mut part = Part::default();
                for state in first..batch.end.min(first + PART) {
                    let stop = walker.go_to(state, depth, steps);
                    part.look(state, stop, bounds, invariants, seen);
                }
                parts.lock().expect("nobody panics with it").push((first, part));
            }
        };
        let threads = batch.len().div_ceil(PART).min(self.walkers.len());
        let (mine, others) = self.walkers[..threads].split_first_mut().expect("there is at least one thread");
        thread::scope(|scope| {
            let others: Vec<_> = others.iter_mut().map(|walker| scope.spawn(|| look(walker))).collect();
            look(mine);
            for other in others {
                // A role that asserts something says it to whoever searches.
                other.join().unwrap_or_else(|said| resume_unwind(said));
            }
        });
        let mut parts = parts.into_inner().expect("nobody panics with it");
        parts.sort_by_key(|(first, _)| *first);
        parts.into_iter().map(|(_, part)| part).collect()
    }

    /// Whether what was `recalled` of a batch begins with what its first state leads to.
    pub(crate) fn finds_again(
        &mut self,
        recalled: &Part,
        first: usize,
        depth: usize,
        seen: &Seen,
        steps: &Steps,
    ) -> bool {
        let walker = &mut self.walkers[0];
        if !walker.can_go_to(first, depth, steps) {
            return false;
        }
        let mut part = Part::default();
        part.look(first, walker.go_to(first, depth, steps), self.bounds, self.invariants, seen);
        let known = |place: usize| part.worlds[..place].iter().map(|found| found.fingerprint);
        let again =
            part.worlds.iter().enumerate().filter(|(place, found)| known(*place).all(|it| it != found.fingerprint));
        let recalled = recalled.worlds.iter().take_while(|found| found.parent == first);
        again.map(|(_, found)| (found.fingerprint, found.nth)).eq(recalled.map(|found| (found.fingerprint, found.nth)))
    }

    /// The choices that first led to `state`, of which there are `depth`.
    pub(crate) fn way_to(&mut self, state: usize, depth: usize, steps: &Steps) -> Vec<ChoiceOf<P>> {
        self.walkers[0].way_to(state, depth, steps)
    }
}

impl Part {
    /// Tries everything that may happen in a world and does not sleep.
    fn look<P: Checkable>(
        &mut self,
        parent: usize,
        stop: &Stop<P>,
        bounds: &Bounds<P::Request>,
        invariants: &[Invariant],
        seen: &Seen,
    ) {
        let mut world = stop.world.clone();
        for (nth, (choice, asleep)) in stop.choices.iter().zip(&stop.asleep).enumerate() {
            if *asleep == Asleep::Yes {
                continue;
            }
            world.clone_from(&stop.world);
            world.apply_within(bounds, choice, &mut ());
            if *asleep == Asleep::IfNothingIsWritten && !world.is_unsynced() {
                continue;
            }
            self.tried += 1;
            let fingerprint = world.fingerprint();
            if !seen.contains(fingerprint) {
                let nth = u16::try_from(nth).expect("a world has fewer than 65,536 choices");
                let violated = world.newly_violated(invariants);
                self.worlds.push(Found { fingerprint, parent, nth, violated });
            }
        }
    }
}

/// How many states a thread looks at before it looks for more.
const PART: usize = 128;

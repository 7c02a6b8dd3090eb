//! Worlds made again: what waits to be looked at is a number, not a world.
//!
//! A world takes about a kilobyte, and in a large search millions of them wait. But breadth-first search numbers states
//! in a helpful order: those of one length by their parents, those by theirs, and so on. So the waiting states, taken in
//! order, are the leaves of a tree from left to right. Who walks from one leaf to the next goes up to where their ways
//! part and down again, and keeps only the worlds of the way that it is on. It makes each world of the tree once, and
//! the choices for it are known: they are the [`Steps`].

use paxos_sim::{Bounds, ChoiceOf, World};

use crate::{Checkable, asleep::Asleep, steps::Steps};

/// Walks along the states of one length after the other.
pub(crate) struct Walker<'a, P: Checkable> {
    bounds: &'a Bounds<P::Request>,
    /// The way from the initial world to where it stands.
    way: Vec<Stop<P>>,
    /// Those that it has left, for what they have room for.
    left: Vec<Stop<P>>,
}

/// A state on the way, made again.
#[derive(Clone)]
pub(crate) struct Stop<P: Checkable> {
    state: usize,
    pub(crate) world: World<P>,
    pub(crate) choices: Vec<ChoiceOf<P>>,
    /// Which of them lead where others have led.
    pub(crate) asleep: Vec<Asleep>,
}

impl<'a, P: Checkable> Walker<'a, P> {
    pub(crate) fn new(initial: &World<P>, bounds: &'a Bounds<P::Request>) -> Self {
        let mut choices = Vec::new();
        initial.choices(bounds, &mut choices);
        let asleep = vec![Asleep::No; choices.len()];
        Self { bounds, way: vec![Stop { state: 0, world: initial.clone(), choices, asleep }], left: Vec::new() }
    }

    // ANCHOR: go_to
    /// Goes to `state`, which is reached by `depth` choices.
    pub(crate) fn go_to(&mut self, state: usize, depth: usize, steps: &Steps) -> &Stop<P> {
        let (mut down, mut here, mut length) = (Vec::new(), state, depth);
        while self.way.get(length).is_none_or(|stop| stop.state != here) {
            let (parent, nth) = steps.to(here);
            down.push((here, usize::from(nth)));
            (here, length) = (parent, length - 1);
        }
        self.left.extend(self.way.drain(length + 1..));
        while let Some((state, nth)) = down.pop() {
            self.step(state, nth);
        }
        &self.way[depth]
    }
    // ANCHOR_END: go_to

    /// Whether there is a way to `state`, which is so unless the steps were made by other code: each of its choices is one
    /// that the world before it has.
    pub(crate) fn can_go_to(&self, state: usize, depth: usize, steps: &Steps) -> bool {
        let (mut nths, mut here) = (Vec::with_capacity(depth), state);
        for _ in 0..depth {
            let (parent, nth) = steps.to(here);
            nths.push(usize::from(nth));
            here = parent;
        }
        let (mut world, mut choices) = (self.way[0].world.clone(), self.way[0].choices.clone());
        nths.into_iter().rev().all(|nth| {
            let Some(choice) = choices.get(nth) else { return false };
            world.apply_within(self.bounds, choice, &mut ());
            choices.clear();
            world.choices(self.bounds, &mut choices);
            true
        })
    }

    /// One choice on.
    fn step(&mut self, state: usize, nth: usize) {
        let from = self.way.last().expect("the initial world is never left");
        let mut next = self.left.pop().unwrap_or_else(|| from.clone());
        next.state = state;
        next.world.clone_from(&from.world);
        next.world.apply_within(self.bounds, &from.choices[nth], &mut ());
        // It was judged when it was found.
        let _ = next.world.newly_violated(&[]);
        next.choices.clear();
        next.world.choices(self.bounds, &mut next.choices);
        next.asleep.clear();
        Asleep::after(from, nth, &next.world, &next.choices, self.bounds, &mut next.asleep);
        self.way.push(next);
    }

    /// The choices that first led to `state`, of which there are `depth`.
    pub(crate) fn way_to(&mut self, state: usize, depth: usize, steps: &Steps) -> Vec<ChoiceOf<P>> {
        self.go_to(state, depth, steps);
        let nths = self.way[1..].iter().map(|stop| usize::from(steps.to(stop.state).1));
        self.way.iter().zip(nths).map(|(stop, nth)| stop.choices[nth].clone()).collect()
    }
}

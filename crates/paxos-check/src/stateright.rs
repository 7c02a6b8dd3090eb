//! The same world under somebody else's checker: a second opinion on the search, not on the protocol.
//!
//! [Stateright](https://docs.rs/stateright) explores the same choices with its own search. It must find the same
//! number of states; a test says so.

use std::{fmt, hash::Hash};

use paxos_messages::Observed;
use paxos_sim::{Bounds, ChoiceOf, Invariant, World};
use stateright::{Model, Property};

/// A world and its bounds, as a model of stateright.
#[derive(Clone)]
pub struct WorldModel<P: Observed> {
    /// Where the search starts.
    pub initial: World<P>,
    /// What may happen.
    pub bounds: Bounds<P::Request>,
}

impl<P: Observed + Clone> fmt::Debug for WorldModel<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WorldModel").field("bounds", &self.bounds).finish_non_exhaustive()
    }
}

impl<P: Observed + Clone + Eq + Hash> Model for WorldModel<P> {
    type State = World<P>;
    type Action = ChoiceOf<P>;

    fn init_states(&self) -> Vec<World<P>> {
        vec![self.initial.clone()]
    }

    fn actions(&self, state: &World<P>, actions: &mut Vec<ChoiceOf<P>>) {
        state.choices(&self.bounds, actions);
    }

    fn next_state(&self, state: &World<P>, action: ChoiceOf<P>) -> Option<World<P>> {
        let mut next = state.clone();
        next.apply_within(&self.bounds, &action, &mut ());
        Some(next)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![Property::always("every invariant holds", |_, world: &World<P>| world.violated(&Invariant::ALL).is_none())]
    }
}

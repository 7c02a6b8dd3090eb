//! Making a counterexample smaller: whatever can be left out is.
//!
//! Breadth-first search finds a run with the fewest choices *among those it looks at*, and it looks at fewer than
//! there are: where no crash can follow any more, it lets disks sync first. Such syncs may stand in a path although
//! its failure does not need them. So each choice is left out in turn, and stays out if the same invariant still
//! fails at the end.

use std::hash::Hash;

use paxos_messages::Observed;
use paxos_sim::{Bounds, Choice, ChoiceOf, Invariant, Packet, World};

/// A choice that can be found again after others were left out: a message by what it is, not by its position.
struct Named<P: Observed> {
    choice: ChoiceOf<P>,
    packet: Option<Packet<P::Message>>,
}

/// `path` without the choices that `invariant` fails without.
pub(crate) fn minimise<P: Observed + Clone + Eq + Hash>(
    initial: &World<P>,
    bounds: &Bounds<P::Request>,
    invariant: Invariant,
    path: Vec<ChoiceOf<P>>,
) -> Vec<ChoiceOf<P>> {
    let mut named = name(initial, bounds, path);
    let mut left_out = true;
    while left_out {
        left_out = false;
        for position in (0..named.len()).rev() {
            let removed = named.remove(position);
            if fails(initial, bounds, invariant, &named).is_some() {
                left_out = true;
            } else {
                named.insert(position, removed);
            }
        }
    }
    fails(initial, bounds, invariant, &named).expect("the whole path fails, or it would not have been found")
}

fn name<P: Observed + Clone + Eq + Hash>(
    initial: &World<P>,
    bounds: &Bounds<P::Request>,
    path: Vec<ChoiceOf<P>>,
) -> Vec<Named<P>> {
    let mut world = initial.clone();
    let name = |choice: ChoiceOf<P>| {
        let packet = match &choice {
            Choice::Deliver(index) | Choice::Duplicate(index) | Choice::Drop(index) => {
                Some(world.network()[*index].clone())
            }
            _ => None,
        };
        world.apply_within(bounds, &choice, &mut ());
        Named { choice, packet }
    };
    path.into_iter().map(name).collect()
}

/// The run that `named` still is, if it can be made and `invariant` fails at its end.
fn fails<P: Observed + Clone + Eq + Hash>(
    initial: &World<P>,
    bounds: &Bounds<P::Request>,
    invariant: Invariant,
    named: &[Named<P>],
) -> Option<Vec<ChoiceOf<P>>> {
    let mut world = initial.clone();
    let mut path = Vec::new();
    for Named { choice, packet } in named {
        let position = || world.network().iter().position(|flying| Some(flying) == packet.as_ref());
        let choice = match choice {
            Choice::Deliver(_) => Choice::Deliver(position()?),
            Choice::Duplicate(_) => Choice::Duplicate(position()?),
            Choice::Drop(_) => Choice::Drop(position()?),
            other => other.clone(),
        };
        if world.obstacle(&choice).is_some() {
            return None;
        }
        world.apply_within(bounds, &choice, &mut ());
        path.push(choice);
    }
    world.violated(&[invariant]).map(|_| path)
}

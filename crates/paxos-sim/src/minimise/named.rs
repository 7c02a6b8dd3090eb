//! Choices that can be found again in another run.
//!
//! In a path a message is a position in the network, which means another message as soon as anything before it is left
//! out. So each choice is kept with the message itself, and is looked for by that.

use std::{
    hash::Hash,
    mem::discriminant,
    panic::{AssertUnwindSafe, catch_unwind},
};

use paxos_messages::Observed;
use paxos_process::NodeId;

use crate::{Choice, ChoiceOf, Invariant, Packet, World};

/// A choice that can be found again after others were left out: a message by what it is, not by its position.
pub(super) struct Named<P: Observed> {
    pub(super) choice: ChoiceOf<P>,
    packet: Option<Packet<P::Message>>,
}

/// What counts as the same message in another run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Match {
    /// Only one that says the same.
    Same,
    /// If there is none, one of the same kind between the same nodes, the nearest in order. Who leaves out a command moves all
    /// that is behind it to another slot, and who leaves out an election to another ballot: the same story, with other numbers.
    Alike,
}

impl<P: Observed> Clone for Named<P> {
    fn clone(&self) -> Self {
        Self { choice: self.choice.clone(), packet: self.packet.clone() }
    }
}

impl<P: Observed> Named<P> {
    /// Whether a node has to do with it.
    pub(super) fn concerns(&self, id: NodeId) -> bool {
        match &self.choice {
            Choice::Deliver(_) | Choice::Duplicate(_) | Choice::Drop(_) => {
                self.packet.as_ref().is_some_and(|packet| packet.from == id || packet.to == id)
            }
            Choice::Fire(node, _)
            | Choice::Request(node, _)
            | Choice::Sync(node)
            | Choice::Crash(node)
            | Choice::CrashKeeping(node, _)
            | Choice::Restart(node)
            | Choice::Lose(node) => *node == id,
            Choice::Cut(from, to) | Choice::Heal(from, to) => *from == id || *to == id,
        }
    }
}

impl<P: Observed + Clone + Hash> Named<P> {
    /// `choice`, as it is about to be made in `world`.
    fn of(choice: ChoiceOf<P>, world: &World<P>) -> Self {
        let packet = match choice {
            Choice::Deliver(index) | Choice::Duplicate(index) | Choice::Drop(index) => {
                Some(world.network()[index].clone())
            }
            _ => None,
        };
        Self { choice, packet }
    }

    /// The choice as it is in `world`, if it can be made there.
    fn found(&self, world: &World<P>, by: Match) -> Option<ChoiceOf<P>> {
        let position = || position(world.network(), self.packet.as_ref()?, by);
        let choice = match &self.choice {
            Choice::Deliver(_) => Choice::Deliver(position()?),
            Choice::Duplicate(_) => Choice::Duplicate(position()?),
            Choice::Drop(_) => Choice::Drop(position()?),
            Choice::CrashKeeping(id, kept) => match world.unsynced(*id).min(*kept) {
                0 => Choice::Crash(*id),
                kept => Choice::CrashKeeping(*id, kept),
            },
            other => other.clone(),
        };
        world.obstacle(&choice).is_none().then_some(choice)
    }
}

fn position<M: Ord>(network: &[Packet<M>], packet: &Packet<M>, by: Match) -> Option<usize> {
    let place = match (network.binary_search(packet), by) {
        (Ok(position), _) => return Some(position),
        (Err(_), Match::Same) => return None,
        (Err(place), Match::Alike) => place,
    };
    let alike = |other: &Packet<M>| {
        (other.from, other.to) == (packet.from, packet.to)
            && discriminant(&other.message) == discriminant(&packet.message)
    };
    // With less before it, numbers are lower.
    [place.checked_sub(1), Some(place)].into_iter().flatten().find(|near| network.get(*near).is_some_and(alike))
}

/// `path`, each choice with what it is about.
pub(super) fn name<P: Observed + Clone + Hash>(initial: &World<P>, path: &[ChoiceOf<P>]) -> Vec<Named<P>> {
    let mut world = initial.clone();
    let name = |choice: &ChoiceOf<P>| {
        let named = Named::of(choice.clone(), &world);
        world.apply(choice, &mut ());
        named
    };
    path.iter().map(name).collect()
}

/// What came of a replay.
pub(super) struct Replay<P: Observed> {
    /// The choices made, up to where the invariant fails, if it does.
    pub(super) failing: Option<Vec<Named<P>>>,
    /// How many that were.
    pub(super) made: usize,
}

/// Makes those of `named` that can be made. A process that panics has failed in another way than was asked for.
pub(super) fn replay<'a, P: Observed + Clone + Hash + 'a>(
    initial: &World<P>,
    invariant: Invariant,
    named: impl Iterator<Item = &'a Named<P>>,
    by: Match,
) -> Replay<P> {
    let (mut world, mut made) = (initial.clone(), Vec::new());
    for named in named {
        let Some(choice) = named.found(&world, by) else { continue };
        made.push(Named::of(choice.clone(), &world));
        let applied = catch_unwind(AssertUnwindSafe(|| world.apply(&choice, &mut ())));
        if applied.is_err() {
            break;
        }
        if world.newly_violated(&[invariant]).is_some() {
            return Replay { made: made.len(), failing: Some(made) };
        }
    }
    Replay { made: made.len(), failing: None }
}

/// The choices of `named`, all of which can be made.
pub(super) fn path_of<P: Observed + Clone + Hash>(initial: &World<P>, named: &[Named<P>]) -> Vec<ChoiceOf<P>> {
    let mut world = initial.clone();
    let find = |named: &Named<P>| {
        let choice = named.found(&world, Match::Same).expect("it happened before");
        world.apply(&choice, &mut ());
        choice
    };
    named.iter().map(find).collect()
}

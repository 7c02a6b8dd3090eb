//! Making a counterexample smaller: whatever can be left out is.
//!
//! A run is replayed without some of its choices, and what cannot happen without them is left out too: a message that
//! was never sent, a timer that was never set. If the same invariant fails all the same, they stay out. Large pieces are
//! tried before small ones (delta debugging; Zeller and Hildebrandt, *Simplifying and Isolating Failure-Inducing Input*,
//! TSE 2002), since a simulation gives paths of thousands of choices; and faults before everything else, then whole
//! nodes, because a story with fewer of those is easier to follow than a shorter one.

use std::hash::Hash;

use paxos_messages::Observed;
use paxos_process::NodeId;

use crate::{Choice, ChoiceOf, Invariant, Packet, World};

/// A choice that can be found again after others were left out: a message by what it is, not by its position.
struct Named<P: Observed> {
    choice: ChoiceOf<P>,
    packet: Option<Packet<P::Message>>,
}

impl<P: Observed> Clone for Named<P> {
    fn clone(&self) -> Self {
        Self { choice: self.choice.clone(), packet: self.packet.clone() }
    }
}

/// `path` without the choices that `invariant` fails without, up to where it first fails.
///
/// # Panics
///
/// When `path` is no run from `initial`, or `invariant` does not fail in it.
pub fn minimise<P: Observed + Clone + Hash>(
    initial: &World<P>,
    invariant: Invariant,
    path: &[ChoiceOf<P>],
) -> Vec<ChoiceOf<P>> {
    let named = name(initial, path);
    let mut named = failing(initial, invariant, &named).expect("the whole path fails, or it would not have been found");
    loop {
        let before = named.len();
        without_faults(initial, invariant, &mut named);
        without_nodes(initial, invariant, &mut named);
        in_pieces(initial, invariant, &mut named, |_| true);
        if named.len() == before {
            break;
        }
    }
    path_of(initial, &named)
}

/// Without each kind of fault as a whole, then without as many of each as possible.
fn without_faults<P: Observed + Clone + Hash>(initial: &World<P>, invariant: Invariant, named: &mut Vec<Named<P>>) {
    let kinds: [fn(&ChoiceOf<P>) -> bool; 5] = [
        |choice| matches!(choice, Choice::Lose(_)),
        |choice| matches!(choice, Choice::Cut(..) | Choice::Heal(..)),
        |choice| matches!(choice, Choice::Crash(_) | Choice::CrashKeeping(..) | Choice::Restart(_) | Choice::Lose(_)),
        |choice| matches!(choice, Choice::Drop(_)),
        |choice| matches!(choice, Choice::Duplicate(_)),
    ];
    for kind in kinds {
        let rest: Vec<_> = named.iter().filter(|named| !kind(&named.choice)).cloned().collect();
        if rest.len() == named.len() {
            continue;
        }
        match failing(initial, invariant, &rest) {
            Some(failing) => *named = failing,
            None => in_pieces(initial, invariant, named, kind),
        }
    }
}

/// Without all that a node has to do with.
fn without_nodes<P: Observed + Clone + Hash>(initial: &World<P>, invariant: Invariant, named: &mut Vec<Named<P>>) {
    for id in initial.setting().quorums.members() {
        let rest: Vec<_> = named.iter().filter(|named| !concerns(named, id)).cloned().collect();
        if rest.len() < named.len()
            && let Some(failing) = failing(initial, invariant, &rest)
        {
            *named = failing;
        }
    }
}

fn concerns<P: Observed>(named: &Named<P>, id: NodeId) -> bool {
    match &named.choice {
        Choice::Deliver(_) | Choice::Duplicate(_) | Choice::Drop(_) => {
            named.packet.as_ref().is_some_and(|packet| packet.from == id || packet.to == id)
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

/// Without pieces of the choices that `may_go`: half of them, a quarter, and so on down to single ones; the last first,
/// because it has least that follows from it.
fn in_pieces<P: Observed + Clone + Hash>(
    initial: &World<P>,
    invariant: Invariant,
    named: &mut Vec<Named<P>>,
    may_go: fn(&ChoiceOf<P>) -> bool,
) {
    let those = |named: &[Named<P>]| -> Vec<usize> {
        (0..named.len()).filter(|position| may_go(&named[*position].choice)).collect()
    };
    let mut size = those(named).len().div_ceil(2);
    while 0 < size {
        let mut end = those(named).len();
        while 0 < end {
            let positions = those(named);
            end = end.min(positions.len());
            let begin = end.saturating_sub(size);
            let piece = &positions[begin..end];
            let kept = |position: &usize| piece.binary_search(position).is_err();
            let rest: Vec<_> = (0..named.len()).filter(kept).map(|position| named[position].clone()).collect();
            if let Some(failing) = failing(initial, invariant, &rest) {
                *named = failing;
            }
            end = begin;
        }
        size = if size == 1 { 0 } else { size.div_ceil(2) };
    }
}

fn name<P: Observed + Clone + Hash>(initial: &World<P>, path: &[ChoiceOf<P>]) -> Vec<Named<P>> {
    let mut world = initial.clone();
    let name = |choice: &ChoiceOf<P>| {
        let packet = match choice {
            Choice::Deliver(index) | Choice::Duplicate(index) | Choice::Drop(index) => {
                Some(world.network()[*index].clone())
            }
            _ => None,
        };
        world.apply(choice, &mut ());
        Named { choice: choice.clone(), packet }
    };
    path.iter().map(name).collect()
}

/// The choice as it is in `world`, if it can be made there.
fn found<P: Observed + Clone + Hash>(world: &World<P>, named: &Named<P>) -> Option<ChoiceOf<P>> {
    let position = || named.packet.as_ref().and_then(|packet| world.network().binary_search(packet).ok());
    let choice = match &named.choice {
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

/// Those of `named` that can happen, up to where `invariant` fails, if it does.
fn failing<P: Observed + Clone + Hash>(
    initial: &World<P>,
    invariant: Invariant,
    named: &[Named<P>],
) -> Option<Vec<Named<P>>> {
    let (mut world, mut made) = (initial.clone(), Vec::with_capacity(named.len()));
    for named in named {
        let Some(choice) = found(&world, named) else { continue };
        world.apply(&choice, &mut ());
        made.push(Named { choice, packet: named.packet.clone() });
        if world.newly_violated(&[invariant]).is_some() {
            return Some(made);
        }
    }
    None
}

fn path_of<P: Observed + Clone + Hash>(initial: &World<P>, named: &[Named<P>]) -> Vec<ChoiceOf<P>> {
    let mut world = initial.clone();
    let find = |named: &Named<P>| {
        let choice = found(&world, named).expect("it happened before");
        world.apply(&choice, &mut ());
        choice
    };
    named.iter().map(find).collect()
}

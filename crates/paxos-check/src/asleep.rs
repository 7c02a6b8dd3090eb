//! The partial-order reduction: of two orders that lead to the same world, only one is tried.
//!
//! Two messages to two nodes may arrive in either order, and the world is the same. So most worlds are reached in many
//! ways, and a search that makes each of them as often as it has ways in spends most of its time on finding out that it
//! was there. Here a choice *sleeps* where another order of it has led already (sleep sets: Godefroid,
//! *Partial-Order Methods for the Verification of Concurrent Systems*, 1996, §5). Nothing is lost by it, not even the
//! numbers: **the states, the depth of each, and the way that it is first found are those of the search without it.**
//!
//! Let `t` lead from the state `q` to `p`, which was first found so. A choice `u` of `p` sleeps if it was a choice of
//! `q` too, `u` and `t` [commute](World::commute) there, and `q·u` was found before `p`. That is so
//!
//! - if `u` stands before `t` among the choices of `q`: it was tried before `t`, unless it led to what was known;
//! - or if `u` sleeps at `q`: then `q·u` was known before `q` was looked at.
//!
//! `p·u` is the world that `t` leads to from `q·u`. States are looked at in the order in which they were found, so it is
//! found from `q·u`, or was known, before `p` is looked at: what sleeps leads to nothing new (which carries the second
//! case on). And the first way to a state, from the first of those before it, never sleeps: it would have a way from an
//! earlier one.
//!
//! Invariants need no care, as they would if states were left out: every state is found, and judged.

use paxos_sim::{Bounds, ChoiceOf, Commute, World};

use crate::{Checkable, walk::Stop};

/// Whether a choice leads where others have led.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Asleep {
    /// Perhaps not: it must be tried.
    No,
    /// It does, if it writes nothing: see [`Commute::IfNothingIsWritten`].
    IfNothingIsWritten,
    /// It does.
    Yes,
}

impl Asleep {
    /// Which of the `choices` of `world` sleep, that choice number `nth` leads to from `stop`, appended to `asleep`.
    pub(crate) fn after<P: Checkable>(
        from: &Stop<P>,
        nth: usize,
        world: &World<P>,
        choices: &[ChoiceOf<P>],
        bounds: &Bounds<P::Request>,
        asleep: &mut Vec<Self>,
    ) {
        // Both lists are in the same order, so what was a choice before mostly stands behind the last one that was.
        let mut behind = 0;
        let taken = &from.choices[nth];
        let sleeps = |choice: &ChoiceOf<P>| {
            let same = |other: &usize| world.is_same(choice, &from.world, &from.choices[*other]);
            let Some(there) = (behind..from.choices.len()).chain(0..behind).find(same) else { return Self::No };
            behind = there + 1;
            if nth <= there && from.asleep[there] == Self::No {
                return Self::No;
            }
            match from.world.commute(bounds, &from.choices[there], taken) {
                None => Self::No,
                Some(Commute::IfNothingIsWritten) => Self::IfNothingIsWritten,
                Some(Commute::Always) if there < nth => Self::Yes,
                Some(Commute::Always) => from.asleep[there],
            }
        };
        asleep.extend(choices.iter().map(sleeps));
    }
}

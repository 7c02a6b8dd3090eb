//! Making a counterexample smaller: whatever can be left out is.
//!
//! A run is replayed without some of its choices, and what cannot happen without them is left out too: a message that
//! was never sent, a timer that was never set. If the same invariant fails all the same, they stay out. Large pieces are
//! tried before small ones (delta debugging; Zeller and Hildebrandt, *Simplifying and Isolating Failure-Inducing Input*,
//! TSE 2002), since a simulation gives paths of thousands of choices; and faults before everything else, then whole
//! nodes, because a story with fewer of those is easier to follow than a shorter one.
//!
//! [`minimise`] leaves the others as they are. [`minimise_within`] first lets them change their numbers: without the first
//! of a hundred commands, the others are in other slots, and it takes the messages about those for the messages about
//! these. That is what makes the runs of a log small.

mod named;

use std::hash::Hash;

use paxos_messages::Observed;

use self::named::{Match, Named, name, path_of, replay};
use crate::{Choice, ChoiceOf, Invariant, World};

/// What [`minimise_within`] is left with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Smaller<C> {
    /// The choices, the last of which violates the invariant.
    pub path: Vec<C>,
    /// Whether none of them can be left out: otherwise the effort was spent, or nobody wanted to wait.
    pub is_least: bool,
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
    let mut go_on = |_| true;
    let mut search = Search::new(initial, invariant, path, u64::MAX, &mut go_on);
    search.leave_out_all(Match::Same);
    path_of(initial, &search.named)
}

/// A shorter run in which `invariant` fails like in `path`: with fewer faults, then fewer messages, then fewer nodes. In all
/// replays together it makes at most `effort` choices, and it stops when `go_on`, which is told how many are left, says no.
///
/// # Panics
///
/// When `path` is no run from `initial`, or `invariant` does not fail in it.
pub fn minimise_within<P: Observed + Clone + Hash>(
    initial: &World<P>,
    invariant: Invariant,
    path: &[ChoiceOf<P>],
    effort: u64,
    go_on: &mut dyn FnMut(usize) -> bool,
) -> Smaller<ChoiceOf<P>> {
    let mut search = Search::new(initial, invariant, path, effort, go_on);
    loop {
        let before = search.named.len();
        search.leave_out_all(Match::Alike);
        search.leave_out_all(Match::Same);
        if search.is_over || search.named.len() == before {
            break;
        }
    }
    Smaller { path: path_of(initial, &search.named), is_least: !search.is_over }
}

struct Search<'a, P: Observed> {
    initial: &'a World<P>,
    invariant: Invariant,
    /// The shortest so far.
    named: Vec<Named<P>>,
    /// How many choices may still be made.
    effort: u64,
    go_on: &'a mut dyn FnMut(usize) -> bool,
    is_over: bool,
}

impl<'a, P: Observed + Clone + Hash> Search<'a, P> {
    fn new(
        initial: &'a World<P>,
        invariant: Invariant,
        path: &[ChoiceOf<P>],
        effort: u64,
        go_on: &'a mut dyn FnMut(usize) -> bool,
    ) -> Self {
        let whole = replay(initial, invariant, name(initial, path).iter(), Match::Same);
        let named = whole.failing.expect("the whole path fails, or it would not have been found");
        Self { initial, invariant, named, effort, go_on, is_over: false }
    }

    /// Leaves out until nothing more can be.
    fn leave_out_all(&mut self, by: Match) {
        loop {
            let before = self.named.len();
            self.without_faults(by);
            self.without_nodes(by);
            if by == Match::Alike {
                self.in_pieces(|choice| matches!(choice, Choice::Request(..)), by);
            }
            self.in_pieces(|_| true, by);
            if self.is_over || self.named.len() == before {
                break;
            }
        }
    }

    /// Leaves out those choices for which `stays` says no, if the rest fails; says whether it does.
    fn leaves_out(&mut self, stays: impl Fn(usize, &Named<P>) -> bool, by: Match) -> bool {
        if self.is_over || self.effort == 0 || !(self.go_on)(self.named.len()) {
            self.is_over = true;
            return false;
        }
        let rest = self.named.iter().enumerate().filter(|(position, named)| stays(*position, named));
        let replay = replay(self.initial, self.invariant, rest.map(|(_, named)| named), by);
        self.effort = self.effort.saturating_sub(replay.made as u64);
        let Some(failing) = replay.failing else { return false };
        self.named = failing;
        true
    }

    /// Without each kind of fault as a whole, then without as many of each as possible.
    fn without_faults(&mut self, by: Match) {
        let kinds: [fn(&ChoiceOf<P>) -> bool; 5] = [
            |choice| matches!(choice, Choice::Lose(_)),
            |choice| matches!(choice, Choice::Cut(..) | Choice::Heal(..)),
            |choice| {
                matches!(choice, Choice::Crash(_) | Choice::CrashKeeping(..) | Choice::Restart(_) | Choice::Lose(_))
            },
            |choice| matches!(choice, Choice::Drop(_)),
            |choice| matches!(choice, Choice::Duplicate(_)),
        ];
        for kind in kinds {
            let there_are = self.named.iter().any(|named| kind(&named.choice));
            if there_are && !self.leaves_out(|_, named| !kind(&named.choice), by) {
                self.in_pieces(kind, by);
            }
        }
    }

    /// Without all that a node has to do with.
    fn without_nodes(&mut self, by: Match) {
        for id in self.initial.setting().quorums.members() {
            if self.named.iter().any(|named| named.concerns(id)) {
                self.leaves_out(|_, named| !named.concerns(id), by);
            }
        }
    }

    /// Without pieces of the choices that `may_go`: half of them, a quarter, and so on down to single ones; the last first,
    /// because it has least that follows from it.
    fn in_pieces(&mut self, may_go: fn(&ChoiceOf<P>) -> bool, by: Match) {
        let those = |named: &[Named<P>]| -> Vec<usize> {
            (0..named.len()).filter(|position| may_go(&named[*position].choice)).collect()
        };
        let mut size = those(&self.named).len().div_ceil(2);
        while 0 < size && !self.is_over {
            let mut end = those(&self.named).len();
            while 0 < end && !self.is_over {
                let positions = those(&self.named);
                end = end.min(positions.len());
                let begin = end.saturating_sub(size);
                let piece = &positions[begin..end];
                self.leaves_out(|position, _| piece.binary_search(&position).is_err(), by);
                end = begin;
            }
            size = if size == 1 { 0 } else { size.div_ceil(2) };
        }
    }
}

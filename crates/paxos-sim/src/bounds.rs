//! How much may go wrong: what makes a search finite.

use std::ops::Range;

use paxos_process::{NodeId, NodeSet, Process};

/// What may happen in all of a run. Loss needs no bound: a message that never arrives is lost.
#[derive(Clone, Debug)]
pub struct Bounds<Q> {
    /// What is asked, each at most once. The order is a choice, as far as `ahead` lets it be.
    pub requests: Vec<(NodeId, Q)>,
    /// How many requests a choice looks at: so many from the first that was not made yet. At most 64, which is all of
    /// them in a search. A long list is asked about in order with a small number.
    pub ahead: u8,
    /// How many timers may go off.
    pub fires: u32,
    /// At which nodes timers may go off.
    pub may_fire: NodeSet,
    /// How many messages may arrive twice.
    pub duplicates: u16,
    /// How many messages may be dropped explicitly. A search leaves this at 0: not delivering is the same.
    pub drops: u16,
    /// How many crashes there may be.
    pub crashes: u16,
    /// Which nodes may crash.
    pub may_crash: NodeSet,
    /// How many disks may be lost. A protocol that has a rule for it survives one at a time.
    pub losses: u16,
    /// How many links may be cut, each in one direction. A search leaves this at 0, too: a message that waits for a
    /// link is a message that waits.
    pub cuts: u16,
}

/// The bounds of a process.
pub(crate) type BoundsOf<P> = Bounds<<P as Process>::Request>;

impl<Q> Bounds<Q> {
    /// These requests and no fault at all. Timers may go off anywhere once `fires` is raised; no node may
    /// crash until `may_crash` names it.
    #[must_use]
    pub const fn requests(requests: Vec<(NodeId, Q)>) -> Self {
        let (may_fire, may_crash) = (NodeSet::first(NodeId::LIMIT - 1), NodeSet::EMPTY);
        let (fires, duplicates, drops, crashes, losses, cuts) = (0, 0, 0, 0, 0, 0);
        Self { requests, ahead: 64, fires, may_fire, duplicates, drops, crashes, may_crash, losses, cuts }
    }

    /// The positions of the requests that may be made next, those made among them.
    pub(crate) fn window(&self, spent: &Spent) -> Range<usize> {
        let first = spent.first as usize;
        first..self.requests.len().min(first + usize::from(self.ahead.min(64)))
    }
}

/// What has happened of what [`Bounds`] allow: a part of the world's state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Spent {
    /// How many requests at the beginning of [`Bounds::requests`] were made without a gap.
    first: u32,
    /// The requests made after those, as bits by their distance from `first`. The lowest is 0.
    requests: u64,
    /// The timers that went off.
    pub(crate) fires: u32,
    /// The messages that arrived twice.
    pub(crate) duplicates: u16,
    /// The messages dropped.
    pub(crate) drops: u16,
    /// The crashes.
    pub(crate) crashes: u16,
    /// The disks lost.
    pub(crate) losses: u16,
    /// The links cut.
    pub(crate) cuts: u16,
}

impl Spent {
    /// Whether the request at this position has been made.
    pub(crate) const fn asked(&self, position: usize) -> bool {
        match position.checked_sub(self.first as usize) {
            None => true,
            Some(distance) => distance < 64 && self.requests >> distance & 1 == 1,
        }
    }

    /// Takes note of a request in the window.
    pub(crate) fn ask(&mut self, position: usize) {
        self.requests |= 1 << (position - self.first as usize);
        let made = self.requests.trailing_ones();
        self.requests = self.requests.checked_shr(made).unwrap_or(0);
        self.first += made;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_list_is_asked_through_a_window() {
        let bounds = Bounds { ahead: 3, ..Bounds::requests(vec![(NodeId(1), 'q'); 200]) };
        let mut spent = Spent::default();
        for position in [1, 2, 0, 3, 5, 4] {
            assert!(bounds.window(&spent).contains(&position) && !spent.asked(position));
            spent.ask(position);
            assert!(spent.asked(position));
        }
        assert_eq!(spent, Spent { first: 6, ..Spent::default() }, "the order leaves no trace");
        assert_eq!(bounds.window(&spent), 6..9);
        (6..200).for_each(|position| spent.ask(position));
        assert!(bounds.window(&spent).is_empty());
    }

    #[test]
    fn the_widest_window_has_64() {
        let bounds = Bounds::requests(vec![(NodeId(1), 'q'); 200]);
        let mut spent = Spent::default();
        (1..64).rev().for_each(|position| spent.ask(position));
        assert_eq!((bounds.window(&spent), spent.asked(0), spent.asked(64)), (0..64, false, false));
        spent.ask(0);
        assert_eq!(bounds.window(&spent), 64..128);
    }
}

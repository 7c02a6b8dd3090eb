//! Reads that wait for the leader to be confirmed.
//!
//! A leader may have been replaced without knowing it, so it asks a quorum before it answers a read from its state; the
//! log does that ([`Request::Read`](paxos_messages::multi::Request::Read)). One confirmation serves all reads that were
//! asked before it; those that come while it is under way wait for the next.

use alloc::vec::Vec;

use crate::Query;

/// The reads that wait, in two groups.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Reads {
    /// How many confirmations have been asked for: the number of the last.
    asked: u64,
    /// They wait for that one, if there are any.
    confirming: Vec<(u64, Query)>,
    /// They came later.
    next: Vec<(u64, Query)>,
    /// What all of them cost when they are answered, which they are at once.
    cost: usize,
}

impl Reads {
    pub(crate) const fn new() -> Self {
        Self { asked: 0, confirming: Vec::new(), next: Vec::new(), cost: 0 }
    }

    /// Takes a read; false when there is no room.
    pub(crate) fn push(&mut self, token: u64, query: Query) -> bool {
        let cost = cost(&query);
        let room = self.cost + cost <= MAX_COST;
        if room {
            self.cost += cost;
            self.next.push((token, query));
        }
        room
    }

    /// The number of the confirmation that is to be asked for now, if one is.
    pub(crate) fn ask(&mut self) -> Option<u64> {
        if self.next.is_empty() || !self.confirming.is_empty() {
            return None;
        }
        core::mem::swap(&mut self.next, &mut self.confirming);
        self.asked += 1;
        Some(self.asked)
    }

    /// The reads that waited for this confirmation.
    pub(crate) fn confirmed(&mut self, number: u64) -> Vec<(u64, Query)> {
        let confirmed = if number == self.asked { core::mem::take(&mut self.confirming) } else { Vec::new() };
        self.cost -= confirmed.iter().map(|(_, query)| cost(query)).sum::<usize>();
        confirmed
    }

    /// All that wait: the node does not lead any more.
    pub(crate) fn give_up(&mut self) -> Vec<(u64, Query)> {
        self.cost = 0;
        let mut all = core::mem::take(&mut self.confirming);
        all.append(&mut self.next);
        all
    }

    pub(crate) fn len(&self) -> usize {
        self.confirming.len() + self.next.len()
    }
}

/// A value is shared with the store, and a page is a list of what is shared: a thousand entries of 32 bytes, at most.
const fn cost(query: &Query) -> usize {
    match query {
        Query::Get { .. } => 1,
        Query::Range { .. } => 16,
    }
}

/// How much may wait: so many reads of a value.
const MAX_COST: usize = 1 << 16;

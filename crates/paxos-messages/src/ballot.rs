//! Ballots, the votes cast in them, and the slots that are voted on.

use core::fmt;

use paxos_process::NodeId;

// ANCHOR: ballot
/// A proposal number: totally ordered, unique per proposer, and never used twice, even across restarts.
///
/// Lamport asks that different proposers choose their numbers from disjoint sets (*Paxos Made Simple*, §2.2). Here
/// the proposer is part of the number, and breaks ties between equal rounds. Shown as `b3.1`: round 3 of node 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Ballot {
    /// How many rounds had to be outbid; the first ballot of a proposer that has heard of no other is round 1.
    pub round: u64,
    /// The proposer that may use this ballot.
    pub node: NodeId,
}
// ANCHOR_END: ballot

impl Ballot {
    // ANCHOR: above
    /// The lowest ballot of `node` that is higher than `seen`: how a proposer jumps over a rival.
    ///
    /// `None` when the rounds are used up, which takes a peer that counts to 2^64 or lies.
    #[must_use]
    pub fn above(seen: Option<Self>, node: NodeId) -> Option<Self> {
        let round =
            seen.map_or(Some(1), |seen| if node > seen.node { Some(seen.round) } else { seen.round.checked_add(1) });
        round.map(|round| Self { round, node })
    }
    // ANCHOR_END: above
}

impl fmt::Display for Ballot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "b{}.{}", self.round, self.node.0)
    }
}

/// One acceptor's vote: the value it accepted, and the ballot in which it did.
///
/// The ballot is half of the vote. Phase 1 compares votes by it, and an acceptor that forgot it, or reported its
/// promise instead, could have a chosen value overturned.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Vote<V> {
    /// The ballot voted in.
    pub ballot: Ballot,
    /// The value voted for.
    pub value: V,
}

/// The number of a decision, from 0. Basic Paxos makes one decision, [`Slot::ONLY`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Slot(pub u64);

impl Slot {
    /// The slot of a protocol that makes one decision.
    pub const ONLY: Self = Self(0);

    /// The end of the longest log, after its last slot. It is a slot of nothing: whoever proposes for it is ignored.
    pub const END: Self = Self(u64::MAX);

    /// The slot after this one.
    ///
    /// # Panics
    ///
    /// When there is none, after [`END`](Self::END).
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0.checked_add(1).expect("there is no slot after the end of a log"))
    }
}

impl fmt::Display for Slot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "s{}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn ballot(round: u64, node: u8) -> Ballot {
        Ballot { round, node: NodeId(node) }
    }

    #[test]
    fn above_is_the_lowest_higher_ballot_of_a_node() {
        for round in 1..4 {
            for seen in 0..4 {
                for node in 0..4 {
                    let above = Ballot::above(Some(ballot(round, seen)), NodeId(node)).unwrap();
                    assert!(ballot(round, seen) < above && above.node == NodeId(node));
                    assert!(ballot(above.round - 1, node) <= ballot(round, seen), "a lower one would have done");
                }
            }
        }
        assert_eq!(Ballot::above(None, NodeId(7)), Some(ballot(1, 7)));
    }

    #[test]
    fn rounds_can_be_used_up_without_a_panic() {
        assert_eq!(Ballot::above(Some(ballot(u64::MAX, 1)), NodeId(1)), None);
        assert_eq!(Ballot::above(Some(ballot(u64::MAX, 1)), NodeId(2)), Some(ballot(u64::MAX, 2)));
    }
}

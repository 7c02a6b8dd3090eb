//! The four phases of the document, in order.

use core::fmt;

/// A phase of the protocol. Traces, counters, diagrams and docs are labelled by it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "lowercase"))]
pub enum Phase {
    /// Election: a proposer asks for promises (Lamport's phase 1).
    Elect,
    /// Proposal: the elected proposer asks for votes (phase 2a).
    Propose,
    /// Decision: acceptors vote or refuse (phase 2b).
    Decide,
    /// Confirmation: who knows the chosen value tells it.
    Learn,
}

impl Phase {
    /// All phases, in order.
    pub const ALL: [Self; 4] = [Self::Elect, Self::Propose, Self::Decide, Self::Learn];

    /// The document's verb: `elect`, `propose`, `decide` or `learn`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Elect => "elect",
            Self::Propose => "propose",
            Self::Decide => "decide",
            Self::Learn => "learn",
        }
    }
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

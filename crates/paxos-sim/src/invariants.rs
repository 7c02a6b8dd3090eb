//! What must always hold, named once. Simulator, checker, scripts, examples and docs use these names.
//!
//! The first three are the requirements of consensus (*Paxos Made Simple*, §2.1). The others are the steps of its
//! proof (§2.2): each can fail earlier than the requirement it protects, and says which rule was broken.

use std::{fmt, str::FromStr};

use paxos_messages::{Ballot, Slot};
use paxos_process::Value;
use paxos_quorums::Quorums;

use crate::History;

/// A property of everything said so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Invariant {
    /// Two different values are never chosen in one slot. Stated over the votes, not over what learners happened to
    /// hear: a second choice that nobody has noticed yet is just as bad.
    Agreement,
    /// Only a value that some application asked for is chosen.
    Validity,
    /// Nobody learns a value unless it has been chosen.
    OnlyChosenIsLearned,
    /// An acceptor never promises, or votes in, a ballot below one that it has promised or voted in.
    PromisesOnlyGrow,
    /// No two values are proposed, or voted for, in one ballot and slot.
    OneValuePerBallot,
    /// Once a value is chosen, every proposal of a higher ballot is for it (P2b of the paper).
    ChosenStaysChosen,
    /// What a promise or a vote says is on the disk of its acceptor when it leaves, and after every restart.
    DurableBeforeVote,
}

impl Invariant {
    /// All of them: consensus first, then the steps of its proof.
    pub const ALL: [Self; 7] = [
        Self::Agreement,
        Self::Validity,
        Self::OnlyChosenIsLearned,
        Self::PromisesOnlyGrow,
        Self::OneValuePerBallot,
        Self::ChosenStaysChosen,
        Self::DurableBeforeVote,
    ];

    /// The requirements of consensus: what an application relies on.
    pub const CONSENSUS: [Self; 3] = [Self::Agreement, Self::Validity, Self::OnlyChosenIsLearned];

    /// Its name, as it is written everywhere.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Agreement => "Agreement",
            Self::Validity => "Validity",
            Self::OnlyChosenIsLearned => "OnlyChosenIsLearned",
            Self::PromisesOnlyGrow => "PromisesOnlyGrow",
            Self::OneValuePerBallot => "OneValuePerBallot",
            Self::ChosenStaysChosen => "ChosenStaysChosen",
            Self::DurableBeforeVote => "DurableBeforeVote",
        }
    }

    /// Whether it holds for all that was said. What is chosen is judged by `quorums`, whatever the processes use.
    #[must_use]
    pub fn holds<V: Value>(self, history: &History<V>, quorums: &Quorums) -> bool {
        match self {
            Self::Agreement => {
                // Votes are sorted by slot: if all neighbours of a slot agree, all of the slot do.
                let all = || chosen(history, quorums);
                all().zip(all().skip(1)).all(|(one, next)| one.0 != next.0 || one.2 == next.2)
            }
            Self::Validity => chosen(history, quorums).all(|(_, _, value)| history.wanted.contains(value)),
            Self::OnlyChosenIsLearned => history
                .learned
                .iter()
                .all(|(slot, value)| chosen(history, quorums).any(|(at, _, chosen)| at == *slot && chosen == value)),
            Self::PromisesOnlyGrow => history.promise_fell.is_empty(),
            Self::OneValuePerBallot => {
                // Both lists are sorted by slot and ballot: two values of one ballot stand side by side.
                let proposals = history.proposals.windows(2).all(|two| (two[0].0, two[0].1) != (two[1].0, two[1].1));
                proposals
                    && history.votes.windows(2).all(|two| (two[0].0, two[0].1.ballot) != (two[1].0, two[1].1.ballot))
            }
            Self::ChosenStaysChosen => chosen(history, quorums).all(|(slot, ballot, value)| {
                let higher = history.proposals.iter().filter(|(at, other, _)| *at == slot && *other > ballot);
                higher.map(|(_, _, proposed)| proposed).all(|proposed| proposed == value)
            }),
            Self::DurableBeforeVote => history.not_durable.is_empty(),
        }
    }
}

/// Every ballot in which a value has been chosen.
fn chosen<'a, V: Value>(history: &'a History<V>, quorums: &'a Quorums) -> impl Iterator<Item = (Slot, Ballot, &'a V)> {
    history
        .votes
        .iter()
        .filter(|(_, _, voters)| quorums.is_phase2(*voters))
        .map(|(slot, vote, _)| (*slot, vote.ballot, &vote.value))
}

impl fmt::Display for Invariant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Invariant {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        Self::ALL.into_iter().find(|invariant| invariant.name() == name).ok_or_else(|| {
            let names: Vec<&str> = Self::ALL.iter().map(|invariant| invariant.name()).collect();
            format!("no invariant is called {name:?}; there are {}", names.join(", "))
        })
    }
}

//! What the nodes of the sketch say to each other, and what a judge may read off it.

use std::fmt;

use paxos::{
    messages::{
        Ballot, Fact, Memory, Observed, Phase, Slot, Vote,
        single::{Output, Request},
    },
    process::NodeSet,
};

use crate::toy::Toy;

/// The article's operations as messages. `Elect` and `Promise` are not in its code: they come with the third repair.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Message {
    /// "I volunteer, under this number."
    Elect { number: Ballot },
    /// "I will refuse what is lower. This is what I have voted for."
    Promise { number: Ballot, accepted: Option<Vote<char>> },
    /// "I propose this value under this number."
    Propose { number: Ballot, value: char },
    /// "I vote for it."
    Decide { number: Ballot, value: char },
    /// "It is chosen."
    Learn { number: Ballot, value: char },
}

impl fmt::Display for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Elect { number } => write!(f, "Elect {number}"),
            Self::Promise { number, accepted: None } => write!(f, "Promise {number}"),
            Self::Promise { number, accepted: Some(vote) } => {
                write!(f, "Promise {number} voted {} in {}", vote.value, vote.ballot)
            }
            Self::Propose { number, value } => write!(f, "Propose {number} {value}"),
            Self::Decide { number, value } => write!(f, "Decide {number} {value}"),
            Self::Learn { number, value } => write!(f, "Learn {number} {value}"),
        }
    }
}

impl Observed for Toy {
    type Decree = char;

    fn said(&self, message: &Message) -> Option<Fact<char>> {
        match message.clone() {
            Message::Elect { number } => Some(Fact::Opened { ballot: number }),
            Message::Promise { number, accepted } => Some(Fact::Promised {
                ballot: number,
                from: Slot::ONLY,
                votes: accepted.map(|vote| (Slot::ONLY, vote)).into_iter().collect(),
            }),
            // Who elected the proposer is for trace validators; the invariants do not ask.
            Message::Propose { number, value } => {
                Some(Fact::Proposed { slot: Slot::ONLY, ballot: number, value, quorum: NodeSet::EMPTY })
            }
            Message::Decide { number, value } => {
                Some(Fact::Voted { slot: Slot::ONLY, vote: Vote { ballot: number, value } })
            }
            Message::Learn { .. } => None,
        }
    }

    fn told(&self, output: &Output<char>) -> Option<Fact<char>> {
        match output {
            Output::Learned(value) => Some(Fact::Learned { slot: Slot::ONLY, value: *value }),
            Output::NothingChosen { .. } => None,
        }
    }

    fn wanted(request: &Request<char>) -> Option<char> {
        match request {
            Request::Propose(value) => Some(*value),
            Request::Learn => None,
        }
    }

    fn memory(&self) -> Memory<char> {
        Memory {
            promised: self.promised(),
            from: Slot::ONLY,
            votes: self.accepted().map(|vote| (Slot::ONLY, vote.clone())).into_iter().collect(),
        }
    }

    fn phase(message: &Message) -> Phase {
        match message {
            Message::Elect { .. } | Message::Promise { .. } => Phase::Elect,
            Message::Propose { .. } => Phase::Propose,
            Message::Decide { .. } => Phase::Decide,
            Message::Learn { .. } => Phase::Learn,
        }
    }
}

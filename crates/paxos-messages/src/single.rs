//! The vocabulary of deciding a single value.

use alloc::{format, string::String};
use core::{fmt, str::FromStr};

use paxos_process::NodeSet;

use crate::{Ballot, Fact, Phase, Slot, Vote};

// ANCHOR: message
/// What proposers, acceptors and learners say to each other about one decision.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Message<V> {
    /// Phase 1a, proposer → acceptors: "promise me this ballot, and tell me what you have voted for."
    Prepare {
        /// The ballot the proposer wants to be elected in.
        ballot: Ballot,
    },
    /// Phase 1b, acceptor → proposer: "I will vote in no lower ballot, and this is my highest vote."
    Promise {
        /// The ballot promised, as in the `Prepare` it answers.
        ballot: Ballot,
        /// The acceptor's vote of the highest ballot, if it has ever voted.
        accepted: Option<Vote<V>>,
    },
    /// Phase 2a, proposer → acceptors: "vote for this value in this ballot."
    Accept {
        /// The ballot the proposer was elected in.
        ballot: Ballot,
        /// The only value that this ballot will ever see.
        value: V,
    },
    /// Phase 2b, acceptor → the proposer, as the distinguished learner of its ballot: "I have voted for this."
    Accepted {
        /// The ballot voted in.
        ballot: Ballot,
        /// The value voted for.
        value: V,
    },
    /// Acceptor → proposer: "no, I have promised a higher ballot." An optimisation, it promises nothing
    /// (*Paxos Made Simple*, §2.5): the proposer learns which ballot to outbid.
    Refused {
        /// The ballot refused, as in the question it answers.
        ballot: Ballot,
        /// The higher ballot that the acceptor has promised.
        promised: Ballot,
        /// The phase of this answer: [`Phase::Elect`] refuses a `Prepare`, [`Phase::Decide`] an `Accept`.
        phase: Phase,
    },
    /// Confirmation, learner → other learners: "this value is chosen."
    Learn {
        /// The chosen value.
        value: V,
    },
}
// ANCHOR_END: message

impl<V> Message<V> {
    /// The phase that this message belongs to.
    pub const fn phase(&self) -> Phase {
        match self {
            Self::Prepare { .. } | Self::Promise { .. } => Phase::Elect,
            Self::Accept { .. } => Phase::Propose,
            Self::Accepted { .. } => Phase::Decide,
            Self::Refused { phase, .. } => *phase,
            Self::Learn { .. } => Phase::Learn,
        }
    }

    /// The fact that sending this message establishes. `quorum` are the acceptors whose promises the sender's
    /// proposer has: a proposal is founded on them.
    pub fn fact(&self, quorum: NodeSet) -> Option<Fact<V>>
    where
        V: Clone,
    {
        let slot = Slot::ONLY;
        Some(match self.clone() {
            Self::Prepare { ballot } => Fact::Opened { ballot },
            Self::Promise { ballot, accepted } => {
                Fact::Promised { ballot, from: slot, votes: accepted.into_iter().map(|vote| (slot, vote)).collect() }
            }
            Self::Accept { ballot, value } => Fact::Proposed { slot, ballot, value, quorum },
            Self::Accepted { ballot, value } => Fact::Voted { slot, vote: Vote { ballot, value } },
            Self::Refused { .. } | Self::Learn { .. } => return None,
        })
    }
}

/// Shown as `Prepare b1.1`, `Promise b1.2 voted a in b1.1`, `Accept b1.1 a`, `Refused b1.1 for b1.2`.
impl<V: fmt::Display> fmt::Display for Message<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Prepare { ballot } => write!(f, "Prepare {ballot}"),
            Self::Promise { ballot, accepted: None } => write!(f, "Promise {ballot}"),
            Self::Promise { ballot, accepted: Some(vote) } => {
                write!(f, "Promise {ballot} voted {} in {}", vote.value, vote.ballot)
            }
            Self::Accept { ballot, value } => write!(f, "Accept {ballot} {value}"),
            Self::Accepted { ballot, value } => write!(f, "Accepted {ballot} {value}"),
            Self::Refused { ballot, promised, .. } => write!(f, "Refused {ballot} for {promised}"),
            Self::Learn { value } => write!(f, "Learn {value}"),
        }
    }
}

// ANCHOR: record
/// What must survive a crash.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Record<V> {
    /// A proposer has opened this ballot and must never open it again.
    Round(Ballot),
    /// An acceptor has promised this ballot.
    Promised(Ballot),
    /// An acceptor has voted, and thereby promised the ballot of the vote.
    Accepted(Vote<V>),
}
// ANCHOR_END: record

impl<V: fmt::Display> fmt::Display for Record<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Round(ballot) => write!(f, "Round {ballot}"),
            Self::Promised(ballot) => write!(f, "Promised {ballot}"),
            Self::Accepted(Vote { ballot, value }) => write!(f, "Accepted {ballot} {value}"),
        }
    }
}

/// The alarms of deciding one value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Timer {
    /// No decision yet: open a higher ballot. Restarted by a refusal. Its length is random, in the driver, so that
    /// duelling proposers fall out of step: that is the back-off.
    Retry,
}

impl fmt::Display for Timer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Retry => f.write_str("Retry"),
        }
    }
}

/// What an application asks of a node.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Request<V> {
    /// Have a value chosen: this one, or the one that already was.
    Propose(V),
    /// Find out whether a value has been chosen, without proposing one of my own (*Paxos Made Simple*, §2.3).
    Learn,
}

impl<V> Request<V> {
    /// The value it asks to propose, if it asks for that.
    pub fn wanted(&self) -> Option<V>
    where
        V: Clone,
    {
        match self {
            Self::Propose(value) => Some(value.clone()),
            Self::Learn => None,
        }
    }
}

impl<V: fmt::Display> fmt::Display for Request<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Propose(value) => write!(f, "propose {value}"),
            Self::Learn => f.write_str("learn"),
        }
    }
}

/// Read from `propose VALUE` or `learn`.
impl<V: FromStr<Err: fmt::Display>> FromStr for Request<V> {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.trim().split_once(' ') {
            Some(("propose", value)) => {
                value.trim().parse().map(Self::Propose).map_err(|error| format!("{value:?}: {error}"))
            }
            None if text.trim() == "learn" => Ok(Self::Learn),
            _ => Err(format!("{text:?} is no request; requests are `propose VALUE` and `learn`")),
        }
    }
}

/// What a node tells its application.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Output<V> {
    /// This value is chosen. Said once by a node in its life, and again to each request after that.
    Learned(V),
    /// The answer to [`Request::Learn`] when a phase-1 quorum has not voted: nothing was chosen in any ballot below
    /// this one, and nothing can be any more.
    NothingChosen {
        /// The ballot in which the quorum was asked.
        below: Ballot,
    },
}

impl<V> Output<V> {
    /// The fact that this tells the application, if it tells one.
    pub fn fact(&self) -> Option<Fact<V>>
    where
        V: Clone,
    {
        match self {
            Self::Learned(value) => Some(Fact::Learned { slot: Slot::ONLY, value: value.clone() }),
            Self::NothingChosen { .. } => None,
        }
    }
}

impl<V: fmt::Display> fmt::Display for Output<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Learned(value) => write!(f, "learned {value}"),
            Self::NothingChosen { below } => write!(f, "nothing is chosen below {below}"),
        }
    }
}

/// An event for a role or replica that decides one value.
pub type Event<V> = paxos_process::Event<Message<V>, Timer, Request<V>>;

/// The effects of a role or replica that decides one value.
pub type Effects<V> = paxos_process::Effects<Message<V>, Record<V>, Timer, Output<V>>;

#[cfg(test)]
mod tests {
    use alloc::string::ToString;

    use paxos_process::NodeId;

    use super::*;

    const LOW: Ballot = Ballot { round: 1, node: NodeId(1) };
    const HIGH: Ballot = Ballot { round: 1, node: NodeId(2) };

    #[test]
    fn every_message_has_its_phase_and_its_line() {
        let check = |message: Message<char>, phase: Phase, line: &str| {
            assert_eq!((message.phase(), message.to_string().as_str()), (phase, line));
        };
        check(Message::Prepare { ballot: LOW }, Phase::Elect, "Prepare b1.1");
        check(Message::Promise { ballot: LOW, accepted: None }, Phase::Elect, "Promise b1.1");
        check(
            Message::Promise { ballot: HIGH, accepted: Some(Vote { ballot: LOW, value: 'a' }) },
            Phase::Elect,
            "Promise b1.2 voted a in b1.1",
        );
        check(Message::Accept { ballot: LOW, value: 'a' }, Phase::Propose, "Accept b1.1 a");
        check(Message::Accepted { ballot: LOW, value: 'a' }, Phase::Decide, "Accepted b1.1 a");
        let refused = |phase| Message::Refused { ballot: LOW, promised: HIGH, phase };
        check(refused(Phase::Elect), Phase::Elect, "Refused b1.1 for b1.2");
        check(refused(Phase::Decide), Phase::Decide, "Refused b1.1 for b1.2");
        check(Message::Learn { value: 'a' }, Phase::Learn, "Learn a");
        assert_eq!(format!("{:>8}", Phase::Elect), "   elect");
    }

    #[test]
    fn requests_are_read_as_they_are_written() {
        for request in [Request::Propose('a'), Request::Learn] {
            assert_eq!(request.to_string().parse(), Ok(request));
        }
        for wrong in ["", "propose", "propose ab", "learn a", "buy a"] {
            assert!(wrong.parse::<Request<char>>().is_err(), "{wrong:?}");
        }
    }
}

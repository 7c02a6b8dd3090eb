//! Known answers: our roles under the abstraction of Lamport's `Paxos.tla`.
//!
//! His specification (in the TLA+ examples, *How to win a Turing award*) forgets everything but the acceptors and a
//! growing set of messages: a message is never lost and never used up, anybody may start any ballot, any quorum's
//! promises may be combined. TLC counts its states: 3,921 for three acceptors, two values and two ballots, and
//! 185,369 for three ballots.
//!
//! Here the acceptors are `paxos_acceptor::single::Acceptor`, and the value of a ballot is what
//! `paxos_proposer::single::Proposer` proposes when it is given the promises of a quorum. If the same numbers come
//! out, they allow as much as the specification allows. Too few states would mean rules that are too strict or never
//! used; too many, rules that allow what the specification does not, which is either a weaker rule or a harmless
//! word more. Two ballots cannot tell all rules apart (adopting the *lowest* vote gives 3,921 as well); three can.

use std::collections::{BTreeSet, HashSet};

use paxos_acceptor::single::Acceptor;
use paxos_messages::{
    Ballot,
    single::{Effects, Event, Message, Record, Request},
};
use paxos_process::{NodeId, NodeSet, Process};
use paxos_proposer::single::Proposer;
use paxos_quorums::Quorums;

const ACCEPTORS: u8 = 3;
const VALUES: [char; 2] = ['a', 'b'];

/// The proposer of all ballots. The specification has no proposers: who proposes does not matter to it.
const ANYBODY: NodeId = NodeId(1);

/// How many states there are, and how many states the longest of the shortest runs to one passes, as TLC counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Counted {
    /// Distinct states.
    pub states: usize,
    /// The depth of the state graph; the initial state alone has depth 1.
    pub depth: usize,
}

/// A state of the specification.
#[derive(Clone, PartialEq, Eq, Hash)]
struct State {
    acceptors: [Acceptor<char>; ACCEPTORS as usize],
    /// Everything ever said, with who said it. Refusals are not part of the specification.
    said: BTreeSet<(NodeId, Message<char>)>,
}

/// Counts the states with ballots 0 to `ballots` - 1. Stops soon after `limit` states: rules that are too weak have
/// many.
#[must_use]
pub fn count(ballots: u64, limit: usize) -> Counted {
    let initial = State { acceptors: [const { Acceptor::new() }; ACCEPTORS as usize], said: BTreeSet::new() };
    let mut seen = HashSet::from([initial.clone()]);
    let (mut level, mut depth) = (vec![initial], 0);
    while !level.is_empty() && seen.len() <= limit {
        depth += 1;
        let mut next = Vec::new();
        for state in &level {
            state.successors(ballots, &mut |successor| {
                if !seen.contains(&successor) {
                    seen.insert(successor.clone());
                    next.push(successor);
                }
            });
        }
        level = next;
    }
    Counted { states: seen.len(), depth }
}

impl State {
    fn successors(&self, ballots: u64, found: &mut impl FnMut(Self)) {
        for ballot in (1..=ballots).map(|round| Ballot { round, node: ANYBODY }) {
            self.phase_1a(ballot, found);
            self.phase_2a(ballot, found);
        }
        for acceptor in 0..self.acceptors.len() {
            self.phase_1b_and_2b(acceptor, found);
        }
    }

    /// "Phase1a(b)": anybody may start any ballot, at any time.
    fn phase_1a(&self, ballot: Ballot, found: &mut impl FnMut(Self)) {
        let mut next = self.clone();
        next.said.insert((ANYBODY, Message::Prepare { ballot }));
        found(next);
    }

    // ANCHOR: phase_1b_and_2b
    /// "Phase1b(a)" and "Phase2b(a)": an acceptor may answer anything that was ever asked. Our own acceptor does.
    fn phase_1b_and_2b(&self, acceptor: usize, found: &mut impl FnMut(Self)) {
        for (from, message) in &self.said {
            let mut next = self.clone();
            let mut out = Effects::new();
            next.acceptors[acceptor].step(Event::Receive { from: *from, message: message.clone() }, &mut out);
            let name = NodeId(acceptor as u8 + 1);
            next.said.extend(out.sends_after_sync.into_iter().map(|sent| (name, sent.message)));
            found(next);
        }
    }
    // ANCHOR_END: phase_1b_and_2b

    // ANCHOR: phase_2a
    /// "Phase2a(b, v)": unless the ballot has its value, any quorum's promises may give it one. Our own proposer
    /// chooses it.
    fn phase_2a(&self, ballot: Ballot, found: &mut impl FnMut(Self)) {
        let has_value = |(_, message): &(NodeId, Message<char>)| matches!(message, Message::Accept { ballot: other, .. } if *other == ballot);
        if self.said.iter().any(has_value) {
            return;
        }
        for (one, two) in [(1, 2), (1, 3), (2, 3)] {
            for value in VALUES {
                let mut proposer = proposer_in(ballot, value);
                let mut out = Effects::new();
                for (from, message) in &self.said {
                    if [NodeId(one), NodeId(two)].contains(from) {
                        proposer.step(Event::Receive { from: *from, message: message.clone() }, &mut out);
                    }
                }
                for sent in out.sends {
                    let mut next = self.clone();
                    next.said.insert((ANYBODY, sent.message));
                    found(next);
                }
            }
        }
    }
    // ANCHOR_END: phase_2a
}

/// A proposer that has just opened `ballot` and wants `value`.
fn proposer_in(ballot: Ballot, value: char) -> Proposer<char> {
    let quorums = Quorums::majority(NodeSet::first(ACCEPTORS)).expect("three acceptors");
    let mut proposer = Proposer::new(ANYBODY, quorums);
    if ballot.round > 1 {
        proposer.replay(Record::Round(Ballot { round: ballot.round - 1, node: ANYBODY }));
    }
    proposer.step(Event::Request(Request::Propose(value)), &mut Effects::new());
    assert_eq!(proposer.opened(), Some(ballot), "the proposer is in the ballot asked for");
    proposer
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_ballots_have_as_many_states_as_tlc_finds() {
        assert_eq!(count(2, 10_000), Counted { states: 3_921, depth: 17 });
    }
}

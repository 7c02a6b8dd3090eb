//! The rules of Paxos, each as one function, right and wrong.
//!
//! `None` is the right rule; a [`Mutant`] that is not named in a function leaves it alone. Read it top to bottom:
//! this is all that Basic Paxos is, and all that can go wrong with it.

use std::collections::BTreeMap;

use paxos_messages::{Ballot, Vote};
use paxos_process::{NodeId, NodeSet, Value};
use paxos_quorums::Quorums;

use super::acceptor::Acceptor;
use crate::Mutant;

// ANCHOR: prepare_floor
/// Which ballot a `Prepare` is compared with. Right: the highest promised, by a promise or by a vote.
pub(super) fn prepare_floor<V>(wrong: Option<Mutant>, acceptor: &Acceptor<V>) -> Option<Ballot> {
    match wrong {
        Some(Mutant::M2) => acceptor.prepared, // voting did not move the promise
        Some(Mutant::A1) => None,              // whoever asks is promised
        _ => acceptor.promised,
    }
}
// ANCHOR_END: prepare_floor

// ANCHOR: promise_after
/// What is promised when a `Prepare` of `ballot` has been answered. Right: the higher of the two.
pub(super) fn promise_after(wrong: Option<Mutant>, promised: Option<Ballot>, ballot: Ballot) -> Option<Ballot> {
    match wrong {
        Some(Mutant::A1) => Some(ballot), // the last one who asked
        _ => promised.max(Some(ballot)),
    }
}
// ANCHOR_END: promise_after

// ANCHOR: accept_floor
/// Which ballot an `Accept` is compared with. Right: the highest promised, by a promise or by a vote.
pub(super) fn accept_floor<V>(wrong: Option<Mutant>, acceptor: &Acceptor<V>) -> Option<Ballot> {
    match wrong {
        Some(Mutant::M2 | Mutant::M2b) => acceptor.prepared, // at least the last `Prepare`, whatever was voted since
        Some(Mutant::A2) => None,                            // a promise is for the next election only
        _ => acceptor.promised,
    }
}
// ANCHOR_END: accept_floor

// ANCHOR: reported
/// The vote a promise of `ballot` reports. Right: as it was cast.
pub(super) fn reported<V: Value>(wrong: Option<Mutant>, vote: &Vote<V>, ballot: Ballot) -> Vote<V> {
    match wrong {
        Some(Mutant::M4) => Vote { ballot, value: vote.value.clone() }, // only one ballot is stored: the promised one
        _ => vote.clone(),
    }
}
// ANCHOR_END: reported

// ANCHOR: answers_wait
/// Whether an acceptor's answers wait for its disk. Right: they do.
pub(super) const fn answers_wait(wrong: Option<Mutant>) -> bool {
    !matches!(wrong, Some(Mutant::M1))
}
// ANCHOR_END: answers_wait

// ANCHOR: next_ballot
/// The ballot of `node` above all it has seen. Right: unique to the node, by its name.
pub(super) fn next_ballot(wrong: Option<Mutant>, seen: Option<Ballot>, node: NodeId) -> Option<Ballot> {
    match wrong {
        Some(Mutant::M6) => Ballot::above(seen, NodeId(0)), // a counter of one's own, as everybody has one
        _ => Ballot::above(seen, node),
    }
}
// ANCHOR_END: next_ballot

// ANCHOR: ballots_are_recorded
/// Whether a ballot is written down before it is used. Right: it is, so no later life uses it again.
pub(super) const fn ballots_are_recorded(wrong: Option<Mutant>) -> bool {
    !matches!(wrong, Some(Mutant::M6b))
}
// ANCHOR_END: ballots_are_recorded

// ANCHOR: promise_counts
/// Whether a promise of `ballot` counts in `current`. Right: only if they are the same.
pub(super) fn promise_counts(wrong: Option<Mutant>, ballot: Ballot, current: Ballot) -> bool {
    match wrong {
        Some(Mutant::M5) => ballot <= current, // late, but a promise all the same
        _ => ballot == current,
    }
}
// ANCHOR_END: promise_counts

/// Which of the two quorums is meant.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    /// Of promises.
    One,
    /// Of votes.
    Two,
}

/// What a proposer does that is refused.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Refused {
    /// It goes on, others may promise; when its time is up, it tries above the ballot that it was told.
    GoesOn,
    /// The same, but above its own last ballot.
    Forgets,
    /// It waits until its time is up; no promise of this round counts any more.
    GivesUp,
    /// It opens a higher ballot, now.
    AtOnce,
}

// ANCHOR: after_refusal
/// What a proposer does that is refused. Right: it goes on, and remembers whom it has to outbid.
pub(super) const fn after_refusal(wrong: Option<Mutant>) -> Refused {
    match wrong {
        Some(Mutant::M11) => Refused::GivesUp,
        Some(Mutant::M12) => Refused::AtOnce,
        Some(Mutant::V2) => Refused::Forgets,
        _ => Refused::GoesOn,
    }
}
// ANCHOR_END: after_refusal

// ANCHOR: count
/// Who has answered, when `from` answers again. Right: acceptors are counted, not messages.
pub(super) fn count(wrong: Option<Mutant>, phase: Phase, answered: NodeSet, from: NodeId) -> NodeSet {
    match (wrong, phase) {
        // Every message is one more: a second answer takes the place of somebody who has not answered.
        (Some(Mutant::M9), _) | (Some(Mutant::M9b), Phase::One) if answered.contains(from) => {
            let another = (1..NodeId::LIMIT).map(NodeId).find(|node| !answered.contains(*node));
            another.map_or(answered, |node| answered.with(node))
        }
        _ => answered.with(from),
    }
}
// ANCHOR_END: count

// ANCHOR: safe_value
/// The value to propose, from the reports of a quorum in order of arrival. Right: that of the highest ballot.
pub(super) fn safe_value<V: Value>(wrong: Option<Mutant>, reports: &[Vote<V>], own: &V) -> V {
    let highest = || reports.iter().rev().max_by_key(|vote| vote.ballot);
    let adopted = match wrong {
        Some(Mutant::M3) => {
            let mut counts = BTreeMap::<&V, usize>::new();
            reports.iter().for_each(|vote| *counts.entry(&vote.value).or_default() += 1);
            return counts.into_iter().rev().max_by_key(|(_, count)| *count).map_or(own, |(value, _)| value).clone();
        }
        Some(Mutant::M3b) => None,           // my ballot is higher, so is my value
        Some(Mutant::M3c) => reports.last(), // whatever the last promise said
        Some(Mutant::M3d) => reports.iter().min_by_key(|vote| vote.ballot), // first come, first served
        _ => highest(),
    };
    adopted.map_or(own, |vote| &vote.value).clone()
}
// ANCHOR_END: safe_value

// ANCHOR: enough
/// Whether `nodes` are enough. Right: as the quorums say.
pub(super) fn enough(wrong: Option<Mutant>, phase: Phase, quorums: &Quorums, nodes: NodeSet) -> bool {
    let members = quorums.members().len();
    match (wrong, phase) {
        (Some(Mutant::M10), _) => nodes.len() >= members / 2, // half
        (Some(Mutant::M10b), _) => nodes.len() >= members.div_ceil(2), // more than half of three, but half of four
        (Some(Mutant::M22), Phase::One) => nodes.len() + members / 2 + 1 >= members, // the rest beside a majority
        (_, Phase::One) => quorums.is_phase1(nodes),
        (_, Phase::Two) => quorums.is_phase2(nodes),
    }
}
// ANCHOR_END: enough

// ANCHOR: votes_suffice
/// Whether the votes of `voters` let a learner learn. Right: a quorum does.
pub(super) const fn votes_suffice(wrong: Option<Mutant>, quorum: bool) -> bool {
    matches!(wrong, Some(Mutant::M7)) || quorum // one acceptor has accepted it, so it is decided
}
// ANCHOR_END: votes_suffice

// ANCHOR: tally
/// Which votes are added up with `vote`. Right: those for the same value in the same ballot.
pub(super) fn tally<V: Value>(wrong: Option<Mutant>, vote: &Vote<V>) -> Option<Vote<V>> {
    match wrong {
        Some(Mutant::M8) => None, // one tally for all ballots
        _ => Some(vote.clone()),
    }
}
// ANCHOR_END: tally

/// What the driver must hold back while records are unsynced. Right: all votes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Barrier {
    /// Every record emitted so far.
    EveryRecord,
    /// The record of the same step, if it has one.
    OwnRecord,
    /// None.
    Nothing,
}

// ANCHOR: barrier
/// What a vote waits for. Right: every record emitted so far, by this step or an earlier one.
pub(super) const fn barrier(wrong: Option<Mutant>) -> Barrier {
    match wrong {
        Some(Mutant::B1) => Barrier::Nothing,
        Some(Mutant::B2) => Barrier::OwnRecord,
        _ => Barrier::EveryRecord,
    }
}
// ANCHOR_END: barrier

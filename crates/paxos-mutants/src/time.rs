//! Mutants in virtual time: rules that nobody needs for safety, and without which nothing is ever decided.
//!
//! A run that gets nowhere breaks no invariant, so the judges of safety are blind here. This judge has a clock. In each
//! *situation* the network has ended its mischief: a fixed set of links is whole, every message on them arrives within
//! 30 ticks, and timers go off after times of random length. By a deadline, what was asked must be done. Such a promise
//! needs such a world: where everything may be late for ever, no protocol gets anywhere for certain (Fischer, Lynch and
//! Paterson, 1985).

mod clock;

use std::ops::Range;

use paxos_basic::Replica;
use paxos_messages::{
    Ballot,
    multi::{self, Output},
    single::{self, Message},
};
use paxos_multi::Options;
use paxos_process::{NodeId, NodeSet, Process};
use paxos_quorums::Quorums;

use self::clock::Clock;
use crate::{Mutant, Wrong, WrongLog};

/// A time that was up before it was done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Late {
    /// The seed.
    pub seed: u64,
    /// The deadline, in ticks.
    pub deadline: u64,
}

/// The first of `seeds` in which the situation of `mutant` is not done in time. When `is_wrong`, the mutant is put
/// there, and else the reference.
///
/// # Panics
///
/// When the mutant breaks safety: it has no situation.
#[must_use]
pub fn late(mutant: Mutant, is_wrong: bool, mut seeds: Range<u64>) -> Option<Late> {
    let wrong = is_wrong.then_some(mutant);
    seeds.find_map(|seed| {
        let (done, deadline) = match (mutant, is_wrong) {
            (Mutant::M11 | Mutant::M12 | Mutant::V2, false) => decision(mutant, seed, Replica::new),
            (Mutant::M11 | Mutant::M12 | Mutant::V2, true) => {
                decision(mutant, seed, |id, quorums| Wrong::new(wrong, id, quorums))
            }
            (Mutant::V1 | Mutant::V3, false) => {
                log(mutant, seed, |id, quorums| paxos_multi::Replica::<char>::new(id, quorums, Options::default()))
            }
            (Mutant::V1 | Mutant::V3, true) => {
                log(mutant, seed, |id, quorums| WrongLog::<char>::new(wrong, id, quorums))
            }
            _ => unreachable!("{mutant} is no mutant of progress"),
        };
        (!done).then_some(Late { seed, deadline })
    })
}

/// Three nodes and one decision. Whether it is learned in time, and what time that is.
fn decision<P>(mutant: Mutant, seed: u64, make: impl Fn(NodeId, Quorums) -> P) -> (bool, u64)
where
    P: Process<
            Message = Message<char>,
            Timer = single::Timer,
            Request = single::Request<char>,
            Output = single::Output<char>,
        >,
{
    let quorums = Quorums::majority(NodeSet::first(3)).expect("three nodes");
    let patience = |_: single::Timer| 100..=200;
    let mut clock = Clock::new(seed, quorums.members(), |id| make(id, quorums), patience);
    let promised = |round| Message::Prepare { ballot: Ballot { round, node: NodeId(3) } };
    let propose = single::Request::Propose;
    let deadline = match mutant {
        // Node 3 has promised itself a ballot, and asks nobody else: the other two are enough. Nobody need wait for a timer.
        Mutant::M11 => {
            clock.hears(NodeId(3), NodeId(3), promised(9));
            clock.asks(0, NodeId(1), propose('a'));
            99
        }
        // Two proposers, whose proposals are large: they take three times as long as a question does. Who is refused waits
        // for a random time, so that the other one has time to finish.
        Mutant::M12 => {
            clock.takes(|message| if matches!(message, Message::Accept { .. }) { 30..=30 } else { 10..=10 });
            clock.asks(0, NodeId(1), propose('a'));
            clock.asks(25 + seed % 7, NodeId(2), propose('b'));
            5_000
        }
        // Node 2 has promised a far higher ballot to node 3, which is gone. Who is told can go above it in one step.
        _ => {
            clock.hears(NodeId(3), NodeId(2), promised(60));
            clock.cut(NodeId(3), quorums.members());
            clock.asks(0, NodeId(1), propose('a'));
            1_000
        }
    };
    clock.run(deadline);
    (clock.told.iter().any(|(_, _, output)| matches!(output, single::Output::Learned(_))), deadline)
}

/// A log whose links fail when node 1 leads. Whether somebody leads in time, and goes on leading.
fn log<P>(mutant: Mutant, seed: u64, make: impl Fn(NodeId, Quorums) -> P) -> (bool, u64)
where
    P: Process<
            Message = multi::Message<char>,
            Timer = multi::Timer,
            Request = multi::Request<char>,
            Output = Output<char>,
        >,
{
    let nodes = if mutant == Mutant::V1 { 5 } else { 3 };
    let quorums = Quorums::majority(NodeSet::first(nodes)).expect("there are nodes");
    let patience = |timer| match timer {
        multi::Timer::Heartbeat => 40..=40,
        multi::Timer::Election => 200..=400,
    };
    let mut clock = Clock::new(seed, quorums.members(), |id| make(id, quorums), patience);
    clock.asks(0, NodeId(1), multi::Request::Campaign);
    clock.run(CUT);
    let elected = |from: u64| {
        move |(at, id, output): &(u64, NodeId, Output<char>)| {
            (from <= *at && matches!(output, Output::Leads { .. })).then_some(*id)
        }
    };
    if mutant == Mutant::V1 {
        // Quorum loss (OmniPaxos, §2): every link is cut but those of node 3. Only it reaches a quorum, and it hears node 1.
        (1..=5).filter(|id| *id != 3).for_each(|id| clock.cut(NodeId(id), quorums.members().without(NodeId(3))));
        clock.run(CUT + 5_000);
        return (clock.told.iter().filter_map(elected(CUT)).any(|id| id == NodeId(3)), 5_000);
    }
    // Chained (§2): the link between nodes 1 and 3 is cut. Node 2 hears both, and node 1 is as good a leader as ever.
    clock.cut(NodeId(1), NodeSet::only(NodeId(3)));
    clock.run(CUT + 5_000);
    (clock.told.iter().filter_map(elected(CUT)).count() == 0, 5_000)
}

/// When links fail.
const CUT: u64 = 1_000;

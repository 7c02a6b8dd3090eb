//! What is said to commute does: in every world of a few small searches, made both ways.

use std::collections::HashSet;

use paxos_basic::Replica;
use paxos_messages::single::Request;
use paxos_process::{NodeId, NodeSet};
use paxos_quorums::Quorums;
use paxos_sim::{Bounds, ChoiceOf, Commute, Disk, Loopback, Setting, World};

type Basic = World<Replica<char>>;
type Choices = Vec<ChoiceOf<Replica<char>>>;

fn choices(world: &Basic, bounds: &Bounds<Request<char>>) -> Choices {
    let mut choices = Vec::new();
    world.choices(bounds, &mut choices);
    choices
}

fn after(world: &Basic, bounds: &Bounds<Request<char>>, choice: &ChoiceOf<Replica<char>>) -> Basic {
    let mut next = world.clone();
    next.apply_within(bounds, choice, &mut ());
    next
}

/// How many pairs of choices were said to commute, always and on a condition.
fn all_pairs(world: &Basic, bounds: &Bounds<Request<char>>, said: &mut [usize; 2]) {
    let here = choices(world, bounds);
    for first in &here {
        for then in &here {
            let commute = world.commute(bounds, first, then);
            // `then`, `first`: the order that need not be tried.
            let other = after(world, bounds, then);
            let there = choices(&other, bounds);
            let (Some(commute), Some(again)) = (commute, find(world, &other, &there, first)) else { continue };
            let tried = after(&other, bounds, &there[again]);
            let one = after(world, bounds, first);
            if commute == Commute::IfNothingIsWritten && one.is_unsynced() {
                continue;
            }
            let there = choices(&one, bounds);
            let last = find(world, &one, &there, then).expect("what is possible after the other is possible before");
            assert_eq!(after(&one, bounds, &there[last]), tried, "{first:?} and {then:?} do not commute");
            said[usize::from(commute == Commute::IfNothingIsWritten)] += 1;
        }
    }
}

/// Where a choice of `here` stands among those of `there`.
fn find(
    here: &Basic,
    there: &Basic,
    choices: &[ChoiceOf<Replica<char>>],
    choice: &ChoiceOf<Replica<char>>,
) -> Option<usize> {
    choices.iter().position(|other| there.is_same(other, here, choice))
}

fn walk(setting: Setting, bounds: &Bounds<Request<char>>, many: usize) -> [usize; 2] {
    let quorums = setting.quorums;
    let mut seen = HashSet::new();
    let mut level = vec![World::new(setting, |id| Replica::new(id, quorums))];
    let mut said = [0, 0];
    while !level.is_empty() && seen.len() < many {
        let mut next = Vec::new();
        for world in level {
            all_pairs(&world, bounds, &mut said);
            for choice in choices(&world, bounds) {
                let child = after(&world, bounds, &choice);
                if seen.insert(child.fingerprint()) {
                    next.push(child);
                }
            }
        }
        level = next;
    }
    said
}

#[test]
fn what_is_said_to_commute_does() {
    let quorums = Quorums::majority(NodeSet::first(3)).expect("three nodes");
    let wishes = vec![(NodeId(1), Request::Propose('a')), (NodeId(2), Request::Propose('b'))];
    let quiet = Bounds::requests(wishes);
    let crash = Bounds { crashes: 1, may_crash: NodeSet::first(3), ..quiet.clone() };
    let faults = Bounds { duplicates: 2, fires: 1, drops: 1, cuts: 1, ..crash.clone() };
    let all = Setting::new(quorums);
    let short = Setting { loopback: Loopback::AtOnce, ..all };
    for (setting, bounds) in [
        (Setting { disk: Disk::AtOnce, ..all }, &quiet),
        (Setting { disk: Disk::AtOnce, ..short }, &crash),
        (short, &crash),
        (all, &crash),
        (short, &faults),
    ] {
        let [always, conditional] = walk(setting, bounds, 4_000);
        assert!(always > 500, "{setting:?}: only {always} pairs commute");
        assert!(setting.disk == Disk::AtOnce || conditional > 0, "{setting:?}: none after the last crash");
    }
}

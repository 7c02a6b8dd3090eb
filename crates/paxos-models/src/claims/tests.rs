//! The search beside the simplest one that there is: whole worlds in a set, every choice of each tried.

use std::{collections::HashSet, num::NonZero};

use paxos_check::Checkable;

use super::*;

/// How many worlds there are of each length, by somebody who forgets nothing and lets nothing sleep.
#[expect(clippy::mutable_key_type, reason = "what is mutable in a world is a cache of its hash")]
fn all_worlds<P: Checkable>(initial: World<P>, bounds: &Bounds<P::Request>) -> Vec<usize> {
    let mut seen = HashSet::from([initial.clone()]);
    let (mut level, mut lengths) = (vec![initial], Vec::new());
    while !level.is_empty() {
        lengths.push(level.len());
        let mut next = Vec::new();
        for world in &level {
            let mut choices = Vec::new();
            world.choices(bounds, &mut choices);
            for choice in &choices {
                let mut child = world.clone();
                child.apply_within(bounds, choice, &mut ());
                if seen.insert(child.clone()) {
                    next.push(child);
                }
            }
        }
        level = next;
    }
    lengths
}

/// How many states the search finds whose runs have up to `depth` choices, and how long the longest is.
fn found(claim: &Claim, depth: Option<usize>) -> (usize, usize) {
    let limits = Limits { threads: NonZero::new(3).expect("three"), ..Limits::default() };
    let progress = Claim { depth, ..claim.clone() }.check(&limits, |_| {}).progress;
    (progress.states, progress.depth)
}

/// A crash, disks that are lost, a read, a log and a decision: all that commutes, and all that does not.
#[test]
fn what_sleeps_leads_to_nothing_new() {
    for name in ["basic-even-crash", "basic-short", "log-crash-short", "log-lost-short", "raft-crash-short"] {
        let claim = named(name).expect("a claim");
        let (setting, quorums) = (claim.setting, claim.setting.quorums);
        let log = |id| paxos_multi::Replica::new(id, quorums, paxos_multi::Options::default());
        let raft = |id| paxos_raft::Replica::new(id, quorums, paxos_raft::Options::default());
        let every = match &claim.protocol {
            Protocol::Basic(bounds) => all_worlds(World::new(setting, |id| Replica::new(id, quorums)), bounds),
            Protocol::Multi(bounds) => all_worlds(World::new(setting, log), bounds),
            Protocol::Raft(bounds) => all_worlds(World::new(setting, raft), bounds),
            Protocol::Quiet(bounds) => all_worlds(World::new(setting, |id| Quiet(log(id))), bounds),
        };
        let deepest = every.len() - 1;
        assert_eq!(found(&claim, None), (every.iter().sum(), deepest), "{name}");
        for depth in [deepest / 3, deepest / 2] {
            assert_eq!(found(&claim, Some(depth)), (every[..=depth].iter().sum(), depth), "{name}");
        }
    }
}

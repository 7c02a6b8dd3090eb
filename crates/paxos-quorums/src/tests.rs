//! The intersection is checked by brute force: every pair of subsets of up to six nodes, for every family.

extern crate alloc;

use alloc::{string::ToString, vec::Vec};

use crate::{NodeId, NodeSet, QuorumError, Quorums};

fn subsets(members: NodeSet) -> Vec<NodeSet> {
    let nodes: Vec<NodeId> = members.iter().collect();
    (0..1u32 << nodes.len())
        .map(|bits| nodes.iter().enumerate().filter(|(i, _)| bits >> i & 1 == 1).map(|(_, node)| *node).collect())
        .collect()
}

/// Whether every phase-1 quorum meets every phase-2 quorum, and each has at least one.
fn meets(quorums: &Quorums) -> bool {
    let all = subsets(quorums.members());
    assert!(quorums.is_phase1(quorums.members()) && quorums.is_phase2(quorums.members()));
    all.iter()
        .filter(|one| quorums.is_phase1(**one))
        .all(|one| all.iter().filter(|two| quorums.is_phase2(**two)).all(|two| !one.intersection(*two).is_empty()))
}

#[test]
fn majorities_meet_for_odd_and_even_clusters() {
    for (nodes, needed) in [(1, 1), (2, 2), (3, 2), (4, 3), (5, 3), (6, 4)] {
        let quorums = Quorums::majority(NodeSet::first(nodes)).unwrap();
        assert!(meets(&quorums), "{quorums}");
        assert!(quorums.is_phase1(NodeSet::first(needed)) && !quorums.is_phase1(NodeSet::first(needed - 1)));
        assert!(quorums.is_phase2(NodeSet::first(needed)) && !quorums.is_phase2(NodeSet::first(needed - 1)));
    }
}

#[test]
fn counts_are_built_exactly_when_they_meet() {
    for nodes in 1..=6u8 {
        for phase1 in 0..=nodes + 1 {
            for phase2 in 0..=nodes + 1 {
                let reach = (1..=nodes).contains(&phase1) && (1..=nodes).contains(&phase2);
                match Quorums::flexible(NodeSet::first(nodes), phase1, phase2) {
                    Ok(quorums) => assert!(reach && meets(&quorums), "{quorums}"),
                    Err(QuorumError::OutOfReach { .. }) => assert!(!reach),
                    // Two sets of these sizes fit side by side: refusing them is right.
                    Err(QuorumError::MayMiss { .. }) => assert!(reach && phase1 + phase2 <= nodes),
                    Err(other) => panic!("{other}"),
                }
            }
        }
    }
}

#[test]
fn grids_meet_and_ragged_ones_are_refused() {
    for (nodes, columns) in [(1, 1), (4, 2), (6, 2), (6, 3), (6, 6), (6, 1)] {
        assert!(meets(&Quorums::grid(NodeSet::first(nodes), columns).unwrap()));
    }
    // n1 n2 n3
    // n4 n5 n6
    let grid = Quorums::grid(NodeSet::first(6), 3).unwrap();
    assert!(grid.is_phase1([4, 5, 6].map(NodeId).into_iter().collect()));
    assert!(grid.is_phase2([2, 5].map(NodeId).into_iter().collect()));
    assert!(!grid.is_phase2([1, 5].map(NodeId).into_iter().collect()));
    assert!(!grid.is_phase1([1, 2, 4, 5].map(NodeId).into_iter().collect()));
    assert_eq!(Quorums::grid(NodeSet::first(5), 2), Err(QuorumError::RaggedGrid { columns: 2, members: 5 }));
    assert!(Quorums::grid(NodeSet::first(5), 0).is_err());
}

#[test]
fn strangers_do_not_count() {
    let quorums = Quorums::majority(NodeSet::first(3)).unwrap();
    let strangers: NodeSet = [NodeId(1), NodeId(7), NodeId(8)].into_iter().collect();
    assert!(!quorums.is_phase1(strangers) && !quorums.is_phase2(strangers));
}

#[test]
fn an_empty_cluster_has_no_quorums() {
    assert_eq!(Quorums::majority(NodeSet::EMPTY), Err(QuorumError::NoMembers));
    assert_eq!(Quorums::grid(NodeSet::EMPTY, 1), Err(QuorumError::NoMembers));
}

#[test]
fn errors_say_what_to_do() {
    let error = Quorums::flexible(NodeSet::first(4), 2, 2).unwrap_err().to_string();
    assert!(error.contains("must add up to more than 4"), "{error}");
}

use alloc::{collections::BTreeSet, format, vec::Vec};

use crate::{Effects, NodeId, NodeIdOutOfRange, NodeSet, TimerOp};

#[test]
fn a_node_set_is_a_set() {
    // Every pair of subsets of four nodes, the extremes 0 and 63 among them, against the standard set.
    let nodes = [0, 1, 5, 63].map(NodeId);
    let subsets: Vec<BTreeSet<NodeId>> = (0..16)
        .map(|bits| nodes.iter().enumerate().filter(|(i, _)| bits >> i & 1 == 1).map(|(_, n)| *n).collect())
        .collect();
    for a in &subsets {
        let set: NodeSet = a.iter().copied().collect();
        assert_eq!(set.iter().collect::<BTreeSet<_>>(), *a);
        assert_eq!((set.len(), set.is_empty()), (a.len(), a.is_empty()));
        for node in nodes {
            let mut grown = set;
            assert_eq!(grown.insert(node), !a.contains(&node));
            assert!(grown.contains(node) && !grown.without(node).contains(node));
            assert_eq!(set.contains(node), a.contains(&node));
        }
        for b in &subsets {
            let other: NodeSet = b.iter().copied().collect();
            assert_eq!(set.union(other).iter().collect::<BTreeSet<_>>(), a | b);
            assert_eq!(set.intersection(other).iter().collect::<BTreeSet<_>>(), a & b);
            assert_eq!(set.is_subset(other), a.is_subset(b));
        }
    }
}

#[test]
fn clusters_are_numbered_from_one() {
    assert_eq!(format!("{}", NodeSet::first(3)), "{n1,n2,n3}");
    assert_eq!(NodeSet::first(0), NodeSet::EMPTY);
    assert_eq!(NodeSet::first(63).len(), 63);
}

#[test]
fn numbers_past_the_limit_are_no_nodes() {
    assert_eq!(NodeId::try_from(63), Ok(NodeId(63)));
    assert_eq!(NodeId::try_from(64), Err(NodeIdOutOfRange(64)));
    assert!(!NodeSet::first(63).contains(NodeId(200)));
    assert_eq!(NodeSet::first(3).without(NodeId(200)), NodeSet::first(3));
}

#[test]
fn effects_keep_their_order_and_their_memory() {
    let mut out: Effects<u8, u8, u8, u8> = Effects::new();
    assert!(out.is_empty());
    out.send(NodeSet::first(2), 1);
    out.persist(2);
    out.send_after_sync(NodeSet::first(1), 3);
    out.set_timer(4);
    out.cancel_timer(4);
    out.emit(5);
    assert_eq!(out.timers, [TimerOp::Set(4), TimerOp::Cancel(4)]);
    assert!(!out.is_empty());
    let capacity = out.records.capacity();
    out.clear();
    assert!(out.is_empty());
    assert_eq!(out.records.capacity(), capacity);
}

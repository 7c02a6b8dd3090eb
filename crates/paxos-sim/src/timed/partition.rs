//! Which links a partition cuts. The lopsided shapes find the mistakes (*OmniPaxos*, EuroSys 2023, §2).

use paxos_process::{NodeId, NodeSet};
use rand::{Rng, RngExt};
use rand_chacha::ChaCha8Rng;

use super::Kind;

/// The links, from one node to another, that a partition of this shape cuts; none when `kind` is no shape.
pub(super) fn links(kind: Kind, members: NodeSet, dice: &mut ChaCha8Rng) -> Vec<(NodeId, NodeId)> {
    let mut order: Vec<NodeId> = members.iter().collect();
    for last in (1..order.len()).rev() {
        order.swap(last, dice.random_range(0..=last));
    }
    let (sides, hears) = (dice.next_u64(), dice.random_bool(0.5));
    let count = order.len();
    let cut = |from: usize, to: usize| match kind {
        Kind::Isolated => from == 0 || to == 0,
        Kind::OneWay => (if hears { from } else { to }) == 0,
        // The first is on one side, the last on the other.
        Kind::Halves => side(sides, from, count) != side(sides, to, count),
        Kind::Bridge => from != 1 && to != 1 && side(sides, from, count) != side(sides, to, count),
        Kind::Chain => 1 < from.abs_diff(to),
        // In a ring of three all are neighbours: it is then a ring in one direction.
        Kind::Ring if count <= 3 => (from + 1) % count != to,
        Kind::Ring => (from + 1) % count != to && (to + 1) % count != from,
        _ => false,
    };
    let pairs = (0..count).flat_map(|from| (0..count).map(move |to| (from, to)));
    pairs.filter(|(from, to)| from != to && cut(*from, *to)).map(|(from, to)| (order[from], order[to])).collect()
}

fn side(sides: u64, position: usize, count: usize) -> bool {
    match position {
        0 => false,
        last if last + 1 == count => true,
        position => sides >> position & 1 == 1,
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;

    use super::*;

    #[test]
    fn shapes_cut_what_they_should() {
        let mut dice = ChaCha8Rng::seed_from_u64(3);
        let mut count = |kind, nodes| links(kind, NodeSet::first(nodes), &mut dice).len();
        for (kind, of_three, of_five) in [
            (Kind::Isolated, 4, 8),
            (Kind::OneWay, 2, 4),
            (Kind::Chain, 2, 12),
            (Kind::Ring, 3, 10),
            (Kind::Lost, 0, 0),
        ] {
            assert_eq!((count(kind, 3), count(kind, 5)), (of_three, of_five), "{kind}");
        }
        for _ in 0..20 {
            assert!([8, 12].contains(&count(Kind::Halves, 5)), "one against four, or two against three");
            assert!([6, 8].contains(&count(Kind::Bridge, 5)), "one against three, or two against two");
        }
        assert_eq!((count(Kind::Isolated, 1), count(Kind::Ring, 2)), (0, 0));
    }
}

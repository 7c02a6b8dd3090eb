//! Partitions by their shape. Links cut one by one would hardly ever isolate a node; and it is the lopsided shapes that
//! find mistakes (three of them stopped logs for hours: *OmniPaxos*, EuroSys 2023, §2).

use std::hash::Hash;

use paxos_messages::Observed;
use paxos_process::{NodeId, NodeSet};
use rand::{Rng, RngExt};

use super::{Random, Run};
use crate::{Choice, Watch};

impl Random {
    /// Sometimes cuts links, and sometimes makes all whole again.
    pub(super) fn change_links<P: Observed + Clone + Hash, W: Watch<P>>(&mut self, run: &mut Run<'_, P, W>) {
        let dice = self.more.random_range(0..1_000);
        let whole = run.world.cut_links().is_empty();
        if !whole && dice < self.weights.heal {
            for (from, to) in run.world.cut_links() {
                run.choose_if_possible(Choice::Heal(from, to));
            }
        } else if whole && dice < self.weights.cut {
            for (from, to) in self.partition(run.world.setting().quorums.members()) {
                if run.tally.cuts < usize::from(run.bounds.cuts) {
                    run.choose_if_possible(Choice::Cut(from, to));
                }
            }
        }
    }

    /// The links that one partition of `members` cuts.
    fn partition(&mut self, members: NodeSet) -> Vec<(NodeId, NodeId)> {
        let node = members.iter().nth(self.more.random_range(0..members.len())).expect("one of the members");
        let side = self.more.next_u64();
        let one_side = |id: NodeId| side >> id.0 & 1 == 1;
        let next = members.iter().find(|id| node < *id).or_else(|| members.iter().next()).expect("there are members");
        let links = members.iter().flat_map(|from| members.iter().map(move |to| (from, to)));
        let shape = self.more.random_range(0..7);
        let cut = |(from, to): &(NodeId, NodeId)| match shape {
            // One node is alone; or hears nobody; or is heard by nobody.
            0 => *from == node || *to == node,
            1 => *to == node,
            2 => *from == node,
            // Two sides; or two sides and a node that both still reach.
            3 => one_side(*from) != one_side(*to),
            4 => one_side(*from) != one_side(*to) && *from != node && *to != node,
            // One link, in one direction; or in both.
            5 => (*from, *to) == (node, next),
            _ => (*from, *to) == (node, next) || (*to, *from) == (node, next),
        };
        links.filter(|(from, to)| from != to).filter(cut).collect()
    }
}

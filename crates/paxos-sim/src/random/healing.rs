//! What a run is for after its faults are over: whatever went wrong, a quorum that can talk must get on.

use std::{collections::BTreeSet, hash::Hash};

use paxos_messages::Observed;
use paxos_process::NodeId;

use super::{Random, Run, Tally};
use crate::{Bounds, Choice, ChoiceOf, Invariant, Watch, World};

impl Random {
    /// Lets `world` recover, in at most `steps` choices, until `healed` says that it has: links are made whole, nodes
    /// restart, and nothing fails any more. Everything in flight arrives, in any order, before a timer goes off.
    ///
    /// Timers go off fairly: each that is set will, if the run is long enough. Those whose names sort first do so more
    /// often, at all nodes one after the other; of the others, a few nodes' in turn. A protocol that has a frequent
    /// and a rare timer names the frequent one first.
    ///
    /// Ends before, too, when nothing can happen any more, or when one of `invariants` fails.
    pub fn heal<P: Observed + Clone + Hash>(
        &mut self,
        world: &mut World<P>,
        mut healed: impl FnMut(&World<P>) -> bool,
        invariants: &[Invariant],
        steps: usize,
        path: &mut Vec<ChoiceOf<P>>,
        watch: &mut impl Watch<P>,
    ) -> Tally {
        let bounds = &Bounds::requests(Vec::new());
        let mut run = Run { world, bounds, invariants, path, watch, tally: Tally::default(), steps };
        for (from, to) in run.world.cut_links() {
            run.choose_if_possible(Choice::Heal(from, to));
        }
        for id in run.world.setting().quorums.members() {
            run.choose_if_possible(Choice::Restart(id));
        }
        let mut round = 0;
        self.settle(&mut run);
        while !run.is_over() && !healed(run.world) {
            round += 1;
            let due = due(run.world, round);
            if due.is_empty() {
                break;
            }
            for (id, timer) in due {
                run.choose_if_possible(Choice::Fire(id, timer));
                self.settle(&mut run);
            }
        }
        run.tally
    }

    /// Everything is written and arrives.
    fn settle<P: Observed + Clone + Hash, W: Watch<P>>(&mut self, run: &mut Run<'_, P, W>) {
        let mut choices = Vec::new();
        while !run.is_over() {
            choices.clear();
            run.world.choices(run.bounds, &mut choices);
            let Some(choice) = self.pick(&choices) else { break };
            run.choose(choice);
        }
    }
}

/// The timers that go off in this round. Of those that are set anywhere, the first by name in three rounds of four, at
/// every node; in the others the second, or more rarely the third, and so on, at one node.
fn due<P: Observed + Clone + Hash>(world: &World<P>, round: u32) -> Vec<(NodeId, P::Timer)> {
    let members = world.setting().quorums.members();
    let set = || members.iter().flat_map(|id| world.timers(id).iter().map(move |timer| (id, *timer)));
    let names: BTreeSet<P::Timer> = set().map(|(_, timer)| timer).collect();
    let rarity = (round.trailing_zeros() as usize / 2).min(names.len().saturating_sub(1));
    let Some(name) = names.into_iter().nth(rarity) else { return Vec::new() };
    let mut due: Vec<_> = set().filter(|(_, timer)| *timer == name).collect();
    if 0 < rarity {
        let turn = round as usize / 4 % due.len();
        due = vec![due[turn]];
    }
    due
}

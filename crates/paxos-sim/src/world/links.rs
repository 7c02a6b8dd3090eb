//! Links that are cut: partitions, also those in which one side still hears the other.
//!
//! A cut adds no run that delay and loss do not have. It is there for whoever chooses: a person says in one line what
//! would take many, and a simulation gets the runs that are interesting more often than by losing messages one by one.
//!
//! What is sent over a cut link is lost at once, as TCP would lose it with its connection. What was in flight when the
//! link was cut waits, and may arrive after it is whole again, or be dropped.

use std::hash::Hash;

use paxos_messages::Observed;
use paxos_process::NodeId;

use super::World;
use crate::{Choice, ChoiceOf, Happening, Packet, Watch, bounds::BoundsOf};

impl<P: Observed + Clone + Hash> World<P> {
    /// The links that are cut: from one node to another, in this direction.
    #[must_use]
    pub fn cut_links(&self) -> Vec<(NodeId, NodeId)> {
        self.nodes.iter().flat_map(|node| node.deaf_to.iter().map(move |from| (from, node.id))).collect()
    }

    pub(super) fn is_cut(&self, from: NodeId, to: NodeId) -> bool {
        self.nodes.iter().any(|node| node.id == to && node.deaf_to.contains(from))
    }

    /// Whether a message in flight may arrive.
    pub(super) fn arrives(&self, packet: &Packet<P::Message>) -> bool {
        self.nodes.iter().any(|node| node.id == packet.to && node.up && !node.deaf_to.contains(packet.from))
    }

    pub(super) fn link_obstacle(&self, choice: &ChoiceOf<P>, from: NodeId, to: NodeId) -> Option<String> {
        let members = self.setting.quorums.members();
        if let Some(stranger) = [from, to].into_iter().find(|id| !members.contains(*id)) {
            return Some(format!("there is no node {stranger}"));
        }
        match (choice, self.is_cut(from, to)) {
            _ if from == to => Some(format!("{from} needs no link to itself")),
            (Choice::Cut(..), true) => Some(format!("the link {from} → {to} is cut")),
            (Choice::Heal(..), false) => Some(format!("the link {from} → {to} is whole")),
            _ => None,
        }
    }

    pub(super) fn cut(&mut self, from: NodeId, to: NodeId, watch: &mut impl Watch<P>) {
        self.spent.cuts = self.spent.cuts.saturating_add(1);
        let position = self.position(to).expect("a link ends at a node of this world");
        self.node(position).deaf_to.insert(from);
        watch.see(Happening::Cut(from, to));
    }

    pub(super) fn heal(&mut self, from: NodeId, to: NodeId, watch: &mut impl Watch<P>) {
        let position = self.position(to).expect("a link ends at a node of this world");
        let node = self.node(position);
        node.deaf_to = node.deaf_to.without(from);
        watch.see(Happening::Healed(from, to));
    }

    /// The links that may be cut or healed next.
    pub(super) fn link_choices(&self, bounds: &BoundsOf<P>, choices: &mut Vec<ChoiceOf<P>>) {
        choices.extend(self.cut_links().into_iter().map(|(from, to)| Choice::Heal(from, to)));
        if bounds.cuts <= self.spent.cuts {
            return;
        }
        for from in self.setting.quorums.members() {
            let others = self.setting.quorums.members().without(from);
            let whole = others.iter().filter(|to| !self.is_cut(from, *to));
            choices.extend(whole.map(|to| Choice::Cut(from, to)));
        }
    }
}

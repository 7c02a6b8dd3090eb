//! How far the members have learned, as their leader knows.

use alloc::collections::BTreeMap;

use paxos_messages::Slot;
use paxos_process::{NodeId, NodeSet};

/// What the others have said of themselves since this node asked to be elected.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct Standing {
    learned: BTreeMap<NodeId, Slot>,
    /// Whom this node asked last for what it lacks itself.
    asked: Option<NodeId>,
    /// How far this node had come itself when it last looked.
    came: Option<(Slot, u64)>,
}

impl Standing {
    /// Nobody has said anything.
    #[must_use]
    pub const fn new() -> Self {
        Self { learned: BTreeMap::new(), asked: None, came: None }
    }

    /// `node` has learned all slots below.
    pub fn learned(&mut self, node: NodeId, slot: Slot) {
        let known = self.learned.entry(node).or_insert(slot);
        *known = slot.max(*known);
    }

    /// How far `node` has learned, as far as this node has heard.
    #[must_use]
    pub fn of(&self, node: NodeId) -> Slot {
        self.learned.get(&node).copied().unwrap_or(Slot(0))
    }

    /// All of `others`, and this node with `own`, have learned all slots below.
    #[must_use]
    pub fn everywhere(&self, others: NodeSet, own: Slot) -> Slot {
        others.iter().map(|node| self.of(node)).fold(own, Slot::min)
    }

    /// Those who have learned more than all slots below `own`.
    #[must_use]
    pub fn ahead(&self, own: Slot) -> NodeSet {
        self.learned.iter().filter(|(_, learned)| own < **learned).map(|(node, _)| *node).collect()
    }

    /// Whether this node has come on since it last looked.
    ///
    /// A new leader waits for what those who elected it know. They may have gone; or they may have forgotten, because what
    /// a node has learned from votes alone it only knows in one life. The others can still choose all of it again.
    pub fn comes_on(&mut self, came: (Slot, u64)) -> bool {
        self.came.replace(came) != Some(came)
    }

    /// The one of `nodes` after the one that was asked last, in a circle.
    pub fn next_of(&mut self, nodes: NodeSet) -> NodeSet {
        let after = nodes.iter().find(|node| Some(*node) > self.asked);
        self.asked = after.or_else(|| nodes.iter().next());
        self.asked.map_or(NodeSet::EMPTY, NodeSet::only)
    }
}

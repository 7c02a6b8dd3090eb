//! Which choices commute: made in either order, they lead to the same world.
//!
//! A choice touches one node, the messages in flight and the history. The messages are a bag; what the history holds
//! are sets, and what it judges while it grows (that a promise has not fallen, that a disk has what was said) is about
//! the node that speaks. So the choices of two nodes commute, and these are the exceptions:
//!
//! - A *read* is asked at a moment: it needs what anybody had learned by then.
//! - A disk that is *lost* starts a life with a number, and lives are counted over all nodes. A *dropped* message and a
//!   *link* that is cut or healed belong to no one node. A search has few of them, so they commute with nothing here.
//! - The *last crash*: where none can follow, whoever has something to sync does so first, and all else waits.

use std::hash::Hash;

use paxos_messages::Observed;
use paxos_process::NodeId;

use super::World;
use crate::{Choice, ChoiceOf, Disk, bounds::BoundsOf};

/// Under which condition two choices commute.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Commute {
    /// Always.
    Always,
    /// If the one that is made first writes nothing: otherwise that must be synced before the other one is offered.
    IfNothingIsWritten,
}

impl<P: Observed + Clone + Hash> World<P> {
    /// Whether `first`, then `then`, is possible here whenever `then`, then `first`, is, and leads to the same world.
    /// Both must be among the [`choices`](Self::choices) of this world; `None` says only that it is not known.
    #[must_use]
    pub fn commute(&self, bounds: &BoundsOf<P>, first: &ChoiceOf<P>, then: &ChoiceOf<P>) -> Option<Commute> {
        let (one, other) = (self.touched(first)?, self.touched(then)?);
        if one == other {
            return None;
        }
        match (self.setting.disk, self.spent.crashes < bounds.crashes) {
            (Disk::AtOnce, _) => Some(Commute::Always),
            (Disk::Manual, true) => (!matches!(first, Choice::Crash(_))).then_some(Commute::Always),
            (Disk::Manual, false) => Some(Commute::IfNothingIsWritten),
        }
    }

    /// The one node that a choice is about, if no other could tell when it was made.
    fn touched(&self, choice: &ChoiceOf<P>) -> Option<NodeId> {
        match choice {
            Choice::Deliver(index) | Choice::Duplicate(index) => Some(self.network[*index].to),
            Choice::Request(id, request) => P::read(request).is_none().then_some(*id),
            Choice::Fire(id, _) | Choice::Sync(id) | Choice::Crash(id) | Choice::Restart(id) => Some(*id),
            _ => None,
        }
    }

    /// Whether any node has written what a crash would forget.
    #[must_use]
    pub fn is_unsynced(&self) -> bool {
        self.nodes.iter().any(|node| !node.unsynced.is_empty())
    }

    /// Whether `choice` of this world is the same thing as `other` of `there`, a world of the same run: a message is
    /// known by what it is, not by where in the bag it is.
    #[must_use]
    pub fn is_same(&self, choice: &ChoiceOf<P>, there: &Self, other: &ChoiceOf<P>) -> bool {
        match (choice, other) {
            (Choice::Deliver(here), Choice::Deliver(index)) | (Choice::Duplicate(here), Choice::Duplicate(index)) => {
                self.network[*here] == there.network[*index]
            }
            (Choice::Deliver(_) | Choice::Duplicate(_) | Choice::Drop(_), _)
            | (_, Choice::Deliver(_) | Choice::Duplicate(_) | Choice::Drop(_)) => false,
            _ => choice == other,
        }
    }
}

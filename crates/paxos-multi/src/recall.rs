//! Coming back without memory: when may a node vote again that has lost its disk?
//!
//! It may have promised a ballot, or have voted for a value that was chosen with its vote. If it votes again as if it
//! were new, the next election may miss that value (the misconception M19; copying the state of *one* other node does
//! not help). The rule here:
//!
//! 1. It says nothing that a quorum could count: no promise, no vote, no answer to a heartbeat or a probe.
//! 2. It asks **all** others for the highest ballot that they have promised or opened. None above those was won with a
//!    promise of its former lives, because whoever wins one has a promise of one of the others, too.
//! 3. It opens a ballot above that and waits until **all** others have promised it. From then on they vote in no lower
//!    ballot, so a lost vote of this node can complete a quorum only in a slot in which one of them has voted already,
//!    and they have reported those.
//! 4. It promises that ballot, and is mute until it has *learned* every slot that they reported: in those, what is
//!    chosen is known, and no vote is needed any more.
//!
//! Every restart on the way begins a new life and asks anew. An answer is worth something only to the life that asked: it
//! says nothing of a ballot that this node has opened since.
//!
//! The price is that every other member must answer, and that the leader is deposed once, while a node that only
//! restarts needs nobody. So of two nodes that have lost their disks neither comes back: each waits for the other. Nor
//! does one where a single node is a quorum: its promise alone may have made a leader or its vote alone have chosen a
//! value, and nobody can tell. And where *all* must vote nothing can be chosen without it, so it would wait for ever
//! for what the others have begun; it does not depose their leader for that.

use alloc::collections::BTreeMap;
use core::mem;

use paxos_messages::{
    Ballot, Slot,
    multi::{Effects, Message},
};
use paxos_process::{NodeId, NodeSet};
use paxos_quorums::Quorums;

/// How far a node without memory has come.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct Recall {
    /// Which life asks: an answer to an earlier one may have been given before that one ended.
    life: u64,
    /// What the others have promised or opened.
    highest: BTreeMap<NodeId, Option<Ballot>>,
    /// The ballot that all others have promised, and the first slot above all that they have reported.
    goal: Option<(Ballot, Slot)>,
}

impl Recall {
    /// Nobody has answered yet.
    #[must_use]
    pub const fn new(life: u64) -> Self {
        Self { life, highest: BTreeMap::new(), goal: None }
    }

    /// Which life asks.
    #[must_use]
    pub const fn life(&self) -> u64 {
        self.life
    }

    /// Asks those who have not answered, until the others have promised.
    pub fn ask<V>(&self, others: NodeSet, out: &mut Effects<V>) {
        let silent: NodeSet = others.iter().filter(|node| !self.highest.contains_key(node)).collect();
        if self.goal.is_none() && !silent.is_empty() {
            // Not before it is stable which life asks.
            out.send_after_sync(silent, Message::Recall { life: self.life });
        }
    }

    /// Takes an answer.
    pub fn answer(&mut self, from: NodeId, life: u64, highest: Option<Ballot>) {
        if life == self.life {
            self.highest.insert(from, highest);
        }
    }

    // ANCHOR: recall
    /// The highest ballot that anybody may have won, once all others have answered and if they can elect this node.
    /// That uses their answers up: if the election fails, all must answer again, so that a node without memory does not
    /// depose one leader after the other while somebody is away.
    pub fn highest(&mut self, id: NodeId, quorums: &Quorums) -> Option<Option<Ballot>> {
        let others = quorums.members().without(id);
        let all = others.iter().all(|node| self.highest.contains_key(&node));
        // Two quorums of the two phases meet: where the others are one of phase 1, this node alone is none of phase 2.
        let alone = quorums.is_phase1(NodeSet::only(id));
        let may = all && self.goal.is_none() && quorums.is_phase1(others) && quorums.is_phase2(others) && !alone;
        may.then(|| mem::take(&mut self.highest).into_values().max().flatten())
    }

    /// All others have promised `ballot`, and have voted in no slot from `until` on.
    pub fn promised(&mut self, ballot: Ballot, until: Slot) {
        self.goal = Some((ballot, until));
    }

    /// What may be promised again, when all slots below `learned` are learned.
    #[must_use]
    pub fn outcome(&self, learned: Slot) -> Option<Ballot> {
        self.goal.filter(|(_, until)| *until <= learned).map(|(ballot, _)| ballot)
    }
    // ANCHOR_END: recall
}

//! The failure detector: who leads, and when to try oneself.
//!
//! It is about liveness only. Whatever it believes, whoever wants to lead still needs a quorum of promises, or of votes,
//! and those who have given theirs keep them; so a wrong belief costs time and never a value. Two nodes may both believe that they lead; one
//! of them will find out when its proposals are refused. (That an election must be *right* for the log to be safe is
//! the misconception M13.)
//!
//! In a network that loses and delays messages, no detector can be both complete and right (Chandra and Toueg, 1996;
//! Fischer, Lynch and Paterson, 1985). This one is made so that a working leader is left alone and a useless one is
//! not, also when links fail and not nodes (the three cases of OmniPaxos, EuroSys 2023, §2):
//!
//! - A node that hears no leader asks the others first (`Probe` of Multi-Paxos, `PreVote` of Raft). Who hears one does not
//!   answer: one broken link deposes nobody, and a chain of nodes does not pass leadership back and forth (*chained*).
//! - A leader that does not hear a quorum for a while steps down, so it goes silent, and those who heard it become
//!   willing (*quorum loss*).
//!
//! The third case (*constrained election*) is not the detector's: in Multi-Paxos a node needs no long log to lead, in Raft it
//! does.

use paxos_messages::multi::Timer;
use paxos_process::{Effects, NodeId, NodeSet};
use paxos_quorums::Quorums;

/// What a node believes about who leads.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct Detector {
    id: NodeId,
    quorums: Quorums,
    /// Whose heartbeat was the last one, unless that was too long ago.
    leader: Option<NodeId>,
    /// Which question is the current one.
    round: u64,
    /// Who would answer if this node asked to be elected.
    willing: NodeSet,
    /// Who has answered this leader's heartbeats since it last looked.
    alive: NodeSet,
}

impl Detector {
    /// The detector of node `id`. It hears nobody yet.
    #[must_use]
    pub const fn new(id: NodeId, quorums: Quorums) -> Self {
        let (willing, alive) = (NodeSet::EMPTY, NodeSet::EMPTY);
        Self { id, quorums, leader: None, round: 0, willing, alive }
    }

    /// Who leads, as far as this node hears. Who hears a leader, or is one, does not help depose it.
    #[must_use]
    pub const fn leader(&self) -> Option<NodeId> {
        self.leader
    }

    // ANCHOR: silence
    /// No leader has been heard for as long as the election timer takes: the others are to be asked whether they hear
    /// one, in this round. True when nobody else need be asked, so that the node may campaign at once.
    pub fn silence<M, R, O>(&mut self, out: &mut Effects<M, R, Timer, O>) -> bool {
        self.leader = None;
        self.round += 1;
        self.willing = NodeSet::only(self.id);
        out.set_timer(Timer::Election);
        self.is_enough(self.willing)
    }

    /// Which question is the current one.
    #[must_use]
    pub const fn round(&self) -> u64 {
        self.round
    }

    /// Somebody would answer. True when enough would: a quorum to be elected by, and one to be of use to.
    pub fn willing(&mut self, from: NodeId, round: u64) -> bool {
        let current = round == self.round && self.leader.is_none() && !self.willing.is_empty();
        if current && self.willing.insert(from) && self.is_enough(self.willing) {
            self.willing = NodeSet::EMPTY; // one campaign for one question
            return true;
        }
        false
    }
    // ANCHOR_END: silence

    fn is_enough(&self, nodes: NodeSet) -> bool {
        self.quorums.is_phase1(nodes) && self.quorums.is_phase2(nodes)
    }

    /// A leader has been heard. True when it is news.
    pub fn heard<M, R, O>(&mut self, leader: NodeId, out: &mut Effects<M, R, Timer, O>) -> bool {
        out.set_timer(Timer::Election);
        self.willing = NodeSet::EMPTY;
        self.leader.replace(leader) != Some(leader)
    }

    /// Who asks for the next page of a promise is about to be elected, and another election would make all that was read
    /// be read again: of a long log, each time, by candidates who overtake one another for ever. A first Prepare does not
    /// count. It may be of somebody who gets no further, and who would then keep all others from trying. (One that the
    /// network repeats cannot be told from a question for more; it costs one timer.)
    pub fn election_goes_on<M, R, O>(&mut self, out: &mut Effects<M, R, Timer, O>) {
        out.set_timer(Timer::Election);
        self.willing = NodeSet::EMPTY;
    }

    /// This node has been elected.
    pub fn elected<M, R, O>(&mut self, out: &mut Effects<M, R, Timer, O>) {
        self.heard(self.id, out);
        self.alive = NodeSet::EMPTY;
        out.set_timer(Timer::Heartbeat);
    }

    /// This node does not lead any more.
    pub fn deposed<M, R, O>(&mut self, out: &mut Effects<M, R, Timer, O>) {
        self.leader = self.leader.filter(|leader| *leader != self.id);
        out.cancel_timer(Timer::Heartbeat);
        out.set_timer(Timer::Election);
    }

    // ANCHOR: alive
    /// A heartbeat of this leader has been answered.
    pub fn alive(&mut self, from: NodeId) {
        self.alive.insert(from);
    }

    /// Whether `node` has answered since this leader last looked.
    #[must_use]
    pub const fn is_alive(&self, node: NodeId) -> bool {
        self.alive.contains(node)
    }

    /// Whether this leader has heard a quorum since it last looked. One that has not is of no use to anybody, and
    /// whoever still hears it waits for it in vain.
    pub fn has_quorum<M, R, O>(&mut self, out: &mut Effects<M, R, Timer, O>) -> bool {
        let alive = core::mem::take(&mut self.alive).with(self.id);
        out.set_timer(Timer::Election);
        self.quorums.is_phase2(alive)
    }
    // ANCHOR_END: alive
}

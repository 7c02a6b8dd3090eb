//! Reads that are not in the log: when may a leader answer from what it knows?
//!
//! Not just because it believes that it leads: another may have been elected, and have had more chosen (the
//! misconception M16). It must first hear from a quorum that nobody has promised a higher ballot, or knows a higher term, *after* the read was
//! asked. Every later leader needs a promise from one of them, so it was not elected yet when the read was asked, and
//! everything that was chosen and told by then is known here. One round of questions serves all reads that came
//! before it (the ReadIndex of Ongaro's dissertation, 2014, §6.4).

use alloc::vec::Vec;

use paxos_messages::multi::{Output, Refusal};
use paxos_process::{Effects, NodeId, NodeSet};
use paxos_quorums::Quorums;

/// The reads of a leader that wait for a quorum.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct Reads {
    /// Counts the rounds of questions.
    round: u64,
    /// Those that came before the current round began.
    asking: Vec<u64>,
    /// Those that came later, for the next round.
    waiting: Vec<u64>,
    /// Who has answered the current round.
    answered: NodeSet,
}

impl Reads {
    /// Nothing was asked.
    #[must_use]
    pub const fn new() -> Self {
        Self { round: 0, asking: Vec::new(), waiting: Vec::new(), answered: NodeSet::EMPTY }
    }

    /// The current round: what a heartbeat asks.
    #[must_use]
    pub const fn round(&self) -> u64 {
        self.round
    }

    // ANCHOR: reads
    /// A read. True when a new round begins with it, so that the question must be asked.
    pub fn ask(&mut self, read: u64) -> bool {
        self.waiting.push(read);
        self.asking.is_empty() && self.next_round()
    }

    /// An answer to the question of `round`. True when a new round begins.
    pub fn answer<M, R, T, V>(
        &mut self,
        from: NodeId,
        round: u64,
        quorums: &Quorums,
        out: &mut Effects<M, R, T, Output<V>>,
    ) -> bool {
        if round != self.round || self.asking.is_empty() {
            return false; // said before these reads were asked, or not needed
        }
        self.answered.insert(from);
        if !quorums.is_phase2(self.answered) {
            return false;
        }
        out.outputs.extend(self.asking.drain(..).map(Output::Readable));
        self.next_round()
    }

    fn next_round(&mut self) -> bool {
        core::mem::swap(&mut self.asking, &mut self.waiting);
        self.answered = NodeSet::EMPTY;
        self.round += u64::from(!self.asking.is_empty());
        !self.asking.is_empty()
    }
    // ANCHOR_END: reads

    /// This node does not lead any more: none of the reads may be answered.
    pub fn give_up<M, R, T, V>(&mut self, leader: Option<NodeId>, out: &mut Effects<M, R, T, Output<V>>) {
        let why = Refusal::NotLeader(leader);
        let reads = self.asking.drain(..).chain(self.waiting.drain(..));
        out.outputs.extend(reads.map(|read| Output::Unreadable { read, why }));
    }
}

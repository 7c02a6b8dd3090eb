//! How a node comes to lead: the vote of §5.2, the restriction on it of §5.4.1, and the question before it.

use paxos_messages::multi::{Output, Refusal};
use paxos_process::{NodeId, NodeSet, Value};

use crate::{Effects, Leading, Message, Position, Record, Replica, Term, replica::Role};

impl<V: Value> Replica<V> {
    // ANCHOR: before
    /// Somebody hears no leader, and asks whether it would have this node's vote (dissertation, §9.6). A node that cannot
    /// win raises nobody's term this way, and a working leader is left alone.
    pub(crate) fn asked_before(&self, from: NodeId, round: u64, last: Position, out: &mut Effects<V>) {
        if self.detector.leader().is_none() && self.log.last() <= last {
            out.send(NodeSet::only(from), Message::Willing { round, term: self.term });
        }
    }
    // ANCHOR_END: before

    // ANCHOR: campaign
    /// Opens a term, and votes for itself in it. Nobody hears of the term before that vote is on the disk, so a node never
    /// asks twice for votes in one term, with two logs.
    pub(crate) fn campaign(&mut self, out: &mut Effects<V>) {
        let Some(term) = self.term.0.checked_add(1).map(Term) else { return };
        if self.leads().is_some() {
            return;
        }
        (self.term, self.voted, self.role) = (term, Some(self.id), Role::Candidate(NodeSet::EMPTY));
        out.persist(Record::Voted(term, self.id));
        if !self.others().is_empty() {
            out.send_after_sync(self.others(), Message::RequestVote { term, last: self.log.last() });
        }
        out.send_after_sync(NodeSet::only(self.id), Message::Vote { term });
        self.detector.election_goes_on(out);
    }
    // ANCHOR_END: campaign

    // ANCHOR: vote
    /// Somebody asks for a vote in this term: the first does, if its log is at least as up-to-date as this node's (§5.4.1).
    /// Whatever is chosen is in the logs of a quorum, and one of them is asked: so a leader has it all, and no vote needs to
    /// report anything.
    pub(crate) fn asked(&mut self, from: NodeId, last: Position, out: &mut Effects<V>) {
        if self.voted.is_none() && self.log.last() <= last {
            self.voted = Some(from);
            out.persist(Record::Voted(self.term, from));
            // Who has helped to elect somebody does not go on asking for itself.
            self.detector.election_goes_on(out);
        }
        if self.voted == Some(from) && from != self.id {
            out.send_after_sync(NodeSet::only(from), Message::Vote { term: self.term });
        }
    }

    /// A vote; perhaps the one that makes this node the leader.
    pub(crate) fn vote(&mut self, from: NodeId, out: &mut Effects<V>) {
        let Role::Candidate(votes) = &mut self.role else { return };
        votes.insert(from);
        if self.quorums.is_phase1(*votes) {
            self.role = Role::Leader(Leading::new(*votes, self.others(), self.log.end()));
            self.detector.elected(out);
            self.begin(out);
        }
    }
    // ANCHOR_END: vote

    /// Somebody leads in this term. Whoever asked for votes in it has lost.
    ///
    /// # Panics
    ///
    /// When this node leads in this term: it has had two majorities.
    pub(crate) fn follow(&mut self, leader: NodeId, out: &mut Effects<V>) {
        assert!(self.leads().is_none(), "Election Safety: {leader} leads in {}, too", self.term);
        self.role = Role::Follower;
        if self.detector.heard(leader, out) {
            out.emit(Output::Follows { leader: Some(leader) });
        }
    }

    /// This node does not lead, or ask for votes, any more.
    pub(crate) fn step_down(&mut self, out: &mut Effects<V>) {
        let led = self.leads().is_some();
        self.role = Role::Follower;
        if led {
            self.detector.deposed(out);
            self.reads.give_up(None, out);
            out.emit(Output::Follows { leader: None });
        }
    }

    /// Why a command is not taken here.
    pub(crate) fn not_leader(&self) -> Refusal {
        Refusal::NotLeader(self.others_lead())
    }
}

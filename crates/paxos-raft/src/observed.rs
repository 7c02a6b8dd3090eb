//! What a judge may read off a replica's words: Raft, told as Paxos.
//!
//! A term is a ballot, and a log is one vote: for all that is in it, in the ballot of its last entry. That a candidate
//! needs an up-to-date log is then the choice of the highest vote; and that only entries of the current term are counted is
//! that votes are counted in one ballot. So an answer of a follower is a vote only when the last entry of what it speaks of
//! is of the leader's term (the reading of Howard and Mortier, *Paxos vs Raft*, 2020, §3).
//!
//! One thing Raft does that Paxos never does: the end of a log is cut off, and with it votes of lower terms, when the leader
//! of a higher one has something else there. Nothing was chosen in those terms that this leader does not have, and with the
//! votes that elected it nothing ever will be.

use alloc::{vec, vec::Vec};

use paxos_messages::{
    Ballot, Fact, Memory, Observed, Phase, Slot, Vote,
    multi::{Entry, Output, Request},
};
use paxos_process::{NodeId, Value};

use crate::{Message, Replica, Term, replica::Role};

/// A term as a ballot. Who leads in it is not part of its number.
const fn ballot(term: Term) -> Ballot {
    Ballot { round: term.0, node: NodeId(0) }
}

impl<V: Value> Observed for Replica<V> {
    type Decree = Entry<V>;

    const GIVES_UP_VOTES: bool = true;

    // ANCHOR: facts
    fn said(&self, message: &Message<V>) -> Option<Fact<Entry<V>>> {
        match message {
            Message::RequestVote { term, .. } => Some(Fact::Opened { ballot: ballot(*term) }),
            Message::Vote { term } => {
                let Memory { from, votes, .. } = self.memory();
                Some(Fact::Promised { ballot: ballot(*term), from, votes })
            }
            Message::AppendEntries { term, before, entry: Some((_, value)), .. } => Some(Fact::Proposed {
                slot: before.end,
                ballot: ballot(*term),
                value: value.clone(),
                quorum: if let Role::Leader(leading) = &self.role { leading.votes } else { return None },
            }),
            Message::Appended { term, matched, .. } => {
                let last = self.log.position(*matched).filter(|last| last.term == *term)?;
                // All below is chosen, and was when this was said; but the last one is judged in any case.
                let from = self.chosen.min(Slot(last.end.0.saturating_sub(1)));
                let values =
                    (from.0..last.end.0).map(|slot| self.log.entry(Slot(slot)).map(|(_, value)| value.clone()));
                Some(Fact::VotedAll { ballot: ballot(*term), from, values: values.collect::<Option<Vec<_>>>()? })
            }
            _ => None,
        }
    }
    // ANCHOR_END: facts

    fn told(&self, output: &Output<V>) -> Option<Fact<Entry<V>>> {
        match output {
            Output::Chosen { slot, value } => Some(Fact::Learned { slot: *slot, value: value.clone() }),
            Output::Installed { upto, .. } => Some(Fact::Installed { upto: *upto }),
            Output::Readable(read) => Some(Fact::Answered { read: *read }),
            _ => None,
        }
    }

    fn wanted(request: &Request<V>) -> Option<Entry<V>> {
        request.wanted()
    }

    fn read(request: &Request<V>) -> Option<u64> {
        if let Request::Read(read) = request { Some(*read) } else { None }
    }

    fn unasked() -> Vec<Entry<V>> {
        vec![Entry::Noop]
    }

    fn memory(&self) -> Memory<Entry<V>> {
        let in_term = ballot(self.log.last().term);
        let slots = (self.log.first().0..self.log.end().0).map(Slot);
        let votes = slots.filter_map(|slot| {
            let (_, value) = self.log.entry(slot)?;
            Some((slot, Vote { ballot: in_term, value: value.clone() }))
        });
        let promised = (Term(0) < self.term).then(|| ballot(self.term));
        Memory { promised, from: self.log.first(), votes: votes.collect() }
    }

    fn phase(message: &Message<V>) -> Phase {
        message.phase()
    }
}

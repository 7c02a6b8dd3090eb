//! What a judge may read off a replica's words.

use alloc::{vec, vec::Vec};

use paxos_messages::{
    Fact, Memory, Observed, Phase, Vote,
    multi::{Entry, Message, Output, Request, Until},
};
use paxos_process::Value;

use crate::Replica;

impl<V: Value> Observed for Replica<V> {
    type Decree = Entry<V>;

    fn said(&self, message: &Message<V>) -> Option<Fact<Entry<V>>> {
        match message {
            Message::Prepare { ballot, .. } => Some(Fact::Opened { ballot: *ballot }),
            // An answer has many pages and is one promise. It is told whole, with its last page.
            Message::Promise { until: Until::Next(_), .. } => None,
            Message::Promise { ballot, .. } => {
                let Memory { from, votes, .. } = self.memory();
                Some(Fact::Promised { ballot: *ballot, from, votes })
            }
            Message::Accept { ballot, slot, value, .. } => Some(Fact::Proposed {
                slot: *slot,
                ballot: *ballot,
                value: value.clone(),
                quorum: self.proposer().promised_by(),
            }),
            Message::Accepted { ballot, slot } => {
                let vote = self.acceptor().accepted(*slot).filter(|vote| vote.ballot == *ballot);
                let value = vote.map(|vote| &vote.value).or_else(|| self.learner().chosen(*slot))?.clone();
                Some(Fact::Voted { slot: *slot, vote: Vote { ballot: *ballot, value } })
            }
            _ => None,
        }
    }

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

    fn without_memory(&self, life: u64) -> Option<Self> {
        Some(Self::without_memory(self.id, self.quorums, self.options, life))
    }

    fn memory(&self) -> Memory<Entry<V>> {
        self.acceptor().memory()
    }

    fn phase(message: &Message<V>) -> Phase {
        message.phase()
    }
}

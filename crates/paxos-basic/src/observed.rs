//! What a judge may read off a replica's words.

use alloc::vec;

use paxos_messages::{
    Fact, Memory, Observed, Phase, Slot, Vote,
    single::{Message, Output, Request},
};
use paxos_process::Value;

use crate::Replica;

impl<V: Value> Observed for Replica<V> {
    type Decree = V;

    fn said(&self, message: &Message<V>) -> Option<Fact<V>> {
        match message.clone() {
            Message::Prepare { ballot } => Some(Fact::Opened { ballot }),
            Message::Promise { ballot, accepted } => {
                let votes = accepted.map_or_else(|| vec![], |vote| vec![(Slot::ONLY, vote)]);
                Some(Fact::Promised { ballot, votes })
            }
            Message::Accept { ballot, value } => {
                Some(Fact::Proposed { slot: Slot::ONLY, ballot, value, quorum: self.proposer().promised_by() })
            }
            Message::Accepted { ballot, value } => Some(Fact::Voted { slot: Slot::ONLY, vote: Vote { ballot, value } }),
            Message::Refused { .. } | Message::Learn { .. } => None,
        }
    }

    fn told(&self, output: &Output<V>) -> Option<Fact<V>> {
        match output {
            Output::Learned(value) => Some(Fact::Learned { slot: Slot::ONLY, value: value.clone() }),
            Output::NothingChosen { .. } => None,
        }
    }

    fn wanted(request: &Request<V>) -> Option<&V> {
        match request {
            Request::Propose(value) => Some(value),
            Request::Learn => None,
        }
    }

    fn memory(&self) -> Memory<V> {
        self.acceptor().memory()
    }

    fn phase(message: &Message<V>) -> Phase {
        message.phase()
    }
}

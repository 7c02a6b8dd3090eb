//! What a judge may read off a replica's words.

use paxos_messages::{
    Fact, Memory, Observed, Phase,
    single::{Message, Output, Request},
};
use paxos_process::Value;

use crate::Replica;

impl<V: Value> Observed for Replica<V> {
    type Decree = V;

    fn said(&self, message: &Message<V>) -> Option<Fact<V>> {
        message.fact(self.proposer().promised_by())
    }

    fn told(&self, output: &Output<V>) -> Option<Fact<V>> {
        output.fact()
    }

    fn wanted(request: &Request<V>) -> Option<V> {
        request.wanted()
    }

    fn memory(&self) -> Memory<V> {
        self.acceptor().memory()
    }

    fn phase(message: &Message<V>) -> Phase {
        message.phase()
    }
}

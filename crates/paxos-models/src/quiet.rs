//! Multi-Paxos in a network that loses every heartbeat: its runs without those that only differ in the failure detector.

use paxos_messages::{
    Fact, Memory, Observed, Phase,
    multi::{Effects, Entry, Event, Message, Output, Record, Request, Timer},
};
use paxos_multi::Replica;
use paxos_process::{Process, Value};

/// A replica whose heartbeats are lost before they are in flight, which is where most of them would be.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Quiet<V>(pub(crate) Replica<V>);

impl<V: Value> Process for Quiet<V> {
    type Message = Message<V>;
    type Record = Record<V>;
    type Timer = Timer;
    type Request = Request<V>;
    type Output = Output<V>;

    fn step(&mut self, event: Event<V>, out: &mut Effects<V>) {
        self.0.step(event, out);
        out.sends.retain(|sent| !matches!(sent.message, Message::Heartbeat { .. }));
    }

    fn replay(&mut self, record: Record<V>) {
        self.0.replay(record);
    }

    fn checkpoint(&self) -> Vec<Record<V>> {
        self.0.checkpoint()
    }
}

impl<V: Value> Observed for Quiet<V> {
    type Decree = Entry<V>;

    fn said(&self, message: &Message<V>) -> Option<Fact<Entry<V>>> {
        self.0.said(message)
    }

    fn told(&self, output: &Output<V>) -> Option<Fact<Entry<V>>> {
        self.0.told(output)
    }

    fn wanted(request: &Request<V>) -> Option<Entry<V>> {
        Replica::wanted(request)
    }

    fn read(request: &Request<V>) -> Option<u64> {
        Replica::read(request)
    }

    fn unasked() -> Vec<Entry<V>> {
        Replica::<V>::unasked()
    }

    fn memory(&self) -> Memory<Entry<V>> {
        self.0.memory()
    }

    fn phase(message: &Message<V>) -> Phase {
        message.phase()
    }
}

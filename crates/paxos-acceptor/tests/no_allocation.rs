//! A steady acceptor allocates nothing: its state has a fixed size, and the driver reuses the effects.

use paxos_acceptor::single::Acceptor;
use paxos_messages::{
    Ballot,
    single::{Effects, Event, Message},
};
use paxos_process::{NodeId, Process};

/// Runs `rounds` ballots of one prepare and one accept each, and drains the effects as a driver does.
fn run(acceptor: &mut Acceptor<u64>, out: &mut Effects<u64>, rounds: std::ops::Range<u64>) {
    let from = NodeId(1);
    for round in rounds {
        let ballot = Ballot { round, node: from };
        acceptor.step(Event::Receive { from, message: Message::Prepare { ballot } }, out);
        acceptor.step(Event::Receive { from, message: Message::Accept { ballot, value: round } }, out);
        assert_eq!((out.records.len(), out.sends_after_sync.len()), (2, 2));
        out.clear();
    }
}

#[test]
fn steady_state_steps_allocate_nothing() {
    let (mut acceptor, mut out) = (Acceptor::new(), Effects::new());
    let first = allocation_counter::measure(|| run(&mut acceptor, &mut out, 1..2));
    assert!(first.count_total > 0, "the counter counts: the first step grows the effects");
    let steady = allocation_counter::measure(|| run(&mut acceptor, &mut out, 2..1_000));
    assert_eq!((steady.count_total, steady.bytes_total), (0, 0));
}

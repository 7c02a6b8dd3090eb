//! What a whole decision of Basic Paxos costs in memory, from the request until every node has learned: `thrpt` is
//! decisions a second.
//!
//! ```text
//! cargo bench -p benches --bench decision
//! ```
//!
//! The network is a queue and the disk is a list, so this is the price of the protocol itself: the steps, and the
//! copies that a broadcast needs. Making the replicas is not measured; each makes one decision in its life.

use std::{collections::VecDeque, time::Duration};

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use paxos::{
    basic::Replica,
    messages::single::{Effects, Event, Record, Request},
    process::{NodeId, NodeSet, Process},
    quorums::Quorums,
};

fn decision(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("decision");
    group.throughput(Throughput::Elements(1));
    group.warm_up_time(Duration::from_millis(500)).measurement_time(Duration::from_secs(2)).sample_size(50);
    for count in [3, 5] {
        let quorums = Quorums::majority(NodeSet::first(count)).expect("a cluster has nodes");
        let fresh: Vec<_> = quorums.members().iter().map(|id| Replica::new(id, quorums)).collect();
        let mut hands = Hands::default();
        let mut nodes = fresh.clone();
        hands.decide(&mut nodes);
        assert!(nodes.iter().all(|replica| replica.learner().learned() == Some(&7)), "all learn it");
        group.bench_function(format!("{count} nodes"), |bencher| {
            bencher.iter_batched_ref(|| fresh.clone(), |nodes| hands.decide(nodes), BatchSize::SmallInput);
        });
    }
    group.finish();
}

/// What carries messages and records, reused from one decision to the next.
#[derive(Default)]
struct Hands {
    mailbox: VecDeque<(NodeId, Event<u64>)>,
    disk: Vec<Record<u64>>,
    out: Effects<u64>,
}

impl Hands {
    /// Node 1 is asked to have a value chosen, and everything that follows happens.
    fn decide(&mut self, nodes: &mut [Replica<u64>]) {
        let Self { mailbox, disk, out } = self;
        mailbox.push_back((NodeId(1), Event::Request(Request::Propose(7))));
        while let Some((id, event)) = mailbox.pop_front() {
            nodes[usize::from(id.0) - 1].step(event, out);
            disk.append(&mut out.records);
            for sent in out.sends.drain(..).chain(out.sends_after_sync.drain(..)) {
                let arrivals =
                    sent.to.iter().map(|to| (to, Event::Receive { from: id, message: sent.message.clone() }));
                mailbox.extend(arrivals);
            }
            out.clear();
        }
        disk.clear();
    }
}

criterion_group!(benches, decision);
criterion_main!(benches);

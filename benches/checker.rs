//! How many states a second the checker looks at: `thrpt` is states a second.
//!
//! ```text
//! cargo bench -p benches --bench checker
//! ```
//!
//! The world is that of three acceptors and two proposers with different wishes: every order of messages, any of them
//! lost, nobody crashing. Stateright, asked as a second opinion, counts the same states.

use std::time::Duration;

use criterion::{Criterion, SamplingMode, Throughput, criterion_group, criterion_main};
use paxos::{
    basic::Replica,
    messages::single::Request,
    process::{NodeId, NodeSet},
    quorums::Quorums,
};
use paxos_check::{Bounds, Limits, Verdict, check};
use paxos_sim::{Disk, Loopback, Setting, World};

/// How many states there are. Another number is another protocol, or another world.
const STATES: usize = 69_278;

fn checker(criterion: &mut Criterion) {
    let quorums = Quorums::majority(NodeSet::first(3)).expect("three nodes have majorities");
    let setting = Setting { quorums, disk: Disk::AtOnce, loopback: Loopback::AtOnce };
    let world = World::new(setting, |id| Replica::new(id, quorums));
    let wishes = vec![(NodeId(1), Request::Propose('a')), (NodeId(2), Request::Propose('b'))];
    let bounds = Bounds::requests(wishes);

    let mut group = criterion.benchmark_group("checker");
    group.throughput(Throughput::Elements(STATES as u64)).sampling_mode(SamplingMode::Flat).sample_size(10);
    group.warm_up_time(Duration::from_secs(1)).measurement_time(Duration::from_secs(5));
    group.bench_function("3 acceptors, 2 proposers", |bencher| {
        bencher.iter(|| {
            let report = check(&world, &bounds, &Limits::default(), |_| {});
            assert_eq!((report.verdict, report.progress.states), (Verdict::Holds, STATES));
        });
    });
    group.finish();
}

criterion_group!(benches, checker);
criterion_main!(benches);

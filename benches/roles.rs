//! What a step of a role costs. `time` is that of a batch of about 64 steps and `thrpt` is steps a second: 100 Melem/s
//! are 10 ns a step.
//!
//! ```text
//! cargo bench -p benches --bench roles
//! ```
//!
//! Steps come in batches into one [`Effects`] that is cleared after each batch, as a driver under load does. Making the
//! events is not measured; consuming them is. The acceptor is in the steady state of a busy cluster, where every
//! ballot is higher than the last. Proposer and learner count the answers of the largest cluster there can be.

use std::{hint::black_box, time::Duration};

use criterion::{
    BatchSize, BenchmarkGroup, Criterion, Throughput, criterion_group, criterion_main, measurement::WallTime,
};
use paxos::{
    acceptor::single::Acceptor,
    learner::single::Learner,
    messages::{
        Ballot, Vote,
        single::{Effects, Event, Message, Output, Record, Request, Timer},
    },
    process::{NodeId, NodeSet, Process},
    proposer::single::Proposer,
    quorums::Quorums,
};

/// Steps between two clearings of the effects.
const BATCH: u64 = 64;
/// The nodes of the largest cluster.
const MOST: u8 = NodeId::LIMIT - 1;
const ONE: NodeId = NodeId(1);

fn acceptor(criterion: &mut Criterion) {
    let mut group = group(criterion, "acceptor", BATCH);
    let accept = |round| Message::Accept { ballot: ballot(round), value: round };
    steady(&mut group, "prepare, accept, higher ballots", move |step| match step % 2 {
        0 => Message::Prepare { ballot: ballot(step / 2 + 1) },
        _ => accept(step / 2 + 1),
    });
    steady(&mut group, "accept, higher ballots", move |step| accept(step + 1));
    group.finish();
}

/// One acceptor that is asked `question(0)`, `question(1)` and so on, for as long as the benchmark takes.
fn steady(group: &mut BenchmarkGroup<'_, WallTime>, name: &str, question: impl Fn(u64) -> Message<u64>) {
    group.bench_function(name, |bencher| {
        let (mut acceptor, mut out) = (Acceptor::new(), Effects::new());
        let mut asked = 0;
        bencher.iter_batched_ref(
            || {
                asked += BATCH;
                let questions = asked - BATCH..asked;
                questions.map(|step| Event::Receive { from: ONE, message: question(step) }).collect()
            },
            |events: &mut Vec<Event<u64>>| run(&mut acceptor, events, &mut out),
            BatchSize::SmallInput,
        );
    });
}

fn proposer(criterion: &mut Criterion) {
    // All must promise: each promise but the last is counted and no more. Half of them report a vote.
    let quorums = Quorums::flexible(NodeSet::first(MOST), MOST, 1).expect("all of them meet each of them");
    let mut asking = Proposer::new(ONE, quorums);
    asking.step(Event::Request(Request::Propose(7)), &mut Effects::new());
    let promise = |node: u8| {
        let vote = Vote { ballot: Ballot { round: 0, node: NodeId(node) }, value: 7 };
        let accepted = node.is_multiple_of(2).then_some(vote);
        Event::Receive { from: NodeId(node), message: Message::Promise { ballot: ballot(1), accepted } }
    };
    counting(criterion, "proposer", "a promise counted", &asking, promise);
}

fn learner(criterion: &mut Criterion) {
    // All must vote: each vote but the last is counted and no more.
    let quorums = Quorums::flexible(NodeSet::first(MOST), 1, MOST).expect("each of them meets all of them");
    let message = Message::Accepted { ballot: ballot(1), value: 7 };
    let vote = |node| Event::Receive { from: NodeId(node), message: message.clone() };
    counting(criterion, "learner", "a vote counted", &Learner::new(ONE, quorums), vote);
}

/// A fresh role hears the answers of all nodes but one.
fn counting(
    criterion: &mut Criterion,
    role: &str,
    name: &str,
    fresh: &(impl Role + Clone),
    answer: impl Fn(u8) -> Event<u64>,
) {
    let mut group = group(criterion, role, u64::from(MOST) - 1);
    group.bench_function(name, |bencher| {
        let mut out = Effects::new();
        bencher.iter_batched_ref(
            || (fresh.clone(), (1..MOST).map(&answer).collect()),
            |(role, events): &mut (_, Vec<Event<u64>>)| run(role, events, &mut out),
            BatchSize::SmallInput,
        );
        assert!(out.is_empty(), "counting asks nothing of the world");
    });
    group.finish();
}

/// A role, or any process, that decides one number.
trait Role:
    Process<Message = Message<u64>, Record = Record<u64>, Timer = Timer, Request = Request<u64>, Output = Output<u64>>
{
}

impl<P> Role for P where
    P: Process<
            Message = Message<u64>,
            Record = Record<u64>,
            Timer = Timer,
            Request = Request<u64>,
            Output = Output<u64>,
        >
{
}

/// What is measured: a batch of steps, and clearing what they asked.
fn run(role: &mut impl Role, events: &mut Vec<Event<u64>>, out: &mut Effects<u64>) {
    for event in events.drain(..) {
        role.step(event, out);
    }
    black_box(&*out);
    out.clear();
}

fn group<'a>(criterion: &'a mut Criterion, role: &str, steps: u64) -> BenchmarkGroup<'a, WallTime> {
    let mut group = criterion.benchmark_group(role);
    group.throughput(Throughput::Elements(steps));
    group.warm_up_time(Duration::from_millis(500)).measurement_time(Duration::from_secs(2)).sample_size(50);
    group
}

const fn ballot(round: u64) -> Ballot {
    Ballot { round, node: ONE }
}

criterion_group!(benches, acceptor, proposer, learner);
criterion_main!(benches);

//! A steady log allocates nothing for a command, at the leader and at its followers, but for the log itself, which
//! grows. And a command costs exactly what the theory says: 2(N-1) messages and one record at each node.

use paxos_messages::multi::{Effects, Event, Output, Request, Timer};
use paxos_multi::{Options, Replica};
use paxos_process::{NodeId, NodeSet, Outgoing, Process};
use paxos_quorums::Quorums;

type Mail = Vec<(NodeId, Outgoing<paxos_messages::multi::Message<u64>>)>;

/// Replicas whose messages arrive in order, and whose disks are quick.
struct Cluster {
    nodes: Vec<Replica<u64>>,
    out: Effects<u64>,
    mail: Mail,
    arriving: Mail,
    /// Messages between nodes, records, and commands told.
    counts: [usize; 3],
}

impl Cluster {
    /// A cluster of `count` nodes that the first one leads.
    fn new(count: u8) -> Self {
        let quorums = Quorums::majority(NodeSet::first(count)).expect("a cluster");
        let nodes = quorums.members().iter().map(|id| Replica::new(id, quorums, Options::default())).collect();
        let mut cluster = Self { nodes, out: Effects::new(), mail: Vec::new(), arriving: Vec::new(), counts: [0; 3] };
        cluster.step(NodeId(1), Event::Request(Request::Campaign));
        cluster.settle();
        assert!(cluster.nodes[0].serves());
        cluster
    }

    fn step(&mut self, node: NodeId, event: Event<u64>) {
        let Self { nodes, out, mail, counts, .. } = self;
        nodes[usize::from(node.0) - 1].step(event, out);
        for sent in out.sends.drain(..).chain(out.sends_after_sync.drain(..)) {
            counts[0] += sent.to.without(node).len();
            mail.push((node, sent));
        }
        counts[1] += out.records.len();
        counts[2] += out.outputs.iter().filter(|output| matches!(output, Output::Chosen { .. })).count();
        out.clear();
    }

    fn settle(&mut self) {
        while !self.mail.is_empty() {
            std::mem::swap(&mut self.mail, &mut self.arriving);
            let mut arriving = std::mem::take(&mut self.arriving);
            for (from, Outgoing { to, message }) in arriving.drain(..) {
                for to in to.iter() {
                    self.step(to, Event::Receive { from, message: message.clone() });
                }
            }
            self.arriving = arriving;
        }
    }

    /// So many commands, `batch` under way at a time.
    fn run(&mut self, commands: u64, batch: u64) {
        for first in (0..commands).step_by(usize::try_from(batch).expect("a small batch")) {
            (first..first + batch).for_each(|command| self.step(NodeId(1), Event::Request(Request::Propose(command))));
            self.settle();
        }
    }
}

#[test]
fn a_steady_log_allocates_only_what_it_keeps() {
    for (nodes, batch) in [(1, 1), (3, 1), (3, 32), (5, 32)] {
        let mut cluster = Cluster::new(nodes);
        let first = allocation_counter::measure(|| cluster.run(64, batch));
        assert!(first.count_total > 0, "the counter counts: the first commands make room");
        let steady = allocation_counter::measure(|| cluster.run(8_192, batch));
        // From 64 to more than 8,192 values, the room for them doubles seven or eight times; that for messages may grow once.
        assert!(steady.count_total <= 10 * u64::from(nodes), "{nodes} nodes, {batch} at a time: {steady:?}");
        assert_eq!(cluster.nodes[0].learner().learned().0, 64 + 8_192);
    }
}

#[test]
fn a_command_costs_what_the_theory_says() {
    for nodes in [1_u8, 3, 5, 7] {
        let mut cluster = Cluster::new(nodes);
        cluster.run(64, 1);
        let (others, before) = (usize::from(nodes) - 1, cluster.counts);
        cluster.run(512, 1);
        let [messages, records, told] = std::array::from_fn(|index| cluster.counts[index] - before[index]);
        assert_eq!(messages, 512 * 2 * others, "Accept and Accepted, for each of the others");
        // Its vote; and, with the vote for the next, how far the log is chosen.
        assert_eq!(records, 512 * 2 * usize::from(nodes));
        assert_eq!(told, 512 * usize::from(nodes), "each node tells each command");
        cluster.step(NodeId(1), Event::Timeout(Timer::Heartbeat));
        cluster.settle();
        assert!(cluster.nodes.iter().all(|node| node.learner().learned() == cluster.nodes[0].learner().learned()));
    }
}

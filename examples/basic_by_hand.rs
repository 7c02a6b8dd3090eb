//! Basic Paxos message by message: three replicas, a mailbox, and you are the network.
//!
//! ```text
//! cargo run -p examples --example basic_by_hand
//! ```
//!
//! Look for the four phases, elect, propose, decide, learn, and for the moment at which `blue` is *chosen*: when the
//! second of three nodes has voted, and before anybody knows it. In the second half another proposer wants `green`.
//! The election tells it of `blue`, and it has to propose that instead: once chosen, for ever chosen.
//!
//! To see it break, move the delivery of n1's `Accept` to n2 below the promises to n2. Nobody in n2's quorum has voted
//! then, so `green` is chosen, n1 is refused, and the assertions about `blue` fail: what counts is not who asked
//! first but what a quorum has voted for. It is still one value.

use paxos::{
    basic::Replica,
    messages::single::{Effects, Event, Message, Request},
    process::{NodeId, NodeSet, Process},
    quorums::Quorums,
};

fn main() {
    let mut cluster = Cluster::new(3);

    // ANCHOR: first
    println!("n1 wants blue. n3 hears nothing yet: two of three are enough.");
    cluster.propose(1, "blue");
    cluster.deliver(1, 1, "Prepare");
    cluster.deliver(1, 2, "Prepare");
    cluster.deliver(1, 1, "Promise");
    cluster.deliver(2, 1, "Promise");

    println!("n1 is elected. Nobody in its quorum has voted, so it may propose its own value.");
    cluster.deliver(1, 1, "Accept");
    cluster.deliver(1, 2, "Accept");

    println!("Two votes in one ballot: blue is chosen, and no node knows it yet.");
    assert!(cluster.nodes.iter().all(|node| node.learner().learned().is_none()));
    // ANCHOR_END: first

    // ANCHOR: second
    println!("Now n2 wants green. It asks itself and n3, who has heard of nothing.");
    cluster.propose(2, "green");
    cluster.deliver(2, 2, "Prepare");
    cluster.deliver(2, 3, "Prepare");
    cluster.deliver(3, 2, "Promise");
    cluster.deliver(2, 2, "Promise");

    println!("Its own acceptor reports the vote for blue, and any quorum has such a witness. It must propose blue.");
    let adopted = cluster.flying(2, 3, "Accept").expect("n2 is elected");
    assert!(matches!(cluster.mailbox[adopted].2, Message::Accept { value: "blue", .. }));
    // ANCHOR_END: second

    println!("The rest arrives as it comes, even what is late.");
    while !cluster.mailbox.is_empty() {
        cluster.arrive(0);
    }
    for node in &cluster.nodes {
        assert_eq!(node.learner().learned(), Some(&"blue"));
    }
    println!("All have learned blue: {} messages, one value.", cluster.delivered);
}

// ANCHOR: cluster
/// Three replicas and the messages between them: who sent it, to whom, what.
struct Cluster {
    nodes: Vec<Replica<&'static str>>,
    mailbox: Vec<(NodeId, NodeId, Message<&'static str>)>,
    delivered: usize,
}

impl Cluster {
    fn new(count: u8) -> Self {
        let quorums = Quorums::majority(NodeSet::first(count)).expect("a cluster has nodes");
        let nodes = quorums.members().iter().map(|id| Replica::new(id, quorums)).collect();
        Self { nodes, mailbox: Vec::new(), delivered: 0 }
    }

    /// One step of one node, and what a driver does with its effects.
    fn step(&mut self, id: NodeId, event: Event<&'static str>) {
        let mut out = Effects::new();
        self.nodes[usize::from(id.0) - 1].step(event, &mut out);
        // A real driver sends `out.sends`, writes `out.records` and syncs, and only then sends the votes.
        for sent in out.sends.into_iter().chain(out.sends_after_sync) {
            self.mailbox.extend(sent.to.iter().map(|to| (id, to, sent.message.clone())));
        }
        for output in out.outputs {
            println!("    {:<8} {id} {output}", "output");
        }
    }

    fn propose(&mut self, id: u8, value: &'static str) {
        self.step(NodeId(id), Event::Request(Request::Propose(value)));
    }

    /// The network lets this one message through.
    fn deliver(&mut self, from: u8, to: u8, name: &str) {
        let position = self.flying(from, to, name).expect("such a message is in flight");
        self.arrive(position);
    }

    /// Where in the mailbox a message from one node to another that begins with `name` is.
    fn flying(&self, from: u8, to: u8, name: &str) -> Option<usize> {
        self.mailbox.iter().position(|(sender, receiver, message)| {
            (sender.0, receiver.0) == (from, to) && message.to_string().starts_with(name)
        })
    }

    fn arrive(&mut self, position: usize) {
        let (from, to, message) = self.mailbox.remove(position);
        println!("    {:<8} {from} → {to}  {message}", message.phase().name());
        self.delivered += 1;
        self.step(to, Event::Receive { from, message });
    }
}
// ANCHOR_END: cluster

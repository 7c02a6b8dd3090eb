//! Replicated logs side by side, in memory: one thread, no runtime, no socket, no disk, no clock inside.
//!
//! A [`Node`] is one library on one node, and a [`Cluster`] moves messages between equal nodes. Every library is driven
//! by the same few lines, so that what differs is the library:
//!
//! - `k` commands are offered to the leader, then messages are moved until there are none: the leader has decided all
//!   `k`, and the next `k` are offered. That is a closed loop with `k` commands in flight.
//! - A node is given all messages that wait for it before it is asked what it wants to send, write or apply. A driver
//!   under load does so too, and every library here is better for it.
//! - A follower may hear that a command is decided with the next commands. After the last ones the leader says it once
//!   more ([`Node::close`]), within the measured time: a run ends when all nodes have applied all commands.
//! - Nothing is compacted: every library keeps its whole log, in the memory storage that comes with it.
//! - The application of each node looks at each command that it is told, in order. One that is missing, twice, late or
//!   changed makes the run void.
//!
//! Making the commands and electing the leader are not measured, and some commands go first to warm up.
//!
//! # How a command is carried
//!
//! A command of 16 bytes is a value where a library takes values (`[u8; 16]`), and a longer one is [`bytes::Bytes`],
//! which is shared and not copied. Libraries that take only bytes get these, made before the clock starts. All commands
//! that are offered together can also be made one entry of the log, by the application and not by the library. Each
//! library is measured in both ways, so that this trick is not what is compared.

mod bare;
mod command;
mod contenders;
mod omni_paxos;
mod ours;
mod raft_io;
mod raft_rs;

use std::collections::VecDeque;

pub(crate) use command::written;
pub use command::{Application, Batch, Carried, One, Payload};
pub use contenders::{CELLS, Contender, NONE, OURS, contenders};

/// What one run does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Load {
    /// How many nodes there are.
    pub nodes: usize,
    /// The bytes of a command, at least 16.
    pub payload: usize,
    /// How many commands are offered together.
    pub in_flight: usize,
    /// How many commands are measured, a multiple of those offered together.
    pub commands: usize,
    /// Whether applications look at every byte of a command, and not only at its number, its length and its end.
    pub every_byte: bool,
}

impl Load {
    /// The commands that go first and are not measured.
    pub(crate) const fn warm_up(self) -> usize {
        (self.commands / self.in_flight).div_ceil(8) * self.in_flight
    }
}

/// One library on one node. Node 0 is made the leader and stays it: no clock runs while commands do.
pub trait Node: Sized {
    /// What it is offered.
    type Command;
    /// What it says to other nodes.
    type Message;

    /// The command of this number.
    fn command(number: u64, load: Load) -> Self::Command;

    /// A node that knows its peers and has done nothing.
    fn new(id: usize, load: Load) -> Self;

    /// Tries to lead; called again for as long as it does not.
    fn campaign(&mut self, post: &mut Post<Self::Message>);

    /// Whether it leads and takes commands.
    fn leads(&self) -> bool;

    /// Takes commands that are offered together.
    fn offer(&mut self, commands: impl Iterator<Item = Self::Command>, post: &mut Post<Self::Message>);

    /// Takes a message. Several may come before the next [`flush`](Node::flush).
    fn receive(&mut self, from: usize, message: Self::Message, post: &mut Post<Self::Message>);

    /// Does what the library asks for: write, send, apply.
    fn flush(&mut self, post: &mut Post<Self::Message>);

    /// Says once more what is decided, for those who would hear it only with the next command.
    fn close(&mut self, post: &mut Post<Self::Message>);

    /// What it has been told is decided.
    fn application(&self) -> &Application;
}

/// What carries messages between nodes. They arrive, each once, and in the order of sending between any two nodes.
#[derive(Debug)]
pub struct Post<M> {
    /// The node that is sending.
    from: usize,
    /// For each node what waits for it, and from whom.
    waiting: Vec<VecDeque<(usize, M)>>,
    sent: u64,
}

impl<M> Post<M> {
    /// Sends `message` to the node `to`.
    pub fn send(&mut self, to: usize, message: M) {
        self.waiting[to].push_back((self.from, message));
        self.sent += 1;
    }
}

/// Equal nodes and what carries their messages.
pub struct Cluster<N: Node> {
    nodes: Vec<N>,
    post: Post<N::Message>,
    offered: u64,
    answered: bool,
}

impl<N: Node> Cluster<N> {
    /// A cluster whose node 0 leads.
    ///
    /// # Panics
    ///
    /// When the library elects nobody.
    #[must_use]
    pub fn elected(load: Load) -> Self {
        let nodes = (0..load.nodes).map(|id| N::new(id, load)).collect();
        let waiting = (0..load.nodes).map(|_| VecDeque::new()).collect();
        let mut cluster = Self { nodes, post: Post { from: 0, waiting, sent: 0 }, offered: 0, answered: true };
        for _ in 0..100 {
            if cluster.nodes[0].leads() {
                return cluster;
            }
            cluster.nodes[0].campaign(&mut cluster.post);
            cluster.nodes[0].flush(&mut cluster.post);
            cluster.settle();
        }
        panic!("nobody leads");
    }

    /// Offers all `commands`, `in_flight` at a time.
    fn work(&mut self, in_flight: usize, commands: &mut impl ExactSizeIterator<Item = N::Command>) {
        while commands.len() > 0 {
            self.offered += in_flight as u64;
            self.post.from = 0;
            self.nodes[0].offer(commands.by_ref().take(in_flight), &mut self.post);
            self.nodes[0].flush(&mut self.post);
            self.settle();
            self.answered &= self.nodes[0].application().applied() == self.offered;
        }
    }

    /// Moves messages until there are none.
    fn settle(&mut self) {
        let Self { nodes, post, .. } = self;
        while post.waiting.iter().any(|waiting| !waiting.is_empty()) {
            for (id, node) in nodes.iter_mut().enumerate() {
                post.from = id;
                if post.waiting[id].is_empty() {
                    continue;
                }
                while let Some((from, message)) = post.waiting[id].pop_front() {
                    node.receive(from, message, post);
                }
                node.flush(post);
            }
        }
    }

    /// Lets every node hear what is decided.
    fn close(&mut self) {
        self.post.from = 0;
        self.nodes[0].close(&mut self.post);
        self.nodes[0].flush(&mut self.post);
        self.settle();
    }

    /// Whether every node has applied exactly the commands that were offered, in the order in which they were, and
    /// none had to wait for the ones after it.
    fn verified(&self) -> bool {
        let complete = |node: &N| node.application().in_order() && node.application().applied() == self.offered;
        self.answered && self.nodes.iter().all(complete)
    }
}

/// What is known after a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// Messages between nodes for the measured commands, without those of [`Node::close`].
    pub messages: u64,
    /// Whether every node applied all commands in the same order. If not, nothing else counts.
    pub verified: bool,
}

/// Does what it is given once, and measures that.
pub type Measure<'a> = &'a mut dyn FnMut(&mut dyn FnMut());

/// Makes commands and a cluster, and has `measure` do what is to be measured.
pub fn run<N: Node>(load: Load, measure: Measure<'_>) -> Outcome {
    let make =
        |numbers: std::ops::Range<usize>| -> Vec<_> { numbers.map(|number| N::command(number as u64, load)).collect() };
    let first = make(0..load.warm_up());
    let mut commands = make(load.warm_up()..load.warm_up() + load.commands).into_iter();
    let mut cluster = Cluster::<N>::elected(load);
    cluster.work(load.in_flight, &mut first.into_iter());
    let before = cluster.post.sent;
    let mut messages = 0;
    measure(&mut || {
        cluster.work(load.in_flight, &mut commands);
        messages = cluster.post.sent - before;
        cluster.close();
    });
    Outcome { messages, verified: cluster.verified() }
}

#[cfg(test)]
mod tests;

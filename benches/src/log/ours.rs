//! `paxos-multi`, the log of this workspace.
//!
//! What is chosen for it, and why:
//!
//! - Batches are the application's business in this design: a value of the log is [`Batch`](super::Batch), a batch of
//!   commands that all copies share. So that the batch is not the trick, it is also measured with a command in each
//!   slot, and the others with such a batch in an entry.
//! - The window is as large as what is in flight, so that no command has to wait.
//! - Records go to a list that is emptied when it is synced, after all that wait for a node have been taken and before
//!   its votes leave. The memory storages of the others are logs that they read from; this library reads no record until
//!   it restarts, and keeps the log itself, whole, since nothing is compacted.
//! - A message to several nodes is one entry in its effects and is copied here for each of them but the last. What it
//!   says to itself is no message between nodes, and waits for the sync as any other.
//! - Timers are ignored until the last command: then one heartbeat says how far the log is chosen.

use std::collections::VecDeque;

use paxos_messages::multi::{Effects, Entry, Event, Message, Output, Record, Request, Timer};
use paxos_multi::{Options, Replica};
use paxos_process::{NodeId, NodeSet, Outgoing, Process};
use paxos_quorums::Quorums;

use super::{Application, Carried, Load, Node, Payload, Post};

/// One node of `paxos-multi`.
pub(super) struct Ours<C: Carried> {
    library: Replica<C>,
    out: Effects<C>,
    disk: Vec<Record<C>>,
    /// What it says to itself.
    own: VecDeque<Message<C>>,
    application: Application,
}

impl<C: Carried> Node for Ours<C> {
    type Command = C::Payload;
    type Message = Message<C>;

    fn command(number: u64, load: Load) -> C::Payload {
        C::Payload::numbered(number, load.payload)
    }

    fn new(id: usize, load: Load) -> Self {
        let members = NodeSet::first(u8::try_from(load.nodes).expect("a few nodes"));
        let quorums = Quorums::majority(members).expect("a cluster has nodes");
        let options = Options { window: load.in_flight as u64, ..Options::default() };
        let mut library = Replica::new(name(id), quorums, options);
        let mut out = Effects::new();
        library.step(Event::Start, &mut out);
        Self { library, out, disk: Vec::new(), own: VecDeque::new(), application: Application::new(load) }
    }

    fn campaign(&mut self, _post: &mut Post<Message<C>>) {
        self.library.step(Event::Request(Request::Campaign), &mut self.out);
    }

    fn leads(&self) -> bool {
        self.library.serves()
    }

    fn offer(&mut self, commands: impl Iterator<Item = C::Payload>, _post: &mut Post<Message<C>>) {
        C::carry(commands, |value| self.library.step(Event::Request(Request::Propose(value)), &mut self.out));
    }

    fn receive(&mut self, from: usize, message: Message<C>, _post: &mut Post<Message<C>>) {
        self.library.step(Event::Receive { from: name(from), message }, &mut self.out);
    }

    fn flush(&mut self, post: &mut Post<Message<C>>) {
        let id = self.library.id();
        let Self { library, out, disk, own, application } = self;
        while !out.is_empty() {
            out.timers.clear();
            send(id, &mut out.sends, own, post);
            disk.append(&mut out.records);
            disk.clear(); // synced
            send(id, &mut out.sends_after_sync, own, post);
            if !out.outputs.is_empty() {
                out.outputs.drain(..).for_each(|output| tell(application, &output));
            }
            while let Some(message) = own.pop_front() {
                library.step(Event::Receive { from: id, message }, out);
            }
        }
    }

    fn close(&mut self, _post: &mut Post<Message<C>>) {
        self.library.step(Event::Timeout(Timer::Heartbeat), &mut self.out);
    }

    fn application(&self) -> &Application {
        &self.application
    }
}

fn tell<C: Carried>(application: &mut Application, output: &Output<C>) {
    match output {
        Output::Chosen { value: Entry::Command(value), .. } => {
            value.commands().iter().for_each(|command| application.apply(command.as_ref()));
        }
        Output::Chosen { value: Entry::Noop, .. } | Output::Leads { .. } | Output::Follows { .. } => {}
        other => panic!("no read or snapshot is asked for, and no command is refused: {other:?}"),
    }
}

fn send<C: Carried>(
    id: NodeId,
    sends: &mut Vec<Outgoing<Message<C>>>,
    own: &mut VecDeque<Message<C>>,
    post: &mut Post<Message<C>>,
) {
    if sends.is_empty() {
        return;
    }
    for Outgoing { to, message } in sends.drain(..) {
        let mut nodes = to.iter();
        let Some(mut next) = nodes.next() else { continue };
        for after in nodes {
            deliver(id, next, message.clone(), own, post);
            next = after;
        }
        deliver(id, next, message, own, post);
    }
}

fn deliver<C: Carried>(
    id: NodeId,
    to: NodeId,
    message: Message<C>,
    own: &mut VecDeque<Message<C>>,
    post: &mut Post<Message<C>>,
) {
    if to == id { own.push_back(message) } else { post.send(usize::from(to.0) - 1, message) }
}

/// Nodes are named from 1.
fn name(position: usize) -> NodeId {
    NodeId(position as u8 + 1)
}

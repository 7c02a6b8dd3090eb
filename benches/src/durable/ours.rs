//! `paxos-multi`, the log of this workspace.
//!
//! It is driven as `paxos-node` drives it: asks leave at once, records are appended, one sync serves all votes that
//! wait, then they leave. What it says to itself is taken with the next batch, so a leader's own vote waits for its own
//! disk while its followers write. Records that no vote waits for are synced with those that one does.
//!
//! The window is as large as the number of clients, so that no command has to wait. A message to several nodes is
//! encoded once. Timers are ignored until the last command: then a heartbeat says how far the log is chosen.

use paxos_codec::{decode, encode};
use paxos_messages::{
    Bytes,
    multi::{Effects, Entry, Event, Message, Output, Request, Timer},
};
use paxos_multi::{Options, Replica};
use paxos_process::{NodeId, NodeSet, Outgoing, Process};
use paxos_quorums::Quorums;

use super::{Application, Disk, Load, Net, Node};

/// One node of `paxos-multi`.
pub(super) struct Ours {
    library: Replica<Bytes>,
    out: Effects<Bytes>,
    /// What it says to itself.
    own: Vec<Message<Bytes>>,
    disk: Disk,
    encoded: Vec<u8>,
}

impl Node for Ours {
    fn new(id: usize, load: Load, disk: Disk) -> Self {
        let members = NodeSet::first(u8::try_from(load.nodes).expect("a few nodes"));
        let quorums = Quorums::majority(members).expect("a cluster has nodes");
        let options = Options { window: load.in_flight as u64, ..Options::default() };
        let mut library = Replica::new(name(id), quorums, options);
        let mut out = Effects::new();
        library.step(Event::Start, &mut out);
        Self { library, out, own: Vec::new(), disk, encoded: Vec::new() }
    }

    fn campaign(&mut self) {
        self.library.step(Event::Request(Request::Campaign), &mut self.out);
    }

    fn leads(&self) -> bool {
        self.library.serves()
    }

    fn offer(&mut self, entries: Vec<Vec<u8>>) {
        for entry in entries {
            self.library.step(Event::Request(Request::Propose(entry.into())), &mut self.out);
        }
    }

    fn receive(&mut self, from: usize, message: bytes::Bytes) {
        let message = decode(&message).expect("a message of a peer");
        self.library.step(Event::Receive { from: name(from), message }, &mut self.out);
    }

    fn carry_out(&mut self, net: &mut Net, application: &mut Application) {
        let id = self.library.id();
        let Self { library, out, own, disk, encoded } = self;
        for message in own.drain(..) {
            library.step(Event::Receive { from: id, message }, out);
        }
        out.timers.clear();
        send(id, &mut out.sends, own, encoded, net);
        out.outputs.drain(..).for_each(|output| tell(application, &output));
        out.records.drain(..).for_each(|record| disk.append(&record));
        if !out.sends_after_sync.is_empty() {
            disk.sync();
            send(id, &mut out.sends_after_sync, own, encoded, net);
        }
    }

    fn has_more(&self) -> bool {
        !self.own.is_empty()
    }

    fn close(&mut self) {
        self.library.step(Event::Timeout(Timer::Heartbeat), &mut self.out);
    }
}

/// Empties one lane.
fn send(
    id: NodeId,
    lane: &mut Vec<Outgoing<Message<Bytes>>>,
    own: &mut Vec<Message<Bytes>>,
    encoded: &mut Vec<u8>,
    net: &mut Net,
) {
    for Outgoing { to, message } in lane.drain(..) {
        let others = to.without(id);
        if !others.is_empty() {
            encoded.clear();
            encode(&message, encoded).expect("a short message");
            others.iter().for_each(|other| net.send(usize::from(other.0) - 1, encoded));
        }
        if to.contains(id) {
            own.push(message);
        }
    }
    net.flush();
}

fn tell(application: &mut Application, output: &Output<Bytes>) {
    match output {
        Output::Chosen { value: Entry::Command(value), .. } => application.apply_joined(value.as_slice()),
        Output::Chosen { value: Entry::Noop, .. } | Output::Leads { .. } | Output::Follows { .. } => {}
        other => panic!("no read or snapshot is asked for, and no command is refused: {other:?}"),
    }
}

/// Nodes are named from 1.
fn name(position: usize) -> NodeId {
    NodeId(position as u8 + 1)
}

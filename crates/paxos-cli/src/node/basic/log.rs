//! What a node does, as log lines: each kind under a target of its own, so that RUST_LOG can choose.
//!
//! | target | level | what |
//! |---|---|---|
//! | `paxos::message` | info | a message leaves, one line per receiver, with its phase |
//! | `paxos::output` | info | the node tells its application something |
//! | `paxos::timer` | info, debug | a timer goes off; is set or cancelled |
//! | `paxos::received` | debug | a message arrives |
//! | `paxos::record` | debug | a record is appended, and becomes stable |

use paxos_basic::Replica;
use paxos_messages::{
    Ballot,
    single::{Event, Message, Output, Record, Timer},
};
use paxos_node::Observer;
use paxos_process::{NodeId, NodeSet, TimerOp};
use tracing::{debug, info};

use crate::{decree::Decree, node::LogFormat};

/// Watches one node and logs.
pub(super) struct Log {
    node: NodeId,
    format: LogFormat,
}

impl Log {
    pub(super) const fn new(node: NodeId, format: LogFormat) -> Self {
        Self { node, format }
    }

    /// A value in a field of its own: people see its beginning, and programs compare all of it (JSON escapes it).
    fn shown(&self, value: &Decree) -> String {
        match self.format {
            LogFormat::Text => value.to_string(),
            LogFormat::Json => value.as_str().to_owned(),
        }
    }
}

impl Observer<Replica<Decree>> for Log {
    fn stepping(&mut self, event: &Event<Decree>) {
        let node = self.node;
        match event {
            Event::Receive { from, message } => {
                debug!(target: "paxos::received", %node, %from, phase = %message.phase(), "{message}");
            }
            Event::Timeout(timer) => info!(target: "paxos::timer", %node, "{timer}: no decision yet, try again"),
            Event::Request(request) => info!(target: "paxos::request", %node, "{request}"),
            Event::Start => {}
        }
    }

    fn sending(&mut self, to: NodeSet, message: &Message<Decree>) {
        let (node, phase, kind) = (self.node, message.phase(), kind(message));
        let (ballot, value) = content(message);
        let value = value.map(|value| self.shown(value));
        let (ballot, value) = (ballot.map(tracing::field::display), value.as_ref().map(tracing::field::display));
        for to in to {
            info!(target: "paxos::message", %node, %to, %phase, kind, ballot, value, "{message}");
        }
    }

    fn appended(&mut self, record: &Record<Decree>) {
        debug!(target: "paxos::record", node = %self.node, "{record}");
    }

    fn synced(&mut self) {
        debug!(target: "paxos::record", node = %self.node, "stable");
    }

    fn timing(&mut self, operation: TimerOp<Timer>) {
        match operation {
            TimerOp::Set(timer) => debug!(target: "paxos::timer", node = %self.node, "{timer} is set"),
            TimerOp::Cancel(timer) => debug!(target: "paxos::timer", node = %self.node, "{timer} is cancelled"),
        }
    }

    fn telling(&mut self, output: &Output<Decree>) {
        info!(target: "paxos::output", node = %self.node, "{output}");
    }
}

const fn kind<V>(message: &Message<V>) -> &'static str {
    match message {
        Message::Prepare { .. } => "Prepare",
        Message::Promise { .. } => "Promise",
        Message::Accept { .. } => "Accept",
        Message::Accepted { .. } => "Accepted",
        Message::Refused { .. } => "Refused",
        Message::Learn { .. } => "Learn",
    }
}

/// The ballot that a message is about, and the value that it asks for, votes for or confirms.
const fn content<V>(message: &Message<V>) -> (Option<Ballot>, Option<&V>) {
    match message {
        Message::Prepare { ballot } | Message::Promise { ballot, .. } | Message::Refused { ballot, .. } => {
            (Some(*ballot), None)
        }
        Message::Accept { ballot, value } | Message::Accepted { ballot, value } => (Some(*ballot), Some(value)),
        Message::Learn { value } => (None, Some(value)),
    }
}

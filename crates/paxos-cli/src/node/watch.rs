//! What a node of the replicated log does, as log lines: each kind under a target of its own, so that RUST_LOG can
//! choose. Each is in a span that carries what it is about: the node, the phase, the ballot, the slot.
//!
//! | target | level | what |
//! |---|---|---|
//! | `paxos::output` | info | the node leads, follows, has taken over a snapshot, or votes again after a loss |
//! | `paxos::message` | debug | a message leaves |
//! | `paxos::received` | debug | a message arrives |
//! | `paxos::timer` | debug | a timer goes off |
//! | `paxos::output` | trace | a client is answered, a slot is applied |
//! | `paxos::record` | trace | a record is appended, and becomes stable |

use paxos_kv::{Batch, Output, Request};
use paxos_messages::{
    Ballot, Slot,
    multi::{Message, Record, Timer},
};
use paxos_node::Observer;
use paxos_process::{Event, NodeId, NodeSet};
use tracing::{Level, Span, debug, debug_span, enabled, field::display, info, info_span, trace};

use super::Replicated;

/// Watches one node and logs.
pub(super) struct Watch {
    node: NodeId,
}

impl Watch {
    pub(super) const fn new(node: NodeId) -> Self {
        Self { node }
    }

    /// What a message is about.
    fn span(&self, message: &Message<Batch>) -> Span {
        let (ballot, slot) = about(message);
        let (ballot, slot) = (ballot.map(display), slot.map(display));
        debug_span!(target: "paxos", "step", node = %self.node, phase = %message.phase(), ballot, slot)
    }
}

impl Observer<Replicated> for Watch {
    fn stepping(&mut self, event: &Event<Message<Batch>, Timer, Request>) {
        match event {
            Event::Receive { from, message } if enabled!(target: "paxos::received", Level::DEBUG) => {
                self.span(message).in_scope(|| debug!(target: "paxos::received", %from, "{message}"));
            }
            Event::Timeout(timer) => debug!(target: "paxos::timer", node = %self.node, "{timer}"),
            Event::Request(Request::Campaign) | Event::Request(Request::Transfer(_)) => {
                info!(target: "paxos::request", node = %self.node, "asked to hand over leadership, or to try to lead");
            }
            Event::Start | Event::Receive { .. } | Event::Request(Request::Client { .. }) => {}
        }
    }

    fn sending(&mut self, to: NodeSet, message: &Message<Batch>) {
        if enabled!(target: "paxos::message", Level::DEBUG) {
            self.span(message).in_scope(|| debug!(target: "paxos::message", %to, "{message}"));
        }
    }

    fn appended(&mut self, record: &Record<Batch>) {
        if let Record::Recalled(..) = record {
            info!(target: "paxos::output", node = %self.node, "all others have said what it may have promised: it votes again");
        }
        trace!(target: "paxos::record", node = %self.node, "{record}");
    }

    fn synced(&mut self) {
        trace!(target: "paxos::record", node = %self.node, "stable");
    }

    fn telling(&mut self, output: &Output) {
        let node = self.node;
        let span = |ballot: Option<Ballot>, slot: Option<Slot>, phase: &'static str| {
            let (ballot, slot) = (ballot.map(display), slot.map(display));
            info_span!(target: "paxos", "told", %node, phase, ballot, slot)
        };
        match output {
            Output::Leads { ballot } => {
                span(Some(*ballot), None, "elect").in_scope(|| info!(target: "paxos::output", "leads"));
            }
            Output::Follows { leader } => span(None, None, "elect").in_scope(|| match leader {
                Some(leader) => info!(target: "paxos::output", "follows {leader}"),
                None => info!(target: "paxos::output", "hears no leader"),
            }),
            Output::Restored { upto } => span(None, Some(*upto), "learn")
                .in_scope(|| info!(target: "paxos::output", "has taken over the state of all slots below")),
            Output::Applied { .. } | Output::Answer { .. } => trace!(target: "paxos::output", %node, "{output}"),
        }
    }
}

/// The ballot and the slot that a message is about.
const fn about<V>(message: &Message<V>) -> (Option<Ballot>, Option<Slot>) {
    match message {
        Message::Prepare { ballot, from } | Message::Promise { ballot, from, .. } => (Some(*ballot), Some(*from)),
        Message::Accept { ballot, slot, .. } | Message::Accepted { ballot, slot } => (Some(*ballot), Some(*slot)),
        Message::Refused { ballot, .. } => (Some(*ballot), None),
        Message::Heartbeat { ballot, chosen, .. } => (Some(*ballot), Some(*chosen)),
        Message::Alive { ballot, learned, .. } => (Some(*ballot), Some(*learned)),
        Message::Fetch { from, .. } => (None, Some(*from)),
        Message::Learn { slot, .. } => (None, Some(*slot)),
        Message::Snapshot(part) => (None, Some(part.upto)),
        Message::Probe { .. }
        | Message::Willing { .. }
        | Message::Campaign
        | Message::Recall { .. }
        | Message::Remind { .. } => (None, None),
    }
}

//! The way out of a node: a line for each message, and for each answer.

use paxos_kv::Batch;
use paxos_messages::multi::Message;
use paxos_node::Outbox;
use paxos_process::{NodeId, NodeSet};
use serde_json::{Value, json};
use tracing::warn;

use super::words::Line;
use crate::output::try_say;

/// One line for each message and each node that it is to.
pub(super) struct Lines {
    pub(super) me: usize,
    pub(super) names: Vec<String>,
}

impl Outbox<Message<Batch>> for Lines {
    fn send(&mut self, to: NodeSet, message: &Message<Batch>) {
        let body = json!({ "type": "paxos", "message": message });
        for (index, name) in self.names.iter().enumerate() {
            if to.contains(id(index)) {
                write(&self.names[self.me], name, &body);
            }
        }
    }
}

/// Answers a line, if it wants an answer. One that is an answer itself wants none: two nodes that do not know each other's
/// words would go on for ever.
pub(super) fn reply(line: &Line, mut body: Value) {
    if !line.body["msg_id"].is_null() && line.body["in_reply_to"].is_null() {
        body["in_reply_to"] = line.body["msg_id"].clone();
        write(&line.dest, &line.src, &body);
    }
}

pub(super) fn write(src: &str, dest: &str, body: &Value) {
    if let Err(error) = try_say(json!({ "src": src, "dest": dest, "body": body })) {
        warn!(target: "paxos::maelstrom", %error, "a line is lost"); // as any message may be
    }
}

/// Nodes are numbered as they are named in init.
pub(super) const fn id(index: usize) -> NodeId {
    NodeId(index as u8 + 1)
}

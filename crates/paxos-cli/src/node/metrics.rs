//! What a node serves to whoever collects counters: the store's, in which `paxos kv status` shows the same, and those of
//! the driver.

use std::{fmt::Write as _, net::SocketAddr};

use anyhow::Context;
use paxos_kv::Status;
use paxos_node::{Handle, MetricsServer};

use super::{
    Replicated,
    words::{Answering, Asked, Replied},
};

/// Serves the counters of a node at `address` until it is dropped.
pub(super) fn serve(address: SocketAddr, handle: Handle<Replicated, Answering>) -> anyhow::Result<MetricsServer> {
    let write = move |text: &mut String| {
        handle.stats().counts().write_text(text);
        gauge(text, "inputs_waiting", "Messages and requests that wait for the process.", handle.waiting() as u64);
        // A node that is about to stop does not answer.
        let answer = handle.ask(Asked::Status).ok().and_then(|answer| answer.blocking_recv().ok());
        if let Some(Replied::Status(status)) = answer {
            write_status(&status, text);
        }
    };
    MetricsServer::start(address, write).with_context(|| format!("cannot serve metrics at {address}"))
}

fn write_status(status: &Status, text: &mut String) {
    let leader = status.leader.map_or(0, |leader| leader.0.into());
    gauge(text, "leads", "Whether this node leads and serves.", status.leads.into());
    gauge(text, "leader", "The number of the node that leads as far as this one knows, or 0.", leader);
    gauge(text, "ballot_round", "The round of its ballot.", status.ballot.map_or(0, |ballot| ballot.round));
    gauge(text, "chosen_slot", "The first slot that is not known to be chosen.", status.chosen.0);
    gauge(text, "applied_slot", "The first slot that is not applied.", status.applied.0);
    gauge(text, "keys", "Keys that have a value.", status.keys);
    gauge(text, "store_bytes", "Bytes of all keys and values.", status.bytes);
    gauge(text, "sessions", "Open sessions.", status.sessions);
    gauge(text, "batches_under_way", "Batches that are proposed and not known to be chosen.", status.under_way);
    gauge(text, "commands_queued", "Commands that wait to be proposed.", status.queued);
    gauge(text, "reads_waiting", "Reads that wait for the leader to be confirmed.", status.reads);
}

fn gauge(text: &mut String, name: &str, what: &str, value: u64) {
    let _ = write!(text, "# HELP paxos_{name} {what}\n# TYPE paxos_{name} gauge\npaxos_{name} {value}\n"); // a String takes all
}

//! What clients of a node ask and hear: what they ask of the store, and a little that concerns the node.

use std::{
    collections::BTreeSet,
    sync::{Arc, OnceLock},
    time::Duration,
};

use paxos_kv::{Ask, Command, Failure, Found, Outcome, Output, Query, Reply, Request, Status};
use paxos_node::{Answers, Counts, Stats};
use paxos_process::NodeId;
use serde::{Deserialize, Serialize};

use super::Replicated;

/// What a client may ask of a node. The first four are those of [`Ask`], and the same bytes: whoever only wants the
/// store need not know the others.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Asked {
    /// As in [`Ask`].
    Execute(Command),
    /// As in [`Ask`].
    Read(Query),
    /// As in [`Ask`].
    ReadStale(Query),
    /// As in [`Ask`].
    Status,
    /// How are the store, the disk and the connections of this node?
    Inspect,
    /// Stop leading, and let this node try. There is no answer: whoever wants to know what came of it looks.
    Transfer(NodeId),
}

/// What a node answers. All but the last are those of [`Reply`], and the same bytes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Replied {
    /// As in [`Reply`].
    Done(Outcome),
    /// As in [`Reply`].
    Found(Found),
    /// As in [`Reply`].
    Status(Status),
    /// As in [`Reply`].
    NotLeader {
        /// Who leads, as far as this node knows.
        leader: Option<NodeId>,
    },
    /// As in [`Reply`].
    Busy,
    /// As in [`Reply`].
    Unknown,
    /// As in [`Reply`].
    Failed(Failure),
    /// How the node is.
    Inspected(Box<Inspection>),
}

/// How a node is: its store, its disk, its connections.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Inspection {
    pub(crate) status: Status,
    /// Records written in this life of the node, and their bytes.
    pub(crate) records: u64,
    pub(crate) bytes_appended: u64,
    /// How long the log is.
    pub(crate) log_bytes: u64,
    /// How often it was synced, how long that took altogether, and how long at most, of all since the
    /// node started: by so much the disk lags. A checkpoint's syncs are counted with it.
    pub(crate) syncs: u64,
    pub(crate) sync_time: Duration,
    pub(crate) longest_sync: Duration,
    pub(crate) checkpoints: u64,
    pub(crate) checkpoint_time: Duration,
    /// Messages lost to full queues.
    pub(crate) dropped: u64,
    /// Clients connected now, and strangers turned away.
    pub(crate) clients: u64,
    pub(crate) strangers_refused: u64,
    pub(crate) peers: Vec<Peer>,
}

/// The connection to a peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Peer {
    pub(crate) node: NodeId,
    pub(crate) connected: bool,
    /// Bytes that wait to be sent to it.
    pub(crate) queued_bytes: u64,
    pub(crate) sent: u64,
    pub(crate) bytes_sent: u64,
    pub(crate) received: u64,
    pub(crate) bytes_received: u64,
}

impl Inspection {
    fn new(status: Status, counts: &Counts) -> Self {
        let peers = counts.peers.iter().map(|(&node, peer)| Peer {
            node,
            connected: peer.connected,
            queued_bytes: peer.queued_bytes as u64,
            sent: peer.sent,
            bytes_sent: peer.bytes_sent,
            received: peer.received,
            bytes_received: peer.bytes_received,
        });
        Self {
            status,
            records: counts.records,
            bytes_appended: counts.bytes_appended,
            log_bytes: counts.log_bytes,
            syncs: counts.syncs,
            sync_time: counts.sync_time,
            longest_sync: counts.longest_sync,
            checkpoints: counts.checkpoints,
            checkpoint_time: counts.checkpoint_time,
            dropped: counts.dropped,
            clients: counts.clients as u64,
            strangers_refused: counts.strangers_refused,
            peers: peers.collect(),
        }
    }
}

impl From<Reply> for Replied {
    fn from(reply: Reply) -> Self {
        match reply {
            Reply::Done(outcome) => Self::Done(outcome),
            Reply::Found(found) => Self::Found(found),
            Reply::Status(status) => Self::Status(status),
            Reply::NotLeader { leader } => Self::NotLeader { leader },
            Reply::Busy => Self::Busy,
            Reply::Unknown => Self::Unknown,
            Reply::Failed(failure) => Self::Failed(failure),
        }
    }
}

/// Turns what is asked into requests of the service, and its answers into replies.
#[derive(Clone, Default)]
pub(crate) struct Answering {
    counts: Arc<OnceLock<Stats>>,
    /// Who wants to know more than the store's status.
    inspecting: BTreeSet<u64>,
}

impl Answering {
    /// These are the counters of the node.
    pub(super) fn counts_of(&self, stats: &Stats) {
        let _ = self.counts.set(stats.clone()); // a node has one
    }
}

impl Answers<Replicated> for Answering {
    type Ask = Asked;
    type Reply = Replied;

    fn concerns_node(&self, asked: &Asked) -> bool {
        match asked {
            Asked::Status | Asked::Inspect | Asked::Transfer(_) => true,
            Asked::Execute(_) | Asked::Read(_) | Asked::ReadStale(_) => false,
        }
    }

    fn ask(&mut self, token: u64, asked: Asked) -> Request {
        let ask = match asked {
            Asked::Execute(command) => Ask::Execute(command),
            Asked::Read(query) => Ask::Read(query),
            Asked::ReadStale(query) => Ask::ReadStale(query),
            Asked::Status => Ask::Status,
            Asked::Inspect => {
                self.inspecting.insert(token);
                Ask::Status
            }
            Asked::Transfer(node) => return Request::Transfer(node),
        };
        Request::Client { token, ask }
    }

    fn answered(&mut self, output: Output, tell: &mut dyn FnMut(u64, Replied)) {
        let Output::Answer { token, reply } = output else { return };
        let replied = match reply {
            Reply::Status(status) if self.inspecting.remove(&token) => {
                let counts = self.counts.get().map(Stats::counts).unwrap_or_default();
                Replied::Inspected(Box::new(Inspection::new(status, &counts)))
            }
            reply => reply.into(),
        };
        tell(token, replied);
    }

    fn forget(&mut self, token: u64) {
        self.inspecting.remove(&token);
    }
}

#[cfg(test)]
mod tests {
    use paxos_codec::encode;
    use paxos_kv::{Operation, SessionId, Written};
    use paxos_messages::{Ballot, Slot};

    use super::*;

    fn bytes(value: &impl Serialize) -> Vec<u8> {
        let mut bytes = Vec::new();
        encode(value, &mut bytes).unwrap();
        bytes
    }

    #[test]
    fn what_the_store_is_asked_has_the_same_bytes() {
        let query = Query::Get { key: b"k"[..].into() };
        let operation = Operation::Put { key: b"k"[..].into(), value: b"v"[..].into() };
        let command = Command::Do { session: SessionId(1), sequence: 2, acknowledged: 1, operation };
        assert_eq!(bytes(&Asked::Execute(command.clone())), bytes(&Ask::Execute(command)));
        assert_eq!(bytes(&Asked::Read(query.clone())), bytes(&Ask::Read(query.clone())));
        assert_eq!(bytes(&Asked::ReadStale(query.clone())), bytes(&Ask::ReadStale(query)));
        assert_eq!(bytes(&Asked::Status), bytes(&Ask::Status));
    }

    #[test]
    fn what_the_store_answers_has_the_same_bytes() {
        let status = Status {
            leader: Some(NodeId(1)),
            leads: true,
            ballot: Some(Ballot { round: 1, node: NodeId(1) }),
            chosen: Slot(3),
            applied: Slot(2),
            digest: 7,
            keys: 1,
            bytes: 2,
            sessions: 3,
            under_way: 4,
            queued: 5,
            reads: 6,
        };
        let replies = [
            Reply::Done(Outcome::Wrote(Written::Put { existed: true })),
            Reply::Found(Found::Value(None)),
            Reply::Status(status),
            Reply::NotLeader { leader: None },
            Reply::Busy,
            Reply::Unknown,
            Reply::Failed(Failure::KeyTooLong),
        ];
        for reply in replies {
            assert_eq!(bytes(&Replied::from(reply.clone())), bytes(&reply), "{reply:?}");
        }
    }
}

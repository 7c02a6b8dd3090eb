//! `raft` 0.7, the library of TiKV, its entries and hard states on our log, and in its `MemStorage` too, because it
//! reads from that.
//!
//! A `Ready` is carried out as its documentation says: `messages` (a leader's) leave at once, entries and hard state are
//! appended, a sync comes if `must_sync` says so, and then `persisted_messages` (a follower's) leave.
//!
//! The configuration is that of the bench in memory: commands that are offered together are the entries of one proposal,
//! messages are as long as a frame allows and `batch_append` is on, and what is committed travels with the next entries
//! (`skip_bcast_commit`). Messages and records are its own protobuf, and what it reads shares the bytes that were
//! received.

use bytes::Bytes;
use protobuf::Message as _;
use raft::{
    Config, RawNode, StateRole,
    eraftpb::{ConfState, Entry, Message, MessageType},
    storage::MemStorage,
};

use super::{Application, Disk, Load, Net, Node};

/// One node of `raft`.
pub(super) struct RaftRs {
    library: RawNode<MemStorage>,
    storage: MemStorage,
    disk: Disk,
    encoded: Vec<u8>,
}

impl Node for RaftRs {
    fn new(id: usize, load: Load, disk: Disk) -> Self {
        let voters: Vec<u64> = (1..=load.nodes as u64).collect();
        let storage = MemStorage::new_with_conf_state(ConfState::from((voters, Vec::new())));
        let config = Config {
            id: id as u64 + 1,
            max_size_per_msg: MAX_MESSAGE,
            max_inflight_msgs: load.in_flight.max(256),
            skip_bcast_commit: true,
            batch_append: true,
            ..Config::default()
        };
        let logger = slog::Logger::root(slog::Discard, slog::o!());
        let library = RawNode::new(&config, storage.clone(), &logger).expect("a sound configuration");
        Self { library, storage, disk, encoded: Vec::new() }
    }

    fn campaign(&mut self) {
        self.library.campaign().expect("a voter may");
    }

    fn leads(&self) -> bool {
        // Its first entry is an empty one, and is committed by now.
        self.library.raft.state == StateRole::Leader && self.library.raft.raft_log.committed > 0
    }

    fn offer(&mut self, entries: Vec<Vec<u8>>) {
        let entry = |data: Vec<u8>| Entry { data: data.into(), ..Entry::default() };
        let entries: Vec<Entry> = entries.into_iter().map(entry).collect();
        let from = self.library.raft.id;
        let message =
            Message { msg_type: MessageType::MsgPropose, from, entries: entries.into(), ..Message::default() };
        self.library.step(message).expect("a leader takes it");
    }

    fn receive(&mut self, _from: usize, message: Bytes) {
        let message = Message::parse_from_carllerche_bytes(&message).expect("a message of a peer");
        self.library.step(message).expect("a message of a peer");
    }

    fn carry_out(&mut self, net: &mut Net, application: &mut Application) {
        while self.library.has_ready() {
            let mut ready = self.library.ready();
            self.send(&ready.take_messages(), net);
            let mut storage = self.storage.wl();
            for entry in ready.entries() {
                self.disk.append_with(|bytes| write(ENTRY, entry, bytes));
            }
            storage.append(ready.entries()).expect("entries without a gap");
            if let Some(state) = ready.hs() {
                self.disk.append_with(|bytes| write(HARD_STATE, state, bytes));
                storage.set_hardstate(state.clone());
            }
            drop(storage);
            if ready.must_sync() {
                self.disk.sync();
            }
            self.send(&ready.take_persisted_messages(), net);
            apply(&ready.take_committed_entries(), application);
            let mut light = self.library.advance_append(ready);
            if let Some(commit) = light.commit_index() {
                self.storage.wl().mut_hard_state().set_commit(commit);
            }
            self.send(&light.take_messages(), net);
            apply(&light.take_committed_entries(), application);
            self.library.advance_apply();
        }
    }

    fn close(&mut self) {
        self.library.ping();
    }
}

impl RaftRs {
    fn send(&mut self, messages: &[Message], net: &mut Net) {
        for message in messages {
            self.encoded.clear();
            message.write_to_vec(&mut self.encoded).expect("all fields are there");
            net.send(message.to as usize - 1, &self.encoded);
        }
        net.flush();
    }
}

fn apply(entries: &[Entry], application: &mut Application) {
    for entry in entries {
        application.apply_joined(&entry.data);
    }
}

/// A record: what it is, and its bytes.
fn write(kind: u8, value: &impl protobuf::Message, bytes: &mut Vec<u8>) {
    bytes.push(kind);
    value.write_to_vec(bytes).expect("all fields are there");
}

/// The entries of a message, in bytes: so many that it fits into a frame.
const MAX_MESSAGE: u64 = 1 << 19;

const ENTRY: u8 = 1;
const HARD_STATE: u8 = 2;

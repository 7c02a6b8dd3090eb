//! `omnipaxos` 0.2, its storage on our log: what it appends to and sets in its storage becomes a record, and is kept in
//! the `MemoryStorage` of `omnipaxos_storage` too, because it reads from it.
//!
//! Its interface does not say which message waits for which write, so that is decided here, by what a message promises:
//!
//! - `AcceptSync`, `AcceptDecide` and `Decide`, a leader's words to a follower, leave at once and in their order. The
//!   leader counts itself as soon as it has called its storage; but an answer that completes a quorum is handled in a
//!   later batch, and each batch syncs what it wrote.
//! - Everything else waits for the sync: `Promise` and `Accepted`, and the few messages of an election.
//! - A sync is due when entries, a promise or an accepted round was written. That the decided index has moved is
//!   written, and waits for the next one: a majority knows more.
//!
//! `batch_size` is as large as the number of clients and `tick` is called at the end of each batch, with only the clock
//! that flushes running: all entries of a batch are then one call of the storage, one message to each follower, and one
//! answer. Messages are taken once all that wait have been handled: it merges what it says to one node.

use omnipaxos::{
    ClusterConfig, OmniPaxos, ServerConfig,
    ballot_leader_election::Ballot,
    messages::{Message, sequence_paxos::PaxosMsg},
    storage::{Entry, NoSnapshot, StopSign, Storage, StorageOp, StorageResult},
    util::LogEntry,
};
use omnipaxos_storage::memory_storage::MemoryStorage;
use paxos_codec::{decode, encode};
use paxos_messages::Bytes;
use serde::{Deserialize, Serialize};

use std::{cell::Cell, rc::Rc};

use super::{Application, Disk, Load, Net, Node};

/// One node of `omnipaxos`.
pub(super) struct Omni {
    library: OmniPaxos<Carrier, DiskStorage>,
    outgoing: Vec<Message<Carrier>>,
    read: usize,
    disk: Disk,
    must_sync: Rc<Cell<bool>>,
    encoded: Vec<u8>,
}

/// An entry, as the library's own trait wants it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Carrier(Bytes);

impl Entry for Carrier {
    type Snapshot = NoSnapshot;
}

impl Node for Omni {
    fn new(id: usize, load: Load, disk: Disk) -> Self {
        let nodes = (1..=load.nodes as u64).collect();
        let cluster = ClusterConfig { configuration_id: 1, nodes, flexible_quorum: None };
        let server = ServerConfig {
            pid: id as u64 + 1,
            batch_size: load.in_flight,
            flush_batch_tick_timeout: 1,
            election_tick_timeout: u64::MAX,
            resend_message_tick_timeout: u64::MAX,
            ..ServerConfig::default()
        };
        let must_sync = Rc::new(Cell::new(false));
        let storage =
            DiskStorage { memory: MemoryStorage::default(), disk: disk.clone(), must_sync: must_sync.clone() };
        let library = cluster.build_for_server(server, storage).expect("a sound configuration");
        Self { library, outgoing: Vec::new(), read: 0, disk, must_sync, encoded: Vec::new() }
    }

    fn campaign(&mut self) {
        self.library.try_become_leader();
    }

    fn leads(&self) -> bool {
        self.library.get_current_leader() == Some((self.library.get_pid(), true))
    }

    fn offer(&mut self, entries: Vec<Vec<u8>>) {
        for entry in entries {
            self.library.append(Carrier(entry.into())).expect("no change of members");
        }
    }

    fn receive(&mut self, _from: usize, message: bytes::Bytes) {
        self.library.handle_incoming(decode(&message).expect("a message of a peer"));
    }

    fn carry_out(&mut self, net: &mut Net, application: &mut Application) {
        self.library.tick();
        self.library.take_outgoing_messages(&mut self.outgoing);
        let (now, after_sync): (Vec<_>, Vec<_>) = self.outgoing.drain(..).partition(may_leave_at_once);
        send(&now, &mut self.encoded, net);
        if self.must_sync.replace(false) {
            self.disk.sync();
        }
        send(&after_sync, &mut self.encoded, net);
        if self.library.get_decided_idx() > self.read {
            let entries = self.library.read_decided_suffix(self.read).expect("what is decided can be read");
            self.read += entries.len();
            for entry in entries {
                let LogEntry::Decided(Carrier(entry)) = entry else { panic!("only commands, and none compacted") };
                application.apply_joined(entry.as_slice());
            }
        }
    }

    fn close(&mut self) {
        // A leader that decides when nothing waits says so at once.
    }
}

fn may_leave_at_once(message: &Message<Carrier>) -> bool {
    let Message::SequencePaxos(message) = message else { return false };
    matches!(message.msg, PaxosMsg::AcceptSync(_) | PaxosMsg::AcceptDecide(_) | PaxosMsg::Decide(_))
}

fn send(messages: &[Message<Carrier>], encoded: &mut Vec<u8>, net: &mut Net) {
    for message in messages {
        encoded.clear();
        encode(message, encoded).expect("a short message");
        net.send(message.get_receiver() as usize - 1, encoded);
    }
    net.flush();
}

/// What it must remember.
#[derive(Serialize)]
enum Record<'a> {
    Entry(&'a Carrier),
    Entries(&'a [Carrier]),
    EntriesFrom(usize, &'a [Carrier]),
    Promise(Ballot),
    AcceptedRound(Ballot),
    Decided(usize),
}

/// A storage that writes what it is told to a log, and reads from memory.
struct DiskStorage {
    memory: MemoryStorage<Carrier>,
    disk: Disk,
    /// Whether something was written that an answer waits for.
    must_sync: Rc<Cell<bool>>,
}

impl DiskStorage {
    fn write(&self, record: &Record<'_>) {
        self.disk.append(record);
        self.must_sync.set(self.must_sync.get() || !matches!(record, Record::Decided(_)));
    }
}

impl Storage<Carrier> for DiskStorage {
    fn write_atomically(&mut self, operations: Vec<StorageOp<Carrier>>) -> StorageResult<()> {
        // One sync makes all of them stable, and it comes before anything is said because of them.
        operations.into_iter().try_for_each(|operation| match operation {
            StorageOp::AppendEntry(entry) => self.append_entry(entry),
            StorageOp::AppendEntries(entries) => self.append_entries(entries),
            StorageOp::AppendOnPrefix(from, entries) => self.append_on_prefix(from, entries),
            StorageOp::SetPromise(ballot) => self.set_promise(ballot),
            StorageOp::SetDecidedIndex(index) => self.set_decided_idx(index),
            StorageOp::SetAcceptedRound(ballot) => self.set_accepted_round(ballot),
            StorageOp::SetCompactedIdx(index) => self.set_compacted_idx(index),
            StorageOp::Trim(index) => self.trim(index),
            StorageOp::SetStopsign(sign) => self.set_stopsign(sign),
            StorageOp::SetSnapshot(snapshot) => self.set_snapshot(snapshot),
        })
    }

    fn append_entry(&mut self, entry: Carrier) -> StorageResult<()> {
        self.write(&Record::Entry(&entry));
        self.memory.append_entry(entry)
    }

    fn append_entries(&mut self, entries: Vec<Carrier>) -> StorageResult<()> {
        // It flushes its batch with every tick, also an empty one.
        if entries.is_empty() {
            return Ok(());
        }
        self.write(&Record::Entries(&entries));
        self.memory.append_entries(entries)
    }

    fn append_on_prefix(&mut self, from: usize, entries: Vec<Carrier>) -> StorageResult<()> {
        self.write(&Record::EntriesFrom(from, &entries));
        self.memory.append_on_prefix(from, entries)
    }

    fn set_promise(&mut self, ballot: Ballot) -> StorageResult<()> {
        self.write(&Record::Promise(ballot));
        self.memory.set_promise(ballot)
    }

    fn set_decided_idx(&mut self, index: usize) -> StorageResult<()> {
        self.write(&Record::Decided(index));
        self.memory.set_decided_idx(index)
    }

    fn set_accepted_round(&mut self, ballot: Ballot) -> StorageResult<()> {
        self.write(&Record::AcceptedRound(ballot));
        self.memory.set_accepted_round(ballot)
    }

    fn get_decided_idx(&self) -> StorageResult<usize> {
        self.memory.get_decided_idx()
    }

    fn get_accepted_round(&self) -> StorageResult<Option<Ballot>> {
        self.memory.get_accepted_round()
    }

    fn get_entries(&self, from: usize, to: usize) -> StorageResult<Vec<Carrier>> {
        self.memory.get_entries(from, to)
    }

    fn get_log_len(&self) -> StorageResult<usize> {
        self.memory.get_log_len()
    }

    fn get_suffix(&self, from: usize) -> StorageResult<Vec<Carrier>> {
        self.memory.get_suffix(from)
    }

    fn get_promise(&self) -> StorageResult<Option<Ballot>> {
        self.memory.get_promise()
    }

    fn set_stopsign(&mut self, sign: Option<StopSign>) -> StorageResult<()> {
        self.memory.set_stopsign(sign)
    }

    fn get_stopsign(&self) -> StorageResult<Option<StopSign>> {
        self.memory.get_stopsign()
    }

    fn trim(&mut self, index: usize) -> StorageResult<()> {
        self.memory.trim(index)
    }

    fn set_compacted_idx(&mut self, index: usize) -> StorageResult<()> {
        self.memory.set_compacted_idx(index)
    }

    fn get_compacted_idx(&self) -> StorageResult<usize> {
        self.memory.get_compacted_idx()
    }

    fn set_snapshot(&mut self, snapshot: Option<NoSnapshot>) -> StorageResult<()> {
        self.memory.set_snapshot(snapshot)
    }

    fn get_snapshot(&self) -> StorageResult<Option<NoSnapshot>> {
        self.memory.get_snapshot()
    }
}

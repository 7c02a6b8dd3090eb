//! `raft` 0.7, the library of TiKV, with its `MemStorage`.
//!
//! What is chosen for it, and why:
//!
//! - Commands that are offered together are the entries of one `MsgPropose`, which is then one append and one message
//!   to each follower. `RawNode::propose` takes a command at a time and is slower.
//! - `max_size_per_msg` has no limit; its default of 0 sends one entry a message. `batch_append` is on.
//! - `skip_bcast_commit` is on: what is committed travels with the next entries, and costs no message of its own.
//! - `pre_vote` and `check_quorum` are off. They cost nothing per command anyway.
//! - One `Ready` is taken after all that wait for a node have been stepped, and carried out as its documentation says:
//!   a leader sends before it writes, a follower after.
//! - Bytes are those of the feature `protobuf-codec`, [`Bytes`], which are shared; with `prost-codec` each copy of an
//!   entry copies them. Nothing is encoded: messages move as they are.
//! - The logger discards, and its `debug!` are not compiled in.

use bytes::Bytes;
use raft::{
    Config, RawNode, StateRole,
    eraftpb::{ConfState, Entry, Message, MessageType},
    storage::MemStorage,
};

use super::{Application, Load, Node, Payload, Post, command::joined};

/// One node of `raft`. `TOGETHER`: all commands that are offered together are one entry.
pub(super) struct RaftRs<const TOGETHER: bool> {
    library: RawNode<MemStorage>,
    storage: MemStorage,
    load: Load,
    application: Application,
}

impl<const TOGETHER: bool> Node for RaftRs<TOGETHER> {
    type Command = Bytes;
    type Message = Message;

    fn command(number: u64, load: Load) -> Bytes {
        Bytes::numbered(number, load.payload)
    }

    fn new(id: usize, load: Load) -> Self {
        let voters: Vec<u64> = (1..=load.nodes as u64).collect();
        let storage = MemStorage::new_with_conf_state(ConfState::from((voters, Vec::new())));
        let config = Config {
            id: id as u64 + 1,
            max_size_per_msg: u64::MAX,
            skip_bcast_commit: true,
            batch_append: true,
            ..Config::default()
        };
        let logger = slog::Logger::root(slog::Discard, slog::o!());
        let library = RawNode::new(&config, storage.clone(), &logger).expect("a sound configuration");
        Self { library, storage, load, application: Application::new(load) }
    }

    fn campaign(&mut self, _post: &mut Post<Message>) {
        self.library.campaign().expect("a voter may");
    }

    fn leads(&self) -> bool {
        // Its first entry is an empty one, and is committed by now.
        self.library.raft.state == StateRole::Leader && self.library.raft.raft_log.committed > 0
    }

    fn offer(&mut self, commands: impl Iterator<Item = Bytes>, _post: &mut Post<Message>) {
        let entry = |data| Entry { data, ..Entry::default() };
        let entries: Vec<Entry> = if TOGETHER {
            vec![entry(joined(commands, self.load.payload).into())]
        } else {
            commands.map(entry).collect()
        };
        let from = self.library.raft.id;
        let message =
            Message { msg_type: MessageType::MsgPropose, from, entries: entries.into(), ..Message::default() };
        self.library.step(message).expect("a leader takes it");
    }

    fn receive(&mut self, _from: usize, message: Message, _post: &mut Post<Message>) {
        self.library.step(message).expect("a message of a peer");
    }

    fn flush(&mut self, post: &mut Post<Message>) {
        while self.library.has_ready() {
            let mut ready = self.library.ready();
            send(ready.take_messages(), post);
            let mut storage = self.storage.wl();
            storage.append(ready.entries()).expect("entries without a gap");
            if let Some(state) = ready.hs() {
                storage.set_hardstate(state.clone());
            }
            drop(storage);
            send(ready.take_persisted_messages(), post);
            self.apply(&ready.take_committed_entries());
            let mut light = self.library.advance_append(ready);
            if let Some(commit) = light.commit_index() {
                self.storage.wl().mut_hard_state().set_commit(commit);
            }
            send(light.take_messages(), post);
            self.apply(&light.take_committed_entries());
            self.library.advance_apply();
        }
    }

    fn close(&mut self, _post: &mut Post<Message>) {
        self.library.ping();
    }

    fn application(&self) -> &Application {
        &self.application
    }
}

impl<const TOGETHER: bool> RaftRs<TOGETHER> {
    fn apply(&mut self, entries: &[Entry]) {
        for entry in entries {
            self.application.apply_joined(&entry.data);
        }
    }
}

fn send(messages: Vec<Message>, post: &mut Post<Message>) {
    for message in messages {
        post.send(message.to as usize - 1, message);
    }
}

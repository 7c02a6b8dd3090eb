//! `omnipaxos` 0.2, with `MemoryStorage` of `omnipaxos_storage`.
//!
//! What is chosen for it, and why:
//!
//! - `batch_size` is the number of entries that are offered together, so that a batch is written and sent once, when it
//!   is full. At its default of 1 each entry is written and added to the waiting message on its own, which is slower.
//! - Messages are taken once all that wait have been handled: it then merges what it says to one node.
//! - Entries are values, and those of 1 KiB share their bytes, so its copies for each follower, for the storage and for
//!   the reader are cheap.
//! - Decided entries are read with `read_decided_suffix`, which is its way.
//! - The feature `unicache` is off: every command is a new one. So is `logging`.
//! - Its clock stands still: no heartbeat is counted or paid for.
//!
//! A round costs it a third message to each follower, since a leader that decides when no command waits says so at
//! once. That cannot be configured.

use omnipaxos::{
    ClusterConfig, OmniPaxos, ServerConfig,
    messages::Message,
    storage::{Entry, NoSnapshot},
    util::LogEntry,
};
use omnipaxos_storage::memory_storage::MemoryStorage;

use super::{Application, Carried, Load, Node, Payload, Post};

/// One node of `omnipaxos`.
pub(super) struct Omni<C: Carried> {
    library: OmniPaxos<Carrier<C>, MemoryStorage<Carrier<C>>>,
    outgoing: Vec<Message<Carrier<C>>>,
    read: usize,
    application: Application,
}

/// An entry, as the library's own trait wants it.
#[derive(Clone, Debug)]
pub(super) struct Carrier<C>(C);

impl<C: Carried> Entry for Carrier<C> {
    type Snapshot = NoSnapshot;
}

impl<C: Carried> Node for Omni<C> {
    type Command = C::Payload;
    type Message = Message<Carrier<C>>;

    fn command(number: u64, load: Load) -> C::Payload {
        C::Payload::numbered(number, load.payload)
    }

    fn new(id: usize, load: Load) -> Self {
        let nodes = (1..=load.nodes as u64).collect();
        let cluster = ClusterConfig { configuration_id: 1, nodes, flexible_quorum: None };
        let batch_size = if C::TOGETHER { 1 } else { load.in_flight };
        let server = ServerConfig { pid: id as u64 + 1, batch_size, ..ServerConfig::default() };
        let library = cluster.build_for_server(server, MemoryStorage::default()).expect("a sound configuration");
        Self { library, outgoing: Vec::new(), read: 0, application: Application::new(load) }
    }

    fn campaign(&mut self, _post: &mut Post<Self::Message>) {
        self.library.try_become_leader();
    }

    fn leads(&self) -> bool {
        self.library.get_current_leader() == Some((self.library.get_pid(), true))
    }

    fn offer(&mut self, commands: impl Iterator<Item = C::Payload>, _post: &mut Post<Self::Message>) {
        C::carry(commands, |entry| self.library.append(Carrier(entry)).expect("no change of members"));
    }

    fn receive(&mut self, _from: usize, message: Self::Message, _post: &mut Post<Self::Message>) {
        self.library.handle_incoming(message);
    }

    fn flush(&mut self, post: &mut Post<Self::Message>) {
        self.library.take_outgoing_messages(&mut self.outgoing);
        for message in self.outgoing.drain(..) {
            post.send(message.get_receiver() as usize - 1, message);
        }
        if self.library.get_decided_idx() > self.read {
            let entries = self.library.read_decided_suffix(self.read).expect("what is decided can be read");
            self.read += entries.len();
            for entry in entries {
                let LogEntry::Decided(Carrier(entry)) = entry else { panic!("only commands, and none compacted") };
                entry.commands().iter().for_each(|command| self.application.apply(command.as_ref()));
            }
        }
    }

    fn close(&mut self, _post: &mut Post<Self::Message>) {
        // It has said so already.
    }

    fn application(&self) -> &Application {
        &self.application
    }
}

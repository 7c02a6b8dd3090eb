//! No library, and no agreement: the leader makes entries and gives each follower a copy, all write them and sync, and
//! the leader applies what it and the first follower have written.
//!
//! This is what is left when a replicated log costs nothing: three logs that sync on one disk, and the threads, sockets
//! and clients of this bench. Every row pays for it.

use paxos_codec::{decode, encode};
use paxos_messages::Bytes;

use super::{Application, Disk, Load, Net, Node};

/// One node without a library.
pub(super) struct Bare {
    id: usize,
    nodes: usize,
    disk: Disk,
    /// Written, or to be written with the next batch.
    entries: Vec<Bytes>,
    /// How many of them are stable here.
    stable: usize,
    /// At the leader: the most that a follower has said are stable there.
    answered: usize,
    applied: usize,
    encoded: Vec<u8>,
}

impl Node for Bare {
    fn new(id: usize, load: Load, disk: Disk) -> Self {
        let encoded = Vec::new();
        Self { id, nodes: load.nodes, disk, entries: Vec::new(), stable: 0, answered: 0, applied: 0, encoded }
    }

    fn campaign(&mut self) {}

    fn leads(&self) -> bool {
        self.id == 0
    }

    fn offer(&mut self, entries: Vec<Vec<u8>>) {
        self.entries.extend(entries.into_iter().map(Bytes::from));
    }

    fn receive(&mut self, _from: usize, message: bytes::Bytes) {
        if self.leads() {
            let stable: u64 = decode(&message).expect("a number");
            self.answered = self.answered.max(stable as usize);
        } else {
            let mut entries: Vec<Bytes> = decode(&message).expect("entries");
            self.entries.append(&mut entries);
        }
    }

    fn carry_out(&mut self, net: &mut Net, application: &mut Application) {
        let new = &self.entries[self.stable..];
        if !new.is_empty() {
            if self.leads() {
                self.encoded.clear();
                encode(new, &mut self.encoded).expect("short entries");
                (1..self.nodes).for_each(|to| net.send(to, &self.encoded));
                net.flush();
            }
            new.iter().for_each(|entry| self.disk.append(entry));
            self.disk.sync();
            self.stable = self.entries.len();
            if !self.leads() {
                self.answered = self.stable;
                self.encoded.clear();
                encode(&(self.stable as u64), &mut self.encoded).expect("a number");
                net.send(0, &self.encoded);
                net.flush();
            }
        }
        let both = self.stable.min(self.answered);
        for entry in &self.entries[self.applied..both] {
            application.apply_joined(entry.as_slice());
        }
        self.applied = both;
    }

    fn close(&mut self) {}
}

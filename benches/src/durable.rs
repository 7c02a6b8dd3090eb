//! Replicated logs side by side, durable, in one process: three nodes, each a thread with a log on the disk, and TCP
//! over loopback between them.
//!
//! A `Node` is one library on one node. All libraries get the same threads, the same sockets (`wire.rs`), the same
//! `paxos-wal` (`disk.rs`) and the same clients (`clients.rs`), and one loop drives them all (`drive.rs`), so that what
//! differs is the library and the bytes it asks to write and send:
//!
//! - `in_flight` clients wait at the leader, each with one command at a time: when a command is decided *and applied*
//!   at the leader, its client has the next one. They live in the leader's thread, so that no row pays for theirs.
//! - A node takes all that has come, steps, lets leave what may leave at once, appends records, syncs once if something
//!   waits for it, and lets the rest leave. What that means for a library is told by the file of each.
//! - Messages are encoded with `paxos-codec`, those of `raft` with its own protobuf. What a batch says to a node is one
//!   frame with a checksum, and one write to the socket.
//! - The application of each node looks at each command that it is told, in order. One that is missing, twice or changed
//!   makes the run void, as does a node that has not applied all of them at the end.
//! - Nothing is compacted, and no clock runs: nobody pays for heartbeats.
//!
//! Connecting, electing the leader and the first commands are not measured. The end of the measured time is the
//! application of the last command at the leader; that the others apply it too is waited for afterwards.

mod bare;
mod clients;
mod disk;
mod drive;
mod ideal;
mod omni_paxos;
mod ours;
mod raft_rs;
mod wire;

use std::{path::Path, time::Duration};

use bytes::Bytes;

use self::{disk::Disk, wire::Net};
use crate::log::{Application, Load, NONE, OURS};

pub use ideal::{Sizes, ideal};

/// How waiting commands become entries: the application's business, the same for every library.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Way {
    /// Whether all commands that wait become one entry.
    pub together: bool,
    /// How many groups of commands may be under way. Commands wait while as many are; then all that wait are a group.
    pub pipeline: usize,
}

/// One library on one node. Node 0 is made the leader and stays it.
trait Node: Sized {
    /// A node that knows its peers and has done nothing.
    fn new(id: usize, load: Load, disk: Disk) -> Self;

    /// Tries to lead; called again for as long as it does not.
    fn campaign(&mut self);

    /// Whether it leads and takes commands.
    fn leads(&self) -> bool;

    /// Takes entries that are offered together.
    fn offer(&mut self, entries: Vec<Vec<u8>>);

    /// Takes a message. Several may come before the next [`carry_out`](Node::carry_out).
    fn receive(&mut self, from: usize, message: Bytes);

    /// Does what the library asks for: send, write, sync, send, apply.
    fn carry_out(&mut self, net: &mut Net, application: &mut Application);

    /// Whether there is more to carry out although nothing has come.
    fn has_more(&self) -> bool {
        false
    }

    /// Says once more what is decided, for those who would hear it only with the next command.
    fn close(&mut self);
}

/// A library in one of its ways.
#[derive(Clone, Copy)]
pub struct Contender {
    /// The library.
    pub library: &'static str,
    /// How commands become entries.
    pub way: Way,
    run: fn(Load, Way, &Path) -> Outcome,
}

impl Contender {
    /// Does a run, with logs below `dir`, which are left there.
    ///
    /// # Panics
    ///
    /// When the system refuses a socket, a thread or a file.
    #[must_use]
    pub fn run(&self, load: Load, dir: &Path) -> Outcome {
        (self.run)(load, self.way, dir)
    }
}

/// What is known after a run.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Outcome {
    /// Whether every node applied all commands in the same order. If not, nothing else counts.
    pub verified: bool,
    /// How many commands were measured.
    pub commands: u64,
    /// From the application of the last command that was not measured to that of the last one.
    pub elapsed: Duration,
    /// From the moment a client has a command until it is applied at the leader, in order of size.
    pub latencies: Vec<u32>,
    /// What all nodes together did meanwhile.
    pub counts: Counts,
}

/// What nodes do that costs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Calls of `fdatasync`.
    pub syncs: u64,
    /// Bytes written to logs.
    pub bytes: u64,
    /// Messages between nodes, as the library counts them.
    pub messages: u64,
    /// Writes to sockets: messages to one node that leave together are one.
    pub frames: u64,
}

/// All that take part with this many clients. One command alone is not joined with others and has nobody to wait for, so
/// there is one way then.
#[must_use]
pub fn contenders(in_flight: usize) -> Vec<Contender> {
    let alone = Way { together: false, pipeline: usize::MAX };
    let ways = match in_flight {
        1 => vec![alone],
        _ => [false, true]
            .into_iter()
            .flat_map(|together| PIPELINES.map(|pipeline| Way { together, pipeline }))
            .collect(),
    };
    let mut all = Vec::new();
    for way in ways {
        all.push(Contender { library: OURS, way, run: drive::run::<ours::Ours> });
        all.push(Contender { library: "omnipaxos", way, run: drive::run::<omni_paxos::Omni> });
        all.push(Contender { library: "raft", way, run: drive::run::<raft_rs::RaftRs> });
        all.push(Contender { library: NONE, way, run: drive::run::<bare::Bare> });
    }
    all
}

/// How many groups may be under way: one, as many as `paxos-kv` allows, and as many as there are clients.
const PIPELINES: [usize; 3] = [1, 4, usize::MAX];

/// What is compared: bytes of a command, clients.
pub const CELLS: [(usize, usize); 6] = [(16, 1), (16, 64), (16, 1024), (256, 1), (256, 64), (256, 1024)];

#[cfg(test)]
mod tests;

//! Raft: the replicated log that Multi-Paxos is most often compared with, through the same contract and under the same
//! lenses.
//!
//! It is the protocol of *In Search of an Understandable Consensus Algorithm* (Ongaro and Ousterhout, 2014; the sections
//! named here are of its extended version) with pre-vote, leadership transfer and reads from Ongaro's dissertation (2014).
//! Read it beside `paxos-multi`, phase by phase:
//!
//! | phase | Multi-Paxos | Raft |
//! |---|---|---|
//! | elect | anybody; promises report votes, and the leader takes over the highest | only who has an up-to-date log; votes report nothing |
//! | propose | `Accept`, slot by slot, holes allowed | `AppendEntries`, behind the entry before |
//! | decide | votes of one ballot in one slot | a prefix on a quorum's disks whose last entry is of this term |
//! | learn | marks of the leader | marks of the leader (`chosen`, its *commit index*) |
//!
//! So in the steady state both cost the same: 2(N-1) messages and one sync of the disk on the way. They differ in what an
//! election costs, who can win it, and what must be on a disk.
//!
//! # Files
//!
//! `replica.rs` routes each word, `voting.rs` is how a node comes to lead, `leading.rs` what a leader does, `following.rs`
//! what its followers do, `log.rs` the log. The detector and the reads are those of `paxos-leader`, as in `paxos-multi`.
//!
//! # Example
//!
//! Driven by hand, a cluster of one; its messages to itself take the same lanes as any other:
//!
//! ```
//! use paxos_messages::{Slot, multi::{Entry, Output, Request, Timer}};
//! use paxos_process::{NodeId, NodeSet, Process};
//! use paxos_quorums::Quorums;
//! use paxos_raft::{Effects, Event, Options, Replica};
//!
//! let quorums = Quorums::majority(NodeSet::first(1))?;
//! let (mut replica, mut out) = (Replica::new(NodeId(1), quorums, Options::default()), Effects::new());
//!
//! let mut told = Vec::new();
//! for event in [Event::Start, Event::Timeout(Timer::Election), Event::Request(Request::Propose("blue"))] {
//!     replica.step(event, &mut out);
//!     while !(out.sends.is_empty() && out.sends_after_sync.is_empty()) {
//!         let mut now = std::mem::take(&mut out.sends); // asks leave at once
//!         out.records.clear(); // a real driver writes and syncs these here ...
//!         now.append(&mut out.sends_after_sync); // ... and only then lets the votes leave
//!         for sent in now {
//!             replica.step(Event::Receive { from: NodeId(1), message: sent.message }, &mut out);
//!         }
//!     }
//!     told.append(&mut out.outputs);
//! }
//! let noop = Output::Chosen { slot: Slot(0), value: Entry::Noop };
//! let blue = Output::Chosen { slot: Slot(1), value: Entry::Command("blue") };
//! assert!(matches!(&told[..], [first, Output::Leads { .. }, second] if *first == noop && *second == blue));
//! # Ok::<(), paxos_quorums::QuorumError>(())
//! ```
//!
//! # What it does not do
//!
//! It does not change its members. A node that has lost its disk must not come back: its votes are gone, and Raft has no
//! rule for it but to be replaced by another member. It has no leases: a read costs a question to a quorum. A member that
//! receives a snapshot more slowly than the next is made never has one: so make the next only when the log is much longer.
#![no_std]

extern crate alloc;

mod message;

mod replica;

mod following;
mod leading;
mod voting;

mod log;

mod observed;

pub use log::Log;
pub use message::{Effects, Event, Message, Position, Record, Term};
pub use paxos_leader::Options;
pub use replica::Replica;

use leading::Leading;

#[cfg(test)]
mod tests;

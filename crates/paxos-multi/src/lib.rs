//! Multi-Paxos: a replicated log with a leader, from the same three roles as Basic Paxos.
//!
//! Every node tells its application the same commands in the same order, while messages are lost, repeated and
//! reordered and nodes crash and come back; and it goes on as long as a quorum can talk. It is the multi-decree
//! parliament of Lamport's *The Part-Time Parliament* (1998) as told in *Paxos Made Simple* (2001), §3. The phases of
//! the document, in order:
//!
//! | phase | how often | what happens |
//! |---|---|---|
//! | elect | once for a leader | `Prepare` for *all* slots; `Promise` reports the votes in those that are not chosen |
//! | propose | per slot | the leader says `Accept` |
//! | decide | per slot | the acceptors vote, `Accepted` |
//! | learn | in passing | the next `Accept`, or a `Heartbeat`, says how far the log is chosen |
//!
//! So in the steady state a slot costs 2(N-1) messages and one sync of the disk on the way, leader and followers at the
//! same time.
//!
//! # Around the roles
//!
//! `replica.rs` routes each word to its role. `leading.rs` is how a node comes to lead, and stops. The failure detector,
//! which can be wrong without harm, and the reads that are not in the log are those of `paxos-leader`. [`Recall`] is how a
//! node comes back that has lost its disk. [`Standing`] is what a leader knows of the others.
//!
//! # Example
//!
//! Driven by hand, a cluster of one; its messages to itself take the same lanes as any other:
//!
//! ```
//! use paxos_messages::{Slot, multi::{Effects, Entry, Event, Output, Request, Timer}};
//! use paxos_multi::{Options, Replica};
//! use paxos_process::{NodeId, NodeSet, Process};
//! use paxos_quorums::Quorums;
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
//! let blue = Output::Chosen { slot: Slot(0), value: Entry::Command("blue") };
//! assert!(matches!(told[..], [Output::Leads { .. }, ref chosen] if *chosen == blue));
//! # Ok::<(), paxos_quorums::QuorumError>(())
//! ```
//!
//! # What it does not do
//!
//! It does not change its members. It does not execute commands, know clients, or batch: a command is any value, also a
//! batch of them (`paxos-kv` does all three). It does not tell a client what became of its command: whoever proposed
//! it sees it chosen, or does not, and a command may be chosen twice when it was proposed twice. It has no leases: a
//! read costs a question to a quorum. A node may be elected that is far behind; it serves when it has caught up. One that
//! receives a snapshot more slowly than the next is made never does, and keeps what it has voted for meanwhile.
#![no_std]

extern crate alloc;

mod replica;

mod leading;

mod recall;
mod standing;

mod observed;

pub use paxos_leader::Options;
pub use recall::Recall;
pub use replica::Replica;
pub use standing::Standing;

#[cfg(test)]
mod tests;

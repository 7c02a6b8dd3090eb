//! Basic Paxos: a proposer, an acceptor and a learner on every node, and one routing table.
//!
//! Together the nodes of a cluster choose *one* value, and never another, while messages are lost, repeated and
//! reordered and nodes crash and come back. This is the single-decree synod of Lamport's *The Part-Time Parliament*
//! (1998) as told in *Paxos Made Simple* (2001). The phases of the document, in order:
//!
//! | phase | what happens | who steps |
//! |---|---|---|
//! | elect | `Prepare` to all; each answers `Promise` or `Refused` | proposer, acceptors |
//! | propose | with a quorum of promises: `Accept` of the one safe value to all | proposer |
//! | decide | each votes, `Accepted`, or refuses | acceptors |
//! | learn | with a quorum of votes in one ballot: the value is chosen; `Learn` to the others | learners |
//!
//! Driven by hand, a cluster of one; its messages to itself take the same lanes as any other:
//!
//! ```
//! use paxos_basic::Replica;
//! use paxos_messages::single::{Effects, Event, Output, Request};
//! use paxos_process::{NodeId, NodeSet, Process};
//! use paxos_quorums::Quorums;
//!
//! let quorums = Quorums::majority(NodeSet::first(1))?;
//! let (mut replica, mut out) = (Replica::new(NodeId(1), quorums), Effects::new());
//! replica.step(Event::Request(Request::Propose("blue")), &mut out);
//!
//! while !(out.sends.is_empty() && out.sends_after_sync.is_empty()) {
//!     let mut now = std::mem::take(&mut out.sends); // asks leave at once
//!     out.records.clear(); // a real driver writes and syncs these here ...
//!     now.append(&mut out.sends_after_sync); // ... and only then lets the votes leave
//!     for sent in now {
//!         replica.step(Event::Receive { from: NodeId(1), message: sent.message }, &mut out);
//!     }
//! }
//! assert_eq!(out.outputs, [Output::Learned("blue")]);
//! # Ok::<(), paxos_quorums::QuorumError>(())
//! ```
//!
//! It does not decide twice (that is Multi-Paxos), change its members, or keep a leader; after a restart it knows
//! what it promised and voted for but has to ask again what is chosen ([`Request::Learn`]).
//!
//! [`Request::Learn`]: paxos_messages::single::Request::Learn
#![no_std]

extern crate alloc;

mod observed;
mod replica;

pub use replica::Replica;

#[cfg(test)]
mod tests;

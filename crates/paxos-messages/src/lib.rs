//! The words that every Paxos of this workspace speaks, one per idea.
//!
//! The phases of the document that the project grew out of, Lamport's names, and the names in this code:
//!
//! | the document | Lamport, *Paxos Made Simple* (2001), §2.2-2.3 | [`single::Message`] | [`Phase`] |
//! |---|---|---|---|
//! | election | phase 1 (a: prepare request, b: its response) | `Prepare` → `Promise` or `Refused` | [`Phase::Elect`] |
//! | proposal, `propose` | phase 2a, the accept request | `Accept` | [`Phase::Propose`] |
//! | decision by vote, `decide` | phase 2b, acceptance | `Accepted` or `Refused` | [`Phase::Decide`] |
//! | confirmation, `learn` | §2.3, learning a chosen value | `Learn` | [`Phase::Learn`] |
//!
//! Three words are easy to mix up, and every proof depends on not mixing them. *Accepted* is one acceptor's vote.
//! *Chosen* is a quorum's votes in one ballot: a fact about the whole system that may hold before anybody knows it.
//! *Learned* is knowing it.
//!
//! The crate holds data only. What the words do is in `paxos-proposer`, `paxos-acceptor` and `paxos-learner`; how
//! they become bytes is in `paxos-codec`. [`single`] is the vocabulary of deciding one value, and [`multi`] that of a log
//! of them, whose decisions are numbered by [`Slot`].
//!
//! ```
//! use paxos_messages::{Ballot, Phase, single::Message};
//! use paxos_process::NodeId;
//!
//! let first = Ballot { round: 1, node: NodeId(1) };
//! let rival = Ballot { round: 1, node: NodeId(2) };
//! assert!(first < rival, "equal rounds are ordered by the proposer, so no two proposers share a ballot");
//!
//! let accept = Message::Accept { ballot: rival, value: "blue" };
//! assert_eq!(accept.phase(), Phase::Propose);
//! assert_eq!(accept.to_string(), "Accept b1.2 blue");
//! ```
#![no_std]

extern crate alloc;

mod ballot;
mod bytes;
mod fact;
mod phase;
pub mod single;
mod slots;

pub mod multi;

pub use ballot::{Ballot, Slot, Vote};
pub use bytes::Bytes;
pub use fact::{Fact, Memory, Observed};
pub use phase::Phase;
pub use slots::Slots;

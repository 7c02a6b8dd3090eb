//! The proposer: it gets elected by a phase-1 quorum and proposes the only value that is safe.
//!
//! The sentences of Lamport's *Paxos Made Simple* (2001) that it implements, in our words:
//!
//! - §2.2, phase 1a: select a number and send a prepare request with it to (more than) a quorum of acceptors.
//! - §2.2, phase 2a: when a quorum has promised, send them an accept request whose value is that of the
//!   highest-numbered proposal among their answers, or any value if the answers report none.
//! - §2.5: use numbers no other proposer uses, and remember the highest one tried, in stable storage, so that the
//!   next is higher.
//! - §2.3: to find out whether a value has been chosen, issue a proposal; here a
//!   [`Request::Learn`](paxos_messages::single::Request::Learn), which proposes only what it finds.
//! - §2.4: two proposers can outbid each other for ever. That costs progress, never safety. The remedy here is a
//!   timer whose random length is the driver's.
//!
//! Four mistakes are made here more than anywhere else (all of them live on in `paxos-mutants`): adopting the most
//! *frequent* value, or one's own because one's ballot is higher; counting promises of an older ballot; counting
//! messages where distinct acceptors are meant; and using a ballot again after a restart.
//!
//! Driven by hand:
//!
//! ```
//! use paxos_messages::{Ballot, Vote, single::{Effects, Event, Message, Record, Request}};
//! use paxos_process::{NodeId, NodeSet, Process};
//! use paxos_proposer::single::Proposer;
//! use paxos_quorums::Quorums;
//!
//! let quorums = Quorums::majority(NodeSet::first(3))?;
//! let (mut proposer, mut out) = (Proposer::new(NodeId(2), quorums), Effects::new());
//!
//! // I want "mine". The ballot is recorded before anybody hears of it.
//! proposer.step(Event::Request(Request::Propose("mine")), &mut out);
//! let ballot = Ballot { round: 1, node: NodeId(2) };
//! assert_eq!(out.records, [Record::Round(ballot)]);
//! assert_eq!(out.sends_after_sync[0].message, Message::Prepare { ballot });
//!
//! // Two of three promise, and one has voted for "theirs" before: it may have been chosen, so it is adopted.
//! let earlier = Vote { ballot: Ballot { round: 1, node: NodeId(1) }, value: "theirs" };
//! for (acceptor, accepted) in [(1, Some(earlier)), (3, None)] {
//!     let message = Message::Promise { ballot, accepted };
//!     proposer.step(Event::Receive { from: NodeId(acceptor), message }, &mut out);
//! }
//! assert_eq!(out.sends[0].message, Message::Accept { ballot, value: "theirs" });
//! # Ok::<(), paxos_quorums::QuorumError>(())
//! ```
//!
//! It does not know whether its proposal was chosen: a learner counts votes, and tells it to stop with a `Learn`.
//! It does not elect a stable leader, batch, or remember its wish across a restart: whoever asked asks again.
#![no_std]

extern crate alloc;

pub mod single;

pub mod multi;

//! The learner: it counts votes and learns what a quorum has chosen.
//!
//! The sentences of Lamport's *Paxos Made Simple* (2001) that it implements, in our words:
//!
//! - §2.3: a value is chosen when a quorum of acceptors has accepted it *in one ballot*; a learner finds that out
//!   from the acceptors' answers.
//! - §2.3: acceptors may answer one distinguished learner, which then informs the others. Here that is the learner
//!   on the proposer's node: the acceptors answer the proposer anyway, and confirming to all is the fourth phase of
//!   the document.
//!
//! Votes are counted as *distinct acceptors per vote*: the same acceptor twice is one, and votes of two ballots are
//! never added up, even for the same value.
//!
//! Driven by hand:
//!
//! ```
//! use paxos_learner::single::Learner;
//! use paxos_messages::{Ballot, single::{Effects, Event, Message, Output}};
//! use paxos_process::{NodeId, NodeSet, Process};
//! use paxos_quorums::Quorums;
//!
//! let quorums = Quorums::majority(NodeSet::first(3))?;
//! let (mut learner, mut out) = (Learner::new(NodeId(1), quorums), Effects::new());
//! let accepted = Message::Accepted { ballot: Ballot { round: 1, node: NodeId(1) }, value: "blue" };
//!
//! for acceptor in [2, 2, 2] {
//!     learner.step(Event::Receive { from: NodeId(acceptor), message: accepted.clone() }, &mut out);
//! }
//! assert_eq!(learner.learned(), None, "three messages of one acceptor are one vote");
//!
//! learner.step(Event::Receive { from: NodeId(3), message: accepted }, &mut out);
//! assert_eq!(out.outputs, [Output::Learned("blue")]);
//! assert_eq!(out.sends[0].message, Message::Learn { value: "blue" }); // confirmed to the others
//! # Ok::<(), paxos_quorums::QuorumError>(())
//! ```
//!
//! It remembers nothing across a restart and needs not: what is chosen is in the acceptors' memory, and a proposer
//! can find it out again. It does not tell anybody who missed its one `Learn`; who wants to know asks.
#![no_std]

extern crate alloc;

pub mod single;

pub mod multi;

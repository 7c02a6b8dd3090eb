//! The acceptor: it promises, it votes, and it is the only role that must remember.
//!
//! The sentences of Lamport's *Paxos Made Simple* (2001) that it implements, in our words:
//!
//! - §2.2, phase 1b: answer a prepare request whose number is greater than that of any prepare request already
//!   answered, with a promise to accept nothing lower and with the highest-numbered proposal already accepted.
//! - §2.2, phase 2b: accept a proposal unless a prepare request with a greater number has been answered.
//! - §2.5: remember the highest proposal ever accepted and the highest promise, across failures, by writing to
//!   stable storage *before* answering.
//!
//! The paper does not say in words that accepting also raises the promise. It must: in Lamport's specification an
//! acceptor has one number, `maxBal`, and `Phase2b` sets it. An acceptor that votes in ballot 2 and may still vote in
//! ballot 1 lets two values be chosen; `paxos-mutants` keeps that mistake and its counterexample.
//!
//! | asked | when | answer |
//! |---|---|---|
//! | `Prepare b` | b > promised | `Promise`, after the record is stable |
//! | | b = promised, no vote in b | the identical `Promise` again |
//! | | b = promised, voted in b | silence: the proposer of b is past its election |
//! | | b < promised | `Refused`, at once |
//! | `Accept b v` | b ≥ promised | `Accepted`, after the record is stable |
//! | | b < promised | `Refused`, at once |
//!
//! Driven by hand:
//!
//! ```
//! use paxos_acceptor::single::Acceptor;
//! use paxos_messages::{Ballot, single::{Effects, Event, Message, Record}};
//! use paxos_process::{NodeId, Process};
//!
//! let (proposer, mut out) = (NodeId(1), Effects::<char>::new());
//! let ballot = Ballot { round: 1, node: proposer };
//! let mut acceptor = Acceptor::new();
//!
//! acceptor.step(Event::Receive { from: proposer, message: Message::Prepare { ballot } }, &mut out);
//! assert_eq!(out.records, [Record::Promised(ballot)]); // write this, sync it, and only then
//! assert_eq!(out.sends_after_sync[0].message, Message::Promise { ballot, accepted: None }); // let this leave
//!
//! // A restart: replay what was synced, and the promise holds.
//! let mut again = Acceptor::<char>::new();
//! out.records.drain(..).for_each(|record| again.replay(record));
//! assert_eq!(again, acceptor);
//! ```
//!
//! It does not know its peers, count anything, pick values, or learn what is chosen. It does not write: its driver
//! does, and keeps the order that `paxos-process` states. It answers whoever asks; who may ask is the driver's
//! business.
#![no_std]

extern crate alloc;

pub mod single;

pub mod multi;

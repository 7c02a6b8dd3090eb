//! Paxos written once, as pure roles: the facade, and the guided tour.
//!
//! This crate holds no code. It gathers the pure crates of the workspace under one name, in the order in which they
//! are best read:
//!
//! 1. [`process`]: the contract. A protocol is a state machine with one method; a driver carries out its effects.
//! 2. [`messages`]: the words. Ballot, phase, promise, vote; what is accepted, chosen, learned.
//! 3. [`quorums`]: why it works. Any phase-1 quorum meets any phase-2 quorum.
//! 4. [`acceptor`]: the memory. It promises and votes, and both are stable before they are said.
//! 5. [`proposer`]: the judgement. It asks a quorum, and adopts what may have been chosen.
//! 6. [`learner`]: the knowledge. It counts votes per ballot and confirms.
//! 7. [`basic`]: Basic Paxos, the three on one node.
//! 8. [`leader`]: what leaders of any log have in common.
//! 9. [`multi`]: Multi-Paxos, a log from the same roles.
//! 10. [`raft`]: Raft, the log that it is compared with.
//!
//! # A cluster in a `for` loop
//!
//! Nothing below is a framework: three replicas, a mailbox, and the rule that votes leave after the sync. Node 1 and
//! node 2 want different values; whichever order the messages take, one is chosen.
//!
//! ```
//! use paxos::basic::Replica;
//! use paxos::messages::single::{Effects, Event, Output, Request};
//! use paxos::process::{NodeId, NodeSet, Process};
//! use paxos::quorums::Quorums;
//!
//! let quorums = Quorums::majority(NodeSet::first(3))?;
//! let mut nodes: Vec<_> = (1..=3).map(|id| Replica::new(NodeId(id), quorums)).collect();
//! let mut events = vec![
//!     (NodeId(1), Event::Request(Request::Propose("blue"))),
//!     (NodeId(2), Event::Request(Request::Propose("green"))),
//! ];
//! let (mut out, mut learned) = (Effects::new(), Vec::new());
//! while let Some((id, event)) = events.pop() {
//!     nodes[usize::from(id.0) - 1].step(event, &mut out);
//!     out.records.clear(); // a real driver writes and syncs them before it goes on
//!     for sent in out.sends.drain(..).chain(out.sends_after_sync.drain(..)) {
//!         for to in sent.to {
//!             events.push((to, Event::Receive { from: id, message: sent.message.clone() }));
//!         }
//!     }
//!     learned.extend(out.outputs.drain(..));
//! }
//! assert!(learned.len() >= 3, "every node learns, and late requests are answered again");
//! assert!(learned.iter().all(|output| *output == learned[0]), "one value");
//! # Ok::<(), paxos::quorums::QuorumError>(())
//! ```
//!
//! To run it for real, see the crates `paxos-node` and `paxos-wal`; to search it, `paxos-sim` and `paxos-check`; to
//! see it broken, `paxos-mutants`. An engineer who needs one role depends on that role's crate alone.
#![no_std]

pub use paxos_acceptor as acceptor;
pub use paxos_basic as basic;
pub use paxos_leader as leader;
pub use paxos_learner as learner;
pub use paxos_messages as messages;
pub use paxos_multi as multi;
pub use paxos_process as process;
pub use paxos_proposer as proposer;
pub use paxos_quorums as quorums;
pub use paxos_raft as raft;

/// The README's Rust is compiled and run.
#[cfg(doctest)]
#[doc = include_str!("../../../README.md")]
struct Readme;

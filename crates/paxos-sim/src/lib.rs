//! One world, many choosers.
//!
//! A [`World`] holds a cluster between two events: its processes, what is on their disks and what is not yet, the
//! votes held back, the timers that are set, and the messages in flight. A [`Choice`] is one thing that can happen
//! next. A run is a list of choices; so is a counterexample. Who chooses makes the lens:
//!
//! - [`Random`] chooses by a seed: a simulation, the same to the byte each time.
//! - [`Script`] chooses by a text that a person wrote: a story with its expected lines, a golden test, a replay.
//! - [`timed`] lets a clock choose: latencies, syncs, timers and everything that fails, drawn from a seed.
//! - `paxos-check` chooses everything: a model checker.
//!
//! [`conformance`](mod@conformance) holds any protocol to the contract of a process, by runs of the timed chooser.
//!
//! The world knows no protocol. It runs any [`Process`](paxos_process::Process) that is
//! [`Observed`](paxos_messages::Observed), and judges it by the [`Invariant`]s, which are stated over what was *said*
//! (promises, votes, proposals), not over what the processes believe.
//!
//! What the network may do: deliver in any order, late, twice, or never. What a node may do: crash at any moment,
//! forgetting records that were not synced and votes held for them, and come back with what its disk holds. Links may be
//! cut, each in one direction, and be whole again. What nobody may do: invent messages, or lose what was synced.
//!
//! ```
//! use paxos_basic::Replica;
//! use paxos_messages::single::Request;
//! use paxos_process::{NodeId, NodeSet};
//! use paxos_quorums::Quorums;
//! use paxos_sim::{Choice, Invariant, Setting, World};
//!
//! let quorums = Quorums::majority(NodeSet::first(3))?;
//! let mut world = World::new(Setting::new(quorums), |id| Replica::new(id, quorums));
//! world.apply(&Choice::Request(NodeId(1), Request::Propose("a")), &mut ());
//! assert!(world.network().is_empty(), "the ballot is not stable yet, so nobody hears of it");
//! world.apply(&Choice::Sync(NodeId(1)), &mut ());
//! assert_eq!(world.network().len(), 3, "a Prepare to each, itself included");
//! world.stabilize(&mut ());
//! assert_eq!(world.process(NodeId(3)).learner().learned(), Some(&"a"));
//! assert_eq!(world.violated(&Invariant::ALL), None);
//! # Ok::<(), paxos_quorums::QuorumError>(())
//! ```

mod world;

mod bounds;
mod choice;
mod diagram;
mod history;
mod invariants;
mod minimise;
mod node;
mod random;
mod script;
mod setting;
mod trace;
mod watch;

pub mod timed;

pub mod conformance;

pub use bounds::{Bounds, Spent};
pub use choice::{Choice, ChoiceOf};
pub use diagram::Diagram;
pub use history::History;
pub use invariants::Invariant;
pub use minimise::{Smaller, minimise, minimise_within};
pub use random::{Random, Tally};
pub use script::{Command, Header, Links, Replayed, Script, ScriptError, Scriptable, Which, write_path};
pub use setting::{Disk, Loopback, Setting};
pub use trace::Trace;
pub use watch::{Happening, Packet, Watch};
pub use world::{Commute, World};

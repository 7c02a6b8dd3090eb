//! Runs as files.
//!
//! A process is deterministic, so a run is its *inputs*: what each node received, which of its alarms went off, what it
//! was asked, when its disk had everything, when it crashed. Whoever has those has the run. This crate writes them down
//! while a run happens, in the format `paxos-run/1`, whether it happens in a simulated [`World`](paxos_sim::World) or
//! between real nodes with sockets and disks; and it takes such files to a world again, where the run can be judged by the
//! invariants, told as a script, kept as a test, or drawn.
//!
//! ```text
//!  World, any chooser ──┐                                   ┌── script, Rust test
//!                       ├─ Recorder ─ paxos-run/1 ─ replay ─┼── paxos-trace/1, for Lamport's specification
//!  real nodes ──────────┘                                   └── Mermaid, SVG, text
//! ```
//!
//! In reading order: [`Recorder`] writes, [`Run`] is what it has written, read again; [`replay`] is the way back into a
//! world; [`Mermaid`], [`SpaceTime`] and [`rust_test`] are what else can be made of it.
//!
//! ```
//! use paxos_basic::Replica;
//! use paxos_messages::single::Request;
//! use paxos_process::NodeId;
//! use paxos_sim::{Choice, Header, Invariant, World};
//! use paxos_trace::{Recorder, Run, replay};
//!
//! let header = Header::new("basic", 3)?;
//! let fresh = || World::new(header.setting(), |id| Replica::<String>::new(id, header.quorums));
//!
//! let (mut world, mut recorder) = (fresh(), Recorder::of_world(Vec::new(), &header));
//! world.apply(&Choice::Request(NodeId(1), Request::Propose("a".to_owned())), &mut recorder);
//! world.stabilize(&mut recorder);
//!
//! let run = Run::read(recorder.finish()?.as_slice())?;
//! let replayed = replay(&[run], fresh(), &mut ())?;
//! assert_eq!(replayed.world, world);
//! assert_eq!(replayed.world.violated(&Invariant::ALL), None);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # What it does not do
//!
//! It does not record what a client of a real node does beyond what its node is asked. It cannot follow a node into the
//! middle of its life: a record begins with the memory of its node, or it is refused. A node that has lost its memory, and
//! knows that, comes back in a world of its own making; the record of a real one is refused too.

mod record;

mod run;

mod replay;

mod mermaid;

mod space_time;

mod test;

pub use mermaid::Mermaid;
pub use record::Recorder;
pub use replay::{ReplayError, Replayed, replay, replay_first};
pub use run::{Does, Input, ReadError, Run};
pub use space_time::SpaceTime;
pub use test::rust_test;

//! Systems that are ready to be simulated: what is asked of them, how long their timers take, and what it means that they
//! have recovered.
//!
//! Each is generic over the process, so that a mutant is put where the protocol is, and asked the same.
//!
//! ```
//! use paxos_models::simulated;
//! use paxos_sim::timed;
//!
//! let run = timed::simulate(&simulated::multi(3, |id, quorums, options| {
//!     paxos_multi::Replica::<String>::new(id, quorums, options)
//! }), 7, &mut ());
//! assert_eq!(run.violation, None);
//! ```

mod basic;
mod kv;
mod multi;

pub use basic::{Basic, BasicLoad, basic};
pub use kv::{Kv, KvLoad, STORE, Tally, kv, service, service_on_raft};
pub use multi::{Multi, MultiLoad, OPTIONS, multi};

//! A model checker, meant to be read: breadth-first search over the worlds of `paxos-sim`.
//!
//! It starts from a world, lets everything happen next that [`Bounds`] allow, and goes on until there is nothing new.
//! If an invariant fails on the way, the path to it is a *shortest* one: breadth-first, every run with fewer choices
//! that it considers was looked at before. Whatever can then be left out of it is left out. If none fails and the
//! search has come to its end, the invariants hold in every run within the bounds. That is a proof, for these bounds
//! and this code, and for nothing else.
//!
//! ```
//! use paxos_basic::Replica;
//! use paxos_check::{Limits, Verdict, check};
//! use paxos_messages::single::Request;
//! use paxos_process::{NodeId, NodeSet};
//! use paxos_quorums::Quorums;
//! use paxos_sim::{Bounds, Setting, World};
//!
//! let quorums = Quorums::majority(NodeSet::first(2))?;
//! let world = World::new(Setting::new(quorums), |id| Replica::new(id, quorums));
//! let bounds = Bounds::requests(vec![(NodeId(1), Request::Propose('a')), (NodeId(2), Request::Propose('b'))]);
//! let report = check(&world, &bounds, &Limits::default(), |_| {});
//! assert_eq!(report.verdict, Verdict::Holds);
//! # Ok::<(), paxos_quorums::QuorumError>(())
//! ```

mod search;

mod asleep;
mod expand;
mod report;
mod seen;
mod state_file;
mod steps;
mod walk;

#[cfg(feature = "stateright")]
mod stateright;

pub use paxos_sim::Bounds;
pub use report::{Limits, Progress, Report, Verdict};
pub use search::{check, check_with_file};
pub use state_file::StateFileError;
#[cfg(feature = "stateright")]
pub use stateright::WorldModel;

use std::hash::Hash;

use paxos_messages::Observed;

/// What can be searched: an observed process of plain data, so that several threads may look at it.
pub trait Checkable:
    Observed<
        Message: Send + Sync,
        Record: Send + Sync,
        Timer: Send + Sync,
        Request: Send + Sync,
        Output: Send + Sync,
        Decree: Send + Sync,
    > + Clone
    + Eq
    + Hash
    + Send
    + Sync
{
}

impl<P> Checkable for P where
    P: Observed<
            Message: Send + Sync,
            Record: Send + Sync,
            Timer: Send + Sync,
            Request: Send + Sync,
            Output: Send + Sync,
            Decree: Send + Sync,
        > + Clone
        + Eq
        + Hash
        + Send
        + Sync
{
}

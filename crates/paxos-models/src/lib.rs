//! What is checked, and what came out.
//!
//! - [`claims`]: every exhaustive run that the workspace relies on, with its bounds and the number of states it must
//!   have. A number that changes is a change of the protocol or of the world, and has to be looked at.
//! - [`lamport`]: our own acceptor and our own value-selection rule under the abstraction of Lamport's specification,
//!   which has a known number of states.
//! - [`simulated`]: systems that a timed simulation can run, with what is asked of them.
//!
//! ```
//! let counted = paxos_models::lamport::count(2, 10_000);
//! assert_eq!((counted.states, counted.depth), (3_921, 17));
//! ```

pub mod claims;
pub mod lamport;
pub mod simulated;

mod quiet;

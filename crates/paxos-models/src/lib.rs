//! What is checked, and what came out.
//!
//! - [`claims`]: every exhaustive run that the workspace relies on, with its bounds and the number of states it must
//!   have. A number that changes is a change of the protocol or of the world, and has to be looked at.
//! - [`lamport`]: our own acceptor and our own value-selection rule under the abstraction of Lamport's specification,
//!   which has a known number of states.
//!
//! ```
//! let counted = paxos_models::lamport::count(2, 10_000);
//! assert_eq!((counted.states, counted.depth), (3_921, 17));
//! ```

pub mod claims;
pub mod lamport;

mod quiet;

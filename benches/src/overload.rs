//! Clients that mean no good, or are simply too many, for the bench `overload`: an open loop, a crowd, and those that read
//! nothing; and what shows whether the cluster bore them.

mod crowd;
mod ledger;
mod load;
mod memory;
mod silent;

pub use crowd::{Crowd, raise_open_files};
pub use ledger::{End, Figures, Ledger};
pub use load::{Offered, closed_loop, open_loop};
pub use memory::Watched;
pub use silent::Silent;

//! Builds only if no pure crate links the standard library.
//!
//! A program has exactly one panic handler. This crate defines one, and std has one: if anything below links std,
//! rustc stops with E0152, duplicate lang item `panic_impl`. That needs no target without std to be installed. A crate
//! counts only when it is used, so each is named here. `xtask/tests/no_std.rs` builds this, and shows that with the
//! features `with-std` and `with-std-below` it does not build.

#![no_std]

use paxos as _;
use paxos_acceptor as _;
use paxos_basic as _;
use paxos_kv as _;
use paxos_leader as _;
use paxos_learner as _;
use paxos_messages as _;
use paxos_multi as _;
use paxos_process as _;
use paxos_proposer as _;
use paxos_quorums as _;
use paxos_raft as _;

#[cfg(feature = "with-std")]
extern crate std;

#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    loop {}
}

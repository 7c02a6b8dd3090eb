//! Who is compared, and at what.

use bytes::Bytes;

use super::{
    Batch, Load, Measure, Node, One, Outcome, Payload, bare::Bare, omni_paxos::Omni, ours::Ours, raft_io::RaftIo,
    raft_rs::RaftRs, run,
};

/// A library in one of its ways.
#[derive(Clone, Copy)]
pub struct Contender {
    /// The library.
    pub library: &'static str,
    /// Whether all commands that are offered together are one entry of its log, made by the application.
    pub together: bool,
    /// Does a run, as [`run()`].
    pub run: fn(Load, Measure<'_>) -> Outcome,
}

impl Contender {
    const fn new<N: Node>(library: &'static str, together: bool) -> Self {
        Self { library, together, run: run::<N> }
    }
}

/// All that take part with commands of `payload` bytes, `in_flight` at a time. One command alone is not joined with
/// others, so there is one way then.
#[must_use]
pub fn contenders(payload: usize, in_flight: usize) -> Vec<Contender> {
    let mut all = if payload == 16 { all_with::<[u8; 16]>() } else { all_with::<Bytes>() };
    all.retain(|contender| in_flight > 1 || !contender.together);
    all
}

fn all_with<P: Payload>() -> Vec<Contender> {
    vec![
        Contender::new::<Ours<Batch<P>>>(OURS, true),
        Contender::new::<Ours<One<P>>>(OURS, false),
        Contender::new::<Omni<One<P>>>("omnipaxos", false),
        Contender::new::<Omni<Batch<P>>>("omnipaxos", true),
        Contender::new::<RaftRs<false>>("raft", false),
        Contender::new::<RaftRs<true>>("raft", true),
        Contender::new::<RaftIo<false>>("raft-io", false),
        Contender::new::<RaftIo<true>>("raft-io", true),
        Contender::new::<Bare<One<P>>>(NONE, false),
        Contender::new::<Bare<Batch<P>>>(NONE, true),
    ]
}

/// Ours.
pub const OURS: &str = "paxos-multi";
/// What is left when a log costs nothing; nobody's peer.
pub const NONE: &str = "(none)";

/// What is compared: nodes, bytes of a command, commands in flight.
pub const CELLS: [(usize, usize, usize); 12] = [
    (3, 16, 1),
    (3, 16, 64),
    (3, 16, 1024),
    (3, 1024, 1),
    (3, 1024, 64),
    (3, 1024, 1024),
    (5, 16, 1),
    (5, 16, 64),
    (5, 16, 1024),
    (5, 1024, 1),
    (5, 1024, 64),
    (5, 1024, 1024),
];

//! The timed chooser: a simulation with clocks, latencies, slow disks and everything that goes wrong with them.
//!
//! It keeps a virtual clock and an agenda of what is due. What is due becomes a [`Choice`](crate::Choice) applied to the
//! one [`World`], so a timed run is a list of choices like any other: it is judged by the same invariants, written as a
//! script, drawn, traced and made smaller by the same code. Time is not in the path; what time decided is.
//!
//! [`Random`](crate::Random) gives each event a weight, and finds orders that no clock would give. Here a heartbeat
//! is late because its link is slow, and a leader is deposed because its node was paused: runs that look like those of
//! a data centre, thousands of times as fast.
//!
//! A run has two phases. In the first, [`Conditions`] drawn from the seed decide what fails and how often; each seed
//! switches more than half of the kinds off (swarm testing; Groce and others, ISSTA 2012). Then all is mended, and the
//! cluster must get on within [`Limits::healing`] of virtual time: what was broken may delay it, not stop it.
//!
//! What is never done is what no protocol survives: more disks are not damaged at rest than the others can stand in
//! for, and a node that its store refuses stays down or comes back as one that knows that it has lost its memory.

mod agenda;
mod conditions;
mod counts;
mod delay;
mod ears;
mod engine;
mod failing;
mod network;
mod partition;
mod shrink;
mod storage;
mod store;
mod strike;

use std::{fmt, hash::Hash, mem::discriminant, ops::RangeInclusive, time::Duration};

use paxos_messages::Observed;
use paxos_process::{NodeId, NodeSet, Process};
use serde::{Serialize, de::DeserializeOwned};

use crate::{ChoiceOf, Happening, Invariant, Setting, Watch, World};

pub use conditions::{Conditions, Costs, DiskFaults};
pub use counts::{Counts, Kind};
pub use delay::Jitter;
pub(crate) use failing::stands_by;
pub use shrink::shrink;
pub use storage::{Reopen, Storage};

/// A protocol, and what a simulation needs to know to run it.
pub trait System {
    /// What runs on each node.
    type Process: Observed<Record: Serialize + DeserializeOwned> + Clone + Eq + Hash;
    /// What is asked of it.
    type Load: Load<Self::Process>;

    /// The cluster. Its disks sync when the simulation says so.
    fn setting(&self) -> Setting;

    /// The process of a node, new.
    fn make(&self, id: NodeId) -> Self::Process;

    /// How long a timer takes: between these, anew each time it is set.
    fn clock(&self, timer: <Self::Process as Process>::Timer) -> RangeInclusive<Duration>;

    /// What is asked in the run of this seed.
    fn load(&self, seed: u64) -> Self::Load;

    /// What must hold after every choice.
    fn invariants(&self) -> Vec<Invariant> {
        Invariant::ALL.to_vec()
    }

    /// How long a run is.
    fn limits(&self) -> Limits;

    /// What stands between its nodes and their disks.
    fn storage(&self) -> Storage {
        Storage::SOUND
    }

    /// How many bytes a message is on the wire, for those who count them.
    fn size(&self, _message: &<Self::Process as Process>::Message) -> usize {
        0
    }
}

/// How long a run is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// How long things go wrong.
    pub faults: Duration,
    /// How long the cluster has after that until it gets on: the bound that liveness is judged by.
    pub healing: Duration,
    /// How many choices the first phase may have.
    pub choices: usize,
}

/// The applications of the nodes, and the clients behind them.
pub trait Load<P: Observed> {
    /// What is asked now, appended to `requests`, and when to ask again.
    fn ask(&mut self, now: Duration, world: &World<P>, requests: &mut Vec<(NodeId, P::Request)>) -> Option<Duration>;

    /// Something has happened.
    fn see(&mut self, now: Duration, happening: &Happening<'_, P>);

    /// Nothing fails from now on.
    fn mended(&mut self, now: Duration);

    /// Whether the cluster has got on since then: decided, and told all of `nodes`, which are those that are up for good.
    fn has_recovered(&self, nodes: NodeSet, world: &World<P>) -> bool;

    /// What is wrong with what was seen, if anything is: asked once, at the end.
    fn complaint(&mut self, _world: &World<P>) -> Option<String> {
        None
    }
}

/// What a run has shown to be wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Violation {
    /// An invariant failed.
    Invariant(Invariant),
    /// Liveness: all was mended, and the cluster did not get on in time.
    DoesNotRecover,
    /// A log gave back something else than what was written to it.
    WrongRecord(String),
    /// The load is not content, such as a client that read what it must not.
    Complaint(String),
    /// A process panicked: one of its own assertions failed.
    Panicked(String),
}

impl Violation {
    /// Whether it is the same mistake, as far as one can tell: the same invariant, or the same kind of anything else.
    #[must_use]
    pub fn is_like(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Invariant(one), Self::Invariant(other)) => one == other,
            _ => discriminant(self) == discriminant(other),
        }
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Invariant(invariant) => write!(f, "{invariant}"),
            Self::DoesNotRecover => f.write_str("DoesNotRecover"),
            Self::WrongRecord(what) => write!(f, "WrongRecord: {what}"),
            Self::Complaint(what) => write!(f, "Complaint: {what}"),
            Self::Panicked(what) => write!(f, "Panicked: {what}"),
        }
    }
}

/// One run, over.
#[derive(Debug)]
pub struct Run<S: System> {
    /// The choices made.
    pub path: Vec<ChoiceOf<S::Process>>,
    /// How many of them were made before all was mended.
    pub broken: usize,
    /// The world at the end.
    pub world: World<S::Process>,
    /// The load at the end.
    pub load: S::Load,
    /// What happened how often.
    pub counts: Counts,
    /// What was wrong; the run stops there.
    pub violation: Option<Violation>,
    /// How much virtual time went by.
    pub time: Duration,
    /// How much of it was needed to get on after all was mended.
    pub healing: Duration,
}

impl<S: System> Run<S> {
    /// A number that is the same for the same choices, on every machine and in every build.
    #[must_use]
    pub fn fingerprint(&self) -> u64 {
        // FNV-1a, over the choices as they are shown: nothing in it depends on how large a pointer is.
        let mut hash = 0xcbf2_9ce4_8422_2325_u64;
        for choice in &self.path {
            for byte in format!("{choice:?}").bytes() {
                hash = (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3);
            }
        }
        hash
    }
}

/// Runs `system` under whatever `seed` draws, and tells `watch` what happens.
pub fn simulate<S: System>(system: &S, seed: u64, watch: &mut impl Watch<S::Process>) -> Run<S> {
    let conditions = Conditions::swarm(seed, system.setting().quorums.members(), &system.limits());
    simulate_under(system, conditions, seed, watch)
}

/// Runs `system` under these conditions; everything else that chance decides is drawn from `seed`.
///
/// # Panics
///
/// When the system's disks do not wait for a sync.
pub fn simulate_under<S: System>(
    system: &S,
    conditions: Conditions,
    seed: u64,
    watch: &mut impl Watch<S::Process>,
) -> Run<S> {
    engine::Engine::new(system, conditions, seed, watch).run()
}

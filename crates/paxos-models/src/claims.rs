//! The claims: every exhaustive run that the workspace relies on.

mod log;
mod raft;

use std::path::Path;

use paxos_basic::Replica;
use paxos_check::{Checkable, Limits, Progress, StateFileError, Verdict, check, check_with_file};
use paxos_messages::{multi, single::Request};
use paxos_process::{NodeId, NodeSet};
use paxos_quorums::Quorums;
use paxos_sim::{Bounds, Disk, Loopback, Setting, World};

pub use log::multi;
pub use raft::raft;

use crate::quiet::Quiet;

/// What the search for a claim has found out.
#[derive(Clone, Debug)]
pub struct Found {
    /// Whether the invariants hold; without the choices that lead to a failure, which `paxos check` shows.
    pub verdict: Verdict<()>,
    /// How far it came.
    pub progress: Progress,
}

/// Whose runs are searched, and what may happen in them.
#[derive(Clone, Debug)]
pub enum Protocol {
    /// Basic Paxos.
    Basic(Bounds<Request<char>>),
    /// Multi-Paxos.
    Multi(Bounds<multi::Request<char>>),
    /// Multi-Paxos whose heartbeats are all lost: how far the log is chosen is said with the next proposal.
    Quiet(Bounds<multi::Request<char>>),
    /// Raft.
    Raft(Bounds<multi::Request<char>>),
}

/// An exhaustive run and what must come out.
#[derive(Clone, Debug)]
pub struct Claim {
    /// Its name on the command line. What ends in `-short` has the star of [`basic`].
    pub name: &'static str,
    /// What is explored, in words.
    pub what: &'static str,
    /// The world.
    pub setting: Setting,
    /// Whose runs, and what may happen in them.
    pub protocol: Protocol,
    /// How long a run may be; `None` is every run, to its end.
    pub depth: Option<usize>,
    /// How many distinct states there must be.
    pub states: usize,
    /// Whether it is small enough for every run of the tests. The others are run by `cargo paxos check claims`.
    pub quick: bool,
    /// Whether it takes so long that it is run by its name only.
    pub large: bool,
}

impl Claim {
    /// Runs it within `limits`; how long a run may be is a part of the claim.
    ///
    /// # Panics
    ///
    /// Never: only a file can fail, and there is none.
    #[must_use]
    pub fn check(&self, limits: &Limits, tell: impl FnMut(&Progress)) -> Found {
        self.run(None, limits, tell).expect("only a file can fail, and there is none")
    }

    /// As [`check`](Self::check), and writes what is found to `file`, or goes on from it.
    ///
    /// # Errors
    ///
    /// When the file is of another search, damaged, or cannot be written.
    pub fn check_with_file(
        &self,
        file: &Path,
        limits: &Limits,
        tell: impl FnMut(&Progress),
    ) -> Result<Found, StateFileError> {
        self.run(Some(file), limits, tell)
    }

    fn run(&self, file: Option<&Path>, limits: &Limits, tell: impl FnMut(&Progress)) -> Result<Found, StateFileError> {
        let (setting, quorums) = (self.setting, self.setting.quorums);
        let log = |id| paxos_multi::Replica::new(id, quorums, paxos_multi::Options::default());
        let limits = Limits { depth: self.depth.unwrap_or(usize::MAX), ..limits.clone() };
        let raft = |id| paxos_raft::Replica::new(id, quorums, paxos_raft::Options::default());
        let named = |model| file.map(|file| (file, model));
        match &self.protocol {
            Protocol::Basic(bounds) => {
                search(&World::new(setting, |id| Replica::new(id, quorums)), bounds, &limits, named("basic"), tell)
            }
            Protocol::Multi(bounds) => search(&World::new(setting, log), bounds, &limits, named("multi"), tell),
            Protocol::Raft(bounds) => search(&World::new(setting, raft), bounds, &limits, named("raft"), tell),
            Protocol::Quiet(bounds) => {
                search(&World::new(setting, |id| Quiet(log(id))), bounds, &limits, named("multi, quiet"), tell)
            }
        }
    }

    /// Whether `found` is as claimed; `None` when the search was stopped, or reached a limit, before it could tell.
    #[must_use]
    pub fn is_kept(&self, found: &Found) -> Option<bool> {
        let counted = found.progress.states == self.states;
        match (&found.verdict, self.depth) {
            (Verdict::Holds, None) => Some(counted),
            (Verdict::NotExhaustive, Some(depth)) if found.progress.depth == depth => Some(counted),
            (Verdict::NotExhaustive, _) => None,
            (Verdict::Holds, Some(_)) | (Verdict::Violated { .. }, _) => Some(false),
        }
    }
}

fn search<P: Checkable>(
    world: &World<P>,
    bounds: &Bounds<P::Request>,
    limits: &Limits,
    file: Option<(&Path, &str)>,
    tell: impl FnMut(&Progress),
) -> Result<Found, StateFileError> {
    let report = match file {
        None => check(world, bounds, limits, tell),
        Some(file) => check_with_file(world, bounds, limits, file, tell)?,
    };
    let verdict = match report.verdict {
        Verdict::Holds => Verdict::Holds,
        Verdict::Violated { invariant, .. } => Verdict::Violated { invariant, path: Vec::new() },
        Verdict::NotExhaustive => Verdict::NotExhaustive,
    };
    Ok(Found { verdict, progress: report.progress })
}

/// Node 1 wants `a`, node 2 wants `b`, and so on; nothing fails.
#[must_use]
pub fn rivals(proposers: u8) -> Bounds<Request<char>> {
    let request = |id| (NodeId(id), Request::Propose(char::from(b'a' + id - 1)));
    Bounds::requests((1..=proposers.min(26)).map(request).collect())
}

/// All claims: those of Basic Paxos, then those of Multi-Paxos, then those of Raft.
#[must_use]
pub fn all() -> Vec<Claim> {
    let mut claims = basic();
    claims.extend(multi());
    claims.extend(raft());
    claims
}

/// The claim of this name.
#[must_use]
pub fn named(name: &str) -> Option<Claim> {
    all().into_iter().find(|claim| claim.name == name)
}

/// Those of Basic Paxos, about in order of size. A star marks those in which a node hears its own messages at once, which is
/// fewer runs than there are ([`Loopback::AtOnce`]); a crash is one of any node, at any moment, with its restart.
///
/// # Panics
///
/// Never: the quorums written here intersect.
#[must_use]
pub fn basic() -> Vec<Claim> {
    let majority = |nodes| Quorums::majority(NodeSet::first(nodes)).expect("a majority");
    let flexible = Quorums::flexible(NodeSet::first(4), 3, 2).expect("3 + 2 > 4");
    let grid = Quorums::grid(NodeSet::first(4), 2).expect("two rows of two");
    // ANCHOR: claims
    // Everything is a choice; or only what can matter: see `Disk` and `Loopback`.
    let full = |quorums| Setting { disk: Disk::AtOnce, ..Setting::new(quorums) };
    let short = |quorums| Setting { loopback: Loopback::AtOnce, ..full(quorums) };
    let crash = || Bounds { crashes: 1, may_crash: NodeSet::first(3), ..rivals(2) };
    let one_crash = |proposers| Bounds { crashes: 1, may_crash: NodeSet::first(4), ..rivals(proposers) };
    let asked_twice = ['a', 'b'].map(|value| (NodeId(1), Request::Propose(value))).to_vec();
    let retry = Bounds { fires: 1, may_fire: NodeSet::only(NodeId(1)), ..rivals(2) };
    let claim = |name, what, setting, bounds, states, quick| {
        let protocol = Protocol::Basic(bounds);
        Claim { name, what, setting, protocol, depth: None, states, quick, large: false }
    };
    vec![
        claim(
            "basic-even-crash",
            "4 acceptors (even), 1 proposer, 1 crash",
            Setting::new(majority(4)),
            one_crash(1),
            39_276,
            true,
        ),
        claim(
            "basic-flexible-crash",
            "4 acceptors, quorums of 3 and 2, 1 proposer, 1 crash",
            Setting::new(flexible),
            one_crash(1),
            78_129,
            true,
        ),
        claim("basic-short", "3 acceptors, 2 proposers *", short(majority(3)), rivals(2), 69_278, true),
        claim("basic", "3 acceptors, 2 proposers", full(majority(3)), rivals(2), 777_187, true),
        claim(
            "basic-twice-crash-short",
            "3 acceptors, 1 proposer asked twice, 1 crash *",
            Setting { disk: Disk::Manual, ..short(majority(3)) },
            Bounds { crashes: 1, may_crash: NodeSet::first(3), ..Bounds::requests(asked_twice) },
            247_571,
            true,
        ),
        claim(
            "basic-duplicate-short",
            "3 acceptors, 2 proposers, 1 message twice *",
            short(majority(3)),
            Bounds { duplicates: 1, ..rivals(2) },
            926_157,
            true,
        ),
        claim(
            "basic-crash-short",
            "3 acceptors, 2 proposers, 1 crash *",
            Setting { disk: Disk::Manual, ..short(majority(3)) },
            crash(),
            1_780_804,
            true,
        ),
        claim("basic-even-short", "4 acceptors (even), 2 proposers *", short(majority(4)), rivals(2), 1_963_301, true),
        Claim {
            depth: Some(14),
            ..claim(
                "basic-retry-short",
                "3 acceptors, 2 proposers, the first retries *",
                short(majority(3)),
                retry,
                1_033_810,
                true,
            )
        },
        claim(
            "basic-flexible-short",
            "4 acceptors, quorums of 3 and 2, 2 proposers *",
            short(flexible),
            rivals(2),
            8_024_840,
            false,
        ),
        claim(
            "basic-grid-short",
            "4 acceptors, grid of 2 rows, 2 proposers *",
            short(grid),
            rivals(2),
            11_390_654,
            false,
        ),
        claim(
            "basic-crash",
            "3 acceptors, 2 proposers, 1 crash",
            Setting::new(majority(3)),
            crash(),
            16_498_949,
            false,
        ),
    ]
    // ANCHOR_END: claims
}

#[cfg(test)]
mod tests;

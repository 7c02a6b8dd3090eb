//! The claims: every exhaustive run that the workspace relies on.

use std::sync::{Arc, atomic::AtomicBool};

use paxos_basic::Replica;
use paxos_check::{Limits, Progress, Report, Verdict, check};
use paxos_messages::single::{Request, Timer};
use paxos_process::{NodeId, NodeSet};
use paxos_quorums::Quorums;
use paxos_sim::{Bounds, Choice, Disk, Loopback, Setting, World};

/// A run of Basic Paxos, as choices.
pub type Found = Report<Choice<Timer, Request<char>>>;

/// An exhaustive run and what must come out.
#[derive(Clone, Debug)]
pub struct Claim {
    /// What is explored, in words.
    pub what: &'static str,
    /// The world.
    pub setting: Setting,
    /// What may happen in it.
    pub bounds: Bounds<Request<char>>,
    /// How long a run may be; `None` is every run, to its end.
    pub depth: Option<usize>,
    /// How many distinct states there must be.
    pub states: usize,
    /// Whether it is small enough for every run of the tests. The others are run by `cargo paxos check claims`.
    pub quick: bool,
}

impl Claim {
    /// Runs it, unless `stop` is set meanwhile.
    #[must_use]
    pub fn check(&self, stop: &Arc<AtomicBool>, tell: impl FnMut(&Progress)) -> Found {
        let quorums = self.setting.quorums;
        let world = World::new(self.setting, |id| Replica::new(id, quorums));
        let depth = self.depth.unwrap_or(usize::MAX);
        check(&world, &self.bounds, &Limits { depth, stop: Arc::clone(stop), ..Limits::default() }, tell)
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

/// Node 1 wants `a`, node 2 wants `b`, and so on; nothing fails.
#[must_use]
pub fn rivals(proposers: u8) -> Bounds<Request<char>> {
    let request = |id| (NodeId(id), Request::Propose(char::from(b'a' + id - 1)));
    Bounds::requests((1..=proposers.min(26)).map(request).collect())
}

/// All claims, about in order of size. A star marks those in which a node hears its own messages at once, which is
/// fewer runs than there are ([`Loopback::AtOnce`]); a crash is one of any node, at any moment, with its restart.
///
/// # Panics
///
/// Never: the quorums written here intersect.
#[must_use]
pub fn all() -> Vec<Claim> {
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
    let claim = |what, setting, bounds, states, quick| Claim { what, setting, bounds, depth: None, states, quick };
    vec![
        claim("4 acceptors (even), 1 proposer, 1 crash", Setting::new(majority(4)), one_crash(1), 39_276, true),
        claim(
            "4 acceptors, quorums of 3 and 2, 1 proposer, 1 crash",
            Setting::new(flexible),
            one_crash(1),
            78_129,
            true,
        ),
        claim("3 acceptors, 2 proposers *", short(majority(3)), rivals(2), 69_278, true),
        claim("3 acceptors, 2 proposers", full(majority(3)), rivals(2), 777_187, true),
        claim(
            "3 acceptors, 1 proposer asked twice, 1 crash *",
            Setting { disk: Disk::Manual, ..short(majority(3)) },
            Bounds { crashes: 1, may_crash: NodeSet::first(3), ..Bounds::requests(asked_twice) },
            247_571,
            true,
        ),
        claim(
            "3 acceptors, 2 proposers, 1 message twice *",
            short(majority(3)),
            Bounds { duplicates: 1, ..rivals(2) },
            926_157,
            true,
        ),
        claim(
            "3 acceptors, 2 proposers, 1 crash *",
            Setting { disk: Disk::Manual, ..short(majority(3)) },
            crash(),
            1_780_804,
            true,
        ),
        claim("4 acceptors (even), 2 proposers *", short(majority(4)), rivals(2), 1_963_301, true),
        Claim {
            depth: Some(14),
            ..claim("3 acceptors, 2 proposers, the first retries *", short(majority(3)), retry, 1_033_810, true)
        },
        claim("4 acceptors, quorums of 3 and 2, 2 proposers *", short(flexible), rivals(2), 8_024_840, false),
        claim("4 acceptors, grid of 2 rows, 2 proposers *", short(grid), rivals(2), 11_390_654, false),
        claim("3 acceptors, 2 proposers, 1 crash", Setting::new(majority(3)), crash(), 16_498_949, false),
    ]
    // ANCHOR_END: claims
}

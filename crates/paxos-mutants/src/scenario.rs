//! Where to look for a mutant's counterexample: a small world, and what may happen in it.

use std::fmt;

use paxos_messages::{multi, single};
use paxos_process::{NodeId, NodeSet};
use paxos_quorums::Quorums;
use paxos_sim::{Bounds, Disk, Loopback, Setting, World};

use crate::{Mutant, Wrong, WrongLog};

/// The smallest world in which a mutant's run is at home.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Scenario {
    /// The size of the cluster; its quorums are majorities.
    pub nodes: u8,
    /// Who asks for what, of which protocol.
    pub requests: Requests,
    /// How many timers may go off, at node 1.
    pub fires: u8,
    /// How many messages may arrive twice.
    pub duplicates: u8,
    /// Whether a node may crash.
    pub crash: Crash,
    /// Whether a message to oneself takes as long as any other, so that it may arrive twice. More states.
    pub own_words_fly: bool,
}

/// What is asked in a scenario, and by which nodes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Requests {
    /// Values proposed to Basic Paxos, in any order.
    Basic(&'static [(u8, char)]),
    /// Requests to Multi-Paxos, in this order: there are more words, and so more runs.
    Multi(&'static [(u8, multi::Request<char>)]),
}

/// Whether a node may crash in a scenario.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Crash {
    /// None does.
    Never,
    /// Any one may, at any moment, so the moment of every sync is explored too.
    AnyMoment,
    /// Node 2 may, when all that it wrote is stable.
    Synced,
    /// Node 2 may, and its disk may be lost, with all that is stable on it.
    LosesDisk,
}

impl Scenario {
    /// Three nodes on which these values are proposed, and nothing fails.
    pub(crate) const fn basic(proposals: &'static [(u8, char)]) -> Self {
        let requests = Requests::Basic(proposals);
        Self { nodes: 3, requests, fires: 0, duplicates: 0, crash: Crash::Never, own_words_fly: false }
    }

    /// Three nodes that keep a log and are asked this, in this order; nothing fails.
    pub(crate) const fn log(requests: &'static [(u8, multi::Request<char>)]) -> Self {
        Self { requests: Requests::Multi(requests), ..Self::basic(&[]) }
    }

    /// The world it is played in. Messages to oneself arrive at once, as a rule: a bug found so is a bug.
    ///
    /// # Panics
    ///
    /// Never: a scenario has nodes.
    #[must_use]
    pub fn setting(&self) -> Setting {
        let quorums = Quorums::majority(NodeSet::first(self.nodes)).expect("a scenario has nodes");
        let disk = if self.crash == Crash::AnyMoment { Disk::Manual } else { Disk::AtOnce };
        let loopback = if self.own_words_fly { Loopback::InFlight } else { Loopback::AtOnce };
        Setting { quorums, disk, loopback }
    }

    /// The protocol, as the head of a script names it.
    #[must_use]
    pub const fn protocol(&self) -> &'static str {
        match self.requests {
            Requests::Basic(_) => "basic",
            Requests::Multi(_) => "multi",
        }
    }

    /// What may happen in it; empty of requests when it is not about Basic Paxos.
    #[must_use]
    pub fn bounds(&self) -> Bounds<single::Request<char>> {
        let Requests::Basic(proposals) = self.requests else { return self.faults(Vec::new()) };
        let ask = |(node, value): &(u8, char)| (NodeId(*node), single::Request::Propose(*value));
        self.faults(proposals.iter().map(ask).collect())
    }

    /// What may happen in it; empty of requests when it is not about a log.
    #[must_use]
    pub fn log_bounds(&self) -> Bounds<multi::Request<char>> {
        let Requests::Multi(requests) = self.requests else { return self.faults(Vec::new()) };
        let ask = |(node, request): &(u8, multi::Request<char>)| (NodeId(*node), request.clone());
        Bounds { ahead: 1, ..self.faults(requests.iter().map(ask).collect()) }
    }

    fn faults<Q>(&self, requests: Vec<(NodeId, Q)>) -> Bounds<Q> {
        let may_crash = match self.crash {
            Crash::Never | Crash::AnyMoment => NodeSet::first(self.nodes),
            Crash::Synced | Crash::LosesDisk => NodeSet::only(NodeId(2)),
        };
        Bounds {
            may_crash,
            fires: self.fires.into(),
            may_fire: NodeSet::only(NodeId(1)),
            duplicates: self.duplicates.into(),
            crashes: u8::from(self.crash != Crash::Never).into(),
            losses: u8::from(self.crash == Crash::LosesDisk).into(),
            ..Bounds::requests(requests)
        }
    }

    /// A fresh world of Basic Paxos, in which `wrong` is wrong.
    #[must_use]
    pub fn world(&self, wrong: Option<Mutant>) -> World<Wrong<char>> {
        let setting = self.setting();
        World::new(setting, |id| Wrong::new(wrong, id, setting.quorums))
    }

    /// A fresh world of Multi-Paxos, in which `wrong` is wrong.
    #[must_use]
    pub fn log_world(&self, wrong: Option<Mutant>) -> World<WrongLog<char>> {
        let setting = self.setting();
        World::new(setting, |id| WrongLog::new(wrong, id, setting.quorums))
    }
}

/// Shown as `3 nodes, 2 requests, 0 timers, 0 duplicates, 1 crash`.
impl fmt::Display for Scenario {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { nodes, fires, duplicates, .. } = self;
        let requests = match self.requests {
            Requests::Basic(proposals) => format!("{} proposals", proposals.len()),
            Requests::Multi(requests) => format!("a log, {} requests", requests.len()),
        };
        let crashes = u8::from(self.crash != Crash::Never);
        write!(f, "{nodes} nodes, {requests}, {fires} timers, {duplicates} duplicates, {crashes} crashes")
    }
}

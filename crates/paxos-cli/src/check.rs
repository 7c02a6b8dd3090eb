//! `paxos check`: every run within bounds.

use std::process::ExitCode;

use clap::{Args, Subcommand};
use paxos_messages::multi;
use paxos_models::claims;
use paxos_mutants::{Mutant, Wrong, WrongLog};
use paxos_process::NodeId;
use paxos_sim::{Bounds, World};
use serde_json::json;

use crate::args::{is_of, usage};

mod exhaustive;

mod known;

use exhaustive::{Protocol, Search};
use known::{Claims, Lamport};

/// Search every run within bounds, shortest first
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Check {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    Basic(Basic),
    Multi(Multi),
    Lamport(Lamport),
    Claims(Claims),
}

const EXAMPLES: &str = "\
Examples:
  cargo paxos check basic                           one decision: 3 acceptors, 2 proposers
  cargo paxos check multi --leaders 2 --depth 12    a log
  cargo paxos check claims --quick                  the numbers that the documentation states

Exit code: 0 holds, or is as claimed, 1 it is not, 2 usage, 3 undecided, 4 it failed.";

const BASIC_EXAMPLES: &str = "\
Examples:
  cargo paxos check basic                           3 acceptors, 2 proposers: 777,187 states, holds
  cargo paxos check basic --mutant M2 --retries 1 --own at-once --invariant Agreement
                                                    the shortest run that chooses two values
  cargo paxos check basic --crashes 1 --own at-once one crash of any node, at any moment
  cargo paxos check basic --acceptors 4 --quorums flexible:3,2 --own at-once
                                                    8,024,840 states: half a minute, or more
  cargo paxos check basic --mutant M10 --save m10.script && cargo paxos run m10.script
  cargo paxos check basic --crashes 1 --state-file crash.states
                                                    16,498,949 states; may be stopped: the same
                                                    command goes on

Exit code: 0 holds in every run, 1 violated, 2 usage, 3 a limit was reached first, 4 it failed.";

const MULTI_EXAMPLES: &str = "\
Examples:
  cargo paxos check multi                           one node leads, one command: every run
  cargo paxos check multi --commands 2              two commands, in two slots
  cargo paxos check multi --leaders 2 --depth 12    two nodes try to lead: every run of up to 12
                                                    choices, so the exit code is 3
  cargo paxos check multi --leaders 2 --crashes 1 --max-states 2000000
  cargo paxos check multi --leaders 2 --mutant L4 --own at-once
                                                    the shortest run in which that rule is missed

Whether a search was exhaustive is said with its result: a log has far more runs than a decision.

Exit code: 0 holds in every run, 1 violated, 2 usage, 3 a limit was reached first, 4 it failed.";

/// Basic Paxos, or a mutant of it
#[derive(Args)]
#[command(after_help = BASIC_EXAMPLES)]
struct Basic {
    /// Nodes, each an acceptor and a learner
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u8).range(1..=9))]
    acceptors: u8,
    /// How many of them propose, each its own value
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u8).range(1..=9))]
    proposers: u8,
    /// Retries: times that any proposer may open a higher ballot
    #[arg(long, default_value_t = 0)]
    retries: u8,
    /// A mutant in place of the protocol: see `paxos mutants`
    #[arg(long)]
    mutant: Option<Mutant>,
    #[command(flatten)]
    search: Search,
}

/// A replicated log
#[derive(Args)]
#[command(after_help = MULTI_EXAMPLES)]
struct Multi {
    /// Nodes, each with all three roles
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u8).range(1..=9))]
    nodes: u8,
    /// How many of them try to lead
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u8).range(1..=9))]
    leaders: u8,
    /// How many commands each of those is asked to have chosen
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u8).range(..=9))]
    commands: u8,
    /// How many timers may go off, anywhere
    #[arg(long, default_value_t = 0)]
    timeouts: u8,
    /// How many disks may be lost, each of a node that has crashed
    #[arg(long, default_value_t = 0)]
    losses: u8,
    /// A mutant in place of the log: see `cargo paxos mutants`
    #[arg(long)]
    mutant: Option<Mutant>,
    #[command(flatten)]
    search: Search,
}

impl Check {
    pub(crate) fn run(self) -> anyhow::Result<ExitCode> {
        match self.what {
            What::Basic(basic) => basic.run(),
            What::Multi(multi) => multi.run(),
            What::Lamport(lamport) => Ok(lamport.run()),
            What::Claims(claims) => claims.run(),
        }
    }
}

impl Basic {
    fn run(self) -> anyhow::Result<ExitCode> {
        let setting = match self.search.setting(self.acceptors) {
            Ok(setting) => setting,
            Err(problem) => return Ok(usage(problem)),
        };
        if self.proposers > self.acceptors {
            return Ok(usage("every proposer is on one of the nodes: --proposers is at most --acceptors"));
        }
        if let Err(problem) = is_of(self.mutant, "basic") {
            return Ok(usage(problem));
        }
        let bounds = Bounds { fires: self.retries.into(), ..claims::rivals(self.proposers) };
        let about = json!({
            "acceptors": self.acceptors, "proposers": self.proposers, "retries": self.retries,
            "mutant": self.mutant.map(Mutant::name),
        });
        let mutant = self.mutant;
        let protocol = Protocol { name: "basic", mutant, about };
        match mutant {
            None => {
                let world = World::new(setting, |id| paxos_basic::Replica::new(id, setting.quorums));
                self.search.run(&protocol, &world, bounds)
            }
            Some(_) => {
                let world = World::new(setting, |id| Wrong::new(mutant, id, setting.quorums));
                self.search.run(&protocol, &world, bounds)
            }
        }
    }
}

impl Multi {
    fn run(self) -> anyhow::Result<ExitCode> {
        let setting = match self.search.setting(self.nodes) {
            Ok(setting) => setting,
            Err(problem) => return Ok(usage(problem)),
        };
        if let Err(problem) = is_of(self.mutant, "multi") {
            return Ok(usage(problem));
        }
        if self.leaders > self.nodes {
            return Ok(usage("every leader is one of the nodes: --leaders is at most --nodes"));
        }
        let asked = |id: u8| {
            let command = move |number| (NodeId(id), multi::Request::Propose(format!("{id}.{number}")));
            [(NodeId(id), multi::Request::Campaign)].into_iter().chain((1..=self.commands).map(command))
        };
        let requests: Vec<_> = (1..=self.leaders).flat_map(asked).collect();
        let bounds = Bounds { fires: self.timeouts.into(), losses: self.losses.into(), ..Bounds::requests(requests) };
        let about = json!({
            "nodes": self.nodes, "leaders": self.leaders, "commands": self.commands, "timeouts": self.timeouts,
            "losses": self.losses, "mutant": self.mutant.map(Mutant::name),
        });
        let (mutant, quorums, log) = (self.mutant, setting.quorums, paxos_multi::Options::default());
        let protocol = Protocol { name: "multi", mutant, about };
        match mutant {
            None => {
                let world = World::new(setting, |id| paxos_multi::Replica::<String>::new(id, quorums, log));
                self.search.run(&protocol, &world, bounds)
            }
            Some(_) => {
                let world = World::new(setting, |id| WrongLog::<String>::new(mutant, id, quorums));
                self.search.run(&protocol, &world, bounds)
            }
        }
    }
}

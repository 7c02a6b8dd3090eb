//! `paxos check`: every run within bounds.

use std::{path::PathBuf, process::ExitCode, sync::atomic::Ordering};

use anyhow::Context as _;
use clap::{Args, Subcommand, ValueEnum};
use paxos_check::{Limits, Report, Verdict, check};
use paxos_messages::multi;
use paxos_models::{claims, lamport};
use paxos_mutants::{Mutant, Wrong};
use paxos_process::{NodeId, NodeSet};
use paxos_quorums::Quorums;
use paxos_sim::{Bounds, ChoiceOf, Disk, Header, Invariant, Loopback, Scriptable, Setting, World};
use serde_json::json;

use crate::{
    args::{QuorumRule, usage},
    output::say,
    search::{self, Line, UNDECIDED, grouped},
};

/// Search every run within bounds, shortest first
#[derive(Args)]
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

const BASIC_EXAMPLES: &str = "\
Examples:
  cargo paxos check basic                           3 acceptors, 2 proposers: 777,187 states, holds
  cargo paxos check basic --mutant M2 --retries 1 --own at-once --invariant Agreement
                                                    the shortest run that chooses two values
  cargo paxos check basic --crashes 1 --own at-once one crash of any node, at any moment
  cargo paxos check basic --acceptors 4 --quorums flexible:3,2 --own at-once
  cargo paxos check basic --mutant M10 --save m10.script && cargo paxos run m10.script

Exit code: 0 holds in every run, 1 violated, 2 usage, 3 a limit was reached first.";

const MULTI_EXAMPLES: &str = "\
Examples:
  cargo paxos check multi                           one node leads, one command: every run
  cargo paxos check multi --commands 2              two commands, in two slots
  cargo paxos check multi --leaders 2 --depth 12    two nodes try to lead: every run of up to 12 choices
  cargo paxos check multi --leaders 2 --crashes 1 --max-states 2000000

Whether a search was exhaustive is said with its result: a log has far more runs than a decision.

Exit code: 0 holds in every run, 1 violated, 2 usage, 3 a limit was reached first.";

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
    #[command(flatten)]
    search: Search,
}

/// What every search takes.
#[derive(Args)]
struct Search {
    /// Crashes, of any node at any moment, with restart
    #[arg(long, default_value_t = 0)]
    crashes: u8,
    /// Messages that may arrive twice
    #[arg(long, default_value_t = 0)]
    duplicates: u8,
    /// majority, flexible:P1,P2 or grid:COLUMNS
    #[arg(long, default_value = "majority")]
    quorums: QuorumRule,
    /// When a node hears its own messages: at-once is smaller and finds most bugs, in-flight misses none
    #[arg(long, default_value = "in-flight")]
    own: Own,
    /// Judge by this invariant only; may be repeated
    #[arg(long = "invariant", value_name = "NAME")]
    invariants: Vec<Invariant>,
    /// Search runs of up to so many choices
    #[arg(long)]
    depth: Option<usize>,
    /// Stop after so many states
    #[arg(long, default_value_t = 100_000_000)]
    max_states: usize,
    /// Stop at so much memory, in MiB
    #[arg(long, default_value_t = 8_192)]
    max_memory: usize,
    /// Write the counterexample to this file, as a script for `paxos run`
    #[arg(long, value_name = "FILE")]
    save: Option<PathBuf>,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, ValueEnum)]
enum Own {
    InFlight,
    AtOnce,
}

impl Own {
    const fn name(self) -> &'static str {
        match self {
            Self::InFlight => "in-flight",
            Self::AtOnce => "at-once",
        }
    }
}

/// Our roles under Lamport's own specification: do as many states come out?
#[derive(Args)]
#[command(after_help = "Examples:\n  cargo paxos check lamport\n  cargo paxos check lamport --json")]
struct Lamport {
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

/// Every exhaustive run that the documentation claims, with its number of states
#[derive(Args)]
#[command(after_help = "Examples:\n  cargo paxos check claims\n  cargo paxos check claims --quick --json")]
struct Claims {
    /// Only those that the tests run too
    #[arg(long)]
    quick: bool,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
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
            "losses": self.losses,
        });
        let log = paxos_multi::Options::default();
        let world = World::new(setting, |id| paxos_multi::Replica::<String>::new(id, setting.quorums, log));
        self.search.run(&Protocol { name: "multi", mutant: None, about }, &world, bounds)
    }
}

/// What is searched.
struct Protocol {
    name: &'static str,
    mutant: Option<Mutant>,
    /// Its own options, for programs.
    about: serde_json::Value,
}

impl Search {
    /// The world of so many nodes. The error is the user's.
    fn setting(&self, nodes: u8) -> Result<Setting, String> {
        let quorums = self.quorums.of(NodeSet::first(nodes)).map_err(|error| error.to_string())?;
        let disk = if self.crashes > 0 { Disk::Manual } else { Disk::AtOnce };
        let loopback = match self.own {
            Own::InFlight => Loopback::InFlight,
            Own::AtOnce => Loopback::AtOnce,
        };
        Ok(Setting { quorums, disk, loopback })
    }

    fn run<P: Scriptable>(
        &self,
        protocol: &Protocol,
        world: &World<P>,
        bounds: Bounds<P::Request>,
    ) -> anyhow::Result<ExitCode> {
        let bounds = Bounds {
            duplicates: self.duplicates.into(),
            crashes: self.crashes.into(),
            may_crash: world.setting().quorums.members(),
            ..bounds
        };
        let invariants = if self.invariants.is_empty() { Invariant::ALL.to_vec() } else { self.invariants.clone() };
        let stop = search::stop_on_interrupt()?;
        let (bytes, depth) = (self.max_memory.saturating_mul(1 << 20), self.depth.unwrap_or(usize::MAX));
        let limits = Limits { invariants, states: self.max_states, bytes, depth, stop };
        let line = Line::new("checking", self.json);
        let report = check(world, &bounds, &limits, |progress| line.show(progress));
        line.clear();
        let script = match &report.verdict {
            Verdict::Violated { invariant, path } => Some(counterexample(protocol, world, *invariant, path)?),
            Verdict::Holds | Verdict::NotExhaustive => None,
        };
        if let (Some(file), Some(script)) = (&self.save, &script) {
            std::fs::write(file, script).with_context(|| format!("cannot write {}", file.display()))?;
        }
        self.print(protocol, &report, &world.setting().quorums, script.as_deref());
        Ok(match report.verdict {
            Verdict::Holds => ExitCode::SUCCESS,
            Verdict::Violated { .. } => ExitCode::from(1),
            Verdict::NotExhaustive => ExitCode::from(UNDECIDED),
        })
    }

    fn print<C>(&self, protocol: &Protocol, report: &Report<C>, quorums: &Quorums, script: Option<&str>) {
        let progress = &report.progress;
        let (verdict, invariant, length) = match &report.verdict {
            Verdict::Holds => ("holds", None, None),
            Verdict::Violated { invariant, path } => ("violated", Some(*invariant), Some(path.len())),
            Verdict::NotExhaustive => ("not exhaustive", None, None),
        };
        if self.json {
            let mut found = json!({
                "protocol": protocol.name, "crashes": self.crashes, "duplicates": self.duplicates,
                "quorums": quorums.to_string(), "own": self.own.name(), "depth_limit": self.depth,
                "verdict": verdict, "invariant": invariant.map(Invariant::name), "length": length, "script": script,
                "states": progress.states, "choices": progress.choices, "depth": progress.depth,
                "seconds": progress.elapsed.as_secs_f64(), "states_per_second": progress.states_per_second(),
                "bytes": progress.bytes, "collision_chance": progress.collision_chance(),
            });
            if let (Some(found), Some(about)) = (found.as_object_mut(), protocol.about.as_object()) {
                found.extend(about.clone());
            }
            return say(found);
        }
        if let Some(script) = script {
            say(script);
        }
        say(format_args!(
            "{} states, {} choices, depth {}, {:.1} s, {} states/s, {} MiB, collision chance {:.0e}",
            grouped(progress.states),
            grouped(progress.choices),
            progress.depth,
            progress.elapsed.as_secs_f64(),
            grouped(progress.states_per_second() as usize),
            progress.bytes >> 20,
            progress.collision_chance()
        ));
        match invariant {
            Some(invariant) => say(format_args!("violated: {invariant}, after {} choices", length.unwrap_or_default())),
            None if verdict == "holds" => say(match self.own {
                Own::InFlight => "holds: in every run within these bounds",
                Own::AtOnce => {
                    "holds: in every run within these bounds in which a node hears its own messages at once; \
                     --own in-flight searches the others too"
                }
            }),
            None => say(format_args!(
                "not exhaustive: nothing failed in what was searched, which is not all: it was stopped or reached a \
                 limit; try --max-states, --max-memory, another --depth, or smaller bounds"
            )),
        }
    }
}

fn counterexample<P: Scriptable>(
    protocol: &Protocol,
    world: &World<P>,
    invariant: Invariant,
    path: &[ChoiceOf<P>],
) -> anyhow::Result<String> {
    let Setting { quorums, disk, loopback } = *world.setting();
    let (name, mutant) = (protocol.name.to_owned(), protocol.mutant.map(|mutant| mutant.to_string()));
    let header = Header { protocol: name, quorums, disk, loopback, mutant, expect: Some(invariant) };
    let about = format!("A shortest run that violates {invariant}: {} choices.", path.len());
    search::script(&header, &about, world, path)
}

impl Lamport {
    fn run(self) -> ExitCode {
        let known = [(2, 3_921, 17), (3, 185_369, 25)];
        let mut same = true;
        let mut rows = Vec::new();
        for (ballots, states, depth) in known {
            let counted = lamport::count(ballots, states + TOO_MANY);
            same &= (counted.states, counted.depth) == (states, depth);
            if self.json {
                rows.push(json!({
                    "ballots": ballots, "states": counted.states, "depth": counted.depth,
                    "known_states": states, "known_depth": depth,
                }));
            } else {
                say(format_args!(
                    "3 acceptors, 2 values, ballots 0..{}: {}{} states, depth {} (TLC on Paxos.tla: {}, {depth})",
                    ballots - 1,
                    if counted.states > states + TOO_MANY { "more than " } else { "" },
                    grouped(counted.states),
                    counted.depth,
                    grouped(states)
                ));
            }
        }
        if self.json {
            say(format_args!("{}", json!({"same": same, "runs": rows})));
        } else {
            say(format_args!("{}", if same { "the same" } else { "NOT the same: our rules are not Lamport's" }));
        }
        ExitCode::from(u8::from(!same))
    }
}

/// How many states more than there should be are counted, to tell how weak a rule is, before the count is stopped.
const TOO_MANY: usize = 100_000;

impl Claims {
    fn run(self) -> anyhow::Result<ExitCode> {
        let (mut rows, mut differs, mut undecided) = (Vec::new(), false, false);
        let stop = search::stop_on_interrupt()?;
        if !self.json {
            say(format_args!(
                "{:<54} {:>12} {:>5} {:>8} {:>10}",
                "every run of", "states", "depth", "seconds", "states/s"
            ));
        }
        for claim in claims::all().into_iter().filter(|claim| claim.quick || !self.quick) {
            if stop.load(Ordering::Relaxed) {
                undecided = true;
                break;
            }
            let line = Line::new(claim.what, self.json);
            let report = claim.check(&stop, |progress| line.show(progress));
            line.clear();
            let (kept, progress) = (claim.is_kept(&report), &report.progress);
            differs |= kept == Some(false);
            undecided |= kept.is_none();
            rows.push(json!({
                "what": claim.what, "states": progress.states, "claimed": claim.states, "depth": progress.depth,
                "depth_limit": claim.depth, "seconds": progress.elapsed.as_secs_f64(), "as_claimed": kept,
            }));
            if !self.json {
                let verdict = match (kept, claim.depth) {
                    (Some(true), None) => "holds".to_owned(),
                    (Some(true), Some(depth)) => format!("holds so far: runs of up to {depth} choices"),
                    (Some(false), _) => format!("NOT as claimed: {} states, and that it holds", grouped(claim.states)),
                    (None, _) => "undecided: stopped, or at a limit".to_owned(),
                };
                say(format_args!(
                    "{:<54} {:>12} {:>5} {:>8.1} {:>10}  {verdict}",
                    claim.what,
                    grouped(progress.states),
                    progress.depth,
                    progress.elapsed.as_secs_f64(),
                    grouped(progress.states_per_second() as usize),
                ));
            }
        }
        if self.json {
            say(json!({"as_claimed": !differs && !undecided, "claims": rows}));
        } else {
            say("* in which a node hears its own messages at once: fewer runs than there are");
        }
        Ok(match (differs, undecided) {
            (true, _) => ExitCode::from(1),
            (false, true) => ExitCode::from(UNDECIDED),
            (false, false) => ExitCode::SUCCESS,
        })
    }
}

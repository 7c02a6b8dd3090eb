//! The `paxos` command: every lens of the workspace from one binary.
//!
//! Each subcommand is a file that holds its flags and its `run`. The exit code is the verdict: 0 held, 1 violated: the
//! answer is no, 2 usage, 3 undecided: a search that reached a limit, a write of unknown outcome, 4 it failed.

use std::process::ExitCode;

use clap::{Parser, Subcommand};

mod args;
mod check;
mod client;
mod cluster;
mod corrupt;
mod decree;
mod demo;
mod fuzz;
mod judge;
mod kv;
mod load;
mod maelstrom;
mod mutants;
mod node;
mod output;
mod process;
mod replay;
mod search;
mod sim;
mod sweep;
mod torture;
mod trace;
mod worlds;

const EXAMPLES: &str = "\
Examples:
  cargo paxos demo                        a replicated store loses its leader, and all is verified
  cargo paxos demo basic                  three processes decide once, one is killed
  cargo paxos cluster                     three nodes on this machine, kept running
  cargo paxos kv put --cluster paxos-cluster colour blue
  cargo paxos torture --seconds 20        real faults on five real processes, and a verdict
  cargo paxos check basic                 search every run of three acceptors and two proposers
  cargo paxos mutants                     break one rule at a time, and see each version die
  cargo paxos sim basic --seed 1 --runs 1000
  cargo paxos sweep --protocol multi --seeds 0..1000
  cargo paxos run crates/paxos-basic/tests/scripts/refused_and_retry.script
  cargo paxos fuzz --seconds 60           throw bytes at everything that reads some

Where a message says `paxos`, type `cargo paxos` in the root of the workspace, or make a command of it: \
cargo install --locked --path crates/paxos-cli

Exit code: 0 held, 1 violated: the answer is no, 2 usage, 3 undecided: a search was stopped or reached a limit, or nobody \
knows what came of a write, 4 it failed: something is in the way of an answer, such as a file that cannot be written, or \
too few nodes.";

/// Paxos, written once: run it, step it, search it, break it
#[derive(Parser)]
#[command(name = "paxos", version, propagate_version = true, max_term_width = 100, after_help = EXAMPLES)]
struct Paxos {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Demo(demo::Demo),
    Cluster(cluster::Cluster),
    Node(Box<node::Node>),
    Kv(kv::Kv),
    Propose(client::Propose),
    Learn(client::Learn),
    Check(check::Check),
    Mutants(mutants::Mutants),
    Sim(sim::Sim),
    Sweep(sweep::Sweep),
    Merge(sweep::Merge),
    Run(replay::Run),
    Fuzz(fuzz::Fuzz),
    Torture(torture::Torture),
    Corrupt(corrupt::Corrupt),
    Trace(trace::TraceCommand),
    Judge(judge::Judge),
    Maelstrom(maelstrom::Maelstrom),
}

fn main() -> ExitCode {
    let outcome = match Paxos::parse().command {
        Command::Demo(command) => command.run(),
        Command::Cluster(command) => command.run(),
        Command::Node(command) => command.run(),
        Command::Kv(command) => command.run(),
        Command::Propose(command) => command.run(),
        Command::Learn(command) => Ok(command.run()),
        Command::Check(command) => command.run(),
        Command::Mutants(command) => command.run(),
        Command::Sim(command) => command.run(),
        Command::Sweep(command) => command.run(),
        Command::Merge(command) => command.run(),
        Command::Run(command) => command.run(),
        Command::Fuzz(command) => command.run(),
        Command::Torture(command) => command.run(),
        Command::Corrupt(command) => command.run(),
        Command::Trace(command) => command.run(),
        Command::Judge(command) => command.run(),
        Command::Maelstrom(command) => command.run(),
    };
    outcome.unwrap_or_else(|error| {
        eprintln!("error: {error:#}");
        ExitCode::from(output::FAILED)
    })
}

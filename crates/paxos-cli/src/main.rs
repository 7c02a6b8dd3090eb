//! The `paxos` command: every lens of the workspace from one binary.
//!
//! Each subcommand is a file that holds its flags and its `run`. The exit code is the verdict: 0 held, 1 violated
//! (or failed), 2 usage.

use std::process::ExitCode;

use clap::{Parser, Subcommand};

mod client;
mod demo;
mod node;

/// Paxos, written once: run it, step it, search it, break it.
#[derive(Parser)]
#[command(name = "paxos", version, about, propagate_version = true, max_term_width = 100)]
struct Paxos {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Demo(demo::Demo),
    Node(node::Node),
    Propose(client::Propose),
    Learn(client::Learn),
}

fn main() -> ExitCode {
    let outcome = match Paxos::parse().command {
        Command::Demo(command) => command.run(),
        Command::Node(command) => command.run(),
        Command::Propose(command) => command.run(),
        Command::Learn(command) => command.run(),
    };
    outcome.unwrap_or_else(|error| {
        eprintln!("error: {error:#}");
        ExitCode::from(1)
    })
}

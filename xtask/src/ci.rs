//! `cargo xtask ci`: everything that has to pass before a change is merged.
//!
//! Each step is a command that can be typed as it is printed, so whoever reads a failed run repeats just that step.
//! The first failure ends the run: what comes after a broken build says nothing new.

use std::ffi::OsString;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};

pub(crate) fn run(root: &Path) -> Result<()> {
    let mut times: Vec<(String, Duration)> = Vec::new();
    for step in STEPS {
        println!("\n=== {step}");
        let start = Instant::now();
        let status = step.command().current_dir(root).status().with_context(|| format!("`{step}` did not start"))?;
        let time = start.elapsed();
        ensure!(status.success(), "`{step}` failed after {time:.1?}");
        println!("=== passed in {time:.1?}");
        times.push((step.to_string(), time));
    }
    println!("\n=== all {} steps passed", times.len());
    for (step, time) in times {
        println!("{time:>10.1?}  {step}");
    }
    Ok(())
}

/// The cargo that started us, so that a chosen toolchain stays chosen.
pub(crate) fn cargo() -> OsString {
    std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into())
}

struct Step {
    environment: &'static [(&'static str, &'static str)],
    arguments: &'static [&'static str],
}

impl Step {
    fn command(&self) -> Command {
        let mut command = Command::new(cargo());
        command.args(self.arguments).envs(self.environment.iter().copied());
        command
    }
}

/// As one would type it.
impl std::fmt::Display for Step {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (name, value) in self.environment {
            write!(f, "{name}=\"{value}\" ")?;
        }
        write!(f, "cargo {}", self.arguments.join(" "))
    }
}

/// Cheapest first. `cargo test` runs `tidy` too; the demo is the first command a student types, so it must work.
const STEPS: &[Step] = &[
    Step { environment: &[], arguments: &["fmt", "--all", "--check"] },
    Step {
        environment: &[],
        arguments: &["clippy", "--workspace", "--all-targets", "--all-features", "--", "-D", "warnings"],
    },
    Step {
        environment: &[("RUSTDOCFLAGS", "-D warnings")],
        arguments: &["doc", "--workspace", "--no-deps", "--all-features"],
    },
    Step { environment: &[], arguments: &["test", "--workspace"] },
    Step { environment: &[], arguments: &["test", "--package", "paxos-check", "--features", "stateright"] },
    Step { environment: &[], arguments: &["paxos", "check", "claims"] },
    Step { environment: &[], arguments: &["paxos", "check", "lamport"] },
    Step { environment: &[], arguments: &["paxos", "demo"] },
    Step { environment: &[], arguments: &["paxos", "demo", "basic"] },
    Step { environment: &[], arguments: &["xtask", "book"] },
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_reads_as_it_is_typed() {
        assert_eq!(STEPS[0].to_string(), "cargo fmt --all --check");
        assert_eq!(STEPS[2].to_string(), "RUSTDOCFLAGS=\"-D warnings\" cargo doc --workspace --no-deps --all-features");
    }
}

//! Running a target until it fails, or for long enough.

use std::{
    any::Any,
    panic::catch_unwind,
    time::{Duration, Instant},
};

use crate::{Mutator, Target};

/// How far it has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// How many inputs were tried.
    pub executions: u64,
    /// For how long.
    pub took: Duration,
}

impl Progress {
    /// Inputs in a second.
    #[must_use]
    pub fn per_second(&self) -> f64 {
        self.executions as f64 / self.took.as_secs_f64().max(1e-9)
    }
}

/// An input for which something does not hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Crash {
    /// The input.
    pub input: Vec<u8>,
    /// What the panic said.
    pub what: String,
}

/// Runs a target on one input.
///
/// # Errors
///
/// What the panic said, if there was one.
pub fn attempt(target: &Target, input: &[u8]) -> Result<(), String> {
    catch_unwind(|| target.run(input)).map_err(|panic| said(&*panic))
}

/// Runs a target on its seeds, and then on inputs made of them with the dice of `seed`, for as long as `goes_on` says,
/// which is asked after each.
///
/// # Errors
///
/// The first input for which something does not hold.
pub fn fuzz(target: &Target, seed: u64, mut goes_on: impl FnMut(Progress) -> bool) -> Result<Progress, Box<Crash>> {
    let seeds: Vec<Vec<u8>> = target.seeds().into_iter().map(|seed| seed.bytes).collect();
    let mut mutator = Mutator::new(seed, target.longest);
    let (mut executions, start) = (0, Instant::now());
    loop {
        let input = match usize::try_from(executions).ok().and_then(|nth| seeds.get(nth)) {
            Some(seed) => seed.clone(),
            None => mutator.next(&seeds),
        };
        if let Err(what) = attempt(target, &input) {
            return Err(Box::new(Crash { input, what }));
        }
        executions += 1;
        let progress = Progress { executions, took: start.elapsed() };
        if !goes_on(progress) {
            return Ok(progress);
        }
    }
}

fn said(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str).or_else(|| panic.downcast_ref::<&str>().copied());
    text.unwrap_or("a panic without words").to_owned()
}

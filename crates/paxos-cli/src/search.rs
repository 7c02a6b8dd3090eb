//! What `check`, `mutants` and `sim` share: showing a search while it runs, and saying what came out.

use std::{
    io::IsTerminal as _,
    num::NonZero,
    process::exit,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use anyhow::Context as _;
use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use paxos_check::{Limits, Progress};
use paxos_sim::{ChoiceOf, Header, Script, Scriptable, World, write_path};

/// The exit code of what has no verdict: a search that reached a limit, a write whose outcome nobody knows.
pub(crate) const UNDECIDED: u8 = 3;
/// That of a program that a signal, SIGINT, has ended: what a shell says of one.
const INTERRUPTED: i32 = 128 + 2;

/// How many threads a search may use.
#[derive(Args)]
pub(crate) struct Threads {
    /// Threads to search with: as many as the machine has cores by default. What is found does not depend on it
    #[arg(long, value_name = "N")]
    threads: Option<NonZero<usize>>,
}

impl Threads {
    pub(crate) fn get(&self) -> NonZero<usize> {
        self.threads.unwrap_or_else(|| Limits::default().threads)
    }
}

/// A line on the terminal that a search keeps up to date; silent when nobody looks.
pub(crate) struct Line(ProgressBar);

impl Line {
    pub(crate) fn new(what: &str, quiet: bool) -> Self {
        let bar =
            if quiet || !std::io::stderr().is_terminal() { ProgressBar::hidden() } else { ProgressBar::new_spinner() };
        bar.set_style(ProgressStyle::with_template("{spinner} {prefix}  {msg}").expect("a valid template"));
        bar.set_prefix(what.to_owned());
        Self(bar)
    }

    pub(crate) fn show(&self, progress: &Progress) {
        self.0.set_message(format!(
            "{} states, depth {}, {} waiting, {:.0} states/s, {}",
            grouped(progress.states),
            progress.depth,
            grouped(progress.frontier),
            progress.states_per_second(),
            memory(progress)
        ));
        self.0.tick();
    }

    pub(crate) fn say(&self, text: String) {
        self.0.set_message(text);
        self.0.tick();
    }

    pub(crate) fn clear(&self) {
        self.0.finish_and_clear();
    }
}

/// What a search remembers, what its process has in memory, where the system says so, and what its file has.
pub(crate) fn memory(progress: &Progress) -> String {
    let resident = progress.resident.map_or_else(String::new, |bytes| format!(" ({} resident)", bytes >> 20));
    let file =
        progress.file_bytes.map_or_else(String::new, |bytes| format!(", {} MiB on disk", bytes.div_ceil(1 << 20)));
    format!("{} MiB{resident}{file}", progress.bytes.div_ceil(1 << 20))
}

/// A bar for doing something to so many things; silent when nobody looks.
pub(crate) fn bar(doing: &str, things: &str, many: u64, quiet: bool) -> ProgressBar {
    if quiet || !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let style = format!("{doing} {{bar:30}} {{pos}}/{{len}} {things}, {{per_sec}}, {{eta}} to go{{msg}}");
    ProgressBar::new(many).with_style(ProgressStyle::with_template(&style).expect("a valid template"))
}

/// A flag that Ctrl-C sets: searches and loads stop at it and report what they have. A second Ctrl-C is from somebody who
/// does not want to wait for that.
pub(crate) fn stop_on_interrupt() -> anyhow::Result<Arc<AtomicBool>> {
    let stop = Arc::new(AtomicBool::new(false));
    let flag = Arc::clone(&stop);
    let interrupted = move || {
        if flag.swap(true, Ordering::Relaxed) {
            exit(INTERRUPTED);
        }
    };
    ctrlc::set_handler(interrupted).context("cannot listen for Ctrl-C")?;
    Ok(stop)
}

/// `path` as a script with its lines filled in.
pub(crate) fn script<P: Scriptable>(
    header: &Header,
    about: &str,
    world: &World<P>,
    path: &[ChoiceOf<P>],
) -> anyhow::Result<String> {
    let bare = write_path(header, about, world.clone(), path);
    let script = Script::parse(&bare).context("the script just written cannot be read")?;
    Ok(script.replay(world.clone(), &mut ()).context("the run just found cannot be replayed")?.text)
}

/// `1234567` as `1,234,567`.
pub(crate) fn grouped(number: usize) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (position, digit) in digits.chars().enumerate() {
        if position > 0 && (digits.len() - position).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    #[test]
    fn thousands_are_grouped() {
        for (number, text) in [(0, "0"), (999, "999"), (1_000, "1,000"), (16_498_949, "16,498,949")] {
            assert_eq!(super::grouped(number), text);
        }
    }
}

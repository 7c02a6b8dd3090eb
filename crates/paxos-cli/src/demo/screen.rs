//! What the demonstration shows: headings, and a line for each thing that a node does.

use std::{
    env,
    io::{self, IsTerminal, Write},
    time::Instant,
};

use anyhow::Context;
use serde_json::Value;

/// Standard output, or silence.
pub(super) struct Screen {
    quiet: bool,
    coloured: bool,
    started: Instant,
    acts: u32,
}

impl Screen {
    /// A screen that shows nothing if `quiet`, and has colours if it is a terminal and the user has not said no.
    pub(super) fn new(quiet: bool) -> Self {
        let refused = env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty()); // https://no-color.org
        Self { quiet, coloured: io::stdout().is_terminal() && !refused, started: Instant::now(), acts: 0 }
    }

    pub(super) fn line(&mut self, line: &str) -> anyhow::Result<()> {
        if self.quiet {
            return Ok(());
        }
        writeln!(io::stdout(), "{line}").context("nobody reads the output")
    }

    /// The title of the next act, and what to look at in it.
    pub(super) fn heading(&mut self, title: &str, what_to_look_at: &str) -> anyhow::Result<()> {
        self.acts += 1;
        let title = self.styled(BOLD, &format!("{}. {title}", self.acts));
        let gap = if self.acts == 1 { "" } else { "\n" };
        self.line(&format!("{gap}{title}\n   {what_to_look_at}"))
    }

    /// What `node` has logged, if it is for the eye.
    pub(super) fn event(&mut self, node: u8, line: &Value) -> anyhow::Result<()> {
        let text = |field: &str| line[field].as_str().unwrap_or_default();
        let at = self.started.elapsed().as_secs_f64();
        let message = text("message");
        match text("target") {
            "paxos::message" => {
                let phase = self.styled(colour(text("phase")), &format!("{:<7}", text("phase")));
                self.line(&format!("{at:7.3}s  {phase}  n{node} → {}  {message}", text("to")))
            }
            "paxos::timer" | "paxos::output" => {
                let label = self.styled(DIM, &format!("{:<7}", ""));
                self.line(&format!("{at:7.3}s  {label}  n{node}       {message}"))
            }
            _ => Ok(()),
        }
    }

    /// `text` in a style, where there are styles.
    pub(super) fn styled(&self, style: &str, text: &str) -> String {
        if self.coloured { format!("\x1b[{style}m{text}\x1b[0m") } else { text.to_owned() }
    }
}

/// The colour of a phase.
fn colour(phase: &str) -> &'static str {
    match phase {
        "elect" => "33",   // yellow
        "propose" => "36", // cyan
        "decide" => "32",  // green
        "learn" => "35",   // magenta
        _ => "0",
    }
}

pub(super) const BOLD: &str = "1";
const DIM: &str = "2";

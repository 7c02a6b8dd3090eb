//! A run as a sequence diagram in the language of Mermaid, which books, wikis and code hosts draw.
//!
//! An arrow is a message that arrives, at the moment at which it does. Arrows of one phase that follow each other have one
//! background. What is behind `autonumber` counts arrows, so that people can speak of one.

use std::{
    fmt::{Display, Write as _},
    mem::take,
};

use paxos_messages::{Observed, Phase};
use paxos_process::{NodeId, NodeSet};
use paxos_sim::{Happening, Watch};

/// Writes a sequence diagram while a run happens.
#[derive(Clone, Debug)]
pub struct Mermaid {
    text: String,
    open: Option<Phase>,
}

impl Mermaid {
    /// An empty diagram of `nodes`.
    #[must_use]
    pub fn new(nodes: NodeSet) -> Self {
        let mut text = String::from("sequenceDiagram\n    autonumber\n");
        for node in nodes {
            _ = writeln!(text, "    participant {node}");
        }
        Self { text, open: None }
    }

    /// The diagram.
    #[must_use]
    pub fn finish(mut self) -> String {
        self.close();
        self.text
    }

    fn arrow(&mut self, (from, to): (NodeId, NodeId), phase: Phase, arrow: &str, text: &str) {
        if self.open != Some(phase) {
            self.close();
            self.open = Some(phase);
            _ = writeln!(self.text, "    rect {}", background(phase));
        }
        _ = writeln!(self.text, "        {from}{arrow}{to}: {}", plain(text));
    }

    fn note(&mut self, node: NodeId, text: &str) {
        self.close();
        _ = writeln!(self.text, "    Note over {node}: {}", plain(text));
    }

    fn close(&mut self) {
        if take(&mut self.open).is_some() {
            self.text += "    end\n";
        }
    }
}

impl<P> Watch<P> for Mermaid
where
    P: Observed<Message: Display, Timer: Display, Request: Display, Output: Display>,
{
    fn see(&mut self, happening: Happening<'_, P>) {
        match happening {
            Happening::Delivered(packet) => {
                let phase = P::phase(&packet.message);
                self.arrow((packet.from, packet.to), phase, "->>", &format!("{phase}: {}", packet.message));
            }
            Happening::Dropped(packet) => {
                let phase = P::phase(&packet.message);
                self.arrow((packet.from, packet.to), phase, "--x", &format!("lost: {}", packet.message));
            }
            Happening::Asked(node, request) => self.note(node, &format!("is asked: {request}")),
            Happening::Fired(node, timer) => self.note(node, &format!("{timer} goes off")),
            Happening::Told(node, output) => self.note(node, &output.to_string()),
            Happening::Synced(node) => self.note(node, "synced"),
            Happening::Crashed(node, lost) => self.note(node, &format!("crashes, forgets {lost} records")),
            Happening::Lost(node) => self.note(node, "loses its disk"),
            Happening::Restarted(node, _) => self.note(node, "restarts"),
            Happening::Cut(from, to) => self.note(to, &format!("hears {from} no more")),
            Happening::Healed(from, to) => self.note(to, &format!("hears {from} again")),
            Happening::Sent(_)
            | Happening::Duplicated(_)
            | Happening::TimerSet(..)
            | Happening::Wrote(..)
            | Happening::Fact(..) => {}
        }
    }
}

/// Text that Mermaid does not take for something else.
fn plain(text: &str) -> String {
    let mut plain = String::new();
    for character in text.chars() {
        match character {
            '#' | ';' | '<' | '>' | '&' => _ = write!(plain, "#{};", character as u32),
            '\n' | '\r' => plain.push(' '),
            _ => plain.push(character),
        }
    }
    plain
}

/// The colours of the terminal's diagrams, as a background.
const fn background(phase: Phase) -> &'static str {
    match phase {
        Phase::Elect => "rgba(0, 150, 170, 0.12)",
        Phase::Propose => "rgba(200, 140, 0, 0.14)",
        Phase::Decide => "rgba(160, 60, 170, 0.12)",
        Phase::Learn => "rgba(40, 150, 60, 0.12)",
    }
}

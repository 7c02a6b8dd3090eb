//! Space-time diagrams for the terminal: nodes are columns, time goes down, an arrow is a message that arrives.
//!
//! Lamport drew them in *Time, Clocks, and the Ordering of Events* (1978). A message that never arrives has no arrow.

use std::{fmt::Display, fmt::Write as _};

use paxos_messages::{Observed, Phase};
use paxos_process::{NodeId, NodeSet};

use crate::{Happening, Watch};

/// Draws while a run happens.
#[derive(Clone, Debug)]
pub struct Diagram {
    nodes: Vec<NodeId>,
    down: NodeSet,
    coloured: bool,
    text: String,
}

/// Cells from one lifeline to the next.
const GAP: usize = 8;

impl Diagram {
    /// An empty diagram of `nodes`; `coloured` by phase, with ANSI codes, for a terminal.
    #[must_use]
    pub fn new(nodes: NodeSet, coloured: bool) -> Self {
        let mut text = String::from(" ");
        for node in nodes {
            _ = write!(text, "{:<GAP$}", node.to_string());
        }
        Self { nodes: nodes.iter().collect(), down: NodeSet::EMPTY, coloured, text: text.trim_end().to_owned() + "\n" }
    }

    /// The diagram so far.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    fn lifelines(&self) -> Vec<char> {
        let mut cells = vec![' '; (self.nodes.len() - 1) * GAP + 3];
        for (position, node) in self.nodes.iter().enumerate() {
            cells[1 + position * GAP] = if self.down.contains(*node) { '┊' } else { '│' };
        }
        cells
    }

    fn column(&self, node: NodeId) -> usize {
        1 + GAP * self.nodes.iter().position(|other| *other == node).expect("a node of this diagram")
    }

    fn mark(&mut self, node: NodeId, symbol: char, label: &str) {
        let mut cells = self.lifelines();
        cells[self.column(node)] = symbol;
        self.row(&cells, None, label);
    }

    fn arrow(&mut self, from: NodeId, to: NodeId, phase: Phase, label: &str) {
        let (start, end) = (self.column(from), self.column(to));
        let mut cells = self.lifelines();
        if start == end {
            cells[start] = '↺';
        } else {
            let (left, right) = (start.min(end), start.max(end));
            for (offset, cell) in cells[left + 1..right].iter_mut().enumerate() {
                *cell = if (offset + 1) % GAP == 0 { '┼' } else { '─' };
            }
            let head = if start < end { (end - 1, '▶') } else { (end + 1, '◀') };
            cells[start] = if start < end { '├' } else { '┤' };
            cells[head.0] = head.1;
        }
        self.row(&cells, Some(phase), label);
    }

    fn row(&mut self, cells: &[char], phase: Option<Phase>, label: &str) {
        let cells: String = cells.iter().collect();
        let name = phase.map_or("", Phase::name);
        let (colour, plain) = match phase.filter(|_| self.coloured) {
            Some(Phase::Elect) => ("\x1b[36m", "\x1b[0m"),
            Some(Phase::Propose) => ("\x1b[33m", "\x1b[0m"),
            Some(Phase::Decide) => ("\x1b[35m", "\x1b[0m"),
            Some(Phase::Learn) => ("\x1b[32m", "\x1b[0m"),
            None => ("", ""),
        };
        _ = writeln!(self.text, "{cells}  {colour}{name:<8} {label}{plain}");
    }
}

impl<P> Watch<P> for Diagram
where
    P: Observed<Message: Display, Timer: Display, Request: Display, Output: Display>,
{
    fn see(&mut self, happening: Happening<'_, P>) {
        match happening {
            Happening::Delivered(packet) => {
                self.arrow(packet.from, packet.to, P::phase(&packet.message), &packet.message.to_string());
            }
            Happening::Asked(node, request) => self.mark(node, '?', &format!("{node} is asked: {request}")),
            Happening::Fired(node, timer) => self.mark(node, '◷', &format!("{timer} goes off")),
            Happening::Synced(node) => self.mark(node, '▣', &format!("{node} synced")),
            Happening::Told(node, output) => self.mark(node, '★', &format!("{node} {output}")),
            Happening::Dropped(packet) => {
                self.mark(packet.from, '╳', &format!("lost: {} → {}  {}", packet.from, packet.to, packet.message));
            }
            Happening::Crashed(node, lost) => {
                self.mark(node, '✗', &format!("{node} crashes and forgets {lost} unsynced records"));
                self.down.insert(node);
            }
            Happening::Lost(node) => self.mark(node, '✗', "loses its disk"),
            Happening::Restarted(node, _) => {
                self.down = self.down.without(node);
                self.mark(node, '○', &format!("{node} restarts"));
            }
            Happening::Cut(from, to) => self.mark(from, '╱', &format!("the link {from} → {to} is cut")),
            Happening::Healed(from, to) => self.mark(from, '─', &format!("the link {from} → {to} is whole")),
            Happening::Sent(_)
            | Happening::TimerSet(..)
            | Happening::Duplicated(_)
            | Happening::Wrote(..)
            | Happening::Fact(..) => {}
        }
    }
}

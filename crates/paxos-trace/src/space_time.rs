//! A run as a space-time diagram, in SVG: nodes are vertical lines, time goes down, and a message is a line from the moment
//! at which it leaves to the one at which it arrives (Lamport, *Time, Clocks, and the Ordering of Events*, 1978).
//!
//! Each thing that happens has a row of its own, with its words beside it, so nothing overlaps however much there is.
//! Messages have the colour of their phase; a lost one ends in a cross, where it was lost. While a node is down its line
//! is broken. The same run gives the same bytes.

use std::{
    collections::{BTreeMap, VecDeque},
    fmt::{Display, Write as _},
};

use paxos_messages::{Observed, Phase};
use paxos_process::{NodeId, NodeSet};
use paxos_sim::{Happening, Packet, Watch};

/// Draws a space-time diagram while a run happens.
#[derive(Clone, Debug)]
pub struct SpaceTime<M> {
    nodes: Vec<NodeId>,
    /// The next free row.
    row: usize,
    /// The rows at which messages left that are in flight.
    flying: BTreeMap<Packet<M>, VecDeque<usize>>,
    /// The copy that stays, of the message that arrives next.
    copied: bool,
    /// Whether each node is up, and since which row.
    state: BTreeMap<NodeId, (bool, usize)>,
    lines: String,
    marks: String,
    words: String,
}

impl<M: Ord> SpaceTime<M> {
    /// An empty diagram of `nodes`.
    #[must_use]
    pub fn new(nodes: NodeSet) -> Self {
        Self {
            nodes: nodes.iter().collect(),
            row: 1,
            flying: BTreeMap::new(),
            copied: false,
            state: nodes.iter().map(|node| (node, (true, 0))).collect(),
            lines: String::new(),
            marks: String::new(),
            words: String::new(),
        }
    }

    /// The diagram, as a whole SVG file.
    #[must_use]
    pub fn finish(mut self) -> String {
        for node in self.nodes.clone() {
            self.lifeline(node);
        }
        let (width, height) = (self.words_at() + WORDS, y(self.row) + ROW);
        let mut svg = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" viewBox=\"0 0 {width} {height}\" \
             font-family=\"monospace\" font-size=\"11\">\n<rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n<defs>\n"
        );
        for phase in PHASES {
            _ = writeln!(
                svg,
                "<marker id=\"{phase}\" viewBox=\"0 0 8 8\" refX=\"8\" refY=\"4\" markerWidth=\"7\" markerHeight=\"7\" \
                 orient=\"auto\"><path d=\"M0,0 L8,4 L0,8 z\" fill=\"{}\"/></marker>",
                colour(phase)
            );
        }
        svg += "</defs>\n";
        for (position, node) in self.nodes.iter().enumerate() {
            _ = writeln!(
                svg,
                "<text x=\"{}\" y=\"{}\" font-weight=\"bold\" text-anchor=\"middle\">{node}</text>",
                x(position),
                TOP - 10
            );
        }
        for (position, phase) in PHASES.into_iter().enumerate() {
            let at = self.words_at() + position * 70;
            _ = writeln!(
                svg,
                "<text x=\"{at}\" y=\"{}\" font-weight=\"bold\" fill=\"{}\">{phase}</text>",
                TOP - 10,
                colour(phase)
            );
        }
        svg + &self.lines + &self.marks + &self.words + "</svg>\n"
    }

    fn words_at(&self) -> usize {
        x(self.nodes.len().saturating_sub(1)) + 40
    }

    fn column(&self, node: NodeId) -> usize {
        x(self.nodes.iter().position(|other| *other == node).unwrap_or(0))
    }

    /// Draws what a node has been until now: up, or down.
    fn lifeline(&mut self, node: NodeId) {
        let (at, end) = (self.column(node), y(self.row));
        let (up, since) = self.state.get(&node).copied().unwrap_or((true, 0));
        let stroke = if up { "stroke=\"#444\"" } else { "stroke=\"#aaa\" stroke-dasharray=\"2 4\"" };
        _ = writeln!(self.lines, "<line x1=\"{at}\" y1=\"{}\" x2=\"{at}\" y2=\"{end}\" {stroke}/>", y(since));
    }

    fn becomes(&mut self, node: NodeId, up: bool) {
        self.lifeline(node);
        self.state.insert(node, (up, self.row));
    }

    fn say(&mut self, fill: &str, text: &str) {
        let at = self.words_at();
        let down = y(self.row) + 4;
        let (shown, rest) = text.char_indices().nth(MOST_WORDS).map_or((text, ""), |(end, _)| (&text[..end], "…"));
        _ = writeln!(self.words, "<text x=\"{at}\" y=\"{down}\" fill=\"{fill}\">{}{rest}</text>", escaped(shown));
        self.row += 1;
    }

    fn mark(&mut self, node: NodeId, symbol: &str, fill: &str, text: &str) {
        let (at, down) = (self.column(node), y(self.row) + 4);
        _ = writeln!(
            self.marks,
            "<text x=\"{at}\" y=\"{down}\" text-anchor=\"middle\" fill=\"{fill}\" stroke=\"white\" stroke-width=\"3\" \
             paint-order=\"stroke\">{symbol}</text>"
        );
        self.say(fill, &format!("{node} {text}"));
    }

    /// The row at which it left: that of the copy that has been in flight the longest.
    fn left(&mut self, packet: &Packet<M>) -> usize {
        let copied = std::mem::take(&mut self.copied);
        let rows = self.flying.get_mut(packet);
        let row = rows.and_then(|rows| if copied { rows.front().copied() } else { rows.pop_front() });
        row.unwrap_or(self.row)
    }

    fn arrow(&mut self, packet: &Packet<M>, phase: Phase, lost: bool, text: &str) {
        let (begin, end) = (y(self.left(packet)), y(self.row));
        let (from, to) = (self.column(packet.from), self.column(packet.to));
        let stroke = colour(phase);
        // It leaves below what made it leave, also when nothing else happens in between.
        let begin = begin.min(end.saturating_sub(ROW / 2));
        if lost {
            let half = usize::midpoint(from, to);
            _ = writeln!(
                self.lines,
                "<line x1=\"{from}\" y1=\"{begin}\" x2=\"{half}\" y2=\"{end}\" stroke=\"{stroke}\" stroke-dasharray=\"4 3\"/>"
            );
            _ = writeln!(
                self.marks,
                "<text x=\"{half}\" y=\"{}\" text-anchor=\"middle\" fill=\"{stroke}\">×</text>",
                end + 4
            );
        } else if from == to {
            let out = from + GAP / 4;
            _ = writeln!(
                self.lines,
                "<path d=\"M{from},{begin} C{out},{begin} {out},{end} {to},{end}\" fill=\"none\" stroke=\"{stroke}\" marker-end=\"url(#{phase})\"/>"
            );
        } else {
            _ = writeln!(
                self.lines,
                "<line x1=\"{from}\" y1=\"{begin}\" x2=\"{to}\" y2=\"{end}\" stroke=\"{stroke}\" marker-end=\"url(#{phase})\"/>"
            );
        }
        self.say(stroke, &format!("{phase:<8} {text}"));
    }
}

impl<P> Watch<P> for SpaceTime<P::Message>
where
    P: Observed<Message: Display, Timer: Display, Request: Display, Output: Display>,
{
    fn see(&mut self, happening: Happening<'_, P>) {
        match happening {
            Happening::Sent(packet) => self.flying.entry(packet.clone()).or_default().push_back(self.row - 1),
            Happening::Duplicated(_) => self.copied = true,
            Happening::Delivered(packet) => {
                let text = format!("{} → {}  {}", packet.from, packet.to, packet.message);
                self.arrow(packet, P::phase(&packet.message), false, &text);
            }
            Happening::Dropped(packet) => {
                let text = format!("lost: {} → {}  {}", packet.from, packet.to, packet.message);
                self.arrow(packet, P::phase(&packet.message), true, &text);
            }
            Happening::Asked(node, request) => self.mark(node, "?", "#000", &format!("is asked: {request}")),
            Happening::Fired(node, timer) => self.mark(node, "◷", "#000", &format!("{timer} goes off")),
            Happening::Synced(node) => self.mark(node, "▣", "#666", "synced"),
            Happening::Told(node, output) => self.mark(node, "★", "#000", &output.to_string()),
            Happening::Crashed(node, lost) => {
                self.becomes(node, false);
                self.mark(node, "✗", "#c00", &format!("crashes and forgets {lost} unsynced records"));
            }
            Happening::Lost(node) => self.mark(node, "✗", "#c00", "loses its disk"),
            Happening::Restarted(node, _) => {
                self.becomes(node, true);
                self.mark(node, "○", "#000", "restarts");
            }
            Happening::Cut(from, to) => self.mark(to, "╱", "#c00", &format!("hears {from} no more")),
            Happening::Healed(from, to) => self.mark(to, "─", "#000", &format!("hears {from} again")),
            Happening::TimerSet(..) | Happening::Wrote(..) | Happening::Fact(..) => {}
        }
    }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace(char::is_control, " ")
}

const fn x(position: usize) -> usize {
    60 + position * GAP
}

const fn y(row: usize) -> usize {
    TOP + row * ROW
}

const fn colour(phase: Phase) -> &'static str {
    match phase {
        Phase::Elect => "#007f8c",
        Phase::Propose => "#a86a00",
        Phase::Decide => "#8e2f9c",
        Phase::Learn => "#1f7a34",
    }
}

const PHASES: [Phase; 4] = [Phase::Elect, Phase::Propose, Phase::Decide, Phase::Learn];
/// Pixels: between lifelines, between rows, above the first row, and for words.
const GAP: usize = 120;
const ROW: usize = 20;
const TOP: usize = 40;
const WORDS: usize = 560;
/// Characters of a row's words.
const MOST_WORDS: usize = 80;

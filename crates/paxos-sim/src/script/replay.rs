//! Replaying a script, and writing one for a run that something else chose.

use std::fmt::Write as _;

use paxos_process::NodeId;

use super::{Command, Header, Line, Links, Script, ScriptError, Scriptable, Which};
use crate::{Choice, ChoiceOf, Disk, Happening, Invariant, Loopback, Watch, World};

/// What replaying a script gave.
#[derive(Clone, Debug)]
pub struct Replayed<P: Scriptable> {
    /// The world at its end.
    pub world: World<P>,
    /// The script with what happened written below each command.
    pub text: String,
    /// The invariants that failed, each with the line after which it first did.
    pub violated: Vec<(Invariant, usize)>,
}

impl Script {
    /// The part of the script above a line, expecting nothing: how far it got.
    #[must_use]
    pub fn before(&self, line: usize) -> Self {
        let header = Header { expect: None, ..self.header.clone() };
        Self { header, lines: self.lines.iter().filter(|kept| kept.number < line).cloned().collect() }
    }

    /// Runs the script in `world`, which must be the one its head describes, and tells `watch` what happens.
    ///
    /// # Errors
    ///
    /// The first command that cannot be carried out, and what stands in its way.
    pub fn replay<P: Scriptable>(
        &self,
        world: World<P>,
        watch: &mut impl Watch<P>,
    ) -> Result<Replayed<P>, ScriptError> {
        self.replay_judged(world, &Invariant::ALL, watch)
    }

    /// [`replay`](Self::replay), judged by these invariants only.
    ///
    /// # Errors
    ///
    /// As of [`replay`](Self::replay).
    pub fn replay_judged<P: Scriptable>(
        &self,
        mut world: World<P>,
        invariants: &[Invariant],
        watch: &mut impl Watch<P>,
    ) -> Result<Replayed<P>, ScriptError> {
        let (mut text, mut violated) = (String::new(), Vec::new());
        for Line { number, text: source, command } in &self.lines {
            _ = writeln!(text, "{source}");
            let Some(command) = command else { continue };
            let mut below = Below::<P>::new(matches!(command, Command::Deliver(Which::All) | Command::Stabilize));
            let mut both = |happening: Happening<'_, P>| {
                below.see(&happening);
                watch.see(happening);
            };
            carry_out(command, &mut world, &mut both).map_err(|what| ScriptError { line: *number, what })?;
            text += &below.finish();
            for invariant in invariants.iter().copied() {
                let known = violated.iter().any(|(known, _)| *known == invariant);
                if !known && world.violated(&[invariant]).is_some() {
                    violated.push((invariant, *number));
                    _ = writeln!(text, "    violates {invariant}");
                }
            }
        }
        if let Some(expected) = self.header.expect.filter(|e| violated.iter().all(|(failed, _)| failed != e)) {
            let what = format!("the script expects {expected} to be violated, and it held to the end");
            return Err(ScriptError { line: 0, what });
        }
        Ok(Replayed { world, text, violated })
    }
}

fn carry_out<P: Scriptable>(command: &Command, world: &mut World<P>, watch: &mut impl Watch<P>) -> Result<(), String> {
    let choice = match command {
        Command::Stabilize => {
            world.stabilize(watch);
            return Ok(());
        }
        Command::Deliver(Which::All) => {
            for packet in world.network().to_vec() {
                let found = world.network().iter().position(|flying| *flying == packet).map(Choice::Deliver);
                if let Some(choice) = found.filter(|choice| world.obstacle(choice).is_none()) {
                    world.apply(&choice, watch);
                }
            }
            return Ok(());
        }
        Command::Sync(None) => {
            for id in world.setting().quorums.members() {
                if world.obstacle(&Choice::Sync(id)).is_none() {
                    world.apply(&Choice::Sync(id), watch);
                }
            }
            return Ok(());
        }
        Command::Cut(links) => return apply_to_links(*links, Choice::Cut, world, watch),
        Command::Heal(links) => return apply_to_links(*links, Choice::Heal, world, watch),
        Command::Deliver(which) => Choice::Deliver(find(which, world)?),
        Command::Duplicate(which) => Choice::Duplicate(find(which, world)?),
        Command::Drop(which) => Choice::Drop(find(which, world)?),
        Command::Request(id, words) => Choice::Request(*id, words.parse().map_err(|error| format!("{error}"))?),
        Command::Fire(id, name) => {
            let timer = world.timers(*id).iter().find(|timer| timer.to_string() == *name);
            Choice::Fire(*id, *timer.ok_or_else(|| format!("{id} has not set a timer {name}"))?)
        }
        Command::Sync(Some(id)) => Choice::Sync(*id),
        Command::Crash(id, 0) => Choice::Crash(*id),
        Command::Crash(id, kept) => Choice::CrashKeeping(*id, *kept),
        Command::Restart(id) => Choice::Restart(*id),
        Command::Lose(id) => Choice::Lose(*id),
    };
    if let Some(obstacle) = world.obstacle(&choice) {
        return Err(obstacle);
    }
    world.apply(&choice, watch);
    Ok(())
}

/// Cuts or heals all links meant that are not so already. A single one must not be.
fn apply_to_links<P: Scriptable>(
    links: Links,
    choice: impl Fn(NodeId, NodeId) -> ChoiceOf<P>,
    world: &mut World<P>,
    watch: &mut impl Watch<P>,
) -> Result<(), String> {
    let members = world.setting().quorums.members();
    let single = match links {
        Links::All => None,
        Links::Of(node) => (!members.contains(node)).then(|| choice(node, node)),
        Links::One(from, to) => Some(choice(from, to)),
    };
    if let Some(obstacle) = single.and_then(|choice| world.obstacle(&choice)) {
        return Err(obstacle);
    }
    for (from, to) in members.iter().flat_map(|from| members.iter().map(move |to| (from, to))) {
        let choice = choice(from, to);
        if links.mean(from, to) && world.obstacle(&choice).is_none() {
            world.apply(&choice, watch);
        }
    }
    Ok(())
}

/// The position of the message that `which` means: one with exactly its text before one that begins with it.
fn find<P: Scriptable>(which: &Which, world: &World<P>) -> Result<usize, String> {
    match which {
        Which::All => Err("this command takes one message".to_owned()),
        Which::Number(index) => Ok(*index),
        Which::Like { from, to, text } => {
            let between = || world.network().iter().enumerate().filter(|(_, p)| p.from == *from && p.to == *to);
            let exact = between().find(|(_, packet)| packet.message.to_string() == *text);
            let found = exact.or_else(|| between().find(|(_, packet)| packet.message.to_string().starts_with(text)));
            found.map(|(index, _)| index).ok_or_else(|| {
                let flying: Vec<String> = between().map(|(_, packet)| packet.message.to_string()).collect();
                let there = if flying.is_empty() { "nothing is".to_owned() } else { format!("there are {flying:?}") };
                let waits = if world.is_up(*from) && world.has_unsynced(*from) {
                    format!("; {from} has records to sync first, and its votes wait for that: `sync {from}`")
                } else {
                    String::new()
                };
                format!("no message {text:?} is in flight from {from} to {to}; {there}{waits}")
            })
        }
    }
}

/// Collects the lines below a command.
struct Below<P: Scriptable> {
    text: String,
    /// Arrivals are written only where the command does not name them.
    arrivals: bool,
    /// A message said to several is one line.
    open: Option<(NodeId, P::Message, Vec<NodeId>)>,
}

impl<P: Scriptable> Below<P> {
    const fn new(arrivals: bool) -> Self {
        Self { text: String::new(), arrivals, open: None }
    }

    fn see(&mut self, happening: &Happening<'_, P>) {
        if let Happening::Sent(packet) = happening {
            match &mut self.open {
                Some((from, message, to)) if *from == packet.from && *message == packet.message => to.push(packet.to),
                _ => {
                    self.close();
                    self.open = Some((packet.from, packet.message.clone(), vec![packet.to]));
                }
            }
            return;
        }
        self.close();
        match happening {
            Happening::Delivered(packet) if self.arrivals => {
                let phase = P::phase(&packet.message).name();
                self.line(phase, &format!("{} ← {}  {}", packet.to, packet.from, packet.message));
            }
            Happening::Dropped(packet) => {
                self.line("lost", &format!("{} → {}  {}", packet.from, packet.to, packet.message));
            }
            Happening::Wrote(node, record) => self.line("disk", &format!("{node} writes {record}")),
            Happening::Synced(node) => self.line("disk", &format!("{node} synced")),
            Happening::Told(node, output) => self.line("output", &format!("{node} {output}")),
            Happening::Crashed(node, lost) => {
                self.line("crash", &format!("{node} forgets {lost} unsynced records"));
            }
            Happening::Lost(node) => self.line("crash", &format!("{node} loses its disk")),
            Happening::Restarted(node, memory) => {
                let promised = memory.promised.map_or_else(|| "no promise".to_owned(), |b| format!("promise {b}"));
                let votes: Vec<String> =
                    memory.votes.iter().map(|(_, vote)| format!(", vote {} in {}", vote.value, vote.ballot)).collect();
                self.line("restart", &format!("{node} remembers {promised}{}", votes.concat()));
            }
            Happening::Cut(from, to) => self.line("cut", &format!("{from} → {to}")),
            Happening::Healed(from, to) => self.line("heal", &format!("{from} → {to}")),
            Happening::TimerSet(..)
            | Happening::Fired(..)
            | Happening::Asked(..)
            | Happening::Sent(_)
            | Happening::Duplicated(_)
            | Happening::Delivered(_)
            | Happening::Fact(..) => {}
        }
    }

    fn close(&mut self) {
        if let Some((from, message, to)) = self.open.take() {
            let to: Vec<String> = to.iter().map(ToString::to_string).collect();
            self.line(P::phase(&message).name(), &format!("{from} → {}  {message}", to.join(" ")));
        }
    }

    fn line(&mut self, label: &str, what: &str) {
        _ = writeln!(self.text, "    {label:<8} {what}");
    }

    fn finish(mut self) -> String {
        self.close();
        self.text
    }
}

/// The script of a run that something else chose: `path`, from a fresh world that `header` describes. Messages are
/// named by their text, so that the script survives a change in how the network is sorted; by their number only where
/// the text would mean another one.
///
/// # Panics
///
/// When `path` is not a run of that world.
pub fn write_path<P: Scriptable>(header: &Header, about: &str, mut world: World<P>, path: &[ChoiceOf<P>]) -> String {
    let mut text = String::new();
    for line in about.lines() {
        _ = writeln!(text, "{}", format!("# {line}").trim_end());
    }
    text += &head(header);
    for choice in path {
        let message = |index: &usize| {
            let packet = &world.network()[*index];
            let which = Which::Like { from: packet.from, to: packet.to, text: packet.message.to_string() };
            // Two messages may read alike and differ in what is not shown: the text means the first of them.
            match find(&which, &world) {
                Ok(found) if world.network()[found] == *packet => {
                    format!("{} {} {}", packet.from, packet.to, packet.message)
                }
                _ => index.to_string(),
            }
        };
        let line = match choice {
            Choice::Deliver(index) => format!("deliver {}", message(index)),
            Choice::Duplicate(index) => format!("duplicate {}", message(index)),
            Choice::Drop(index) => format!("drop {}", message(index)),
            Choice::Fire(id, timer) => format!("fire {id} {timer}"),
            Choice::Request(id, request) => format!("request {id} {request}"),
            Choice::Sync(id) => format!("sync {id}"),
            Choice::Crash(id) | Choice::CrashKeeping(id, 0) => format!("crash {id}"),
            Choice::CrashKeeping(id, kept) => format!("crash {id} keeping {kept}"),
            Choice::Restart(id) => format!("restart {id}"),
            Choice::Lose(id) => format!("lose {id}"),
            Choice::Cut(from, to) => format!("cut {from} {to}"),
            Choice::Heal(from, to) => format!("heal {from} {to}"),
        };
        _ = writeln!(text, "{line}");
        world.apply(choice, &mut ());
    }
    text
}

fn head(header: &Header) -> String {
    let mut text = format!("protocol {}\nnodes {}\n", header.protocol, header.quorums.members().len());
    if let Some((phase1, phase2)) = header.quorums.counts() {
        let majority = header.quorums.members().len() as u8 / 2 + 1;
        if (phase1, phase2) != (majority, majority) {
            _ = writeln!(text, "quorums flexible {phase1} {phase2}");
        }
    } else if let Some(columns) = header.quorums.columns() {
        _ = writeln!(text, "quorums grid {columns}");
    }
    if header.disk == Disk::AtOnce {
        text += "disk at-once\n";
    }
    if header.loopback == Loopback::AtOnce {
        text += "loopback at-once\n";
    }
    for (name, value) in &header.options {
        _ = writeln!(text, "option {name} {value}");
    }
    if let Some(mutant) = &header.mutant {
        _ = writeln!(text, "mutant {mutant}");
    }
    if let Some(invariant) = header.expect {
        _ = writeln!(text, "expect {invariant}");
    }
    text + "\n"
}

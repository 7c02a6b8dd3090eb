//! Writing a run down while it happens.
//!
//! One JSON object a line, written at once and not gathered: the line of an input is on its way to the disk before
//! anybody can have heard what came of it. So when a process is killed, its file has every cause of what others have
//! received; when the whole machine dies, the end of the file may be missing.
//!
//! The first line says which world it is; each life of a real node begins with such a line:
//!
//! ```text
//! {"ev":"meta","format":"paxos-run/1","protocol":"basic","members":["n1","n2","n3"],"quorums":"majority",
//!  "disk":"manual","loopback":"in-flight","options":{},"node":"n1"}
//! ```
//!
//! The other lines have `ev` and `node`, `at_ns` where there is a clock, and `text`, the same for people:
//!
//! | `ev` | more | what |
//! |---|---|---|
//! | `start` | `records` | the node begins, and has found so many records |
//! | `receive` | `from`, `message` | a message arrives |
//! | `timeout` | `timer` | an alarm goes off |
//! | `request` | `request` | the application asks |
//! | `synced` | | all records so far are stable |
//! | `checkpointing` | `records` | the log is about to be cut to so many records: a life that ends here has cut it, or not |
//! | `checkpoint` | `records` | the log was cut: so many records stand for all before |
//! | `crashed` | `forgets` | the node stops, and forgets so many records |
//! | `lost` | | the disk of a node that is down is lost |
//! | `restart` | | the node is back |
//! | `dropped`, `duplicated` | `from`, `message` | a message is lost; a copy of the one that arrives next stays |
//! | `cut`, `healed` | `from` | the link from there to the node |
//! | `wrote`, `told` | | not inputs, but what came of them: a record, an output; a replay must give the same |
//!
//! `message` is what serde makes of it, `request` and `timer` what scripts say. An unknown key is to be ignored; another
//! meaning of a known one would be `paxos-run/2`.

use std::{
    fmt::Display,
    io::{self, Write},
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use paxos_messages::Observed;
use paxos_process::{Event, EventOf, NodeId, NodeSet};
use paxos_quorums::Quorums;
use paxos_sim::{Disk, Happening, Header, Loopback, Watch};
use serde::Serialize;
use serde_json::{Value as Json, json};

/// Writes `paxos-run/1`: as a [`Watch`] of a world, or told by whoever drives a real node.
#[derive(Debug)]
pub struct Recorder<W> {
    out: W,
    clock: Clock,
    error: Option<io::Error>,
}

/// What `at_ns` is taken from.
#[derive(Debug)]
enum Clock {
    /// There is none.
    None,
    /// What the world last said that it is.
    Virtual(Duration),
    /// The wall clock when the life began, and a clock that never goes back since.
    Real(Duration, Instant),
}

impl<W: Write> Recorder<W> {
    /// Records a world that `header` describes, from its beginning.
    pub fn of_world(out: W, header: &Header) -> Self {
        let mut recorder = Self { out, clock: Clock::None, error: None };
        recorder.write(&meta(header, None));
        for node in header.quorums.members() {
            recorder.event(node, json!({"ev": "start", "records": 0}));
        }
        recorder
    }

    /// Records a life of a real node, which has found so many records of earlier lives.
    pub fn of_node(out: W, header: &Header, node: NodeId, records: usize) -> Self {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let mut recorder = Self { out, clock: Clock::Real(now, Instant::now()), error: None };
        recorder.write(&meta(header, Some(node)));
        recorder.event(node, json!({"ev": "start", "records": records}));
        recorder
    }

    /// Ends the record.
    ///
    /// # Errors
    ///
    /// The first error that writing met; nothing was written after it.
    pub fn finish(mut self) -> io::Result<W> {
        match self.error.take() {
            Some(error) => Err(error),
            None => self.out.flush().map(|()| self.out),
        }
    }

    /// The first error that writing has met, once.
    pub const fn take_error(&mut self) -> Option<io::Error> {
        self.error.take()
    }

    /// `node` is about to take a step. That it begins was said when the record began.
    pub fn input<P>(&mut self, node: NodeId, event: &EventOf<P>)
    where
        P: Observed<Message: Display + Serialize, Timer: Display, Request: Display>,
    {
        match event {
            Event::Start => {}
            Event::Receive { from, message } => self.message("receive", *from, node, message),
            Event::Timeout(timer) => self.event(node, json!({"ev": "timeout", "timer": timer.to_string()})),
            Event::Request(request) => self.event(node, json!({"ev": "request", "request": request.to_string()})),
        }
    }

    /// `node` has written a record; it is not stable yet.
    pub fn wrote(&mut self, node: NodeId, record: &impl Display) {
        self.event(node, json!({"ev": "wrote", "text": record.to_string()}));
    }

    /// All records of `node` are stable.
    pub fn synced(&mut self, node: NodeId) {
        self.event(node, json!({"ev": "synced"}));
    }

    /// So many records are about to stand for all that `node` has written.
    pub fn checkpointing(&mut self, node: NodeId, records: usize) {
        self.event(node, json!({"ev": "checkpointing", "records": records}));
    }

    /// So many records stand for all that `node` has written.
    pub fn checkpoint(&mut self, node: NodeId, records: usize) {
        self.event(node, json!({"ev": "checkpoint", "records": records}));
    }

    /// `node` has told its application something.
    pub fn told(&mut self, node: NodeId, output: &impl Display) {
        self.event(node, json!({"ev": "told", "text": output.to_string()}));
    }

    fn message<M: Display + Serialize>(&mut self, ev: &str, from: NodeId, to: NodeId, message: &M) {
        match serde_json::to_value(message) {
            Ok(said) => {
                let text = message.to_string();
                self.event(to, json!({"ev": ev, "from": from.to_string(), "message": said, "text": text}));
            }
            Err(error) => _ = self.error.get_or_insert(error.into()),
        }
    }

    fn event(&mut self, node: NodeId, mut line: Json) {
        line["node"] = json!(node.to_string());
        if let Some(at) = self.now() {
            line["at_ns"] = json!(u64::try_from(at.as_nanos()).unwrap_or(u64::MAX));
        }
        self.write(&line);
    }

    fn now(&self) -> Option<Duration> {
        match &self.clock {
            Clock::None => None,
            Clock::Virtual(now) => Some(*now),
            Clock::Real(began, since) => Some(*began + since.elapsed()),
        }
    }

    /// A line in one piece: what is behind `out` need not gather.
    fn write(&mut self, line: &Json) {
        if self.error.is_none() {
            self.error = self.out.write_all(format!("{line}\n").as_bytes()).err();
        }
    }
}

impl<P, W: Write> Watch<P> for Recorder<W>
where
    P: Observed<Message: Display + Serialize, Record: Display, Timer: Display, Request: Display, Output: Display>,
{
    fn see(&mut self, happening: Happening<'_, P>) {
        match happening {
            Happening::Delivered(packet) => self.message("receive", packet.from, packet.to, &packet.message),
            Happening::Dropped(packet) => self.message("dropped", packet.from, packet.to, &packet.message),
            Happening::Duplicated(packet) => self.message("duplicated", packet.from, packet.to, &packet.message),
            Happening::Asked(node, request) => self.input::<P>(node, &Event::Request(request.clone())),
            Happening::Fired(node, timer) => self.input::<P>(node, &Event::Timeout(timer)),
            Happening::Wrote(node, record) => self.wrote(node, record),
            Happening::Synced(node) => self.synced(node),
            Happening::Told(node, output) => self.told(node, output),
            Happening::Crashed(node, forgets) => self.event(node, json!({"ev": "crashed", "forgets": forgets})),
            Happening::Lost(node) => self.event(node, json!({"ev": "lost"})),
            Happening::Restarted(node, _) => self.event(node, json!({"ev": "restart"})),
            Happening::Cut(from, to) => self.event(to, json!({"ev": "cut", "from": from.to_string()})),
            Happening::Healed(from, to) => self.event(to, json!({"ev": "healed", "from": from.to_string()})),
            Happening::Sent(_) | Happening::TimerSet(..) | Happening::Fact(..) => {}
        }
    }

    fn at(&mut self, now: Duration) {
        self.clock = Clock::Virtual(now);
    }
}

fn meta(header: &Header, node: Option<NodeId>) -> Json {
    let disk = if header.disk == Disk::AtOnce { "at-once" } else { "manual" };
    let loopback = if header.loopback == Loopback::AtOnce { "at-once" } else { "in-flight" };
    let names: Vec<String> = header.quorums.members().iter().map(|node| node.to_string()).collect();
    let mut meta = json!({
        "ev": "meta", "format": FORMAT, "protocol": header.protocol, "members": names, "quorums": rule(&header.quorums),
        "disk": disk, "loopback": loopback, "options": header.options,
    });
    if let Some(node) = node {
        meta["node"] = json!(node.to_string());
    }
    if let Some(mutant) = &header.mutant {
        meta["mutant"] = json!(mutant);
    }
    meta
}

/// The rule of the quorums, as a script says it.
fn rule(quorums: &Quorums) -> String {
    let members: NodeSet = quorums.members();
    if Quorums::majority(members).as_ref() == Ok(quorums) {
        return "majority".to_owned();
    }
    match (quorums.counts(), quorums.columns()) {
        (Some((phase1, phase2)), _) => format!("flexible {phase1} {phase2}"),
        (None, columns) => format!("grid {}", columns.unwrap_or(1)),
    }
}

/// The name of the format.
pub(crate) const FORMAT: &str = "paxos-run/1";

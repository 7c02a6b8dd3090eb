//! What Maelstrom does, in small: node processes on a network that fails, clients that ask, and a verdict on what they saw.

use std::{
    collections::BTreeSet,
    sync::atomic::{AtomicBool, Ordering::Relaxed},
    time::{Duration, Instant},
};

use anyhow::bail;
use paxos_judge::{Action, Before, Call, End};
use rand::RngExt as _;
use serde_json::{Value, json};

use super::{
    rig::{Rig, name},
    words::{ABSENT, Line, MALFORMED, MISMATCH, NOT_SUPPORTED, UNAVAILABLE},
};

/// What a run has shown.
pub(super) struct Seen {
    pub(super) history: Vec<Call>,
    /// What should not have happened, other than a wrong answer.
    pub(super) wrong: Vec<String>,
    pub(super) kills: u64,
    pub(super) cuts: u64,
    pub(super) lost: u64,
    pub(super) repeated: u64,
}

/// Set when the run should end early.
pub(super) static STOP: AtomicBool = AtomicBool::new(false);

/// Runs a cluster for so long under faults drawn from `seed`, heals it, and reads every key.
pub(super) fn run(nodes: usize, time: Duration, seed: u64) -> anyhow::Result<Seen> {
    let clients = (1..=CLIENTS).map(Client::new).collect();
    let rig = Rig::new(nodes, seed)?;
    let mut run = Run { rig, nodes, clients, next: CLIENTS, history: Vec::new(), asked: 0, clock: Instant::now() };
    if !run.until(|run| run.rig.is_ready(), false)? {
        bail!("the nodes do not start");
    }
    run.rage(time)?;
    let mut wrong = run.rig.heal()?;
    if !run.until(|run| run.rig.is_ready() && run.clients.iter().all(|client| client.asked.is_none()), false)? {
        wrong.push("the nodes did not start again".into());
    }
    run.read_all(&mut wrong)?;
    wrong.extend(run.rig.ended());
    let Run { rig, history, .. } = run;
    Ok(Seen { history, wrong, kills: rig.kills, cuts: rig.cuts, lost: rig.lost, repeated: rig.repeated })
}

struct Run {
    rig: Rig,
    nodes: usize,
    clients: Vec<Client>,
    /// The last client that there has been.
    next: u64,
    history: Vec<Call>,
    asked: u64,
    clock: Instant,
}

/// One who does one thing at a time.
struct Client {
    id: u64,
    messages: u64,
    asked: Option<Asked>,
}

struct Asked {
    key: String,
    action: Action,
    invoke: u64,
    deadline: Instant,
}

impl Client {
    const fn new(id: u64) -> Self {
        Self { id, messages: 0, asked: None }
    }
}

impl Run {
    fn now(&self) -> u64 {
        u64::try_from(self.clock.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }

    /// Faults, one after the other, while clients ask.
    fn rage(&mut self, time: Duration) -> anyhow::Result<()> {
        let (end, mut next, mut blow) = (Instant::now() + time, Instant::now(), 0);
        while Instant::now() < end && !STOP.load(Relaxed) {
            if next <= Instant::now() {
                match blow % 4 {
                    0 | 2 => self.rig.cut(),
                    1 => self.rig.kill(),
                    _ => self.rig.start_all()?,
                }
                blow += 1;
                next = Instant::now() + Duration::from_millis(self.rig.random.random_range(100..500));
            }
            self.step(true)?;
        }
        Ok(())
    }

    /// Goes on until something is so; false if it does not become so.
    fn until(&mut self, is_so: impl Fn(&Self) -> bool, asking: bool) -> anyhow::Result<bool> {
        let deadline = Instant::now() + RECOVERY;
        while !is_so(self) {
            if deadline < Instant::now() {
                return Ok(false);
            }
            self.step(asking)?;
        }
        Ok(true)
    }

    /// The network works, clients hear, and ask if they may.
    fn step(&mut self, asking: bool) -> anyhow::Result<()> {
        for line in self.rig.work()? {
            let heard = self.clients.iter().position(|client| {
                client.asked.is_some() && line.dest == called(client.id) && line.body["in_reply_to"] == client.messages
            });
            if let Some(client) = heard {
                self.hear(client, &line.body);
            }
        }
        for client in 0..self.clients.len() {
            match &self.clients[client].asked {
                Some(asked) if asked.deadline < Instant::now() => self.ended(client, None, End::Unknown),
                None if asking => self.ask(client),
                _ => {}
            }
        }
        Ok(())
    }

    /// Draws what a client asks.
    fn ask(&mut self, client: usize) {
        let key = (self.asked / PHASE * KEYS + self.rig.random.random_range(0..KEYS)).to_string();
        let value = (self.asked + 1).to_string();
        let action = match self.rig.random.random_range(0..10) {
            0..4 => Action::Get { result: None },
            4..7 => Action::Put { value, before: Before::default() },
            _ => {
                let known =
                    self.history.iter().rev().filter(|call| call.key == key).find_map(|call| match &call.action {
                        Action::Put { value, .. } | Action::CompareAndSwap { value, swapped: true, .. } => {
                            Some(value.clone())
                        }
                        _ => None,
                    });
                let expect = Some(known.unwrap_or_else(|| "0".into()));
                Action::CompareAndSwap { expect, value, swapped: false, before: Before::default() }
            }
        };
        self.say(client, key, action);
    }

    fn say(&mut self, client: usize, key: String, action: Action) {
        self.asked += 1;
        let (invoke, node) = (self.now(), self.rig.random.random_range(0..self.nodes));
        let Client { id, messages, asked } = &mut self.clients[client];
        *messages += 1;
        let mut body = match &action {
            Action::Put { value, .. } => json!({ "type": "write", "value": json_of(value) }),
            Action::CompareAndSwap { expect, value, .. } => {
                json!({ "type": "cas", "from": expect.as_deref().map(json_of), "to": json_of(value) })
            }
            _ => json!({ "type": "read" }),
        };
        body["key"] = json_of(&key);
        body["msg_id"] = (*messages).into();
        let line = Line { src: called(*id), dest: name(node), body };
        *asked = Some(Asked { key, action, invoke, deadline: Instant::now() + PATIENCE });
        self.rig.send(line);
    }

    /// What the answer means.
    fn hear(&mut self, client: usize, body: &Value) {
        let at = self.now();
        let Some(asked) = &self.clients[client].asked else { return };
        let mut action = asked.action.clone();
        let code = body["code"].as_u64().and_then(|code| u16::try_from(code).ok());
        let end = match (body["type"].as_str().unwrap_or_default(), code, &mut action) {
            ("read_ok", _, Action::Get { result }) => {
                *result = Some(body["value"].to_string());
                End::Returned(at)
            }
            ("error", Some(ABSENT), Action::Get { .. }) | ("write_ok", _, Action::Put { .. }) => End::Returned(at),
            ("cas_ok", _, Action::CompareAndSwap { swapped, .. }) => {
                *swapped = true;
                End::Returned(at)
            }
            ("error", Some(code @ (ABSENT | MISMATCH)), Action::CompareAndSwap { before, .. }) => {
                before.existed = Some(code == MISMATCH);
                End::Returned(at)
            }
            ("error", Some(NOT_SUPPORTED | UNAVAILABLE | MALFORMED), _) => End::Failed(at),
            _ => End::Unknown,
        };
        self.ended(client, Some(action), end);
    }

    /// Writes a call down. Who does not know what came of it asks nothing more, and another one comes.
    fn ended(&mut self, client: usize, action: Option<Action>, end: End) {
        let Some(Asked { key, action: asked, invoke, .. }) = self.clients[client].asked.take() else { return };
        let action = action.unwrap_or(asked);
        self.history.push(Call { client: self.clients[client].id, key, action, invoke, end });
        if end == End::Unknown {
            self.next += 1;
            self.clients[client] = Client::new(self.next);
        }
    }

    /// Reads every key until there is an answer.
    fn read_all(&mut self, wrong: &mut Vec<String>) -> anyhow::Result<()> {
        let keys: BTreeSet<_> = self.history.iter().map(|call| call.key.clone()).collect();
        let deadline = Instant::now() + RECOVERY;
        for key in keys {
            let read = self.history.len();
            while !self.history[read..].iter().any(|call| matches!(call.end, End::Returned(_))) {
                if deadline < Instant::now() {
                    wrong.push(format!("key {key} could not be read in {RECOVERY:?} after all was healed"));
                    return Ok(());
                }
                self.say(0, key.clone(), Action::Get { result: None });
                self.until(|run| run.clients[0].asked.is_none(), false)?;
            }
        }
        Ok(())
    }
}

fn called(client: u64) -> String {
    format!("c{client}")
}

/// Keys and values here are numbers.
fn json_of(number: &str) -> Value {
    serde_json::from_str(number).unwrap_or_default()
}

const CLIENTS: u64 = 5;
/// Keys at a time, and how many operations until there are others.
const KEYS: u64 = 3;
const PHASE: u64 = 400;
/// How long a client waits for an answer: longer than nothing comes of it at times.
const PATIENCE: Duration = Duration::from_millis(1_500);
/// How long the nodes may take to get on when all is well.
const RECOVERY: Duration = Duration::from_secs(30);

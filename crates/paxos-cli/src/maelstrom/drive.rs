//! What Maelstrom does, in small: node processes on a network that fails, clients that ask, and a verdict on what they saw.

use std::{
    collections::BTreeSet,
    path::Path,
    sync::atomic::{AtomicBool, Ordering::Relaxed},
    time::{Duration, Instant},
};

use anyhow::bail;
use paxos_judge::{Action, Before, Call, End};
use paxos_mutants::Mutant;
use rand::RngExt as _;
use serde_json::{Value, json};

use super::{
    rig::{Rig, name},
    words::{ABSENT, Line, MISMATCH, TIMEOUT, UNAVAILABLE},
};

/// What is to be run.
pub(super) struct Plan {
    pub(super) nodes: usize,
    pub(super) time: Duration,
    pub(super) seed: u64,
    /// A mutant in place of the store.
    pub(super) mutant: Option<Mutant>,
}

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

impl Seen {
    /// How many reads and writes were answered, and of how many calls nobody knows what came.
    pub(super) fn counts(&self) -> [usize; 3] {
        let reads = |call: &&Call| matches!(call.action, Action::Get { .. });
        let answered = || self.history.iter().filter(|call| matches!(call.end, End::Returned(_)));
        let unknown = self.history.iter().filter(|call| call.end == End::Unknown).count();
        let read = answered().filter(reads).count();
        [read, answered().count() - read, unknown]
    }
}

/// Runs a cluster under faults drawn from a seed until its time is over, or `stop` is set; heals it, reads every key, and
/// writes once more. Memories and logs are in `directory`.
pub(super) fn run(plan: &Plan, directory: &Path, stop: &AtomicBool) -> anyhow::Result<Seen> {
    let clients = (1..=CLIENTS).map(Client::new).collect();
    let rig = Rig::new(plan.nodes, plan.seed, directory.to_owned(), plan.mutant)?;
    let (clock, nodes) = (Instant::now(), plan.nodes);
    let mut run = Run { rig, nodes, clients, next: CLIENTS, history: Vec::new(), wrong: Vec::new(), asked: 0, clock };
    if !run.until(|run| run.rig.is_ready())? {
        bail!("the nodes do not start: {}", run.rig.ended().join("; "));
    }
    run.rage(plan.time, stop)?;
    let ended = run.rig.heal()?;
    run.wrong.extend(ended);
    if !run.until(|run| run.rig.is_ready() && run.clients.iter().all(|client| client.asked.is_none()))? {
        run.wrong.push("the nodes did not start again".into());
    }
    run.ask_again()?;
    let ended = run.rig.ended();
    run.wrong.extend(ended);
    let Run { rig, history, wrong, .. } = run;
    Ok(Seen { history, wrong, kills: rig.kills, cuts: rig.cuts, lost: rig.lost, repeated: rig.repeated })
}

struct Run {
    rig: Rig,
    nodes: usize,
    clients: Vec<Client>,
    /// The last client that there has been.
    next: u64,
    history: Vec<Call>,
    wrong: Vec<String>,
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

impl Asked {
    /// As the workload calls it.
    const fn action_name(&self) -> &'static str {
        match self.action {
            Action::Get { .. } => "read",
            Action::CompareAndSwap { .. } => "cas",
            Action::Put { .. } | Action::Delete { .. } | Action::Append { .. } => "write",
        }
    }
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
    fn rage(&mut self, time: Duration, stop: &AtomicBool) -> anyhow::Result<()> {
        let (end, mut next, mut blow) = (Instant::now() + time, Instant::now(), 0);
        while Instant::now() < end && !stop.load(Relaxed) {
            if next <= Instant::now() {
                match blow % 4 {
                    0 | 2 => self.rig.cut(),
                    1 => self.rig.kill(),
                    _ => self.rig.start_all()?,
                }
                blow += 1;
                next = Instant::now() + Duration::from_millis(self.rig.random.random_range(QUIET));
            }
            self.step(true)?;
        }
        Ok(())
    }

    /// Goes on until something is so; false if it does not become so.
    fn until(&mut self, is_so: impl Fn(&Self) -> bool) -> anyhow::Result<bool> {
        let deadline = Instant::now() + RECOVERY;
        while !is_so(self) {
            if deadline < Instant::now() {
                return Ok(false);
            }
            self.step(false)?;
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
            ("error", Some(UNAVAILABLE), _) => End::Failed(at),
            ("error", Some(TIMEOUT), _) => End::Unknown,
            // Were this only an unknown outcome, nodes that answer nothing right would be linearizable.
            _ => {
                self.wrong.push(format!("{body} is no answer to {}", asked.action_name()));
                End::Unknown
            }
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

    /// Reads every key, and writes one, until each is answered: all is well, so the cluster must get on.
    fn ask_again(&mut self) -> anyhow::Result<()> {
        let keys: BTreeSet<_> = self.history.iter().map(|call| call.key.clone()).collect();
        let reads = keys.into_iter().map(|key| (key, false));
        let deadline = Instant::now() + RECOVERY;
        for (key, writes) in reads.chain([("0".to_owned(), true)]).collect::<Vec<_>>() {
            let before = self.history.len();
            while !self.history[before..].iter().any(|call| matches!(call.end, End::Returned(_))) {
                if deadline < Instant::now() {
                    let done = if writes { "written" } else { "read" };
                    self.wrong.push(format!("key {key} could not be {done} in {RECOVERY:?} after all was healed"));
                    return Ok(());
                }
                let action = if writes {
                    Action::Put { value: (self.asked + 1).to_string(), before: Before::default() }
                } else {
                    Action::Get { result: None }
                };
                self.say(0, key.clone(), action);
                self.until(|run| run.clients[0].asked.is_none())?;
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

const CLIENTS: u64 = 8;
/// From one fault to the next, in milliseconds. An election takes half a second, and most of what can be wrong shows only where
/// somebody leads on one side, and somebody who does not know that on the other.
const QUIET: std::ops::Range<u64> = 200..1_500;
/// Keys at a time, and how many operations until there are others.
const KEYS: u64 = 3;
const PHASE: u64 = 400;
/// How long a client waits for an answer, as one of Maelstrom does: an election fits into it.
const PATIENCE: Duration = Duration::from_millis(1_000);
/// How long the nodes may take to get on when all is well.
const RECOVERY: Duration = Duration::from_secs(30);

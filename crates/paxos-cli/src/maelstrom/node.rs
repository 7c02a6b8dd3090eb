//! A node that speaks Maelstrom's protocol: its replica sits directly behind the lines, so that what Maelstrom does to the
//! network, it does to Paxos.
//!
//! Three bodies are our own: `paxos` is a message of the replica, `forward` what another node's client asks of the leader,
//! `forwarded` what came of it.

use std::{
    collections::BTreeMap,
    hash::{BuildHasher, RandomState},
    io::{self, BufRead as _},
    path::Path,
    sync::{Arc, Mutex, MutexGuard},
    thread,
    time::Duration,
};

use anyhow::{Context as _, bail};
use paxos_kv::{Ask, Batch, Command, Failure, Found, Outcome, Output, Reply, Request, Service, Written};
use paxos_messages::multi::{Message, Record, Timer};
use paxos_multi::Replica;
use paxos_mutants::{Mutant, WrongService};
use paxos_node::{Answers, Clock, Local, Postbox, Store, drive, mailbox};
use paxos_process::{NodeId, NodeSet, Process};
use paxos_quorums::Quorums;
use serde_json::{Value, json};
use tokio::{
    sync::{mpsc, oneshot},
    time::{Instant, sleep, timeout},
};
use tracing::{debug, info, warn};

use super::{
    lines::{Lines, id, reply, write},
    once::{self, Heard, Session},
    words::{ABSENT, Asked, Init, Line, MALFORMED, MISMATCH, NOT_SUPPORTED, Refusal, TIMEOUT, UNAVAILABLE, Work},
};
use crate::node::identity;

/// A node of the store, right or wrong.
trait Served:
    Process<
        Message = Message<Batch>,
        Record = Record<Batch>,
        Timer = Timer,
        Request: From<Request> + Send,
        Output = Output,
    > + Send
    + 'static
{
}

impl Served for Service<Replica<Batch>> {}

impl Served for WrongService {}

/// What the node waits for.
enum Event {
    Line(String),
    /// Nobody says anything any more.
    Closed,
    /// The replica has ended, and why.
    Ended(String),
}

/// Says that the replica has ended, however it does.
struct Ending(mpsc::UnboundedSender<Event>);

impl Drop for Ending {
    fn drop(&mut self) {
        let _ = self.0.send(Event::Ended("going on would make it worse".into())); // unless that was wanted
    }
}

/// Runs until stdin is closed, as the store or as a mutant of it. The memories of all nodes are below `directory`.
///
/// # Errors
///
/// When the memory cannot be opened, or fails.
pub(super) fn run(directory: &Path, mutant: Option<Mutant>) -> anyhow::Result<()> {
    let (events, heard) = mpsc::unbounded_channel();
    let lines = events.clone();
    thread::spawn(move || {
        for line in io::stdin().lock().lines() {
            let Ok(line) = line else { break }; // an error is an end, too
            let _ = lines.send(Event::Line(line));
        }
        let _ = lines.send(Event::Closed);
    });
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
    let right = |id, quorums| {
        Service::new(Replica::new(id, quorums, paxos_multi::Options::default()), paxos_kv::Options::default())
    };
    match mutant {
        None => runtime.block_on(serve(directory, right, events, heard)),
        Some(mutant) => {
            let wrong = |id, quorums| WrongService::new(Some(mutant), id, quorums, paxos_kv::Options::default());
            runtime.block_on(serve(directory, wrong, events, heard))
        }
    }
}

async fn serve<P: Served>(
    directory: &Path,
    fresh: impl Fn(NodeId, Quorums) -> P,
    events: mpsc::UnboundedSender<Event>,
    mut heard: mpsc::UnboundedReceiver<Event>,
) -> anyhow::Result<()> {
    let mut running: Option<(Arc<Node<P>>, thread::JoinHandle<()>)> = None;
    while let Some(event) = heard.recv().await {
        let text = match event {
            Event::Line(text) => text,
            Event::Closed => break,
            Event::Ended(why) => bail!("the node has stopped: {why}"),
        };
        let line: Line = match serde_json::from_str(&text) {
            Ok(line) => line,
            Err(error) => {
                warn!(target: "paxos::maelstrom", %error, "a line is no message");
                continue;
            }
        };
        match &running {
            Some((node, _)) => node.hear(line, text.len()),
            None if line.body["type"] == "init" => match serde_json::from_value::<Init>(line.body.clone()) {
                Ok(init) => {
                    running = Some(Node::start(init, directory, &fresh, events.clone())?);
                    reply(&line, json!({ "type": "init_ok" }));
                }
                Err(error) => reply(&line, Refusal::new(MALFORMED, error).body()),
            },
            None => reply(&line, Refusal::new(UNAVAILABLE, "there was no init").body()),
        }
    }
    if let Some((node, driving)) = running {
        node.postbox.stop();
        if driving.join().is_err() {
            bail!("the node has stopped: going on would make it worse");
        }
    }
    Ok(())
}

/// A client's question is the service's own.
struct Answering;

impl<P: Served> Answers<P> for Answering {
    type Ask = Ask;
    type Reply = Reply;

    fn ask(&mut self, token: u64, ask: Ask) -> P::Request {
        Request::client(token, ask).into()
    }

    fn answered(&mut self, output: Output, tell: &mut dyn FnMut(u64, Reply)) {
        if let Some((token, reply)) = output.answer() {
            tell(token, reply);
        }
    }
}

/// A node that has been told who it is.
struct Node<P: Served> {
    me: usize,
    names: Vec<String>,
    postbox: Postbox<P, Answering>,
    session: tokio::sync::Mutex<Option<Session>>,
    heard: Mutex<Heard>,
    /// Who waits for an answer of another node. The numbers are random: an answer to an earlier life is to nobody.
    forwards: Mutex<BTreeMap<u64, oneshot::Sender<Reply>>>,
}

impl<P: Served> Node<P> {
    fn start(
        init: Init,
        directory: &Path,
        fresh: impl FnOnce(NodeId, Quorums) -> P,
        events: mpsc::UnboundedSender<Event>,
    ) -> anyhow::Result<(Arc<Self>, thread::JoinHandle<()>)> {
        let Init { node_id, node_ids: names } = init;
        let me = names.iter().position(|name| *name == node_id).context("init: the node is none of the nodes")?;
        let count = u8::try_from(names.len()).ok().filter(|count| *count <= 64).context("init: too many nodes")?;
        let quorums = Quorums::majority(NodeSet::first(count)).context("init: there are no nodes")?;
        let seed = RandomState::new().hash_one(me);
        let memory = directory.join(&node_id);
        let (mut store, recovered) = Store::<Record<_>>::open(&memory, identity(id(me), "maelstrom", &quorums))?;
        info!(target: "paxos::maelstrom", node = node_id, memory = %memory.display(), records = recovered.len(), "ready");
        let mut service = fresh(id(me), quorums);
        let (postbox, inbox) = mailbox(INBOX);
        let durations = |timer| match timer {
            Timer::Heartbeat => HEARTBEAT..=HEARTBEAT,
            Timer::Election => 5 * HEARTBEAT..=10 * HEARTBEAT,
        };
        let mut local = Local::new(inbox, Clock::new(seed, Box::new(durations)), Answering, BATCH);
        let mut net = Lines { me, names: names.clone() };
        let driving = thread::spawn(move || {
            let ending = Ending(events);
            let ended = drive(id(me), &mut service, recovered, &mut store, &mut net, &mut local, &mut ());
            if let Err(error) = ended {
                let _ = ending.0.send(Event::Ended(format!("stable storage has failed: {error}")));
            }
        });
        let (session, heard, forwards) = Default::default();
        Ok((Arc::new(Self { me, names, postbox, session, heard, forwards }), driving))
    }

    fn hear(self: &Arc<Self>, line: Line, bytes: usize) {
        let from = self.names.iter().position(|name| *name == line.src).filter(|from| *from != self.me);
        match (line.body["type"].as_str().unwrap_or_default(), from) {
            ("paxos", Some(from)) => match serde_json::from_value(line.body["message"].clone()) {
                Ok(message) => drop(self.postbox.messages(id(from), vec![message], bytes)),
                Err(error) => warn!(target: "paxos::maelstrom", from = line.src, %error, "a message cannot be read"),
            },
            ("forward", Some(_)) => self.carry_out(line),
            ("forwarded", Some(_)) => {
                let waiting = line.body["id"].as_u64().and_then(|id| lock(&self.forwards).remove(&id));
                if let (Some(waiting), Ok(reply)) = (waiting, serde_json::from_value(line.body["reply"].clone())) {
                    let _ = waiting.send(reply); // nobody need wait any more
                }
            }
            ("read" | "write" | "cas", _) => self.client(line),
            ("init", _) => reply(&line, json!({ "type": "init_ok" })), // it came twice
            (kind, _) => {
                debug!(target: "paxos::maelstrom", kind, "not supported");
                reply(&line, Refusal::new(NOT_SUPPORTED, format!("there is no type {kind:?}")).body());
            }
        }
    }

    /// Does for another node what only the leader can, if this is the leader.
    fn carry_out(self: &Arc<Self>, line: Line) {
        let Ok(ask) = serde_json::from_value::<Ask>(line.body["ask"].clone()) else { return };
        let node = Arc::clone(self);
        tokio::spawn(async move {
            let Ok(answer) = node.postbox.ask(ask, ASK) else { return };
            if let Ok(reply) = answer.await {
                let body = json!({ "type": "forwarded", "id": line.body["id"], "reply": reply });
                write(&line.dest, &line.src, &body);
            }
        });
    }

    fn client(self: &Arc<Self>, line: Line) {
        let asked = match serde_json::from_value::<Asked>(line.body.clone()) {
            Ok(asked) => asked,
            Err(error) => return reply(&line, Refusal::new(MALFORMED, error).body()),
        };
        let message = line.body["msg_id"].as_u64();
        match message.map_or(once::Line::New, |message| lock(&self.heard).hear(&line.src, message)) {
            once::Line::New => {}
            once::Line::Repeated => return,
            once::Line::Answered(body) => return reply(&line, body),
        }
        let node = Arc::clone(self);
        tokio::spawn(async move {
            let body = node.perform(asked).await.unwrap_or_else(|refusal| refusal.body());
            if let Some(message) = message {
                lock(&node.heard).answer(&line.src, message, &body);
            }
            reply(&line, body);
        });
    }

    /// Does what a client asks. It is called not done only if it cannot have been.
    async fn perform(&self, asked: Asked) -> Result<Value, Refusal> {
        let deadline = Instant::now() + PATIENCE;
        match Work::from(asked) {
            Work::Read(query) => match self.ask(&Ask::Read(query), deadline).await {
                Some(Reply::Found(Found::Value(Some(value)))) => {
                    let value: Value =
                        serde_json::from_slice(value.as_slice()).map_err(|error| Refusal::new(TIMEOUT, error))?;
                    Ok(json!({ "type": "read_ok", "value": value }))
                }
                Some(Reply::Found(Found::Value(None))) => Err(Refusal::new(ABSENT, "the key has no value")),
                _ => Err(Refusal::new(UNAVAILABLE, "nobody could say")), // a read does nothing
            },
            Work::Write(operation) => {
                let mut slot = self.session.lock().await;
                if slot.is_none() {
                    *slot = Some(self.open(deadline).await?);
                }
                let Some(session) = slot.as_mut() else { unreachable!("it is open") };
                let (id, (sequence, command)) = (session.id, session.command(operation));
                drop(slot);
                let done = self.ask(&Ask::Execute(command), deadline).await;
                let mut slot = self.session.lock().await;
                slot.iter_mut().filter(|session| session.id == id).for_each(|session| session.ended(sequence));
                if matches!(done, Some(Reply::Done(Outcome::Failed(Failure::SessionExpired)))) {
                    slot.take_if(|session| session.id == id);
                }
                drop(slot);
                told(done)
            }
        }
    }

    /// Opens a session. What was to be done in it has not been asked yet, so it is certain that it was not done.
    async fn open(&self, deadline: Instant) -> Result<Session, Refusal> {
        let nonce = RandomState::new().hash_one(self.me);
        match self.ask(&Ask::Execute(Command::Open { nonce }), deadline).await {
            Some(Reply::Done(Outcome::Opened(id))) => Ok(Session::new(id)),
            _ => Err(Refusal::new(UNAVAILABLE, "nobody leads")),
        }
    }

    /// Asks whoever leads, and asks again, until there is an answer that no other would change.
    async fn ask(&self, ask: &Ask, deadline: Instant) -> Option<Reply> {
        while Instant::now() < deadline {
            let mut reply = match self.postbox.ask(ask.clone(), ASK) {
                Ok(answer) => timeout(ATTEMPT, answer).await.ok().and_then(Result::ok),
                Err(_) => None,
            };
            if let Some(Reply::NotLeader { leader: Some(leader) }) = reply {
                reply = self.forward(leader, ask).await;
            }
            match reply {
                None | Some(Reply::NotLeader { .. } | Reply::Busy | Reply::Unknown) => sleep(PAUSE).await,
                reply => return reply,
            }
        }
        None
    }

    async fn forward(&self, leader: NodeId, ask: &Ask) -> Option<Reply> {
        let name = self.names.get(usize::from(leader.0).checked_sub(1)?)?;
        let (sender, answer) = oneshot::channel();
        let number = RandomState::new().hash_one(leader);
        lock(&self.forwards).insert(number, sender);
        write(&self.names[self.me], name, &json!({ "type": "forward", "id": number, "ask": ask }));
        let reply = timeout(ATTEMPT, answer).await;
        lock(&self.forwards).remove(&number);
        reply.ok()?.ok()
    }
}

/// What the client of a write hears.
fn told(done: Option<Reply>) -> Result<Value, Refusal> {
    match done {
        Some(Reply::Done(Outcome::Wrote(Written::Put { .. }))) => Ok(json!({ "type": "write_ok" })),
        Some(Reply::Done(Outcome::Wrote(Written::Compared { swapped: true, .. }))) => Ok(json!({ "type": "cas_ok" })),
        Some(Reply::Done(Outcome::Wrote(Written::Compared { existed: true, .. }))) => {
            Err(Refusal::new(MISMATCH, "the value is another one"))
        }
        Some(Reply::Done(Outcome::Wrote(Written::Compared { .. }))) => {
            Err(Refusal::new(ABSENT, "the key has no value"))
        }
        // These answers are kept with the session, so no copy of the command will be done either.
        Some(Reply::Done(Outcome::Failed(failure @ (Failure::KeyTooLong | Failure::ValueTooLong)))) => {
            Err(Refusal::new(MALFORMED, failure))
        }
        Some(Reply::Done(Outcome::Failed(failure @ Failure::StoreFull))) => Err(Refusal::new(UNAVAILABLE, failure)),
        _ => Err(Refusal::new(TIMEOUT, "nobody knows whether it was done")),
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().expect("no thread panics with it")
}

/// How often a leader says that it is there.
const HEARTBEAT: Duration = Duration::from_millis(50);
/// How long one try at the leader takes, and the pause before the next.
const ATTEMPT: Duration = Duration::from_millis(500);
const PAUSE: Duration = Duration::from_millis(30);
/// How long a client waits at most.
const PATIENCE: Duration = Duration::from_secs(4);
/// Bytes of inputs that wait for the replica, and what a question is taken to weigh.
const INBOX: usize = 64 << 20;
const ASK: usize = 1 << 10;
/// Events that share one sync at most.
const BATCH: usize = 4_096;

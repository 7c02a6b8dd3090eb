//! The service on one node: between its clients and its replica of the log.
//!
//! It is a process that has a process inside. What is said, written and timed is the replica's own; this file stands
//! where the application does. It turns what clients ask into batches and reads, applies what is chosen, tells each
//! client what came of its command, and hands the replica a snapshot when the log has grown.
//!
//! What a client may be told, and when, is the part that is easy to get wrong:
//!
//! - A command that has not been proposed here may be called not done: `NotLeader`, `Busy`.
//! - A command that has been proposed may be chosen as long as anybody remembers a vote for it, also when its leader is
//!   deposed. It is never called failed. If it is chosen its client hears the outcome, whoever leads by then; if not,
//!   it hears `Unknown`.
//! - A read is answered when its leader has been confirmed after it was asked, from what has been applied by then.

use alloc::vec::Vec;
use core::mem::swap;

use paxos_messages::{
    Ballot, Bytes, Slot,
    multi::{self, Entry, Refusal, SignOfLife, Timer},
};
use paxos_process::{Effects, EffectsOf, Event, EventOf, NodeId, Process};

use crate::{
    Ask, Batch, Command, MAX_COMMAND, Machine, Output, Query, Reply, Request, Status,
    queue::{Limits, Queue},
    reads::Reads,
};

/// What may differ between the nodes of one cluster without harm.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Options {
    /// How many batches may be under way before commands wait for the next.
    pub pipeline: usize,
    /// A batch that has as many bytes takes no more commands. One command may be longer than that, and no batch is longer
    /// than [`MAX_COMMAND`], so that it fits into a message.
    pub batch_bytes: usize,
    /// A batch that has as many commands takes no more.
    pub batch_commands: usize,
    /// How many bytes of commands may wait. More are refused, as busy.
    pub queue_bytes: usize,
    /// When so many bytes have been applied since the last snapshot, and four times the bytes of that, there is a new
    /// one, and the log before it may go.
    pub compact_after: u64,
}

impl Default for Options {
    /// 4 batches of at most 256 KiB or 4,096 commands; 8 MiB may wait; a snapshot after 8 MiB, which is well before a node's log
    /// is long, so that little is left to be copied when it is cut.
    fn default() -> Self {
        Self {
            pipeline: 4,
            batch_bytes: 256 << 10,
            batch_commands: 4_096,
            queue_bytes: 8 << 20,
            compact_after: 8 << 20,
        }
    }
}

/// A replica of a log with a leader, such as `paxos_multi::Replica<Batch>` or `paxos_raft::Replica<Batch>`.
pub trait Log:
    Process<Message: SignOfLife, Timer = Timer, Request = multi::Request<Batch>, Output = multi::Output<Batch>>
{
}

impl<R> Log for R where
    R: Process<Message: SignOfLife, Timer = Timer, Request = multi::Request<Batch>, Output = multi::Output<Batch>>
{
}

/// A node of the replicated key-value store, around the replica `R` of its log.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Service<R> {
    replica: R,
    machine: Machine,
    queue: Queue,
    reads: Reads,
    /// The ballot in which this node serves as the leader, while it does.
    leads: Option<Ballot>,
    /// Who leads, as far as the replica has said.
    leader: Option<NodeId>,
    /// The highest ballot in which a leader was heard, and how far it knew the log to be chosen.
    heard: Option<(Ballot, Slot)>,
    /// The bytes of batches applied since the last snapshot.
    since_snapshot: u64,
    /// How many there must be for the next one.
    compact_after: u64,
    options: Options,
}

impl<R: Log> Service<R> {
    /// The service of a node, empty. After a restart, replay the node's records first; the replica then tells again all
    /// that it knows to be chosen.
    ///
    /// # Panics
    ///
    /// When the pipeline or a batch has no room: nothing would ever be proposed.
    #[must_use]
    pub const fn new(replica: R, options: Options) -> Self {
        let Options { pipeline, batch_bytes, batch_commands, queue_bytes, compact_after } = options;
        assert!(0 < pipeline && 0 < batch_commands, "a pipeline and a batch have room for one");
        let batch_bytes = if batch_bytes < MAX_COMMAND { batch_bytes } else { MAX_COMMAND };
        Self {
            replica,
            machine: Machine::new(),
            queue: Queue::new(Limits { pipeline, batch_bytes, batch_commands, queue_bytes }),
            reads: Reads::new(),
            leads: None,
            leader: None,
            heard: None,
            since_snapshot: 0,
            compact_after,
            options,
        }
    }

    /// Its replica of the log.
    #[must_use]
    pub const fn replica(&self) -> &R {
        &self.replica
    }

    /// What was chosen for it.
    #[must_use]
    pub const fn options(&self) -> Options {
        self.options
    }

    /// Its state.
    #[must_use]
    pub const fn machine(&self) -> &Machine {
        &self.machine
    }

    /// How it is.
    #[must_use]
    pub fn status(&self) -> Status {
        let applied = self.machine.applied();
        Status {
            leader: self.leader,
            leads: self.leads.is_some(),
            ballot: self.leads.max(self.heard.map(|(ballot, _)| ballot)),
            chosen: self.heard.map_or(applied, |(_, chosen)| chosen.max(applied)),
            applied,
            digest: self.machine.digest(),
            keys: self.machine.keys() as u64,
            bytes: self.machine.bytes() as u64,
            sessions: self.machine.sessions() as u64,
            under_way: self.queue.under_way() as u64,
            queued: self.queue.queued() as u64,
            reads: self.reads.len() as u64,
        }
    }

    // ANCHOR: ask
    /// A client asks. What cannot be answered yet waits in the queue or among the reads.
    fn ask(&mut self, token: u64, ask: Ask, out: &mut EffectsOf<Self>) {
        let reply = match ask {
            Ask::Execute(command) => self.execute(token, &command),
            Ask::Read(query) => self.read(token, query),
            Ask::ReadStale(query) => Some(self.machine.read(&query).map_or_else(Reply::Failed, Reply::Found)),
            Ask::Status => Some(Reply::Status(self.status())),
        };
        if let Some(reply) = reply {
            out.emit(Output::Answer { token, reply });
        }
    }
    // ANCHOR_END: ask

    fn execute(&mut self, token: u64, command: &Command) -> Option<Reply> {
        let command = command.borrowed();
        match command.check() {
            Err(failure) => Some(Reply::Failed(failure)),
            Ok(()) if self.leads.is_none() => Some(Reply::NotLeader { leader: self.leader }),
            Ok(()) if self.queue.push(token, &command) => None,
            Ok(()) => Some(Reply::Busy),
        }
    }

    fn read(&mut self, token: u64, query: Query) -> Option<Reply> {
        match query.borrowed().check() {
            Err(failure) => Some(Reply::Failed(failure)),
            Ok(()) if self.leads.is_none() => Some(Reply::NotLeader { leader: self.leader }),
            Ok(()) if self.reads.push(token, query) => None,
            Ok(()) => Some(Reply::Busy),
        }
    }

    // ANCHOR: told
    /// The replica tells something.
    fn told(&mut self, output: multi::Output<Batch>, out: &mut EffectsOf<Self>) {
        match output {
            multi::Output::Chosen { slot, value } => self.apply(slot, value, out),
            multi::Output::Installed { upto, state } => self.restore(upto, &state, out),
            multi::Output::Leads { ballot } => {
                (self.leads, self.leader) = (Some(ballot), Some(ballot.node));
                out.emit(Output::Leads { ballot });
            }
            multi::Output::Follows { leader } => {
                (self.leads, self.leader) = (None, leader);
                self.give_up(out);
                out.emit(Output::Follows { leader });
            }
            multi::Output::Refused { value, why } => answer_all(self.queue.settle(&value), &why.into(), out),
            multi::Output::Readable(number) => {
                for (token, query) in self.reads.confirmed(number) {
                    let reply = self.machine.read(&query).map_or_else(Reply::Failed, Reply::Found);
                    out.emit(Output::Answer { token, reply });
                }
            }
            multi::Output::Unreadable { read, why } => {
                let tokens = self.reads.confirmed(read).into_iter().map(|(token, _)| token);
                answer_all(tokens, &why.into(), out);
            }
        }
    }
    // ANCHOR_END: told

    // ANCHOR: apply
    /// The next slot is chosen. If its batch is from here, whoever asked for its commands hears what came of them.
    fn apply(&mut self, slot: Slot, entry: Entry<Batch>, out: &mut EffectsOf<Self>) {
        let mut tokens = match &entry {
            Entry::Noop => Vec::new(),
            Entry::Command(batch) => {
                self.since_snapshot += batch.len() as u64;
                self.queue.settle(batch)
            }
        }
        .into_iter();
        self.machine.apply(slot, &entry, |outcome| {
            if let Some(token) = tokens.next() {
                out.emit(Output::Answer { token, reply: Reply::Done(outcome) });
            }
        });
        out.emit(Output::Applied { slot, entry });
    }
    // ANCHOR_END: apply

    /// # Panics
    ///
    /// When the state is damaged: to go on with another one would be to answer wrongly.
    fn restore(&mut self, upto: Slot, state: &Bytes, out: &mut EffectsOf<Self>) {
        let machine = Machine::restore(state).unwrap_or_else(|error| panic!("the snapshot to {upto}: {error}"));
        assert!(machine.applied() == upto, "a snapshot to {upto} holds a state to {}", machine.applied());
        self.machine = machine;
        self.has_snapshot(state.len());
        out.emit(Output::Restored { upto });
    }

    fn has_snapshot(&mut self, bytes: usize) {
        self.since_snapshot = 0;
        self.compact_after = self.options.compact_after.max(4 * bytes as u64);
    }

    /// This node does not lead any more. What it has not proposed, it will not propose; what it has, may be chosen.
    fn give_up(&mut self, out: &mut EffectsOf<Self>) {
        let reply = Reply::NotLeader { leader: self.leader };
        answer_all(self.queue.depose(PATIENCE), &reply, out);
        answer_all(self.reads.give_up().into_iter().map(|(token, _)| token), &reply, out);
    }

    /// Listens in: who leads, and that time goes by. The service has no clock, so what a leader says at regular
    /// intervals, and the replica's own alarms, are its clock.
    fn overhear(&mut self, event: &EventOf<R>, out: &mut EffectsOf<Self>) {
        match event {
            Event::Receive { from, message } => match message.sign_of_life(*from) {
                Some(heard) => self.heard = self.heard.max(Some(heard)),
                None => return,
            },
            Event::Timeout(_) => {}
            Event::Start | Event::Request(_) => return,
        }
        answer_all(self.queue.lose_patience(), &Reply::Unknown, out);
    }

    // ANCHOR: wanted
    /// What is to be asked of the replica now: the next batch, the next confirmation, a snapshot.
    fn next_request(&mut self) -> Option<multi::Request<Batch>> {
        if self.leads.is_some() {
            let proposal = self.queue.propose().map(multi::Request::Propose);
            let request = proposal.or_else(|| self.reads.ask().map(multi::Request::Read));
            if request.is_some() {
                return request;
            }
        }
        if self.since_snapshot < self.compact_after {
            return None;
        }
        let state = self.machine.snapshot();
        self.has_snapshot(state.len());
        Some(multi::Request::Compact { upto: self.machine.applied(), state })
    }
    // ANCHOR_END: wanted

    /// Lets the replica take a step, and asks of it what follows from what it tells, until nothing does.
    fn drive(&mut self, event: EventOf<R>, out: &mut EffectsOf<Self>) {
        let mut event = Some(event);
        while let Some(next) = event {
            let mut inner = Effects::new();
            exchange(&mut inner, out);
            self.replica.step(next, &mut inner);
            exchange(&mut inner, out);
            inner.outputs.into_iter().for_each(|output| self.told(output, out));
            event = self.next_request().map(Event::Request);
        }
    }
}

impl<R: Log> Process for Service<R> {
    type Message = R::Message;
    type Record = R::Record;
    type Timer = Timer;
    type Request = Request;
    type Output = Output;

    fn step(&mut self, event: EventOf<Self>, out: &mut EffectsOf<Self>) {
        let event = match event {
            Event::Request(Request::Client { token, ask }) => {
                self.ask(token, ask, out);
                match self.next_request() {
                    Some(request) => Event::Request(request),
                    None => return,
                }
            }
            Event::Request(Request::Campaign) => Event::Request(multi::Request::Campaign),
            Event::Request(Request::Transfer(node)) => Event::Request(multi::Request::Transfer(node)),
            Event::Start => Event::Start,
            Event::Receive { from, message } => Event::Receive { from, message },
            Event::Timeout(timer) => Event::Timeout(timer),
        };
        self.overhear(&event, out);
        self.drive(event, out);
    }

    fn replay(&mut self, record: R::Record) {
        self.replica.replay(record);
    }

    fn checkpoint(&self) -> Vec<R::Record> {
        self.replica.checkpoint()
    }
}

/// Exchanges all effects but the outputs, which are of another kind: a replica then appends to those of its service.
fn exchange<M, R, T, O, P>(inner: &mut Effects<M, R, T, O>, outer: &mut Effects<M, R, T, P>) {
    swap(&mut inner.sends, &mut outer.sends);
    swap(&mut inner.records, &mut outer.records);
    swap(&mut inner.sends_after_sync, &mut outer.sends_after_sync);
    swap(&mut inner.timers, &mut outer.timers);
}

fn answer_all<M, R, T>(tokens: impl IntoIterator<Item = u64>, reply: &Reply, out: &mut Effects<M, R, T, Output>) {
    out.outputs.extend(tokens.into_iter().map(|token| Output::Answer { token, reply: reply.clone() }));
}

impl From<Refusal> for Reply {
    fn from(why: Refusal) -> Self {
        match why {
            Refusal::NotLeader(leader) => Self::NotLeader { leader },
            Refusal::Busy => Self::Busy,
        }
    }
}

/// How many signs of life a batch is waited for, when the leadership that it was proposed in is over. A new leader has
/// votes of former ones chosen before it does anything else, so soon after its first words nothing is to be expected.
const PATIENCE: u8 = 4;

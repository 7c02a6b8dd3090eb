//! A node of the key-value store in which one rule is wrong: of its service, or of the log below it.
//!
//! As with a log, a mutant *is* the real thing, `paxos_kv::Service`, in a wrapper that changes what crosses its boundary.
//! There are two: between the service and its clients, and, for snapshots, between the service and its log.
//! `rules.rs` holds what may be changed there. Any mutant of a log may be the log below, so that its harm can be seen as
//! a client sees it.

mod asked;
mod rules;

use paxos_kv::{Batch, Options, Output, Service};
use paxos_messages::{
    Fact, Memory, Observed, Phase,
    multi::{self, Entry, Record, Timer},
};
use paxos_process::{Effects, EffectsOf, Event, EventOf, NodeId, Process};
use paxos_quorums::Quorums;

pub use asked::Asked;

use self::rules::Notes;
use crate::{Mutant, WrongLog};

/// A node of the store at whose boundaries at most one rule is wrong.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct WrongService {
    wrong: Option<Mutant>,
    service: Service<Below>,
    notes: Notes,
}

impl WrongService {
    /// Node `id` of a cluster whose rule is wrong as `wrong` says; with `None`, no rule is.
    #[must_use]
    pub fn new(wrong: Option<Mutant>, id: NodeId, quorums: Quorums, options: Options) -> Self {
        let log = WrongLog::with_options(wrong, id, quorums, paxos_multi::Options { window: 4, retain: 0 });
        Self { wrong, service: Service::new(Below { wrong, log }, options), notes: Notes::default() }
    }

    /// The service inside.
    #[must_use]
    pub const fn service(&self) -> &Service<Below> {
        &self.service
    }
}

impl Process for WrongService {
    type Message = multi::Message<Batch>;
    type Record = Record<Batch>;
    type Timer = Timer;
    type Request = Asked;
    type Output = Output;

    fn step(&mut self, event: EventOf<Self>, out: &mut EffectsOf<Self>) {
        let event = match event {
            Event::Start => Event::Start,
            Event::Receive { from, message } => Event::Receive { from, message },
            Event::Timeout(timer) => Event::Timeout(timer),
            Event::Request(Asked(request)) => {
                self.is_asked(&request);
                Event::Request(request)
            }
        };
        let mut own = Effects::new();
        self.service.step(event, &mut own);
        self.answers(&mut own);
        out.sends.append(&mut own.sends);
        out.sends_after_sync.append(&mut own.sends_after_sync);
        out.records.append(&mut own.records);
        out.timers.append(&mut own.timers);
        out.outputs.append(&mut own.outputs);
    }

    fn replay(&mut self, record: Record<Batch>) {
        self.service.replay(record);
    }

    fn checkpoint(&self) -> Vec<Record<Batch>> {
        self.service.checkpoint()
    }
}

impl Observed for WrongService {
    type Decree = Entry<Batch>;

    fn said(&self, message: &Self::Message) -> Option<Fact<Self::Decree>> {
        self.service.said(message)
    }

    fn told(&self, output: &Output) -> Option<Fact<Self::Decree>> {
        self.service.told(output)
    }

    fn wanted(Asked(request): &Asked) -> Option<Self::Decree> {
        Service::<Below>::wanted(request)
    }

    fn unasked() -> Vec<Self::Decree> {
        Service::<Below>::unasked()
    }

    fn without_memory(&self, life: u64) -> Option<Self> {
        let service = self.service.without_memory(life)?;
        Some(Self { wrong: self.wrong, service, notes: Notes::default() })
    }

    fn memory(&self) -> Memory<Self::Decree> {
        self.service.memory()
    }

    fn phase(message: &Self::Message) -> Phase {
        message.phase()
    }
}

/// What stands between the service and the replica of its log.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Below {
    wrong: Option<Mutant>,
    log: WrongLog<Batch>,
}

impl Process for Below {
    type Message = multi::Message<Batch>;
    type Record = Record<Batch>;
    type Timer = Timer;
    type Request = multi::Request<Batch>;
    type Output = multi::Output<Batch>;

    fn step(&mut self, event: EventOf<Self>, out: &mut EffectsOf<Self>) {
        self.log.step(self.hands_down(event), out);
    }

    fn replay(&mut self, record: Record<Batch>) {
        self.log.replay(record);
    }

    fn checkpoint(&self) -> Vec<Record<Batch>> {
        self.log.checkpoint()
    }
}

impl Observed for Below {
    type Decree = Entry<Batch>;

    fn said(&self, message: &Self::Message) -> Option<Fact<Self::Decree>> {
        self.log.said(message)
    }

    fn told(&self, output: &Self::Output) -> Option<Fact<Self::Decree>> {
        self.log.told(output)
    }

    fn wanted(request: &Self::Request) -> Option<Self::Decree> {
        WrongLog::wanted(request)
    }

    fn unasked() -> Vec<Self::Decree> {
        WrongLog::<Batch>::unasked()
    }

    fn without_memory(&self, life: u64) -> Option<Self> {
        Some(Self { wrong: self.wrong, log: Observed::without_memory(&self.log, life)? })
    }

    fn memory(&self) -> Memory<Self::Decree> {
        self.log.memory()
    }

    fn phase(message: &Self::Message) -> Phase {
        message.phase()
    }
}

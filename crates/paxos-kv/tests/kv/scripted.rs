//! A replica that says what a test tells it to, and remembers what it is asked.

use std::{cell::RefCell, collections::VecDeque, rc::Rc};

use paxos_kv::{Ask, Batch, Command, Options, Output, Reply, Request, Service};
use paxos_messages::{
    Ballot, Slot,
    multi::{self, Entry, Timer},
};
use paxos_process::{Effects, EffectsOf, Event, EventOf, NodeId, Process};

/// The replica's end.
pub(crate) struct Scripted(Rc<RefCell<Stage>>);

#[derive(Default)]
struct Stage {
    asked: Vec<multi::Request<Batch>>,
    tells: VecDeque<multi::Output<Batch>>,
}

impl Process for Scripted {
    type Message = multi::Message<Batch>;
    type Record = multi::Record<Batch>;
    type Timer = Timer;
    type Request = multi::Request<Batch>;
    type Output = multi::Output<Batch>;

    fn step(&mut self, event: EventOf<Self>, out: &mut EffectsOf<Self>) {
        let mut stage = self.0.borrow_mut();
        if let Event::Request(request) = event {
            stage.asked.push(request);
        }
        out.outputs.extend(stage.tells.drain(..));
    }

    fn replay(&mut self, _: Self::Record) {}

    fn checkpoint(&self) -> Vec<Self::Record> {
        Vec::new()
    }
}

/// A service on a scripted replica, and the test's end of it.
pub(crate) struct Theatre {
    pub(crate) service: Service<Scripted>,
    stage: Rc<RefCell<Stage>>,
    out: EffectsOf<Service<Scripted>>,
}

pub(crate) const BALLOT: Ballot = Ballot { round: 1, node: NodeId(1) };

impl Theatre {
    pub(crate) fn new(options: Options) -> Self {
        let stage = Rc::default();
        let service = Service::new(Scripted(Rc::clone(&stage)), options);
        Self { service, stage, out: Effects::new() }
    }

    /// A service that leads, whose first session is open.
    pub(crate) fn leading(options: Options) -> Self {
        let mut theatre = Self::new(options);
        theatre.choose(Entry::Command(Batch::of(&[Command::Open { nonce: 0 }])));
        theatre.tell(multi::Output::Leads { ballot: BALLOT });
        theatre.answers();
        theatre
    }

    pub(crate) fn step(&mut self, event: EventOf<Service<Scripted>>) {
        self.service.step(event, &mut self.out);
    }

    pub(crate) fn ask(&mut self, token: u64, ask: Ask) {
        self.step(Event::Request(Request::Client { token, ask }));
    }

    pub(crate) fn execute(&mut self, token: u64, command: Command) {
        self.ask(token, Ask::Execute(command));
    }

    /// The replica tells this, when the next message comes.
    pub(crate) fn tell(&mut self, output: multi::Output<Batch>) {
        self.stage.borrow_mut().tells.push_back(output);
        self.step(Event::Receive { from: NodeId(2), message: multi::Message::Campaign });
    }

    /// This is chosen in the next slot.
    pub(crate) fn choose(&mut self, value: Entry<Batch>) -> Slot {
        let slot = self.service.machine().applied();
        self.tell(multi::Output::Chosen { slot, value });
        slot
    }

    /// A leader says that it is there.
    pub(crate) fn heartbeat(&mut self, node: u8) {
        let ballot = Ballot { round: 2, node: NodeId(node) };
        let chosen = self.service.machine().applied();
        let message = multi::Message::Heartbeat { ballot, round: 1, chosen, everywhere: Slot(0) };
        self.step(Event::Receive { from: NodeId(node), message });
    }

    /// What the replica has been asked since the last time.
    pub(crate) fn asked(&mut self) -> Vec<multi::Request<Batch>> {
        std::mem::take(&mut self.stage.borrow_mut().asked)
    }

    /// The batches that it has been asked to propose since the last time.
    pub(crate) fn proposed(&mut self) -> Vec<Batch> {
        let proposal = |request| match request {
            multi::Request::Propose(batch) => Some(batch),
            _ => None,
        };
        self.asked().into_iter().filter_map(proposal).collect()
    }

    /// The answers since the last time.
    pub(crate) fn answers(&mut self) -> Vec<(u64, Reply)> {
        let answer = |output| match output {
            Output::Answer { token, reply } => Some((token, reply)),
            _ => None,
        };
        self.out.outputs.drain(..).filter_map(answer).collect()
    }
}

//! A replica of Multi-Paxos with one wrong rule at its boundary.
//!
//! Basic Paxos is small enough to be written a second time with its rules in one file. A log is not: the second writing
//! would be as long as the first, and as likely to be wrong in a way that nobody meant. So a mutant of the log *is* the
//! replica, `paxos_multi::Replica`, in a wrapper that changes what one rule is about where it crosses the boundary:
//! what the node hears, says, tells its application, or finds on its disk. `rules.rs` holds what may be changed. With
//! no rule wrong nothing is, which a test says of every step.

mod rules;

use std::collections::VecDeque;

use paxos_messages::{
    Fact, Memory, Observed, Phase,
    multi::{Effects, Entry, Event, Message, Output, Record, Request, Timer},
};
use paxos_multi::{Options, Replica};
use paxos_process::{NodeId, Process, Value};
use paxos_quorums::Quorums;

use self::rules::Notes;
use crate::Mutant;

/// A replica of Multi-Paxos at whose boundary at most one rule is wrong.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct WrongLog<V> {
    wrong: Option<Mutant>,
    quorums: Quorums,
    options: Options,
    replica: Replica<V>,
    notes: Notes<V>,
}

impl<V: Value> WrongLog<V> {
    /// Node `id` of a cluster whose rule is wrong as `wrong` says; with `None`, no rule is.
    #[must_use]
    pub fn new(wrong: Option<Mutant>, id: NodeId, quorums: Quorums) -> Self {
        Self::with_options(wrong, id, quorums, Options::default())
    }

    pub(crate) const fn with_options(wrong: Option<Mutant>, id: NodeId, quorums: Quorums, options: Options) -> Self {
        Self { wrong, quorums, options, replica: Replica::new(id, quorums, options), notes: Notes::new() }
    }

    /// The replica inside.
    #[must_use]
    pub const fn replica(&self) -> &Replica<V> {
        &self.replica
    }
}

impl<V: Value> Process for WrongLog<V> {
    type Message = Message<V>;
    type Record = Record<V>;
    type Timer = Timer;
    type Request = Request<V>;
    type Output = Output<V>;

    fn step(&mut self, event: Event<V>, out: &mut Effects<V>) {
        let mut own = Effects::new();
        let mut events = VecDeque::from(self.hears(event, &mut own));
        while let Some(event) = events.pop_front() {
            self.replica.step(event, &mut own);
            events.extend(self.believes(&mut own));
        }
        self.says(&mut own);
        out.sends.append(&mut own.sends);
        out.sends_after_sync.append(&mut own.sends_after_sync);
        out.records.append(&mut own.records);
        out.timers.append(&mut own.timers);
        out.outputs.append(&mut own.outputs);
    }

    fn replay(&mut self, record: Record<V>) {
        if let Some(record) = self.finds(record) {
            self.replica.replay(record);
        }
    }

    fn checkpoint(&self) -> Vec<Record<V>> {
        self.replica.checkpoint()
    }
}

impl<V: Value> Observed for WrongLog<V> {
    type Decree = Entry<V>;

    fn said(&self, message: &Message<V>) -> Option<Fact<Entry<V>>> {
        self.replica.said(message)
    }

    fn told(&self, output: &Output<V>) -> Option<Fact<Entry<V>>> {
        self.replica.told(output)
    }

    fn wanted(request: &Request<V>) -> Option<Entry<V>> {
        Replica::wanted(request)
    }

    fn read(request: &Request<V>) -> Option<u64> {
        Replica::read(request)
    }

    fn unasked() -> Vec<Entry<V>> {
        Replica::<V>::unasked()
    }

    fn without_memory(&self, life: u64) -> Option<Self> {
        let fresh = Self::with_options(self.wrong, self.replica.id(), self.quorums, self.options);
        match self.wrong {
            Some(Mutant::M19) => Some(fresh), // as good as new
            _ => Some(Self { replica: Observed::without_memory(&self.replica, life)?, ..fresh }),
        }
    }

    fn memory(&self) -> Memory<Entry<V>> {
        self.replica.memory()
    }

    fn phase(message: &Message<V>) -> Phase {
        message.phase()
    }
}

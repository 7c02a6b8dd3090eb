//! The clients, at the leader: each has one command at a time, and the next when that is applied.

use std::{collections::VecDeque, sync::Arc, time::Instant};

use super::{Counts, Load, Outcome, Way, wire::Counters};
use crate::log::written;

/// All clients of a run.
pub(super) struct Clients {
    load: Load,
    way: Way,
    /// When each command that is not applied was issued, in the order of their numbers.
    issued: VecDeque<Instant>,
    /// All commands below are applied.
    applied: u64,
    /// All commands below are offered.
    offered: u64,
    /// Whether the clients wait after their first commands, until all nodes have applied these: some libraries send a
    /// node that comes late to an election all that it has missed, in one message of any size.
    held: bool,
    /// For each group that is under way the command behind its last.
    groups: VecDeque<u64>,
    /// When measuring began, and with which command.
    began: Option<(Instant, u64)>,
    /// What had been done then.
    before: Counts,
    counters: Arc<Counters>,
    outcome: Outcome,
}

impl Clients {
    pub(super) fn new(load: Load, way: Way, counters: Arc<Counters>) -> Self {
        let outcome = Outcome { latencies: Vec::with_capacity(load.commands + load.in_flight), ..Outcome::default() };
        Self {
            load,
            way,
            issued: VecDeque::with_capacity(load.in_flight),
            applied: 0,
            offered: 0,
            held: true,
            groups: VecDeque::new(),
            began: None,
            before: Counts::default(),
            counters,
            outcome,
        }
    }

    /// How many commands there are, those that are not measured included.
    pub(super) const fn total(load: Load) -> u64 {
        (load.warm_up() + load.commands) as u64
    }

    /// Every client issues its first command.
    pub(super) fn begin(&mut self) {
        let now = Instant::now();
        self.issued.extend((0..self.load.in_flight).map(|_| now));
    }

    /// The entries that are to be offered now.
    pub(super) fn entries(&mut self) -> Vec<Vec<u8>> {
        if !self.may_offer() {
            return Vec::new();
        }
        let numbers = self.offered..self.issued_below();
        self.offered = numbers.end;
        self.groups.push_back(numbers.end);
        let commands = numbers.map(|number| written(number, self.load.payload));
        if self.way.together { vec![commands.collect::<Vec<_>>().concat()] } else { commands.collect() }
    }

    /// Whether a command waits and a group may begin.
    pub(super) fn may_offer(&self) -> bool {
        self.offered < self.issued_below() && self.groups.len() < self.way.pipeline && !(self.held && self.offered > 0)
    }

    /// All nodes have applied all commands below `everywhere`.
    pub(super) fn everywhere(&mut self, everywhere: u64) {
        self.held &= everywhere < self.load.in_flight as u64;
    }

    /// Whether nothing is to be decided now, but all nodes are to hear what is.
    pub(super) fn wait_for_all(&self) -> bool {
        self.held || self.is_done()
    }

    /// The leader has applied all commands below `applied`: those who issued them issue the next.
    pub(super) fn applied(&mut self, applied: u64) {
        if applied == self.applied {
            return;
        }
        let now = Instant::now();
        while self.applied < applied {
            let issued = self.issued.pop_front().expect("what is applied was issued");
            self.applied += 1;
            if self.began.is_some() {
                self.outcome.latencies.push(u32::try_from((now - issued).as_nanos()).unwrap_or(u32::MAX));
            }
            if self.issued_below() < Self::total(self.load) {
                self.issued.push_back(now);
            }
        }
        while self.groups.front().is_some_and(|end| *end <= applied) {
            self.groups.pop_front();
        }
        match self.began {
            None if self.load.warm_up() as u64 <= applied => {
                self.began = Some((now, applied));
                self.before = self.counters.since(Counts::default());
            }
            Some((began, first)) if self.is_done() => {
                self.outcome.commands = applied - first;
                self.outcome.elapsed = now - began;
                self.outcome.counts = self.counters.since(self.before);
            }
            _ => {}
        }
    }

    /// Whether all commands are applied.
    pub(super) fn is_done(&self) -> bool {
        Self::total(self.load) <= self.applied
    }

    /// What was measured; whether it counts is not known here.
    pub(super) fn outcome(mut self) -> Outcome {
        self.outcome.latencies.sort_unstable();
        self.outcome
    }

    fn issued_below(&self) -> u64 {
        self.applied + self.issued.len() as u64
    }
}

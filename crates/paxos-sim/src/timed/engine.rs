//! The clock and what is due: how time becomes choices.

use std::{
    any::Any,
    mem,
    panic::{AssertUnwindSafe, catch_unwind},
    time::Duration,
};

use paxos_messages::Observed;
use paxos_process::{NodeId, Process};
use rand::{Rng, RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde::Serialize;

use super::{
    Conditions, Counts, Kind, Load, Run, System, Violation,
    agenda::{Agenda, Time},
    conditions::MILLISECOND,
    delay::{exponential, heavy_tail, per_mille},
    ears::{Ears, Heard},
    store::Store,
};
use crate::{Choice, ChoiceOf, Disk, Invariant, Packet, Watch, World};

/// What is due at some time.
pub(super) enum Due<P: Observed> {
    /// A message arrives, if its link and its node let it.
    Deliver(Packet<P::Message>),
    /// A timer goes off, if it was not set again or stopped since.
    Fire(usize, P::Timer, u32),
    /// A sync returns, if its node has not crashed since.
    Sync(usize, u32),
    /// The load is asked what it asks.
    Ask,
    /// The load asks this of a node.
    Request(NodeId, P::Request),
    /// A node is started, if it is still that crash after which it should be.
    Restart(usize, u32),
    /// A node crashes, if it has not since.
    Crash(usize, u32),
    /// Something fails.
    Strike(Kind, Time),
    /// Links are cut.
    Cut(Vec<(NodeId, NodeId)>),
    /// Links are whole again.
    Heal(Vec<(NodeId, NodeId)>),
    /// What a node says and hears waits until then.
    Clog(usize, Time),
    /// Nothing fails from now on.
    Mend,
}

/// What the simulation knows of a node.
pub(super) struct Machine<P: Observed> {
    pub(super) id: NodeId,
    /// How often it has crashed.
    pub(super) life: u32,
    pub(super) busy_until: Time,
    pub(super) sends_until: Time,
    pub(super) paused_until: Time,
    /// Until when each step takes how long.
    pub(super) slow: (Time, Time),
    /// How fast its clock runs, in thousandths.
    rate: Time,
    /// How often each timer was set.
    timers: Vec<(P::Timer, u32)>,
    /// Whether a sync is under way.
    pub(super) syncing: bool,
    /// What its next sync runs into.
    pub(super) failing: Option<Kind>,
    /// How often it will crash again soon after its restart.
    pub(super) loops: u32,
    /// Whether its store is damaged.
    pub(super) refused: bool,
    /// The process before its first record.
    pub(super) blank: P,
}

/// A run under way.
pub(super) struct Engine<'a, S: System, W> {
    pub(super) system: &'a S,
    watch: &'a mut W,
    pub(super) conditions: Conditions,
    invariants: Vec<Invariant>,
    pub(super) dice: ChaCha8Rng,
    pub(super) agenda: Agenda<Due<S::Process>>,
    pub(super) now: Time,
    pub(super) world: World<S::Process>,
    pub(super) nodes: Vec<Machine<S::Process>>,
    pub(super) stores: Vec<Store>,
    /// Until when each link is clogged: a row for each sender.
    pub(super) links: Vec<Time>,
    pub(super) load: S::Load,
    pub(super) path: Vec<ChoiceOf<S::Process>>,
    pub(super) counts: Counts,
    heard: Heard<S::Process>,
    /// Whether the protocol has a rule for a lost disk.
    pub(super) has_rule: bool,
    /// How many disks were damaged or lost.
    pub(super) victims: usize,
    pub(super) mended: Option<(Time, usize)>,
    pub(super) violation: Option<Violation>,
}

impl<'a, S: System, W: Watch<S::Process>> Engine<'a, S, W> {
    pub(super) fn new(system: &'a S, conditions: Conditions, seed: u64, watch: &'a mut W) -> Self {
        let setting = system.setting();
        assert!(setting.disk == Disk::Manual, "a timed simulation says when a disk syncs");
        let members = setting.quorums.members();
        let mut dice = ChaCha8Rng::seed_from_u64(seed);
        let has_rule = members.iter().next().is_some_and(|id| system.make(id).without_memory(0).is_some());
        let mut counts = Counts::new();
        let drift = conditions.drift;
        if 0 < drift {
            counts.add(Kind::Drifted);
        }
        let mut machine = |id| Machine {
            id,
            life: 0,
            busy_until: 0,
            sends_until: 0,
            paused_until: 0,
            slow: (0, 0),
            rate: Time::from(dice.random_range(1_000 - drift..=1_000 + drift)),
            timers: Vec::new(),
            syncing: false,
            failing: None,
            loops: 0,
            refused: false,
            blank: system.make(id),
        };
        Self {
            nodes: members.iter().map(&mut machine).collect(),
            system,
            watch,
            conditions,
            invariants: system.invariants(),
            dice,
            agenda: Agenda::new(),
            now: 0,
            world: World::new(setting, |id| system.make(id)),
            stores: members.iter().map(|_| Store::new(system.storage())).collect(),
            links: vec![0; members.len() * members.len()],
            load: system.load(seed),
            path: Vec::new(),
            counts,
            heard: Heard::new(),
            has_rule,
            victims: 0,
            mended: None,
            violation: None,
        }
    }

    pub(super) fn run(mut self) -> Run<S> {
        let limits = self.system.limits();
        self.begin(nanoseconds(limits.faults).min(self.conditions.lasting));
        let mut healing = Duration::ZERO;
        while self.violation.is_none() {
            let Some((at, number, due)) = self.agenda.next() else { break };
            debug_assert!(self.now <= at, "time goes forward");
            if self.now < at {
                self.now = at;
                self.watch.at(Duration::from_nanos(at));
            }
            // A process whose own assertion fails has shown something as well, and the choice that made it fail is the last.
            if let Err(panic) = catch_unwind(AssertUnwindSafe(|| self.carry(number, due))) {
                self.violation = Some(Violation::Panicked(said(&*panic)));
            }
            if let Some((since, _)) = self.mended {
                healing = Duration::from_nanos(self.now - since);
                if self.load.has_recovered(self.survivors(), &self.world) {
                    break;
                }
                if limits.healing < healing {
                    self.violation.get_or_insert(Violation::DoesNotRecover);
                }
            } else if limits.choices <= self.path.len() {
                self.mend();
            }
        }
        if self.violation.is_none() && !self.load.has_recovered(self.survivors(), &self.world) {
            self.violation = Some(Violation::DoesNotRecover);
        }
        if self.violation.is_none() {
            self.violation = self.load.complaint(&self.world).map(Violation::Complaint);
        }
        self.counts.choices = self.path.len() as u64;
        let Self { path, world, load, counts, violation, now, mended, .. } = self;
        let broken = mended.map_or(path.len(), |(_, choices)| choices);
        Run { path, broken, world, load, counts, violation, time: Duration::from_nanos(now), healing }
    }

    /// What the processes did when they started, before anybody watched, and what is due from the beginning.
    fn begin(&mut self, faults: Time) {
        for position in 0..self.nodes.len() {
            let id = self.nodes[position].id;
            for timer in self.world.timers(id).to_vec() {
                self.set_timer(position, timer);
            }
            assert!(!self.world.has_unsynced(id), "nothing is written before something has happened");
        }
        for packet in self.world.network().to_vec() {
            self.dispatch(packet);
        }
        self.agenda.enter(0, Due::Ask);
        self.agenda.enter(faults, Due::Mend);
        for (kind, mean) in self.conditions.strikes.clone() {
            let first = exponential(&mut self.dice, mean);
            self.agenda.enter(first, Due::Strike(kind, mean));
        }
    }

    fn carry(&mut self, number: u64, due: Due<S::Process>) {
        match due {
            Due::Deliver(packet) => self.deliver(number, packet),
            Due::Fire(position, timer, set) => {
                let id = self.nodes[position].id;
                let current = self.nodes[position].timers.contains(&(timer, set));
                if !current || !self.world.timers(id).contains(&timer) {
                    return;
                }
                match self.waits(position) {
                    Some(until) => self.agenda.put_off(until, number, Due::Fire(position, timer, set)),
                    None => self.step(position, Choice::Fire(id, timer)),
                }
            }
            Due::Sync(position, life) => self.sync(number, position, life),
            Due::Ask => self.ask(),
            Due::Request(id, request) => {
                let position = self.position(id);
                match self.waits(position) {
                    Some(until) => self.agenda.put_off(until, number, Due::Request(id, request)),
                    None if self.world.is_up(id) => self.step(position, Choice::Request(id, request)),
                    // Nobody is there to hear it.
                    None => {}
                }
            }
            Due::Strike(..) | Due::Cut(_) | Due::Clog(..) | Due::Crash(..) if self.mended.is_some() => {}
            Due::Restart(position, life) if self.nodes[position].life == life => self.restart(position),
            Due::Crash(position, life) if self.nodes[position].life == life => self.crash(position),
            Due::Restart(..) | Due::Crash(..) => {}
            Due::Strike(kind, mean) => self.strike(kind, mean),
            Due::Cut(links) => {
                for (from, to) in links {
                    self.apply_if_possible(Choice::Cut(from, to));
                }
            }
            Due::Heal(links) => {
                for (from, to) in links {
                    self.apply_if_possible(Choice::Heal(from, to));
                }
            }
            Due::Clog(position, until) => {
                let count = self.nodes.len();
                for other in 0..count {
                    self.links[position * count + other] = until;
                    self.links[other * count + position] = until;
                }
            }
            Due::Mend => self.mend(),
        }
    }

    /// Until when a node can do nothing, if that is so now.
    pub(super) fn waits(&self, position: usize) -> Option<Time> {
        let until = self.nodes[position].busy_until.max(self.nodes[position].paused_until);
        (self.now < until).then_some(until)
    }

    fn sync(&mut self, number: u64, position: usize, life: u32) {
        let Machine { id, life: now, .. } = self.nodes[position];
        if now != life {
            return;
        }
        if let Some(until) = self.waits(position) {
            return self.agenda.put_off(until, number, Due::Sync(position, life));
        }
        self.nodes[position].syncing = false;
        if let Some(kind) = self.nodes[position].failing.take() {
            self.counts.add(kind);
            if self.stores[position].rules().ends_with_its_disk {
                return self.crash(position);
            }
            self.stores[position].fails();
        }
        self.apply_if_possible(Choice::Sync(id));
        if self.stores[position].is_long() && !self.world.has_unsynced(id) {
            let records: Vec<Vec<u8>> = self.world.disk(id).checkpoint().iter().map(encoded).collect();
            self.stores[position].replace(&records);
            self.counts.add(Kind::Checkpoint);
        }
    }

    fn ask(&mut self) {
        let mut requests = Vec::new();
        let next = self.load.ask(Duration::from_nanos(self.now), &self.world, &mut requests);
        for (id, request) in requests {
            self.agenda.enter(self.now, Due::Request(id, request));
        }
        if let Some(next) = next {
            self.agenda.enter(nanoseconds(next).max(self.now + 1), Due::Ask);
        }
    }

    /// Something that a node does: it takes time, and the node may not survive it.
    pub(super) fn step(&mut self, position: usize, choice: ChoiceOf<S::Process>) {
        self.apply(choice);
        let Machine { slow: (until, slow), .. } = self.nodes[position];
        let cost = self.conditions.costs.step + if self.now < until { slow } else { 0 };
        self.nodes[position].busy_until = self.now + cost;
        let chance = self.conditions.boundary;
        if 0 < chance && self.mended.is_none() && self.dice.next_u32() % 100_000 < chance {
            self.counts.add(Kind::AtBoundary);
            self.crash(position);
        }
    }

    pub(super) fn apply_if_possible(&mut self, choice: ChoiceOf<S::Process>) {
        if self.violation.is_none() && self.world.obstacle(&choice).is_none() {
            self.apply(choice);
        }
    }

    pub(super) fn apply(&mut self, choice: ChoiceOf<S::Process>) {
        if self.violation.is_some() {
            return;
        }
        let Self { world, watch, load, stores, nodes, counts, heard, now, .. } = self;
        let now = Duration::from_nanos(*now);
        self.path.push(choice.clone());
        world.apply(&choice, &mut Ears { watch: &mut **watch, load, stores, nodes, counts, heard, now });
        self.violation = self.world.newly_violated(&self.invariants).map(Violation::Invariant);
        let mut sent = mem::take(&mut self.heard.sent);
        sent.drain(..).for_each(|packet| self.dispatch(packet));
        self.heard.sent = sent;
        let mut timers = mem::take(&mut self.heard.timers);
        timers.drain(..).for_each(|(id, timer)| self.set_timer(self.position(id), timer));
        self.heard.timers = timers;
        if let Some(id) = self.heard.wrote.take() {
            let position = self.position(id);
            if self.world.has_unsynced(id) && !mem::replace(&mut self.nodes[position].syncing, true) {
                let (least, most) = self.conditions.costs.sync;
                let end = self.now + self.dice.random_range(least..=most);
                self.agenda.enter(end, Due::Sync(position, self.nodes[position].life));
            }
        }
    }

    fn set_timer(&mut self, position: usize, timer: <S::Process as Process>::Timer) {
        let (shortest, longest) = self.system.clock(timer).into_inner();
        let mut length = self.dice.random_range(nanoseconds(shortest)..=nanoseconds(longest));
        if self.mended.is_none() {
            length = length * 1_000 / self.nodes[position].rate;
            if per_mille(&mut self.dice, self.conditions.timers_late) {
                self.counts.add(Kind::TimerLate);
                length += heavy_tail(&mut self.dice, 10 * MILLISECOND);
            }
        }
        let timers = &mut self.nodes[position].timers;
        let set = match timers.iter_mut().find(|(known, _)| *known == timer) {
            Some((_, set)) => {
                *set += 1;
                *set
            }
            None => {
                timers.push((timer, 0));
                0
            }
        };
        self.agenda.enter(self.now + length, Due::Fire(position, timer, set));
    }

    pub(super) fn position(&self, id: NodeId) -> usize {
        self.nodes.iter().position(|node| node.id == id).expect("a node of this world")
    }
}

fn encoded(record: &impl Serialize) -> Vec<u8> {
    let mut bytes = Vec::new();
    paxos_codec::encode(record, &mut bytes).expect("a record fits into a payload");
    bytes
}

fn nanoseconds(duration: Duration) -> Time {
    u64::try_from(duration.as_nanos()).unwrap_or(Time::MAX)
}

/// What a panic said.
fn said(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "without a word".to_owned())
}

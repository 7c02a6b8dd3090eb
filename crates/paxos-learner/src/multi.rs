//! The learner of a log: it learns slot after slot, and helps whoever has learned less.
//!
//! Read it as a diff against `single`. Votes are counted as before, per slot. New is how the others learn: not by a
//! message of its own for each slot, but by the *mark* in whatever the leader says next, "all slots below are chosen".
//! A mark says nothing about the values. A node has them, because it has voted for them; but it may believe only what
//! it voted for in the leader's ballot or a higher one, since in a lower ballot another value may have been proposed.
//! What it lacks it fetches. `log.rs` keeps what was learned, for those who fetch.

mod log;

use alloc::{collections::BTreeMap, vec::Vec};

use paxos_messages::{
    Ballot, Bytes, Slot, Vote,
    multi::{Effects, Entry, Event, Message, Output, Record, Request, SnapshotPart, Timer},
};
use paxos_process::{NodeId, NodeSet, Process, Value};
use paxos_quorums::Quorums;

use self::log::Log;
pub use self::log::{PAGE, PART, PARTS};

/// A learner: what it has learned, in the order of slots, and what it has heard of the slots after that.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct Learner<V> {
    quorums: Quorums,
    log: Log<V>,
    /// What was proposed and voted for in the slots that are not learned.
    heard: BTreeMap<Slot, Heard<V>>,
    /// The mark of the highest ballot: its leader says that all slots below are chosen.
    mark: Option<(Ballot, Slot)>,
    /// As far as this a mark has been written down.
    recorded: Slot,
    /// All slots below are chosen, somebody says: what is missing there can be fetched.
    goal: Slot,
    /// What was asked for and has not come.
    fetching: Option<Fetching>,
}

/// What is known of a slot that is not learned.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
struct Heard<V> {
    /// The highest ballot heard of in this slot.
    ballot: Ballot,
    /// Its value, once the proposal has been heard.
    value: Option<Entry<V>>,
    /// Who has voted in it.
    voters: NodeSet,
    /// Whether it is chosen.
    chosen: bool,
}

/// A page that is on its way: the slots and the bytes of a snapshot with which it will be complete.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
struct Fetching {
    until: Slot,
    bytes: u64,
    /// What had come when somebody last looked.
    came: (Slot, u64),
}

impl<V: Value> Learner<V> {
    /// A learner that counts by `quorums`, and keeps at most `retain` slots that a snapshot covers for those who have
    /// not learned them.
    #[must_use]
    pub const fn new(quorums: Quorums, retain: u64) -> Self {
        Self {
            quorums,
            log: Log::new(retain),
            heard: BTreeMap::new(),
            mark: None,
            recorded: Slot(0),
            goal: Slot(0),
            fetching: None,
        }
    }

    /// The first slot that it has not learned.
    #[must_use]
    pub const fn learned(&self) -> Slot {
        self.log.end()
    }

    /// The first slot whose value it still keeps.
    #[must_use]
    pub const fn first(&self) -> Slot {
        self.log.first()
    }

    /// What is chosen in a slot, while it is learned and kept.
    #[must_use]
    pub fn chosen(&self, slot: Slot) -> Option<&Entry<V>> {
        self.log.value(slot)
    }

    /// Everything that has been learned and is kept, as an application must be told it: a snapshot, and what follows.
    pub fn tell(&self, out: &mut Effects<V>) {
        self.log.tell(out);
    }

    /// Whether somebody knows more than it does.
    #[must_use]
    pub fn is_behind(&self) -> bool {
        self.learned() < self.goal
    }

    /// All slots below are chosen, somebody says.
    pub fn strive(&mut self, goal: Slot) {
        self.goal = self.goal.max(goal);
    }

    // ANCHOR: fetch
    /// Asks `whom` for what is missing, if something is.
    pub fn fetch(&mut self, whom: NodeSet, out: &mut Effects<V>) {
        self.fetching = None;
        if self.is_behind() && !whom.is_empty() {
            let (from, partial) = (self.learned(), self.log.partial());
            let bytes = self.came().1 + (PART * PARTS) as u64;
            self.fetching = Some(Fetching { until: Slot(from.0.saturating_add(PAGE)), bytes, came: self.came() });
            out.send(whom, Message::Fetch { from, partial });
        }
    }

    /// Asks again when nothing has come since this was last called.
    pub fn fetch_again(&mut self, whom: NodeSet, out: &mut Effects<V>) {
        let came = self.came();
        match &mut self.fetching {
            Some(page) if page.came != came => page.came = came,
            Some(_) | None => self.fetch(whom, out),
        }
    }

    fn came(&self) -> (Slot, u64) {
        (self.learned(), self.log.partial().map_or(0, |(_, bytes)| bytes))
    }

    /// Asks for the next page when this one is complete.
    fn turn_page(&mut self, from: NodeId, out: &mut Effects<V>) {
        let complete = self.fetching.is_some_and(|page| {
            page.until <= self.learned() || self.log.partial().is_some_and(|(_, bytes)| page.bytes <= bytes)
        });
        if complete {
            self.fetch(NodeSet::only(from), out);
        }
    }
    // ANCHOR_END: fetch

    // ANCHOR: mark
    /// The leader of `ballot` says that all slots below `upto` are chosen. Every proposal of its ballot or a higher
    /// one is for the chosen value (P2b of the paper); one of a lower ballot need not be.
    fn mark(&mut self, ballot: Ballot, upto: Slot, out: &mut Effects<V>) {
        let seen = match self.mark {
            Some((known, upto)) if known == ballot => upto,
            Some((known, _)) if ballot < known => Slot(u64::MAX), // the leader of a higher ballot says it better
            Some(_) | None => Slot(0),
        };
        let from = seen.max(self.learned());
        if from < upto {
            for (_, heard) in self.heard.range_mut(from..upto) {
                heard.chosen |= ballot <= heard.ballot && heard.value.is_some();
            }
        }
        if seen < upto {
            self.mark = Some((ballot, upto));
        }
        self.goal = self.goal.max(upto);
        self.advance(out);
        // Nothing waits for this record: without it, a restarted node only has to be told again.
        let known = upto.min(self.learned());
        if self.recorded < known {
            self.recorded = known;
            out.persist(Record::Chosen(ballot, known));
        }
    }
    // ANCHOR_END: mark

    /// A proposal that the acceptor of this node has voted for.
    fn proposal(&mut self, slot: Slot, ballot: Ballot, value: Entry<V>) {
        if slot < self.learned() {
            return;
        }
        let marked = self.mark.is_some_and(|(leader, upto)| slot < upto && leader <= ballot);
        let heard = self.heard(slot, ballot);
        if !heard.chosen && heard.ballot == ballot {
            heard.value = Some(value);
            heard.chosen = marked;
            self.count(slot);
        }
    }

    // ANCHOR: vote
    /// A vote counts in its slot and ballot, and the value is the one proposed there.
    fn vote(&mut self, from: NodeId, slot: Slot, ballot: Ballot) {
        if self.learned() <= slot {
            let heard = self.heard(slot, ballot);
            if heard.ballot == ballot {
                heard.voters.insert(from);
                self.count(slot);
            }
        }
    }

    fn count(&mut self, slot: Slot) {
        if let Some(heard) = self.heard.get_mut(&slot) {
            heard.chosen |= heard.value.is_some() && self.quorums.is_phase2(heard.voters);
        }
    }
    // ANCHOR_END: vote

    /// What has been heard of a slot: of this ballot, unless of a higher one.
    fn heard(&mut self, slot: Slot, ballot: Ballot) -> &mut Heard<V> {
        let new = Heard { ballot, value: None, voters: NodeSet::EMPTY, chosen: false };
        let heard = self.heard.entry(slot).or_insert_with(|| new.clone());
        if heard.ballot < ballot && !heard.chosen {
            *heard = new;
        }
        heard
    }

    /// Somebody tells what is chosen.
    ///
    /// # Panics
    ///
    /// When another value is known to be chosen: two were, and whoever goes on makes it worse.
    fn told(&mut self, slot: Slot, value: Entry<V>, out: &mut Effects<V>) {
        self.goal = self.goal.max(slot.next());
        if let Some(learned) = self.log.value(slot) {
            assert!(*learned == value, "Agreement: {slot} is {learned:?}, now told {value:?}");
        }
        if self.learned() <= slot {
            let heard = self.heard(slot, NOBODY);
            if !heard.chosen {
                (heard.value, heard.chosen) = (Some(value.clone()), true);
                out.persist(Record::Learned(slot, value));
            }
            self.advance(out);
        }
    }

    /// Learns as far as there is no hole: §3, a slot's command is executed when all before it have been.
    fn advance(&mut self, out: &mut Effects<V>) {
        while let Some(heard) = self.heard.first_entry().filter(|heard| heard.get().chosen) {
            let slot = *heard.key();
            if slot != self.log.end() {
                break;
            }
            let value = heard.remove().value.expect("what is chosen has a value");
            out.emit(Output::Chosen { slot, value: value.clone() });
            self.log.push(value);
        }
    }

    /// Takes a part of a snapshot; when it was the last, the snapshot takes the place of all slots below its own.
    fn snapshot(&mut self, part: SnapshotPart, out: &mut Effects<V>) {
        self.goal = self.goal.max(part.upto);
        if self.log.take(&part) {
            out.persist(Record::Snapshot(part));
            if self.install() {
                self.log.tell(out);
            }
            self.advance(out);
        }
    }

    fn install(&mut self) -> bool {
        let installed = self.log.install();
        while self.heard.first_key_value().is_some_and(|(slot, _)| *slot < self.log.end()) {
            self.heard.pop_first();
        }
        installed
    }

    // ANCHOR: compact
    /// The application's state after all slots below `upto` is `state`: their values are kept only for others, up to
    /// a limit, and whoever is further behind gets the state.
    fn compact(&mut self, upto: Slot, state: Bytes) {
        if upto <= self.learned() {
            self.log.compact(upto, state);
        }
    }

    /// Every member has learned all slots below: nobody needs them any more.
    pub fn everywhere(&mut self, slot: Slot) {
        self.log.everywhere(slot);
    }
    // ANCHOR_END: compact
}

impl<V: Value> Process for Learner<V> {
    type Message = Message<V>;
    type Record = Record<V>;
    type Timer = Timer;
    type Request = Request<V>;
    type Output = Output<V>;

    /// # Panics
    ///
    /// When a member tells another value than the one learned: `Agreement` is broken.
    fn step(&mut self, event: Event<V>, out: &mut Effects<V>) {
        match event {
            Event::Receive { from, message } if self.quorums.members().contains(from) => match message {
                Message::Accept { ballot, slot, value, chosen } => {
                    self.proposal(slot, ballot, value);
                    self.mark(ballot, chosen, out);
                }
                Message::Accepted { ballot, slot } => {
                    self.vote(from, slot, ballot);
                    self.advance(out);
                }
                Message::Heartbeat { ballot, chosen, everywhere, .. } => {
                    self.mark(ballot, chosen, out);
                    self.everywhere(everywhere);
                }
                Message::Learn { slot, value } => {
                    self.told(slot, value, out);
                    self.turn_page(from, out);
                }
                Message::Snapshot(part) => {
                    self.snapshot(part, out);
                    self.turn_page(from, out);
                }
                Message::Fetch { from: slot, partial } => self.log.page(NodeSet::only(from), slot, partial, out),
                _ => {} // the words of other roles
            },
            Event::Request(Request::Compact { upto, state }) => self.compact(upto, state),
            Event::Receive { .. } | Event::Start | Event::Timeout(_) | Event::Request(_) => {}
        }
    }

    /// What was voted for is what was proposed; what is chosen of it, the marks say.
    fn replay(&mut self, record: Record<V>) {
        let out = &mut Effects::new();
        match record {
            Record::Accepted(slot, Vote { ballot, value }) => self.proposal(slot, ballot, value),
            Record::Chosen(ballot, upto) => self.mark(ballot, upto, out),
            Record::Learned(slot, value) => self.told(slot, value, out),
            Record::Snapshot(part) => self.snapshot(part, out),
            Record::Round(_) | Record::Promised(_) | Record::Forgotten(_) | Record::Recalled(..) => {} // of other roles
        }
    }

    /// The snapshot, and what was learned after it.
    fn checkpoint(&self) -> Vec<Record<V>> {
        self.log.checkpoint()
    }
}

/// Below every ballot of a proposer: what is told is chosen whatever the ballot was.
const NOBODY: Ballot = Ballot { round: 0, node: NodeId(0) };

#[cfg(test)]
mod tests;

//! Everything about the log that may be wrong. In each place the last line, or the last arm, is the right rule: let it
//! pass as it is.

use std::collections::{BTreeMap, BTreeSet};

use paxos_messages::{
    Ballot, Slot,
    multi::{Effects, Entry, Event, Message, Output, Record, Request, Timer, Until},
};
use paxos_process::{NodeId, NodeSet, Value};

use super::WrongLog;
use crate::Mutant;

/// What a leader has said in a ballot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Led {
    ballot: Ballot,
    /// All slots below are chosen.
    said: Slot,
    /// The first slot in which, and behind which, it has proposed nothing.
    next: Slot,
}

/// What a wrong rule goes by, and the right one does not look at.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Notes<V> {
    /// The votes heard for each slot and ballot.
    votes: BTreeMap<(Slot, Ballot), NodeSet>,
    /// The slots told too early.
    told: BTreeSet<Slot>,
    /// What this node has proposed in each slot.
    proposed: BTreeMap<Slot, Entry<V>>,
    /// How this node has led, where it was not refused.
    led: Option<Led>,
}

impl<V> Notes<V> {
    pub(super) const fn new() -> Self {
        Self { votes: BTreeMap::new(), told: BTreeSet::new(), proposed: BTreeMap::new(), led: None }
    }
}

impl<V: Value> WrongLog<V> {
    // ANCHOR: hears
    /// What the replica hears when `event` happens.
    pub(super) fn hears(&mut self, event: Event<V>, out: &mut Effects<V>) -> Vec<Event<V>> {
        match (self.wrong, event) {
            (Some(wrong), Event::Receive { from, message }) => self.receives(wrong, from, message, out),
            // ANCHOR: looks_around
            (Some(Mutant::V1), Event::Timeout(Timer::Election)) if self.replica.leads().is_some() => {
                out.set_timer(Timer::Election); // nobody has refused it
                Vec::new()
            }
            // ANCHOR_END: looks_around
            (Some(Mutant::M15), Event::Request(Request::Read(read))) if self.replica.leads().is_some() => {
                out.emit(Output::Readable(read)); // elected just now, by a quorum
                Vec::new()
            }
            (Some(Mutant::M16), Event::Request(Request::Read(read))) if self.replica.serves() => {
                out.emit(Output::Readable(read)); // the leader knows best
                Vec::new()
            }
            (Some(Mutant::L7), Event::Request(Request::Propose(value))) => {
                self.goes_on_proposing(value, out).into_iter().collect()
            }
            (_, event) => vec![event],
        }
    }

    fn receives(&mut self, wrong: Mutant, from: NodeId, message: Message<V>, out: &mut Effects<V>) -> Vec<Event<V>> {
        let mut first = Vec::new();
        let message = match (wrong, message) {
            (Mutant::M14, Message::Accepted { ballot, slot }) => {
                self.tell_early(from, ballot, slot, out);
                Message::Accepted { ballot, slot }
            }
            // ANCHOR: promise_counts
            (Mutant::L2, Message::Promise { ballot, from, until, chosen, accepted }) => {
                let ballot = self.replica.proposer().opened().unwrap_or(ballot).max(ballot);
                Message::Promise { ballot, from, until, chosen, accepted }
            }
            // ANCHOR_END: promise_counts
            // ANCHOR: answer_is_whole
            (Mutant::L3, Message::Promise { ballot, from, chosen, accepted, .. }) => {
                Message::Promise { ballot, from, until: Until::End, chosen, accepted }
            }
            // ANCHOR_END: answer_is_whole
            // ANCHOR: votes_are_heard
            (Mutant::L4, Message::Promise { ballot, from, until, chosen, .. }) => {
                Message::Promise { ballot, from, until, chosen, accepted: None }
            }
            // ANCHOR_END: votes_are_heard
            // ANCHOR: hands_out
            (Mutant::L5, Message::Fetch { from: slot, partial }) => {
                let votes = self.replica.acceptor().memory().votes;
                for (slot, vote) in votes {
                    out.send(NodeSet::only(from), Message::Learn { slot, value: vote.value });
                }
                Message::Fetch { from: slot, partial }
            }
            // ANCHOR_END: hands_out
            // ANCHOR: willing
            (Mutant::V3, Message::Probe { round }) if self.replica.leader().is_some() => {
                let promised = self.replica.acceptor().promised();
                out.send(NodeSet::only(from), Message::Willing { round, promised }); // why not?
                Message::Probe { round }
            }
            // ANCHOR_END: willing
            // ANCHOR: obeys
            (Mutant::L9, Message::Heartbeat { ballot, round, .. })
                if Some(ballot) < self.replica.acceptor().promised() =>
            {
                let learned = self.replica.learner().learned();
                out.set_timer(Timer::Election); // somebody leads
                out.send(NodeSet::only(from), Message::Alive { ballot, round, learned });
                return first;
            }
            // ANCHOR_END: obeys
            (Mutant::L6, message) => {
                first = self.marked(from, &message);
                message
            }
            (Mutant::L7, Message::Refused { ballot, promised, phase }) => {
                self.notes.led.take_if(|led| led.ballot == ballot);
                Message::Refused { ballot, promised, phase }
            }
            (_, message) => message,
        };
        first.push(Event::Receive { from, message });
        first
    }
    // ANCHOR_END: hears

    /// M14: a slot is told as soon as a quorum has voted in it, whatever is missing before it.
    fn tell_early(&mut self, from: NodeId, ballot: Ballot, slot: Slot, out: &mut Effects<V>) {
        let voters = self.notes.votes.entry((slot, ballot)).or_insert(NodeSet::EMPTY);
        voters.insert(from);
        if let Some(vote) = self.replica.acceptor().accepted(slot)
            && vote.ballot == ballot
            && self.quorums.is_phase2(*voters)
            && self.notes.told.insert(slot)
        {
            out.emit(Output::Chosen { slot, value: vote.value.clone() });
        }
    }

    // ANCHOR: marked
    /// L6: what this node has voted for below a mark is chosen, whatever the ballot of its vote.
    fn marked(&self, from: NodeId, message: &Message<V>) -> Vec<Event<V>> {
        let (Message::Heartbeat { chosen, .. } | Message::Accept { chosen, .. }) = message else { return Vec::new() };
        let learn = |slot: Slot| {
            let value = self.replica.acceptor().accepted(slot)?.value.clone();
            Some(Event::Receive { from, message: Message::Learn { slot, value } })
        };
        (self.replica.learner().learned().0..chosen.0).map(Slot).map_while(learn).collect()
    }
    // ANCHOR_END: marked

    // ANCHOR: believes
    /// What the replica takes for said, though nobody said it.
    pub(super) fn believes(&self, out: &mut Effects<V>) -> Vec<Event<V>> {
        if self.wrong != Some(Mutant::M13) {
            return Vec::new();
        }
        // M13: whom the failure detector names leads; nobody need be asked.
        let mut promises = Vec::new();
        out.sends_after_sync.retain(|sent| {
            let Message::Prepare { ballot, from: first } = sent.message else { return true };
            promises.extend(sent.to.iter().map(|from| {
                let (from_slot, until, chosen, accepted) = (first, Until::End, first, None);
                let message = Message::Promise { ballot, from: from_slot, until, chosen, accepted };
                Event::Receive { from, message }
            }));
            false
        });
        promises
    }
    // ANCHOR_END: believes

    // ANCHOR: says
    /// What of `out` leaves the node, and how.
    pub(super) fn says(&mut self, out: &mut Effects<V>) {
        match self.wrong {
            Some(Mutant::M17) => {
                for sent in &out.sends {
                    if let Message::Accept { slot, value, .. } = &sent.message {
                        self.notes.proposed.insert(*slot, value.clone());
                    }
                }
                for output in &mut out.outputs {
                    if let Output::Chosen { slot, value } = output
                        && let Some(mine) = self.notes.proposed.get(slot)
                    {
                        *value = mine.clone();
                    }
                }
            }
            Some(Mutant::M21) => {
                for sent in &mut out.sends_after_sync {
                    if let Message::Promise { chosen, .. } = &mut sent.message {
                        *chosen = Slot(0); // the votes below are gone, and nobody says so
                    }
                }
            }
            Some(Mutant::L7) => self.goes_on_saying(out),
            _ => {}
        }
    }
    // ANCHOR_END: says

    // ANCHOR: goes_on_saying
    /// L7: who leads no more and was not refused proposes in his old ballot.
    fn goes_on_proposing(&mut self, value: V, out: &mut Effects<V>) -> Option<Event<V>> {
        let leads = self.replica.leads().is_some();
        let Some(Led { ballot, said, next }) = self.notes.led.as_mut().filter(|_| !leads) else {
            return Some(Event::Request(Request::Propose(value)));
        };
        let others = self.quorums.members().without(self.replica.id());
        // Where this ballot has proposed nothing yet: to propose twice in one slot would be another mistake.
        let (ballot, slot) = (*ballot, *next.max(said));
        *next = slot.next();
        out.send(others, Message::Accept { ballot, slot, value: Entry::Command(value), chosen: *said });
        None
    }

    /// And says how far the log is chosen.
    fn goes_on_saying(&mut self, out: &mut Effects<V>) {
        let learned = self.replica.learner().learned();
        if let Some(ballot) = self.replica.leads() {
            let before = self.notes.led.filter(|led| led.ballot == ballot).map_or(Slot(0), |led| led.next);
            let proposed = out.sends.iter().filter_map(|sent| match sent.message {
                Message::Accept { slot, .. } => Some(slot.next()),
                _ => None,
            });
            let next = proposed.fold(before, Slot::max);
            self.notes.led = Some(Led { ballot, said: learned, next }); // the replica says so itself
        } else if let Some(Led { ballot, said, .. }) = &mut self.notes.led
            && *said < learned
        {
            *said = learned;
            let others = self.quorums.members().without(self.replica.id());
            out.send(others, Message::Heartbeat { ballot: *ballot, round: 0, chosen: learned, everywhere: Slot(0) });
        }
    }
    // ANCHOR_END: goes_on_saying

    // ANCHOR: finds
    /// What of a record is still on the disk after a crash.
    pub(super) fn finds(&self, record: Record<V>) -> Option<Record<V>> {
        match (self.wrong, record) {
            (Some(Mutant::L1), Record::Accepted(Slot(0), vote)) => {
                let news = self.replica.acceptor().promised() < Some(vote.ballot);
                news.then_some(Record::Promised(vote.ballot))
            }
            (Some(Mutant::L8), Record::Forgotten(life)) => Some(Record::Forgotten(life.wrapping_sub(1))), // it is the same node
            (_, record) => Some(record),
        }
    }
    // ANCHOR_END: finds
}

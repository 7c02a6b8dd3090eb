//! What a leader does: it makes the logs of the others like its own (§5.3), counts who has what, and says what is chosen.
//!
//! A follower is first *probed*: one entry at a time, until one is behind the same entry there as here. Then entries are
//! sent as they come, without waiting for answers. A follower that lacks what this log does not have any more is sent the
//! snapshot first.

use alloc::{collections::BTreeMap, vec::Vec};

use paxos_messages::{
    Slot,
    multi::{Entry, Output, PART, PARTS, Refusal, Timer},
};
use paxos_process::{NodeId, NodeSet, Value};

use crate::{Effects, Message, Position, Record, Replica, replica::Role};

/// What a leader knows.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub(crate) struct Leading {
    /// Who has voted for it.
    pub(crate) votes: NodeSet,
    /// As far as this its own log is on its own disk.
    own: Slot,
    followers: BTreeMap<NodeId, Follower>,
    /// Who is to take over, once it has the whole log.
    heir: Option<Heir>,
}

/// Who is to take over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
struct Heir {
    node: NodeId,
    /// Whether it was told to campaign.
    told: bool,
    /// Whether the leader has looked once since: the second time it gives up.
    late: bool,
}

/// What a leader knows of one follower: Raft's `matchIndex` and `nextIndex`, and how the follower is served.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
struct Follower {
    /// Its log is this one, in all slots below.
    matched: Slot,
    /// The first slot that it has not been sent.
    next: Slot,
    way: Way,
    /// Whether it has come on since the last heartbeat.
    came: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
enum Way {
    /// Nobody knows whether its log is like this one in front of `next`.
    Probe,
    /// It is, or was when it last answered.
    Stream,
    /// It lacks what this log does not have any more: of the snapshot to slot `upto` it has so many bytes, and has been sent
    /// those to `sent`.
    Snapshot { upto: Slot, bytes: u64, sent: u64 },
}

impl Leading {
    /// Of the others nothing is known, but that they have votes to give.
    pub(crate) fn new(votes: NodeSet, others: NodeSet, end: Slot) -> Self {
        let follower = Follower { matched: Slot(0), next: end, way: Way::Probe, came: true };
        let followers = others.iter().map(|node| (node, follower)).collect();
        Self { votes, own: Slot(0), followers, heir: None }
    }

    /// Who has all slots below, on its disk.
    fn having(&self, id: NodeId, slot: Slot) -> NodeSet {
        let others: NodeSet =
            self.followers.iter().filter(|(_, it)| slot <= it.matched).map(|(node, _)| *node).collect();
        if slot <= self.own { others.with(id) } else { others }
    }

    /// All members have all slots below.
    fn everywhere(&self) -> Slot {
        self.followers.values().map(|it| it.matched).fold(self.own, Slot::min)
    }
}

impl<V: Value> Replica<V> {
    pub(crate) const fn leading(&mut self) -> Option<&mut Leading> {
        if let Role::Leader(leading) = &mut self.role { Some(leading) } else { None }
    }

    /// A term begins with an entry of its own (§8): when that is chosen, so is all before it.
    pub(crate) fn begin(&mut self, out: &mut Effects<V>) {
        let before = self.log.last();
        self.add(Entry::Noop, out);
        if !self.others().is_empty() {
            out.send(self.others(), self.entries(before, true));
        }
    }

    // ANCHOR: propose
    pub(crate) fn propose(&mut self, value: V, out: &mut Effects<V>) {
        let under_way = self.log.end().0 - self.chosen.0;
        let why = match &self.role {
            Role::Leader(Leading { heir: None, .. }) if under_way < self.options.window => None,
            Role::Leader(_) => Some(Refusal::Busy),
            Role::Follower | Role::Candidate(_) => Some(self.not_leader()),
        };
        if let Some(why) = why {
            return out.emit(Output::Refused { value, why });
        }
        let before = self.log.last();
        self.add(Entry::Command(value), out);
        // To all that have been sent everything before, it is one message.
        let Some(leading) = self.leading() else { return };
        let mut ready = NodeSet::EMPTY;
        for (node, it) in &mut leading.followers {
            if it.way == Way::Stream && it.next == before.end && it.next.0 - it.matched.0 < PAGE {
                ready.insert(*node);
                it.next = it.next.next();
            }
        }
        if !ready.is_empty() {
            let message = self.entries(before, true);
            out.send(ready, message);
        }
    }

    /// Appends to this log. The entry leaves at once, for the others' disks to write while this one's does (dissertation,
    /// §10.2.1); that it is here is said to this node itself, when it is on the disk.
    fn add(&mut self, entry: Entry<V>, out: &mut Effects<V>) {
        let (term, slot, round) = (self.term, self.log.end(), self.reads.round());
        out.persist(Record::Appended(slot, term, entry.clone()));
        self.log.write(slot, term, entry);
        out.send_after_sync(NodeSet::only(self.id), Message::Appended { term, matched: slot.next(), round });
    }
    // ANCHOR_END: propose

    /// `AppendEntries` behind `before`, with the entry there or, as a heartbeat, without one.
    fn entries(&self, before: Position, with: bool) -> Message<V> {
        Message::AppendEntries {
            term: self.term,
            before,
            entry: self.log.entry(before.end).filter(|_| with).cloned(),
            chosen: self.chosen,
            everywhere: if let Role::Leader(leading) = &self.role { leading.everywhere() } else { Slot(0) },
            round: self.reads.round(),
        }
    }

    // ANCHOR: supply
    /// Sends a follower what it may have now.
    fn supply(&mut self, node: NodeId, out: &mut Effects<V>) {
        let (term, first, end) = (self.term, self.log.first(), self.log.end());
        let Some(mut it) = self.leading().and_then(|leading| leading.followers.get(&node).copied()) else { return };
        if it.next < first {
            let upto = self.log.covered();
            let bytes = if let Way::Snapshot { upto: of, bytes, .. } = it.way
                && of == upto
            {
                bytes
            } else {
                0
            };
            it.way = Way::Snapshot { upto, bytes, sent: bytes.saturating_add((PART * PARTS) as u64) };
        }
        let to = NodeSet::only(node);
        match it.way {
            Way::Snapshot { bytes, .. } => self.log.send_snapshot(to, term, bytes, out),
            Way::Probe => {
                if let Some(before) = self.log.position(it.next) {
                    out.send(to, self.entries(before, true));
                }
            }
            Way::Stream => {
                while it.next < end
                    && it.next.0 - it.matched.0 < PAGE
                    && let Some(before) = self.log.position(it.next)
                {
                    out.send(to, self.entries(before, true));
                    it.next = it.next.next();
                }
            }
        }
        if let Some(leading) = self.leading() {
            leading.followers.insert(node, it);
        }
    }
    // ANCHOR_END: supply

    // ANCHOR: appended
    /// A node has all slots below `matched`.
    pub(crate) fn appended(&mut self, from: NodeId, matched: Slot, out: &mut Effects<V>) {
        let (id, first, end) = (self.id, self.log.first(), self.log.end());
        let Some(leading) = self.leading() else { return };
        if from == id {
            leading.own = leading.own.max(matched);
        } else if let Some(it) = leading.followers.get_mut(&from).filter(|_| matched <= end) {
            it.came |= it.matched < matched;
            it.matched = it.matched.max(matched);
            let goes_on = match it.way {
                Way::Stream => true,
                Way::Probe => it.next <= it.matched,
                Way::Snapshot { .. } => first <= it.matched,
            };
            if goes_on {
                (it.way, it.next) = (Way::Stream, it.next.max(it.matched));
                self.supply(from, out);
            }
        }
        self.count(out);
        self.bequeath(out);
    }
    // ANCHOR_END: appended

    // ANCHOR: count
    /// What a quorum has is chosen, if the last entry of it is of this term (§5.4.2). One of an earlier term may be on a
    /// majority of disks and be overwritten all the same (Figure 8): its next leader may have another entry of a term
    /// between. With an entry of this term behind it, nobody can be elected who lacks it.
    fn count(&mut self, out: &mut Effects<V>) {
        let Role::Leader(leading) = &self.role else { return };
        let mut ends: Vec<Slot> = leading.followers.values().map(|it| it.matched).chain([leading.own]).collect();
        ends.sort_unstable_by(|one, other| other.cmp(one));
        let of_term = |end: &Slot| self.log.position(*end).is_some_and(|position| position.term == self.term);
        let counts = |end: &Slot| self.quorums.is_phase2(leading.having(self.id, *end));
        let chosen = ends.into_iter().find(|end| counts(end)).filter(of_term);
        if let Some(chosen) = chosen.filter(|chosen| self.chosen < *chosen) {
            self.learn(chosen, out);
        }
        let everywhere = self.leading().map_or(Slot(0), |leading| leading.everywhere());
        self.log.everywhere(everywhere);
    }
    // ANCHOR_END: count

    // ANCHOR: behind
    /// A follower has something else before slot `refused`, or nothing. Goes back as far as the two logs may agree; that
    /// skips a whole term at a time, and what is missing at once.
    pub(crate) fn behind(&mut self, from: NodeId, refused: Slot, hint: Position, out: &mut Effects<V>) {
        let meet = self.log.meet(hint);
        let Some(it) = self.leading().and_then(|leading| leading.followers.get_mut(&from)) else { return };
        let news = match it.way {
            Way::Probe => refused == it.next,
            Way::Stream => it.matched < refused && refused <= it.next,
            Way::Snapshot { .. } => false,
        };
        let next = meet.max(it.matched);
        if news && next < refused {
            (it.way, it.next) = (Way::Probe, next);
            self.supply(from, out);
        }
    }
    // ANCHOR_END: behind

    /// A follower has so many bytes of a snapshot; when that is all it was sent, it is sent more.
    pub(crate) fn received(&mut self, from: NodeId, upto: Slot, bytes: u64, out: &mut Effects<V>) {
        let Some(it) = self.leading().and_then(|leading| leading.followers.get_mut(&from)) else { return };
        if let Way::Snapshot { upto: of, bytes: had, sent } = &mut it.way
            && *of == upto
        {
            it.came |= *had < bytes;
            *had = bytes;
            if *sent <= bytes {
                self.supply(from, out);
            }
        }
    }

    // ANCHOR: tick
    /// At regular intervals: I am here, so far is chosen; and once more to those that have not come on.
    pub(crate) fn tick(&mut self, out: &mut Effects<V>) {
        let Some(leading) = self.leading() else { return };
        let mut again = Vec::new();
        for (node, it) in &mut leading.followers {
            let waits = it.way != Way::Stream || it.matched < it.next;
            if waits && !core::mem::take(&mut it.came) {
                if it.way == Way::Stream {
                    (it.way, it.next) = (Way::Probe, it.matched);
                }
                again.push(*node);
            }
        }
        self.question(out);
        again.into_iter().for_each(|node| self.supply(node, out));
        out.set_timer(Timer::Heartbeat);
    }

    /// To all others, a heartbeat, which also asks whether a higher term is known: reads wait for the answers (§8).
    pub(crate) fn question(&mut self, out: &mut Effects<V>) {
        loop {
            let Some(leading) = self.leading() else { return };
            let mut ends = BTreeMap::<Slot, NodeSet>::new();
            for (node, it) in &leading.followers {
                ends.entry(it.matched).or_default().insert(*node);
            }
            for (end, nodes) in ends {
                // In front of what it has for sure, a follower can refuse nothing.
                let before = self.log.position(end).unwrap_or(Position::ORIGIN);
                out.send(nodes, self.entries(before, false));
            }
            if !self.reads.answer(self.id, self.reads.round(), &self.quorums, out) {
                return;
            }
        }
    }

    /// A follower knows of no higher term, after the question of `round` was asked.
    pub(crate) fn answered(&mut self, from: NodeId, round: u64, out: &mut Effects<V>) {
        if self.leads().is_some() && from != self.id {
            self.detector.alive(from);
            if self.reads.answer(from, round, &self.quorums, out) {
                self.question(out);
            }
        }
    }
    // ANCHOR_END: tick

    // ANCHOR: transfer
    /// Lets `node` take over, when it has the whole log (dissertation, §3.10): until then nothing is proposed. A node that is
    /// not heard, or needs a snapshot first, would have everybody wait: that is not begun.
    pub(crate) fn transfer(&mut self, node: NodeId, out: &mut Effects<V>) {
        let (alive, first) = (self.detector.is_alive(node), self.log.first());
        let Some(leading) = self.leading().filter(|_| alive) else { return };
        let Some(it) = leading.followers.get_mut(&node).filter(|it| first <= it.matched) else { return };
        leading.heir = Some(Heir { node, told: false, late: false });
        // What was lost on the way is not waited for.
        (it.way, it.next) = (Way::Probe, it.matched);
        self.supply(node, out);
        self.bequeath(out);
    }

    fn bequeath(&mut self, out: &mut Effects<V>) {
        let (term, end) = (self.term, self.log.end());
        let Some(leading) = self.leading() else { return };
        let Some(heir) = leading.heir.as_mut().filter(|heir| !heir.told) else { return };
        if leading.followers.get(&heir.node).is_some_and(|it| it.matched == end) {
            heir.told = true;
            out.send(NodeSet::only(heir.node), Message::TimeoutNow { term });
        }
    }

    /// The heir has not taken over in time: this node leads on.
    pub(crate) const fn give_up_transfer(&mut self) {
        if let Role::Leader(leading) = &mut self.role {
            leading.heir = match leading.heir {
                Some(heir) if !heir.late => Some(Heir { late: true, ..heir }),
                Some(_) | None => None,
            };
        }
    }
    // ANCHOR_END: transfer
}

/// How many entries may be on their way to one follower.
const PAGE: u64 = 64;

//! The driver's part of the world: what the effects of a step do to disks and network, kept in one place because
//! `paxos-node` must do the same with real ones.

use std::{collections::VecDeque, hash::Hash, sync::Arc};

use paxos_messages::{Fact, Observed, Slot};
use paxos_process::{Effects, EffectsOf, Event, EventOf, NodeId, Outgoing, TimerOp};

use super::{World, fingerprint};
use crate::{
    Disk, Happening, History, Loopback, Packet, Watch,
    node::{Held, HeldOf, Node},
};

impl<P: Observed + Clone + Hash> World<P> {
    /// The history, to be written.
    pub(super) fn record(&mut self) -> &mut History<P::Decree> {
        Arc::make_mut(&mut self.history)
    }

    fn put(&mut self, packet: Packet<P::Message>) {
        self.flying = self.flying.wrapping_add(fingerprint(&packet));
        let place = self.network.binary_search(&packet).unwrap_or_else(|place| place);
        self.network.insert(place, packet);
    }

    pub(super) fn take(&mut self, index: usize) -> Packet<P::Message> {
        let packet = self.network.remove(index);
        self.flying = self.flying.wrapping_sub(fingerprint(&packet));
        packet
    }

    pub(super) fn deliver(&mut self, packet: Packet<P::Message>, watch: &mut impl Watch<P>) {
        let position = self.position(packet.to).expect("packets are addressed to nodes of this world");
        watch.see(Happening::Delivered(&packet));
        self.step(position, Event::Receive { from: packet.from, message: packet.message }, watch);
    }

    pub(super) fn sync(&mut self, position: usize, watch: &mut impl Watch<P>) {
        let id = self.nodes[position].id;
        let released = self.node(position).sync();
        watch.see(Happening::Synced(id));
        let mut to_self = VecDeque::new();
        self.send(position, released, &mut to_self, watch);
        if let Some(event) = to_self.pop_front() {
            self.loop_back(position, event, to_self, watch);
        }
    }

    pub(super) fn crash(&mut self, position: usize, kept: usize, watch: &mut impl Watch<P>) {
        self.spent.crashes = self.spent.crashes.saturating_add(1);
        let Node { id, unsynced, .. } = &*self.nodes[position];
        watch.see(Happening::Crashed(*id, unsynced.len() - kept));
        self.node(position).crash_keeping(kept);
    }

    /// How many records a node has written that a crash may forget.
    #[must_use]
    pub fn unsynced(&self, id: NodeId) -> usize {
        self.position(id).map_or(0, |position| self.nodes[position].unsynced.len())
    }

    /// What replaying the disk of a node gives.
    pub(crate) fn disk(&self, id: NodeId) -> &P {
        &self.nodes[self.position(id).expect("a node of this world")].disk
    }

    /// One step of a node, and whatever it says to itself if that arrives at once.
    pub(super) fn step(&mut self, position: usize, event: EventOf<P>, watch: &mut impl Watch<P>) {
        self.loop_back(position, event, VecDeque::new(), watch);
    }

    fn loop_back(
        &mut self,
        position: usize,
        first: EventOf<P>,
        mut events: VecDeque<EventOf<P>>,
        watch: &mut impl Watch<P>,
    ) {
        let (mut out, mut next) = (Effects::new(), Some(first));
        while let Some(event) = next {
            self.node(position).process.step(event, &mut out);
            self.carry_out(position, &mut out, &mut events, watch);
            next = events.pop_front();
        }
    }

    /// The driver's part: asks leave, records are written, votes leave or wait, timers are set, outputs are told.
    fn carry_out(
        &mut self,
        position: usize,
        out: &mut EffectsOf<P>,
        to_self: &mut VecDeque<EventOf<P>>,
        watch: &mut impl Watch<P>,
    ) {
        let id = self.nodes[position].id;
        let process = &self.nodes[position].process;
        let meant = |outgoing: Outgoing<P::Message>| Held { fact: process.said(&outgoing.message), outgoing };
        let asks: Vec<_> = out.sends.drain(..).map(meant).collect();
        let votes: Vec<_> = out.sends_after_sync.drain(..).map(meant).collect();
        self.send(position, asks, to_self, watch);
        for output in out.outputs.drain(..) {
            watch.see(Happening::Told(id, &output));
            if let Some(fact) = self.nodes[position].process.told(&output) {
                self.establish(position, fact, watch);
            }
        }
        for record in out.records.drain(..) {
            watch.see(Happening::Wrote(id, &record));
            self.node(position).unsynced.push(record);
        }
        for timer in out.timers.drain(..) {
            match timer {
                TimerOp::Set(timer) => {
                    watch.see(Happening::TimerSet(id, timer));
                    self.node(position).set(timer);
                }
                TimerOp::Cancel(timer) => self.node(position).unset(timer),
            }
        }
        let at_once = self.setting.disk == Disk::AtOnce;
        if at_once && !self.nodes[position].unsynced.is_empty() {
            self.node(position).sync();
        }
        // The barrier is cumulative: votes wait while any record of this node, of whichever step, is unsynced.
        if self.nodes[position].unsynced.is_empty() {
            self.send(position, votes, to_self, watch);
        } else if !votes.is_empty() {
            self.node(position).held.extend(votes);
        }
    }

    fn send(
        &mut self,
        position: usize,
        leaving: Vec<HeldOf<P>>,
        to_self: &mut VecDeque<EventOf<P>>,
        watch: &mut impl Watch<P>,
    ) {
        let (from, mut lost) = (self.nodes[position].id, Vec::new());
        for Held { outgoing: Outgoing { to, message }, fact } in leaving {
            if let Some(fact) = fact {
                self.establish(position, fact, watch);
            }
            for to in to.intersection(self.setting.quorums.members()) {
                let packet = Packet { from, to, message: message.clone() };
                watch.see(Happening::Sent(&packet));
                if self.is_cut(from, to) {
                    lost.push(packet);
                } else if to == from && self.setting.loopback == Loopback::AtOnce {
                    watch.see(Happening::Delivered(&packet));
                    to_self.push_back(Event::Receive { from, message: packet.message });
                } else {
                    self.put(packet);
                }
            }
            lost.drain(..).for_each(|packet| watch.see(Happening::Dropped(&packet)));
        }
    }

    fn establish(&mut self, position: usize, fact: Fact<P::Decree>, watch: &mut impl Watch<P>) {
        let id = self.nodes[position].id;
        watch.see(Happening::Fact(id, &fact));
        match &fact {
            Fact::Opened { .. } => return,
            Fact::Learned { .. } | Fact::Installed { .. } => {
                if !self.node(position).told.hear(&fact) {
                    self.record().leaves_a_hole(id);
                }
            }
            Fact::Answered { read } => {
                let told = self.nodes[position].told;
                return self.record().answered(id, *read, told);
            }
            Fact::Promised { .. } | Fact::Proposed { .. } | Fact::Voted { .. } | Fact::VotedAll { .. } => {}
        }
        if let Some((from, to)) = slots(&fact) {
            let (first, last) = self.unjudged.unwrap_or((from, to));
            self.unjudged = Some((first.min(from), last.max(to)));
        }
        let node = Arc::clone(&self.nodes[position]);
        self.record().note(id, fact, || node.disk.memory());
    }
}

/// The first and the last slot that a fact is about, if it is about any.
const fn slots<V>(fact: &Fact<V>) -> Option<(Slot, Slot)> {
    match fact {
        Fact::Proposed { slot, .. } | Fact::Voted { slot, .. } | Fact::Learned { slot, .. } => Some((*slot, *slot)),
        Fact::VotedAll { from, values, .. } => match (values.len() as u64).checked_sub(1) {
            Some(others) => Some((*from, Slot(from.0 + others))),
            None => None,
        },
        Fact::Opened { .. } | Fact::Promised { .. } | Fact::Installed { .. } | Fact::Answered { .. } => None,
    }
}

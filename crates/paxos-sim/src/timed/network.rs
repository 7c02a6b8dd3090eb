//! Messages under way: how long they take, which are lost, which come twice, and which wait.

use paxos_process::Process;
use rand::RngExt;

use super::{
    Kind, System,
    agenda::Time,
    conditions::{MICROSECOND, MILLISECOND},
    delay::{exponential, heavy_tail, per_mille},
    engine::{Due, Engine},
};
use crate::{Choice, Packet, Watch};

impl<S: System, W: Watch<S::Process>> Engine<'_, S, W> {
    /// A message has left.
    pub(super) fn dispatch(&mut self, packet: Packet<<S::Process as Process>::Message>) {
        if packet.from == packet.to {
            return self.agenda.enter(self.now + 2 * MICROSECOND, Due::Deliver(packet));
        }
        let (from, to) = (self.position(packet.from), self.position(packet.to));
        let mut leaves = self.now.max(self.nodes[from].sends_until);
        if 0 < self.conditions.costs.byte {
            leaves += self.system.size(&packet.message) as Time * self.conditions.costs.byte;
            self.nodes[from].sends_until = leaves;
        }
        let mut arrives = leaves + self.conditions.latency[from][to] + self.conditions.jitter.draw(&mut self.dice);
        if self.mended.is_none() {
            if per_mille(&mut self.dice, self.conditions.loss) {
                let index = self.world.network().binary_search(&packet).expect("what was just sent is in flight");
                self.counts.add(Kind::Lost);
                return self.apply(Choice::Drop(index));
            }
            if per_mille(&mut self.dice, self.conditions.late) {
                self.counts.add(Kind::Late);
                arrives += heavy_tail(&mut self.dice, 20 * MILLISECOND);
            }
        }
        self.agenda.enter(arrives, Due::Deliver(packet));
    }

    pub(super) fn deliver(&mut self, number: u64, packet: Packet<<S::Process as Process>::Message>) {
        let (from, to) = (self.position(packet.from), self.position(packet.to));
        let clogged = self.links[from * self.nodes.len() + to];
        let waits = if self.now < clogged { Some(clogged) } else { self.waits(to) };
        if let Some(until) = waits {
            return self.agenda.put_off(until, number, Due::Deliver(packet));
        }
        // What a node said to itself is forgotten with the disk that it lost.
        let Ok(index) = self.world.network().binary_search(&packet) else { return };
        if self.world.obstacle(&Choice::Deliver(index)).is_some() {
            // The connection was lost, and with it the message; or it waits in some queue.
            if packet.from == packet.to || self.dice.random_bool(0.5) {
                self.counts.add(Kind::Lost);
                self.apply(Choice::Drop(index));
            } else {
                let later = self.now + exponential(&mut self.dice, 100 * MILLISECOND);
                self.agenda.enter(later, Due::Deliver(packet));
            }
            return;
        }
        self.counts.delivered += 1;
        if packet.from != packet.to && self.mended.is_none() && per_mille(&mut self.dice, self.conditions.copies) {
            self.counts.add(Kind::Copied);
            let again = self.now + heavy_tail(&mut self.dice, 10 * MILLISECOND);
            self.agenda.enter(again, Due::Deliver(packet));
            self.step(to, Choice::Duplicate(index));
        } else {
            self.step(to, Choice::Deliver(index));
        }
    }
}

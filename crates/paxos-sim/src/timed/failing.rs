//! Nodes that fail and come back: what a crash leaves, who may lose a disk, and how all is mended.

use std::time::Duration;

use paxos_messages::{Memory, Observed};
use paxos_process::{NodeSet, Process};

use super::{
    Kind, Load, System, Violation,
    conditions::MILLISECOND,
    delay::exponential,
    engine::{Due, Engine, Machine},
    store::{Found, Store},
};
use crate::{Choice, Watch};

impl<S: System, W: Watch<S::Process>> Engine<'_, S, W> {
    /// A node stops. What its disk holds is decided now, and read as a restart will read it.
    pub(super) fn crash(&mut self, position: usize) {
        let id = self.nodes[position].id;
        if !self.world.is_up(id) || self.violation.is_some() {
            return;
        }
        self.counts.add(Kind::Crashed);
        let may_be_refused = self.mended.is_none() && self.may_be_refused(position);
        let Self { stores, dice, counts, conditions, .. } = self;
        let found = stores[position].crash(conditions.disk, may_be_refused, dice, counts);
        let node = &mut self.nodes[position];
        (node.life, node.syncing, node.busy_until, node.failing) = (node.life + 1, false, 0, None);
        match found {
            Found::Log { kept, records } => {
                self.apply(if 0 < kept { Choice::CrashKeeping(id, kept) } else { Choice::Crash(id) });
                self.check_memory(position, &records);
            }
            Found::Refused => {
                self.counts.add(Kind::Refused);
                self.apply(Choice::Crash(id));
                self.refuse(position);
            }
            Found::Wrong(what) => self.violation = Some(Violation::WrongRecord(format!("{id}: {what}"))),
        }
        let back = self.now + exponential(&mut self.dice, 200 * MILLISECOND);
        self.agenda.enter(back, Due::Restart(position, self.nodes[position].life));
    }

    /// What is read back from the bytes must make a process that stands by all that the world says its node said: the
    /// same promise, and every vote. It may know less of what is chosen: a checkpoint keeps what was learned, not every
    /// hint at what will be.
    fn check_memory(&mut self, position: usize, records: &[Vec<u8>]) {
        let Machine { id, blank, .. } = &self.nodes[position];
        let mut process = blank.clone();
        for record in records {
            match paxos_codec::decode(record) {
                Ok(record) => process.replay(record),
                Err(error) => {
                    self.violation = Some(Violation::WrongRecord(format!("{id}: {error}")));
                    return;
                }
            }
        }
        let (found, said) = (process.memory(), self.world.process(*id).memory());
        if !stands_by(&found, &said) {
            self.violation = Some(Violation::WrongRecord(format!("{id} remembers {found:?} and not {said:?}")));
        }
    }

    /// Whether the disk of a node may be damaged or lost: a protocol with a rule for that survives one, and the others
    /// must stay; without a rule, those that are left must be enough.
    pub(super) fn may_be_refused(&self, position: usize) -> bool {
        if self.has_rule {
            return self.victims == 0;
        }
        let rest = self.survivors().without(self.nodes[position].id);
        let quorums = &self.world.setting().quorums;
        quorums.is_phase1(rest) && quorums.is_phase2(rest)
    }

    pub(super) fn refuse(&mut self, position: usize) {
        self.victims += 1;
        self.nodes[position].refused = true;
    }

    pub(super) fn restart(&mut self, position: usize) {
        let id = self.nodes[position].id;
        if self.world.is_up(id) {
            return;
        }
        if self.nodes[position].refused {
            if !self.has_rule {
                return;
            }
            self.apply(Choice::Lose(id));
            self.counts.add(Kind::Replaced);
            self.stores[position] = Store::new(self.system.storage());
            let node = &mut self.nodes[position];
            (node.refused, node.blank) = (false, self.world.process(id).clone());
        }
        self.apply_if_possible(Choice::Restart(id));
        let node = &mut self.nodes[position];
        if 0 < node.loops && self.mended.is_none() {
            node.loops -= 1;
            self.counts.add(Kind::Looped);
            let again = self.now + exponential(&mut self.dice, 5 * MILLISECOND);
            self.agenda.enter(again, Due::Crash(position, self.nodes[position].life));
        }
    }

    /// Nothing fails from now on: links are whole, nodes are up, clocks are right.
    pub(super) fn mend(&mut self) {
        if self.mended.is_some() {
            return;
        }
        self.mended = Some((self.now, self.path.len()));
        self.load.mended(Duration::from_nanos(self.now));
        for (from, to) in self.world.cut_links() {
            self.apply_if_possible(Choice::Heal(from, to));
        }
        self.links.fill(self.now);
        for position in 0..self.nodes.len() {
            let node = &mut self.nodes[position];
            (node.busy_until, node.paused_until, node.slow, node.failing) = (0, 0, (0, 0), None);
            self.restart(position);
        }
        self.agenda.enter(self.now, Due::Ask);
    }

    /// The nodes that will be up in the end.
    pub(super) fn survivors(&self) -> NodeSet {
        self.nodes.iter().filter(|node| self.has_rule || !node.refused).map(|node| node.id).collect()
    }
}

/// Whether who remembers `found` stands by what an acceptor said that remembered `said`: by its promise, and by every vote in
/// a slot that it does not know to be chosen.
pub(crate) fn stands_by<V: Eq>(found: &Memory<V>, said: &Memory<V>) -> bool {
    let kept = said.votes.iter().all(|vote| vote.0 < found.from || found.votes.contains(vote));
    found.promised == said.promised && kept
}

//! What strikes now and then: partitions, clogs, pauses, crashes.

use paxos_process::NodeId;
use rand::{Rng, RngExt, seq::SliceRandom};

use super::{
    Conditions, Kind, System,
    agenda::Time,
    conditions::MILLISECOND,
    delay::exponential,
    engine::{Due, Engine},
    partition,
};
use crate::{Choice, Watch};

impl<S: System, W: Watch<S::Process>> Engine<'_, S, W> {
    /// Lets `kind` strike, and enters its next time.
    pub(super) fn strike(&mut self, kind: Kind, mean: Time) {
        let next = self.now + exponential(&mut self.dice, mean);
        self.agenda.enter(next, Due::Strike(kind, mean));
        let end = self.now + self.dice.random_range(MILLISECOND..=Conditions::longest_strike(&self.system.limits()));
        match kind {
            Kind::Clogged => {
                let links = self.links.len();
                for _ in 0..self.dice.random_range(1..=links) {
                    let link = self.dice.random_range(0..links);
                    self.links[link] = end;
                }
                self.counts.add(kind);
            }
            Kind::Swizzled => self.swizzle(end),
            Kind::Flapped => self.flap(end),
            Kind::Paused => {
                let position = self.somebody();
                self.nodes[position].paused_until = end;
                self.counts.add(kind);
            }
            Kind::Slowed => {
                let step = self.dice.random_range(MILLISECOND / 10..=5 * MILLISECOND);
                let position = self.somebody();
                self.nodes[position].slow = (end, step);
                self.counts.add(kind);
            }
            Kind::Crashed | Kind::SyncFailed | Kind::DiskFull | Kind::Looped | Kind::AllCrashed | Kind::Replaced => {
                self.strike_down(kind);
            }
            _ => self.cut(kind, end),
        }
    }

    fn somebody(&mut self) -> usize {
        self.dice.random_range(0..self.nodes.len())
    }

    fn strike_down(&mut self, kind: Kind) {
        let position = self.somebody();
        let id = self.nodes[position].id;
        match kind {
            Kind::AllCrashed => {
                self.counts.add(kind);
                (0..self.nodes.len()).for_each(|position| self.crash(position));
            }
            // They end the process at its next sync.
            Kind::SyncFailed | Kind::DiskFull => self.nodes[position].failing = Some(kind),
            Kind::Looped => {
                self.nodes[position].loops = self.dice.random_range(1..6);
                self.crash(position);
            }
            Kind::Replaced if !self.may_be_refused(position) => {}
            Kind::Replaced if self.has_rule => {
                self.crash(position);
                if !self.world.is_up(id) {
                    self.refuse(position);
                }
            }
            _ => self.crash(position),
        }
    }

    /// Cuts links in the shape of `kind`.
    fn cut(&mut self, kind: Kind, end: Time) {
        let cut = partition::links(kind, self.world.setting().quorums.members(), &mut self.dice);
        if !cut.is_empty() {
            self.counts.add(kind);
        }
        self.cut_until(cut, end);
    }

    fn cut_until(&mut self, links: Vec<(NodeId, NodeId)>, end: Time) {
        for (from, to) in &links {
            self.apply_if_possible(Choice::Cut(*from, *to));
        }
        self.agenda.enter(end, Due::Heal(links));
    }

    /// A link, in one direction or both, is cut and whole again until `end`: shorter or longer than what a failure
    /// detector waits for.
    fn flap(&mut self, end: Time) {
        let two = partition::links(Kind::Isolated, self.world.setting().quorums.members(), &mut self.dice);
        let Some((from, to)) = two.first().copied() else { return };
        let mut links = vec![(from, to)];
        if self.dice.random_bool(0.5) {
            links.push((to, from));
        }
        self.counts.add(Kind::Flapped);
        let period = self.dice.random_range(MILLISECOND..=400 * MILLISECOND);
        let mut at = self.now;
        for _ in 0..20 {
            if end <= at {
                break;
            }
            self.agenda.enter(at, Due::Cut(links.clone()));
            self.agenda.enter(at + period / 2, Due::Heal(links.clone()));
            at += period;
        }
    }

    /// Clogs the links of some nodes one after the other, and unclogs them in another order: what FoundationDB found most
    /// of its bugs with.
    fn swizzle(&mut self, end: Time) {
        self.counts.add(Kind::Swizzled);
        let some = self.dice.next_u64();
        let mut positions: Vec<usize> = (0..self.nodes.len()).filter(|position| some >> position & 1 == 1).collect();
        positions.shuffle(&mut self.dice);
        let step = (end - self.now) / (2 * self.nodes.len() as Time + 1);
        let mut starts = self.now;
        for position in positions {
            let last = end - step * self.dice.random_range(0..self.nodes.len() as Time);
            self.agenda.enter(starts, Due::Clog(position, last));
            starts += step;
        }
    }
}

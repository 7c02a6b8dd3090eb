//! A node and its records: at every moment of a random life they tell what it has promised, all of it. (That nothing leaves
//! before its record is stable is what a `World` with unsynced disks sees to.) And a node among liars: whatever a member
//! says, the node goes on.

use paxos_messages::{
    Ballot, Vote,
    multi::{Event, Record, SnapshotPart, Until},
};
use paxos_process::{Outgoing, Process};

use super::*;

type Effects = paxos_messages::multi::Effects<u64>;

const OPTIONS: Options = Options { window: 4, retain: 2 };

/// Dice that fall the same way each time.
struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % limit
    }
}

/// Three nodes, what each has written, and what is in flight.
struct Lives {
    nodes: Vec<(Replica<u64>, Vec<Record<u64>>)>,
    flying: Vec<(NodeId, NodeId, Message<u64>)>,
    asked: u64,
}

impl Lives {
    fn new() -> Self {
        let node = |id| (Replica::new(id, majority(3), OPTIONS), Vec::new());
        let mut lives = Self { nodes: members(3).iter().map(node).collect(), flying: Vec::new(), asked: 0 };
        (0..3).for_each(|node| lives.step(node, Event::Start));
        lives
    }

    fn step(&mut self, node: usize, event: Event<u64>) {
        let mut out = Effects::new();
        let (replica, records) = &mut self.nodes[node];
        replica.step(event, &mut out);
        records.append(&mut out.records);
        for Outgoing { to, message } in out.sends.into_iter().chain(out.sends_after_sync) {
            self.flying.extend(to.iter().map(|to| (replica.id(), to, message.clone())));
        }
    }

    /// One thing happens.
    fn go_on(&mut self, dice: &mut Dice) {
        let node = dice.below(3);
        let leads = self.nodes.iter().position(|(replica, _)| replica.serves());
        match dice.below(100) {
            0 => self.step(node, Event::Timeout(Timer::Election)),
            1..4 => self.step(leads.unwrap_or(node), Event::Timeout(Timer::Heartbeat)),
            4..12 => {
                self.asked += 1;
                self.step(leads.unwrap_or(node), Event::Request(Request::Propose(self.asked)));
            }
            12..14 => {
                let learned = self.nodes[node].0.learner().learned();
                let upto = Slot(learned.0.saturating_sub(dice.below(3) as u64));
                let state = (0..5).map(|byte| upto.0 as u8 ^ byte).collect::<Vec<u8>>().into();
                self.step(node, Event::Request(Request::Compact { upto, state }));
            }
            14 => self.nodes[node].1 = self.nodes[node].0.checkpoint(),
            15 => {
                self.nodes[node].0 = self.replayed(node); // a crash
                self.step(node, Event::Start);
            }
            16..18 if !self.flying.is_empty() => drop(self.flying.swap_remove(dice.below(self.flying.len()))),
            _ if !self.flying.is_empty() => {
                let (from, to, message) = self.flying.swap_remove(dice.below(self.flying.len()));
                self.step(usize::from(to.0) - 1, Event::Receive { from, message });
            }
            _ => {}
        }
    }

    fn replayed(&self, node: usize) -> Replica<u64> {
        let (lived, records) = &self.nodes[node];
        let mut again = Replica::new(lived.id(), majority(3), OPTIONS);
        records.iter().for_each(|record| again.replay(record.clone()));
        again
    }

    /// What a node would be after a crash now: the same promises, votes and ballots; and of what is chosen, what it knew
    /// or, where that can be told again, less.
    fn compare(&self, node: usize) {
        let (lived, again) = (&self.nodes[node].0, self.replayed(node));
        assert_eq!(again.proposer().opened(), lived.proposer().opened());
        assert_eq!(again.acceptor().is_mute(), lived.acceptor().is_mute());
        assert_eq!(again.acceptor().promised(), lived.acceptor().promised());
        let (known, end) = (lived.learner().learned(), Slot(self.asked + 9));
        assert!(again.learner().learned() <= known);
        for slot in (0..end.0).map(Slot) {
            if known <= slot {
                assert_eq!(again.acceptor().accepted(slot), lived.acceptor().accepted(slot), "{slot}");
            }
            let both = again.learner().chosen(slot).zip(lived.learner().chosen(slot));
            assert!(both.is_none_or(|(again, lived)| again == lived), "{slot}");
        }
        // And a checkpoint made now tells all of it.
        let mut checked = Replica::new(lived.id(), majority(3), OPTIONS);
        lived.checkpoint().into_iter().for_each(|record| checked.replay(record));
        assert_eq!(checked.acceptor().memory(), lived.acceptor().memory());
        assert_eq!(checked.learner().learned(), known);
        assert_eq!(checked.proposer().opened(), lived.proposer().opened());
    }
}

#[test]
fn at_any_moment_the_records_tell_every_promise() {
    let (mut chosen, mut forgotten) = (0, 0);
    for seed in 0..150 {
        let (mut lives, mut dice) = (Lives::new(), Dice(seed));
        for turn in 0..600 {
            if turn == 300 && seed % 2 == 0 {
                // n3 loses its disk, once.
                lives.nodes[2] = (Replica::without_memory(NodeId(3), majority(3), OPTIONS, seed), Vec::new());
                lives.step(2, Event::Start);
            }
            lives.go_on(&mut dice);
            (0..3).for_each(|node| lives.compare(node));
        }
        let learners = || lives.nodes.iter().map(|(replica, _)| replica.learner());
        chosen += learners().map(|learner| learner.learned().0).max().unwrap_or(0);
        forgotten += learners().map(|learner| learner.first().0).max().unwrap_or(0);
    }
    assert!(1_000 < chosen && 100 < forgotten, "{chosen} {forgotten}: lives in which nothing happens test nothing");
}

/// Words that no honest member says: slots, ballots, rounds and sizes at the end of what there is.
fn lies() -> Vec<Message<u64>> {
    let (value, ballots) = (Entry::Command(666), [1, u64::MAX].map(|round| Ballot { round, node: NodeId(2) }));
    let far = [Slot(0), Slot(1 << 40), Slot(u64::MAX - 1), Slot(u64::MAX)];
    let mut lies = vec![Message::Campaign, Message::Recall { life: 0 }];
    for (ballot, slot) in ballots.into_iter().flat_map(|ballot| far.map(|slot| (ballot, slot))) {
        let (round, promised, chosen) = (u64::MAX, Some(ballot), slot);
        let accepted = Some(Vote { ballot: ballots[0], value: value.clone() });
        lies.extend([
            Message::Probe { round },
            Message::Willing { round, promised },
            Message::Prepare { ballot, from: slot },
            Message::Promise { ballot, from: slot, until: Until::Ask(slot), chosen, accepted: accepted.clone() },
            Message::Promise { ballot, from: Slot(0), until: Until::Next(slot), chosen: Slot(0), accepted },
            Message::Accept { ballot, slot, value: value.clone(), chosen },
            Message::Accepted { ballot, slot },
            Message::Heartbeat { ballot, round, chosen, everywhere: slot },
            Message::Alive { ballot, round, learned: slot },
            Message::Fetch { from: slot, partial: Some((slot, u64::MAX)) },
            Message::Snapshot(SnapshotPart { upto: slot, total: u64::MAX, offset: u64::MAX, part: b"x"[..].into() }),
            Message::Snapshot(SnapshotPart { upto: slot, total: 0, offset: 0, part: b""[..].into() }),
            Message::Remind { life: 7, highest: promised },
        ]);
        if slot != Slot(0) {
            lies.push(Message::Learn { slot, value: value.clone() });
        }
    }
    lies
}

/// A follower, a leader that has had something chosen, and a node that has lost its memory: all pairs of lies, and then
/// its own timers and a request. It does not panic, and says no more than an honest word would make it say.
#[test]
fn a_lying_member_stops_nobody_else() {
    let leader = || {
        let mut cluster = Cluster::led_by(majority(3), NodeId(1));
        cluster.request(NodeId(1), Request::Propose(1));
        cluster.settle();
        cluster.node(NodeId(1)).clone()
    };
    let follower = Replica::new(NodeId(1), majority(3), OPTIONS);
    let lost = Replica::without_memory(NodeId(1), majority(3), OPTIONS, 7);
    let lies = lies();
    for before in [follower, leader(), lost] {
        for (one, two) in lies.iter().flat_map(|one| lies.iter().map(move |two| (one, two))) {
            let (mut node, mut out) = (before.clone(), Effects::new());
            let said = [(2, one), (3, two), (2, one)];
            let heard = said.map(|(from, lie)| Event::Receive { from: NodeId(from), message: lie.clone() });
            let own = [
                Event::Timeout(Timer::Heartbeat),
                Event::Timeout(Timer::Election),
                Event::Request(Request::Propose(2)),
                Event::Request(Request::Read(1)),
            ];
            for event in heard.into_iter().chain(own) {
                node.step(event, &mut out);
            }
            assert!(out.sends.len() + out.sends_after_sync.len() + out.records.len() < 150, "{one:?} {two:?}");
            assert!(node.checkpoint().len() < 10, "{one:?} {two:?}");
        }
    }
}

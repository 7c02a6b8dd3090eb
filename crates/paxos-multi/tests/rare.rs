//! Runs that no random search has found, and a reader has. In each something is waited for that never comes, or counted that
//! is no answer, unless a rule prevents it that is easily left out.

use paxos_messages::{
    Ballot,
    multi::{Entry, Message, Output, Request, Timer},
};
use paxos_multi::{Options, Replica};
use paxos_process::{NodeId, NodeSet};
use paxos_quorums::Quorums;
use paxos_sim::{Choice, Disk, Happening, Invariant, Loopback, Packet, Setting, World};

const N1: NodeId = NodeId(1);
const N2: NodeId = NodeId(2);
const N3: NodeId = NodeId(3);

/// A world, and what its applications have been told.
struct Play {
    world: World<Replica<u64>>,
    told: Vec<(NodeId, Output<u64>)>,
}

type Said = Message<u64>;

impl Play {
    fn new(quorums: Quorums, disk: Disk) -> Self {
        let setting = Setting { quorums, disk, loopback: Loopback::AtOnce };
        Self { world: World::new(setting, |id| Replica::new(id, quorums, Options::default())), told: Vec::new() }
    }

    /// Three nodes, of which node 1 leads.
    fn led(quorums: Quorums) -> Self {
        let mut play = Self::new(quorums, Disk::AtOnce);
        play.ask(N1, Request::Campaign);
        play.rest();
        assert!(play.world.process(N1).serves());
        play
    }

    fn apply(&mut self, choice: Choice<Timer, Request<u64>>) {
        assert_eq!(self.world.obstacle(&choice), None, "{choice:?}");
        let told = &mut self.told;
        self.world.apply(&choice, &mut |happening: Happening<'_, Replica<u64>>| {
            if let Happening::Told(id, output) = happening {
                told.push((id, output.clone()));
            }
        });
    }

    fn ask(&mut self, node: NodeId, request: Request<u64>) {
        self.apply(Choice::Request(node, request));
    }

    fn find(&self, pick: impl Fn(&Packet<Said>) -> bool) -> Option<usize> {
        self.world.network().iter().position(pick)
    }

    fn deliver(&mut self, pick: impl Fn(&Packet<Said>) -> bool) {
        let index = self.find(pick).expect("it is in flight");
        self.apply(Choice::Deliver(index));
    }

    /// Loses all such messages, of which there is one at least.
    fn lose(&mut self, pick: impl Fn(&Packet<Said>) -> bool) {
        let mut lost = 0;
        while let Some(index) = self.find(&pick) {
            self.apply(Choice::Drop(index));
            lost += 1;
        }
        assert!(0 < lost, "nothing to lose");
    }

    /// Everything arrives that is said to a node that is up.
    fn rest(&mut self) {
        while let Some(index) = self.find(|packet| self.world.is_up(packet.to)) {
            self.apply(Choice::Deliver(index));
        }
    }

    /// Heartbeats of whoever leads, and now and then its election timer: that of one who hears a leader does not go off.
    fn pass(&mut self, heartbeats: usize) {
        for count in 1..=heartbeats {
            for timer in [Some(Timer::Heartbeat), (count % 8 == 0).then_some(Timer::Election)].into_iter().flatten() {
                for id in [N1, N2, N3] {
                    if self.world.is_up(id) && self.world.process(id).leads().is_some() {
                        self.apply(Choice::Fire(id, timer));
                        self.rest();
                    }
                }
            }
        }
    }

    /// A node that hears nobody.
    fn elect(&mut self, node: NodeId) {
        self.apply(Choice::Fire(node, Timer::Election));
        self.rest();
    }

    fn lose_disk(&mut self, node: NodeId) {
        self.apply(Choice::Crash(node));
        self.apply(Choice::Lose(node));
        self.apply(Choice::Restart(node));
    }

    fn is_mute(&self, node: NodeId) -> bool {
        self.world.process(node).acceptor().is_mute()
    }
}

fn majority() -> Quorums {
    Quorums::majority(NodeSet::first(3)).expect("three nodes")
}

const fn is_prepare(message: &Said) -> bool {
    matches!(message, Message::Prepare { .. })
}

const fn is_remind(message: &Said) -> bool {
    matches!(message, Message::Remind { .. })
}

/// Node 3 loses its disk, and opens a ballot on the word of the others. Promises of that very ballot come at once, because
/// it had opened it before, too; it leads and proposes, and crashes before anything of it is stable. It must not take the
/// word of the others for news that was given to its life before: it would open that ballot once more.
#[test]
fn an_answer_is_good_for_one_life() {
    let mut play = Play::new(majority(), Disk::Manual);
    play.ask(N3, Request::Campaign);
    play.apply(Choice::Sync(N3)); // its questions are slow
    play.lose_disk(N3);
    play.apply(Choice::Sync(N3));
    play.apply(Choice::Fire(N3, Timer::Election)); // it asks again
    for to in [N1, N1, N2, N2] {
        play.deliver(|packet| packet.to == to && matches!(packet.message, Message::Recall { .. }));
    }
    for from in [N1, N2] {
        play.deliver(|packet| packet.from == from && is_remind(&packet.message));
    }
    let ballot = Some(Ballot { round: 1, node: N3 });
    assert_eq!(play.world.process(N3).proposer().opened(), ballot);
    for other in [N1, N2] {
        play.deliver(|packet| packet.to == other && is_prepare(&packet.message));
        play.apply(Choice::Sync(other));
        play.deliver(|packet| packet.from == other && matches!(packet.message, Message::Promise { .. }));
    }
    play.ask(N3, Request::Propose(100));
    assert!(play.find(|packet| matches!(packet.message, Message::Accept { value: Entry::Command(100), .. })).is_some());
    play.apply(Choice::Crash(N3));
    play.apply(Choice::Restart(N3));
    play.apply(Choice::Sync(N3));
    for from in [N1, N2] {
        play.deliver(|packet| packet.from == from && is_remind(&packet.message));
    }
    assert_eq!(play.world.process(N3).proposer().opened(), None, "those were answers to another life");
    play.world.stabilize(&mut ());
    assert!(ballot < play.world.process(N3).leads(), "it comes back all the same");
    assert_eq!(play.world.violated(&Invariant::ALL), None);
}

/// Node 1 leads, and has promised node 3 a higher ballot; then node 3 is gone. Nobody is outbid who proposes nothing, so
/// nobody says so; but its reads can never be confirmed.
#[test]
fn a_leader_that_has_promised_a_higher_ballot_knows_that_it_is_over() {
    let mut play = Play::led(majority());
    play.ask(N3, Request::Campaign);
    play.lose(|packet| packet.to == N2 && is_prepare(&packet.message));
    play.deliver(|packet| packet.to == N1 && is_prepare(&packet.message));
    play.apply(Choice::Crash(N3));
    play.told.clear();
    play.ask(N1, Request::Read(1));
    play.pass(16);
    assert!(matches!(play.told[..], [(N1, Output::Unreadable { read: 1, .. })]), "{:?}", play.told);
}

/// Node 3 has lost its disk, and asks to be elected; one or both of the others do not hear it. The heartbeats of node 1
/// keep its timer from going off.
#[test]
fn a_lost_memory_asks_for_promises_again() {
    for lost in [&[N2][..], &[N1, N2]] {
        let mut play = Play::led(majority());
        play.lose_disk(N3);
        for other in [N1, N2] {
            play.deliver(|packet| packet.to == other && matches!(packet.message, Message::Recall { .. }));
            play.deliver(|packet| packet.from == other && is_remind(&packet.message));
        }
        play.lose(|packet| lost.contains(&packet.to) && is_prepare(&packet.message));
        play.rest();
        play.pass(1);
        if play.is_mute(N3) {
            play.elect(N2); // where node 1 has heard it, nobody leads for a while
        }
        play.pass(16);
        assert!(!play.is_mute(N3), "{lost:?} did not hear it");
    }
}

/// Where all must vote, a lost disk cannot be made good: what node 1 has begun needs the vote of node 3, which must wait
/// until it is chosen. It leaves node 1 in peace.
#[test]
fn where_all_must_vote_a_lost_memory_deposes_nobody() {
    let mut play = Play::led(Quorums::flexible(NodeSet::first(3), 2, 3).expect("2 + 3 > 3"));
    play.apply(Choice::Crash(N3));
    play.ask(N1, Request::Propose(7));
    play.rest();
    play.apply(Choice::Lose(N3));
    play.apply(Choice::Restart(N3));
    play.rest();
    play.pass(7);
    assert!(play.is_mute(N3));
    assert!(play.world.process(N1).leads().is_some());
}

/// A leader does not step aside for one who is not there or knows little; and when its word arrives late, another leads.
#[test]
fn leadership_is_handed_to_somebody_who_can_take_it() {
    let mut play = Play::led(majority());
    play.pass(1);
    play.apply(Choice::Crash(N3));
    play.pass(9); // it has looked around since
    play.ask(N1, Request::Transfer(N3));
    assert!(play.world.process(N1).serves(), "nobody has heard node 3");

    play.ask(N1, Request::Transfer(N2));
    let at_n2 = play.find(|packet| matches!(packet.message, Message::Campaign)).expect("it is in flight");
    play.apply(Choice::Duplicate(at_n2));
    while let Some(index) = play.find(|packet| packet.to != N3 && !matches!(packet.message, Message::Campaign)) {
        play.apply(Choice::Deliver(index));
    }
    assert!(play.world.process(N2).serves());
    play.apply(Choice::Restart(N3));
    play.rest();
    play.pass(1);
    assert!(play.world.process(N2).serves(), "it leads already");
    play.ask(N2, Request::Transfer(N3));
    play.rest();
    assert!(play.world.process(N3).serves());
}

/// Node 3 has promised node 2 a ballot, and has many votes to tell: node 2 asks for the next page of them. Node 3 has grown
/// impatient meanwhile, and asked who would elect it. When the answer comes it lets node 2 finish.
#[test]
fn an_election_that_goes_on_is_not_overtaken() {
    let mut play = Play::led(majority());
    for number in 0..20 {
        play.ask(N1, Request::Propose(number));
    }
    while let Some(index) = play.find(|packet| !matches!(packet.message, Message::Accepted { .. })) {
        play.apply(Choice::Deliver(index)); // everybody votes, and nobody learns of it
    }
    play.lose(|_| true);
    play.apply(Choice::Fire(N2, Timer::Election)); // it hears nobody
    play.ask(N2, Request::Campaign);
    play.deliver(|packet| packet.to == N3 && is_prepare(&packet.message));
    play.apply(Choice::Fire(N3, Timer::Election));
    let whole = |packet: &Packet<Said>| packet.from == N3 && matches!(packet.message, Message::Promise { .. });
    while let Some(index) = play.find(whole) {
        play.apply(Choice::Deliver(index));
    }
    play.deliver(|packet| packet.to == N3 && is_prepare(&packet.message));
    play.deliver(|packet| packet.to == N2 && matches!(packet.message, Message::Probe { .. }));
    play.deliver(|packet| packet.from == N2 && matches!(packet.message, Message::Willing { .. }));
    assert_eq!(play.world.process(N3).proposer().opened(), None, "node 2 is about to be elected");
}

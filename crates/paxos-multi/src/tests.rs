//! Whole clusters: links that fail in every pattern, leaders that come and go, and what it all costs.
//!
//! The parts have their own tests in `tests/parts.rs`, and what survives a crash in `tests/lives.rs`.

mod lives;
mod parts;

use alloc::{collections::BTreeMap, vec, vec::Vec};

use paxos_messages::{
    Slot,
    multi::{Entry, Message, Output, Refusal, Request, Timer},
};
use paxos_process::{NodeId, NodeSet};
use paxos_quorums::Quorums;
use paxos_sim::{Choice, Disk, Happening, Invariant, Loopback, Setting, World};

use super::*;

const WINDOW: u64 = 8;

fn members(count: u8) -> NodeSet {
    NodeSet::first(count)
}

fn majority(count: u8) -> Quorums {
    Quorums::majority(members(count)).unwrap()
}

/// A cluster whose disks are quick: what is a choice here is which links work, and whose timer goes off.
struct Cluster {
    world: World<Replica<u64>>,
    quorums: Quorums,
    round: usize,
    /// In which round a node has last heard its leader: its election timer was set anew then.
    heard: BTreeMap<NodeId, usize>,
    /// What the nodes have told their applications.
    told: Vec<(NodeId, Output<u64>)>,
}

impl Cluster {
    fn new(quorums: Quorums) -> Self {
        Self::with(quorums, Options { window: WINDOW, ..Options::default() })
    }

    fn with(quorums: Quorums, options: Options) -> Self {
        let setting = Setting { quorums, disk: Disk::AtOnce, loopback: Loopback::AtOnce };
        let world = World::new(setting, |id| Replica::new(id, quorums, options));
        Self { world, quorums, round: 0, heard: BTreeMap::new(), told: Vec::new() }
    }

    /// One that `leader` leads.
    fn led_by(quorums: Quorums, leader: NodeId) -> Self {
        let mut cluster = Self::new(quorums);
        cluster.request(leader, Request::Campaign);
        cluster.settle();
        assert!(cluster.node(leader).serves());
        cluster
    }

    fn node(&self, id: NodeId) -> &Replica<u64> {
        self.world.process(id)
    }

    fn nodes(&self) -> impl Iterator<Item = NodeId> + use<> {
        self.quorums.members().iter()
    }

    fn apply(&mut self, choice: Choice<Timer, Request<u64>>) {
        let mut seen = Seen::default();
        self.world.apply(&choice, &mut |happening: Happening<'_, Replica<u64>>| seen.see(&happening));
        self.keep(seen);
    }

    fn settle(&mut self) {
        let mut seen = Seen::default();
        self.world.stabilize(&mut |happening: Happening<'_, Replica<u64>>| seen.see(&happening));
        self.keep(seen);
    }

    fn keep(&mut self, mut seen: Seen) {
        self.told.append(&mut seen.told);
        seen.heartbeats.retain(|(from, to)| self.node(*to).leader() == Some(*from));
        self.heard.extend(seen.heartbeats.into_iter().map(|(_, to)| (to, self.round)));
    }

    fn request(&mut self, id: NodeId, request: Request<u64>) {
        self.apply(Choice::Request(id, request));
    }

    fn fire(&mut self, id: NodeId, timer: Timer) {
        if self.world.is_up(id) && self.world.timers(id).contains(&timer) {
            self.apply(Choice::Fire(id, timer));
            self.settle();
        }
    }

    /// Exactly the links between the pairs for which `works` says so.
    fn link(&mut self, works: impl Fn(NodeId, NodeId) -> bool) {
        let nodes = self.quorums.members();
        for (from, to) in nodes.iter().flat_map(|from| nodes.iter().map(move |to| (from, to))) {
            let choice = if works(from, to) { Choice::Heal(from, to) } else { Choice::Cut(from, to) };
            if self.world.obstacle(&choice).is_none() {
                self.apply(choice);
            }
        }
    }

    /// Time goes by: each leader says its heartbeat; and in every fourth round, one node's election timer goes off,
    /// unless it was set anew in the last three.
    fn tick(&mut self) {
        self.round += 1;
        let nodes: Vec<NodeId> = self.nodes().collect();
        nodes.iter().for_each(|id| self.fire(*id, Timer::Heartbeat));
        let next = nodes[self.round / 4 % nodes.len()];
        let silent = self.heard.get(&next).is_none_or(|heard| heard + 3 <= self.round);
        if self.round.is_multiple_of(4) && (silent || self.node(next).leads().is_some()) {
            self.fire(next, Timer::Election);
        }
    }

    /// Whether a command that is asked of whoever says that it leads is chosen in the end, and told.
    fn gets_on(&mut self, command: u64) -> bool {
        for _ in 0..40 * self.quorums.members().len() {
            self.tick();
            for id in self.nodes() {
                if self.node(id).serves() {
                    self.request(id, Request::Propose(command));
                    self.settle();
                }
            }
            if self.told.iter().any(|(_, output)| is_chosen(output, command)) {
                return true;
            }
        }
        false
    }

    fn ballots(&self) -> Vec<Option<paxos_messages::Ballot>> {
        self.nodes().map(|id| self.node(id).leads()).collect()
    }

    fn is_safe(&self) {
        assert_eq!(self.world.violated(&Invariant::ALL), None);
    }
}

/// What has happened in a step.
#[derive(Default)]
struct Seen {
    told: Vec<(NodeId, Output<u64>)>,
    heartbeats: Vec<(NodeId, NodeId)>,
}

impl Seen {
    fn see(&mut self, happening: &Happening<'_, Replica<u64>>) {
        match happening {
            Happening::Told(id, output) => self.told.push((*id, (*output).clone())),
            Happening::Delivered(packet) if matches!(packet.message, Message::Heartbeat { .. }) => {
                self.heartbeats.push((packet.from, packet.to));
            }
            _ => {}
        }
    }
}

fn is_chosen(output: &Output<u64>, command: u64) -> bool {
    matches!(output, Output::Chosen { value: Entry::Command(chosen), .. } if *chosen == command)
}

/// The pairs of `count` nodes, and for a number, which of them are linked.
fn linked(count: u8, graph: u32) -> Vec<(NodeId, NodeId)> {
    let pairs = (1..=count).flat_map(|one| (one + 1..=count).map(move |two| (NodeId(one), NodeId(two))));
    pairs.enumerate().filter(|(bit, _)| graph >> bit & 1 == 1).map(|(_, pair)| pair).collect()
}

/// Every pattern of broken links between five nodes, of which one has led: if a node can talk to a majority, commands
/// are chosen. The three cases of OmniPaxos (quorum loss, constrained election, chained) are among them.
#[test]
fn in_every_pattern_of_links_a_quorum_connected_node_leads() {
    let quorums = majority(5);
    let mut possible = 0;
    for graph in 0..1 << 10 {
        let links = linked(5, graph);
        let works = |from, to| links.contains(&(from, to)) || links.contains(&(to, from));
        let reach = |id: NodeId| members(5).iter().filter(|other| *other == id || works(id, *other)).count();
        let connected = members(5).iter().any(|id| reach(id) >= 3);
        possible += u32::from(connected);
        let mut cluster = Cluster::led_by(quorums, NodeId(1));
        cluster.link(works);
        assert_eq!(cluster.gets_on(7), connected, "{links:?}");
        cluster.is_safe();
    }
    assert!(0 < possible && possible < 1 << 10, "{possible}");
}

/// *Quorum loss*: all links break but those of one hub, which does not lead. The leader still hears the hub and is of no
/// use: it must give up, so that the hub can lead, and then keep still.
#[test]
fn quorum_loss() {
    let hub = NodeId(3);
    for leader in members(5).without(hub).iter() {
        let mut cluster = Cluster::led_by(majority(5), leader);
        cluster.link(|from, to| from == hub || to == hub);
        assert!(cluster.gets_on(7));
        let led = cluster.node(hub).leads();
        assert!(led.is_some() && cluster.gets_on(8));
        assert_eq!(cluster.node(hub).leads(), led, "nobody deposes it");
        cluster.is_safe();
    }
}

/// *Constrained election*: the only node that can talk to a quorum has missed the newest commands. It leads all the same.
#[test]
fn constrained_election() {
    let (leader, behind) = (NodeId(1), NodeId(3));
    let mut cluster = Cluster::led_by(majority(5), leader);
    cluster.link(|from, to| from != behind && to != behind);
    for command in 10..20 {
        cluster.request(leader, Request::Propose(command));
        cluster.settle();
    }
    assert_eq!(cluster.node(behind).learner().learned(), Slot(0));
    cluster.link(|from, to| (from == behind || to == behind) && from != leader && to != leader);
    assert!(cluster.gets_on(7));
    assert!(cluster.node(behind).serves());
    assert!(cluster.node(behind).learner().learned() > Slot(10), "it has learned what it missed");
    cluster.is_safe();
}

/// *Chained*: n1 – n2 – n3, and n3 leads. n1 does not hear it and asks n2, who does, and does not help.
#[test]
fn chained() {
    for (count, leader) in [(3, 3), (3, 2), (5, 2), (5, 3), (5, 4)] {
        let mut cluster = Cluster::led_by(majority(count), NodeId(leader));
        cluster.link(|from, to| from.0.abs_diff(to.0) == 1);
        let led = cluster.ballots();
        for command in 0..20 {
            assert!(cluster.gets_on(command));
        }
        assert_eq!(cluster.ballots(), led, "{count}: leadership does not wander");
    }
    let mut cluster = Cluster::led_by(majority(5), NodeId(5));
    cluster.link(|from, to| from.0.abs_diff(to.0) == 1);
    assert!(cluster.gets_on(7), "the end of a chain of five has no quorum");
    (0..40).for_each(|_| cluster.tick());
    let led = cluster.ballots();
    assert_eq!(led.iter().flatten().count(), 1, "and has found that out");
    assert!((8..20).all(|command| cluster.gets_on(command)));
    assert_eq!(cluster.ballots(), led, "who leads then stays");
    cluster.is_safe();
}

/// Every pattern of links between three nodes that may each fail in one direction: if two can talk to each other, both
/// ways, commands are chosen.
#[test]
fn in_every_pattern_of_one_way_links() {
    let arrows: Vec<(NodeId, NodeId)> =
        linked(3, 7).into_iter().flat_map(|(one, two)| [(one, two), (two, one)]).collect();
    for graph in 0..1 << 6 {
        let works = |from, to| (0..6).any(|bit| graph >> bit & 1 == 1 && arrows[bit] == (from, to));
        let possible = linked(3, 7).into_iter().any(|(one, two)| works(one, two) && works(two, one));
        let mut cluster = Cluster::led_by(majority(3), NodeId(1));
        cluster.link(works);
        assert_eq!(cluster.gets_on(7), possible, "{graph:06b}");
        cluster.is_safe();
    }
}

#[test]
fn two_who_believe_that_they_lead_do_no_harm() {
    let (old, new) = (NodeId(1), NodeId(2));
    let mut cluster = Cluster::led_by(majority(5), old);
    cluster.link(|from, to| from != old && to != old);
    cluster.request(new, Request::Campaign);
    cluster.settle();
    assert!(cluster.node(old).serves() && cluster.node(new).serves());
    for command in 0..5 {
        cluster.request(old, Request::Propose(100 + command));
        cluster.request(new, Request::Propose(command));
        cluster.settle();
    }
    assert!(cluster.told.iter().all(|(id, output)| *id == new || !is_chosen(output, 100)));
    cluster.link(|_, _| true);
    assert!(cluster.gets_on(7));
    assert!(!cluster.node(old).serves() && cluster.node(new).serves(), "the lower ballot gives way");
    cluster.is_safe();
    assert!(!cluster.told.iter().any(|(_, output)| is_chosen(output, 100)), "nobody else has ever heard of it");
}

/// However often a node asks that does not hear the leader: who hears it does not answer.
#[test]
fn who_hears_the_leader_does_not_help_to_depose_it() {
    let (leader, deaf) = (NodeId(1), NodeId(5));
    let mut cluster = Cluster::led_by(majority(5), leader);
    let led = cluster.ballots();
    cluster.link(|from, to| (from, to) != (leader, deaf));
    for _ in 0..20 {
        cluster.fire(deaf, Timer::Election);
        cluster.fire(leader, Timer::Heartbeat);
    }
    assert_eq!((cluster.node(deaf).leader(), cluster.ballots()), (None, led));
}

#[test]
fn a_leader_hands_over() {
    for (from, to) in members(3).iter().flat_map(|from| members(3).iter().map(move |to| (from, to))) {
        let mut cluster = Cluster::led_by(majority(3), from);
        cluster.request(from, Request::Propose(1));
        cluster.settle();
        cluster.told.clear();
        cluster.request(from, Request::Transfer(to));
        cluster.request(from, Request::Propose(2));
        let refused = Output::Refused { value: 2, why: Refusal::NotLeader(None) };
        assert_eq!(cluster.told.contains(&(from, refused)), from != to, "it takes no command while it hands over");
        cluster.settle();
        assert!(cluster.node(to).serves() && cluster.node(to).learner().chosen(Slot(0)) == Some(&Entry::Command(1)));
        assert_eq!(cluster.nodes().filter(|id| cluster.node(*id).serves()).count(), 1);
        cluster.is_safe();
    }
    let mut cluster = Cluster::led_by(majority(3), NodeId(1));
    cluster.request(NodeId(2), Request::Transfer(NodeId(3)));
    cluster.request(NodeId(1), Request::Transfer(NodeId(9)));
    cluster.settle();
    assert!(cluster.node(NodeId(1)).serves(), "who does not lead cannot hand over, and a stranger cannot take over");
}

/// All clusters of up to six and their quorums by count: with every set of nodes down, it gets on exactly when those
/// who are up are a quorum of both phases.
#[test]
fn every_quorum_is_enough_and_nothing_less_is() {
    for (count, phase1, phase2) in (1..=6).flat_map(|n| (1..=n).flat_map(move |p1| (1..=n).map(move |p2| (n, p1, p2))))
    {
        let Ok(quorums) = Quorums::flexible(members(count), phase1, phase2) else { continue };
        for up in 1..=count {
            let mut cluster = Cluster::new(quorums);
            (up + 1..=count).for_each(|down| cluster.apply(Choice::Crash(NodeId(down))));
            let enough = phase1.max(phase2) <= up;
            assert_eq!(cluster.gets_on(7), enough, "{up} of {count} are up, quorums {phase1} and {phase2}");
            cluster.is_safe();
        }
    }
    for count in [2, 4, 6] {
        for up in 1..=count {
            let mut cluster = Cluster::new(majority(count));
            (up + 1..=count).for_each(|down| cluster.apply(Choice::Crash(NodeId(down))));
            assert_eq!(cluster.gets_on(7), count < 2 * up, "half of {count} is no majority");
        }
    }
}

/// What a new leader must propose again does not fit into one answer, nor into its window: it asks on, and all is chosen.
#[test]
fn a_new_leader_recovers_more_than_a_page() {
    let (old, new, many) = (NodeId(1), NodeId(2), 3 * paxos_acceptor::multi::PAGE as u64 + 1);
    let mut cluster = Cluster::with(majority(3), Options { window: many, ..Options::default() });
    cluster.request(old, Request::Campaign);
    cluster.settle();
    cluster.link(|from, to| (from, to) == (old, new));
    for command in 0..many {
        cluster.request(old, Request::Propose(command));
    }
    cluster.settle();
    cluster.apply(Choice::Crash(old));
    cluster.link(|_, _| true);
    cluster.request(new, Request::Campaign);
    cluster.settle();
    assert!(cluster.node(new).serves());
    for command in 0..many {
        assert_eq!(cluster.node(new).learner().chosen(Slot(command)), Some(&Entry::Command(command)));
    }
    assert!(cluster.gets_on(many));
    cluster.is_safe();
}

/// Beyond the window, commands are refused; as soon as something is chosen, they are taken again.
#[test]
fn a_full_window_refuses_and_opens_again() {
    let leader = NodeId(1);
    let mut cluster = Cluster::led_by(majority(3), leader);
    for lap in 0..3 {
        cluster.told.clear();
        for command in 0..WINDOW + 2 {
            cluster.request(leader, Request::Propose(lap * 100 + command));
        }
        let busy = |command| (leader, Output::Refused { value: lap * 100 + command, why: Refusal::Busy });
        assert_eq!(cluster.told, [busy(WINDOW), busy(WINDOW + 1)], "at once, and nothing else");
        cluster.settle();
        let chosen = |command| cluster.told.iter().any(|(_, output)| is_chosen(output, lap * 100 + command));
        assert!((0..WINDOW).all(chosen) && !chosen(WINDOW));
    }
}

/// In the steady state a slot costs 2(N-1) messages, and one sync at each node; and the leader's proposal does not wait
/// for its own.
#[test]
fn a_slot_costs_what_the_theory_says() {
    for count in [1, 3, 5, 7] {
        let (quorums, leader) = (majority(count), NodeId(1));
        let setting = Setting { quorums, disk: Disk::Manual, loopback: Loopback::AtOnce };
        let mut world = World::new(setting, |id| Replica::<u64>::new(id, quorums, Options::default()));
        world.apply(&Choice::Request(leader, Request::Campaign), &mut ());
        world.stabilize(&mut ());
        for command in 0..10 {
            let (mut accepts, mut votes, mut others, mut syncs) = (0, 0, 0, vec![]);
            let mut watch = |happening: Happening<'_, Replica<u64>>| match happening {
                Happening::Sent(packet) if packet.from != packet.to => match packet.message {
                    Message::Accept { .. } => accepts += 1,
                    Message::Accepted { .. } => votes += 1,
                    _ => others += 1,
                },
                Happening::Synced(id) => syncs.push(id),
                _ => {}
            };
            world.apply(&Choice::Request(leader, Request::Propose(command)), &mut watch);
            assert_eq!(world.network().len(), usize::from(count) - 1, "the proposals are under way already");
            assert!(world.has_unsynced(leader), "while the leader's own vote waits for its disk");
            world.stabilize(&mut watch);
            assert_eq!((accepts, votes, others), (count - 1, count - 1, 0), "{count} nodes");
            syncs.sort();
            assert!(syncs.into_iter().eq(members(count).iter()), "each node syncs once for a slot");
            assert_eq!(world.process(leader).learner().learned(), Slot(command + 1));
        }
    }
}

/// A read costs one question to the others, however many reads wait for it; where a node is a quorum, none.
#[test]
fn reads_are_confirmed_by_a_quorum() {
    let flexible = Quorums::flexible(members(5), 4, 2).unwrap();
    for (quorums, answers) in [(majority(1), 0), (majority(3), 1), (majority(4), 2), (majority(5), 2), (flexible, 1)] {
        let leader = NodeId(1);
        let mut cluster = Cluster::led_by(quorums, leader);
        cluster.told.clear();
        cluster.request(leader, Request::Read(1));
        for answered in 0..answers {
            assert_eq!(cluster.told, [], "{answered} have answered");
            let next = NodeId(answered + 2);
            for (from, to) in [(leader, next), (next, leader)] {
                let flies = cluster.world.network().iter().position(|packet| (packet.from, packet.to) == (from, to));
                cluster.apply(Choice::Deliver(flies.expect("a question or an answer")));
            }
        }
        assert_eq!(cluster.told, [(leader, Output::Readable(1))], "{answers} others are enough");
        cluster.settle();
        assert_eq!(cluster.told.len(), 1, "a read is answered once");
        (2..5).for_each(|read| cluster.request(leader, Request::Read(read)));
        let others = quorums.members().len() - 1;
        assert_eq!(cluster.world.network().len(), others, "one question, and the others wait for the next");
        cluster.settle();
        assert_eq!(cluster.told.len(), 4);
    }
}

/// A leader that was deposed and does not know it never confirms a read, whatever arrives in whatever order.
#[test]
fn a_deposed_leader_confirms_no_read() {
    let (old, new) = (NodeId(1), NodeId(2));
    let mut cluster = Cluster::led_by(majority(3), old);
    cluster.link(|from, to| from != old && to != old);
    cluster.request(new, Request::Campaign);
    cluster.settle();
    cluster.request(old, Request::Read(1));
    cluster.link(|_, _| true);
    cluster.request(old, Request::Read(2));
    cluster.told.clear();
    cluster.settle();
    cluster.fire(old, Timer::Heartbeat);
    let unreadable = |read| (old, Output::Unreadable { read, why: Refusal::NotLeader(None) });
    assert!(cluster.told.contains(&unreadable(1)) && cluster.told.contains(&unreadable(2)), "{:?}", cluster.told);
    assert!(!cluster.told.iter().any(|(_, output)| matches!(output, Output::Readable(_))));
}

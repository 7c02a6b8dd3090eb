//! Who is willing to elect another, the memory of a lost disk, and the standing, each by itself.

use paxos_acceptor::multi::Acceptor;
use paxos_messages::{
    Ballot, Vote,
    multi::{Event, Record, Until},
};
use paxos_process::Process;

use super::*;

type Effects = paxos_messages::multi::Effects<u64>;

const ME: NodeId = NodeId(1);
const OTHER: NodeId = NodeId(2);
const THIRD: NodeId = NodeId(3);

const fn ballot(round: u64, node: u8) -> Ballot {
    Ballot { round, node: NodeId(node) }
}

#[test]
fn who_hears_a_leader_is_not_willing() {
    let mut replica = Replica::<u64>::new(ME, majority(3), Options::default());
    let mut answers = |events: &[Event<u64>]| {
        let mut out = Effects::new();
        events.iter().for_each(|event| replica.step(event.clone(), &mut out));
        out.clear();
        replica.step(Event::Receive { from: OTHER, message: Message::Probe { round: 7 } }, &mut out);
        out.sends.into_iter().map(|sent| (sent.to, sent.message)).collect::<Vec<_>>()
    };
    let (ballot, nothing) = (ballot(4, 3), Slot(0));
    let heartbeat = Message::Heartbeat { ballot, round: 0, chosen: nothing, everywhere: nothing };
    let willing = |promised| vec![(NodeSet::only(OTHER), Message::Willing { round: 7, promised })];
    assert_eq!(answers(&[Event::Start]), willing(None));
    assert_eq!(answers(&[Event::Receive { from: THIRD, message: heartbeat }]), []);
    assert_eq!(answers(&[Event::Timeout(Timer::Election)]), willing(None));
}

/// A new leader has been told of a vote. Until that is chosen, and known here, it neither serves nor reads; and of what
/// is chosen already it asks those who know.
#[test]
fn a_new_leader_waits_for_what_was_before() {
    let mut replica = Replica::<u64>::new(ME, majority(3), Options::default());
    let mut step = |event| {
        let mut out = Effects::new();
        replica.step(event, &mut out);
        (out, replica.leads(), replica.serves())
    };
    step(Event::Request(Request::Campaign));
    let (led, before, chosen) = (ballot(1, 1), Vote { ballot: ballot(1, 0), value: Entry::Command(5) }, Slot(1));
    let page = |from, until, accepted| Message::Promise { ballot: led, from, until, chosen, accepted };
    let heard = |from, message| Event::Receive { from, message };
    step(heard(ME, page(Slot(0), Until::End, None)));
    step(heard(OTHER, page(Slot(0), Until::Next(Slot(1)), None)));
    let (out, leads, serves) = step(heard(OTHER, page(Slot(1), Until::End, Some(before))));
    assert_eq!((leads, serves), (Some(led), false), "it leads, and does not serve");
    let fetch = Message::Fetch { from: Slot(0), partial: None };
    assert!(out.sends.iter().any(|sent| sent.to == NodeSet::only(OTHER) && sent.message == fetch), "what is in s0?");
    let refusals = |step: &mut dyn FnMut(Event<u64>) -> (Effects, Option<Ballot>, bool)| {
        let asked = [Request::Read(1), Request::Propose(6)];
        asked.map(|request| step(Event::Request(request)).0.outputs)
    };
    let unreadable = Output::Unreadable { read: 1, why: Refusal::NotLeader(None) };
    let busy = Output::Refused { value: 6, why: Refusal::Busy };
    assert_eq!(refusals(&mut step), [[unreadable.clone()], [busy.clone()]]);
    step(heard(ME, Message::Accept { ballot: led, slot: Slot(1), value: Entry::Command(5), chosen: Slot(0) }));
    for from in [ME, OTHER] {
        step(heard(from, Message::Accepted { ballot: led, slot: Slot(1) }));
    }
    assert_eq!(refusals(&mut step), [[unreadable], [busy]], "s1 is chosen, and s0 is not known here");
    let (out, _, serves) = step(heard(OTHER, Message::Learn { slot: Slot(0), value: Entry::Command(4) }));
    assert!(serves && out.outputs.contains(&Output::Leads { ballot: led }));
    assert_eq!(refusals(&mut step), [[], []], "now it does both");
}

/// What its own acceptor has promised, a node outbids at once, also when it has heard of nothing else since a restart.
#[test]
fn a_campaign_is_above_what_was_promised_here() {
    let mut replica = Replica::<u64>::new(ME, majority(3), Options::default());
    replica.replay(Record::Promised(ballot(7, 2)));
    let mut out = Effects::new();
    replica.step(Event::Request(Request::Campaign), &mut out);
    assert_eq!(out.sends_after_sync[0].message, Message::Prepare { ballot: ballot(8, 1), from: Slot(0) });
}

/// The heartbeat of a lower ballot is refused, and that of a higher one ends the leadership.
#[test]
fn a_leader_gives_way_to_a_higher_ballot() {
    for (other, gives_way) in [(ballot(1, 2), true), (ballot(2, 2), true), (ballot(1, 0), false)] {
        let cluster = Cluster::led_by(majority(3), ME);
        let led = cluster.node(ME).leads().expect("it leads");
        assert_eq!(led < other, gives_way);
        let (mut node, mut out) = (cluster.node(ME).clone(), Effects::new());
        let message = Message::Heartbeat { ballot: other, round: 0, chosen: Slot(0), everywhere: Slot(0) };
        node.step(Event::Receive { from: OTHER, message }, &mut out);
        assert_eq!((node.leads(), node.serves()), if gives_way { (None, false) } else { (Some(led), true) });
        let follows = [Output::Follows { leader: None }, Output::Follows { leader: Some(OTHER) }];
        assert_eq!(out.outputs, if gives_way { &follows[..] } else { &[] });
    }
}

/// Nothing that a node without memory says could be counted: no promise, no vote, no answer to any question.
#[test]
fn a_node_without_memory_gives_no_answer_that_counts() {
    let (led, slot) = (ballot(1, 2), Slot(0));
    let questions = [
        Message::Probe { round: 1 },
        Message::Prepare { ballot: led, from: slot },
        Message::Accept { ballot: led, slot, value: Entry::Command(5), chosen: slot },
        Message::Heartbeat { ballot: led, round: 0, chosen: slot, everywhere: slot },
        Message::Recall { life: 1 },
        Message::Campaign,
    ];
    for memory in [true, false] {
        for question in &questions {
            let mut node = Replica::without_memory(ME, majority(3), Options::default(), 7);
            if memory {
                node = Replica::new(ME, majority(3), Options::default());
            }
            if *question == Message::Campaign {
                let heartbeat = Message::Heartbeat { ballot: led, round: 0, chosen: slot, everywhere: slot };
                node.step(Event::Receive { from: OTHER, message: heartbeat }, &mut Effects::new());
            }
            let mut out = Effects::new();
            node.step(Event::Receive { from: OTHER, message: question.clone() }, &mut out);
            let said = out.sends.iter().chain(&out.sends_after_sync).map(|sent| &sent.message);
            let counted = said.filter(|said| !matches!(said, Message::Recall { .. })).count();
            assert_eq!(counted > 0, memory, "{question:?}: {out:?}");
        }
    }
}

/// An answer of many pages may take longer than the election timer: each page that leaves more to be asked for sets it anew.
#[test]
fn an_election_that_comes_on_is_given_time() {
    for (until, given) in [(Until::Ask(Slot(8)), true), (Until::Next(Slot(8)), false)] {
        let (mut replica, mut out) = (Replica::<u64>::new(ME, majority(3), Options::default()), Effects::new());
        replica.step(Event::Request(Request::Campaign), &mut out);
        let ballot = replica.proposer().opened().expect("it has opened a ballot");
        out.timers.clear();
        let message = Message::Promise { ballot, from: Slot(0), until, chosen: Slot(0), accepted: None };
        replica.step(Event::Receive { from: OTHER, message }, &mut out);
        assert_eq!(!out.timers.is_empty(), given, "{until:?}: {:?}", out.timers);
    }
}

/// A leader that may not speak for its acceptor does not count itself.
#[test]
fn a_mute_acceptor_confirms_nothing() {
    for mute in [false, true] {
        let mut replica = Replica::<u64>::new(ME, majority(3), Options::default());
        let mut out = Effects::new();
        replica.step(Event::Request(Request::Campaign), &mut out);
        let led = replica.proposer().opened().expect("it has opened a ballot");
        for from in [OTHER, THIRD] {
            let (slot, until) = (Slot(0), Until::End);
            let message = Message::Promise { ballot: led, from: slot, until, chosen: slot, accepted: None };
            replica.step(Event::Receive { from, message }, &mut out);
        }
        assert!(replica.serves());
        if mute {
            replica.acceptor = Acceptor::without_memory();
        }
        replica.step(Event::Request(Request::Read(1)), &mut out);
        for (from, answered) in [(OTHER, !mute), (THIRD, true)] {
            let message = Message::Alive { ballot: led, round: replica.reads.round(), learned: Slot(0) };
            replica.step(Event::Receive { from, message }, &mut out);
            assert_eq!(out.outputs.contains(&Output::Readable(1)), answered, "mute: {mute}");
        }
    }
}

/// All of a node's three peers must have answered the question of its present life, whatever they say.
#[test]
fn a_lost_memory_needs_an_answer_of_everybody_else() {
    let highest = [None, Some(ballot(1, 3)), Some(ballot(2, 2))];
    for answers in 0..4_usize.pow(3) {
        let mut recall = Recall::new(7);
        let said: Vec<_> = (0..3_u32).map(|peer| answers / 4_usize.pow(peer) % 4).collect();
        for (peer, what) in said.iter().enumerate() {
            recall.answer(NodeId(peer as u8 + 2), 6, Some(ballot(9, 9))); // to an earlier life
            if let Some(highest) = highest.get(*what) {
                recall.answer(NodeId(peer as u8 + 2), 7, *highest);
            }
        }
        let mut out = Effects::new();
        recall.ask(members(4).without(ME), &mut out);
        let silent: NodeSet = (0..3).filter(|peer| said[*peer] == 3).map(|peer| NodeId(peer as u8 + 2)).collect();
        let asked = out.sends_after_sync.first().map_or(NodeSet::EMPTY, |sent| sent.to);
        assert_eq!(asked, silent, "those who are silent are asked, once it is stable which life asks");
        let expected = silent.is_empty().then(|| said.iter().map(|what| highest[*what]).max().unwrap());
        assert_eq!(recall.highest(ME, &majority(4)), expected, "{said:?}");
    }
}

#[test]
fn a_lost_memory_comes_back_when_all_that_was_reported_is_learned() {
    let mut recall = Recall::new(7);
    assert_eq!(recall.outcome(Slot(u64::MAX)), None, "nobody has promised");
    recall.promised(ballot(3, 1), Slot(5));
    for learned in 0..8 {
        assert_eq!(recall.outcome(Slot(learned)), (5 <= learned).then_some(ballot(3, 1)));
    }
}

#[test]
fn who_alone_is_a_quorum_does_not_come_back() {
    for (phase1, phase2) in [(3, 1), (1, 3)] {
        let mut recall = Recall::new(7);
        [OTHER, THIRD].into_iter().for_each(|peer| recall.answer(peer, 7, None));
        let quorums = Quorums::flexible(members(3), phase1, phase2).unwrap();
        assert_eq!(recall.highest(ME, &quorums), None, "{phase1} {phase2}");
    }
}

/// Where the others cannot elect it, it does not try: it would only depose whoever leads.
#[test]
fn a_lost_memory_asks_for_no_election_that_it_cannot_win() {
    let peers = members(4).without(ME);
    for (phase1, may) in [(4, false), (3, true), (2, true)] {
        let quorums = Quorums::flexible(members(4), phase1, 5 - phase1 + u8::from(phase1 == 4)).unwrap();
        let mut recall = Recall::new(7);
        peers.iter().for_each(|peer| recall.answer(peer, 7, None));
        assert_eq!(recall.highest(ME, &quorums).is_some(), may, "{phase1}");
    }
}

/// If the election fails, perhaps because one of the others has gone, all are asked again: no leader is deposed while one
/// of them is away.
#[test]
fn one_set_of_answers_is_good_for_one_election() {
    let mut recall = Recall::new(7);
    [OTHER, THIRD].into_iter().for_each(|peer| recall.answer(peer, 7, Some(ballot(1, 2))));
    assert_eq!(recall.highest(ME, &majority(3)), Some(Some(ballot(1, 2))));
    assert_eq!(recall.highest(ME, &majority(3)), None);
    let mut out = Effects::new();
    recall.ask(members(3).without(ME), &mut out);
    assert_eq!(out.sends_after_sync[0].to, members(3).without(ME));
    recall.answer(OTHER, 7, None);
    assert_eq!(recall.highest(ME, &majority(3)), None, "the other one is silent");
}

/// A node without memory whose questions were lost, or whose election has failed, asks again when a leader is heard: its
/// own timer never goes off then.
#[test]
fn a_lost_memory_asks_again_while_a_leader_is_heard() {
    let mut replica = Replica::<u64>::without_memory(ME, majority(3), Options::default(), 7);
    let mut step = |from, message| {
        let mut out = Effects::new();
        replica.step(Event::Receive { from, message }, &mut out);
        let said = |what: fn(&Message<u64>) -> bool| {
            let sent = out.sends_after_sync.iter().filter(|sent| what(&sent.message));
            sent.flat_map(|sent| sent.to.iter()).collect::<NodeSet>()
        };
        (said(|said| *said == Message::Recall { life: 7 }), said(|said| matches!(said, Message::Prepare { .. })))
    };
    let heartbeat = |round| {
        let ballot = Ballot { round, node: OTHER };
        Message::Heartbeat { ballot, round: 0, chosen: Slot(0), everywhere: Slot(0) }
    };
    let remind = || Message::Remind { life: 7, highest: Some(ballot(1, 2)) };
    let (nobody, others, all) = (NodeSet::EMPTY, members(3).without(ME), members(3));
    assert_eq!(step(OTHER, heartbeat(1)), (others, nobody));
    assert_eq!(step(OTHER, remind()), (nobody, nobody));
    assert_eq!(step(OTHER, heartbeat(1)), (NodeSet::only(THIRD), nobody));
    assert_eq!(step(THIRD, remind()), (nobody, all));
    for from in [OTHER, THIRD] {
        assert_eq!(step(from, remind()), (nobody, nobody), "late answers, while it is electing");
    }
    assert_eq!(step(OTHER, heartbeat(1)), (nobody, all), "it is electing still, and what it said may be lost");
    assert_eq!(step(OTHER, heartbeat(2)), (nobody, all), "the election has failed, and all have answered again");
}

#[test]
fn the_standing_is_that_of_the_slowest() {
    let (mut standing, others) = (Standing::new(), members(3).without(ME));
    assert_eq!(standing.everywhere(others, Slot(9)), Slot(0), "nobody has said anything");
    assert_eq!(standing.everywhere(NodeSet::EMPTY, Slot(9)), Slot(9), "a node alone");
    for (node, says, everywhere) in [(OTHER, 4, 0), (THIRD, 3, 3), (THIRD, 7, 4), (THIRD, 2, 4), (OTHER, 20, 7)] {
        standing.learned(node, Slot(says));
        assert_eq!(standing.everywhere(others, Slot(9)), Slot(everywhere), "what was said late is not taken back");
    }
    standing.learned(THIRD, Slot(20));
    assert_eq!(standing.everywhere(others, Slot(9)), Slot(9), "this node has not learned more");
}

#[test]
fn one_after_the_other_is_asked() {
    let mut standing = Standing::new();
    let some: NodeSet = [OTHER, NodeId(4), NodeId(7)].into_iter().collect();
    for expected in [2, 4, 7, 2, 4] {
        assert_eq!(standing.next_of(some), NodeSet::only(NodeId(expected)));
    }
    assert_eq!(standing.next_of(NodeSet::only(OTHER)), NodeSet::only(OTHER));
    assert_eq!(standing.next_of(NodeSet::EMPTY), NodeSet::EMPTY);
}

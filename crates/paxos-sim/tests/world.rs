//! The world itself: same seed, same bytes; scripts that cannot be carried out say why; sums that are kept up to date
//! are right.

use std::collections::BTreeSet;

use paxos_basic::Replica;
use paxos_messages::single::{Request, Timer};
use paxos_process::{NodeId, NodeSet};
use paxos_quorums::Quorums;
use paxos_sim::{
    Bounds, Choice, Diagram, Happening, Header, Invariant, Random, Script, Setting, Trace, Watch, World, write_path,
};

type Path = Vec<Choice<Timer, Request<String>>>;

fn quorums() -> Quorums {
    Quorums::majority(NodeSet::first(3)).expect("three nodes")
}

fn world() -> World<Replica<String>> {
    World::new(Setting::new(quorums()), |id| Replica::new(id, quorums()))
}

fn bounds() -> Bounds<Request<String>> {
    let propose = |id: u8, value: &str| (NodeId(id), Request::Propose(value.to_owned()));
    let requests = vec![propose(1, "a"), propose(2, "b"), (NodeId(3), Request::Learn)];
    let (fires, duplicates, drops, crashes, cuts) = (9, 9, 9, 3, 30);
    Bounds { fires, duplicates, drops, crashes, cuts, may_crash: NodeSet::first(3), ..Bounds::requests(requests) }
}

/// One run: its path, its trace, its last world.
fn run(seed: u64) -> (Path, Vec<u8>, World<Replica<String>>) {
    let (mut world, mut path) = (world(), Vec::new());
    let mut trace = Trace::new(Vec::new(), NodeSet::first(3));
    let tally = Random::new(seed).run(&mut world, &bounds(), &Invariant::ALL, 300, &mut path, &mut trace);
    assert_eq!((tally.violated, tally.steps), (None, path.len()));
    (path, trace.finish().expect("writing to memory"), world)
}

#[test]
fn the_same_seed_is_the_same_run_to_the_byte() {
    for seed in 0..50 {
        let (one, two) = (run(seed), run(seed));
        assert_eq!((&one.0, &one.1), (&two.0, &two.1), "seed {seed}");
        assert!(one.2 == two.2 && one.2.fingerprint() == two.2.fingerprint());
    }
    assert_ne!(run(1).0, run(2).0, "seeds differ");
}

#[test]
fn a_run_written_as_a_script_is_the_same_run() {
    let header = Header::new("basic", 3).expect("three nodes");
    for seed in 0..50 {
        let (path, _, end) = run(seed);
        let text = write_path(&header, "A random run.\nOn two lines.", world(), &path);
        let script = Script::parse(&text).expect("a written script can be read");
        let replayed = script.replay(world(), &mut ()).expect("and replayed");
        assert!(replayed.world.history() == end.history(), "seed {seed}:\n{text}");
        // What a replay tells can be read and replayed again, and tells the same.
        let again = Script::parse(&replayed.text).expect("a told script can be read");
        assert_eq!(again.replay(world(), &mut ()).expect("and replayed").text, replayed.text);
    }
}

#[test]
fn partitions_have_every_shape_and_end() {
    let (mut sizes, mut healed) = (BTreeSet::new(), 0);
    for seed in 0..200 {
        let mut watch = |happening: Happening<'_, Replica<String>>| {
            healed += usize::from(matches!(happening, Happening::Healed(..)));
        };
        let mut world = world();
        Random::new(seed).run(&mut world, &bounds(), &Invariant::ALL, 300, &mut Vec::new(), &mut watch);
        sizes.insert(world.cut_links().len());
        let (none, mut path) = (Bounds { cuts: 0, ..bounds() }, Vec::new());
        Random::new(seed).run(&mut self::world(), &none, &Invariant::ALL, 300, &mut path, &mut ());
        assert!(path.iter().all(|choice| !matches!(choice, Choice::Cut(..))), "no link is cut beyond the bounds");
    }
    assert!(sizes.is_superset(&BTreeSet::from([0, 1, 2, 4])), "one link, one direction of a node, a node: {sizes:?}");
    assert!(0 < healed, "links are made whole again: {healed}");
}

#[test]
fn timers_go_off_in_every_run_of_a_protocol_that_needs_them() {
    let fires = |random: Random| {
        let (mut random, mut world) = (random, world());
        let bounds = Bounds { fires: 9, ..Bounds::requests(bounds().requests) };
        random.run(&mut world, &bounds, &Invariant::ALL, 1_000, &mut Vec::new(), &mut ()).fired
    };
    let silent = (0..100).filter(|seed| fires(Random::new(*seed)) == 0).count();
    assert!((30..70).contains(&silent), "half of the seeds switch it off: {silent}");
    let quick = (0..100).filter(|seed| fires(Random::new(*seed).ticking()) == 0).count();
    assert!(quick < 30, "some runs are over before a timer goes off: {quick}");
}

#[test]
fn whatever_went_wrong_the_asked_find_out_when_it_is_over() {
    let mut steps = 0;
    for seed in 0..200 {
        let (mut world, mut path) = (world(), Vec::new());
        let mut random = Random::new(seed).ticking();
        random.run(&mut world, &bounds(), &Invariant::ALL, 100, &mut path, &mut ());
        // A node that crashed has forgotten that it was asked: it is asked again.
        let never = |_: &World<Replica<String>>| false;
        random.heal(&mut world, never, &Invariant::ALL, 0, &mut path, &mut ());
        random.heal(&mut world, |_| true, &Invariant::ALL, 1_000, &mut path, &mut ());
        assert!(world.cut_links().is_empty() && (1..=3).all(|id| world.is_up(NodeId(id))));
        let ask = Choice::Request(NodeId(2), Request::Propose("late".to_owned()));
        world.apply(&ask, &mut ());
        let knows = |world: &World<Replica<String>>| world.process(NodeId(2)).learner().learned().is_some();
        let tally = random.heal(&mut world, knows, &Invariant::ALL, 10_000, &mut path, &mut ());
        assert_eq!(tally.violated, None);
        assert!(knows(&world), "seed {seed}: n2 does not find out");
        steps += tally.steps;
    }
    assert!(1_000 < steps, "there was something to heal: {steps}");
}

#[test]
fn worlds_reached_in_another_order_are_the_same_world() {
    // Two requests commute: whichever comes first, the same is in flight and was said.
    let request = |id: u8, value: &str| Choice::Request(NodeId(id), Request::Propose(value.to_owned()));
    let (mut one, mut two) = (world(), world());
    for choice in [request(1, "a"), request(2, "b"), Choice::Sync(NodeId(1)), Choice::Sync(NodeId(2))] {
        one.apply(&choice, &mut ());
    }
    for choice in [request(2, "b"), Choice::Sync(NodeId(2)), request(1, "a"), Choice::Sync(NodeId(1))] {
        two.apply(&choice, &mut ());
    }
    assert!(one == two);
    assert_eq!(one.fingerprint(), two.fingerprint());
    two.apply(&Choice::Drop(0), &mut ());
    assert!(one != two && one.fingerprint() != two.fingerprint());
}

#[test]
fn what_cannot_be_carried_out_says_why() {
    let head = "protocol basic\nnodes 3\n";
    for (commands, expected) in [
        ("deliver 0", "no message 0: 0 are in flight"),
        ("deliver n1 n2 Prepare", "no message \"Prepare\" is in flight from n1 to n2"),
        ("sync n1", "n1 has nothing to sync"),
        ("restart n1", "n1 is up"),
        ("crash n1\ncrash n1", "n1 is down"),
        ("crash n1\nrequest n1 propose a", "n1 is down"),
        ("crash n9", "there is no node n9"),
        ("fire n1 Retry", "n1 has not set a timer Retry"),
        ("cut n1 n1", "n1 needs no link to itself"),
        ("cut n9", "there is no node n9"),
        ("heal n1 n2", "the link n1 → n2 is whole"),
        ("cut n1\ncut n1 n2", "the link n1 → n2 is cut"),
        ("request n1 propose a\nsync n1\ncut n1 n2\ndeliver n1 n2 Prepare", "the link n1 → n2 is cut"),
        ("request n1 dance", "\"dance\" is no request"),
        ("request n1 propose a\nsync n1\ncrash n2\ndeliver n1 n2 Prepare", "n2 is down"),
    ] {
        let script = Script::parse(&format!("{head}{commands}\n")).expect("the script can be read");
        let error = script.replay(world(), &mut ()).expect_err(commands).to_string();
        assert!(error.contains(expected), "{commands:?} says {error:?}, not {expected:?}");
    }
}

#[test]
fn a_violation_that_is_expected_and_does_not_come_is_an_error() {
    let script = Script::parse("protocol basic\nnodes 3\nexpect Agreement\nrequest n1 propose a\nstabilize\n");
    let error = script.expect("it can be read").replay(world(), &mut ()).expect_err("nothing is violated");
    assert!(error.to_string().contains("expects Agreement"), "{error}");
}

#[test]
fn a_trace_says_what_its_quorums_are() {
    let meta = |quorums: Result<Quorums, _>| {
        let trace = Trace::with_quorums(Vec::new(), &quorums.expect("quorums that meet"));
        String::from_utf8(trace.finish().expect("writing to memory")).expect("JSON is text")
    };
    let plain = Trace::new(Vec::new(), NodeSet::first(3)).finish().expect("writing to memory");
    assert_eq!(meta(Quorums::majority(NodeSet::first(3))).as_bytes(), plain, "majorities need not be said");
    let flexible = meta(Quorums::flexible(NodeSet::first(3), 3, 1));
    assert!(flexible.contains(r#""quorums1":[["n1","n2","n3"]],"quorums2":[["n1"],["n2"],["n3"]]"#), "{flexible}");
}

#[test]
fn diagrams_draw_what_arrives() {
    let mut world = world();
    let mut diagram = Diagram::new(NodeSet::first(3), false);
    let mut draw = |happening: Happening<'_, Replica<String>>| diagram.see(happening);
    world.apply(&Choice::Request(NodeId(3), Request::Learn), &mut draw);
    world.apply(&Choice::Sync(NodeId(3)), &mut draw);
    world.apply(&Choice::Deliver(0), &mut draw);
    world.apply(&Choice::Crash(NodeId(2)), &mut draw);
    world.apply(&Choice::Sync(NodeId(1)), &mut draw);
    let expected = [
        " n1      n2      n3",
        " │       │       ?            n3 is asked: learn",
        " │       │       ▣            n3 synced",
        " │◀──────┼───────┤   elect    Prepare b1.3",
        " │       ✗       │            n2 crashes and forgets 0 unsynced records",
        " ▣       ┊       │            n1 synced",
        "",
    ];
    assert_eq!(diagram.text(), expected.join("\n"));
}

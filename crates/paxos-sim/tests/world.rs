//! The world itself: same seed, same bytes; scripts that cannot be carried out say why; sums that are kept up to date
//! are right.

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
    let (fires, duplicates, drops, crashes) = (9, 9, 9, 3);
    Bounds { fires, duplicates, drops, crashes, may_crash: NodeSet::first(3), ..Bounds::requests(requests) }
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

//! What is made of a run, checked in: the same run gives the same bytes. `UPDATE_GOLDEN=1 cargo test -p paxos-trace` makes
//! it anew; read the difference. The Rust test among it is compiled and run, as `generated.rs`.

use std::{env, fs, path::Path};

use paxos_basic::Replica;
use paxos_messages::single::Request;
use paxos_process::{NodeId, NodeSet};
use paxos_sim::{Choice, Header, Script, World, write_path};
use paxos_trace::{Mermaid, Recorder, Run, SpaceTime, replay, rust_test};

fn header() -> Header {
    Header::new("basic", 3).unwrap()
}

fn fresh() -> World<Replica<String>> {
    World::new(header().setting(), |id| Replica::new(id, header().quorums))
}

/// A story with all that can be drawn: a loss, a copy, a crash, a link that is cut, a promise kept, a decision.
fn story() -> Vec<u8> {
    let (mut world, mut recorder) = (fresh(), Recorder::of_world(Vec::new(), &header()));
    let mut run = |choice| world.apply(&choice, &mut recorder);
    run(Choice::Request(NodeId(1), Request::Propose("a<b & \"c\"".to_owned())));
    run(Choice::Sync(NodeId(1)));
    run(Choice::Duplicate(1)); // a Prepare reaches n2, and will again
    run(Choice::Sync(NodeId(2)));
    run(Choice::Crash(NodeId(2)));
    run(Choice::Drop(2)); // the one to n3 is lost
    run(Choice::Cut(NodeId(1), NodeId(3)));
    run(Choice::Restart(NodeId(2)));
    world.stabilize(&mut recorder);
    let heal = Choice::Heal(NodeId(1), NodeId(3));
    world.apply(&heal, &mut recorder);
    world.apply(&Choice::Request(NodeId(3), Request::Learn), &mut recorder);
    world.stabilize(&mut recorder);
    recorder.finish().unwrap()
}

fn golden(name: &str, text: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests").join(name);
    if env::var_os("UPDATE_GOLDEN").is_some() {
        fs::write(&path, text).unwrap();
    }
    let known = fs::read_to_string(&path).unwrap_or_default();
    assert!(known == text, "{name} is not what is made now: UPDATE_GOLDEN=1 makes it anew");
}

#[test]
fn the_forms_of_a_run_are_the_same_to_the_byte() {
    let record = story();
    golden("forms/story.run", std::str::from_utf8(&record).unwrap());
    let (mut mermaid, mut drawn) = (Mermaid::new(NodeSet::first(3)), SpaceTime::new(NodeSet::first(3)));
    let run = Run::read(record.as_slice()).unwrap();
    let replayed = replay(std::slice::from_ref(&run), fresh(), &mut mermaid).unwrap();
    replay(&[run], fresh(), &mut drawn).unwrap();
    golden("forms/story.mmd", &mermaid.finish());
    golden("forms/story.svg", &drawn.finish());

    let bare = write_path(&header(), "A story with all that can be drawn.", fresh(), &replayed.choices);
    let told = Script::parse(&bare).unwrap().replay(fresh(), &mut ()).unwrap();
    assert!(told.world == replayed.world, "the script is the run");
    golden("forms/story.script", &told.text);
    let make = "Replica::new(id, quorums)";
    let test = rust_test(
        "A story, as `rust_test` makes a test of it.",
        &told.text,
        &["paxos_basic::Replica"],
        "Replica<String>",
        make,
        "Invariant::ALL",
    );
    golden("generated.rs", &test);
}

#[test]
fn a_script_may_hold_whatever_a_raw_string_may_not() {
    let test = rust_test("", "a \"# b \"### c", &[], "", "", "");
    assert!(test.contains("r####\"a \"# b \"### c\"####;"), "{test}");
}

//! A story, as `rust_test` makes a test of it.
#![cfg_attr(rustfmt, rustfmt_skip)]

use paxos_basic::Replica;
use paxos_sim::{Invariant, Script, World};

/// The run, and what it tells.
const SCRIPT: &str = r#"# A story with all that can be drawn.
protocol basic
nodes 3

request n1 propose a<b & "c"
    disk     n1 writes Round b1.1
sync n1
    disk     n1 synced
    elect    n1 → n1 n2 n3  Prepare b1.1
duplicate n1 n2 Prepare b1.1
    disk     n2 writes Promised b1.1
sync n2
    disk     n2 synced
    elect    n2 → n1  Promise b1.1
crash n2
    crash    n2 forgets 0 unsynced records
drop n1 n3 Prepare b1.1
    lost     n1 → n3  Prepare b1.1
cut n1 n3
    cut      n1 → n3
restart n2
    restart  n2 remembers promise b1.1
deliver n1 n1 Prepare b1.1
    disk     n1 writes Promised b1.1
sync n1
    disk     n1 synced
    elect    n1 → n1  Promise b1.1
deliver n1 n1 Promise b1.1
deliver n1 n2 Prepare b1.1
    elect    n2 → n1  Promise b1.1
deliver n2 n1 Promise b1.1
    propose  n1 → n1 n2 n3  Accept b1.1 a<b & "c"
    lost     n1 → n3  Accept b1.1 a<b & "c"
deliver n1 n1 Accept b1.1 a<b & "c"
    disk     n1 writes Accepted b1.1 a<b & "c"
sync n1
    disk     n1 synced
    decide   n1 → n1  Accepted b1.1 a<b & "c"
deliver n1 n1 Accepted b1.1 a<b & "c"
deliver n1 n2 Accept b1.1 a<b & "c"
    disk     n2 writes Accepted b1.1 a<b & "c"
sync n2
    disk     n2 synced
    decide   n2 → n1  Accepted b1.1 a<b & "c"
deliver n2 n1 Promise b1.1
deliver n2 n1 Accepted b1.1 a<b & "c"
    learn    n1 → n2 n3  Learn a<b & "c"
    lost     n1 → n3  Learn a<b & "c"
    output   n1 learned a<b & "c"
deliver n1 n2 Learn a<b & "c"
    output   n2 learned a<b & "c"
heal n1 n3
    heal     n1 → n3
request n3 learn
    disk     n3 writes Round b1.3
sync n3
    disk     n3 synced
    elect    n3 → n1 n2 n3  Prepare b1.3
deliver n3 n1 Prepare b1.3
    disk     n1 writes Promised b1.3
sync n1
    disk     n1 synced
    elect    n1 → n3  Promise b1.3 voted a<b & "c" in b1.1
deliver n1 n3 Promise b1.3 voted a<b & "c" in b1.1
deliver n3 n2 Prepare b1.3
    disk     n2 writes Promised b1.3
sync n2
    disk     n2 synced
    elect    n2 → n3  Promise b1.3 voted a<b & "c" in b1.1
deliver n2 n3 Promise b1.3 voted a<b & "c" in b1.1
    propose  n3 → n1 n2 n3  Accept b1.3 a<b & "c"
deliver n3 n1 Accept b1.3 a<b & "c"
    disk     n1 writes Accepted b1.3 a<b & "c"
sync n1
    disk     n1 synced
    decide   n1 → n3  Accepted b1.3 a<b & "c"
deliver n1 n3 Accepted b1.3 a<b & "c"
deliver n3 n2 Accept b1.3 a<b & "c"
    disk     n2 writes Accepted b1.3 a<b & "c"
sync n2
    disk     n2 synced
    decide   n2 → n3  Accepted b1.3 a<b & "c"
deliver n2 n3 Accepted b1.3 a<b & "c"
    learn    n3 → n1 n2  Learn a<b & "c"
    output   n3 learned a<b & "c"
deliver n3 n1 Learn a<b & "c"
deliver n3 n2 Learn a<b & "c"
deliver n3 n3 Prepare b1.3
    disk     n3 writes Promised b1.3
sync n3
    disk     n3 synced
    elect    n3 → n3  Promise b1.3
deliver n3 n3 Promise b1.3
deliver n3 n3 Accept b1.3 a<b & "c"
    disk     n3 writes Accepted b1.3 a<b & "c"
sync n3
    disk     n3 synced
    decide   n3 → n3  Accepted b1.3 a<b & "c"
deliver n3 n3 Accepted b1.3 a<b & "c"
"#;

#[test]
fn the_run_tells_what_it_told() {
    let script = Script::parse(SCRIPT).expect("it is a script");
    let (setting, quorums) = (script.header.setting(), script.header.quorums);
    let world = World::new(setting, |id| -> Replica<String> { Replica::new(id, quorums) });
    let replayed = script.replay_judged(world, &Invariant::ALL, &mut ()).expect("every command can be carried out");
    assert_eq!(replayed.text, SCRIPT);
    let violated: Vec<_> = replayed.violated.iter().map(|(invariant, _)| *invariant).collect();
    match script.header.expect {
        // One may break others on its way.
        Some(expected) => assert!(violated.contains(&expected), "{violated:?}"),
        None => assert_eq!(violated, []),
    }
}

//! From refused_and_retry.script.
//! 
//! Written by `cargo paxos trace --to test`.
#![cfg_attr(rustfmt, rustfmt_skip)]

use paxos_basic::Replica;
use paxos_sim::{Invariant, Script, World};

/// The run, and what it tells.
const SCRIPT: &str = r#"# Two proposers at once. The lower ballot is refused and told which ballot to outbid; its next one is above it, and it
# adopts what it finds.
protocol basic
nodes 3

request n1 propose a
    disk     n1 writes Round b1.1
request n2 propose b
    disk     n2 writes Round b1.2
sync
    disk     n1 synced
    elect    n1 → n1 n2 n3  Prepare b1.1
    disk     n2 synced
    elect    n2 → n1 n2 n3  Prepare b1.2
# Node 3 promises n2 first, and then refuses n1.
deliver n2 n3 Prepare
    disk     n3 writes Promised b1.2
deliver n1 n3 Prepare
    elect    n3 → n1  Refused b1.1 for b1.2
deliver n2 n2 Prepare
    disk     n2 writes Promised b1.2
sync
    disk     n2 synced
    elect    n2 → n2  Promise b1.2
    disk     n3 synced
    elect    n3 → n2  Promise b1.2
deliver n3 n2 Promise
deliver n2 n2 Promise
    propose  n2 → n1 n2 n3  Accept b1.2 b
deliver n3 n1 Refused
# n2 is elected and its value is voted for.
deliver n2 n3 Accept
    disk     n3 writes Accepted b1.2 b
deliver n2 n2 Accept
    disk     n2 writes Accepted b1.2 b
sync
    disk     n2 synced
    decide   n2 → n2  Accepted b1.2 b
    disk     n3 synced
    decide   n3 → n2  Accepted b1.2 b
deliver n3 n2 Accepted
deliver n2 n2 Accepted
    learn    n2 → n1 n3  Learn b
    output   n2 learned b
# b is chosen and n2 knows it. n1 does not, and tries again, above n2's ballot.
drop n2 n1 Learn
    lost     n2 → n1  Learn b
fire n1 Retry
    disk     n1 writes Round b2.1
sync n1
    disk     n1 synced
    elect    n1 → n1 n2 n3  Prepare b2.1
deliver n1 n3 Prepare b2.1
    disk     n3 writes Promised b2.1
sync n3
    disk     n3 synced
    elect    n3 → n1  Promise b2.1 voted b in b1.2
deliver n3 n1 Promise b2.1
deliver n1 n1 Prepare b2.1
    disk     n1 writes Promised b2.1
sync n1
    disk     n1 synced
    elect    n1 → n1  Promise b2.1
deliver n1 n1 Promise b2.1
    propose  n1 → n1 n2 n3  Accept b2.1 b
stabilize
    elect    n1 ← n1  Prepare b1.1
    elect    n1 → n1  Refused b1.1 for b2.1
    propose  n1 ← n1  Accept b2.1 b
    disk     n1 writes Accepted b2.1 b
    disk     n1 synced
    decide   n1 → n1  Accepted b2.1 b
    decide   n1 ← n1  Accepted b2.1 b
    elect    n1 ← n1  Refused b1.1 for b2.1
    elect    n2 ← n1  Prepare b1.1
    elect    n2 → n1  Refused b1.1 for b1.2
    elect    n2 ← n1  Prepare b2.1
    disk     n2 writes Promised b2.1
    disk     n2 synced
    elect    n2 → n1  Promise b2.1 voted b in b1.2
    propose  n2 ← n1  Accept b2.1 b
    disk     n2 writes Accepted b2.1 b
    disk     n2 synced
    decide   n2 → n1  Accepted b2.1 b
    propose  n3 ← n1  Accept b2.1 b
    disk     n3 writes Accepted b2.1 b
    disk     n3 synced
    decide   n3 → n1  Accepted b2.1 b
    elect    n1 ← n2  Prepare b1.2
    elect    n1 → n2  Refused b1.2 for b2.1
    elect    n2 ← n1  Refused b1.2 for b2.1
    elect    n1 ← n2  Promise b2.1 voted b in b1.2
    propose  n1 ← n2  Accept b1.2 b
    decide   n1 → n2  Refused b1.2 for b2.1
    decide   n2 ← n1  Refused b1.2 for b2.1
    decide   n1 ← n2  Accepted b2.1 b
    learn    n1 → n2 n3  Learn b
    output   n1 learned b
    learn    n2 ← n1  Learn b
    learn    n3 ← n1  Learn b
    output   n3 learned b
    elect    n1 ← n2  Refused b1.1 for b1.2
    learn    n3 ← n2  Learn b
    decide   n1 ← n3  Accepted b2.1 b
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

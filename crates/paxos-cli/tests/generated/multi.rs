//! From stable_leader.script.
//! 
//! Written by `cargo paxos trace --to test`.
#![cfg_attr(rustfmt, rustfmt_skip)]

use paxos_multi::Replica;
use paxos_sim::{Invariant, Script, World};

/// The run, and what it tells.
const SCRIPT: &str = r#"# A stable leader. It is elected once, for all slots; after that a command costs one round: Accept and Accepted.
# That a slot is chosen is said in passing, with the next Accept or heartbeat.
protocol multi
nodes 3
loopback at-once

fire n1 Election
    elect    n1 → n2 n3  Probe 1
stabilize
    elect    n2 ← n1  Probe 1
    elect    n2 → n1  Willing 1
    elect    n3 ← n1  Probe 1
    elect    n3 → n1  Willing 1
    elect    n1 ← n2  Willing 1
    disk     n1 writes Round b1.1
    disk     n1 synced
    elect    n1 → n1  Prepare b1.1 from s0
    elect    n1 ← n1  Prepare b1.1 from s0
    elect    n1 → n2 n3  Prepare b1.1 from s0
    disk     n1 writes Promised b1.1
    disk     n1 synced
    elect    n1 → n1  Promise b1.1 s0.., chosen s0
    elect    n1 ← n1  Promise b1.1 s0.., chosen s0
    elect    n2 ← n1  Prepare b1.1 from s0
    disk     n2 writes Promised b1.1
    disk     n2 synced
    elect    n2 → n1  Promise b1.1 s0.., chosen s0
    elect    n3 ← n1  Prepare b1.1 from s0
    disk     n3 writes Promised b1.1
    disk     n3 synced
    elect    n3 → n1  Promise b1.1 s0.., chosen s0
    elect    n1 ← n2  Promise b1.1 s0.., chosen s0
    learn    n1 → n2 n3  Heartbeat b1.1 round 0, chosen s0, everywhere s0
    output   n1 leads in b1.1
    learn    n2 ← n1  Heartbeat b1.1 round 0, chosen s0, everywhere s0
    learn    n2 → n1  Alive b1.1 round 0, learned s0
    output   n2 follows n1
    learn    n3 ← n1  Heartbeat b1.1 round 0, chosen s0, everywhere s0
    learn    n3 → n1  Alive b1.1 round 0, learned s0
    output   n3 follows n1
    learn    n1 ← n2  Alive b1.1 round 0, learned s0
    elect    n1 ← n3  Willing 1
    elect    n1 ← n3  Promise b1.1 s0.., chosen s0
    learn    n1 ← n3  Alive b1.1 round 0, learned s0
request n1 propose a
    propose  n1 → n1  Accept b1.1 s0 a, chosen s0
    propose  n1 → n2 n3  Accept b1.1 s0 a, chosen s0
    disk     n1 writes Accepted b1.1 s0 a
stabilize
    disk     n1 synced
    decide   n1 → n1  Accepted b1.1 s0
    decide   n1 ← n1  Accepted b1.1 s0
    propose  n2 ← n1  Accept b1.1 s0 a, chosen s0
    disk     n2 writes Accepted b1.1 s0 a
    disk     n2 synced
    decide   n2 → n1  Accepted b1.1 s0
    propose  n3 ← n1  Accept b1.1 s0 a, chosen s0
    disk     n3 writes Accepted b1.1 s0 a
    disk     n3 synced
    decide   n3 → n1  Accepted b1.1 s0
    decide   n1 ← n2  Accepted b1.1 s0
    output   n1 s0 is a
    decide   n1 ← n3  Accepted b1.1 s0
request n1 propose b
    propose  n1 → n1  Accept b1.1 s1 b, chosen s1
    propose  n1 → n2 n3  Accept b1.1 s1 b, chosen s1
    disk     n1 writes Accepted b1.1 s1 b
    disk     n1 writes Chosen to s1 by b1.1
stabilize
    disk     n1 synced
    decide   n1 → n1  Accepted b1.1 s1
    decide   n1 ← n1  Accepted b1.1 s1
    propose  n2 ← n1  Accept b1.1 s1 b, chosen s1
    output   n2 s0 is a
    disk     n2 writes Accepted b1.1 s1 b
    disk     n2 writes Chosen to s1 by b1.1
    disk     n2 synced
    decide   n2 → n1  Accepted b1.1 s1
    propose  n3 ← n1  Accept b1.1 s1 b, chosen s1
    output   n3 s0 is a
    disk     n3 writes Accepted b1.1 s1 b
    disk     n3 writes Chosen to s1 by b1.1
    disk     n3 synced
    decide   n3 → n1  Accepted b1.1 s1
    decide   n1 ← n2  Accepted b1.1 s1
    output   n1 s1 is b
    decide   n1 ← n3  Accepted b1.1 s1
fire n1 Heartbeat
    learn    n1 → n2 n3  Heartbeat b1.1 round 0, chosen s2, everywhere s0
stabilize
    learn    n2 ← n1  Heartbeat b1.1 round 0, chosen s2, everywhere s0
    learn    n2 → n1  Alive b1.1 round 0, learned s2
    output   n2 s1 is b
    disk     n2 writes Chosen to s2 by b1.1
    disk     n2 synced
    learn    n3 ← n1  Heartbeat b1.1 round 0, chosen s2, everywhere s0
    learn    n3 → n1  Alive b1.1 round 0, learned s2
    output   n3 s1 is b
    disk     n3 writes Chosen to s2 by b1.1
    disk     n3 synced
    learn    n1 ← n2  Alive b1.1 round 0, learned s2
    learn    n1 ← n3  Alive b1.1 round 0, learned s2
"#;

#[test]
fn the_run_tells_what_it_told() {
    let script = Script::parse(SCRIPT).expect("it is a script");
    let (setting, quorums) = (script.header.setting(), script.header.quorums);
    let world = World::new(setting, |id| -> Replica<String> { Replica::new(id, quorums, paxos_multi::Options { window: 64, retain: 1024 }) });
    let replayed = script.replay_judged(world, &Invariant::ALL, &mut ()).expect("every command can be carried out");
    assert_eq!(replayed.text, SCRIPT);
    let violated: Vec<_> = replayed.violated.iter().map(|(invariant, _)| *invariant).collect();
    match script.header.expect {
        // One may break others on its way.
        Some(expected) => assert!(violated.contains(&expected), "{violated:?}"),
        None => assert_eq!(violated, []),
    }
}

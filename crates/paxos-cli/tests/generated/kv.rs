//! From kv.script.
//! 
//! Written by `cargo paxos trace --to test`.
#![cfg_attr(rustfmt, rustfmt_skip)]

use paxos_kv::{Batch, Options, Service};
use paxos_multi::Replica;
use paxos_sim::{Invariant, Script, World};

/// The run, and what it tells.
const SCRIPT: &str = r#"# A command of a client, and a read.
protocol kv
nodes 3

request n1 campaign
    disk     n1 writes Round b1.1
stabilize
    disk     n1 synced
    elect    n1 → n1 n2 n3  Prepare b1.1 from s0
    elect    n1 ← n1  Prepare b1.1 from s0
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
    elect    n1 ← n3  Promise b1.1 s0.., chosen s0
    learn    n1 ← n3  Alive b1.1 round 0, learned s0
request n1 7 open 1
    propose  n1 → n1 n2 n3  Accept b1.1 s0 open 1, chosen s0
stabilize
    propose  n1 ← n1  Accept b1.1 s0 open 1, chosen s0
    disk     n1 writes Accepted b1.1 s0 open 1
    disk     n1 synced
    decide   n1 → n1  Accepted b1.1 s0
    decide   n1 ← n1  Accepted b1.1 s0
    propose  n2 ← n1  Accept b1.1 s0 open 1, chosen s0
    disk     n2 writes Accepted b1.1 s0 open 1
    disk     n2 synced
    decide   n2 → n1  Accepted b1.1 s0
    propose  n3 ← n1  Accept b1.1 s0 open 1, chosen s0
    disk     n3 writes Accepted b1.1 s0 open 1
    disk     n3 synced
    decide   n3 → n1  Accepted b1.1 s0
    decide   n1 ← n2  Accepted b1.1 s0
    output   n1 7: Done(Opened(SessionId(1)))
    output   n1 s0 is open 1
    decide   n1 ← n3  Accepted b1.1 s0
request n1 8 do 1.0.0 put colour blue
    propose  n1 → n1 n2 n3  Accept b1.1 s1 put colour blue, chosen s1
stabilize
    propose  n1 ← n1  Accept b1.1 s1 put colour blue, chosen s1
    disk     n1 writes Accepted b1.1 s1 put colour blue
    disk     n1 writes Chosen to s1 by b1.1
    disk     n1 synced
    decide   n1 → n1  Accepted b1.1 s1
    decide   n1 ← n1  Accepted b1.1 s1
    propose  n2 ← n1  Accept b1.1 s1 put colour blue, chosen s1
    output   n2 s0 is open 1
    disk     n2 writes Accepted b1.1 s1 put colour blue
    disk     n2 writes Chosen to s1 by b1.1
    disk     n2 synced
    decide   n2 → n1  Accepted b1.1 s1
    propose  n3 ← n1  Accept b1.1 s1 put colour blue, chosen s1
    output   n3 s0 is open 1
    disk     n3 writes Accepted b1.1 s1 put colour blue
    disk     n3 writes Chosen to s1 by b1.1
    disk     n3 synced
    decide   n3 → n1  Accepted b1.1 s1
    decide   n1 ← n2  Accepted b1.1 s1
    output   n1 8: Done(Wrote(Put { existed: false }))
    output   n1 s1 is put colour blue
    decide   n1 ← n3  Accepted b1.1 s1
request n1 9 read get colour
    learn    n1 → n2 n3  Heartbeat b1.1 round 1, chosen s2, everywhere s0
stabilize
    learn    n2 ← n1  Heartbeat b1.1 round 1, chosen s2, everywhere s0
    learn    n2 → n1  Alive b1.1 round 1, learned s2
    output   n2 s1 is put colour blue
    disk     n2 writes Chosen to s2 by b1.1
    disk     n2 synced
    learn    n3 ← n1  Heartbeat b1.1 round 1, chosen s2, everywhere s0
    learn    n3 → n1  Alive b1.1 round 1, learned s2
    output   n3 s1 is put colour blue
    disk     n3 writes Chosen to s2 by b1.1
    disk     n3 synced
    learn    n1 ← n2  Alive b1.1 round 1, learned s2
    output   n1 9: Found(Value(Some(blue)))
    learn    n1 ← n3  Alive b1.1 round 1, learned s2
crash n2
    crash    n2 forgets 0 unsynced records
restart n2
    restart  n2 remembers promise b1.1
    output   n2 s0 is open 1
    output   n2 s1 is put colour blue
stabilize
"#;

#[test]
fn the_run_tells_what_it_told() {
    let script = Script::parse(SCRIPT).expect("it is a script");
    let (setting, quorums) = (script.header.setting(), script.header.quorums);
    let world = World::new(setting, |id| -> Service<Replica<Batch>> { Service::new(Replica::new(id, quorums, paxos_multi::Options { window: 64, retain: 1024 }), Options { pipeline: 4, batch_bytes: 262144, batch_commands: 4096, queue_bytes: 8388608, compact_after: 8388608 }) });
    let replayed = script.replay_judged(world, &Invariant::ALL.map(|all| if all == Invariant::Validity { Invariant::Agreement } else { all }), &mut ()).expect("every command can be carried out");
    assert_eq!(replayed.text, SCRIPT);
    let violated: Vec<_> = replayed.violated.iter().map(|(invariant, _)| *invariant).collect();
    match script.header.expect {
        // One may break others on its way.
        Some(expected) => assert!(violated.contains(&expected), "{violated:?}"),
        None => assert_eq!(violated, []),
    }
}

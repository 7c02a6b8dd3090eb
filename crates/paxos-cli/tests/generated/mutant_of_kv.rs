//! From S1.script.
//! 
//! Written by `cargo paxos trace --to test`.
#![cfg_attr(rustfmt, rustfmt_skip)]

use paxos_kv::Options;
use paxos_mutants::{Mutant, WrongService};
use paxos_sim::{Invariant, Script, World};

/// The run, and what it tells.
const SCRIPT: &str = r#"# S1: a write is acknowledged when its Accept is sent.
#
# The leader knows where the command goes, what it will do, and that nothing stands in its way. So it
# answers at once, and is right every time, until it is cut off with the Accept on its lips. The others
# elect one who has never heard of the command. No node has done anything wrong that another node could
# see: only the client knows.
protocol kv
nodes 3
disk at-once
loopback at-once
mutant S1

request n1 campaign
    disk     n1 writes Round b1.1
    elect    n1 → n1  Prepare b1.1 from s0
    elect    n1 → n2 n3  Prepare b1.1 from s0
    disk     n1 writes Promised b1.1
    elect    n1 → n1  Promise b1.1 s0.., chosen s0
stabilize
    elect    n2 ← n1  Prepare b1.1 from s0
    disk     n2 writes Promised b1.1
    elect    n2 → n1  Promise b1.1 s0.., chosen s0
    elect    n3 ← n1  Prepare b1.1 from s0
    disk     n3 writes Promised b1.1
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
request n1 1 open
    propose  n1 → n1  Accept b1.1 s0 open 1, chosen s0
    propose  n1 → n2 n3  Accept b1.1 s0 open 1, chosen s0
    output   n1 1: Done(Opened(SessionId(1)))
    disk     n1 writes Accepted b1.1 s0 open 1
    decide   n1 → n1  Accepted b1.1 s0
stabilize
    propose  n2 ← n1  Accept b1.1 s0 open 1, chosen s0
    disk     n2 writes Accepted b1.1 s0 open 1
    decide   n2 → n1  Accepted b1.1 s0
    propose  n3 ← n1  Accept b1.1 s0 open 1, chosen s0
    disk     n3 writes Accepted b1.1 s0 open 1
    decide   n3 → n1  Accepted b1.1 s0
    decide   n1 ← n2  Accepted b1.1 s0
    output   n1 s0 is open 1
    decide   n1 ← n3  Accepted b1.1 s0
# Node 1 leads, and nobody hears it any more. Its client is told that all is well.
cut n1
    cut      n1 → n2
    cut      n1 → n3
    cut      n2 → n1
    cut      n3 → n1
request n1 2 append k x as 1.0
    propose  n1 → n1  Accept b1.1 s1 append k x, chosen s1
    propose  n1 → n2 n3  Accept b1.1 s1 append k x, chosen s1
    lost     n1 → n2  Accept b1.1 s1 append k x, chosen s1
    lost     n1 → n3  Accept b1.1 s1 append k x, chosen s1
    output   n1 2: Done(Wrote(Appended { length: 1 }))
    disk     n1 writes Accepted b1.1 s1 append k x
    disk     n1 writes Chosen to s1 by b1.1
    decide   n1 → n1  Accepted b1.1 s1
request n2 campaign
    disk     n2 writes Round b1.2
    elect    n2 → n1 n2  Prepare b1.2 from s0
    elect    n2 → n3  Prepare b1.2 from s0
    lost     n2 → n1  Prepare b1.2 from s0
    disk     n2 writes Promised b1.2
    elect    n2 → n2  Promise b1.2 s0.. voted open 1 in b1.1, chosen s0
stabilize
    elect    n3 ← n2  Prepare b1.2 from s0
    disk     n3 writes Promised b1.2
    elect    n3 → n2  Promise b1.2 s0.. voted open 1 in b1.1, chosen s0
    elect    n2 ← n3  Promise b1.2 s0.. voted open 1 in b1.1, chosen s0
    propose  n2 → n1 n2  Accept b1.2 s0 open 1, chosen s0
    propose  n2 ← n2  Accept b1.2 s0 open 1, chosen s0
    propose  n2 → n3  Accept b1.2 s0 open 1, chosen s0
    lost     n2 → n1  Accept b1.2 s0 open 1, chosen s0
    learn    n2 → n1 n3  Heartbeat b1.2 round 0, chosen s0, everywhere s0
    lost     n2 → n1  Heartbeat b1.2 round 0, chosen s0, everywhere s0
    disk     n2 writes Accepted b1.2 s0 open 1
    decide   n2 → n2  Accepted b1.2 s0
    decide   n2 ← n2  Accepted b1.2 s0
    propose  n3 ← n2  Accept b1.2 s0 open 1, chosen s0
    disk     n3 writes Accepted b1.2 s0 open 1
    decide   n3 → n2  Accepted b1.2 s0
    learn    n3 ← n2  Heartbeat b1.2 round 0, chosen s0, everywhere s0
    learn    n3 → n2  Alive b1.2 round 0, learned s0
    output   n3 follows n2
    decide   n2 ← n3  Accepted b1.2 s0
    output   n2 s0 is open 1
    output   n2 leads in b1.2
    learn    n2 ← n3  Alive b1.2 round 0, learned s0
request n2 3 get k
    learn    n2 → n1 n3  Heartbeat b1.2 round 1, chosen s1, everywhere s0
    lost     n2 → n1  Heartbeat b1.2 round 1, chosen s1, everywhere s0
stabilize
    learn    n3 ← n2  Heartbeat b1.2 round 1, chosen s1, everywhere s0
    learn    n3 → n2  Alive b1.2 round 1, learned s1
    output   n3 s0 is open 1
    disk     n3 writes Chosen to s1 by b1.2
    learn    n2 ← n3  Alive b1.2 round 1, learned s1
    output   n2 3: Found(Value(None))
"#;

#[test]
fn the_run_tells_what_it_told() {
    let script = Script::parse(SCRIPT).expect("it is a script");
    let (setting, quorums) = (script.header.setting(), script.header.quorums);
    let world = World::new(setting, |id| -> WrongService { WrongService::new(Some(Mutant::S1), id, quorums, Options { pipeline: 2, batch_commands: 1, compact_after: 60, ..Options::default() }) });
    let replayed = script.replay_judged(world, &Invariant::ALL, &mut ()).expect("every command can be carried out");
    assert_eq!(replayed.text, SCRIPT);
    let violated: Vec<_> = replayed.violated.iter().map(|(invariant, _)| *invariant).collect();
    match script.header.expect {
        // One may break others on its way.
        Some(expected) => assert!(violated.contains(&expected), "{violated:?}"),
        None => assert_eq!(violated, []),
    }
}

//! From L1.script.
//! 
//! Written by `cargo paxos trace --to test`.
#![cfg_attr(rustfmt, rustfmt_skip)]

use paxos_mutants::{Mutant, WrongLog};
use paxos_sim::{Invariant, Script, World};

/// The run, and what it tells.
const SCRIPT: &str = r#"# L1: recovery brings back the promise, and not the vote of one slot.
#
# The log file is read, the ballot is there, and one record of a vote is skipped, as a reader does that
# counts slots from one. The acceptor keeps every promise and has forgotten what it promised *about*.
#
# The run that breaks Agreement in the fewest choices; none can be left out.
protocol multi
nodes 3
disk at-once
loopback at-once
mutant L1
expect Agreement

request n1 campaign
    disk     n1 writes Round b1.1
    elect    n1 → n1  Prepare b1.1 from s0
    elect    n1 → n2 n3  Prepare b1.1 from s0
    disk     n1 writes Promised b1.1
    elect    n1 → n1  Promise b1.1 s0.., chosen s0
deliver n1 n2 Prepare b1.1 from s0
    disk     n2 writes Promised b1.1
    elect    n2 → n1  Promise b1.1 s0.., chosen s0
deliver n2 n1 Promise b1.1 s0.., chosen s0
    learn    n1 → n2 n3  Heartbeat b1.1 round 0, chosen s0, everywhere s0
    output   n1 leads in b1.1
request n1 propose a
    propose  n1 → n1  Accept b1.1 s0 a, chosen s0
    propose  n1 → n2 n3  Accept b1.1 s0 a, chosen s0
    disk     n1 writes Accepted b1.1 s0 a
    decide   n1 → n1  Accepted b1.1 s0
    violates DurableBeforeVote
deliver n1 n2 Accept b1.1 s0 a, chosen s0
    disk     n2 writes Accepted b1.1 s0 a
    decide   n2 → n1  Accepted b1.1 s0
request n3 campaign
    disk     n3 writes Round b1.3
    elect    n3 → n1 n2 n3  Prepare b1.3 from s0
    disk     n3 writes Promised b1.3
    elect    n3 → n3  Promise b1.3 s0.., chosen s0
crash n2
    crash    n2 forgets 0 unsynced records
restart n2
    restart  n2 remembers promise b1.1
deliver n3 n2 Prepare b1.3 from s0
    disk     n2 writes Promised b1.3
    elect    n2 → n3  Promise b1.3 s0.., chosen s0
deliver n2 n3 Promise b1.3 s0.., chosen s0
    learn    n3 → n1 n2  Heartbeat b1.3 round 0, chosen s0, everywhere s0
    output   n3 leads in b1.3
request n3 propose c
    propose  n3 → n1 n2 n3  Accept b1.3 s0 c, chosen s0
    disk     n3 writes Accepted b1.3 s0 c
    decide   n3 → n3  Accepted b1.3 s0
    violates ChosenStaysChosen
deliver n3 n1 Accept b1.3 s0 c, chosen s0
    output   n1 knows no leader
    disk     n1 writes Accepted b1.3 s0 c
    decide   n1 → n3  Accepted b1.3 s0
    violates Agreement
"#;

#[test]
fn the_run_tells_what_it_told() {
    let script = Script::parse(SCRIPT).expect("it is a script");
    let (setting, quorums) = (script.header.setting(), script.header.quorums);
    let world = World::new(setting, |id| -> WrongLog<String> { WrongLog::new(Some(Mutant::L1), id, quorums) });
    let replayed = script.replay_judged(world, &Invariant::ALL, &mut ()).expect("every command can be carried out");
    assert_eq!(replayed.text, SCRIPT);
    let violated: Vec<_> = replayed.violated.iter().map(|(invariant, _)| *invariant).collect();
    match script.header.expect {
        // One may break others on its way.
        Some(expected) => assert!(violated.contains(&expected), "{violated:?}"),
        None => assert_eq!(violated, []),
    }
}

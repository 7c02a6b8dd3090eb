//! From M2.script.
//! 
//! Written by `cargo paxos trace --to test`.
#![cfg_attr(rustfmt, rustfmt_skip)]

use paxos_mutants::{Mutant, Wrong};
use paxos_sim::{Invariant, Script, World};

/// The run, and what it tells.
const SCRIPT: &str = r#"# M2: accepting does not raise the promise.
#
# An acceptor that never saw the Prepare of ballot 2 votes in ballot 2, and then votes in ballot 1 as
# well, which overwrites the vote of ballot 2. The next election does not find the chosen value. The
# paper's text allows this reading; Lamport's specification, with its one number maxBal, does not.
#
# The run that breaks Agreement in the fewest choices; none can be left out.
protocol basic
nodes 3
disk at-once
loopback at-once
mutant M2
expect Agreement

request n1 propose a
    disk     n1 writes Round b1.1
    elect    n1 → n1  Prepare b1.1
    elect    n1 → n2 n3  Prepare b1.1
    disk     n1 writes Promised b1.1
    elect    n1 → n1  Promise b1.1
deliver n1 n2 Prepare b1.1
    disk     n2 writes Promised b1.1
    elect    n2 → n1  Promise b1.1
request n2 propose b
    disk     n2 writes Round b1.2
    elect    n2 → n1 n2  Prepare b1.2
    elect    n2 → n3  Prepare b1.2
    disk     n2 writes Promised b1.2
    elect    n2 → n2  Promise b1.2
deliver n2 n3 Prepare b1.2
    disk     n3 writes Promised b1.2
    elect    n3 → n2  Promise b1.2
deliver n3 n2 Promise b1.2
    propose  n2 → n1 n2  Accept b1.2 b
    propose  n2 → n3  Accept b1.2 b
    disk     n2 writes Accepted b1.2 b
    decide   n2 → n2  Accepted b1.2 b
deliver n2 n1 Accept b1.2 b
    disk     n1 writes Accepted b1.2 b
    decide   n1 → n2  Accepted b1.2 b
deliver n2 n1 Promise b1.1
    propose  n1 → n1  Accept b1.1 a
    propose  n1 → n2 n3  Accept b1.1 a
    disk     n1 writes Accepted b1.1 a
    decide   n1 → n1  Accepted b1.1 a
    violates PromisesOnlyGrow
fire n1 Retry
    disk     n1 writes Round b2.1
    elect    n1 → n1  Prepare b2.1
    elect    n1 → n2 n3  Prepare b2.1
    disk     n1 writes Promised b2.1
    elect    n1 → n1  Promise b2.1 voted a in b1.1
deliver n1 n3 Prepare b2.1
    disk     n3 writes Promised b2.1
    elect    n3 → n1  Promise b2.1
deliver n3 n1 Promise b2.1
    propose  n1 → n1  Accept b2.1 a
    propose  n1 → n2 n3  Accept b2.1 a
    disk     n1 writes Accepted b2.1 a
    decide   n1 → n1  Accepted b2.1 a
    violates ChosenStaysChosen
deliver n1 n2 Accept b2.1 a
    disk     n2 writes Accepted b2.1 a
    decide   n2 → n1  Accepted b2.1 a
    violates Agreement
"#;

#[test]
fn the_run_tells_what_it_told() {
    let script = Script::parse(SCRIPT).expect("it is a script");
    let (setting, quorums) = (script.header.setting(), script.header.quorums);
    let world = World::new(setting, |id| -> Wrong<String> { Wrong::new(Some(Mutant::M2), id, quorums) });
    let replayed = script.replay_judged(world, &Invariant::ALL, &mut ()).expect("every command can be carried out");
    assert_eq!(replayed.text, SCRIPT);
    let violated: Vec<_> = replayed.violated.iter().map(|(invariant, _)| *invariant).collect();
    match script.header.expect {
        // One may break others on its way.
        Some(expected) => assert!(violated.contains(&expected), "{violated:?}"),
        None => assert_eq!(violated, []),
    }
}

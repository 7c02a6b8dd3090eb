//! A node that missed slots catches up: slot by slot first, then with a snapshot, when the slots are gone.
//!
//! ```text
//! cargo run -p examples --example lagging_node
//! ```
//!
//! Look at what makes n3 ask: the heartbeat says how far the log is chosen, and n3 knows that it does not reach so far.
//! It asks with `Fetch`, and the answers are `Learn`: what is chosen is chosen, so no vote and no ballot is needed. The
//! second time, the others have thrown the slots away, because their state covers them. Then the answer is a state.
//!
//! To see the slots kept for the node that lags, set `RETAIN` to 100: the last assertion fails, for n3 gets `Learn`s.

use examples::Stage;
use paxos::{
    messages::{
        Slot,
        multi::{Request, Timer},
    },
    multi::{Options, Replica},
    process::NodeId,
};

/// How many slots that a snapshot covers are kept for members that have not learned them.
const RETAIN: u64 = 0;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let options = Options { retain: RETAIN, ..Options::default() };
    let mut stage = Stage::new(|id, quorums| Replica::new(id, quorums, options))?;
    println!("n1 leads. n3 is cut off, and three commands are chosen without it.");
    stage.fire(1, Timer::Election);
    stage.settle();
    stage.isolate(3);
    for command in ["red", "green", "blue"] {
        stage.ask(1, Request::Propose(command));
        stage.settle();
    }
    let learned = |stage: &Stage<Replica<_>>, node| stage.world.process(NodeId(node)).learner().learned();
    assert_eq!((learned(&stage, 1), learned(&stage, 3)), (Slot(3), Slot(0)));

    // ANCHOR: fetch
    println!("\nn3 is back. The next heartbeat says that three slots are chosen. It has none, and asks.");
    stage.heal();
    stage.quiet.retain(|word| *word != "Heartbeat");
    stage.fire(1, Timer::Heartbeat);
    stage.settle();
    assert_eq!(learned(&stage, 3), Slot(3));
    // ANCHOR_END: fetch

    // ANCHOR: compact
    println!("\nn3 is cut off again. Three more are chosen, and the applications of n1 and n2 hand in their states.");
    stage.isolate(3);
    for command in ["cyan", "pink", "gold"] {
        stage.ask(1, Request::Propose(command));
        stage.settle();
    }
    stage.fire(1, Timer::Heartbeat);
    stage.settle();
    for node in [1, 2] {
        let state = b"red green blue cyan pink gold"[..].into();
        stage.ask(node, Request::Compact { upto: Slot(6), state });
        let first = stage.world.process(NodeId(node)).learner().first();
        println!("    n{node} keeps the slots from {first} on");
    }
    // ANCHOR_END: compact

    println!("\nn3 is back, and asks for what nobody has any more. It gets the state, and tells its application.");
    stage.heal();
    stage.fire(1, Timer::Heartbeat);
    stage.settle();
    stage.fire(1, Timer::Heartbeat); // a question is asked again only if a whole interval brought no answer
    stage.settle();
    assert_eq!(learned(&stage, 3), Slot(6));

    println!("\nFrom there on it is like any other.");
    stage.ask(1, Request::Propose("gray"));
    stage.settle();
    stage.fire(1, Timer::Heartbeat);
    stage.settle();
    assert_eq!(learned(&stage, 3), Slot(7));
    let learner = stage.world.process(NodeId(3)).learner();
    assert_eq!(learner.first(), Slot(6), "what is below came as a state, not as slots");
    println!("\nn3 has learned seven slots: three as slots, three as a snapshot, one as everybody does.");
    Ok(())
}

//! Two nodes believe that they lead, at the same time. Nobody is harmed.
//!
//! ```text
//! cargo run -p examples --example two_leaders
//! ```
//!
//! Look at the middle: n1 is cut off and does not know that n2 was elected, so both say that they lead. n1 goes on
//! proposing, and gets no votes. After the cut is healed, one word from n2's side is enough: n1 hears that a higher ballot
//! is promised, and stops. The election only has to make progress *likely*. What makes the log *safe* is that
//! acceptors keep their promises.
//!
//! To see that it is the promises, look at mutants M13 and L2 in `cargo paxos mutants`: there two leaders do harm.

use examples::Stage;
use paxos::{
    messages::{
        Slot,
        multi::{Entry, Request, Timer},
    },
    multi::{Options, Replica},
    process::NodeId,
};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut stage = Stage::new(|id, quorums| Replica::new(id, quorums, Options::default()))?;
    println!("n1 is elected. Then it is cut off, and has not noticed.");
    stage.fire(1, Timer::Election);
    stage.settle();
    stage.isolate(1);

    println!("\nn2 and n3 hear no leader any more. n2 is elected.");
    stage.fire(3, Timer::Election);
    stage.settle();
    stage.fire(2, Timer::Election);
    stage.settle();

    // ANCHOR: two
    let leads = |node| stage.world.process(NodeId(node)).leads();
    println!("\nTwo leaders: n1 in {}, n2 in {}.", leads(1).expect("n1 leads"), leads(2).expect("n2 leads"));
    println!("Both are asked for a command, for the same slot.");
    stage.ask(1, Request::Propose("red"));
    stage.ask(2, Request::Propose("blue"));
    stage.settle();
    let learned = |node| stage.world.process(NodeId(node)).learner().learned();
    assert_eq!((learned(1), learned(2)), (Slot(0), Slot(1)), "only one of them has a quorum");
    // ANCHOR_END: two

    println!("\nThe links are whole again. Each says that it leads. n1 is told of the higher promise, and stops.");
    stage.heal();
    stage.quiet.retain(|word| *word != "Heartbeat");
    stage.fire(1, Timer::Heartbeat);
    stage.settle();
    stage.fire(2, Timer::Heartbeat);
    stage.settle();
    assert_eq!(stage.world.process(NodeId(1)).leads(), None);

    for node in [1, 2, 3] {
        let learner = stage.world.process(NodeId(node)).learner();
        assert_eq!(learner.chosen(Slot(0)), Some(&Entry::Command("blue")));
    }
    println!("\ns0 is blue on all three nodes. red had one vote, n1's own; nobody was told that it was chosen.");
    Ok(())
}

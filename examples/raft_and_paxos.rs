//! One story, told by Multi-Paxos and by Raft: who may lead?
//!
//! ```text
//! cargo run -p examples --example raft_and_paxos
//! ```
//!
//! b is chosen by n1 and n2, and n1 stops. n3 has never heard of b, and asks to be elected. In Multi-Paxos n2 promises, and
//! reports its vote for b: n3 leads, and has b chosen again before it serves. In Raft n2 stays silent, because its log has
//! more than n3's; n2 has to lead itself. Nobody loses b. To see somebody lose it, let n3 be elected in Raft all the same: take
//! `&& self.log.last() <= last` out of `crates/paxos-raft/src/voting.rs`, function `asked`, and run this again.

use examples::Stage;
use paxos::{
    messages::{
        Observed, Slot,
        multi::{Entry, Output, Request, Timer},
    },
    multi,
    process::{NodeId, Process},
    raft,
};
use paxos_sim::Choice;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    println!("Multi-Paxos");
    let mut paxos = Stage::new(|id, quorums| multi::Replica::new(id, quorums, multi::Options::default()))?;
    until_n3_asks(&mut paxos);
    let leader = paxos.world.process(NodeId(3));
    assert!(leader.serves(), "whoever asks a quorum may lead");
    assert_eq!(leader.learner().chosen(Slot(1)), Some(&Entry::Command("b")));
    println!("n3 leads. It was told of b when it was elected.");

    println!("\nRaft");
    let mut raft = Stage::new(|id, quorums| raft::Replica::new(id, quorums, raft::Options::default()))?;
    until_n3_asks(&mut raft);
    // ANCHOR: raft
    assert_eq!(raft.world.process(NodeId(3)).leads(), None, "its log is too short");
    println!("n3 does not lead. n2, which has b, asks.");
    raft.ask(2, Request::Campaign);
    raft.settle();
    let (leader, other) = (raft.world.process(NodeId(2)), raft.world.process(NodeId(3)));
    assert!(leader.serves() && other.log().last() == leader.log().last(), "and makes n3's log its own");
    // ANCHOR_END: raft
    println!("n2 leads, and has sent b to n3.");
    Ok(())
}

/// The same requests and the same faults, for either of them.
fn until_n3_asks<P>(stage: &mut Stage<P>)
where
    P: Observed<Message: std::fmt::Display> + Clone + std::hash::Hash,
    P: Process<Timer = Timer, Request = Request<&'static str>, Output = Output<&'static str>>,
{
    println!("n1 is elected, and a is chosen on all three nodes.");
    stage.ask(1, Request::Campaign);
    stage.settle();
    stage.ask(1, Request::Propose("a"));
    stage.settle();
    println!("\nn3 is cut off, and b is chosen by the others. Then n1 stops, and n3 can be heard again.");
    stage.isolate(3);
    stage.ask(1, Request::Propose("b"));
    stage.settle();
    stage.apply(&Choice::Crash(NodeId(1)));
    stage.heal();
    println!("\nn3 wants to lead.");
    stage.ask(3, Request::Campaign);
    stage.settle();
}

//! A replicated log: three nodes, one leader, five commands, the same order everywhere.
//!
//! ```text
//! cargo run -p examples --example replicated_log
//! ```
//!
//! Look first at the election: one `Prepare` asks for *all* slots at once, so it is paid for once. Then at a command:
//! four messages between three nodes, and no election. Then at how the others learn: nobody says "chosen" in a message
//! of its own; the next `Accept` says it in passing, and after the last command the heartbeat does.
//!
//! To see the log wait, crash n2 and n3 before the last command: n1 votes for it alone, and tells nobody.

use examples::Stage;
use paxos::{
    messages::{
        Slot,
        multi::{Entry, Request, Timer},
    },
    multi::{Options, Replica},
    process::NodeId,
};
use paxos_sim::Choice;

const COMMANDS: [&str; 5] = ["red", "green", "blue", "cyan", "pink"];

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut stage = Stage::new(|id, quorums| Replica::new(id, quorums, Options::default()))?;

    // ANCHOR: elect
    println!("n1 hears no leader. It asks who else hears none, and then for promises, for every slot there will be.");
    stage.quiet.clear();
    stage.fire(1, Timer::Election);
    stage.settle();
    println!("n1 leads: elected once, for all slots.\n");
    // ANCHOR_END: elect

    // ANCHOR: commands
    for (slot, command) in COMMANDS.iter().enumerate() {
        let before = stage.travelled;
        println!("n1 is asked for {command}.");
        stage.ask(1, Request::Propose(*command));
        stage.settle();
        assert_eq!(stage.travelled - before, 4, "2(N-1): an Accept and a vote for each of the others");
        assert_eq!(stage.world.process(NodeId(1)).learner().learned(), Slot(slot as u64 + 1));
    }
    // ANCHOR_END: commands

    println!("\nn1 knows five. The others know four: nothing has told them of the last one yet. The heartbeat does.");
    assert_eq!(stage.world.process(NodeId(2)).learner().learned(), Slot(4));
    stage.fire(1, Timer::Heartbeat);
    stage.settle();
    same_everywhere(&stage);

    println!(
        "\nAll three stop, and start again from their disks. n1 had counted the votes for pink and written nothing down:"
    );
    println!(
        "nothing has to wait for that record. The others remember it; did they not, a quorum of votes is on the disks."
    );
    for node in [1, 2, 3] {
        stage.apply(&Choice::Crash(NodeId(node)));
    }
    for node in [1, 2, 3] {
        stage.apply(&Choice::Restart(NodeId(node)));
    }
    stage.quiet.extend(examples::BACKGROUND);
    stage.fire(3, Timer::Election);
    stage.settle();
    same_everywhere(&stage);
    println!("\nThe same five commands in the same order on all three nodes, even after a restart.");
    Ok(())
}

// ANCHOR: same
/// Every node has the same command in every slot.
fn same_everywhere(stage: &Stage<Replica<&'static str>>) {
    for node in [1, 2, 3] {
        let learner = stage.world.process(NodeId(node)).learner();
        for (slot, command) in (0..).map(Slot).zip(COMMANDS) {
            assert_eq!(learner.chosen(slot), Some(&Entry::Command(command)), "n{node}, {slot}");
        }
    }
}
// ANCHOR_END: same

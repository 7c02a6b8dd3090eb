//! A leader dies and leaves a log with a hole. The next leader repairs it, slot by slot, before it serves anybody.
//!
//! ```text
//! cargo run -p examples --example leader_crash
//! ```
//!
//! Look at three slots. In s0 everybody has voted. In s1 nobody but the dead leader has. In s2 one more node has, so
//! `s2` is chosen although `s1` is a hole: slots are decided in any order. The next leader sees only what its own quorum
//! reports. It proposes the vote for s2 again, in its own ballot, and puts a no-op into s1. Only then may a command
//! come after them.
//!
//! To see s1 recovered and not filled, deliver `Accept b1.1 s1` from n1 to n3 instead of losing it: then a vote for it is
//! in the quorum, and the next leader must propose it again, whether it was chosen or not.

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

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut stage = Stage::new(|id, quorums| Replica::new(id, quorums, Options::default()))?;
    println!("n1 is elected, and has red chosen in s0.");
    stage.fire(1, Timer::Election);
    stage.settle();
    stage.ask(1, Request::Propose("red"));
    stage.settle();

    // ANCHOR: hole
    println!("\nn1 proposes two more at once. The first is lost on both links; the second reaches n2.");
    stage.ask(1, Request::Propose("green"));
    stage.ask(1, Request::Propose("blue"));
    stage.lose(1, 2, "Accept b1.1 s1");
    stage.lose(1, 3, "Accept b1.1 s1");
    stage.deliver(1, 2, "Accept b1.1 s2");
    stage.lose(1, 3, "Accept b1.1 s2");
    println!("n1 and n2 have voted for blue: it is chosen in s2. In s1 is a hole, and n1 dies.");
    stage.apply(&Choice::Crash(NodeId(1)));
    // ANCHOR_END: hole

    // ANCHOR: recover
    println!(
        "\nNobody hears n1. n2's alarm goes off, then n3's. n3 has heard of neither command; it asks n2 and is elected."
    );
    stage.fire(2, Timer::Election);
    stage.settle();
    stage.fire(3, Timer::Election);
    for (from, to, text) in [(3, 2, "Probe"), (2, 3, "Willing"), (3, 2, "Prepare")] {
        stage.deliver(from, to, text);
    }
    // n2's answer comes in pages.
    while stage.world.process(NodeId(3)).leads().is_none() {
        stage.deliver(2, 3, "Promise");
    }
    // ANCHOR_END: recover

    // ANCHOR: serve
    println!(
        "\nn3 is elected, and does not serve yet: a command now would get ahead of what may have been chosen before."
    );
    assert!(!stage.world.process(NodeId(3)).serves());
    stage.ask(3, Request::Propose("pink"));
    println!("\nIt repairs the log first. What n2 reported is proposed again; the hole gets a no-op.");
    stage.settle();
    assert!(stage.world.process(NodeId(3)).serves());
    println!("\nNow it serves.");
    stage.ask(3, Request::Propose("pink"));
    stage.settle();
    // ANCHOR_END: serve

    println!(
        "\nn1 comes back, with its vote for green in s1. It votes for the no-op in the higher ballot, and the leader's"
    );
    println!("mark says that this is chosen.");
    stage.apply(&Choice::Restart(NodeId(1)));
    stage.fire(3, Timer::Heartbeat);
    stage.settle();
    let log = [Entry::Command("red"), Entry::Noop, Entry::Command("blue"), Entry::Command("pink")];
    for node in [1, 2, 3] {
        let learner = stage.world.process(NodeId(node)).learner();
        for (slot, entry) in (0..).map(Slot).zip(&log) {
            assert_eq!(learner.chosen(slot), Some(entry), "n{node}, {slot}");
        }
    }
    println!(
        "\nThe same on all three: red, no-op, blue, pink. green was never chosen, and nobody was told that it was."
    );
    Ok(())
}

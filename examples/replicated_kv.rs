//! A key-value store on the log: the same state on every node, and a command that is asked twice is done once.
//!
//! ```text
//! cargo run -p examples --example replicated_kv
//! ```
//!
//! Look at the append. The client asks n1, which has it chosen and dies before it can answer. The client cannot know
//! whether it was done, so it asks again, at the next leader, *with the same number*. The command is in the log twice, in two
//! slots. Every node does it once, and the second time gives the answer of the first.
//!
//! To see it done twice, ask again with `append(1)` in the last step: a new number is a new command.

use examples::Stage;
use paxos::{
    messages::multi::Timer,
    multi::{self, Replica},
    process::NodeId,
};
use paxos_kv::{Ask, Batch, Command, Operation, Options, Query, Request, Service, SessionId};
use paxos_sim::Choice;

type Store = Service<Replica<Batch>>;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    // One command in a batch, so that each has a slot of its own.
    let options = Options { batch_commands: 1, ..Options::default() };
    let mut stage =
        Stage::<Store>::new(|id, quorums| Service::new(Replica::new(id, quorums, multi::Options::default()), options))?;
    println!("n1 is elected. A client opens a session, through the log like everything that changes the state.");
    stage.fire(1, Timer::Election);
    stage.settle();
    stage.ask(1, Request::client(1, Ask::Execute(Command::Open { nonce: 7 })));
    stage.settle();

    // ANCHOR: crash
    println!("\nThe client appends x. Both others have the command when n1 dies, and the client hears nothing.");
    stage.ask(1, Request::client(2, Ask::Execute(append(0))));
    stage.deliver(1, 2, "Accept");
    stage.deliver(1, 3, "Accept");
    stage.apply(&Choice::Crash(NodeId(1)));
    // ANCHOR_END: crash

    println!("\nn2 is elected, and finds the command: it may have been chosen, so it is.");
    stage.fire(3, Timer::Election);
    stage.settle();
    stage.fire(2, Timer::Election);
    stage.settle();

    // ANCHOR: again
    println!("\nThe client asks again, at n2, with the same session and the same number.");
    stage.ask(2, Request::client(3, Ask::Execute(append(0))));
    stage.settle();
    println!("\nAnd reads.");
    let get = Query::Get { key: b"colors"[..].into() };
    stage.ask(2, Request::client(4, Ask::Read(get.clone())));
    stage.settle();
    // ANCHOR_END: again

    println!("\nn1 comes back and learns what it has missed. Then, on every node:");
    stage.apply(&Choice::Restart(NodeId(1)));
    stage.fire(2, Timer::Heartbeat);
    stage.settle();
    let first = stage.world.process(NodeId(1)).status();
    for node in [1, 2, 3] {
        let store = stage.world.process(NodeId(node));
        let status = store.status();
        println!("    n{node} has applied {} slots; digest {:016x}", status.applied.0, status.digest);
        assert_eq!((status.applied, status.digest), (first.applied, first.digest));
        assert_eq!(store.machine().read(&get), Ok(paxos_kv::Found::Value(Some(b"x"[..].into()))));
    }
    println!("\nThe command is in two slots of the log, and colors is x: asked twice, done once.");
    Ok(())
}

/// An operation of the client's session, under its number.
fn append(sequence: u64) -> Command {
    let operation = Operation::Append { key: b"colors"[..].into(), suffix: b"x"[..].into() };
    Command::Do { session: SessionId(1), sequence, acknowledged: 0, operation }
}

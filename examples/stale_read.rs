//! A leader that was deposed does not answer a read from its memory; whoever asks for an old answer gets one.
//!
//! ```text
//! cargo run -p examples --example stale_read
//! ```
//!
//! Look at n1 after the cut. It believes that it leads, and its state says `red`. The truth is `blue` by then. A read makes
//! it ask a quorum whether it still leads, and nobody answers, so it says nothing; when it gives up leading, it sends the
//! client elsewhere. `ReadStale` asks nobody: it answers at once, and what it answers is old.
//!
//! To see a read that is answered, ask it before the cut: one round of heartbeats, and no slot of the log.

use examples::Stage;
use paxos::{
    messages::multi::Timer,
    multi::{self, Replica},
    process::NodeId,
};
use paxos_kv::{Ask, Batch, Command, Found, Operation, Options, Query, Request, Service, SessionId};

type Store = Service<Replica<Batch>>;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let options = Options { batch_commands: 1, ..Options::default() };
    let mut stage =
        Stage::<Store>::new(|id, quorums| Service::new(Replica::new(id, quorums, multi::Options::default()), options))?;
    println!("n1 leads, and the color is red.");
    stage.fire(1, Timer::Election);
    stage.settle();
    stage.ask(1, Request::client(1, Ask::Execute(Command::Open { nonce: 7 })));
    stage.settle();
    stage.ask(1, Request::client(2, Ask::Execute(put(0, "red"))));
    stage.settle();

    println!("\nn1 is cut off. n2 is elected, and the color is blue. n1 knows nothing of it.");
    stage.isolate(1);
    stage.fire(3, Timer::Election);
    stage.settle();
    stage.fire(2, Timer::Election);
    stage.settle();
    stage.ask(2, Request::client(3, Ask::Execute(put(1, "blue"))));
    stage.settle();

    // ANCHOR: read
    println!(
        "\nA client reads at n1, which believes that it leads. n1 asks the others whether it does. Nobody answers."
    );
    assert!(stage.world.process(NodeId(1)).status().leads);
    stage.ask(1, Request::client(4, Ask::Read(color())));
    stage.settle();
    assert_eq!(stage.world.process(NodeId(1)).status().reads, 1, "the read waits");

    println!("\nAnother client does not mind an old answer, and says so.");
    stage.ask(1, Request::client(5, Ask::ReadStale(color())));
    assert_eq!(stage.world.process(NodeId(1)).machine().read(&color()), Ok(value("red")));

    println!(
        "\nn1's alarm goes off. It has heard no quorum since the last time, so it gives up; the read is not answered."
    );
    stage.fire(1, Timer::Election);
    stage.fire(1, Timer::Election);
    stage.settle();
    assert!(!stage.world.process(NodeId(1)).status().leads);
    assert_eq!(stage.world.process(NodeId(1)).status().reads, 0, "the read was refused");
    // ANCHOR_END: read

    println!("\nThe first client goes to n2. n2 asks n3, is told that it leads, and answers.");
    stage.ask(2, Request::client(6, Ask::Read(color())));
    stage.settle();
    assert_eq!(stage.world.process(NodeId(2)).machine().read(&color()), Ok(value("blue")));
    println!("\nNobody was told red who had asked for what is true now.");
    Ok(())
}

fn put(sequence: u64, color: &str) -> Command {
    let operation = Operation::Put { key: b"color"[..].into(), value: color.as_bytes().into() };
    Command::Do { session: SessionId(1), sequence, acknowledged: 0, operation }
}

fn color() -> Query {
    Query::Get { key: b"color"[..].into() }
}

fn value(color: &str) -> Found {
    Found::Value(Some(color.as_bytes().into()))
}

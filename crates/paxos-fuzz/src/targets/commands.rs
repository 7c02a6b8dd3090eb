//! A batch of commands, as a slot of the log has it: nobody looked into it before it was chosen.
//!
//! What must hold: each command has one outcome, and bytes that are none have one too; commands that can all be read are
//! written as they were; a node that takes over a snapshot in the middle ends as one that has applied everything; showing
//! it does not panic.

use paxos_kv::{Batch, Command, Failure, Machine, Operation, Outcome, Query, SessionId};
use paxos_messages::{Bytes, multi::Entry};

use super::{Seed, Target, seed};

pub(super) const TARGET: Target = Target {
    name: "commands",
    about: "a batch of commands, applied to the store",
    longest: 4096,
    // A command of a few dozen bytes can have a session keep room for a thousand answers.
    memory: 8 << 20,
    run,
    seeds,
};

fn run(bytes: &[u8]) {
    let batch = Batch::from(Bytes::from(bytes));
    assert!(batch.is_empty() || !batch.to_string().is_empty());
    let read: Vec<_> = batch.commands().collect();
    let whole: Result<Vec<Command<&[u8]>>, Failure> = read.iter().cloned().collect();
    if let Ok(commands) = whole {
        let owned: Vec<Command> = commands.iter().map(owned).collect();
        assert_eq!(Batch::of(&owned), batch, "the commands are written otherwise");
    }
    let entry = Entry::Command(batch.clone());
    let (mut machine, mut outcomes) = (Machine::new(), Vec::new());
    machine.apply(machine.applied(), &entry, |outcome| {
        outcomes.push(matches!(outcome, Outcome::Failed(Failure::Unreadable)));
    });
    assert_eq!(outcomes, read.iter().map(Result::is_err).collect::<Vec<_>>());
    let mut other = Machine::restore(&machine.snapshot()).expect("it has just been taken");
    assert!(other == machine, "a snapshot leaves something out");
    for machine in [&mut machine, &mut other] {
        machine.apply(machine.applied(), &entry, drop);
    }
    assert!(other == machine && other.digest() == machine.digest(), "two nodes are not the same");
}

fn owned(command: &Command<&[u8]>) -> Command {
    let (session, sequence, acknowledged, operation) = match command {
        Command::Open { nonce } => return Command::Open { nonce: *nonce },
        Command::Do { session, sequence, acknowledged, operation } => (*session, *sequence, *acknowledged, operation),
    };
    let bytes = |bytes: &&[u8]| Bytes::from(*bytes);
    let operation = match operation {
        Operation::Read(Query::Get { key }) => Operation::Read(Query::Get { key: bytes(key) }),
        Operation::Read(Query::Range { start, end, limit }) => {
            Operation::Read(Query::Range { start: bytes(start), end: end.as_ref().map(bytes), limit: *limit })
        }
        Operation::Put { key, value } => Operation::Put { key: bytes(key), value: bytes(value) },
        Operation::Delete { key } => Operation::Delete { key: bytes(key) },
        Operation::CompareAndSwap { key, expected, value } => {
            Operation::CompareAndSwap { key: bytes(key), expected: expected.as_ref().map(bytes), value: bytes(value) }
        }
        Operation::Append { key, suffix } => Operation::Append { key: bytes(key), suffix: bytes(suffix) },
    };
    Command::Do { session, sequence, acknowledged, operation }
}

fn seeds() -> Vec<Seed> {
    let bytes = |text: &str| Bytes::from(text.as_bytes());
    let command =
        |sequence, operation| Command::Do { session: SessionId(1), sequence, acknowledged: sequence / 2, operation };
    let operations = [
        Operation::Put { key: bytes("k"), value: bytes("v") },
        Operation::Append { key: bytes("k"), suffix: bytes("w") },
        Operation::CompareAndSwap { key: bytes("k"), expected: Some(bytes("vw")), value: bytes("x") },
        Operation::CompareAndSwap { key: bytes("l"), expected: None, value: bytes("y") },
        Operation::Read(Query::Get { key: bytes("k") }),
        Operation::Read(Query::Range { start: bytes(""), end: None, limit: u32::MAX }),
        Operation::Delete { key: bytes("k") },
    ];
    let open = Command::Open { nonce: 7 };
    let session = std::iter::once(open.clone()).chain((0..).zip(operations).map(|(nth, op)| command(nth, op)));
    let batch = Vec::from_iter(session);
    let far = Command::Do {
        session: SessionId(1),
        sequence: u64::MAX,
        acknowledged: u64::MAX,
        operation: Operation::Delete { key: bytes("k") },
    };
    let ahead = command(1_023, Operation::Put { key: bytes("k"), value: bytes("v") });
    let raw = |commands: &[Command]| encoded_batch(commands);
    vec![
        seed("every-operation", raw(&batch)),
        seed("open", raw(std::slice::from_ref(&open))),
        seed("numbers-that-end", raw(&[open.clone(), far])),
        seed("as-far-ahead-as-may-be", raw(&[open, ahead])),
        seed("no-command", &b"\xff"[..]),
    ]
}

/// The bytes of a batch, which are behind their length where a message has them.
fn encoded_batch(commands: &[Command]) -> Vec<u8> {
    super::encoded(&Batch::of(commands))[8..].to_vec()
}

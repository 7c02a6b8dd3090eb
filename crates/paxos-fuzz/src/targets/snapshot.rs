//! The bytes of a snapshot of the store, as another node sends them or the disk gives them back. The hash behind them is
//! made to fit, so that a fuzzer gets past it.
//!
//! What must hold: a snapshot that is taken over is, taken again, the same bytes: there is one way to write a state. And the
//! store goes on with it, whatever it is.

use paxos_kv::{Batch, Command, Machine, Operation, RestoreError, SessionId};
use paxos_messages::{Bytes, multi::Entry};

use super::{Seed, Target, seed};

pub(super) const TARGET: Target = Target {
    name: "snapshot",
    about: "a snapshot of the store, and its hash made to fit",
    longest: 4096,
    memory: 4 << 20,
    run,
    seeds,
};

fn run(body: &[u8]) {
    if let Ok(machine) = Machine::restore(&Bytes::from(body)) {
        assert_eq!(machine.snapshot().as_slice(), body, "it is written otherwise");
    }
    let snapshot = Machine::sealed(body.to_vec());
    let mut machine = match Machine::restore(&snapshot) {
        Ok(machine) => machine,
        Err(error) => return assert_ne!(error, RestoreError::Damaged, "its hash fits"),
    };
    assert_eq!(machine.snapshot(), snapshot, "it is written otherwise");
    let (digest, sessions) = (machine.digest(), machine.sessions());
    assert_eq!(Machine::restore(&snapshot).map(|again| again.digest()), Ok(digest));
    let mut outcomes = 0;
    machine.apply(machine.applied(), &Entry::Command(Batch::of(&commands())), |_| outcomes += 1);
    assert_eq!(outcomes, commands().len());
    assert!(sessions <= machine.sessions() && machine.digest() != digest, "a session more, or another in its place");
}

fn commands() -> Vec<Command> {
    let append = |session, sequence| {
        let operation = Operation::Append { key: b"k"[..].into(), suffix: b"x"[..].into() };
        Command::Do { session: SessionId(session), sequence, acknowledged: 0, operation }
    };
    vec![Command::Open { nonce: 7 }, append(1, 0), append(1, 1), append(2, 5)]
}

fn seeds() -> Vec<Seed> {
    let mut machine = Machine::new();
    let empty = body(&machine);
    for _ in 0..2 {
        machine.apply(machine.applied(), &Entry::Command(Batch::of(&commands())), drop);
    }
    let full = body(&machine);
    // Sessions in another order are the same state, written otherwise.
    let mut turned = full.clone();
    let ids = 8 + 2 + 4 * 8;
    turned[ids..ids + 8].copy_from_slice(&2_u64.to_le_bytes());
    let mut old = empty.clone();
    old[18..26].copy_from_slice(&u64::MAX.to_le_bytes());
    let mut far = empty.clone();
    far[10..18].copy_from_slice(&u64::MAX.to_le_bytes());
    vec![
        seed("empty", empty),
        seed("two-sessions", full),
        seed("sessions-out-of-order", turned),
        seed("as-many-commands-as-there-are-numbers", old),
        seed("as-many-slots-as-there-are-numbers", far),
    ]
}

/// A snapshot without its hash.
fn body(machine: &Machine) -> Vec<u8> {
    let snapshot = machine.snapshot();
    snapshot.as_slice()[..snapshot.len() - 8].to_vec()
}

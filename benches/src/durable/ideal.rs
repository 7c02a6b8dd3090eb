//! The ideal: two hops and one sync, and nothing else.
//!
//! One node asks, the other writes what was asked to a file, syncs it and answers: no threads behind the sockets, no
//! checksums, no library, nobody else on the disk. The bytes are as many as a log needs for the same commands.

use std::{
    fs::File,
    io::{Read, Write},
    path::Path,
    thread,
    time::Instant,
};

use super::{Counts, Load, Outcome, wire::pair};

/// How many bytes a round carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sizes {
    /// Of the question, and of what is written.
    pub asked: usize,
    /// Of the answer.
    pub answered: usize,
}

impl Sizes {
    /// What about all commands in flight and the words around them take.
    #[must_use]
    pub const fn of(load: Load) -> Self {
        Self { asked: load.in_flight * load.payload + WORDS, answered: WORDS }
    }
}

/// A frame's header, a record's header, a ballot, a slot and some lengths.
const WORDS: usize = 64;

/// Goes to and fro until all commands of `load` have been carried, with a file in `dir`.
///
/// # Panics
///
/// When the system refuses a socket, a thread or a file.
#[must_use]
pub fn ideal(load: Load, dir: &Path) -> Outcome {
    let Sizes { asked, answered } = Sizes::of(load);
    let rounds = load.commands / load.in_flight;
    let (mut leader, mut follower) = pair().expect("sockets on loopback");
    let mut file = File::options().append(true).create_new(true).open(dir.join("ideal")).expect("a new file");
    thread::scope(|scope| {
        scope.spawn(move || {
            let (mut bytes, answer) = (vec![0; asked], vec![0; answered]);
            while follower.read_exact(&mut bytes).is_ok() {
                file.write_all(&bytes).expect("a disk that works");
                file.sync_data().expect("a disk that works");
                follower.write_all(&answer).expect("a leader that waits");
            }
        });
        let (question, mut answer) = (vec![7; asked], vec![0; answered]);
        let mut round = || {
            let start = Instant::now();
            leader.write_all(&question).expect("a follower that lives");
            leader.read_exact(&mut answer).expect("a follower that lives");
            start.elapsed()
        };
        for _ in 0..load.warm_up() / load.in_flight {
            round();
        }
        let start = Instant::now();
        let mut latencies: Vec<u32> = (0..rounds).map(|_| round().as_nanos() as u32).collect();
        let elapsed = start.elapsed();
        latencies.sort_unstable();
        let rounds = rounds as u64;
        let counts = Counts { syncs: rounds, bytes: rounds * asked as u64, messages: 2 * rounds, frames: 2 * rounds };
        drop(leader);
        Outcome { verified: true, commands: rounds * load.in_flight as u64, elapsed, latencies, counts }
    })
}

//! A log that was good, damaged: cut, bits turned, pieces moved, filled with zeros.
//!
//! What must hold: it is refused, or what is read is exactly a beginning of what was written. Cut alone, it is never refused
//! behind its header: that is what a crash does, and a node must come back from it. Nothing that was not written is ever
//! read, and nothing is left out in the middle.

use std::fs;

use paxos_wal::{Wal, WalError};

use super::{
    Seed, Target, seed,
    wal_bytes::{directory, log_of},
};

pub(super) const TARGET: Target =
    Target { name: "wal_damage", about: "a good log, damaged step by step", longest: 128, memory: 1 << 20, run, seeds };

/// The records of the log.
const WRITTEN: [&[u8]; 6] = [b"round 1", b"promised 1", b"", b"vote blue", b"vote green, which is longer", b"\0\0\0\0"];

fn run(steps: &[u8]) {
    let dir = directory();
    let (mut bytes, only_cut) = damaged(&log_of(&WRITTEN), steps);
    bytes.truncate(1 << 16);
    fs::write(dir.path().join("wal"), &bytes).expect("a temporary file");
    match Wal::open(dir.path()) {
        Ok((_, recovered)) => {
            let read: Vec<&[u8]> = recovered.records.iter().map(Vec::as_slice).collect();
            assert!(WRITTEN.starts_with(&read), "what was read is no beginning of what was written: {read:?}");
        }
        Err(WalError::Io { error, .. }) => panic!("the disk fails: {error}"),
        Err(error) => assert!(!only_cut || bytes.len() < HEADER, "a log that was only cut is refused: {error}"),
    }
}

/// `log` after the steps, of four bytes each: what, where (two bytes), and how much. And whether that was only to cut it.
fn damaged(log: &[u8], steps: &[u8]) -> (Vec<u8>, bool) {
    let (mut bytes, mut only_cut) = (log.to_vec(), true);
    let (steps, _) = steps.as_chunks::<4>();
    for &[what, low, high, much] in steps {
        let at = usize::from(u16::from_le_bytes([low, high])) % (bytes.len() + 1);
        let end = (at + usize::from(much)).min(bytes.len());
        only_cut &= what % 6 == 0;
        match what % 6 {
            0 => bytes.truncate(at),
            1 => bytes[at..end].iter_mut().take(1).for_each(|byte| *byte ^= 1 << (much % 8)),
            2 => bytes[at..end].fill(0),
            3 => bytes.extend_from_within(at..end),
            4 => drop(bytes.drain(at..end)),
            _ => {
                let moved = bytes[at..end].to_vec();
                bytes.splice(at..at, moved).for_each(drop);
            }
        }
    }
    (bytes, only_cut)
}

/// The header of the file: without it, it is no log.
const HEADER: usize = 24;

fn seeds() -> Vec<Seed> {
    vec![
        seed("whole", []),
        seed("cut", [0, 100, 0, 0]),
        seed("cut-in-header", [0, 10, 0, 0]),
        seed("turned-bit", [1, 60, 0, 3]),
        seed("zeros", [2, 80, 0, 40]),
        seed("end-twice", [3, 90, 0, 60]),
        seed("piece-left-out", [4, 44, 0, 27]),
        seed("piece-twice-and-cut", [5, 44, 0, 27, 0, 150, 0, 0]),
    ]
}

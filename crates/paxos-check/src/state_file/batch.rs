//! A batch as bytes: what was found from some thousand states.

use std::{
    io::{self, BufRead},
    ops::Range,
    time::Duration,
};

use crate::expand::{Found, Part};

/// What was found from the states of a batch.
#[derive(Debug, Default)]
pub(super) struct Batch {
    /// The first of the states that were looked at.
    first: usize,
    /// How many choices were tried.
    tried: usize,
    /// How long the search had taken when it was written.
    pub(super) elapsed: Duration,
    /// What was found, [`STATE`] bytes each.
    states: Vec<u8>,
}

/// What comes next in a file.
pub(super) enum Read {
    Whole(Batch),
    /// The end, or a batch that was not written wholly.
    Torn,
    /// Something else, and more behind it.
    Damaged,
}

impl Batch {
    /// Reads the next batch of a file, of which so many bytes are `left`.
    pub(super) fn read(file: &mut impl BufRead, left: u64) -> io::Result<Read> {
        if left < HEADER as u64 {
            return Ok(Read::Torn);
        }
        let mut header = [0; HEADER];
        file.read_exact(&mut header)?;
        let (fields, checksum) = header.split_at(HEADER - 4);
        if crc32fast::hash(fields).to_le_bytes() != checksum {
            return Ok(Read::Damaged);
        }
        let number = |at: usize| u64::from_le_bytes(fields[at..at + 8].try_into().expect("eight bytes"));
        let found = u32::from_le_bytes(fields[..4].try_into().expect("four bytes"));
        let body = u64::from(found) * STATE as u64 + 4;
        if left - (HEADER as u64) < body {
            return Ok(Read::Torn);
        }
        let mut states = vec![0; usize::try_from(body).map_err(io::Error::other)?];
        file.read_exact(&mut states)?;
        let checksum = states.split_off(states.len() - 4);
        if crc32fast::hash(&states).to_le_bytes() != *checksum {
            let last = left - HEADER as u64 == body;
            return Ok(if last { Read::Torn } else { Read::Damaged });
        }
        let (tried, first) = (number(4), number(12));
        let numbers = usize::try_from(first).ok().zip(usize::try_from(tried).ok());
        let Some((first, tried)) = numbers else { return Ok(Read::Damaged) };
        Ok(Read::Whole(Self { first, tried, elapsed: Duration::from_nanos(number(20)), states }))
    }

    /// Whether it was found from these states.
    pub(super) fn is_of(&self, batch: &Range<usize>) -> bool {
        self.first == batch.start && self.found().all(|found| batch.contains(&found.parent))
    }

    /// Adds a state that was found.
    pub(super) fn push(&mut self, fingerprint: u64, parent: usize, nth: u16) {
        let parent = u32::try_from(parent).expect("fewer than 2^32 states are ever remembered");
        self.states.extend(fingerprint.to_le_bytes());
        self.states.extend(parent.to_le_bytes());
        self.states.extend(nth.to_le_bytes());
    }

    /// Its bytes. It is empty then, for the next.
    pub(super) fn close(&mut self, first: usize, tried: usize, elapsed: Duration) -> Vec<u8> {
        let found = u32::try_from(self.states.len() / STATE).expect("fewer than 2^32 states are ever remembered");
        let nanoseconds = u64::try_from(elapsed.as_nanos()).unwrap_or(u64::MAX);
        let mut bytes = Vec::with_capacity(HEADER + self.states.len() + 4);
        bytes.extend(found.to_le_bytes());
        for number in [tried as u64, first as u64, nanoseconds] {
            bytes.extend(number.to_le_bytes());
        }
        let checksum = crc32fast::hash(&bytes);
        bytes.extend(checksum.to_le_bytes());
        let checksum = crc32fast::hash(&self.states);
        bytes.append(&mut self.states);
        bytes.extend(checksum.to_le_bytes());
        bytes
    }

    /// How many bytes it takes in a file.
    pub(super) const fn length(&self) -> u64 {
        (HEADER + self.states.len() + 4) as u64
    }

    /// As the search would have found it. None of these violates an invariant: a batch with one is never written.
    pub(super) fn part(&self) -> Part {
        Part { worlds: self.found().collect(), tried: self.tried }
    }

    fn found(&self) -> impl Iterator<Item = Found> {
        self.states.chunks_exact(STATE).map(|state| {
            let fingerprint = u64::from_le_bytes(state[..8].try_into().expect("eight bytes"));
            let parent = u32::from_le_bytes(state[8..12].try_into().expect("four bytes")) as usize;
            let nth = u16::from_le_bytes(state[12..].try_into().expect("two bytes"));
            Found { fingerprint, parent, nth, violated: None }
        })
    }
}

const HEADER: usize = 32;
/// A fingerprint, a parent, and which of its choices.
const STATE: usize = 14;

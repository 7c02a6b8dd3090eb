//! The states that a search has been in, in few bytes.
//!
//! Which calls are done is a bit for each call, and a history may have many thousands. But a search goes through time:
//! with the calls in the order of their beginnings, all are done before some place and none after another, and only the
//! bits between are kept: about one for each client, and more while one call lasts long. Calls of unknown outcome need
//! not be done at all; theirs are kept up to the last that is.

use std::collections::HashSet;

/// States, as words: the value, how much is done for certain, and the bits of the rest.
pub(crate) struct Memory {
    seen: HashSet<Box<[u64]>>,
    bytes: usize,
}

impl Memory {
    pub(crate) fn new() -> Self {
        Self { seen: HashSet::new(), bytes: 0 }
    }

    /// Whether a state is new. `window` is the bits of calls that returned, without the first `before` words, which are
    /// full, and `unknown` those of the others; both without the empty words at their ends.
    pub(crate) fn is_new(&mut self, value: usize, before: usize, window: &[u64], unknown: &[u64]) -> bool {
        let header = [value as u64, before as u64, window.len() as u64];
        let state: Box<[u64]> = [&header, window, unknown].concat().into();
        let bytes = STATE_BYTES + size_of_val(&*state);
        let new = self.seen.insert(state);
        self.bytes += if new { bytes } else { 0 };
        new
    }

    /// About how much memory they take.
    pub(crate) const fn bytes(&self) -> usize {
        self.bytes
    }
}

/// Of a state without its words: a place in a table that is half empty at times, and what an allocator adds.
const STATE_BYTES: usize = 50;

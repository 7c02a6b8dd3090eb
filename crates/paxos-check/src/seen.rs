//! The worlds that were seen, as fingerprints and nothing else: an open-addressing table of 64-bit numbers.
//!
//! A set of the standard library would do, and did. It doubles when it is full, and while it moves it holds the old
//! half beside the new one: three times what the fingerprints take, at the worst moment of the largest search. This one
//! grows by a quarter, and in [`SHARDS`] parts that grow one at a time, so it takes 10 to 13 bytes a state, always.

/// A set of fingerprints.
pub(crate) struct Seen(Vec<Shard>);

/// The fingerprints that begin with the same bits.
struct Shard {
    /// Each is a fingerprint or [`FREE`]. A fingerprint stands at its [`home`], or in the first place after it that
    /// was free.
    places: Vec<u64>,
    used: usize,
}

impl Seen {
    pub(crate) fn new() -> Self {
        Self((0..SHARDS).map(|_| Shard { places: vec![FREE; FIRST], used: 0 }).collect())
    }

    pub(crate) fn contains(&self, fingerprint: u64) -> bool {
        let fingerprint = fingerprint.max(FREE + 1);
        self.0[shard(fingerprint)].place_of(fingerprint).is_ok()
    }

    /// Whether it was not there before.
    pub(crate) fn insert(&mut self, fingerprint: u64) -> bool {
        let fingerprint = fingerprint.max(FREE + 1);
        self.0[shard(fingerprint)].insert(fingerprint)
    }

    /// The memory that it takes.
    pub(crate) fn bytes(&self) -> usize {
        self.0.iter().map(|shard| shard.places.len() * size_of::<u64>()).sum()
    }
}

impl Shard {
    /// Where a fingerprint is, or else where it would be put.
    fn place_of(&self, fingerprint: u64) -> Result<usize, usize> {
        let mut place = home(fingerprint, self.places.len());
        loop {
            match self.places[place] {
                FREE => return Err(place),
                there if there == fingerprint => return Ok(place),
                _ => place = if place + 1 == self.places.len() { 0 } else { place + 1 },
            }
        }
    }

    fn insert(&mut self, fingerprint: u64) -> bool {
        let Err(place) = self.place_of(fingerprint) else { return false };
        self.places[place] = fingerprint;
        self.used += 1;
        // At four fifths, who looks for what is not there passes a dozen places, which are two lines of a cache.
        if self.used * 5 > self.places.len() * 4 {
            self.grow();
        }
        true
    }

    fn grow(&mut self) {
        let larger = vec![FREE; self.places.len() + self.places.len() / 4];
        for fingerprint in std::mem::replace(&mut self.places, larger) {
            if fingerprint != FREE {
                let place = self.place_of(fingerprint).expect_err("each was there once");
                self.places[place] = fingerprint;
            }
        }
    }
}

/// Its first bits choose the shard...
const fn shard(fingerprint: u64) -> usize {
    (fingerprint >> (u64::BITS - SHARDS.ilog2())) as usize
}

/// ...and those after them the place, as a fraction of the length. So a shard that grows is copied from its begin to its
/// end.
const fn home(fingerprint: u64, length: usize) -> usize {
    let fraction = fingerprint << SHARDS.ilog2();
    ((fraction as u128 * length as u128) >> u64::BITS) as usize
}

/// No fingerprint: who has this one is given the next.
const FREE: u64 = 0;
const SHARDS: usize = 64;
/// The places that a shard begins with.
const FIRST: usize = 64;

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// Numbers that look like fingerprints, a third of them twice.
    fn scattered(many: u64) -> impl Iterator<Item = u64> {
        (1..many).map(|number| (number - number % 3 / 2).wrapping_mul(0x9E37_79B9_7F4A_7C15).rotate_left(23))
    }

    #[test]
    fn it_is_a_set() {
        let (mut seen, mut known) = (Seen::new(), BTreeSet::new());
        for fingerprint in scattered(100_000).chain([u64::MAX, 2, u64::MAX]) {
            assert_eq!(seen.contains(fingerprint), known.contains(&fingerprint));
            assert_eq!(seen.insert(fingerprint), known.insert(fingerprint));
        }
        assert!(known.iter().all(|fingerprint| seen.contains(*fingerprint)));
        assert!(
            !scattered(100_000).any(|fingerprint| seen.contains(fingerprint ^ 1) != known.contains(&(fingerprint ^ 1)))
        );
    }

    /// All have the same home, and it is the last one: they go on at the begin.
    #[test]
    fn a_crowd_finds_room() {
        let (mut seen, crowd) = (Seen::new(), (u64::MAX - 999)..=u64::MAX);
        assert!(crowd.clone().all(|fingerprint| seen.insert(fingerprint)));
        assert!(crowd.clone().all(|fingerprint| seen.contains(fingerprint) && !seen.insert(fingerprint)));
        assert!(!seen.contains(*crowd.start() - 1));
    }

    #[test]
    fn it_takes_10_to_13_bytes_each() {
        let mut seen = Seen::new();
        for (many, fingerprint) in (1..).zip((0..1_000_000u64).map(|number| number.wrapping_mul(0x9E37_79B9_7F4A_7C15)))
        {
            seen.insert(fingerprint);
            let each = seen.bytes() as f64 / f64::from(many);
            assert!(many < 100_000 || (10.0..13.0).contains(&each), "{each} bytes for each of {many}");
        }
    }
}

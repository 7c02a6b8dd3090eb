//! A hash that is the same on every machine and in every version, because replicas compare what it gives.
//!
//! It finds differences that happen, not such as somebody computes: whoever may propose commands is trusted.

/// Folds words into 64 bits. Each is mixed in by one multiplication to 128 bits, whose halves are then combined.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fold(u64);

impl Fold {
    pub(crate) const fn new() -> Self {
        Self(SEED)
    }

    pub(crate) const fn word(self, word: u64) -> Self {
        let product = (self.0 ^ word) as u128 * FACTOR as u128;
        Self(product as u64 ^ (product >> 64) as u64 ^ word.rotate_left(32))
    }

    /// Their number first, so that where one ends and the next begins makes a difference.
    pub(crate) fn bytes(self, bytes: &[u8]) -> Self {
        let (words, rest) = bytes.as_chunks::<8>();
        let fold = words.iter().fold(self.word(bytes.len() as u64), |fold, word| fold.word(u64::from_le_bytes(*word)));
        if rest.is_empty() {
            return fold;
        }
        let mut last = [0; 8];
        last[..rest.len()].copy_from_slice(rest);
        fold.word(u64::from_le_bytes(last))
    }

    pub(crate) const fn finish(self) -> u64 {
        self.word(SEED).word(FACTOR).0
    }
}

/// The fractional parts of the golden ratio and of the square root of 2, made odd.
const FACTOR: u64 = 0x9e37_79b9_7f4a_7c15;
const SEED: u64 = 0x6a09_e667_f3bc_c909;

#[cfg(test)]
mod tests {
    use alloc::{collections::BTreeSet, vec::Vec};

    use super::Fold;

    fn hash(parts: &[&[u8]]) -> u64 {
        parts.iter().fold(Fold::new(), |fold, part| fold.bytes(part)).finish()
    }

    /// Digests are compared between versions of this program: these numbers never change.
    #[test]
    fn it_is_what_it_was() {
        assert_eq!(hash(&[]), 15_216_676_304_093_706_918);
        assert_eq!(hash(&[b"key", b"a longer value"]), 14_531_725_907_889_013_925);
    }

    #[test]
    fn each_bit_and_each_border_makes_a_difference() {
        let (mut inputs, mut hashes) = (BTreeSet::new(), BTreeSet::new());
        let mut see = |parts: &[&[u8]]| {
            inputs.insert(parts.iter().map(|part| part.to_vec()).collect::<Vec<_>>());
            hashes.insert(hash(parts));
        };
        for length in 0..40 {
            let mut bytes: Vec<u8> = (0..length).collect();
            see(&[&bytes]);
            for split in 0..bytes.len() {
                see(&[&bytes[..split], &bytes[split..]]);
            }
            for bit in 0..8 * bytes.len() {
                bytes[bit / 8] ^= 1 << (bit % 8);
                see(&[&bytes]);
                bytes[bit / 8] ^= 1 << (bit % 8);
            }
        }
        for zeroes in 1..100 {
            see(&[&[0; 100][..zeroes]]);
        }
        assert_eq!(hashes.len(), inputs.len());
    }
}

//! New inputs out of old ones, the same for the same seed.
//!
//! It knows nothing of formats but that they have lengths and counters in little-endian numbers, that things stand one
//! behind the other, and that borders are where mistakes are.

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// Makes inputs.
#[derive(Clone, Debug)]
pub struct Mutator {
    dice: ChaCha8Rng,
    longest: usize,
}

impl Mutator {
    /// One that makes inputs of at most `longest` bytes.
    #[must_use]
    pub fn new(seed: u64, longest: usize) -> Self {
        Self { dice: ChaCha8Rng::seed_from_u64(seed), longest }
    }

    /// One of `inputs`, changed in one to eight places; rarely nothing but dice.
    pub fn next(&mut self, inputs: &[Vec<u8>]) -> Vec<u8> {
        if inputs.is_empty() || self.dice.random_ratio(1, 64) {
            let length = self.dice.random_range(0..=self.longest.min(256));
            return (0..length).map(|_| self.dice.random()).collect();
        }
        let mut bytes = self.one_of(inputs).clone();
        for _ in 0..self.dice.random_range(1..=8) {
            self.change(&mut bytes, inputs);
        }
        bytes.truncate(self.longest);
        bytes
    }

    fn one_of<'a>(&mut self, inputs: &'a [Vec<u8>]) -> &'a Vec<u8> {
        &inputs[self.dice.random_range(0..inputs.len())]
    }

    fn change(&mut self, bytes: &mut Vec<u8>, inputs: &[Vec<u8>]) {
        let at = self.dice.random_range(0..=bytes.len());
        let length = self.dice.random_range(0..=(bytes.len() - at).min(64));
        match self.dice.random_range(0..9) {
            0 => bytes.truncate(at),
            1 => drop(bytes.drain(at..at + length)),
            2 => bytes.extend_from_within(at..at + length),
            3 => {
                let piece = bytes[at..at + length].to_vec();
                bytes.splice(at..at, piece).for_each(drop);
            }
            4 => bytes[at..at + length].fill(0),
            // Something of another input: formats of two versions, records of two logs.
            5 => {
                let other = self.one_of(inputs).clone();
                let from = self.dice.random_range(0..=other.len());
                bytes.splice(at..at + length, other[from..].iter().take(256).copied()).for_each(drop);
            }
            6 => self.number(bytes, at),
            7 => bytes.insert(at, self.dice.random()),
            _ => {
                if let Some(byte) = bytes.get_mut(at) {
                    *byte ^= 1 << self.dice.random_range(0..8);
                }
            }
        }
    }

    /// A number on a border, of any width, or one more or less than there was.
    fn number(&mut self, bytes: &mut [u8], at: usize) {
        let width = 1 << self.dice.random_range(0..4);
        let Some(place) = bytes.get_mut(at..at + width) else { return };
        let mut number = [0; 8];
        number[..width].copy_from_slice(place);
        let was = u64::from_le_bytes(number);
        let top = u64::MAX >> (64 - 8 * width);
        let now = match self.dice.random_range(0..6) {
            0 => 0,
            1 => top,
            2 => top / 2,
            3 => 1 << self.dice.random_range(0..8 * width),
            4 => was.wrapping_add(1),
            _ => was.wrapping_sub(1),
        };
        place.copy_from_slice(&now.to_le_bytes()[..width]);
    }
}

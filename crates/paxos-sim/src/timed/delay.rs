//! Random lengths of time, by whole numbers only: a logarithm may differ in its last bit from one machine to another,
//! and a run must be the same on all.

use rand::{Rng, RngExt};
use rand_chacha::ChaCha8Rng;

use super::agenda::Time;

/// How much longer than its shortest a message takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Jitter {
    /// Not at all: messages of a link keep their order.
    None,
    /// Exponentially distributed, with this mean in nanoseconds: what queues do.
    Exponential(Time),
    /// Twice as long half as often, from this many nanoseconds on: what retransmissions and pauses do.
    HeavyTail(Time),
}

impl Jitter {
    pub(super) fn draw(self, dice: &mut ChaCha8Rng) -> Time {
        match self {
            Self::None => 0,
            Self::Exponential(mean) => exponential(dice, mean),
            Self::HeavyTail(scale) => heavy_tail(dice, scale),
        }
    }
}

/// Exponentially distributed with mean `mean`, by comparisons alone (von Neumann, *Various Techniques Used in
/// Connection with Random Digits*, 1951): the first of a descending run of odd length is the fraction, and the number
/// of runs of even length before it is the whole.
pub(super) fn exponential(dice: &mut ChaCha8Rng, mean: Time) -> Time {
    let mut whole = 0;
    loop {
        let first = dice.next_u32();
        let (mut last, mut length) = (first, 1);
        loop {
            let next = dice.next_u32();
            if last < next {
                break;
            }
            (last, length) = (next, length + 1);
        }
        if length % 2 == 1 {
            return whole * mean + ((u128::from(mean) * u128::from(first)) >> 32) as Time;
        }
        whole += 1;
    }
}

/// At least twice as long half as often, to a thousand times `scale`.
pub(super) fn heavy_tail(dice: &mut ChaCha8Rng, scale: Time) -> Time {
    let doublings = dice.next_u32().trailing_zeros().min(10);
    dice.random_range(0..=scale << doublings)
}

/// Whether something happens that does so many times in a thousand.
pub(super) fn per_mille(dice: &mut ChaCha8Rng, chance: u32) -> bool {
    0 < chance && dice.next_u32() % 1_000 < chance
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;

    use super::*;

    #[test]
    fn an_exponential_delay_has_its_mean_and_its_tail() {
        let mut dice = ChaCha8Rng::seed_from_u64(1);
        let drawn: Vec<Time> = (0..100_000).map(|_| exponential(&mut dice, 1_000)).collect();
        let mean = drawn.iter().sum::<Time>() / 100_000;
        assert!((980..1_020).contains(&mean), "{mean}");
        // e^-1 of them are longer than the mean, e^-3 longer than three times that.
        let above = |bound| drawn.iter().filter(|delay| bound < **delay).count();
        assert!((36_000..37_600).contains(&above(1_000)), "{}", above(1_000));
        assert!((4_600..5_400).contains(&above(3_000)), "{}", above(3_000));
    }

    #[test]
    fn a_heavy_tail_is_seldom_long_and_never_without_end() {
        let mut dice = ChaCha8Rng::seed_from_u64(2);
        let drawn: Vec<Time> = (0..100_000).map(|_| heavy_tail(&mut dice, 1_000)).collect();
        let above = |bound| drawn.iter().filter(|delay| bound < **delay).count();
        assert!((100..2_000).contains(&above(100_000)), "{}", above(100_000));
        assert_eq!(above(1_024_000), 0);
    }
}

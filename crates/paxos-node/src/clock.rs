//! How long a named timer takes, and which ones are running.
//!
//! A process knows its timers by name only. Here a name becomes a duration, drawn at random from a range so that
//! rivals fall out of step, and a deadline. The time of day is an argument: whoever has a clock can drive this one.

use std::{
    collections::BTreeMap,
    ops::RangeInclusive,
    time::{Duration, Instant},
};

use paxos_process::{TimerOp, Value};
use rand::RngExt;
use rand_chacha::{ChaCha8Rng, rand_core::SeedableRng};

/// How long each timer takes, at random in a range: a function and not a map, so that no timer can be forgotten.
pub type Durations<T> = Box<dyn Fn(T) -> RangeInclusive<Duration> + Send>;

/// The clock table of one process: its timers, how long each takes, and when the running ones go off.
pub struct Clock<T> {
    durations: Durations<T>,
    random: ChaCha8Rng,
    deadlines: BTreeMap<T, Instant>,
}

impl<T: Value + Copy> Clock<T> {
    /// A clock on which no timer is set. The same `seed` and the same calls give the same times.
    #[must_use]
    pub fn new(seed: u64, durations: Durations<T>) -> Self {
        Self { durations, random: ChaCha8Rng::seed_from_u64(seed), deadlines: BTreeMap::new() }
    }

    /// Sets or cancels a timer. Setting a set timer restarts it; cancelling one that is not set does nothing.
    ///
    /// # Panics
    ///
    /// When the range of the timer is empty.
    pub fn apply(&mut self, operation: TimerOp<T>, now: Instant) {
        match operation {
            TimerOp::Set(timer) => {
                let length = self.random.random_range((self.durations)(timer));
                self.deadlines.insert(timer, now + length);
            }
            TimerOp::Cancel(timer) => {
                self.deadlines.remove(&timer);
            }
        }
    }

    /// When the next timer goes off, if one is set.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Instant> {
        self.deadlines.values().min().copied()
    }

    /// The timer that has gone off the longest ago by `now`. It is no longer set.
    pub fn pop_due(&mut self, now: Instant) -> Option<T> {
        let (&timer, &deadline) = self.deadlines.iter().min_by_key(|(_, deadline)| **deadline)?;
        (deadline <= now).then(|| {
            self.deadlines.remove(&timer);
            timer
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    fn clock(seed: u64) -> Clock<char> {
        let durations = |timer| match timer {
            'a' => 10 * MS..=10 * MS,
            'b' => 20 * MS..=20 * MS,
            _ => 100 * MS..=200 * MS,
        };
        Clock::new(seed, Box::new(durations))
    }

    #[test]
    fn timers_go_off_in_order_and_once() {
        let (mut clock, start) = (clock(0), Instant::now());
        clock.apply(TimerOp::Set('b'), start);
        clock.apply(TimerOp::Set('a'), start);
        assert_eq!(clock.next_deadline(), Some(start + 10 * MS));
        assert_eq!(clock.pop_due(start + 9 * MS), None);
        assert_eq!(clock.pop_due(start + 30 * MS), Some('a'));
        assert_eq!(clock.pop_due(start + 30 * MS), Some('b'));
        assert_eq!((clock.pop_due(start + 30 * MS), clock.next_deadline()), (None, None));
    }

    #[test]
    fn setting_restarts_and_cancelling_stops() {
        let (mut clock, start) = (clock(0), Instant::now());
        clock.apply(TimerOp::Set('a'), start);
        clock.apply(TimerOp::Set('a'), start + 5 * MS);
        assert_eq!(clock.pop_due(start + 14 * MS), None, "restarted");
        clock.apply(TimerOp::Cancel('a'), start + 14 * MS);
        clock.apply(TimerOp::Cancel('b'), start + 14 * MS);
        assert_eq!((clock.pop_due(start + 99 * MS), clock.next_deadline()), (None, None));
    }

    #[test]
    fn jitter_stays_in_its_range_and_follows_the_seed() {
        let start = Instant::now();
        let lengths = |seed| {
            let mut clock = clock(seed);
            let draw = |_| {
                clock.apply(TimerOp::Set('c'), start);
                clock.next_deadline().unwrap() - start
            };
            (0..50).map(draw).collect::<Vec<_>>()
        };
        assert!(lengths(1).iter().all(|length| (100 * MS..=200 * MS).contains(length)));
        assert_eq!(lengths(1), lengths(1));
        assert_ne!(lengths(1), lengths(2));
    }
}

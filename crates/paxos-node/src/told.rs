//! How often the log says the same thing: aloud a few times a minute, and then as a number.
//!
//! Whoever can make a node write a line can fill its disk with lines.

use std::{
    sync::Mutex,
    time::{Duration, Instant},
};

/// What strangers do, told so that they cannot decide how long the log becomes.
pub(crate) struct Told {
    minute: Mutex<Minute>,
}

struct Minute {
    began: Instant,
    told: u32,
    untold: u64,
}

impl Told {
    pub(crate) fn new(now: Instant) -> Self {
        Self { minute: Mutex::new(Minute { began: now, told: 0, untold: 0 }) }
    }

    /// Whether to tell what has just happened, and of how many that were not told since the last time.
    pub(crate) fn again(&self, now: Instant) -> Option<u64> {
        let mut minute = self.minute.lock().expect("no thread panics with it");
        if MINUTE <= now.saturating_duration_since(minute.began) {
            (minute.began, minute.told) = (now, 0);
        }
        if LINES <= minute.told {
            minute.untold += 1;
            return None;
        }
        minute.told += 1;
        Some(std::mem::take(&mut minute.untold))
    }
}

const MINUTE: Duration = Duration::from_secs(60);
/// Lines in a minute.
pub(crate) const LINES: u32 = 5;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_few_lines_a_minute_and_then_a_number() {
        let start = Instant::now();
        let told = Told::new(start);
        assert_eq!((0..100).filter(|_| told.again(start).is_some()).count(), LINES as usize);
        assert_eq!(told.again(start + MINUTE), Some(100 - u64::from(LINES)));
        assert_eq!(told.again(start + MINUTE), Some(0));
    }
}

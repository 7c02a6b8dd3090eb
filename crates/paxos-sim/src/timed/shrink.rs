//! Making the run of a seed smaller as a whole: with fewer kinds of faults, and for a shorter time.
//!
//! What [`minimise_within`](crate::minimise_within) does to a list of choices cannot be done to a run that shows that a cluster
//! does not recover, nor to what clients have seen: those are said of the clock and of the end. But a seed draws *what may
//! fail*, and that is a list too. Without one kind all that comes later is another run, so it may or may not fail; it is tried.

use super::{Conditions, System, Violation, conditions::MILLISECOND, simulate_under};

/// Fewer kinds of faults than `conditions` has, for a shorter time, under which `seed` shows the like of `violation` all the
/// same: none of the kinds can be left out, unless `go_on` said that nobody wants to wait.
pub fn shrink<S: System>(
    system: &S,
    mut conditions: Conditions,
    seed: u64,
    violation: &Violation,
    go_on: &mut dyn FnMut() -> bool,
) -> Conditions {
    let mut fails = |conditions: &Conditions| {
        go_on().then(|| {
            let shown = simulate_under(system, conditions.clone(), seed, &mut ()).violation;
            shown.is_some_and(|shown| shown.is_like(violation))
        })
    };
    loop {
        let before = (conditions.faults().len(), conditions.lasting);
        for kind in conditions.faults() {
            let mut fewer = conditions.clone();
            fewer.only(&conditions.faults().into_iter().filter(|other| *other != kind).collect::<Vec<_>>());
            match fails(&fewer) {
                Some(true) => conditions = fewer,
                Some(false) => {}
                None => return conditions,
            }
        }
        let longest = u64::try_from(system.limits().faults.as_nanos()).unwrap_or(u64::MAX);
        // A half of the time, or three quarters, or seven eighths.
        for eighths in [4, 6, 7] {
            let lasting = conditions.lasting.min(longest) / 8 * eighths;
            // Of whole milliseconds, so that it can be said.
            let shorter = Conditions { lasting: lasting - lasting % MILLISECOND, ..conditions.clone() };
            match fails(&shorter) {
                Some(true) => {
                    conditions = shorter;
                    break;
                }
                Some(false) => {}
                None => return conditions,
            }
        }
        if (conditions.faults().len(), conditions.lasting) == before || conditions.lasting < SHORTEST {
            return conditions;
        }
    }
}

/// Nobody needs it shorter than this, in nanoseconds.
const SHORTEST: u64 = 10 * MILLISECOND;

//! Why a history is not linearizable, as short as it can be said.

use std::fmt;

use crate::{
    Action, Call, End,
    call::Shown,
    search::{Found, search},
};

/// Up to some moment there is an order, and with the next answer there is none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Explanation {
    /// The key whose history it is.
    pub key: String,
    /// An order of what had happened before the answer that does not fit: the longest part of the history, in time,
    /// that has one. Calls that were under way are in it where their effect is needed.
    pub prefix: Vec<Call>,
    /// The value after those, `None` for an absent key.
    pub value: Option<String>,
    /// The first call, by the time of its end, whose answer fits in no order.
    pub misfit: Call,
}

impl Explanation {
    /// Of calls of one key, for which there is no order.
    pub(crate) fn of(calls: &[Call]) -> Self {
        let mut ends: Vec<(u64, usize)> =
            calls.iter().enumerate().filter_map(|(position, call)| Some((call.returned()?, position))).collect();
        ends.sort_unstable();
        // What has an order has one after fewer answers too, so the first answer without is found by halving. A part
        // whose search grows too large counts as one without: the explanation is then shorter than it might be.
        let (mut fits, mut fails) = (0, ends.len());
        while fits + 1 < fails {
            let middle = fits.midpoint(fails);
            let found = search(&known_after(calls, &ends[..middle]), MOST_BYTES);
            (fits, fails) = if matches!(found, Found::Order(_)) { (middle, fails) } else { (fits, middle) };
        }
        let known = known_after(calls, &ends[..fits]);
        let Found::Order(order) = search(&known, MOST_BYTES) else {
            unreachable!("there is an order of nothing, and of all that was found to have one");
        };
        let prefix: Vec<Call> = order.into_iter().map(|position| known[position].clone()).collect();
        let value = prefix
            .iter()
            .fold(None, |value: Option<String>, call| call.after(value.as_deref()).expect("calls of an order fit"));
        let misfit = calls[ends[fits].1].clone();
        Self { key: misfit.key.clone(), prefix, value, misfit }
    }
}

/// What was known of `calls` when those of `ends` had ended, and no other: the rest was under way, or had not begun.
fn known_after(calls: &[Call], ends: &[(u64, usize)]) -> Vec<Call> {
    let Some((now, _)) = ends.last() else { return Vec::new() };
    let mut has_ended = vec![false; calls.len()];
    ends.iter().for_each(|(_, position)| has_ended[*position] = true);
    let begun = calls.iter().enumerate().filter(|(_, call)| call.invoke <= *now);
    let known = begun.filter_map(|(position, call)| {
        let is_read = matches!(call.action, Action::Get { .. });
        match has_ended[position] {
            true => Some(call.clone()),
            false => (!is_read).then(|| Call { end: End::Unknown, ..call.clone() }),
        }
    });
    known.collect()
}

/// Several lines: the order, at most its last calls, and the call that does not fit.
impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { key, prefix, value, misfit } = self;
        writeln!(f, "key {key:?} is not linearizable. {} calls can be put in order:", prefix.len())?;
        let left_out = prefix.len().saturating_sub(SHOWN);
        if 0 < left_out {
            writeln!(f, "  … {left_out} earlier ones")?;
        }
        prefix[left_out..].iter().try_for_each(|call| writeln!(f, "  {call}"))?;
        writeln!(f, "The value is then {}. This one fits nowhere:", Shown(value.as_deref()))?;
        write!(f, "  {misfit}")
    }
}

/// Each of a few searches may fill this much.
const MOST_BYTES: usize = 1 << 27;
/// The most calls of the order that are shown.
const SHOWN: usize = 10;

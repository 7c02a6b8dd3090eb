//! The verdict on a history.

use std::{
    collections::{BTreeMap, btree_map::Entry},
    error::Error,
    fmt,
};

use crate::{
    Action, Call, End, Explanation,
    search::{Found, search},
};

/// What is to be said of a history.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Each operation can have happened at one moment between its beginning and its end.
    Linearizable {
        /// How many calls were judged: those that may have had an effect, and the reads that were answered.
        calls: usize,
        /// Of how many keys.
        keys: usize,
    },
    /// They cannot.
    NotLinearizable(Explanation),
    /// The search was given up: too many calls of this key overlap.
    Undecided {
        /// The key.
        key: String,
    },
}

/// Judges a history, whose calls may be in any order. A search that has seen ten million states of a key is given up.
///
/// # Errors
///
/// When a client overlaps itself: then the recorder is wrong, and the verdict would be about nothing.
pub fn judge(history: &[Call]) -> Result<Verdict, MisuseError> {
    judge_within(history, MOST_STATES)
}

/// [`judge`], with another number of states.
///
/// # Errors
///
/// As of [`judge`].
pub fn judge_within(history: &[Call], most_states: usize) -> Result<Verdict, MisuseError> {
    one_at_a_time(history)?;
    let mut keys: BTreeMap<&str, Vec<Call>> = BTreeMap::new();
    for call in history.iter().filter(|call| counts(call)) {
        keys.entry(&call.key).or_default().push(call.clone());
    }
    for (key, calls) in &keys {
        match search(calls, most_states) {
            Found::Order(_) => {}
            Found::Nothing => return Ok(Verdict::NotLinearizable(Explanation::of(calls))),
            Found::GivenUp => return Ok(Verdict::Undecided { key: (*key).to_owned() }),
        }
    }
    Ok(Verdict::Linearizable { calls: keys.values().map(Vec::len).sum(), keys: keys.len() })
}

/// What failed had no effect, and neither had a read that was not answered.
const fn counts(call: &Call) -> bool {
    match call.end {
        End::Returned(_) => true,
        End::Failed(_) => false,
        End::Unknown => !matches!(call.action, Action::Get { .. }),
    }
}

/// Every client does one thing after the other, and nothing after an unknown end.
fn one_at_a_time(history: &[Call]) -> Result<(), MisuseError> {
    let mut sorted: Vec<&Call> = history.iter().collect();
    sorted.sort_by_key(|call| (call.invoke, ends(call)));
    let mut last: BTreeMap<u64, &Call> = BTreeMap::new();
    for call in sorted {
        match last.entry(call.client) {
            Entry::Vacant(vacant) => {
                vacant.insert(call);
            }
            Entry::Occupied(mut occupied) => {
                let first = occupied.insert(call);
                if call.invoke < ends(first) {
                    return Err(MisuseError { first: Box::new(first.clone()), second: Box::new(call.clone()) });
                }
            }
        }
    }
    Ok(())
}

const fn ends(call: &Call) -> u64 {
    match call.end {
        End::Returned(at) | End::Failed(at) => at,
        End::Unknown => u64::MAX,
    }
}

/// A client did two things at a time, or went on after a call whose end it did not see.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MisuseError {
    /// What it did first.
    pub first: Box<Call>,
    /// What it did before that was over.
    pub second: Box<Call>,
}

impl fmt::Display for MisuseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { first, second } = self;
        write!(
            f,
            "a client overlaps itself: {first} (key {:?}) is not over when {second} (key {:?})",
            first.key, second.key
        )
    }
}

impl Error for MisuseError {}

/// A hundred bytes each, about.
const MOST_STATES: usize = 10_000_000;

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
    /// No key was found that is not, but the search on this one was given up: too many of its calls overlap.
    Undecided {
        /// The key, the first if there are several.
        key: String,
    },
}

/// Judges a history, whose calls may be in any order. A search that has filled about a gibibyte with the states of a key
/// is given up: that is some ten million states of a key with a few dozen clients at a time.
///
/// # Errors
///
/// When a client overlaps itself: then the recorder is wrong, and the verdict would be about nothing.
pub fn judge(history: &[Call]) -> Result<Verdict, MisuseError> {
    judge_within(history, MOST_BYTES)
}

/// [`judge`], with another limit: about how many bytes a search of one key may fill. Keys are searched one by one.
///
/// # Errors
///
/// As of [`judge`].
pub fn judge_within(history: &[Call], most_bytes: usize) -> Result<Verdict, MisuseError> {
    one_at_a_time(history)?;
    let mut keys: BTreeMap<&str, Vec<Call>> = BTreeMap::new();
    for call in history.iter().filter(|call| counts(call)) {
        keys.entry(&call.key).or_default().push(call.clone());
    }
    let mut undecided = None;
    for (key, calls) in &keys {
        match search(calls, most_bytes) {
            Found::Order(_) => {}
            // One key is enough, whatever could not be said of those before it.
            Found::Nothing => return Ok(Verdict::NotLinearizable(Explanation::of(calls))),
            Found::GivenUp => undecided = undecided.or_else(|| Some((*key).to_owned())),
        }
    }
    if let Some(key) = undecided {
        return Ok(Verdict::Undecided { key });
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

const MOST_BYTES: usize = 1 << 30;

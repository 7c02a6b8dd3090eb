//! Whether what was acknowledged is there: appends, looked up one by one.

use std::collections::{BTreeMap, BTreeSet};

use paxos_judge::{Action, Call, End};

/// Of keys that were only ever appended to, by generated suffixes, which all differ: how many appends were acknowledged, and
/// how many of those are not in the last value that was read exactly once. The judge finds them too; this does without a
/// search. Those of the user's own commands may be anything, and their keys are `given`.
pub(crate) fn lost(history: &[Call], given: &BTreeSet<String>) -> (usize, usize) {
    let mut keys: BTreeMap<&str, Appended<'_>> = BTreeMap::new();
    for call in history.iter().filter(|call| !given.contains(&call.key)) {
        let key = keys.entry(&call.key).or_default();
        match (&call.action, call.end) {
            (Action::Append { suffix, .. }, End::Returned(_)) => key.suffixes.push(suffix),
            (Action::Append { .. }, _) => {}
            (Action::Get { result }, End::Returned(at)) if key.last.is_none_or(|(before, _)| before <= at) => {
                key.last = Some((at, result.as_deref().unwrap_or_default()));
            }
            (Action::Get { .. }, _) => {}
            (Action::Put { .. } | Action::Delete { .. } | Action::CompareAndSwap { .. }, _) => key.otherwise = true,
        }
    }
    let (mut looked_up, mut lost) = (0, 0);
    for Appended { suffixes, otherwise, last } in keys.into_values() {
        let Some((_, value)) = last else { continue };
        let mut found: BTreeMap<&str, usize> = BTreeMap::new();
        value.split_inclusive(';').for_each(|suffix| *found.entry(suffix).or_default() += 1);
        for suffix in suffixes.iter().filter(|_| !otherwise) {
            looked_up += 1;
            lost += usize::from(found.get(suffix) != Some(&1));
        }
    }
    (looked_up, lost)
}

/// What was done to a key.
#[derive(Default)]
struct Appended<'a> {
    /// The acknowledged appends.
    suffixes: Vec<&'a str>,
    /// Whether something else was written, too.
    otherwise: bool,
    /// The last value that was read, and when.
    last: Option<(u64, &'a str)>,
}

#[cfg(test)]
mod tests {
    use paxos_judge::Before;

    use super::*;

    fn call(key: &str, action: Action, invoke: u64, end: End) -> Call {
        Call { client: 1, key: key.into(), action, invoke, end }
    }

    fn append(suffix: &str, invoke: u64, end: End) -> Call {
        call("k", Action::Append { suffix: suffix.into(), before: Before::default() }, invoke, end)
    }

    fn get(result: &str, invoke: u64) -> Call {
        call("k", Action::Get { result: Some(result.into()) }, invoke, End::Returned(invoke + 1))
    }

    #[test]
    fn an_acknowledged_append_is_there_once() {
        let written =
            [append("1;", 1, End::Returned(2)), append("2;", 3, End::Unknown), append("3;", 5, End::Returned(6))];
        let check = |value: &str, expected: (usize, usize)| {
            let mut history = written.to_vec();
            history.extend([get("", 0), get(value, 10)]);
            assert_eq!(lost(&history, &BTreeSet::new()), expected, "{value}");
        };
        check("1;3;", (2, 0));
        check("1;2;3;", (2, 0)); // nobody knows of the second
        check("1;", (2, 1));
        check("1;3;3;", (2, 1));
        check("", (2, 2));
    }
}

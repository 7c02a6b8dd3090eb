//! The same question, answered the slow way: try every order of every choice of calls, and look.

use paxos_judge::{Action, Call, End, Verdict, judge};
use proptest::prelude::*;

use crate::{append, call, cas, delete, get, put};

/// Whether there is an order of all calls that returned and some of unknown outcome that fits time and answers. Written
/// without a look at the judge: it applies operations by itself.
fn has_order(calls: &[Call], done: &[usize], value: Option<&str>) -> bool {
    let is_due = |position: usize| matches!(calls[position].end, End::Returned(_)) && !done.contains(&position);
    if !(0..calls.len()).any(is_due) {
        return true;
    }
    for next in 0..calls.len() {
        let too_late = |other: usize| {
            is_due(other) && other != next && matches!(calls[other].end, End::Returned(at) if at < calls[next].invoke)
        };
        let failed = matches!(calls[next].end, End::Failed(_));
        if failed || done.contains(&next) || (0..calls.len()).any(too_late) {
            continue;
        }
        let Some(after) = applied(&calls[next], value) else { continue };
        if has_order(calls, &[done, &[next]].concat(), after.as_deref()) {
            return true;
        }
    }
    false
}

fn applied(call: &Call, value: Option<&str>) -> Option<Option<String>> {
    let judged = matches!(call.end, End::Returned(_));
    match &call.action {
        Action::Get { result } if judged && result.as_deref() != value => None,
        Action::Get { .. } => Some(value.map(String::from)),
        Action::Put { value, .. } => Some(Some(value.clone())),
        Action::Delete { .. } => Some(None),
        Action::Append { suffix, .. } => Some(Some(format!("{}{suffix}", value.unwrap_or("")))),
        Action::CompareAndSwap { expect, swapped, value: new, .. } => {
            let equal = expect.as_deref() == value;
            if judged && equal != *swapped {
                return None;
            }
            Some(if equal { Some(new.clone()) } else { value.map(String::from) })
        }
    }
}

fn calls() -> impl Strategy<Value = Vec<Call>> {
    let values = || prop::sample::select(vec![None, Some("a"), Some("b"), Some("ab")]);
    let text = || prop::sample::select(vec!["a", "b"]);
    let action = prop_oneof![
        3 => values().prop_map(get),
        2 => text().prop_map(put),
        1 => Just(delete()),
        2 => text().prop_map(append),
        2 => (values(), text(), any::<bool>()).prop_map(|(expect, value, swapped)| cas(expect, value, swapped)),
    ];
    let one = (action, 0_u64..8, 0_u64..5, 0..10).prop_map(|(action, invoke, length, end)| {
        let end = match end {
            0 => End::Failed(invoke + length),
            1..3 => End::Unknown,
            _ => End::Returned(invoke + length),
        };
        call(0, invoke, end, action)
    });
    // Each call is of a client of its own, so none overlaps itself.
    prop::collection::vec(one, 0..7).prop_map(|mut calls| {
        (0..).zip(&mut calls).for_each(|(client, call)| call.client = client);
        calls
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_judge_and_brute_force_agree(calls in calls()) {
        let verdict = judge(&calls).unwrap();
        let expected = has_order(&calls, &[], None);
        prop_assert_eq!(matches!(verdict, Verdict::Linearizable { .. }), expected, "{:?}", verdict);
        if let Verdict::NotLinearizable(why) = verdict {
            // What is said to fit, fits in the order it is said; and without what came later, the misfit is one.
            let value = why.prefix.iter().try_fold(None, |value: Option<String>, call| applied(call, value.as_deref()));
            prop_assert_eq!(value, Some(why.value));
            let End::Returned(now) = why.misfit.end else { panic!("an answer does not fit") };
            let until = |call: &Call| match call.end {
                End::Returned(at) if now < at => Call { end: End::Unknown, ..call.clone() },
                _ => call.clone(),
            };
            let known: Vec<Call> = calls.iter().filter(|call| call.invoke <= now).map(until).collect();
            prop_assert!(!has_order(&known, &[], None));
        }
    }
}

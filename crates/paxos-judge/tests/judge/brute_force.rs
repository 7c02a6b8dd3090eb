//! The same question, answered the slow way: try every order of every choice of calls, and look.

use std::collections::HashSet;

use paxos_judge::{Action, Before, Call, End, Verdict, judge};
use proptest::{prelude::*, test_runner::TestCaseError};

use crate::{append, call, cas, delete, get, put, register::Dice};

/// Whether there is an order of all calls that returned and some of unknown outcome that fits time and answers. Written
/// without a look at the judge: it applies operations by itself.
fn has_order(calls: &[Call]) -> bool {
    continues(calls, 0, None, &mut HashSet::new())
}

/// The same, after those of `done`, a bit for each. What was tried before in vain is in `vain`.
fn continues(calls: &[Call], done: u32, value: Option<&str>, vain: &mut HashSet<(u32, Option<String>)>) -> bool {
    let is_done = |position: usize| done & 1 << position != 0;
    let is_due = |position: usize| matches!(calls[position].end, End::Returned(_)) && !is_done(position);
    if !(0..calls.len()).any(is_due) {
        return true;
    }
    if !vain.insert((done, value.map(String::from))) {
        return false;
    }
    (0..calls.len()).any(|next| {
        let too_late = |other: usize| {
            is_due(other) && other != next && matches!(calls[other].end, End::Returned(at) if at < calls[next].invoke)
        };
        let failed = matches!(calls[next].end, End::Failed(_));
        if failed || is_done(next) || (0..calls.len()).any(too_late) {
            return false;
        }
        applied(&calls[next], value).is_some_and(|after| continues(calls, done | 1 << next, after.as_deref(), vain))
    })
}

fn applied(call: &Call, value: Option<&str>) -> Option<Option<String>> {
    let judged = matches!(call.end, End::Returned(_));
    let before = match &call.action {
        Action::Get { .. } => &Before::default(),
        Action::Put { before, .. }
        | Action::Delete { before }
        | Action::CompareAndSwap { before, .. }
        | Action::Append { before, .. } => before,
    };
    let wrong_value = matches!(&before.value, Some(said) if said.as_deref() != value);
    let wrong_existence = matches!(before.existed, Some(said) if said != value.is_some());
    if judged && (wrong_value || wrong_existence) {
        return None;
    }
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

/// Calls that happened one after the other, as answered, but for a lie or two. Times are wide around the moment.
fn nearly_right(dice: &mut Dice) -> Vec<Call> {
    let count = 1 + dice.below(14);
    let values = 1 + dice.below(6);
    let [width, unknown, lies, says] = [2 + dice.below(24), dice.below(30), dice.below(50), dice.below(60)];
    let kinds: Vec<u64> = (0..=dice.below(4)).map(|_| dice.below(10)).collect();
    let mut state: Option<String> = None;
    let mut calls = Vec::new();
    for client in 0..count {
        let text = |dice: &mut Dice| ["a", "b", "ab", "", "c", "ba"][dice.below(values) as usize].to_owned();
        let maybe = |dice: &mut Dice| Some(text(dice)).filter(|_| dice.below(5) != 0);
        let found = if dice.below(100) < lies { maybe(dice) } else { state.clone() };
        let existed = (dice.below(100) < says).then_some(found.is_some());
        let before = Before { existed, value: (dice.below(200) < says).then(|| found.clone()) };
        let action = match kinds[dice.below(kinds.len() as u64) as usize] {
            0..4 => Action::Get { result: found },
            4..6 => Action::Put { value: text(dice), before },
            6 => Action::Delete { before },
            7 => Action::Append { suffix: text(dice), before },
            _ => {
                let expect = if dice.below(2) == 0 { found.clone() } else { maybe(dice) };
                let swapped = expect == found;
                Action::CompareAndSwap { expect, value: text(dice), swapped, before }
            }
        };
        let now = 100 + 4 * client;
        let [invoke, returns] = [now - dice.below(width), now + dice.below(width)];
        let hidden = dice.below(100) < unknown;
        let end = if hidden { End::Unknown } else { End::Returned(returns) };
        let call = call(client, invoke, end, action);
        // What nobody heard of may not have happened, and what is a lie happens as if it were none.
        if !hidden || dice.below(2) == 0 {
            let effect = Call { end: End::Unknown, ..call.clone() };
            state = applied(&effect, state.as_deref()).expect("nothing is judged");
        }
        calls.push(call);
    }
    calls
}

#[test]
fn the_judge_and_brute_force_agree_on_what_is_nearly_right() {
    let mut verdicts = [0, 0];
    for seed in 0..SEEDS {
        let calls = nearly_right(&mut Dice(seed));
        let expected = has_order(&calls);
        verdicts[usize::from(expected)] += 1;
        check(&calls, expected).unwrap_or_else(|error| panic!("seed {seed}: {error}\n{calls:#?}"));
    }
    let [no, yes] = verdicts;
    assert!(SEEDS / 5 < no && SEEDS / 5 < yes, "{no} histories are not linearizable and {yes} are");
}

/// The judge's verdict is as expected, and so is its explanation.
fn check(calls: &[Call], expected: bool) -> Result<(), TestCaseError> {
    let verdict = judge(calls).unwrap();
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
        prop_assert!(!has_order(&known));
    }
    Ok(())
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
        check(&calls, has_order(&calls))?;
    }
}

const SEEDS: u64 = 30_000;

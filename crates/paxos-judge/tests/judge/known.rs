//! Histories whose verdict is known.

use paxos_judge::{Action, Before, Call, End, Explanation, Verdict, judge, judge_within};

use crate::{append, call, cas, delete, get, ok, put};

fn holds(calls: &[Call]) {
    let verdict = judge(calls).unwrap();
    assert!(matches!(verdict, Verdict::Linearizable { .. }), "{verdict:?}");
}

fn fails(calls: &[Call]) -> Explanation {
    match judge(calls).unwrap() {
        Verdict::NotLinearizable(why) => why,
        verdict => panic!("{verdict:?}"),
    }
}

#[test]
fn one_thing_after_the_other_is_linearizable() {
    holds(&[]);
    holds(&[ok(1, 1, 2, get(None))]);
    holds(&[
        ok(1, 1, 2, put("a")),
        ok(1, 3, 4, get(Some("a"))),
        ok(1, 5, 6, cas(Some("a"), "b", true)),
        ok(1, 7, 8, cas(Some("a"), "c", false)),
        ok(1, 9, 10, append("c")),
        ok(1, 11, 12, get(Some("bc"))),
        ok(1, 13, 14, delete()),
        ok(1, 15, 16, cas(None, "d", true)),
        ok(1, 17, 18, get(Some("d"))),
    ]);
}

#[test]
fn a_stale_read_is_found() {
    let why = fails(&[ok(1, 1, 2, put("old")), ok(1, 3, 4, put("new")), ok(2, 5, 6, get(Some("old")))]);
    assert_eq!(why.misfit, ok(2, 5, 6, get(Some("old"))));
    assert_eq!(why.prefix, [ok(1, 1, 2, put("old")), ok(1, 3, 4, put("new"))]);
    assert_eq!(why.value.as_deref(), Some("new"));
    assert_eq!(
        why.to_string(),
        "key \"k\" is not linearizable. 2 calls can be put in order:\n  client 1 [1..2]: put \"old\"\n  client 1 [3..4]: \
         put \"new\"\nThe value is then \"new\". This one fits nowhere:\n  client 2 [5..6]: get = \"old\""
    );
}

#[test]
fn reads_that_see_a_write_and_then_do_not_are_found() {
    // While the write is under way a read may see it or not, but not first the one and then the other.
    let write = ok(1, 1, 10, put("a"));
    holds(&[write.clone(), ok(2, 2, 3, get(None)), ok(2, 4, 5, get(Some("a")))]);
    let why = fails(&[write, ok(2, 2, 3, get(Some("a"))), ok(2, 4, 5, get(None))]);
    assert_eq!(why.misfit, ok(2, 4, 5, get(None)));
    assert_eq!(why.prefix.len(), 2, "the write is there, since its effect is needed");
}

#[test]
fn a_lost_update_is_found() {
    // Both swap the same value.
    let swap = |client, value| ok(client, 3, 4, cas(Some("a"), value, true));
    fails(&[ok(1, 1, 2, put("a")), swap(1, "b"), swap(2, "c")]);
    holds(&[ok(1, 1, 2, put("a")), swap(1, "b"), ok(2, 3, 4, cas(Some("a"), "c", false))]);
}

#[test]
fn an_acknowledged_write_that_is_gone_is_found() {
    let why = fails(&[ok(1, 1, 2, put("a")), ok(2, 3, 4, get(None))]);
    assert_eq!(why.misfit.action, get(None));
    fails(&[ok(1, 1, 2, append("a")), ok(1, 3, 4, append("b")), ok(2, 5, 6, get(Some("b")))]);
}

#[test]
fn an_append_that_was_done_twice_is_found() {
    // Its client heard nothing, asked again, and was answered once.
    fails(&[ok(1, 1, 8, append("a")), ok(2, 9, 10, get(Some("aa")))]);
    // Not even when nobody knows what became of it may it be there twice.
    let lost = call(1, 1, End::Unknown, append("a"));
    holds(&[lost.clone(), ok(2, 9, 10, get(Some("a")))]);
    holds(&[lost.clone(), ok(2, 9, 10, get(None))]);
    fails(&[lost, ok(2, 9, 10, get(Some("aa")))]);
}

#[test]
fn what_has_an_unknown_outcome_may_happen_late_and_not_early() {
    let lost = call(1, 5, End::Unknown, put("a"));
    holds(&[lost.clone(), ok(2, 6, 7, get(None)), ok(2, 8, 9, put("b")), ok(2, 10, 11, get(Some("a")))]);
    fails(&[lost.clone(), ok(2, 3, 4, get(Some("a")))]);
    fails(&[
        lost,
        ok(2, 6, 7, get(Some("a"))),
        ok(2, 8, 9, put("b")),
        ok(2, 10, 11, get(Some("b"))),
        ok(2, 12, 13, get(Some("a"))),
    ]);
}

#[test]
fn a_write_that_nobody_read_is_needed_by_what_found_another_value_gone() {
    // The order is: what is unknown, its read, the put of "b", and then there is no "a" to swap.
    let unseen = ok(1, 1, 20, put("b"));
    let (read, refused) = (ok(2, 5, 6, get(Some("a"))), ok(2, 7, 8, cas(Some("a"), "c", false)));
    holds(&[unseen.clone(), call(3, 1, End::Unknown, put("a")), read.clone(), refused.clone()]);
    holds(&[unseen, ok(3, 1, 6, put("a")), read.clone(), refused.clone()]);
    fails(&[call(3, 1, End::Unknown, put("a")), read, refused]);
}

#[test]
fn what_failed_had_no_effect() {
    let failed = call(1, 1, End::Failed(2), put("a"));
    holds(&[failed.clone(), ok(2, 3, 4, get(None))]);
    fails(&[failed, ok(2, 3, 4, get(Some("a")))]);
}

#[test]
fn intervals_are_closed() {
    holds(&[ok(1, 1, 5, put("a")), ok(2, 5, 6, get(None))]);
    fails(&[ok(1, 1, 5, put("a")), ok(2, 6, 6, get(None))]);
}

#[test]
fn what_a_write_says_of_the_value_before_is_judged() {
    let before =
        |existed, value: Option<Option<&str>>| Before { existed, value: value.map(|value| value.map(str::to_owned)) };
    let check = |expected: bool, before: Before| {
        for action in [
            Action::Put { value: "b".into(), before: before.clone() },
            Action::Delete { before: before.clone() },
            Action::Append { suffix: "b".into(), before: before.clone() },
            Action::CompareAndSwap { expect: Some("a".into()), value: "b".into(), swapped: true, before },
        ] {
            let history = [ok(1, 1, 2, put("a")), ok(1, 3, 4, action)];
            if expected { holds(&history) } else { assert_eq!(fails(&history).misfit, history[1]) }
        }
    };
    check(true, before(Some(true), None));
    check(false, before(Some(false), None));
    check(true, before(None, Some(Some("a"))));
    check(false, before(None, Some(Some("b"))));
    check(false, before(None, Some(None)));
}

#[test]
fn keys_are_judged_one_by_one() {
    let other = |call: Call| Call { key: "other".into(), ..call };
    holds(&[ok(1, 1, 2, put("a")), other(ok(1, 3, 4, get(None)))]);
    let why = fails(&[ok(1, 1, 2, put("a")), other(ok(1, 3, 4, get(Some("a"))))]);
    assert_eq!(why.key, "other");
    let verdict = judge(&[ok(1, 1, 2, put("a")), other(ok(1, 3, 4, get(None)))]).unwrap();
    assert_eq!(verdict, Verdict::Linearizable { calls: 2, keys: 2 });
}

#[test]
fn a_client_that_overlaps_itself_is_refused() {
    let check = |first: Call, second: Call| {
        let error = judge(&[second, first]).unwrap_err().to_string();
        assert!(error.contains("overlaps itself"), "{error}");
    };
    check(ok(1, 1, 5, put("a")), ok(1, 4, 6, get(Some("a"))));
    check(call(1, 1, End::Unknown, put("a")), ok(1, 8, 9, get(Some("a"))));
    check(call(1, 1, End::Failed(5), put("a")), ok(1, 4, 6, get(None)));
    check(ok(1, 1, 5, put("a")), Call { key: "other".into(), ..ok(1, 4, 6, get(None)) });
    holds(&[ok(1, 1, 5, put("a")), ok(1, 5, 6, get(Some("a")))]);
}

#[test]
fn a_search_that_grows_too_large_is_given_up() {
    // Forty appends at once, and a read of as many letters of each kind, but in no order that they have.
    let mut calls: Vec<Call> = (0..20).map(|client| ok(client, 1, 100, append("a"))).collect();
    calls.extend((20..40).map(|client| ok(client, 1, 100, append("ab"))));
    calls.push(ok(99, 101, 102, get(Some(&["ab".repeat(20), "ba".to_owned(), "a".repeat(18)].concat()))));
    assert_eq!(judge_within(&calls, 20_000).unwrap(), Verdict::Undecided { key: "k".into() });
}

/// Ten clients, three hundred calls, a few of unknown outcome: what a recorder should make of a key is judged at once.
#[test]
fn a_long_history_is_judged() {
    let (mut calls, mut value, mut client) = (Vec::new(), String::new(), 10);
    for number in 0..300_u64 {
        let suffix = format!("{number}.");
        let at = number * 10;
        // Every call overlaps the nine before it and the nine after it; it happens in its middle.
        match number % 60 {
            59 => {
                client += 1;
                calls.push(call(client, at, End::Unknown, append(&suffix)));
            }
            _ if number % 3 == 0 => calls.push(ok(number % 10, at, at + 90, get(Some(&value)).or_absent(number))),
            _ => {
                value.push_str(&suffix);
                calls.push(ok(number % 10, at, at + 90, append(&suffix)));
            }
        }
    }
    holds(&calls);
    let last = calls.len() as u64 * 10 + 100;
    value.push('x');
    calls.push(ok(1, last, last, get(Some(&value))));
    assert_eq!(fails(&calls).misfit, calls[calls.len() - 1]);
}

trait OrAbsent {
    fn or_absent(self, number: u64) -> Self;
}

impl OrAbsent for Action {
    /// The first read finds nothing.
    fn or_absent(self, number: u64) -> Self {
        if number == 0 { get(None) } else { self }
    }
}

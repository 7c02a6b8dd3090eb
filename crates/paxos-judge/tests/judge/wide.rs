//! Many clients at a time: as long as writes write different values and reads say what they found, a verdict is reached.

use paxos_judge::{Call, End, Verdict, judge_within};

use crate::{
    append, call, get, ok, put,
    register::{Load, with_a_stale_read},
};

/// Enough for the values of a thousand appends, and for few states besides.
const BYTES: usize = 16_000_000;

#[test]
fn many_clients_are_judged() {
    for clients in [8, 16, 32, 64] {
        for read in [10, 50, 80] {
            let plain = Load::reads(clients, 1_000, read);
            let appends = Load { append: 100 - read, ..plain };
            for load in [plain, Load { unknown: 2, existed: true, ..plain }, appends] {
                let history = load.history(clients);
                let right = judge_within(&history, BYTES).unwrap();
                assert!(matches!(right, Verdict::Linearizable { .. }), "{clients} clients, {read} % reads: {right:?}");
                let stale = with_a_stale_read(history);
                let wrong = judge_within(&stale, BYTES).unwrap();
                let Verdict::NotLinearizable(why) = wrong else { panic!("{clients} clients, {read} %: {wrong:?}") };
                assert_eq!(Some(&why.misfit), stale.last());
            }
        }
    }
}

#[test]
fn writes_of_unknown_outcome_that_nobody_saw_are_not_tried() {
    let mut calls: Vec<Call> =
        (0..200).map(|client| call(client, 1, End::Unknown, put(&format!("lost {client}")))).collect();
    calls.extend([ok(1_000, 2, 9, put("a")), ok(1_001, 3, 9, put("b")), ok(1_002, 10, 11, get(Some("a")))]);
    assert_eq!(judge_within(&calls, BYTES).unwrap(), Verdict::Linearizable { calls: 203, keys: 1 });
}

#[test]
fn a_key_that_is_not_linearizable_is_found_behind_one_that_is_undecided() {
    let mut calls: Vec<Call> = (0..20).map(|client| ok(client, 1, 100, append("a"))).collect();
    calls.extend((20..40).map(|client| ok(client, 1, 100, append("ab"))));
    calls.push(ok(99, 101, 102, get(Some(&["ab".repeat(20), "ba".to_owned(), "a".repeat(18)].concat()))));
    assert_eq!(judge_within(&calls, FEW_BYTES).unwrap(), Verdict::Undecided { key: "k".into() });
    let other = |call: Call| Call { key: "other".into(), ..call };
    calls.extend([other(ok(1, 103, 104, put("a"))), other(ok(1, 105, 106, get(None)))]);
    let Verdict::NotLinearizable(why) = judge_within(&calls, FEW_BYTES).unwrap() else { panic!("it is stale") };
    assert_eq!(why.key, "other");
}

const FEW_BYTES: usize = 20_000;

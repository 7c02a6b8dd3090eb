//! A history of what clients saw, and the judge's opinion of it.
//!
//! What must hold: it is read or refused; what is read, written and read again is the same; and the judge comes to an end,
//! within the memory that it is given, with the same verdict whatever the order of the lines is.

use paxos_judge::{Verdict, judge_within, read_history, write_history};

use super::{Seed, Target, seed};

pub(super) const TARGET: Target =
    Target { name: "history", about: "a history, read and judged", longest: 4096, memory: 8 << 20, run, seeds };

fn run(bytes: &[u8]) {
    let Ok(history) = read_history(bytes) else { return };
    let mut written = Vec::new();
    write_history(&history, &mut written).expect("memory takes everything");
    let again = read_history(written.as_slice()).expect("what was written can be read");
    assert_eq!(again, history, "it is written otherwise");
    let verdict = judge_within(&history, MOST_BYTES);
    let turned: Vec<_> = history.into_iter().rev().collect();
    match (verdict, judge_within(&turned, MOST_BYTES)) {
        (Err(_), Err(_)) => {} // a client that overlaps itself may do so in two places
        (Ok(one), Ok(other)) => {
            let (one, other) = (word(&one), word(&other));
            assert!(one.is_none() || other.is_none() || one == other, "in another order it is something else");
        }
        (one, other) => panic!("in another order it is something else: {one:?}, {other:?}"),
    }
}

/// Which of the three. Nothing, if the search was given up: in another order it may come to an end.
fn word(verdict: &Verdict) -> Option<bool> {
    match verdict {
        Verdict::Linearizable { .. } => Some(true),
        Verdict::NotLinearizable(_) => Some(false),
        Verdict::Undecided { .. } => None,
    }
}

const MOST_BYTES: usize = 1 << 20;

fn seeds() -> Vec<Seed> {
    let put =
        r#"{"client":1,"op":"put","key":"k","value":"v","invoke_ns":1,"return_ns":4,"outcome":"ok","existed":false}"#;
    let get = r#"{"client":2,"op":"get","key":"k","invoke_ns":2,"return_ns":6,"outcome":"ok","result":"v"}"#;
    let old = r#"{"client":3,"op":"get","key":"k","invoke_ns":7,"return_ns":8,"outcome":"ok","result":null}"#;
    let cas = r#"{"client":4,"op":"cas","key":"k","value":"w","expect":"v","invoke_ns":5,"return_ns":9,"outcome":"ok","swapped":true,"has_prev":true,"result":"v"}"#;
    let append = r#"{"client":5,"op":"append","key":"k","value":"x","expect":null,"invoke_ns":3,"outcome":"unknown"}"#;
    let delete = r#"{"client":6,"op":"delete","key":"k","invoke_ns":9,"return_ns":9,"outcome":"fail"}"#;
    let lines = |lines: &[&str]| lines.join("\n").into_bytes();
    vec![
        seed("linearizable", lines(&[put, get, cas, append, delete])),
        seed("stale-read", lines(&[put, get, old])),
        seed("overlaps-itself", lines(&[put, put])),
        seed("no-history", &b"{}"[..]),
    ]
}

//! The lines of a history.

use std::io::{BufReader, Read as _, repeat};

use paxos_judge::{Action, Before, Call, End, MAX_LINE, Verdict, judge, judge_trace, read_history, write_history};

use crate::{append, call, cas, delete, get, ok, put};

#[test]
fn the_documented_line_is_read() {
    let line = r#"{"client":1,"op":"cas","key":"k","value":"v","expect":null,"invoke_ns":1,"return_ns":2,"outcome":"ok","result":null,"swapped":true,"existed":false,"has_prev":false}"#;
    let before = Before { existed: Some(false), value: None };
    let action = Action::CompareAndSwap { expect: None, value: "v".into(), swapped: true, before };
    assert_eq!(read_history(line.as_bytes()), Ok(vec![ok(1, 1, 2, action)]));
}

#[test]
fn what_is_written_is_read_back() {
    let previous = |value: Option<&str>| Before { existed: None, value: Some(value.map(str::to_owned)) };
    let calls = [
        ok(1, 1, 2, get(None)),
        ok(2, 1, 2, get(Some("a \"quoted\" \n value"))),
        ok(3, 1, 2, put("v")),
        ok(4, 1, 2, delete()),
        ok(5, 1, 2, append("")),
        ok(6, 1, 2, cas(None, "v", true)),
        ok(7, 1, 2, cas(Some("w"), "v", false)),
        ok(8, 1, 2, Action::Put { value: "v".into(), before: previous(None) }),
        ok(9, 1, 2, Action::Delete { before: previous(Some("w")) }),
        ok(10, 1, 2, Action::Append { suffix: "v".into(), before: Before { existed: Some(true), value: None } }),
        call(11, 1, End::Failed(3), put("v")),
        call(12, u64::MAX, End::Unknown, put("v")),
        call(13, 1, End::Unknown, cas(None, "v", false)),
        Call { key: "ключ".into(), ..ok(14, 1, 1, get(None)) },
    ];
    let mut written = Vec::new();
    write_history(&calls, &mut written).unwrap();
    assert_eq!(written.iter().filter(|byte| **byte == b'\n').count(), calls.len());
    assert_eq!(read_history(&written[..]).unwrap(), calls);
}

#[test]
fn an_error_names_the_line() {
    let good = r#"{"client":1,"op":"get","key":"k","invoke_ns":1,"return_ns":2,"outcome":"ok"}"#;
    let check = |line: &str, what: &str| {
        let error = read_history(format!("{good}\n\n{line}\n{good}").as_bytes()).unwrap_err();
        assert_eq!(error.line, 3, "{error}");
        assert!(error.what.contains(what), "{error}");
        assert!(error.to_string().starts_with("line 3: "));
    };
    check("nonsense", "expected ident in column 2");
    check(&good.replace("get", "scan"), "unknown variant `scan`");
    check(&good.replace("\"op\":\"get\",", ""), "missing field `op`");
    check(&good.replace("\"key\"", "\"keys\""), "unknown field `keys`");
    check(&good.replace("get", "put"), "no `value`");
    check(&good.replace("get\"", "cas\",\"value\":\"v\""), "`swapped`");
    check(&good.replace(",\"return_ns\":2", ""), "no `return_ns`");
    check(&good.replace("\"return_ns\":2", "\"return_ns\":0"), "ends before it begins");
    check(&good.replace("\"client\":1", "\"client\":-1"), "invalid value");
}

#[test]
fn a_line_without_end_is_refused_and_not_kept() {
    let endless = || BufReader::new((&b"\n"[..]).chain(repeat(b'[')));
    let (history, trace) = (read_history(endless()).unwrap_err(), judge_trace(endless()).unwrap_err());
    assert_eq!((history.line, history.to_string()), (2, "line 2: it is longer than 16 MiB".to_owned()));
    assert_eq!(trace, history);
    let longest = format!("{}\n{}", " ".repeat(MAX_LINE - 1), "nonsense");
    assert_eq!(read_history(longest.as_bytes()).unwrap_err().line, 2, "the longest is read");
    assert_eq!(judge_trace(&b"\n"[..]).unwrap_err().to_string(), "it is empty");
}

#[test]
fn the_examples_are_judged_as_they_are_called() {
    let judged = |text: &str| {
        let history = read_history(text.as_bytes()).unwrap();
        let mut written = Vec::new();
        write_history(&history, &mut written).unwrap();
        assert_eq!(read_history(&written[..]).unwrap(), history);
        judge(&history).unwrap()
    };
    let right = judged(include_str!("../../histories/linearizable.ndjson"));
    // One has failed, and is left out.
    assert_eq!(right, Verdict::Linearizable { calls: 11, keys: 2 });
    let Verdict::NotLinearizable(why) = judged(include_str!("../../histories/stale-read.ndjson")) else {
        panic!("it is stale")
    };
    assert_eq!((why.misfit.client, why.misfit.invoke), (2, 500));
    // Not so if the write that made it stale may have come later, or the one before once more.
    let stale = include_str!("../../histories/stale-read.ndjson");
    let late = stale.replace("\"return_ns\":400", "\"return_ns\":700");
    assert!(matches!(judged(&late), Verdict::Linearizable { .. }), "both are under way");
    let again = stale.replace("\"value\":\"red\"", "\"value\":\"blue\"");
    assert!(matches!(judged(&again), Verdict::Linearizable { .. }), "it may have been written again");
}

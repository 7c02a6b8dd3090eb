//! The lines of a history.

use paxos_judge::{Action, Before, Call, End, read_history, write_history};

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
    check("nonsense", "expected");
    check(&good.replace("get", "scan"), "unknown variant `scan`");
    check(&good.replace("\"op\":\"get\",", ""), "missing field `op`");
    check(&good.replace("\"key\"", "\"keys\""), "unknown field `keys`");
    check(&good.replace("get", "put"), "no `value`");
    check(&good.replace("get\"", "cas\",\"value\":\"v\""), "`swapped`");
    check(&good.replace(",\"return_ns\":2", ""), "no `return_ns`");
    check(&good.replace("\"return_ns\":2", "\"return_ns\":0"), "ends before it begins");
    check(&good.replace("\"client\":1", "\"client\":-1"), "invalid value");
}

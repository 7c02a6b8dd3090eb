//! The judge, judged: histories whose verdict is known, and small ones whose verdict is found by trying everything.

mod brute_force;
mod format;
mod known;
mod register;
mod wide;

use paxos_judge::{Action, Before, Call, End};

fn call(client: u64, invoke: u64, end: End, action: Action) -> Call {
    Call { client, key: "k".into(), action, invoke, end }
}

fn ok(client: u64, invoke: u64, at: u64, action: Action) -> Call {
    call(client, invoke, End::Returned(at), action)
}

fn get(result: Option<&str>) -> Action {
    Action::Get { result: result.map(str::to_owned) }
}

fn put(value: &str) -> Action {
    Action::Put { value: value.into(), before: Before::default() }
}

fn append(suffix: &str) -> Action {
    Action::Append { suffix: suffix.into(), before: Before::default() }
}

fn delete() -> Action {
    Action::Delete { before: Before::default() }
}

fn cas(expect: Option<&str>, value: &str, swapped: bool) -> Action {
    let expect = expect.map(str::to_owned);
    Action::CompareAndSwap { expect, value: value.into(), swapped, before: Before::default() }
}

//! How a history is written: `paxos-history/1`, one JSON object a line, in any order.
//!
//! ```text
//! {"client":1,"op":"get|put|cas|delete|append","key":"k","value":"v","expect":null,"invoke_ns":1,"return_ns":2,
//!  "outcome":"ok|fail|unknown","result":null,"swapped":true,"existed":true,"has_prev":false}
//! ```
//!
//! `value` is what a put, cas or append writes. `expect` is what a cas expects, null for "must be absent", and `swapped`
//! says whether it found that. `result` is what a get found, null for "absent"; of any other operation it is the value
//! before, and counts when `has_prev` is true. `existed`, where it is not null, says whether there was a value before.
//! What does not apply may be null or left out, and so may `return_ns` when the outcome is unknown. Empty lines are
//! skipped.

use std::{
    error::Error,
    fmt,
    io::{self, BufRead, Write},
};

use serde::{Deserialize, Serialize};

use crate::{
    Call, End,
    call::{Action, Before},
};

/// Reads a history.
///
/// # Errors
///
/// When a line cannot be read, is not of the format, or says too little. The error names the line.
pub fn read_history(source: impl BufRead) -> Result<Vec<Call>, LineError> {
    let mut calls = Vec::new();
    for (index, text) in source.lines().enumerate() {
        let wrong = |what: String| LineError { line: index + 1, what };
        let text = text.map_err(|error| wrong(error.to_string()))?;
        if !text.trim().is_empty() {
            let line: Line = serde_json::from_str(&text).map_err(|error| wrong(error.to_string()))?;
            calls.push(line.try_into().map_err(wrong)?);
        }
    }
    Ok(calls)
}

/// Writes a history.
///
/// # Errors
///
/// Those of `target`.
pub fn write_history<'a>(calls: impl IntoIterator<Item = &'a Call>, target: &mut impl Write) -> io::Result<()> {
    for call in calls {
        serde_json::to_writer(&mut *target, &Line::from(call))?;
        target.write_all(b"\n")?;
    }
    Ok(())
}

/// A line that is no call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LineError {
    /// Which one, from 1.
    pub line: usize,
    /// What is wrong with it.
    pub what: String,
}

impl fmt::Display for LineError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.what)
    }
}

impl Error for LineError {}

/// A line as it is written.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    client: u64,
    op: Op,
    key: String,
    #[serde(default)]
    value: Option<String>,
    #[serde(default)]
    expect: Option<String>,
    invoke_ns: u64,
    #[serde(default)]
    return_ns: Option<u64>,
    outcome: Outcome,
    #[serde(default)]
    result: Option<String>,
    #[serde(default)]
    swapped: Option<bool>,
    #[serde(default)]
    existed: Option<bool>,
    #[serde(default)]
    has_prev: bool,
}

#[derive(Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Op {
    Get,
    Put,
    Cas,
    Delete,
    Append,
}

#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Outcome {
    Ok,
    Fail,
    Unknown,
}

impl TryFrom<Line> for Call {
    type Error = String;

    fn try_from(line: Line) -> Result<Self, String> {
        let Line { client, op, key, value, expect, invoke_ns, return_ns, outcome, result, swapped, existed, has_prev } =
            line;
        let before = Before { existed, value: has_prev.then(|| result.clone()) };
        let value = value.ok_or("it has no `value` to write");
        let action = match op {
            Op::Get => Action::Get { result },
            Op::Put => Action::Put { value: value?, before },
            Op::Delete => Action::Delete { before },
            Op::Append => Action::Append { suffix: value?, before },
            Op::Cas => {
                let said = swapped.or((outcome != Outcome::Ok).then_some(false));
                let swapped = said.ok_or("a cas that is ok says whether it `swapped`")?;
                Action::CompareAndSwap { expect, value: value?, swapped, before }
            }
        };
        let returned = return_ns.ok_or("it has ended and has no `return_ns`");
        let end = match outcome {
            Outcome::Ok => End::Returned(returned?),
            Outcome::Fail => End::Failed(returned?),
            Outcome::Unknown => End::Unknown,
        };
        match end {
            End::Returned(at) | End::Failed(at) if at < invoke_ns => Err("it ends before it begins".into()),
            end => Ok(Self { client, key, action, invoke: invoke_ns, end }),
        }
    }
}

impl From<&Call> for Line {
    fn from(call: &Call) -> Self {
        let (return_ns, outcome) = match call.end {
            End::Returned(at) => (Some(at), Outcome::Ok),
            End::Failed(at) => (Some(at), Outcome::Fail),
            End::Unknown => (None, Outcome::Unknown),
        };
        let (op, value, expect, swapped, before) = match &call.action {
            Action::Get { .. } => (Op::Get, None, None, None, None),
            Action::Put { value, before } => (Op::Put, Some(value), None, None, Some(before)),
            Action::Delete { before } => (Op::Delete, None, None, None, Some(before)),
            Action::Append { suffix, before } => (Op::Append, Some(suffix), None, None, Some(before)),
            Action::CompareAndSwap { expect, value, swapped, before } => {
                (Op::Cas, Some(value), expect.as_ref(), Some(*swapped), Some(before))
            }
        };
        let previous = before.and_then(|before| before.value.clone());
        let has_prev = previous.is_some();
        let result = match &call.action {
            Action::Get { result } => result.clone(),
            _ => previous.flatten(),
        };
        Self {
            client: call.client,
            op,
            key: call.key.clone(),
            value: value.cloned(),
            expect: expect.cloned(),
            invoke_ns: call.invoke,
            return_ns,
            outcome,
            result,
            swapped,
            existed: before.and_then(|before| before.existed),
            has_prev,
        }
    }
}

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
    io::{self, BufRead, Read as _, Write},
    iter,
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
    for text in numbered(source) {
        let (line, text) = text?;
        let wrong = |what: String| LineError { line, what };
        let line: Line = serde_json::from_slice(&text).map_err(|error| wrong(said(&error)))?;
        calls.push(line.try_into().map_err(wrong)?);
    }
    Ok(calls)
}

/// The longest line that is read, in bytes: what is longer was not written by whoever writes lines, and is not kept to find
/// that out.
pub const MAX_LINE: usize = 16 << 20;

/// The lines of a file with their numbers, but for empty ones. Nothing comes after an error.
pub(crate) fn numbered(mut source: impl BufRead) -> impl Iterator<Item = Result<(usize, Vec<u8>), LineError>> {
    let (mut line, mut over) = (0, false);
    iter::from_fn(move || {
        while !over {
            line += 1;
            let mut text = Vec::new();
            let read = source.by_ref().take(MAX_LINE as u64 + 1).read_until(b'\n', &mut text);
            let what = match read {
                Ok(0) => return None,
                Ok(length) if length <= MAX_LINE => {
                    if text.iter().all(u8::is_ascii_whitespace) {
                        continue;
                    }
                    let whole = text.strip_suffix(b"\n").map_or(text.len(), <[u8]>::len);
                    text.truncate(whole);
                    return Some(Ok((line, text)));
                }
                Ok(_) => format!("it is longer than {} MiB", MAX_LINE >> 20),
                Err(error) => error.to_string(),
            };
            over = true;
            return Some(Err(LineError { line, what }));
        }
        None
    })
}

/// What is wrong with the JSON of a line. Which line that is, only its reader knows.
pub(crate) fn said(error: &serde_json::Error) -> String {
    error.to_string().replace(" at line 1 column ", " in column ")
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
    /// Which one, from 1; 0 for all of them.
    pub line: usize,
    /// What is wrong with it.
    pub what: String,
}

impl fmt::Display for LineError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            0 => f.write_str(&self.what),
            line => write!(f, "line {line}: {}", self.what),
        }
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

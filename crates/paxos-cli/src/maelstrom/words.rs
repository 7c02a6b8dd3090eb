//! The words of Maelstrom's `lin-kv` workload, and three of our own between nodes.
//!
//! Keys and values are any JSON. They are kept as its text, with the names of an object in order, so that equal ones are
//! equal bytes.

use paxos_kv::{Operation, Query};
use paxos_messages::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// A line: who says what to whom.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Line {
    pub(super) src: String,
    pub(super) dest: String,
    pub(super) body: Value,
}

/// What a node is told first: its name, and the names of all, in the same order on each.
#[derive(Debug, Deserialize)]
pub(super) struct Init {
    pub(super) node_id: String,
    pub(super) node_ids: Vec<String>,
}

/// What a client asks.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(tag = "type", rename_all = "lowercase")]
pub(super) enum Asked {
    Read { key: Value },
    Write { key: Value, value: Value },
    Cas { key: Value, from: Value, to: Value },
}

/// What is to be done of it.
pub(super) enum Work {
    Read(Query),
    Write(Operation),
}

impl From<Asked> for Work {
    fn from(asked: Asked) -> Self {
        match asked {
            Asked::Read { key } => Self::Read(Query::Get { key: bytes(&key) }),
            Asked::Write { key, value } => Self::Write(Operation::Put { key: bytes(&key), value: bytes(&value) }),
            Asked::Cas { key, from, to } => Self::Write(Operation::CompareAndSwap {
                key: bytes(&key),
                expected: Some(bytes(&from)),
                value: bytes(&to),
            }),
        }
    }
}

/// Why not. Some codes promise that nothing was done and never will be, and the others do not.
#[derive(Debug)]
pub(super) struct Refusal {
    pub(super) code: u16,
    pub(super) text: String,
}

impl Refusal {
    pub(super) fn new(code: u16, text: impl ToString) -> Self {
        Self { code, text: text.to_string() }
    }

    pub(super) fn body(&self) -> Value {
        json!({ "type": "error", "code": self.code, "text": self.text })
    }
}

/// Nobody knows whether it was done.
pub(super) const TIMEOUT: u16 = 0;
/// There is no such type of message.
pub(super) const NOT_SUPPORTED: u16 = 10;
/// Not now, and it was not done.
pub(super) const UNAVAILABLE: u16 = 11;
/// It cannot be read.
pub(super) const MALFORMED: u16 = 12;
/// The key has no value.
pub(super) const ABSENT: u16 = 20;
/// The value is another one.
pub(super) const MISMATCH: u16 = 22;

fn bytes(value: &Value) -> Bytes {
    value.to_string().into_bytes().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_json_is_equal_bytes() {
        let one: Value = serde_json::from_str(r#"{"b": [1, null], "a": 2}"#).unwrap();
        let other: Value = serde_json::from_str(r#"{"a":2,"b":[1,null]}"#).unwrap();
        assert_eq!(bytes(&one), bytes(&other));
        assert_ne!(bytes(&json!(1)), bytes(&json!("1")));
    }
}

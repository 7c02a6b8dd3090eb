//! What a node of the store is asked, as a script writes it.

use std::{fmt, str::FromStr};

use paxos_kv::{Ask, Command, Operation, Query, Request, SessionId};

/// A request, read from and shown as one of
///
/// ```text
/// campaign
/// TOKEN open
/// TOKEN append KEY SUFFIX as SESSION.SEQUENCE
/// TOKEN get KEY
/// ```
///
/// where `TOKEN` names the question, and `SESSION.SEQUENCE` the operation: asked again, it keeps that. Anything else that
/// a node may be asked is shown as the service shows it, and not read.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Asked(pub Request);

impl From<Request> for Asked {
    fn from(request: Request) -> Self {
        Self(request)
    }
}

impl fmt::Display for Asked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Request::Client { token, ask: Ask::Execute(Command::Open { .. }) } => write!(f, "{token} open"),
            Request::Client { token, ask: Ask::Read(Query::Get { key }) } => write!(f, "{token} get {key}"),
            Request::Client {
                token,
                ask: Ask::Execute(Command::Do { session, sequence, operation: Operation::Append { key, suffix }, .. }),
            } => write!(f, "{token} append {key} {suffix} as {}.{sequence}", session.0),
            other => other.fmt(f),
        }
    }
}

impl FromStr for Asked {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let words: Vec<&str> = text.split_whitespace().collect();
        let number = |word: &str| word.parse::<u64>().map_err(|_| format!("{word:?} is not a number"));
        let client = |token: &str, ask| Ok(Self(Request::client(number(token)?, ask)));
        match words.as_slice() {
            ["campaign"] => Ok(Self(Request::Campaign)),
            [token, "open"] => client(token, Ask::Execute(Command::Open { nonce: number(token)? })),
            [token, "get", key] => client(token, Ask::Read(Query::Get { key: key.as_bytes().into() })),
            [token, "append", key, suffix, "as", operation] => {
                let (session, sequence) =
                    operation.split_once('.').ok_or("an operation is SESSION.SEQUENCE, such as 1.0")?;
                let operation = Operation::Append { key: key.as_bytes().into(), suffix: suffix.as_bytes().into() };
                let (session, sequence) = (SessionId(number(session)?), number(sequence)?);
                client(token, Ask::Execute(Command::Do { session, sequence, acknowledged: 0, operation }))
            }
            _ => Err(format!(
                "{text:?}: a store is asked `campaign`, `TOKEN open`, `TOKEN append KEY SUFFIX as SESSION.SEQUENCE` or \
                 `TOKEN get KEY`"
            )),
        }
    }
}

//! What is asked of a node, as a script says it: whole, so that what is read is what was written.
//!
//! ```text
//! campaign          transfer n2          7 status          7 open 99
//! 7 do 1.0.0 put colour blue             session 1, operation 0, none below it acknowledged; `7` is the token
//! 7 do 1.1.0 cas colour blue green       and `append KEY BYTES`, `delete KEY`, `get KEY`, `range START END LIMIT`
//! 7 read get colour                      and `stale`, for what may be old
//! ```
//!
//! Bytes are one word: what is no visible ASCII is `%` and two hexadecimal digits, as in an address on the web. No bytes are
//! a `%` alone, and what there is none of is a `-`; a dash that is meant is `%2d`.

use alloc::{format, string::String, vec::Vec};
use core::{fmt, str::FromStr};

use paxos_messages::Bytes;
use paxos_process::NodeId;

use crate::{Ask, Command, Operation, Query, Request, SessionId};

impl fmt::Display for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (token, ask) = match self {
            Self::Campaign => return f.write_str("campaign"),
            Self::Transfer(node) => return write!(f, "transfer {node}"),
            Self::Client { token, ask } => (token, ask),
        };
        match ask {
            Ask::Status => write!(f, "{token} status"),
            Ask::Read(query) => write!(f, "{token} read {}", QueryWords(query)),
            Ask::ReadStale(query) => write!(f, "{token} stale {}", QueryWords(query)),
            Ask::Execute(Command::Open { nonce }) => write!(f, "{token} open {nonce}"),
            Ask::Execute(Command::Do { session, sequence, acknowledged, operation }) => {
                write!(f, "{token} do {}.{sequence}.{acknowledged} ", session.0)?;
                match operation {
                    Operation::Read(query) => write!(f, "{}", QueryWords(query)),
                    Operation::Put { key, value } => write!(f, "put {} {}", Word(key), Word(value)),
                    Operation::Delete { key } => write!(f, "delete {}", Word(key)),
                    Operation::CompareAndSwap { key, expected, value } => {
                        write!(f, "cas {} {} {}", Word(key), Perhaps(expected.as_ref()), Word(value))
                    }
                    Operation::Append { key, suffix } => write!(f, "append {} {}", Word(key), Word(suffix)),
                }
            }
        }
    }
}

impl FromStr for Request {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let words: Vec<&str> = text.split_whitespace().collect();
        let wrong = || format!("{text:?} is no request, such as `7 do 1.0.0 put colour blue` or `campaign`");
        Ok(match *words.as_slice() {
            ["campaign"] => Self::Campaign,
            ["transfer", node] => {
                let id = node.strip_prefix('n').and_then(|digits| digits.parse::<u8>().ok());
                Self::Transfer(id.and_then(|id| NodeId::try_from(id).ok()).ok_or_else(wrong)?)
            }
            [token, ref what @ ..] => {
                let ask = ask(what).ok_or_else(wrong)?;
                Self::Client { token: token.parse().map_err(|_| wrong())?, ask }
            }
            [] => return Err(wrong()),
        })
    }
}

fn ask(words: &[&str]) -> Option<Ask> {
    Some(match words {
        ["status"] => Ask::Status,
        ["read", what @ ..] => Ask::Read(query(what)?),
        ["stale", what @ ..] => Ask::ReadStale(query(what)?),
        ["open", nonce] => Ask::Execute(Command::Open { nonce: nonce.parse().ok()? }),
        ["do", numbers, what @ ..] => {
            let numbers: Vec<u64> = numbers.split('.').map(|number| number.parse().ok()).collect::<Option<_>>()?;
            let [session, sequence, acknowledged] = *numbers.as_slice() else { return None };
            let operation = operation(what)?;
            Ask::Execute(Command::Do { session: SessionId(session), sequence, acknowledged, operation })
        }
        _ => return None,
    })
}

fn operation(words: &[&str]) -> Option<Operation> {
    Some(match *words {
        ["put", key, value] => Operation::Put { key: bytes(key)?, value: bytes(value)? },
        ["delete", key] => Operation::Delete { key: bytes(key)? },
        ["cas", key, expected, value] => {
            Operation::CompareAndSwap { key: bytes(key)?, expected: perhaps(expected)?, value: bytes(value)? }
        }
        ["append", key, suffix] => Operation::Append { key: bytes(key)?, suffix: bytes(suffix)? },
        _ => Operation::Read(query(words)?),
    })
}

fn query(words: &[&str]) -> Option<Query> {
    Some(match *words {
        ["get", key] => Query::Get { key: bytes(key)? },
        ["range", start, end, limit] => {
            Query::Range { start: bytes(start)?, end: perhaps(end)?, limit: limit.parse().ok()? }
        }
        _ => return None,
    })
}

struct QueryWords<'a>(&'a Query);

impl fmt::Display for QueryWords<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Query::Get { key } => write!(f, "get {}", Word(key)),
            Query::Range { start, end, limit } => {
                write!(f, "range {} {} {limit}", Word(start), Perhaps(end.as_ref()))
            }
        }
    }
}

/// Bytes as one word.
struct Word<'a>(&'a Bytes);

impl fmt::Display for Word<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bytes = self.0.as_slice();
        if bytes.is_empty() {
            return f.write_str("%");
        }
        let alone = bytes == b"-";
        bytes.iter().try_for_each(|byte| match byte {
            b'!'..=b'~' if *byte != b'%' && !alone => write!(f, "{}", char::from(*byte)),
            _ => write!(f, "%{byte:02x}"),
        })
    }
}

/// Bytes that there may be none of.
struct Perhaps<'a>(Option<&'a Bytes>);

impl fmt::Display for Perhaps<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(bytes) => Word(bytes).fmt(f),
            None => f.write_str("-"),
        }
    }
}

fn perhaps(word: &str) -> Option<Option<Bytes>> {
    if word == "-" { Some(None) } else { bytes(word).map(Some) }
}

fn bytes(word: &str) -> Option<Bytes> {
    if word == "%" {
        return Some(Bytes::default());
    }
    let (mut bytes, mut rest) = (Vec::new(), word.as_bytes());
    while let [first, others @ ..] = rest {
        rest = others;
        if *first == b'%' {
            let (digits, others) = rest.split_at_checked(2)?;
            let digits = core::str::from_utf8(digits).ok()?;
            bytes.push(u8::from_str_radix(digits, 16).ok()?);
            rest = others;
        } else {
            bytes.push(*first);
        }
    }
    Some(bytes.into())
}

#[cfg(test)]
mod tests {
    use alloc::string::ToString;

    use super::*;

    #[test]
    fn requests_are_read_as_they_are_written() {
        let byte = |byte: u8| Bytes::from(&[byte][..]);
        let mut words: Vec<Bytes> = (0..=255).map(byte).collect();
        words.extend([Bytes::default(), b"two words"[..].into(), b"50%"[..].into(), "größer".as_bytes().into()]);
        for key in words {
            let value = Bytes::from(&b"v"[..]);
            let operations = [
                Operation::Put { key: key.clone(), value: key.clone() },
                Operation::Delete { key: key.clone() },
                Operation::Append { key: key.clone(), suffix: value.clone() },
                Operation::CompareAndSwap { key: key.clone(), expected: None, value: value.clone() },
                Operation::CompareAndSwap { key: value, expected: Some(key.clone()), value: key.clone() },
                Operation::Read(Query::Range { start: key.clone(), end: None, limit: 7 }),
            ];
            for (sequence, operation) in (0..).zip(operations) {
                let command = Command::Do { session: SessionId(3), sequence, acknowledged: 1, operation };
                check(&Request::Client { token: u64::MAX, ask: Ask::Execute(command) });
            }
            check(&Request::Client { token: 0, ask: Ask::Read(Query::Get { key: key.clone() }) });
            let range = Query::Range { start: Bytes::default(), end: Some(key), limit: u32::MAX };
            check(&Request::Client { token: 1, ask: Ask::ReadStale(range) });
        }
        check(&Request::Client { token: 7, ask: Ask::Execute(Command::Open { nonce: 99 }) });
        check(&Request::Client { token: 7, ask: Ask::Status });
        check(&Request::Campaign);
        check(&Request::Transfer(NodeId(2)));
    }

    fn check(request: &Request) {
        assert_eq!(request.to_string().parse().as_ref(), Ok(request), "{request}");
    }

    #[test]
    fn what_is_no_request_is_refused() {
        for wrong in [
            "",
            "7",
            "x status",
            "7 do 1.0 put k v",
            "7 do 1.0.0 put k",
            "7 read get %4",
            "7 read get %zz",
            "transfer 2",
        ] {
            assert!(wrong.parse::<Request>().is_err(), "{wrong:?}");
        }
    }
}

//! `paxos kv`: clients of a replicated store.
//!
//! In reading order: `target.rs` is whom they ask; here are the operations; `status.rs` shows how the nodes are and hands
//! leadership over; `load.rs` is many clients at a time. A client asks any node, is sent on to the leader, asks again
//! when it must, and has each write done once.

use std::{
    io::{self, Read},
    process::ExitCode,
};

use anyhow::Context;
use paxos_kv::{
    Found, MAX_VALUE, Operation, Outcome, Query, Written,
    client::{Client, Error},
};
use paxos_messages::Bytes;
use serde_json::{Value, json};

use crate::output::{self, say};

mod target;

mod status;

mod load;

pub(crate) use status::{Inspected, inspect, leader, same_state};
pub(crate) use target::{Target, runtime};

/// Read and write a replicated store
///
/// The cluster is named by --cluster, the directory of `paxos cluster`, or by the addresses of its nodes with --to. Any
/// node will do to find the leader; name all of them, so that one that is down does no harm.
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Kv {
    #[command(subcommand)]
    what: What,
}

#[derive(clap::Subcommand)]
enum What {
    /// Print the value of a key
    #[command(
        after_help = "Examples:\n  cargo paxos kv get --cluster here colour\n  cargo paxos kv get --cluster here --stale colour\n\nExit code: 0 it has one, 1 it has none, 2 usage, 4 it failed: nobody answers."
    )]
    Get {
        /// The key
        key: String,
        /// Take what the node that is asked has, however old it is: needs no leader
        #[arg(long)]
        stale: bool,
        #[command(flatten)]
        target: Target,
    },
    /// Give a key a value
    #[command(
        after_help = "Examples:\n  cargo paxos kv put --cluster here colour blue\n  cargo paxos kv put --to 127.0.0.1:7001,127.0.0.1:7002 licence - < LICENSE-MIT\n\nExit code: 0 done, 2 usage, 3 the outcome is unknown, 4 it failed: it is not done."
    )]
    Put {
        /// The key
        key: String,
        /// Its value; - reads it from stdin, to the last byte
        value: String,
        #[command(flatten)]
        target: Target,
    },
    /// Give a key a value if it has the expected one
    #[command(
        after_help = "Examples:\n  cargo paxos kv cas --cluster here colour green --expect blue\n  cargo paxos kv cas --cluster here lock me --absent\n\nExit code: 0 swapped, 1 it had another value or none, 2 usage, 3 the outcome is unknown, 4 it failed: it is not done."
    )]
    #[command(group = clap::ArgGroup::new("now").required(true))]
    Cas {
        /// The key
        key: String,
        /// Its value from then on
        value: String,
        /// What its value must be now
        #[arg(long, group = "now")]
        expect: Option<String>,
        /// It must have no value now
        #[arg(long, group = "now")]
        absent: bool,
        #[command(flatten)]
        target: Target,
    },
    /// Put something behind the value of a key
    #[command(
        after_help = "Examples:\n  cargo paxos kv append --cluster here diary 'Monday: nothing. '\n\nExit code: 0 done, 2 usage, 3 the outcome is unknown, 4 it failed: it is not done."
    )]
    Append {
        /// The key; without a value it has an empty one
        key: String,
        /// What is put behind it; - reads it from stdin
        suffix: String,
        #[command(flatten)]
        target: Target,
    },
    /// Remove a key
    #[command(
        after_help = "Examples:\n  cargo paxos kv delete --cluster here colour\n\nExit code: 0 it is absent now, whether it was before or not, 2 usage, 3 the outcome is unknown, 4 it failed: it is not done."
    )]
    Delete {
        /// The key
        key: String,
        #[command(flatten)]
        target: Target,
    },
    /// Print keys and values, in order
    #[command(
        after_help = "Examples:\n  cargo paxos kv range --cluster here\n  cargo paxos kv range --cluster here a b --limit 10 --json\n\nExit code: 0 done, also if there are none, 2 usage, 4 it failed: nobody answers."
    )]
    Range {
        /// The first key that may be in it
        #[arg(default_value = "")]
        start: String,
        /// The first key behind it
        end: Option<String>,
        /// At most so many
        #[arg(long, default_value_t = 100)]
        limit: u32,
        /// Take what the node that is asked has, however old it is: needs no leader
        #[arg(long)]
        stale: bool,
        #[command(flatten)]
        target: Target,
    },
    Status(status::StatusCommand),
    Transfer(status::Transfer),
    Load(load::LoadCommand),
    Judge(load::Judge),
}

const EXAMPLES: &str = "Examples:
  cargo paxos kv put --cluster paxos-cluster colour blue
  cargo paxos kv get --cluster paxos-cluster colour
  cargo paxos kv cas --cluster paxos-cluster colour green --expect blue
  cargo paxos kv status --cluster paxos-cluster
  cargo paxos kv load --cluster paxos-cluster --clients 64 --seconds 5
  PAXOS_DIR=paxos-cluster cargo paxos kv range

Exit code: 0 done, 1 the answer is no: no such key, another value than expected, no leader, 2 usage, \
3 the outcome is unknown: a write may have been done, or may still be, 4 it failed: it is not done.";

impl Kv {
    pub(crate) fn run(self) -> anyhow::Result<ExitCode> {
        match self.what {
            What::Status(command) => Ok(command.run()),
            What::Transfer(command) => Ok(command.run()),
            What::Load(command) => command.run(),
            What::Judge(command) => command.run(),
            What::Get { key, stale, target } => target.ask(async |client: Client| {
                let found = if stale {
                    match client.read_stale(Query::Get { key: bytes(&key) }).await? {
                        Found::Value(value) => value,
                        Found::Page(_) => None,
                    }
                } else {
                    client.get(bytes(&key)).await?
                };
                Ok(Told::value(&key, found))
            }),
            What::Put { key, value, target } => {
                let value = argument(value)?;
                target.ask(async |client: Client| {
                    let existed = client.put(bytes(&key), value.clone()).await?;
                    Ok(Told::done("done", json!({ "done": true, "existed": existed })))
                })
            }
            What::Cas { key, value, expect, absent: _, target } => target.ask(async |client: Client| {
                let expected = expect.as_deref().map(bytes);
                let compare = Operation::CompareAndSwap { key: bytes(&key), expected, value: bytes(&value) };
                match client.execute(compare).await? {
                    Outcome::Wrote(Written::Compared { swapped, existed }) => Ok(Told::compared(swapped, existed)),
                    _ => Err(Error::Unknown("the answer is none to what was asked".into())),
                }
            }),
            What::Append { key, suffix, target } => {
                let suffix = argument(suffix)?;
                target.ask(async |client: Client| {
                    let length = client.append(bytes(&key), suffix.clone()).await?;
                    Ok(Told::done(&format!("{length} bytes now"), json!({ "length": length })))
                })
            }
            What::Delete { key, target } => target.ask(async |client: Client| {
                let existed = client.delete(bytes(&key)).await?;
                let line = if existed { "deleted" } else { "it was absent" };
                Ok(Told::done(line, json!({ "existed": existed })))
            }),
            What::Range { start, end, limit, stale, target } => target.ask(async |client: Client| {
                let entries = range(&client, bytes(&start), end.as_deref().map(bytes), limit, stale).await?;
                Ok(Told::entries(&entries))
            }),
        }
    }
}

/// All pages of a range, up to `limit` entries. Each page is of one moment, and not of the same one as the others.
async fn range(
    client: &Client,
    mut start: Bytes,
    end: Option<Bytes>,
    limit: u32,
    stale: bool,
) -> Result<Vec<(Bytes, Bytes)>, Error> {
    let mut entries = Vec::new();
    loop {
        let left = limit - u32::try_from(entries.len()).unwrap_or(limit);
        let page = if stale {
            match client.read_stale(Query::Range { start, end: end.clone(), limit: left }).await? {
                Found::Page(page) => page,
                Found::Value(_) => return Ok(entries),
            }
        } else {
            client.range(start, end.clone(), left).await?
        };
        entries.extend(page.entries);
        match page.next {
            Some(next) if (entries.len() as u64) < u64::from(limit) => start = next,
            _ => return Ok(entries),
        }
    }
}

/// What is printed of an answer, and the exit code.
pub(crate) struct Told {
    line: Vec<u8>,
    json: Value,
    code: u8,
}

impl Told {
    fn done(line: &str, json: Value) -> Self {
        Self { line: line.as_bytes().to_vec(), json, code: 0 }
    }

    fn compared(swapped: bool, existed: bool) -> Self {
        let (line, code) = match (swapped, existed) {
            (true, _) => ("swapped", 0),
            (false, true) => ("not swapped: it has another value", 1),
            (false, false) => ("not swapped: it is absent", 1),
        };
        Self { code, ..Self::done(line, json!({ "swapped": swapped, "existed": existed })) }
    }

    fn value(key: &str, value: Option<Bytes>) -> Self {
        let json = json!({ "key": key, "value": value.as_ref().map(text) });
        match value {
            Some(value) => Self { line: value.as_slice().to_vec(), json, code: 0 },
            None => Self { line: Vec::new(), json, code: 1 },
        }
    }

    fn entries(entries: &[(Bytes, Bytes)]) -> Self {
        let lines: Vec<_> =
            entries.iter().map(|(key, value)| [key.as_slice(), b"\t", value.as_slice()].concat()).collect();
        let json = entries.iter().map(|(key, value)| json!({ "key": text(key), "value": text(value) }));
        Self { line: lines.join(&b'\n'), json: Value::Array(json.collect()), code: 0 }
    }

    /// Prints it as it is, byte for byte, or as JSON, in which what is no text is replaced.
    fn print(self, json: bool) -> anyhow::Result<ExitCode> {
        if json {
            say(self.json);
        } else if self.code == 1 && self.line.is_empty() {
            eprintln!("absent: the key has no value");
        } else if !self.line.is_empty() {
            let line = [&self.line[..], b"\n"].concat();
            output::write(&line).context("cannot write to standard output")?;
        }
        Ok(ExitCode::from(self.code))
    }
}

fn bytes(text: &str) -> Bytes {
    text.as_bytes().into()
}

fn text(bytes: &Bytes) -> String {
    String::from_utf8_lossy(bytes.as_slice()).into_owned()
}

/// An argument, or all of stdin where it is `-`; no more of it than a value may have, and one byte, so that one that is
/// too long is refused and not cut.
fn argument(value: String) -> anyhow::Result<Bytes> {
    if value != "-" {
        return Ok(bytes(&value));
    }
    let mut read = Vec::new();
    io::stdin().take(MAX_VALUE as u64 + 1).read_to_end(&mut read).context("cannot read the value from stdin")?;
    Ok(read.into())
}

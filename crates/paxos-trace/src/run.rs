//! Reading a run.

use std::{
    collections::BTreeMap,
    error::Error,
    fmt::{self, Write as _},
    io::{self, BufRead, Read as _},
};

use paxos_process::NodeId;
use paxos_sim::{Header, Script};
use serde_json::Value as Json;

use crate::record::FORMAT;

/// A run as it was written: by a world, or by one node of a cluster.
#[derive(Clone, Debug)]
pub struct Run {
    /// The world it happened in, or is taken to.
    pub header: Header,
    /// The node that has written it; `None` if a world has.
    pub node: Option<NodeId>,
    /// What happened, in order.
    pub inputs: Vec<Input>,
}

/// A line of a run.
#[derive(Clone, Debug, PartialEq)]
pub struct Input {
    /// Its number in the file, from 1.
    pub line: usize,
    /// When, if there was a clock.
    pub at: Option<u64>,
    /// To which node.
    pub node: NodeId,
    /// What.
    pub does: Does,
}

/// What happens to a node, its words not yet those of a protocol.
#[derive(Clone, Debug, PartialEq)]
#[expect(missing_docs, reason = "they are the rows of the table in `record`, and their fields its columns")]
pub enum Does {
    Start { records: u64 },
    Receive { from: NodeId, message: Json },
    Timeout { timer: String },
    Request { request: String },
    Synced,
    Checkpointing { records: u64 },
    Checkpoint { records: u64 },
    Crashed { forgets: Option<u64> },
    Lost,
    Restart,
    Dropped { from: NodeId, message: Json },
    Duplicated { from: NodeId, message: Json },
    Cut { from: NodeId },
    Healed { from: NodeId },
    Wrote { text: String },
    Told { text: String },
}

impl Run {
    /// Reads a run. What is behind the last whole line is left out: it is what a machine that died has left.
    ///
    /// # Errors
    ///
    /// When it cannot be read, or is none.
    pub fn read(mut from: impl BufRead) -> Result<Self, ReadError> {
        let (mut run, mut inputs, mut number, mut torn) = (None, Vec::new(), 0, None);
        let mut bytes = Vec::new();
        loop {
            bytes.clear();
            number += 1;
            let read = from.by_ref().take(MAX_LINE as u64 + 1).read_until(b'\n', &mut bytes);
            match read.map_err(|error| ReadError::at(number, error))? {
                0 => break,
                length if length <= MAX_LINE => {}
                _ => return Err(ReadError::at(number, format!("it is longer than {} MiB", MAX_LINE >> 20))),
            }
            let line: Json = match serde_json::from_slice(bytes.strip_suffix(b"\n").unwrap_or(&bytes)) {
                Ok(line) => line,
                Err(_) if bytes.iter().all(u8::is_ascii_whitespace) => continue,
                Err(error) => {
                    // Where a life was torn off, nothing follows but the next life.
                    torn = Some(ReadError::at(number, error.to_string().replace(" at line 1 column ", " in column ")));
                    continue;
                }
            };
            match (line["ev"] == "meta", torn.take()) {
                (true, _) => {
                    let (header, node) = meta(&line).map_err(|what| ReadError { line: number, what })?;
                    match &run {
                        None => run = Some((header, node)),
                        Some(first) if *first == (header, node) => {}
                        Some(_) => return Err(ReadError::at(number, "this life is of another node or cluster")),
                    }
                }
                (false, Some(torn)) => return Err(torn),
                (false, None) if run.is_none() => return Err(ReadError::at(number, "a run begins with its `meta`")),
                (false, None) => {
                    inputs.push(input(number, &line).map_err(|what| ReadError { line: number, what })?);
                }
            }
        }
        match run {
            Some((header, node)) => Ok(Self { header, node, inputs }),
            None => Err(torn.unwrap_or_else(|| ReadError::at(0, "it is empty"))),
        }
    }
}

/// The longest line that is read, in bytes: a message of a megabyte, said twice, is less. What is longer was not written by
/// a recorder, and is not kept to find that out.
const MAX_LINE: usize = 16 << 20;

/// The header, and the node whose run it is.
fn meta(line: &Json) -> Result<(Header, Option<NodeId>), String> {
    if line["format"] != FORMAT {
        return Err(format!("its format is {}, and not \"{FORMAT}\"", line["format"]));
    }
    let members = line["members"].as_array().ok_or("its members are no list")?;
    let named: Option<Vec<NodeId>> = members.iter().map(name).collect();
    let count = members.len();
    if named.is_none_or(|named| !named.iter().map(|id| usize::from(id.0)).eq(1..=count)) {
        return Err(format!("its members are {}, and not n1 to n{count}", line["members"]));
    }
    // What a script says of its world, said as a script says it, has one reader.
    let mut head = format!("protocol {}\nnodes {count}\n", word(line, "protocol")?);
    _ = writeln!(head, "quorums {}\ndisk {}", word(line, "quorums")?, word(line, "disk")?);
    _ = writeln!(head, "loopback {}", word(line, "loopback")?);
    let options: BTreeMap<String, u64> =
        serde_json::from_value(line["options"].clone()).map_err(|error| format!("its options: {error}"))?;
    options.iter().for_each(|(name, value)| _ = writeln!(head, "option {name} {value}"));
    if !line["mutant"].is_null() {
        _ = writeln!(head, "mutant {}", word(line, "mutant")?);
    }
    let header = Script::parse(&head).map_err(|error| error.to_string())?.header;
    let node = (!line["node"].is_null()).then(|| name(&line["node"]).ok_or("its node has no name"));
    Ok((header, node.transpose()?))
}

/// What a line says.
fn input(number: usize, line: &Json) -> Result<Input, String> {
    let node = name(&line["node"]).ok_or("it names no node, such as \"n1\"")?;
    let from = || name(&line["from"]).ok_or("it names no node that it is from");
    let message = || line.get("message").cloned().ok_or("it has no message");
    let records = || line["records"].as_u64().ok_or("it has no number of records");
    let does = match word(line, "ev")? {
        "start" => Does::Start { records: records()? },
        "receive" => Does::Receive { from: from()?, message: message()? },
        "timeout" => Does::Timeout { timer: word(line, "timer")?.to_owned() },
        "request" => Does::Request { request: word(line, "request")?.to_owned() },
        "synced" => Does::Synced,
        "checkpointing" => Does::Checkpointing { records: records()? },
        "checkpoint" => Does::Checkpoint { records: records()? },
        "crashed" => Does::Crashed { forgets: line["forgets"].as_u64() },
        "lost" => Does::Lost,
        "restart" => Does::Restart,
        "dropped" => Does::Dropped { from: from()?, message: message()? },
        "duplicated" => Does::Duplicated { from: from()?, message: message()? },
        "cut" => Does::Cut { from: from()? },
        "healed" => Does::Healed { from: from()? },
        "wrote" => Does::Wrote { text: word(line, "text")?.to_owned() },
        "told" => Does::Told { text: word(line, "text")?.to_owned() },
        other => return Err(format!("nothing is called {other:?}")),
    };
    Ok(Input { line: number, at: line["at_ns"].as_u64(), node, does })
}

fn word<'a>(line: &'a Json, name: &str) -> Result<&'a str, String> {
    line[name].as_str().ok_or_else(|| format!("it has no `{name}`, or one that is no text"))
}

fn name(name: &Json) -> Option<NodeId> {
    NodeId::try_from(name.as_str()?.strip_prefix('n')?.parse::<u8>().ok()?).ok()
}

/// What is wrong with a file that should be a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReadError {
    /// In which line, from 1; 0 for the whole file.
    pub line: usize,
    /// What.
    pub what: String,
}

impl ReadError {
    fn at(line: usize, what: impl fmt::Display) -> Self {
        Self { line, what: what.to_string() }
    }
}

impl fmt::Display for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            0 => f.write_str(&self.what),
            line => write!(f, "line {line}: {}", self.what),
        }
    }
}

impl Error for ReadError {}

impl From<io::Error> for ReadError {
    fn from(error: io::Error) -> Self {
        Self::at(0, error)
    }
}

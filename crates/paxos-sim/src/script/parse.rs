//! Reading a script.

use std::collections::BTreeMap;

use paxos_process::{NodeId, NodeSet};
use paxos_quorums::Quorums;

use super::{Command, Header, Line, Links, Script, ScriptError, Which};
use crate::{Disk, Loopback};

/// A script is written by people, or is the run of a cluster for some seconds; one larger than this is neither.
const MOST_BYTES: usize = 16 << 20;

impl Script {
    /// Reads a script. Its expected lines are skipped: a replay writes them anew.
    ///
    /// # Errors
    ///
    /// The first line that cannot be read, and what it should have been.
    pub fn parse(text: &str) -> Result<Self, ScriptError> {
        if text.len() > MOST_BYTES {
            return Err(ScriptError { line: 0, what: format!("a script has at most {MOST_BYTES} bytes") });
        }
        let (mut head, mut lines) = (Head::default(), Vec::new());
        for (position, line) in text.lines().enumerate() {
            let number = position + 1;
            // `lines` takes away one of them, and a replay would write a line that reads as another.
            let line = line.trim_end_matches('\r');
            let at = |what: String| ScriptError { line: number, what };
            if line.starts_with([' ', '\t']) {
                continue;
            }
            let words: Vec<&str> = line.split_whitespace().collect();
            let command = match words.as_slice() {
                [] => None,
                [first, ..] if first.starts_with('#') => None,
                words if head.read(words).map_err(at)? => {
                    if lines.iter().any(|line: &Line| line.command.is_some()) {
                        return Err(at(format!("`{}` belongs into the head, above the first command", words[0])));
                    }
                    None
                }
                words => Some(command(words, line).map_err(at)?),
            };
            lines.push(Line { number, text: line.to_owned(), command });
        }
        let header = head.finish().map_err(|what| ScriptError { line: 0, what })?;
        Ok(Self { header, lines })
    }
}

/// The head while it is read: what it says may stand in any order.
#[derive(Default)]
struct Head {
    protocol: Option<String>,
    nodes: Option<u8>,
    quorums: Vec<String>,
    disk_at_once: bool,
    loopback_at_once: bool,
    mutant: Option<String>,
    options: BTreeMap<String, u64>,
    expect: Option<crate::Invariant>,
}

impl Head {
    /// Whether `words` are a line of the head; takes them if so.
    fn read(&mut self, words: &[&str]) -> Result<bool, String> {
        match words {
            ["protocol", name] => self.protocol = Some((*name).to_owned()),
            ["mutant", name] => self.mutant = Some((*name).to_owned()),
            ["expect", name] => self.expect = Some(name.parse()?),
            ["nodes", count] => {
                let count = number(count)?;
                if !(1..NodeId::LIMIT).contains(&count) {
                    return Err(format!("a cluster has 1 to {} nodes", NodeId::LIMIT - 1));
                }
                self.nodes = Some(count);
            }
            ["quorums", rule @ ..] => self.quorums = rule.iter().map(|word| (*word).to_owned()).collect(),
            ["disk", when] => self.disk_at_once = at_once(when, "manual")?,
            ["option", name, value] => _ = self.options.insert((*name).to_owned(), number(value)?),
            ["option", ..] => return Err("`option` takes a name and a number".to_owned()),
            ["loopback", when] => self.loopback_at_once = at_once(when, "in-flight")?,
            ["protocol" | "mutant" | "expect" | "nodes" | "disk" | "loopback", ..] => {
                return Err(format!("`{}` takes one word", words[0]));
            }
            _ => return Ok(false),
        }
        Ok(true)
    }

    fn finish(self) -> Result<Header, String> {
        let protocol = self.protocol.ok_or("a script begins with its protocol, such as `protocol basic`")?;
        let members = NodeSet::first(self.nodes.ok_or("a script says how large its cluster is, such as `nodes 3`")?);
        let rule: Vec<&str> = self.quorums.iter().map(String::as_str).collect();
        let quorums = match rule.as_slice() {
            [] | ["majority"] => Quorums::majority(members),
            ["flexible", phase1, phase2] => Quorums::flexible(members, number(phase1)?, number(phase2)?),
            ["grid", columns] => Quorums::grid(members, number(columns)?),
            _ => return Err("quorums are `majority`, `flexible P1 P2` or `grid COLUMNS`".to_owned()),
        };
        Ok(Header {
            protocol,
            quorums: quorums.map_err(|error| error.to_string())?,
            disk: if self.disk_at_once { Disk::AtOnce } else { Disk::Manual },
            loopback: if self.loopback_at_once { Loopback::AtOnce } else { Loopback::InFlight },
            mutant: self.mutant,
            options: self.options,
            expect: self.expect,
        })
    }
}

fn command(words: &[&str], line: &str) -> Result<Command, String> {
    Ok(match words {
        ["deliver"] => Command::Deliver(Which::All),
        ["deliver", which @ ..] => Command::Deliver(self::which(which, line)?),
        ["duplicate", which @ ..] => Command::Duplicate(self::which(which, line)?),
        ["drop", which @ ..] => Command::Drop(self::which(which, line)?),
        // A value may hold spaces: the rest of the line is taken as it stands.
        ["request", id, _, ..] => Command::Request(node(id)?, rest(line, 2).to_owned()),
        ["fire", id, timer] => Command::Fire(node(id)?, (*timer).to_owned()),
        ["sync"] => Command::Sync(None),
        ["sync", id] => Command::Sync(Some(node(id)?)),
        ["crash", id] => Command::Crash(node(id)?, 0),
        ["crash", id, "keeping", kept] => Command::Crash(node(id)?, number(kept)?),
        ["restart", id] => Command::Restart(node(id)?),
        ["lose", id] => Command::Lose(node(id)?),
        ["cut", nodes @ ..] if !nodes.is_empty() => Command::Cut(links(nodes)?),
        ["heal", nodes @ ..] => Command::Heal(links(nodes)?),
        ["stabilize"] => Command::Stabilize,
        [first, ..] => {
            return Err(format!(
                "`{first}` and what follows is no command; commands are: request n1 …, deliver [n1 n2 MESSAGE | \
                 NUMBER], duplicate …, drop …, sync [n1], fire n1 TIMER, crash n1 [keeping 3], restart n1, lose n1, cut n1 [n2], \
                 heal [n1 [n2]], stabilize"
            ));
        }
        [] => return Err("an empty command".to_owned()),
    })
}

fn which(words: &[&str], line: &str) -> Result<Which, String> {
    match words {
        [index] => Ok(Which::Number(number(index)?)),
        // A value in the message may hold spaces: its text, too, is taken as it stands.
        [from, to, ..] => Ok(Which::Like { from: node(from)?, to: node(to)?, text: rest(line, 3).to_owned() }),
        [] => Err("which message? Its number, or from, to and the beginning of its text".to_owned()),
    }
}

fn links(nodes: &[&str]) -> Result<Links, String> {
    match nodes {
        [] => Ok(Links::All),
        [id] => Ok(Links::Of(node(id)?)),
        [from, to] => Ok(Links::One(node(from)?, node(to)?)),
        _ => Err("which link? From one node to another; with one node, all of its links".to_owned()),
    }
}

fn node(word: &str) -> Result<NodeId, String> {
    let digits = word.strip_prefix('n').ok_or_else(|| format!("{word:?} is no node; nodes are called n1, n2, …"))?;
    NodeId::try_from(number::<u8>(digits)?).map_err(|error| error.to_string())
}

fn number<N: std::str::FromStr>(word: &str) -> Result<N, String> {
    word.parse().map_err(|_| format!("{word:?} is not a number that fits here"))
}

fn at_once(word: &str, other: &str) -> Result<bool, String> {
    match word {
        "at-once" => Ok(true),
        word if word == other => Ok(false),
        _ => Err(format!("{word:?} should be `at-once` or `{other}`")),
    }
}

/// `line` after its first `words` words.
fn rest(line: &str, words: usize) -> &str {
    (0..words)
        .fold(line, |rest, _| rest.trim_start().split_once(char::is_whitespace).map_or("", |(_, rest)| rest))
        .trim()
}

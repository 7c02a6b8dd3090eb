//! The lines of a trace, read strictly.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value as Json;

pub(super) type Ballot = (u64, u64);
pub(super) type Slot = u64;
pub(super) type Vote = (Ballot, String);
pub(super) type Votes = BTreeMap<Slot, Vote>;
pub(super) type Nodes = BTreeSet<String>;

/// The first line.
pub(super) struct Meta {
    acceptors: Nodes,
    stride: u64,
    /// The smallest quorums of each phase; none where they are majorities.
    quorums: Option<[Vec<Nodes>; 2]>,
}

impl Meta {
    pub(super) fn read(line: &Json) -> Result<Self, String> {
        if line["ev"] != "meta" || line["format"] != "paxos-trace/1" {
            return Err("a trace begins with its `meta`, of the format paxos-trace/1".to_owned());
        }
        let acceptors = names(&line["acceptors"])?;
        let stride = line["stride"].as_u64().filter(|stride| 0 < *stride).ok_or("its stride is no number above 0")?;
        let listed = |name: &str| -> Result<Option<Vec<Nodes>>, String> {
            let Some(list) = line.get(name) else { return Ok(None) };
            let quorums: Vec<Nodes> =
                list.as_array().ok_or("quorums are a list")?.iter().map(names).collect::<Result<_, _>>()?;
            let strange = quorums.iter().any(|quorum| quorum.is_empty() || !quorum.is_subset(&acceptors));
            if strange { Err(format!("`{name}` has nodes that are no acceptors, or none")) } else { Ok(Some(quorums)) }
        };
        let quorums = match (listed("quorums")?, listed("quorums1")?, listed("quorums2")?) {
            (None, None, None) => None,
            (Some(both), None, None) => Some([both.clone(), both]),
            (None, Some(first), Some(second)) => Some([first, second]),
            _ => return Err("quorums are `quorums`, or `quorums1` and `quorums2`".to_owned()),
        };
        Ok(Self { acceptors, stride, quorums })
    }

    /// Whether these are enough, in phase 1 or 2.
    pub(super) fn is_quorum(&self, phase: usize, nodes: &Nodes) -> bool {
        match &self.quorums {
            None => self.acceptors.len() < 2 * nodes.intersection(&self.acceptors).count(),
            Some(quorums) => quorums[phase - 1].iter().any(|quorum| quorum.is_subset(nodes)),
        }
    }

    fn ballot(&self, ballot: &Json) -> Result<Option<Ballot>, String> {
        let numbers: Option<Vec<u64>> =
            ballot.as_array().and_then(|list| list.iter().map(Json::as_u64).collect::<Option<_>>());
        match numbers.as_deref() {
            Some([]) => Ok(None),
            Some([round, proposer]) if *proposer < self.stride => {
                let small = round.checked_mul(self.stride).is_some_and(|number| number < (1 << 31) - proposer);
                if small { Ok(Some((*round, *proposer))) } else { Err(format!("the ballot {ballot} is too high")) }
            }
            _ => Err(format!("{ballot} is no ballot [round, proposer], whose proposer is below {}", self.stride)),
        }
    }

    fn votes(&self, list: &Json) -> Result<Votes, String> {
        let mut votes = Votes::new();
        for vote in list.as_array().ok_or("votes are a list")? {
            let ballot = self.ballot(&vote["bal"])?.ok_or("a vote has a ballot")?;
            if votes.insert(number(vote, "slot")?, (ballot, text(vote, "val")?)).is_some() {
                return Err("two votes in one slot are told".to_owned());
            }
        }
        Ok(votes)
    }
}

/// A line that is not the first.
pub(super) struct Step {
    pub(super) run: u64,
    pub(super) node: String,
    pub(super) again: bool,
    pub(super) event: Event,
}

pub(super) enum Event {
    Opens(Ballot),
    Promises(Ballot, Report),
    Proposes { ballot: Ballot, slot: Slot, value: String, quorum: Nodes },
    Votes { ballot: Ballot, slot: Slot, value: String },
    Chosen { slot: Slot, value: String, ballot: Option<Ballot> },
    Restarts(Option<Ballot>, Report),
}

/// What an acceptor says that it remembers: from a slot on, its highest votes.
#[derive(Clone, PartialEq)]
pub(super) struct Report {
    pub(super) from: Slot,
    pub(super) votes: Votes,
}

impl Step {
    pub(super) fn read(line: &Json, meta: &Meta) -> Result<Self, String> {
        let ballot = || meta.ballot(&line["bal"])?.ok_or_else(|| "there is no ballot".to_owned());
        let (slot, value) = (|| number(line, "slot"), || text(line, "val"));
        let from = || if line.get("from").is_some() { number(line, "from") } else { Ok(0) };
        let report = || Ok::<_, String>(Report { from: from()?, votes: meta.votes(&line["votes"])? });
        let event = match line["ev"].as_str().unwrap_or_default() {
            "1a" => from().and_then(|_| ballot()).map(Event::Opens)?,
            "1b" => Event::Promises(ballot()?, report()?),
            "2a" => Event::Proposes { ballot: ballot()?, slot: slot()?, value: value()?, quorum: names(&line["q"])? },
            "2b" => Event::Votes { ballot: ballot()?, slot: slot()?, value: value()? },
            "chosen" => {
                let ballot = line.get("bal").map(|_| ballot()).transpose()?;
                Event::Chosen { slot: slot()?, value: value()?, ballot }
            }
            "restart" => Event::Restarts(meta.ballot(&line["promised"])?, report()?),
            other => return Err(format!("no event is called {other:?}")),
        };
        let node = text(line, "node")?;
        let votes = matches!(event, Event::Promises(..) | Event::Votes { .. } | Event::Restarts(..));
        if votes && !meta.acceptors.contains(&node) {
            return Err(format!("{node} is no acceptor"));
        }
        let run = if line.get("run").is_some() { number(line, "run")? } else { 0 };
        Ok(Self { run, node, again: line["dup"] == true, event })
    }
}

fn number(line: &Json, name: &str) -> Result<u64, String> {
    line[name].as_u64().ok_or_else(|| format!("`{name}` is no number from 0 on"))
}

fn text(line: &Json, name: &str) -> Result<String, String> {
    line[name].as_str().map(str::to_owned).ok_or_else(|| format!("`{name}` is no text"))
}

fn names(list: &Json) -> Result<Nodes, String> {
    let names: Option<Vec<String>> =
        list.as_array().and_then(|list| list.iter().map(|name| name.as_str().map(str::to_owned)).collect());
    let names = names.ok_or_else(|| format!("{list} is no list of nodes"))?;
    let (count, set) = (names.len(), names.into_iter().collect::<Nodes>());
    if count == set.len() { Ok(set) } else { Err(format!("{list} names a node twice")) }
}

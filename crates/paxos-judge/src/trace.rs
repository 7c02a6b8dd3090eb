//! Judges what nodes said: a trace of a run, against Lamport's specification of Paxos.
//!
//! Each line of a `paxos-trace/1` must be a step that the specification allows in the state that the lines before it led
//! to: that of one ballot for all slots, and of each slot for itself. This is `Paxos.tla`, and its variables with their
//! names, written here a second time, by nothing but the format: no code is shared with what writes traces.
//!
//! What the specification does not know, this judge does not see: what comes after `chosen`, and whether anything is ever
//! chosen. It does see amnesia at once: a `restart` that lacks a promise or a vote is no step, whether anything came of it
//! or not. A vote or a promise that a disk had before its line was written is no amnesia: where the specification allows it,
//! it is taken as a step at the `restart` that tells of it.

mod line;

use std::{
    collections::{BTreeMap, BTreeSet},
    io::BufRead,
};

use serde_json::Value as Json;

use self::line::{Ballot, Event, Meta, Nodes, Report, Slot, Step, Vote, Votes};
use crate::{
    LineError,
    lines::{numbered, said},
};

/// What is to be said of a trace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TraceVerdict {
    /// Each line is a step that the specification allows.
    Allowed {
        /// How many lines were judged.
        lines: usize,
        /// Of how many runs.
        runs: usize,
        /// In how many slots of them something was said to be chosen.
        chosen: usize,
    },
    /// This one is not; no line was judged after it.
    Forbidden {
        /// Which, from 1.
        line: usize,
        /// Why.
        what: String,
    },
}

/// Judges a trace.
///
/// # Errors
///
/// When it is none, or cannot be read.
pub fn judge_trace(from: impl BufRead) -> Result<TraceVerdict, LineError> {
    let (mut meta, mut runs, mut lines) = (None, BTreeMap::<u64, Spec>::new(), 0);
    for text in numbered(from) {
        let (line, text) = text?;
        let wrong = |what: String| LineError { line, what };
        let event: Json = serde_json::from_slice(&text).map_err(|error| wrong(said(&error)))?;
        if has_null(&event) {
            return Err(wrong("there is no null in a trace".to_owned()));
        }
        let Some(meta) = &meta else {
            meta = Some(Meta::read(&event).map_err(wrong)?);
            continue;
        };
        let step = Step::read(&event, meta).map_err(wrong)?;
        lines += 1;
        match runs.entry(step.run).or_default().take(&step, meta) {
            Ok(()) => {}
            Err(what) => return Ok(TraceVerdict::Forbidden { line, what }),
        }
    }
    if meta.is_none() {
        return Err(LineError { line: 0, what: "it is empty".to_owned() });
    }
    let chosen = runs.values().map(|spec| spec.told.len()).sum();
    Ok(TraceVerdict::Allowed { lines, runs: runs.len(), chosen })
}

/// The variables of the specification, for one run.
#[derive(Default)]
struct Spec {
    /// Who has opened a ballot.
    opened: BTreeMap<Ballot, String>,
    max_ballot: BTreeMap<String, Ballot>,
    max_vote: BTreeMap<String, Votes>,
    promises: BTreeMap<(Ballot, String), Report>,
    proposals: BTreeMap<(Ballot, Slot), (String, Nodes)>,
    votes: BTreeMap<(Slot, Ballot), (String, Nodes)>,
    /// All slots below are chosen: so far it was looked.
    settled: Slot,
    /// Slots of which somebody was told that they are chosen.
    told: BTreeSet<Slot>,
}

impl Spec {
    /// A step, if it is one; if not, why not.
    fn take(&mut self, step: &Step, meta: &Meta) -> Result<(), String> {
        let Step { node, again, event, .. } = step;
        match event {
            Event::Opens(ballot) => self.open(node, *ballot),
            Event::Promises(ballot, report) if *again => {
                let same = self.promises.get(&(*ballot, node.clone())) == Some(report);
                ensure(same, || format!("{node} repeats a promise of {} that it has not given", shown(*ballot)))
            }
            Event::Promises(ballot, report) => self.promise(node, *ballot, report, meta),
            Event::Proposes { ballot, slot, value, quorum } if *again => {
                let same = self.proposals.get(&(*ballot, *slot)) == Some(&(value.clone(), quorum.clone()));
                ensure(same, || format!("{node} repeats a proposal of {} that it has not made", shown(*ballot)))
            }
            Event::Proposes { ballot, slot, value, quorum } => self.propose(node, *ballot, *slot, value, quorum, meta),
            Event::Votes { ballot, slot, value } if *again => {
                let same =
                    self.votes.get(&(*slot, *ballot)).is_some_and(|(cast, by)| cast == value && by.contains(node));
                ensure(same, || format!("{node} repeats a vote in {} that it has not cast", shown(*ballot)))
            }
            Event::Votes { ballot, slot, value } => {
                let fresh =
                    self.max_vote.get(node).and_then(|votes| votes.get(slot)) != Some(&(*ballot, value.clone()));
                ensure(fresh, || format!("{node} has voted so before, and this is no `dup`"))?;
                self.vote(node, *ballot, *slot, value)
            }
            Event::Chosen { slot, value, ballot } => {
                let chosen =
                    self.chosen(*slot, meta).any(|(at, chosen)| chosen == value && ballot.is_none_or(|b| b == at));
                self.told.insert(*slot);
                ensure(chosen, || format!("no quorum has voted for {value:?} in slot {slot} in one ballot"))
            }
            Event::Restarts(promised, report) => self.restart(node, *promised, report, meta),
        }
    }

    /// Phase 1a. It may be said again; but a ballot is one proposer's.
    fn open(&mut self, node: &str, ballot: Ballot) -> Result<(), String> {
        let by = self.opened.entry(ballot).or_insert_with(|| node.to_owned());
        ensure(by == node, || format!("{} is opened by {node}, and was by {by}", shown(ballot)))
    }

    /// Phase 1b: the ballot is higher than any that was promised, and all votes are told.
    fn promise(&mut self, node: &str, ballot: Ballot, report: &Report, meta: &Meta) -> Result<(), String> {
        ensure(self.opened.contains_key(&ballot), || format!("nobody has opened {}", shown(ballot)))?;
        let promised = self.max_ballot.get(node).copied();
        ensure(promised < Some(ballot), || {
            format!(
                "{node} promises {} when it has promised {}",
                shown(ballot),
                promised.map_or_else(String::new, shown)
            )
        })?;
        self.remembers(node, report, meta)?;
        self.max_ballot.insert(node.to_owned(), ballot);
        self.promises.insert((ballot, node.to_owned()), report.clone());
        Ok(())
    }

    /// Phase 2a: the value of the highest vote among the promises of a quorum, or any. A promise that begins above the slot
    /// says that it is chosen.
    fn propose(
        &mut self,
        node: &str,
        ballot: Ballot,
        slot: Slot,
        value: &str,
        quorum: &Nodes,
        meta: &Meta,
    ) -> Result<(), String> {
        ensure(self.opened.get(&ballot).is_some_and(|by| by == node), || {
            format!("{node} has not opened {}", shown(ballot))
        })?;
        ensure(meta.is_quorum(1, quorum), || format!("{quorum:?} are no quorum of phase 1"))?;
        let promises = quorum.iter().map(|acceptor| {
            let promise = self.promises.get(&(ballot, acceptor.clone()));
            promise.ok_or_else(|| format!("{acceptor} has not promised {}", shown(ballot)))
        });
        let promises: Vec<&Report> = promises.collect::<Result<_, _>>()?;
        if promises.iter().any(|promise| slot < promise.from) {
            let other = self.chosen(slot, meta).find(|(_, chosen)| *chosen != value);
            ensure(other.is_none(), || format!("{value:?} is proposed where another value is chosen, in slot {slot}"))?;
        }
        if let Some((at, safe)) = promises.iter().filter_map(|promise| promise.votes.get(&slot)).max() {
            ensure(safe == value, || {
                format!(
                    "{value:?} is proposed in slot {slot}, where {safe:?} had to be, which has a vote in {}",
                    shown(*at)
                )
            })?;
        }
        let before = self.proposals.insert((ballot, slot), (value.to_owned(), quorum.clone()));
        ensure(before.is_none(), || format!("a second proposal in {} and slot {slot}", shown(ballot)))
    }

    /// Phase 2b: for what was proposed, in no ballot below the promise.
    fn vote(&mut self, node: &str, ballot: Ballot, slot: Slot, value: &str) -> Result<(), String> {
        let proposed = self.proposals.get(&(ballot, slot)).is_some_and(|(proposed, _)| proposed == value);
        ensure(proposed, || {
            format!("{node} votes for {value:?} in {}, which nobody has proposed there", shown(ballot))
        })?;
        let promised = self.max_ballot.get(node).copied();
        ensure(promised <= Some(ballot), || {
            format!(
                "{node} votes in {} when it has promised {}",
                shown(ballot),
                promised.map_or_else(String::new, shown)
            )
        })?;
        self.max_ballot.insert(node.to_owned(), ballot);
        self.max_vote.entry(node.to_owned()).or_default().insert(slot, (ballot, value.to_owned()));
        let (_, by) = self.votes.entry((slot, ballot)).or_insert_with(|| (value.to_owned(), Nodes::new()));
        by.insert(node.to_owned());
        Ok(())
    }

    /// What a disk holds is what was said; or more, where the rest could have been said.
    fn restart(&mut self, node: &str, promised: Option<Ballot>, report: &Report, meta: &Meta) -> Result<(), String> {
        let known = self.max_vote.get(node).cloned().unwrap_or_default();
        let mut hidden: Vec<(&Vote, Slot)> = report
            .votes
            .iter()
            .filter(|(slot, vote)| known.get(slot) < Some(vote))
            .map(|(slot, vote)| (vote, *slot))
            .collect();
        hidden.sort_unstable();
        for ((ballot, value), slot) in hidden {
            self.vote(node, *ballot, slot, value)?;
        }
        let known = self.max_ballot.get(node).copied();
        ensure(known <= promised, || {
            let known = known.map_or_else(String::new, shown);
            format!(
                "amnesia: {node} had promised {known}, and finds {}",
                promised.map_or("no promise".to_owned(), shown)
            )
        })?;
        self.remembers(node, report, meta).map_err(|what| format!("after a restart, {what}"))?;
        if let Some(promised) = promised.filter(|promised| known < Some(*promised)) {
            ensure(self.opened.contains_key(&promised), || format!("nobody has opened {}", shown(promised)))?;
            self.max_ballot.insert(node.to_owned(), promised);
            self.promises.insert((promised, node.to_owned()), report.clone());
        }
        Ok(())
    }

    /// What is chosen in a slot, with the ballot.
    fn chosen<'a>(&'a self, slot: Slot, meta: &'a Meta) -> impl Iterator<Item = (Ballot, &'a String)> {
        let there = self.votes.range((slot, (0, 0))..).take_while(move |((at, _), _)| *at == slot);
        there.filter(|(_, (_, by))| meta.is_quorum(2, by)).map(|((_, ballot), (value, _))| (*ballot, value))
    }

    /// The report must be of exactly the votes that `node` has cast from a slot on, below which all are chosen.
    fn remembers(&mut self, node: &str, report: &Report, meta: &Meta) -> Result<(), String> {
        while self.settled < report.from && self.chosen(self.settled, meta).next().is_some() {
            self.settled += 1;
        }
        let settled = self.settled;
        ensure(report.from <= settled, || {
            format!("{node} tells of no slot below {}, and slot {settled} is not chosen", report.from)
        })?;
        let none = Votes::new();
        let cast = self.max_vote.get(node).unwrap_or(&none);
        let missing = cast.range(report.from..).find(|(slot, vote)| report.votes.get(slot) != Some(vote));
        ensure(missing.is_none(), || format!("{node} does not tell of its vote {missing:?}"))?;
        let invented = report.votes.iter().find(|(slot, vote)| cast.get(slot) != Some(vote));
        ensure(invented.is_none(), || format!("{node} tells of a vote that it has not cast: {invented:?}"))
    }
}

fn ensure(holds: bool, what: impl FnOnce() -> String) -> Result<(), String> {
    if holds { Ok(()) } else { Err(what()) }
}

fn shown((round, proposer): Ballot) -> String {
    format!("b{round}.{proposer}")
}

fn has_null(json: &Json) -> bool {
    match json {
        Json::Null => true,
        Json::Array(list) => list.iter().any(has_null),
        Json::Object(fields) => fields.values().any(has_null),
        Json::Bool(_) | Json::Number(_) | Json::String(_) => false,
    }
}

//! A judge of traces that shares no code with the world: Lamport's `Paxos.tla`, step by step, over JSON lines.
//!
//! Each line of a `paxos-trace/1` must be a step that the specification allows in the state that the lines before it
//! led to. The reference passes; mutants that break a rule the specification states do not.

use std::collections::{BTreeMap, BTreeSet};

use paxos_basic::Replica;
use paxos_messages::single::{Request, Timer};
use paxos_mutants::{Mutant, Wrong};
use paxos_process::{NodeId, NodeSet};
use paxos_quorums::Quorums;
use paxos_sim::{Bounds, Invariant, Random, Scriptable, Setting, Trace, World};
use serde_json::Value as Json;

type Ballot = Vec<u64>;
type Vote = (Ballot, String);

/// The variables of the specification, for one run.
#[derive(Default)]
struct Spec {
    opened: BTreeSet<Ballot>,
    max_ballot: BTreeMap<String, Ballot>,
    max_vote: BTreeMap<String, Vote>,
    promises: BTreeMap<(Ballot, String), Option<Vote>>,
    proposals: BTreeMap<Ballot, String>,
    votes: BTreeMap<Vote, BTreeSet<String>>,
}

impl Spec {
    fn step(&mut self, line: &Json) -> Result<(), String> {
        let node = line["node"].as_str().expect("every event has a node").to_owned();
        let ballot: Ballot = serde_json::from_value(line["bal"].clone()).unwrap_or_default();
        let value = || line["val"].as_str().expect("a value").to_owned();
        let again = line["dup"] == true;
        match line["ev"].as_str().expect("every event has a kind") {
            "1a" => _ = self.opened.insert(ballot),
            "1b" if again => return self.promised_before(&node, &ballot, &vote(line)),
            "1b" => {
                if !self.opened.contains(&ballot) || self.max_ballot.get(&node) >= Some(&ballot) {
                    return Err(format!("Phase1b is not enabled: {line}"));
                }
                if self.max_vote.get(&node) != vote(line).as_ref() {
                    return Err(format!("the promise reports another vote than was cast: {line}"));
                }
                self.max_ballot.insert(node.clone(), ballot.clone());
                self.promises.insert((ballot, node), vote(line));
            }
            "2a" => self.propose(&ballot, value(), line)?,
            "2b" if again => {
                let cast = self.votes.get(&(ballot, value()));
                return cast.filter(|by| by.contains(&node)).map(|_| ()).ok_or(format!("never voted so: {line}"));
            }
            "2b" => {
                if self.proposals.get(&ballot) != Some(&value()) || self.max_ballot.get(&node) > Some(&ballot) {
                    return Err(format!("Phase2b is not enabled: {line}"));
                }
                self.max_ballot.insert(node.clone(), ballot.clone());
                self.max_vote.insert(node.clone(), (ballot.clone(), value()));
                self.votes.entry((ballot, value())).or_default().insert(node);
            }
            "chosen" => {
                let chosen = |((_, voted), by): (&Vote, &BTreeSet<String>)| *voted == value() && by.len() >= 2;
                self.votes.iter().any(chosen).then_some(()).ok_or(format!("not chosen: {line}"))?;
            }
            "restart" => {
                let promised: Ballot = serde_json::from_value(line["promised"].clone()).expect("a ballot");
                let kept = self.max_ballot.get(&node).cloned().unwrap_or_default() == promised;
                if !kept || self.max_vote.get(&node) != vote(line).as_ref() {
                    return Err(format!("the disk forgot what was said: {line}"));
                }
            }
            other => return Err(format!("no event is called {other}")),
        }
        Ok(())
    }

    fn promised_before(&self, node: &str, ballot: &Ballot, vote: &Option<Vote>) -> Result<(), String> {
        let before = self.promises.get(&(ballot.clone(), node.to_owned()));
        (before == Some(vote)).then_some(()).ok_or(format!("{node} repeats another promise of {ballot:?}"))
    }

    /// Phase 2a: the value of the highest vote among the promises of a quorum, or any.
    fn propose(&mut self, ballot: &Ballot, value: String, line: &Json) -> Result<(), String> {
        let quorum: BTreeSet<String> = serde_json::from_value(line["q"].clone()).expect("a list of names");
        let promises: Option<Vec<_>> =
            quorum.iter().map(|node| self.promises.get(&(ballot.clone(), node.clone()))).collect();
        let promises = promises.filter(|promises| promises.len() >= 2).ok_or(format!("no quorum promised: {line}"))?;
        match promises.into_iter().flatten().max() {
            Some((_, safe)) if *safe != value => return Err(format!("{safe} had to be proposed: {line}")),
            _ => {}
        }
        match self.proposals.insert(ballot.clone(), value) {
            None => Ok(()),
            Some(_) => Err(format!("a second proposal in one ballot: {line}")),
        }
    }
}

fn vote(line: &Json) -> Option<Vote> {
    let vote = line["votes"].get(0)?;
    Some((serde_json::from_value(vote["bal"].clone()).ok()?, vote["val"].as_str()?.to_owned()))
}

/// Simulates seeds and judges their trace: the number of lines, or the first that the specification does not allow.
fn judge<P>(seeds: u64, fresh: impl Fn(Setting) -> World<P>) -> Result<usize, String>
where
    P: Scriptable<Timer = Timer, Request = Request<char>>,
{
    let requests = [(1, 'a'), (2, 'b'), (3, 'c')].map(|(id, value)| (NodeId(id), Request::Propose(value)));
    let (fires, duplicates, drops, crashes) = (20, 20, 40, 6);
    let may_crash = NodeSet::first(3);
    let bounds = Bounds { fires, duplicates, drops, crashes, may_crash, ..Bounds::requests(requests.to_vec()) };
    let setting = Setting::new(Quorums::majority(NodeSet::first(3)).expect("three nodes"));
    let mut trace = Trace::new(Vec::new(), NodeSet::first(3));
    for seed in 0..seeds {
        trace.begin(seed);
        // Judged by nothing while it runs: the trace alone must tell.
        let none: &[Invariant] = &[];
        Random::new(seed).run(&mut fresh(setting), &bounds, none, 400, &mut Vec::new(), &mut trace);
    }
    let text = String::from_utf8(trace.finish().expect("writing to memory")).expect("JSON is text");
    let mut lines = text.lines().map(|line| serde_json::from_str::<Json>(line).expect("every line is JSON"));
    let meta = lines.next().expect("a first line");
    assert_eq!((&meta["ev"], &meta["format"]), (&"meta".into(), &"paxos-trace/1".into()));
    assert!(!text.contains("null"));
    let mut runs = BTreeMap::<u64, Spec>::new();
    for line in lines {
        runs.entry(line["run"].as_u64().expect("every event has a run")).or_default().step(&line)?;
    }
    Ok(text.lines().count())
}

#[test]
fn the_specification_allows_every_trace_of_the_reference() {
    let lines = judge(500, |setting| World::new(setting, |id| Replica::new(id, setting.quorums)));
    assert!(lines.expect("the specification allows every line") > 5_000, "there was something to judge");
}

#[test]
fn the_specification_rejects_traces_of_mutants() {
    for mutant in [Mutant::M1, Mutant::M2, Mutant::M2b, Mutant::M3b, Mutant::M4, Mutant::M5, Mutant::M10, Mutant::B1] {
        let judged = judge(500, |setting| World::new(setting, |id| Wrong::new(Some(mutant), id, setting.quorums)));
        println!("{mutant}: {judged:?}");
        assert!(judged.is_err(), "{mutant} was not noticed");
    }
}

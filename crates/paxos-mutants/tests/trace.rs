//! A judge of traces that shares no code with the world: Lamport's `Paxos.tla`, step by step, over JSON lines.
//!
//! Each line of a `paxos-trace/1` must be a step that the specification allows in the state that the lines before it
//! led to: that of one ballot for all slots, and of each slot for itself. The reference passes, and so does Multi-Paxos;
//! mutants that break a rule the specification states do not.

use std::collections::{BTreeMap, BTreeSet};

use paxos_basic::Replica;
use paxos_messages::{multi, single};
use paxos_mutants::{Mutant, Wrong};
use paxos_process::{NodeId, NodeSet};
use paxos_quorums::Quorums;
use paxos_sim::{Bounds, Choice, Disk, Invariant, Random, Scriptable, Setting, Trace, World};
use serde_json::Value as Json;

type Ballot = Vec<u64>;
type Vote = (Ballot, String);
type Votes = BTreeMap<u64, Vote>;

/// What an acceptor says that it remembers: from a slot on, its highest votes.
#[derive(PartialEq)]
struct Report {
    from: u64,
    votes: Votes,
}

/// The variables of the specification, for one run.
#[derive(Default)]
struct Spec {
    opened: BTreeSet<Ballot>,
    max_ballot: BTreeMap<String, Ballot>,
    max_vote: BTreeMap<String, Votes>,
    /// What was promised first, and what was told when asked again.
    promises: BTreeMap<(Ballot, String), Vec<Report>>,
    proposals: BTreeMap<(Ballot, u64), String>,
    votes: BTreeMap<(u64, Vote), BTreeSet<String>>,
    /// All slots below are chosen: so far it was looked.
    settled: u64,
}

impl Spec {
    fn step(&mut self, line: &Json) -> Result<(), String> {
        let node = line["node"].as_str().expect("every event has a node").to_owned();
        let ballot: Ballot = serde_json::from_value(line["bal"].clone()).unwrap_or_default();
        let slot = || line["slot"].as_u64().expect("a slot");
        let value = || line["val"].as_str().expect("a value").to_owned();
        let again = line["dup"] == true;
        match line["ev"].as_str().expect("every event has a kind") {
            "1a" => _ = self.opened.insert(ballot),
            "1b" if again => {
                let before = self.promises.get(&(ballot, node)).is_some_and(|told| told.contains(&report(line)));
                return before.then_some(()).ok_or(format!("another promise: {line}"));
            }
            // Asked again, an acceptor may have learned meanwhile that more is chosen, or have restarted and forgotten
            // that; the rest it must tell as before.
            "1b" if self.promises.contains_key(&(ballot.clone(), node.clone())) => {
                if self.max_ballot.get(&node) != Some(&ballot) {
                    return Err(format!("a higher ballot is promised: {line}"));
                }
                self.remembers(&node, line)?;
                self.promises.entry((ballot, node)).or_default().push(report(line));
            }
            "1b" => {
                if !self.opened.contains(&ballot) || self.max_ballot.get(&node) >= Some(&ballot) {
                    return Err(format!("Phase1b is not enabled: {line}"));
                }
                self.remembers(&node, line)?;
                self.max_ballot.insert(node.clone(), ballot.clone());
                self.promises.insert((ballot, node), vec![report(line)]);
            }
            "2a" => self.propose(ballot, slot(), value(), line)?,
            "2b" if again => {
                let cast = self.votes.get(&(slot(), (ballot, value())));
                return cast.filter(|by| by.contains(&node)).map(|_| ()).ok_or(format!("never voted so: {line}"));
            }
            "2b" => {
                let proposed = self.proposals.get(&(ballot.clone(), slot()));
                if proposed != Some(&value()) || self.max_ballot.get(&node) > Some(&ballot) {
                    return Err(format!("Phase2b is not enabled: {line}"));
                }
                self.max_ballot.insert(node.clone(), ballot.clone());
                self.max_vote.entry(node.clone()).or_default().insert(slot(), (ballot.clone(), value()));
                self.votes.entry((slot(), (ballot, value()))).or_default().insert(node);
            }
            "chosen" => {
                let chosen = self.chosen(slot()).any(|chosen| *chosen == value());
                chosen.then_some(()).ok_or(format!("not chosen: {line}"))?;
            }
            "restart" => {
                let promised: Ballot = serde_json::from_value(line["promised"].clone()).expect("a ballot");
                if self.max_ballot.get(&node).cloned().unwrap_or_default() != promised {
                    return Err(format!("the disk forgot what was promised: {line}"));
                }
                self.remembers(&node, line)?;
            }
            other => return Err(format!("no event is called {other}")),
        }
        Ok(())
    }

    /// What is chosen in a slot, once for each ballot.
    fn chosen(&self, slot: u64) -> impl Iterator<Item = &String> {
        let first = (slot, Vote::default());
        let there = self.votes.range(first..).take_while(move |((at, _), _)| *at == slot);
        there.filter(|(_, by)| by.len() >= 2).map(|((_, (_, voted)), _)| voted)
    }

    /// The line must tell of exactly the votes that `node` has cast from a slot on, below which all are chosen.
    fn remembers(&mut self, node: &str, line: &Json) -> Result<(), String> {
        let told = report(line);
        while self.chosen(self.settled).next().is_some() {
            self.settled += 1;
        }
        if self.settled < told.from {
            return Err(format!("slot {} is not chosen, and no vote in it is told: {line}", self.settled));
        }
        let cast: Votes = self.max_vote.get(node).cloned().unwrap_or_default().split_off(&told.from);
        (cast == told.votes).then_some(()).ok_or(format!("{node} tells of other votes than were cast: {line}"))
    }

    /// Phase 2a: the value of the highest vote among the promises of a quorum, or any. A promise that begins above the
    /// slot says that it is chosen.
    fn propose(&mut self, ballot: Ballot, slot: u64, value: String, line: &Json) -> Result<(), String> {
        let quorum: BTreeSet<String> = serde_json::from_value(line["q"].clone()).expect("a list of names");
        let promises: Option<Vec<&Report>> =
            quorum.iter().map(|node| self.promises.get(&(ballot.clone(), node.clone()))?.first()).collect();
        let promises = promises.filter(|promises| promises.len() >= 2).ok_or(format!("no quorum promised: {line}"))?;
        if promises.iter().any(|promise| slot < promise.from) && self.chosen(slot).any(|chosen| *chosen != value) {
            return Err(format!("something else is chosen: {line}"));
        }
        match promises.iter().filter_map(|promise| promise.votes.get(&slot)).max() {
            Some((_, safe)) if *safe != value => return Err(format!("{safe} had to be proposed: {line}")),
            _ => {}
        }
        match self.proposals.insert((ballot, slot), value.clone()) {
            None => Ok(()),
            Some(before) if line["dup"] == true && before == value => Ok(()),
            Some(_) => Err(format!("a second proposal in one ballot: {line}")),
        }
    }
}

fn report(line: &Json) -> Report {
    let from = line["from"].as_u64().expect("a first slot");
    let vote = |vote: &Json| {
        let ballot = serde_json::from_value(vote["bal"].clone()).expect("a ballot");
        (vote["slot"].as_u64().expect("a slot"), (ballot, vote["val"].as_str().expect("a value").to_owned()))
    };
    Report { from, votes: line["votes"].as_array().expect("a list of votes").iter().map(vote).collect() }
}

/// Simulates seeds and judges their trace: the number of lines, or the first that the specification does not allow.
fn judge<P>(seeds: u64, fresh: impl Fn(Setting) -> World<P>) -> Result<usize, String>
where
    P: Scriptable<Timer = single::Timer, Request = single::Request<char>>,
{
    let requests = [(1, 'a'), (2, 'b'), (3, 'c')].map(|(id, value)| (NodeId(id), single::Request::Propose(value)));
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
    judge_text(trace)
}

/// The number of lines, or the first that the specification does not allow.
fn judge_text(trace: Trace<Vec<u8>>) -> Result<usize, String> {
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

#[test]
fn the_specification_allows_every_trace_of_a_log() {
    let quorums = Quorums::majority(NodeSet::first(3)).expect("three nodes");
    let options = paxos_multi::Options { window: 4, retain: 4 };
    // An answer leaves in the step that makes it: what it tells of is read off the acceptor when it leaves.
    let setting = Setting { disk: Disk::AtOnce, ..Setting::new(quorums) };
    let mut trace = Trace::with_quorums(Vec::new(), &quorums);
    for seed in 0..100 {
        trace.begin(seed);
        let mut world = World::new(setting, |id| paxos_multi::Replica::<String>::new(id, quorums, options));
        let (fires, duplicates, drops, crashes, cuts) = (10_000, 200, 200, 20, 100);
        let may_crash = NodeSet::first(3);
        let none = Bounds::requests(Vec::new());
        let bounds = Bounds { fires, duplicates, drops, crashes, cuts, may_crash, ..none };
        let mut random = Random::new(seed).ticking();
        for command in 0..100 {
            random.run(&mut world, &bounds, &[], 10, &mut Vec::new(), &mut trace);
            let up = |id: &NodeId| world.is_up(*id) && world.process(*id).serves();
            if let Some(leader) = may_crash.iter().find(up) {
                let request = multi::Request::Propose(format!("c{command}"));
                world.apply(&Choice::Request(leader, request), &mut trace);
            }
        }
    }
    let lines = judge_text(trace).expect("the specification allows every line");
    assert!(lines > 10_000, "there was something to judge: {lines}");
}

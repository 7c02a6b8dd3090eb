//! Traces in the format `paxos-trace/1`: JSON Lines that an outside validator can hold against Lamport's
//! specification.
//!
//! The first line names the format, the acceptors and the *stride*, a number above every proposer's index, by which a
//! ballot `[round, proposer]` becomes one integer; where quorums are not majorities, `quorums1` and `quorums2` list the
//! smallest of each phase. Each line after it is one event:
//!
//! | `ev` | fields | written when |
//! |---|---|---|
//! | `1a` | `bal`, `from` | a proposer opens a ballot |
//! | `1b` | `bal`, `from`, `votes` | a promise is durable and leaves |
//! | `2a` | `bal`, `slot`, `val`, `q` | a proposer has picked the value; `q` are the promises it used |
//! | `2b` | `bal`, `slot`, `val` | a vote is durable and leaves |
//! | `chosen` | `slot`, `val` | a learner first considers the slot chosen |
//! | `restart` | `promised`, `from`, `votes` | an acceptor has found this on its disk |
//!
//! `from` is the first slot that an event is about. A ballot is opened, and promised, for all slots: so it is 0 in `1a`,
//! and in `1b` and `restart` it is above 0 only where the acceptor keeps no votes any more, all below being chosen. A
//! snapshot is taken over without an event: it is knowledge of what was chosen, not a step of the specification.
//!
//! A `val` is what its value is shown as. Where two values of a run are shown alike, as long ones of one length are, the second
//! is told with `~2` behind it: a judge must be able to tell them apart.
//!
//! All have `node` and `run`: many runs fit in one file. An identical repetition says `"dup":true`. There is no null;
//! no ballot is `[]`. Refusals and confirmations promise nothing and are not written; nor is a promise that is said again
//! from another slot on, and tells nothing else. A disk that is lost is outside of
//! the specification, whose acceptors forget nothing: a run is written until that happens, and no further.

use std::{
    collections::BTreeMap,
    fmt::Display,
    hash::Hash,
    io::{self, Write},
};

use paxos_messages::{Ballot, Fact, Observed, Slot, Vote};
use paxos_process::{NodeId, NodeSet};
use paxos_quorums::Quorums;
use serde_json::{Value as Json, json};

use crate::{Happening, Watch, world::fingerprint};

/// Writes a trace while a run happens.
#[derive(Debug)]
pub struct Trace<W> {
    out: W,
    run: u64,
    /// What has been written in this run, by what it is about: an event that comes again is a repetition.
    written: BTreeMap<String, Json>,
    names: Names,
    /// Whether a disk was lost in this run.
    is_over: bool,
    error: Option<io::Error>,
}

impl<W: Write> Trace<W> {
    /// Starts a trace of a cluster of `members`, whose quorums are majorities.
    pub fn new(out: W, members: NodeSet) -> Self {
        Self::begin_with(out, &meta(members))
    }

    /// Starts a trace of a cluster with these quorums.
    ///
    /// # Panics
    ///
    /// When it has more than 16 members: to list their quorums would take too long.
    pub fn with_quorums(out: W, quorums: &Quorums) -> Self {
        let members = quorums.members();
        let mut meta = meta(members);
        if Quorums::majority(members).as_ref() != Ok(quorums) {
            meta["quorums1"] = json!(smallest(members, |nodes| quorums.is_phase1(nodes)));
            meta["quorums2"] = json!(smallest(members, |nodes| quorums.is_phase2(nodes)));
        }
        Self::begin_with(out, &meta)
    }

    /// The events of one run, without the line that a trace begins with: for whoever makes many runs at a time, and puts what they
    /// write behind each other.
    pub const fn of_run(out: W, run: u64) -> Self {
        Self { out, run, written: BTreeMap::new(), names: Names(BTreeMap::new()), is_over: false, error: None }
    }

    fn begin_with(out: W, meta: &Json) -> Self {
        let mut trace = Self::of_run(out, 0);
        trace.write(meta);
        trace
    }

    /// Goes on with another run.
    pub fn begin(&mut self, run: u64) {
        self.run = run;
        self.written.clear();
        self.names = Names::default();
        self.is_over = false;
    }

    /// Ends the trace.
    ///
    /// # Errors
    ///
    /// The first error that writing met.
    pub fn finish(mut self) -> io::Result<W> {
        match self.error.take() {
            Some(error) => Err(error),
            None => self.out.flush().map(|()| self.out),
        }
    }

    fn event(&mut self, node: NodeId, mut event: Json) {
        self.sign(node, &mut event);
        let ev = event["ev"].as_str().unwrap_or_default().to_owned();
        let about = about(&event);
        let before = if ev == "restart" { None } else { self.written.insert(about.clone(), event.clone()) };
        match (before, ev.as_str()) {
            (None, _) => self.write(&event),
            (Some(_), "chosen") => {} // a learner that restarted and found out again: not the first time
            (Some(before), "1b") if before != event && tells_the_same(&before, &event) => {
                self.written.insert(about, before);
            }
            (Some(before), "1b") if before != event => {
                self.written.insert(about, before);
                self.write(&event); // a second promise, which the specification does not know
            }
            (Some(mut before), _) => {
                self.written.insert(about, before.clone());
                before["dup"] = json!(true);
                self.write(&before);
            }
        }
    }

    fn sign(&self, node: NodeId, event: &mut Json) {
        event["node"] = json!(node.to_string());
        event["run"] = json!(self.run);
    }

    /// A disk may hold more than its node had said before it crashed: then the restart tells of it, and what the node says
    /// of it later is a repetition.
    fn told_by_restart(&mut self, node: NodeId, mut event: Json) {
        self.sign(node, &mut event);
        self.written.entry(about(&event)).or_insert(event);
    }

    fn write(&mut self, line: &Json) {
        if self.error.is_none() {
            self.error = writeln!(self.out, "{line}").err();
        }
    }
}

impl<P: Observed<Decree: Display>, W: Write> Watch<P> for Trace<W> {
    fn see(&mut self, happening: Happening<'_, P>) {
        match happening {
            _ if self.is_over => {}
            Happening::Lost(_) => self.is_over = true,
            Happening::Fact(node, fact) => {
                if let Fact::VotedAll { ballot, from, values } = fact {
                    for (slot, value) in (from.0..).zip(values) {
                        let vote = self.names.vote(*ballot, Slot(slot), value);
                        self.event(node, vote);
                    }
                } else if let Some(line) = self.names.fact(fact) {
                    self.event(node, line);
                }
            }
            Happening::Restarted(node, memory) => {
                let promised = memory.promised.map_or_else(|| json!([]), ballot);
                let votes = self.names.votes(&memory.votes);
                self.event(node, json!({"ev": "restart", "promised": promised, "from": memory.from.0, "votes": votes}));
                for (slot, vote) in &memory.votes {
                    let vote = self.names.vote(vote.ballot, *slot, &vote.value);
                    self.told_by_restart(node, vote);
                }
                if let Some(promised) = memory.promised {
                    let promise = self.names.promise(promised, memory.from, &memory.votes);
                    self.told_by_restart(node, promise);
                }
            }
            _ => {}
        }
    }
}

/// What an event is about. A proposal that is said again was founded on what it was founded on the first time.
fn about(event: &Json) -> String {
    let mut about = event.clone();
    for (of, name) in [("1b", "votes"), ("1b", "from"), ("2a", "q")] {
        if event["ev"] == of {
            about[name] = json!(0);
        }
    }
    about.to_string()
}

/// Whether two promises of one ballot tell of the same votes in the slots that both speak for. An acceptor that is asked
/// again may have learned meanwhile that more is chosen, or have restarted and forgotten that.
fn tells_the_same(first: &Json, second: &Json) -> bool {
    let from = first["from"].as_u64().max(second["from"].as_u64());
    let told = |report: &Json| -> Vec<Json> {
        let votes = report["votes"].as_array().into_iter().flatten();
        votes.filter(|vote| from <= vote["slot"].as_u64()).cloned().collect()
    };
    told(first) == told(second)
}

fn meta(members: NodeSet) -> Json {
    let stride = members.iter().map(|node| u32::from(node.0) + 1).max().unwrap_or(1);
    json!({"ev": "meta", "format": "paxos-trace/1", "acceptors": names(members), "stride": stride})
}

/// The sets of members that are enough, and would not be without any one of them.
fn smallest(members: NodeSet, is_enough: impl Fn(NodeSet) -> bool) -> Vec<Vec<String>> {
    assert!(members.len() <= 16, "the quorums of a cluster of {} are not listed", members.len());
    let subset = |bits: u32| -> NodeSet {
        let chosen = members.iter().enumerate().filter(|(position, _)| bits >> position & 1 == 1);
        chosen.fold(NodeSet::EMPTY, |nodes, (_, node)| nodes.with(node))
    };
    let is_smallest = |nodes: &NodeSet| is_enough(*nodes) && nodes.iter().all(|node| !is_enough(nodes.without(node)));
    (0..1 << members.len()).map(subset).filter(is_smallest).map(names).collect()
}

/// What the values of a run are called: by their text, all those whose text is the same in the order in which they came.
#[derive(Clone, Debug, Default)]
struct Names(BTreeMap<String, Vec<u64>>);

impl Names {
    fn of<V: Display + Hash>(&mut self, value: &V) -> String {
        let (text, value) = (value.to_string(), fingerprint(value));
        let alike = self.0.entry(text.clone()).or_default();
        let position = alike.iter().position(|known| *known == value).unwrap_or_else(|| {
            alike.push(value);
            alike.len() - 1
        });
        if position == 0 { text } else { format!("{text}~{}", position + 1) }
    }

    fn fact<V: Display + Hash>(&mut self, fact: &Fact<V>) -> Option<Json> {
        Some(match fact {
            Fact::Opened { ballot: bal } => json!({"ev": "1a", "bal": ballot(*bal), "from": 0}),
            Fact::Promised { ballot: bal, from, votes } => self.promise(*bal, *from, votes),
            Fact::Proposed { slot, ballot: bal, value, quorum } => json!({
                "ev": "2a", "bal": ballot(*bal), "slot": slot.0, "val": self.of(value), "q": names(*quorum)
            }),
            Fact::Voted { slot, vote } => self.vote(vote.ballot, *slot, &vote.value),
            Fact::Learned { slot, value } => json!({"ev": "chosen", "slot": slot.0, "val": self.of(value)}),
            // A snapshot is knowledge of what was chosen, not a step of the specification.
            Fact::Installed { .. } | Fact::Answered { .. } => return None,
            Fact::VotedAll { .. } => return None, // a line for each slot
        })
    }

    fn promise<V: Display + Hash>(&mut self, bal: Ballot, from: Slot, votes: &[(Slot, Vote<V>)]) -> Json {
        json!({"ev": "1b", "bal": ballot(bal), "from": from.0, "votes": self.votes(votes)})
    }

    fn vote<V: Display + Hash>(&mut self, bal: Ballot, slot: Slot, value: &V) -> Json {
        json!({"ev": "2b", "bal": ballot(bal), "slot": slot.0, "val": self.of(value)})
    }

    fn votes<V: Display + Hash>(&mut self, votes: &[(Slot, Vote<V>)]) -> Json {
        let vote = |(slot, vote): &(Slot, Vote<V>)| json!({"slot": slot.0, "bal": ballot(vote.ballot), "val": self.of(&vote.value)});
        votes.iter().map(vote).collect()
    }
}

fn ballot(ballot: Ballot) -> Json {
    json!([ballot.round, ballot.node.0])
}

fn names(nodes: NodeSet) -> Vec<String> {
    nodes.iter().map(|node| node.to_string()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Shown as its length, as long values are.
    #[derive(Hash)]
    struct Long(&'static str);

    impl Display for Long {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            write!(f, "<{} bytes>", self.0.len())
        }
    }

    #[test]
    fn values_that_are_shown_alike_have_names_of_their_own() {
        let mut names = Names::default();
        let mut named = |value| names.of(&Long(value));
        assert_eq!(
            ["aa", "bb", "c", "bb", "aa"].map(&mut named),
            ["<2 bytes>", "<2 bytes>~2", "<1 bytes>", "<2 bytes>~2", "<2 bytes>"]
        );
    }
}

//! What was heard of the nodes, and the judgement on it.
//!
//! The judge believes no node that says that all is well. It counts the votes that were sent, and compares what
//! clients and nodes were told.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::{Duration, Instant},
};

use paxos_messages::{Phase, single::Output};
use serde_json::{Value, json};

use super::{NODES, News, Screen, screen::BOLD};
use crate::decree::Decree;

/// What was heard so far, as far as the story waits for it. Nodes by number.
#[derive(Default)]
pub(super) struct Heard {
    /// Which nodes run, each with the number of its life.
    pub(super) running: BTreeMap<u8, u32>,
    /// Which nodes are ready, and how many records they have replayed.
    pub(super) ready: BTreeMap<u8, u64>,
    /// Who is connected to whom.
    pub(super) links: BTreeSet<(u8, String)>,
    /// Whose promises have reached another node.
    pub(super) promised_by: BTreeSet<u8>,
    /// Which nodes have told what is chosen, and how often.
    pub(super) told: BTreeMap<u8, u32>,
    /// What the proposing clients were told, by client.
    pub(super) answers: BTreeMap<usize, Output<Decree>>,
    /// The last answer to a question.
    pub(super) learned: Option<Decree>,
}

/// Everything that was heard.
pub(super) struct Tally {
    heard: Heard,
    started: Instant,
    /// Messages by phase.
    messages: BTreeMap<String, u64>,
    /// Ballots in the order in which they were opened, each with the life of its proposer.
    opened: Vec<(String, u32)>,
    /// The values asked for in each ballot; whole, like all values here, because beginnings may be the same.
    proposed: BTreeMap<String, BTreeSet<String>>,
    /// Who has voted, by ballot and value.
    votes: BTreeMap<(String, String), BTreeSet<u8>>,
}

impl Tally {
    pub(super) fn new() -> Self {
        Self {
            heard: Heard::default(),
            started: Instant::now(),
            messages: Phase::ALL.iter().map(|phase| (phase.to_string(), 0)).collect(),
            opened: Vec::new(),
            proposed: BTreeMap::new(),
            votes: BTreeMap::new(),
        }
    }

    pub(super) const fn heard(&self) -> &Heard {
        &self.heard
    }

    /// The last answer to a question; asked once.
    pub(super) const fn take_learned(&mut self) -> Option<Decree> {
        self.heard.learned.take()
    }

    pub(super) fn count(&mut self, news: News) {
        match news {
            News::Logged { node, life, line } => self.logged(node, life, &line),
            News::Ended { node, life, .. } if self.heard.running.get(&node) == Some(&life) => {
                self.heard.running.remove(&node);
                self.forget(node);
            }
            News::Answered { client: Some(client), answer: Ok(output) } => {
                self.heard.answers.insert(client, output);
            }
            News::Answered { client: None, answer: Ok(Output::Learned(value)) } => self.heard.learned = Some(value),
            News::Ended { .. } | News::Answered { .. } | News::Interrupted => {}
        }
    }

    /// A node begins a life. What is still to be heard of an earlier one says nothing about this one.
    pub(super) fn started(&mut self, node: u8, life: u32) {
        self.heard.running.insert(node, life);
        self.forget(node);
    }

    /// A node that is gone is neither ready nor connected.
    fn forget(&mut self, node: u8) {
        self.heard.ready.remove(&node);
        let name = format!("n{node}");
        self.heard.links.retain(|(from, to)| *from != node && *to != name);
    }

    fn logged(&mut self, node: u8, life: u32, line: &Value) {
        let text = |field: &str| line[field].as_str().unwrap_or_default();
        let is_current = self.heard.running.get(&node) == Some(&life);
        match (text("target"), text("message")) {
            ("paxos::node" | "paxos::link", _) if !is_current => {}
            ("paxos::node", "ready") => drop(self.heard.ready.insert(node, line["records"].as_u64().unwrap_or(0))),
            ("paxos::link", "connected") => drop(self.heard.links.insert((node, text("to").to_owned()))),
            ("paxos::link", "disconnected") => drop(self.heard.links.remove(&(node, text("to").to_owned()))),
            ("paxos::output", output) if output.starts_with("learned ") => {
                *self.heard.told.entry(node).or_default() += 1;
            }
            ("paxos::received", message) if message.starts_with("Promise ") => {
                let from = text("from").trim_start_matches('n').parse().unwrap_or(node);
                if from != node {
                    self.heard.promised_by.insert(from);
                }
            }
            ("paxos::message", _) => {
                *self.messages.entry(text("phase").to_owned()).or_default() += 1;
                self.sent(node, life, text("kind"), text("ballot").to_owned(), text("value").to_owned());
            }
            _ => {}
        }
    }

    fn sent(&mut self, node: u8, life: u32, kind: &str, ballot: String, value: String) {
        match kind {
            "Prepare" => {
                let opened = (ballot, life);
                if !self.opened.contains(&opened) {
                    self.opened.push(opened);
                }
            }
            "Accept" => drop(self.proposed.entry(ballot).or_default().insert(value)),
            "Accepted" => drop(self.votes.entry((ballot, value)).or_default().insert(node)),
            _ => {}
        }
    }

    /// Judges the run: `proposed` by the clients, `learned` by the nodes before and `relearned` after the restart.
    pub(super) fn judge(&self, proposed: &[Decree], learned: &[Decree], relearned: &[Decree]) -> Verdict {
        let chosen = learned.first().cloned();
        let told = |values: &[Decree]| values.len() == NODES.len() && values.iter().all(|v| Some(v) == chosen.as_ref());
        let answers = &self.heard.answers;
        let agreed =
            |output: &Output<Decree>| matches!(output, Output::Learned(value) if Some(value) == chosen.as_ref());
        let elections: Vec<_> = self.votes.iter().filter(|(_, voters)| NODES.len() / 2 < voters.len()).collect();
        let decided: BTreeSet<_> = elections.iter().map(|((_, value), _)| value.as_str()).collect();
        let first = elections.first().map(|((ballot, _), voters)| {
            format!("{ballot}: {}", voters.iter().map(|node| format!("n{node}")).collect::<Vec<_>>().join(" "))
        });
        let ballots: BTreeSet<_> = self.opened.iter().map(|(ballot, _)| ballot).collect();
        let checks = vec![
            (
                "Validity: the chosen value was proposed by a client".to_owned(),
                chosen.as_ref().is_some_and(|chosen| proposed.contains(chosen)),
            ),
            (
                format!(
                    "Agreement: a majority voted for it in one ballot ({}), and for no other",
                    first.unwrap_or_default()
                ),
                decided.len() == 1 && decided.first().copied() == chosen.as_ref().map(Decree::as_str),
            ),
            (
                "OneValuePerBallot: no ballot carried two values".to_owned(),
                self.proposed.values().all(|values| values.len() == 1),
            ),
            ("no ballot was used in two lives of a node".to_owned(), ballots.len() == self.opened.len()),
            (
                format!("every client was told it ({} of {})", answers.len(), proposed.len()),
                answers.len() == proposed.len() && answers.values().all(agreed),
            ),
            ("all three nodes know it, also the one that was killed".to_owned(), told(learned)),
            ("ChosenStaysChosen: all three know it after a restart from disk".to_owned(), told(relearned)),
        ];
        Verdict {
            chosen,
            proposed: proposed.to_vec(),
            checks,
            messages: self.messages.clone(),
            ballots: self.opened.iter().map(|(ballot, _)| ballot.clone()).collect(),
            took: self.started.elapsed(),
        }
    }
}

/// What was checked, and what was counted.
pub(super) struct Verdict {
    chosen: Option<Decree>,
    proposed: Vec<Decree>,
    checks: Vec<(String, bool)>,
    messages: BTreeMap<String, u64>,
    ballots: Vec<String>,
    took: Duration,
}

impl Verdict {
    /// Whether everything held.
    pub(super) fn held(&self) -> bool {
        self.checks.iter().all(|(_, held)| *held)
    }

    pub(super) fn show(&self, screen: &mut Screen) -> anyhow::Result<()> {
        let chosen = self.chosen.as_ref().map(Decree::to_string);
        let title = format!("Verdict: {}; chosen: {:?}", self.word(), chosen.unwrap_or_default());
        let title = screen.styled(BOLD, &title);
        screen.line(&format!("\n{title}"))?;
        for (check, held) in &self.checks {
            screen.line(&format!("  {}  {check}", if *held { "yes" } else { "NO " }))?;
        }
        let phases: Vec<_> =
            Phase::ALL.iter().map(|phase| format!("{phase} {}", self.messages[phase.name()])).collect();
        screen.line(&format!("  Messages by phase: {}. Ballots: {}.", phases.join(", "), self.ballots.join(" ")))?;
        screen.line(&format!("  {:.1} s.", self.took.as_secs_f64()))
    }

    pub(super) fn to_json(&self) -> Value {
        json!({
            "verdict": self.word(),
            "chosen": self.chosen,
            "proposed": self.proposed,
            "checks": self.checks.iter().map(|(check, held)| json!({ "check": check, "held": held })).collect::<Vec<_>>(),
            "messages": self.messages,
            "ballots": self.ballots,
            "seconds": self.took.as_secs_f64(),
        })
    }

    fn word(&self) -> &'static str {
        if self.held() { "held" } else { "VIOLATED" }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `node` has sent this message, as its log tells.
    fn sent(tally: &mut Tally, node: u8, kind: &str, value: &str) {
        let line = json!({
            "target": "paxos::message", "message": "", "phase": "decide", "kind": kind, "ballot": "b1.1", "value": value,
        });
        tally.count(News::Logged { node, life: 1, line });
    }

    /// Of all checks of a run in which n1 asks for `asked` and the two nodes that vote vote for `voted`: those that
    /// failed of the first three.
    fn failed(asked: [&str; 2], voted: [&str; 2], chosen: &str) -> Vec<String> {
        let mut tally = Tally::new();
        asked.iter().for_each(|value| sent(&mut tally, 1, "Accept", value));
        voted.iter().zip([1, 2]).for_each(|(value, node)| sent(&mut tally, node, "Accepted", value));
        let chosen: Decree = chosen.parse().unwrap();
        let learned = vec![chosen.clone(); NODES.len()];
        let verdict = tally.judge(&[chosen], &learned, &learned);
        let names = verdict.checks[..3].iter().filter(|(_, held)| !held);
        names.map(|(check, _)| check.split(':').next().unwrap().to_owned()).collect()
    }

    #[test]
    fn values_with_the_same_beginning_are_two_values() {
        let [a, b] = ["a", "b"].map(|end| "x".repeat(40) + end);
        let [a, b] = [a.as_str(), b.as_str()];
        let shown = |value: &str| value.parse::<Decree>().unwrap().to_string();
        assert_eq!(shown(a), shown(b), "nobody could tell by the beginning");
        assert_eq!(failed([a, a], [a, a], a), Vec::<String>::new());
        assert_eq!(failed([a, b], [a, a], a), ["OneValuePerBallot"]);
        assert_eq!(failed([a, a], [a, b], a), ["Agreement"], "no majority for either");
        assert_eq!(failed([b, b], [b, b], a), ["Agreement"], "they voted for the other");
    }
}

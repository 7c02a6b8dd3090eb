//! The article's toy on every node of a cluster. With no rule it is the sketch, with all six it is Paxos.
//!
//! Look for `self.rules.keep(`: every difference between the two stands there.

use std::{collections::BTreeMap, convert::Infallible};

use paxos::{
    messages::{
        Ballot, Vote,
        single::{Output, Record, Request},
    },
    process::{Effects, Event, NodeId, NodeSet, Process},
    quorums::Quorums,
};

use crate::{
    message::Message,
    rules::{Rule, Rules},
};

type Effect = Effects<Message, Record<char>, Infallible, Output<char>>;

/// A node of the sketch.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Toy {
    id: NodeId,
    rules: Rules,
    quorums: Quorums,
    /// The number of my last proposal: the article counts its map `proposals`.
    proposed: Option<Ballot>,
    /// Who has promised me that number, while I am not elected.
    election: Option<Election>,
    /// The highest number that I have promised.
    promised: Option<Ballot>,
    /// What I have voted for last: the article's `accepted_values`.
    accepted: Option<Vote<char>>,
    /// Who has voted for what, as far as I was told.
    voters: BTreeMap<Vote<char>, NodeSet>,
    learned: Option<char>,
}

/// An election under way: the value I want, who has promised, and the highest vote they reported.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Election {
    value: char,
    promised_by: NodeSet,
    highest: Option<Vote<char>>,
}

impl Toy {
    pub(crate) const fn new(id: NodeId, quorums: Quorums, rules: Rules) -> Self {
        let voters = BTreeMap::new();
        Self {
            id,
            rules,
            quorums,
            proposed: None,
            election: None,
            promised: None,
            accepted: None,
            voters,
            learned: None,
        }
    }

    pub(crate) fn promised(&self) -> Option<Ballot> {
        self.promised.max(self.accepted.as_ref().map(|vote| vote.ballot))
    }

    pub(crate) const fn accepted(&self) -> Option<&Vote<char>> {
        self.accepted.as_ref()
    }

    // ANCHOR: propose
    /// The article: "the number is how many proposals there are; store the value under it, return the number."
    fn propose(&mut self, value: char, out: &mut Effect) {
        let number = if self.rules.keep(Rule::UniqueNumbers) {
            Ballot::above(self.proposed.max(self.promised), self.id).expect("a short run")
        } else {
            Ballot { round: self.proposed.map_or(1, |last| last.round + 1), node: NOBODY }
        };
        self.proposed = Some(number);
        let message = if self.rules.keep(Rule::PromiseAndRefuse) {
            self.election = Some(Election { value, promised_by: NodeSet::EMPTY, highest: None });
            Message::Elect { number }
        } else {
            Message::Propose { number, value }
        };
        self.say(Record::Round(number), self.quorums.members(), message, out);
    }
    // ANCHOR_END: propose

    // ANCHOR: promise
    /// The article has no such step: its leader is whoever volunteers.
    fn promise(&mut self, from: NodeId, number: Ballot, out: &mut Effect) {
        if self.promised > Some(number) {
            return; // refused
        }
        self.promised = Some(number);
        let message = Message::Promise { number, accepted: self.accepted.clone() };
        self.say(Record::Promised(number), NodeSet::only(from), message, out);
    }

    fn promised_by(&mut self, from: NodeId, number: Ballot, accepted: Option<Vote<char>>, out: &mut Effect) {
        let Some(election) = self.election.as_mut().filter(|_| self.proposed == Some(number)) else { return };
        election.promised_by.insert(from);
        if accepted.as_ref().map(|vote| vote.ballot) > election.highest.as_ref().map(|vote| vote.ballot) {
            election.highest = accepted;
        }
        if !self.quorums.is_phase1(election.promised_by) {
            return;
        }
        let value = match &election.highest {
            Some(vote) if self.rules.keep(Rule::AdoptTheHighest) => vote.value,
            _ => election.value,
        };
        self.election = None;
        out.send(self.quorums.members(), Message::Propose { number, value });
    }
    // ANCHOR_END: promise

    // ANCHOR: decide
    /// The article: "refuse an unknown number, else store the caller's value as accepted under it."
    fn decide(&mut self, from: NodeId, value: char, number: Ballot, out: &mut Effect) {
        if self.rules.keep(Rule::PromiseAndRefuse) && self.promised > Some(number) {
            return; // refused
        }
        if self.rules.keep(Rule::VotesRaiseThePromise) {
            self.promised = Some(number);
        }
        // The last vote takes the place of the one before. Without the fifth repair it may be of a lower number, and
        // then the higher one is forgotten. (Keep the highest: the promise still falls, but no second value is found.)
        let vote = Vote { ballot: number, value };
        self.accepted = Some(vote.clone());
        self.say(Record::Accepted(vote), NodeSet::only(from), Message::Decide { number, value }, out);
    }
    // ANCHOR_END: decide

    // ANCHOR: learn
    /// The article: "collect the votes; if a majority voted for the proposal it has passed, and all are told." Its
    /// code collects nothing.
    fn decided_by(&mut self, from: NodeId, value: char, number: Ballot, out: &mut Effect) {
        if self.learned.is_some() {
            return;
        }
        if self.rules.keep(Rule::QuorumLearns) {
            let voters = self.voters.entry(Vote { ballot: number, value }).or_default();
            voters.insert(from);
            if !self.quorums.is_phase2(*voters) {
                return;
            }
        }
        self.learn(number, value, out);
        out.send(self.quorums.members().without(self.id), Message::Learn { number, value });
    }

    /// The article: "store the caller's value as accepted under this number", once more.
    fn learn(&mut self, _: Ballot, value: char, out: &mut Effect) {
        self.voters.clear();
        self.learned = Some(value);
        out.emit(Output::Learned(value));
    }
    // ANCHOR_END: learn

    // ANCHOR: say
    /// Says what must not be forgotten. The article writes nothing to a disk.
    fn say(&self, record: Record<char>, to: NodeSet, message: Message, out: &mut Effect) {
        if self.rules.keep(Rule::StableBeforeSaid) {
            out.persist(record);
            out.send_after_sync(to, message);
        } else {
            out.send(to, message);
        }
    }
    // ANCHOR_END: say
}

impl Process for Toy {
    type Message = Message;
    type Record = Record<char>;
    type Timer = Infallible; // it has none: who wants another try asks again
    type Request = Request<char>;
    type Output = Output<char>;

    fn step(&mut self, event: Event<Message, Infallible, Request<char>>, out: &mut Effect) {
        match event {
            Event::Request(Request::Propose(value)) => self.propose(value, out),
            Event::Receive { from, message } => match message {
                Message::Elect { number } => self.promise(from, number, out),
                Message::Promise { number, accepted } => self.promised_by(from, number, accepted, out),
                Message::Propose { number, value } => self.decide(from, value, number, out),
                Message::Decide { number, value } => self.decided_by(from, value, number, out),
                Message::Learn { number, value } => self.learn(number, value, out),
            },
            Event::Request(Request::Learn) | Event::Start => {}
            Event::Timeout(never) => match never {},
        }
    }

    fn replay(&mut self, record: Record<char>) {
        match record {
            Record::Round(number) => self.proposed = Some(number),
            Record::Promised(number) => self.promised = Some(number),
            Record::Accepted(vote) => {
                if self.rules.keep(Rule::VotesRaiseThePromise) {
                    self.promised = Some(vote.ballot);
                }
                self.accepted = Some(vote);
            }
        }
    }

    fn checkpoint(&self) -> Vec<Record<char>> {
        let accepted = self.accepted.clone().map(Record::Accepted);
        let promised = self.promised.map(Record::Promised);
        self.proposed.map(Record::Round).into_iter().chain(accepted).chain(promised).collect()
    }
}

/// The owner of a number that is only a count.
const NOBODY: NodeId = NodeId(0);

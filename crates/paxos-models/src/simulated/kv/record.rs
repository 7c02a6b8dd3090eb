//! What all clients saw, and what is wrong with it.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use paxos_judge::{Action, Call, End, Verdict, judge};
use paxos_kv::{Batch, Command, Outcome, Reply, Written};
use paxos_messages::{Slot, multi::Entry};
use paxos_process::{NodeId, NodeSet};

use super::client::operation_of;

/// What shows that clients had something to see: a fault that met nobody was not survived.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Operations that were answered.
    pub answered: u64,
    /// Operations that were refused, and not asked again.
    pub refused: u64,
    /// Operations of which nobody will know what came of them.
    pub unknown: u64,
    /// How often an operation was asked again.
    pub asked_again: u64,
    /// Commands that were in the log a second time.
    pub twice: u64,
    /// Operations of sessions that had expired.
    pub expired: u64,
    /// How often a node took its state from a snapshot.
    pub restored: u64,
    /// Histories that were too hard to judge.
    pub undecided: u64,
    /// The nodes that said what came of a command.
    pub by: NodeSet,
}

impl Tally {
    /// Takes that of another run in.
    pub const fn merge(&mut self, other: &Self) {
        self.answered += other.answered;
        self.refused += other.refused;
        self.unknown += other.unknown;
        self.asked_again += other.asked_again;
        self.twice += other.twice;
        self.expired += other.expired;
        self.restored += other.restored;
        self.undecided += other.undecided;
        self.by = self.by.union(other.by);
    }
}

/// What all clients saw.
#[derive(Clone, Debug)]
pub(super) struct Record {
    /// The clock of the history, which never shows the same time twice.
    clock: u64,
    calls: Vec<Call>,
    tally: Tally,
    /// What the write of this number was answered first.
    answers: BTreeMap<u64, Written>,
    /// Whose state was this after all slots below that one: the digest.
    digests: BTreeMap<Slot, (NodeId, u64)>,
    /// The first slot that nobody has applied.
    next: Slot,
    /// The commands in the log, by session and sequence number.
    commands: BTreeSet<(u64, u64)>,
    complaint: Option<String>,
}

impl Record {
    pub(super) fn new() -> Self {
        Self {
            clock: 0,
            calls: Vec::new(),
            tally: Tally::default(),
            answers: BTreeMap::new(),
            digests: BTreeMap::new(),
            next: Slot(0),
            commands: BTreeSet::new(),
            complaint: None,
        }
    }

    pub(super) fn calls(&self) -> &[Call] {
        &self.calls
    }

    pub(super) const fn tally(&self) -> Tally {
        self.tally
    }

    pub(super) const fn next(&self) -> Slot {
        self.next
    }

    /// The time on the clock of the history.
    pub(super) fn time(&mut self, now: Duration) -> u64 {
        let now = u64::try_from(now.as_nanos()).expect("a run is shorter than 500 years");
        self.clock = now.max(self.clock + 1);
        self.clock
    }

    /// The first complaint stands.
    pub(super) fn complain(&mut self, what: String) {
        self.complaint.get_or_insert(what);
    }

    pub(super) const fn asks_again(&mut self) {
        self.tally.asked_again += 1;
    }

    /// An operation is over, if it was one.
    pub(super) fn ends(&mut self, call: Option<Call>) {
        match call.as_ref().map(|call| call.end) {
            Some(End::Returned(_)) => self.tally.answered += 1,
            Some(End::Failed(_)) => self.tally.refused += 1,
            Some(End::Unknown) => self.tally.unknown += 1,
            None => {}
        }
        self.calls.extend(call);
    }

    pub(super) fn expires(&mut self, session: bool) {
        self.tally.expired += u64::from(session);
    }

    pub(super) const fn restored(&mut self) {
        self.tally.restored += 1;
    }

    /// A node says something to a client.
    pub(super) fn hears_from(&mut self, id: NodeId, reply: &Reply) {
        if let Reply::Done(_) = reply {
            self.tally.by.insert(id);
        }
    }

    /// However often a write is asked, and whoever answers, the answer is the same, also where no client waits for it
    /// any more.
    pub(super) fn is_answered(&mut self, token: u64, reply: &Reply) {
        if let Reply::Done(Outcome::Wrote(written)) = reply {
            let operation = operation_of(token);
            let first = *self.answers.entry(operation).or_insert(*written);
            if first != *written {
                self.complain(format!("operation {operation} was answered {first:?}, and then {written:?}"));
            }
        }
    }

    /// Nodes that have applied the same slots have the same state.
    pub(super) fn has_applied(&mut self, id: NodeId, applied: Slot, digest: u64) {
        let (other, first) = *self.digests.entry(applied).or_insert((id, digest));
        if first != digest {
            self.complain(format!("{other} and {id} have applied all slots below {applied}, and differ"));
        }
    }

    /// Somebody has applied an entry. What a slot holds is the same for all; others judge that.
    pub(super) fn applied(&mut self, slot: Slot, entry: &Entry<Batch>) {
        if slot < self.next {
            return;
        }
        self.next = slot.next();
        let Entry::Command(batch) = entry else { return };
        for command in batch.commands() {
            if let Ok(Command::Do { session, sequence, .. }) = command {
                self.tally.twice += u64::from(!self.commands.insert((session.0, sequence)));
            }
        }
    }

    /// All keys that anybody has asked for, and this one.
    pub(super) fn keys(&self, more: &str) -> BTreeSet<String> {
        self.calls.iter().map(|call| call.key.clone()).chain([more.to_owned()]).collect()
    }

    /// A key that is only appended to.
    pub(super) fn a_list(&self) -> String {
        let key = self.calls.iter().map(|call| &call.key).rfind(|key| key.starts_with(LIST));
        key.cloned().unwrap_or_else(|| format!("{LIST}1.0"))
    }

    /// What is wrong, if anything is.
    pub(super) fn complaint(&mut self, history: &[Call]) -> Option<String> {
        if self.complaint.is_some() {
            return self.complaint.clone();
        }
        if let Some(what) = history.iter().find_map(|call| self.appended(call)) {
            return Some(what);
        }
        match judge(history) {
            Ok(Verdict::Linearizable { .. }) => None,
            Ok(Verdict::NotLinearizable(why)) => Some(why.to_string()),
            Ok(Verdict::Undecided { .. }) => {
                self.tally.undecided += 1;
                None
            }
            Err(misuse) => Some(misuse.to_string()),
        }
    }

    /// What was appended is in the last read of its key: once, if that was acknowledged, and at most once, if not.
    fn appended(&self, call: &Call) -> Option<String> {
        let Action::Append { suffix, .. } = &call.action else { return None };
        let last = self.calls.iter().rev().find(|other| other.key == call.key)?;
        let Action::Get { result } = &last.action else { return None };
        let times = result.iter().flat_map(|text| text.split_inclusive('.')).filter(|part| part == suffix).count();
        let fits = times == 1 || (times == 0 && !matches!(call.end, End::Returned(_)));
        (!fits).then(|| format!("{call} is {times} times in the last read of {}", call.key))
    }
}

/// What the names of keys begin with that are only appended to.
pub(super) const LIST: &str = "list";

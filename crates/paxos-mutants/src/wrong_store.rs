//! One node and its disk, where what is wrong is how the disk is used.
//!
//! The node is the real replica of Basic Paxos. Below it is a file system in memory that does what real ones do: what is
//! written is in the cache until it is synced; after a sync that failed, its pages count as written and are not
//! (Rebello and others, *Can Applications Recover from fsync Failures?*, ATC 2020); a file that takes another's place
//! does so for good when the directory is synced; and a record may be damaged while it lies there. Between the two stands
//! what `paxos-wal` and the driver of `paxos-node` do, written a second time in a few lines, with its rules in
//! `rules.rs`.
//!
//! There is one judge, and it is `DurableBeforeVote`: what a node has said, it remembers when it has started again; or it
//! does not start.

mod files;
mod play;
mod rules;

use std::fmt;

use paxos_basic::Replica;
use paxos_messages::{
    Ballot, Vote,
    single::{Effects, Event, Message, Record},
};
use paxos_process::{NodeId, NodeSet, Process};
use paxos_quorums::Quorums;

pub use play::{Stored, play, search_store, simulate_store, store_script};

use self::files::Files;
use crate::Mutant;

/// One thing that can happen to a node and its disk. Shown as a script writes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Happens {
    /// Node 2 asks for a promise of its ballot of this round.
    Prepare(u64),
    /// Node 2 asks for a vote for this value, in its ballot of this round.
    Accept(u64, char),
    /// The log is replaced by a shorter one.
    Compact,
    /// The next sync fails.
    Fail,
    /// The process ends. The machine goes on, and what is in its cache stays.
    Stop,
    /// The machine stops. What is not stable is gone.
    PowerCut,
    /// A record that is stable, the one at this place, is damaged while it lies there.
    Damage(usize),
    /// The node starts, from what it finds.
    Restart,
}

impl fmt::Display for Happens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Prepare(round) => write!(f, "prepare {round}"),
            Self::Accept(round, value) => write!(f, "accept {round} {value}"),
            Self::Compact => f.write_str("compact"),
            Self::Fail => f.write_str("fail"),
            Self::Stop => f.write_str("stop"),
            Self::PowerCut => f.write_str("power-cut"),
            Self::Damage(place) => write!(f, "damage {place}"),
            Self::Restart => f.write_str("restart"),
        }
    }
}

/// A node and its disk, where at most one rule is wrong.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct WrongStore {
    wrong: Option<Mutant>,
    /// `None` while it is down.
    node: Option<Replica<char>>,
    files: Files,
    /// The next sync fails.
    fails: bool,
    /// Its log is damaged, and it will not start.
    refuses: bool,
    /// What it has said to others.
    promised: Option<Ballot>,
    voted: Option<Vote<char>>,
}

impl WrongStore {
    /// A new node on an empty disk, where `wrong` is wrong.
    #[must_use]
    pub fn new(wrong: Option<Mutant>) -> Self {
        let (files, node) = (Files::default(), Some(fresh()));
        Self { wrong, node, files, fails: false, refuses: false, promised: None, voted: None }
    }

    /// Whether what it has said is not what it remembers.
    #[must_use]
    pub fn forgets(&self) -> bool {
        let Some(node) = &self.node else { return false };
        let (promised, voted) = (node.acceptor().promised(), node.acceptor().accepted().map(|vote| vote.ballot));
        promised < self.promised || voted < self.voted.as_ref().map(|vote| vote.ballot)
    }

    /// Whether this can happen now.
    #[must_use]
    pub fn may(&self, happens: Happens) -> bool {
        match happens {
            Happens::Prepare(_) | Happens::Accept(..) | Happens::Compact | Happens::Stop => self.node.is_some(),
            Happens::Fail => !self.fails,
            Happens::PowerCut => true,
            Happens::Damage(place) => place < self.files.stable(),
            Happens::Restart => self.node.is_none() && !self.refuses,
        }
    }

    /// Lets it happen, and tells what comes of it.
    ///
    /// # Panics
    ///
    /// When it cannot: see [`may`](Self::may).
    pub fn apply(&mut self, happens: Happens, tell: &mut impl FnMut(String)) {
        assert!(self.may(happens), "{happens} cannot happen now");
        let ballot = |round| Ballot { round, node: NodeId(2) };
        match happens {
            Happens::Prepare(round) => self.hears(Message::Prepare { ballot: ballot(round) }, tell),
            Happens::Accept(round, value) => self.hears(Message::Accept { ballot: ballot(round), value }, tell),
            Happens::Compact => {
                let records = self.node.as_ref().map(Process::checkpoint).unwrap_or_default();
                tell(format!("the log is {} records", records.len()));
                self.replace(records);
            }
            Happens::Fail => self.fails = true,
            Happens::Stop => self.node = None,
            Happens::PowerCut => {
                self.node = None;
                self.files.power_cut();
            }
            Happens::Damage(place) => self.files.damage(place),
            Happens::Restart => self.restart(tell),
        }
        if self.forgets() {
            tell("violates DurableBeforeVote".to_owned());
        }
    }

    /// The driver's part: step, write, sync, vote.
    fn hears(&mut self, message: Message<char>, tell: &mut impl FnMut(String)) {
        let Some(node) = &mut self.node else { return };
        let mut out = Effects::new();
        node.step(Event::Receive { from: NodeId(2), message }, &mut out);
        let synced = out.records.is_empty() || {
            for record in out.records {
                tell(format!("writes {record}"));
                self.files.append(record);
            }
            self.sync(tell)
        };
        if !synced {
            tell("ends: its disk has failed".to_owned());
            self.node = None;
            return;
        }
        for sent in out.sends.into_iter().chain(out.sends_after_sync) {
            tell(format!("says {}", sent.message));
            match sent.message {
                Message::Promise { ballot, .. } => self.promised = self.promised.max(Some(ballot)),
                Message::Accepted { ballot, value } => {
                    self.promised = self.promised.max(Some(ballot));
                    self.voted = Some(Vote { ballot, value });
                }
                _ => {}
            }
        }
    }

    /// Whether the driver takes everything to be stable.
    fn sync(&mut self, tell: &mut impl FnMut(String)) -> bool {
        let failed = std::mem::take(&mut self.fails);
        self.files.sync(failed);
        if failed {
            tell("its sync fails".to_owned());
        }
        !failed || rules::goes_on(self.wrong, &mut self.files)
    }

    fn replace(&mut self, records: Vec<Record<char>>) {
        self.files.replace(records);
        if rules::syncs_the_directory(self.wrong) {
            self.files.sync_directory();
        }
    }

    fn restart(&mut self, tell: &mut impl FnMut(String)) {
        let Some(records) = rules::recover(self.wrong, self.files.read()) else {
            tell("does not start: its log is damaged".to_owned());
            self.refuses = true;
            return;
        };
        if rules::writes_anew(self.wrong) {
            self.files.replace(records.clone());
            self.files.sync_directory();
        }
        let mut node = fresh();
        records.into_iter().for_each(|record| node.replay(record));
        let promised = node.acceptor().promised().map_or_else(|| "nothing".to_owned(), |ballot| ballot.to_string());
        let voted = node.acceptor().accepted().map_or_else(|| "no vote".to_owned(), |vote| format!("{}", vote.value));
        tell(format!("remembers {promised}, {voted}"));
        self.node = Some(node);
    }
}

fn fresh() -> Replica<char> {
    Replica::new(NodeId(1), Quorums::majority(NodeSet::first(3)).expect("three nodes"))
}

//! Exactly once: what clients have asked before, and what they were answered.
//!
//! A client that hears nothing asks again, perhaps at another node, and its first command may have been chosen all the
//! same. So a command says which operation of which session it is, and the store keeps the answers of each session: an
//! operation that is in the log twice is done once, and answered the same (Ongaro, *Consensus: Bridging Theory and
//! Practice*, 2014, §6.3).
//!
//! Three rules, all of which depend on the log alone, so that every node keeps the same answers:
//!
//! - **A session is opened through the log**, and its number is never given again. Did clients choose numbers, a
//!   command of an expired session would look like the first of a new one, and be done a second time. As it is, a
//!   session that is not open has expired.
//! - **A session keeps the answers of its last [`WINDOW`] operations** above those that its client has acknowledged, so
//!   many may be under way at once and arrive in any order. An operation above the window is not done; one below it was
//!   acknowledged, and is not done again.
//! - **A session expires when there is no room**: a new one takes the place of the one that has been unused for most
//!   commands. No clock is asked, and a session is never dropped only because its client was quiet, or others were
//!   busy: [`MAX_SESSIONS`] newer ones must have been used since.

use alloc::collections::{BTreeMap, VecDeque};

use crate::{Failure, Outcome, SessionId, Written, hash::Fold};

/// How many operations of a session may be under way: above the lowest that its client has not acknowledged.
pub const WINDOW: u64 = 1_024;
/// How many sessions are kept.
pub const MAX_SESSIONS: usize = 4_096;

/// What the store answered. Reads are not kept: asked again, they are read again, which is as good.
pub(crate) type Answer = Result<Written, Failure>;

/// All sessions that are open.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Sessions {
    /// How many have been opened: the number of the last.
    pub(crate) opened: u64,
    pub(crate) open: BTreeMap<SessionId, Session>,
}

/// One session.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Session {
    /// How many commands the store had seen when the session was last used.
    pub(crate) used: u64,
    /// All operations below have been acknowledged.
    pub(crate) acknowledged: u64,
    /// The answers of those from there on; `None` for one that has not come, or was a read.
    pub(crate) answers: VecDeque<Option<Answer>>,
}

impl Sessions {
    pub(crate) const fn new() -> Self {
        Self { opened: 0, open: BTreeMap::new() }
    }

    /// Opens a session for the command number `now`, and drops one if there are too many.
    pub(crate) fn open(&mut self, now: u64) -> SessionId {
        if MAX_SESSIONS <= self.open.len() {
            let unused = self.open.iter().min_by_key(|(id, session)| (session.used, **id)).map(|(id, _)| *id);
            unused.and_then(|id| self.open.remove(&id));
        }
        self.opened += 1;
        let id = SessionId(self.opened);
        self.open.insert(id, Session { used: now, ..Session::default() });
        id
    }

    // ANCHOR: once
    /// Runs an operation, or answers what it was answered before. `now` is the number of the command.
    pub(crate) fn once(
        &mut self,
        id: SessionId,
        sequence: u64,
        acknowledged: u64,
        now: u64,
        run: impl FnOnce() -> Outcome,
    ) -> Outcome {
        let Some(session) = self.open.get_mut(&id) else {
            return Outcome::Failed(Failure::SessionExpired);
        };
        session.used = now;
        session.acknowledge(acknowledged);
        let Some(ahead) = sequence.checked_sub(session.acknowledged) else {
            return Outcome::Failed(Failure::Acknowledged);
        };
        if WINDOW <= ahead {
            return Outcome::Failed(Failure::TooManyUnderWay);
        }
        if let Some(answer) = session.answer(ahead as usize) {
            return answer.into();
        }
        let outcome = run();
        match outcome {
            Outcome::Wrote(written) => session.keep(ahead as usize, Ok(written)),
            Outcome::Failed(failure) => session.keep(ahead as usize, Err(failure)),
            Outcome::Found(_) | Outcome::Opened(_) => {}
        }
        outcome
    }
    // ANCHOR_END: once

    /// A part of the digest. Takes as long as there are answers kept.
    pub(crate) fn fold(&self, fold: Fold) -> Fold {
        self.open.iter().fold(fold.word(self.opened).word(self.open.len() as u64), |fold, (id, session)| {
            let fold = fold.word(id.0).word(session.used).word(session.acknowledged);
            session.answers.iter().fold(fold.word(session.answers.len() as u64), |fold, answer| {
                let (kind, number) = encode(*answer);
                fold.word(kind.into()).word(number)
            })
        })
    }
}

impl Session {
    fn acknowledge(&mut self, below: u64) {
        let Some(more) = below.checked_sub(self.acknowledged) else { return };
        let dropped = usize::try_from(more).map_or(self.answers.len(), |more| more.min(self.answers.len()));
        self.answers.drain(..dropped);
        self.acknowledged = below;
    }

    fn answer(&self, ahead: usize) -> Option<Answer> {
        self.answers.get(ahead).copied().flatten()
    }

    fn keep(&mut self, ahead: usize, answer: Answer) {
        if self.answers.len() <= ahead {
            self.answers.resize(ahead + 1, None);
        }
        self.answers[ahead] = Some(answer);
    }
}

impl From<Answer> for Outcome {
    fn from(answer: Answer) -> Self {
        answer.map_or_else(Self::Failed, Self::Wrote)
    }
}

/// An answer as a kind and a number, for digests and snapshots.
pub(crate) fn encode(answer: Option<Answer>) -> (u8, u64) {
    match answer {
        None => (0, 0),
        Some(Ok(Written::Put { existed })) => (1, existed.into()),
        Some(Ok(Written::Deleted { existed })) => (2, existed.into()),
        Some(Ok(Written::Compared { swapped, existed })) => (3, u64::from(swapped) << 1 | u64::from(existed)),
        Some(Ok(Written::Appended { length })) => (4, length),
        Some(Err(failure)) => (5, failure as u64),
    }
}

/// What [`encode`] made; `None` when it made no such thing.
pub(crate) fn decode(kind: u8, number: u64) -> Option<Option<Answer>> {
    const FAILURES: [Failure; 7] = [
        Failure::KeyTooLong,
        Failure::ValueTooLong,
        Failure::SessionExpired,
        Failure::Acknowledged,
        Failure::TooManyUnderWay,
        Failure::Unreadable,
        Failure::StoreFull,
    ];
    let flag = |number: u64| if number < 2 { Some(number == 1) } else { None };
    Some(match kind {
        0 if number == 0 => None,
        1 => Some(Ok(Written::Put { existed: flag(number)? })),
        2 => Some(Ok(Written::Deleted { existed: flag(number)? })),
        3 => Some(Ok(Written::Compared { swapped: flag(number >> 1)?, existed: number & 1 == 1 })),
        4 => Some(Ok(Written::Appended { length: number })),
        5 => Some(Err(*FAILURES.get(usize::try_from(number).ok()?)?)),
        _ => return None,
    })
}

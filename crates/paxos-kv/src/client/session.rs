//! The client's end of its session: numbers for operations, and which of them are over.

use std::{
    collections::BTreeSet,
    hash::{BuildHasher, RandomState},
    sync::{Mutex, MutexGuard},
};

use tokio::{
    sync::{Mutex as AsyncMutex, Notify},
    time::{Instant, timeout_at},
};

use super::{Error, leader::Leader};
use crate::{Ask, Command, Outcome, Reply, SessionId, WINDOW};

/// A session that is opened when it is needed, and again when it has expired.
pub(super) struct Session {
    state: Mutex<State>,
    /// Held while one is opened, so that only one is.
    opening: AsyncMutex<()>,
    /// An operation is over: there may be room for another.
    over: Notify,
}

#[derive(Default)]
struct State {
    open: Option<SessionId>,
    next: u64,
    /// The numbers of operations that are not over.
    under_way: BTreeSet<u64>,
}

/// One operation's place in the session. When it is dropped the operation is over: answered, or given up.
pub(super) struct Turn<'a> {
    of: &'a Session,
    session: SessionId,
    sequence: u64,
    acknowledged: u64,
}

impl Session {
    pub(super) fn new() -> Self {
        Self { state: Mutex::default(), opening: AsyncMutex::new(()), over: Notify::new() }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no thread panics with it")
    }

    /// The next number, in a session that is opened if none is, as soon as the window has room.
    pub(super) async fn turn(&self, leader: &Leader, deadline: Instant) -> Result<Turn<'_>, Error> {
        loop {
            // Asked for before looking, so that an operation that ends in between is not missed.
            let over = self.over.notified();
            let is_open = {
                let mut state = self.lock();
                if let Some(turn) = state.take(self) {
                    return Ok(turn);
                }
                state.open.is_some()
            };
            if !is_open {
                self.open(leader, deadline).await?;
            } else if timeout_at(deadline, over).await.is_err() {
                return Err(Error::NotDone("too many operations are under way".into()));
            }
        }
    }

    async fn open(&self, leader: &Leader, deadline: Instant) -> Result<(), Error> {
        let opening = timeout_at(deadline, self.opening.lock()).await;
        let _opening = opening.map_err(|_| Error::NotDone("no session was opened in time".into()))?;
        if self.lock().open.is_some() {
            return Ok(()); // somebody else has
        }
        // A session that is opened and not heard of harms nobody: nothing has been done in it.
        let open = Ask::Execute(Command::Open { nonce: RandomState::new().hash_one(0) });
        let answered = leader.ask(&open, deadline).await.map_err(|error| match error {
            Error::Unknown(why) => Error::NotDone(why),
            error => error,
        })?;
        match answered.reply {
            Reply::Done(Outcome::Opened(session)) => {
                *self.lock() = State { open: Some(session), ..State::default() };
                Ok(())
            }
            _ => Err(Error::NotDone("the answer is none to what was asked".into())),
        }
    }
}

impl State {
    fn take<'a>(&mut self, of: &'a Session) -> Option<Turn<'a>> {
        let session = self.open?;
        let (sequence, acknowledged) = (self.next, self.under_way.first().copied().unwrap_or(self.next));
        if WINDOW <= sequence - acknowledged {
            return None;
        }
        self.next += 1;
        self.under_way.insert(sequence);
        Some(Turn { of, session, sequence, acknowledged })
    }
}

impl Turn<'_> {
    pub(super) const fn session(&self) -> SessionId {
        self.session
    }

    pub(super) const fn sequence(&self) -> u64 {
        self.sequence
    }

    /// All operations below are over.
    pub(super) const fn acknowledged(&self) -> u64 {
        self.acknowledged
    }

    /// The store does not know the session any more: another one is to be opened, if nobody has yet.
    pub(super) fn has_expired(self) {
        let mut state = self.of.lock();
        if state.open == Some(self.session) {
            state.open = None;
        }
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        let mut state = self.of.lock();
        if state.open == Some(self.session) {
            state.under_way.remove(&self.sequence);
        }
        drop(state);
        self.of.over.notify_waiters();
    }
}

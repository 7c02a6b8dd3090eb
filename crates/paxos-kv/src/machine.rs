//! The state machine: the same log gives the same state on every node.
//!
//! It is told entries in the order of slots and has nothing else to go by: no clock, no dice, no name of its node. So
//! two machines that have applied the same slots are equal, and their [digests](Machine::digest) are too.

use paxos_messages::{Bytes, Slot, multi::Entry};

use crate::{Batch, Command, Failure, Found, Outcome, Query, hash::Fold, session::Sessions, store::Store};

/// The state of the store after some slots of the log.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Machine {
    /// The first slot that has not been applied.
    pub(crate) applied: Slot,
    /// How many commands have been: the store's own time.
    pub(crate) commands: u64,
    pub(crate) sessions: Sessions,
    pub(crate) store: Store,
}

impl Machine {
    /// The empty store, before the first slot.
    #[must_use]
    pub const fn new() -> Self {
        Self { applied: Slot(0), commands: 0, sessions: Sessions::new(), store: Store::new() }
    }

    /// Applies an entry, and tells `answer` the outcome of each of its commands, in order.
    ///
    /// # Panics
    ///
    /// When `slot` is not the next one: a gap in the log would be a state that no other node ever has.
    pub fn apply(&mut self, slot: Slot, entry: &Entry<Batch>, mut answer: impl FnMut(Outcome)) {
        assert!(slot == self.applied, "slot {slot} is applied where {} is next", self.applied);
        self.applied = slot.next();
        match entry {
            Entry::Noop => {}
            Entry::Command(batch) => batch.commands().for_each(|command| answer(self.run(command))),
        }
    }

    /// Whatever is in the log gets an answer: one that is too long, or no command at all, gets an error.
    fn run(&mut self, command: Result<Command<&[u8]>, Failure>) -> Outcome {
        self.commands += 1;
        let command = match command.and_then(|command| command.check().map(|()| command)) {
            Ok(command) => command,
            Err(failure) => return Outcome::Failed(failure),
        };
        match command {
            Command::Open { .. } => Outcome::Opened(self.sessions.open(self.commands)),
            Command::Do { session, sequence, acknowledged, operation } => {
                let Self { commands, sessions, store, .. } = self;
                sessions.once(session, sequence, acknowledged, *commands, || store.run(&operation))
            }
        }
    }

    /// Answers a query from the state as it is.
    ///
    /// # Errors
    ///
    /// When a key is too long.
    pub fn read(&self, query: &Query<Bytes>) -> Result<Found, Failure> {
        let query = query.borrowed();
        query.check().map(|()| self.store.read(&query))
    }

    /// The first slot that has not been applied.
    #[must_use]
    pub const fn applied(&self) -> Slot {
        self.applied
    }

    /// How many keys have a value.
    #[must_use]
    pub fn keys(&self) -> usize {
        self.store.len()
    }

    /// How many bytes all keys and values have.
    #[must_use]
    pub const fn bytes(&self) -> usize {
        self.store.bytes()
    }

    /// How many sessions are open.
    #[must_use]
    pub fn sessions(&self) -> usize {
        self.sessions.open.len()
    }

    /// A number that is the same for equal states, and for different ones only by chance, 1 in 2^64. It is the same
    /// on every machine.
    ///
    /// Entries are summed up as they are written, so it takes no longer for many keys than for few. It does for many
    /// answers that are kept.
    #[must_use]
    pub fn digest(&self) -> u64 {
        let fold = Fold::new().word(self.applied.0).word(self.commands);
        self.sessions.fold(self.store.fold(fold)).finish()
    }
}

impl Default for Machine {
    fn default() -> Self {
        Self::new()
    }
}

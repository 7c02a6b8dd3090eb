//! What reaches a process from outside its own loop, on its way there: a bounded queue with many writers.
//!
//! The reader takes everything at once, and is woken only when it sleeps, so a busy process pays a lock and no call of
//! the operating system for a whole batch. What is in the queue is counted in bytes, because inputs are of any size.
//! Clients may fill half of it. The other half is for peers: what decides must not wait behind what is asked.

use std::{
    sync::{Arc, Condvar, Mutex, MutexGuard},
    time::Duration,
};

use paxos_process::{NodeId, Process};
use tokio::sync::{mpsc, oneshot};

use crate::{Answers, AskError, askers::Asked, parcel::Parcel};

/// What reaches a process.
pub(crate) enum Input<P: Process, A: Answers<P>> {
    /// Messages of another node.
    Messages {
        /// Who sent them, as the connection knows; never taken from a message.
        from: NodeId,
        /// What they say.
        messages: Vec<P::Message>,
    },
    /// A client has connected, or an operator; its answers go here.
    Connected { connection: u64, operates: bool, answers: mpsc::UnboundedSender<Parcel<A::Reply>> },
    /// A connected client asks.
    Asks { connection: u64, asks: Vec<Asked<A::Ask>> },
    /// A client has left.
    Gone { connection: u64 },
    /// Somebody in this program asks. Dropping the other end of `reply` stops waiting.
    Ask { ask: A::Ask, reply: oneshot::Sender<A::Reply> },
    /// End the loop after what has come before this.
    Stop,
}

/// A bounded mailbox for one process: where inputs are put, and where they are taken out. It holds about `bytes` bytes.
#[must_use]
pub fn mailbox<P: Process, A: Answers<P>>(bytes: usize) -> (Postbox<P, A>, Inbox<P, A>) {
    let state = State { inputs: Vec::new(), bytes: 0, count: 0, asleep: false, postboxes: 1, closed: false };
    let shared = Arc::new(Shared { room: bytes, state: Mutex::new(state), posted: Condvar::new() });
    (Postbox { shared: Arc::clone(&shared) }, Inbox { shared })
}

struct Shared<P: Process, A: Answers<P>> {
    room: usize,
    state: Mutex<State<P, A>>,
    posted: Condvar,
}

struct State<P: Process, A: Answers<P>> {
    inputs: Vec<Input<P, A>>,
    bytes: usize,
    /// Messages and requests among the inputs.
    count: usize,
    /// Whether the reader must be woken.
    asleep: bool,
    postboxes: usize,
    /// Nobody reads any more.
    closed: bool,
}

impl<P: Process, A: Answers<P>> Shared<P, A> {
    fn lock(&self) -> MutexGuard<'_, State<P, A>> {
        self.state.lock().expect("no thread panics with it")
    }
}

/// Where inputs for a process are put, from any thread. Cloning it makes another one.
pub struct Postbox<P: Process, A: Answers<P>> {
    shared: Arc<Shared<P, A>>,
}

impl<P: Process, A: Answers<P>> Postbox<P, A> {
    /// Brings messages of `from` that took so many `bytes`; false when there is no room, and they are dropped.
    pub fn messages(&self, from: NodeId, messages: Vec<P::Message>, bytes: usize) -> bool {
        let count = messages.len();
        self.put(Input::Messages { from, messages }, count, bytes, self.shared.room).is_ok()
    }

    /// Asks for somebody in this program. The answer arrives at the receiver, or an error when there will be none.
    ///
    /// # Errors
    ///
    /// [`AskError::Busy`] when there is no room.
    pub fn ask(&self, ask: A::Ask, bytes: usize) -> Result<oneshot::Receiver<A::Reply>, AskError> {
        let (reply, answer) = oneshot::channel();
        match self.put(Input::Ask { ask, reply }, 1, bytes, self.shared.room / 2) {
            Ok(()) => Ok(answer),
            Err(_) => Err(AskError::Busy),
        }
    }

    /// Ends the process after what has been put in before.
    pub fn stop(&self) {
        self.put_always(Input::Stop);
    }

    /// How many messages and requests wait here.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.shared.lock().count
    }

    /// What a connected client asks; given back when there is no room. Operators have as much as peers.
    pub(crate) fn asks(
        &self,
        connection: u64,
        operates: bool,
        asks: Vec<Asked<A::Ask>>,
        bytes: usize,
    ) -> Result<(), Vec<Asked<A::Ask>>> {
        let count = asks.len();
        let room = if operates { self.shared.room } else { self.shared.room / 2 };
        self.put(Input::Asks { connection, asks }, count, bytes, room).map_err(|input| match input {
            Input::Asks { asks, .. } => asks,
            Input::Messages { .. } | Input::Connected { .. } | Input::Gone { .. } | Input::Ask { .. } | Input::Stop => {
                unreachable!("it is what was put in")
            }
        })
    }

    /// What must arrive and is small.
    pub(crate) fn put_always(&self, input: Input<P, A>) {
        let _ = self.put(input, 0, 0, usize::MAX); // if nobody reads any more, nobody needs it
    }

    fn put(&self, input: Input<P, A>, count: usize, bytes: usize, room: usize) -> Result<(), Input<P, A>> {
        let mut state = self.shared.lock();
        let bytes = bytes + count * size_of::<Input<P, A>>();
        if state.closed {
            drop(state);
            drop(input); // whoever waits for an answer sees that there will be none
            return Ok(());
        }
        // What is longer than the room gets in alone.
        if room < state.bytes + bytes && state.bytes > 0 {
            return Err(input);
        }
        state.inputs.push(input);
        state.bytes += bytes;
        state.count += count;
        if std::mem::take(&mut state.asleep) {
            self.shared.posted.notify_one();
        }
        Ok(())
    }
}

impl<P: Process, A: Answers<P>> Clone for Postbox<P, A> {
    fn clone(&self) -> Self {
        self.shared.lock().postboxes += 1;
        Self { shared: Arc::clone(&self.shared) }
    }
}

impl<P: Process, A: Answers<P>> Drop for Postbox<P, A> {
    fn drop(&mut self) {
        self.shared.lock().postboxes -= 1;
        self.shared.posted.notify_one();
    }
}

/// Where a process takes its inputs out.
pub struct Inbox<P: Process, A: Answers<P>> {
    shared: Arc<Shared<P, A>>,
}

impl<P: Process, A: Answers<P>> Inbox<P, A> {
    /// Moves everything that has been put in into `inputs`, which is empty. Waits for something for at most `limit`.
    /// False when nothing has come and nothing can come any more.
    pub(crate) fn take(&self, inputs: &mut Vec<Input<P, A>>, limit: Wait) -> bool {
        let mut state = self.shared.lock();
        let nothing = |state: &mut State<P, A>| {
            state.asleep = state.inputs.is_empty() && state.postboxes > 0;
            state.asleep
        };
        state = match limit {
            Wait::Not => state,
            Wait::For(limit) => {
                self.shared.posted.wait_timeout_while(state, limit, nothing).expect("no thread panics with it").0
            }
            Wait::Ever => self.shared.posted.wait_while(state, nothing).expect("no thread panics with it"),
        };
        state.asleep = false;
        std::mem::swap(&mut state.inputs, inputs);
        (state.bytes, state.count) = (0, 0);
        !inputs.is_empty() || state.postboxes > 0
    }
}

impl<P: Process, A: Answers<P>> Drop for Inbox<P, A> {
    fn drop(&mut self) {
        let mut state = self.shared.lock();
        state.closed = true;
        let inputs = std::mem::take(&mut state.inputs);
        drop(state); // what is in there may hold a postbox
        drop(inputs);
    }
}

/// How long to wait for inputs.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Wait {
    Not,
    For(Duration),
    Ever,
}

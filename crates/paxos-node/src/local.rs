//! The local side of a process: its inbox, its clock, and the clients that wait for an answer.

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

use paxos_process::{Event, EventOf, Process, TimerOp};

use crate::{
    Answers, Clock, Inbox,
    askers::Askers,
    mailbox::{Input, Wait},
};

/// The inbox, the clock and the waiting clients of one process.
pub struct Local<P: Process, A: Answers<P>> {
    inbox: Inbox<P, A>,
    /// Taken out of the inbox and not yet admitted.
    arrived: VecDeque<Input<P, A>>,
    /// Empty, but for its room.
    spare: Vec<Input<P, A>>,
    clock: Clock<P::Timer>,
    answers: A,
    askers: Askers<A::Reply>,
    batch_limit: usize,
    stopping: bool,
}

impl<P: Process, A: Answers<P>> Local<P, A> {
    /// A local side that reads `inbox` in order, and none of it into a batch that has `batch_limit` events already. A
    /// client waits until an output answers what it asks, as `answers` says.
    ///
    /// # Panics
    ///
    /// When `batch_limit` is 0: nothing would ever happen.
    #[must_use]
    pub fn new(inbox: Inbox<P, A>, clock: Clock<P::Timer>, answers: A, batch_limit: usize) -> Self {
        assert!(batch_limit > 0, "a batch holds at least one event");
        let (arrived, spare, askers) = (VecDeque::new(), Vec::new(), Askers::new());
        Self { inbox, arrived, spare, clock, answers, askers, batch_limit, stopping: false }
    }

    /// Whether the end has been asked for, or everybody who could ask for anything is gone.
    pub(crate) const fn is_stopping(&self) -> bool {
        self.stopping
    }

    /// Carries out what the process asks of its timers.
    pub(crate) fn timers(&mut self, operations: &mut Vec<TimerOp<P::Timer>>) {
        if !operations.is_empty() {
            let now = Instant::now();
            operations.drain(..).for_each(|operation| self.clock.apply(operation, now));
        }
    }

    /// Gives every output to the clients that it answers.
    pub(crate) fn outputs(&mut self, outputs: &mut Vec<P::Output>) {
        let Self { answers, askers, .. } = self;
        for output in outputs.drain(..) {
            answers.answered(output, &mut |token, reply| askers.tell(token, reply));
        }
        askers.flush();
    }

    /// Adds to `batch` what has happened by now. Never waits.
    ///
    /// A timer that has gone off comes first, and others in later batches: the steps before it in a batch could
    /// cancel or restart it, and then it must not go off.
    pub(crate) fn take(&mut self, batch: &mut Vec<EventOf<P>>) {
        self.take_after(Wait::Not, batch);
    }

    /// Waits until something happens, though not longer than `limit`, and takes it with all that has happened by then.
    /// Once stopping, nothing will.
    pub(crate) fn wait(&mut self, batch: &mut Vec<EventOf<P>>, limit: Option<Duration>) {
        let timer = self.clock.next_deadline().map(|deadline| deadline.saturating_duration_since(Instant::now()));
        let wait = match (timer, limit) {
            (Some(timer), Some(limit)) => Wait::For(timer.min(limit)),
            (Some(limit), None) | (None, Some(limit)) => Wait::For(limit),
            (None, None) => Wait::Ever,
        };
        self.take_after(wait, batch);
    }

    fn take_after(&mut self, wait: Wait, batch: &mut Vec<EventOf<P>>) {
        if self.stopping {
            return;
        }
        if self.arrived.is_empty() {
            let alive = self.inbox.take(&mut self.spare, wait);
            self.arrived.extend(self.spare.drain(..));
            self.stopping = !alive;
        }
        if let Some(timer) = self.clock.pop_due(Instant::now()) {
            batch.insert(0, Event::Timeout(timer));
        }
        while !self.stopping && batch.len() < self.batch_limit {
            let Some(input) = self.arrived.pop_front() else {
                break;
            };
            self.admit(input, batch);
        }
        let Self { askers, answers, .. } = self;
        askers.sweep(|token| answers.forget(token));
    }

    fn admit(&mut self, input: Input<P, A>, batch: &mut Vec<EventOf<P>>) {
        match input {
            Input::Messages { from, messages } => {
                batch.extend(messages.into_iter().map(|message| Event::Receive { from, message }));
            }
            Input::Asks { connection, asks } => {
                for asked in asks {
                    if self.askers.operates(connection) && !self.answers.concerns_node(&asked.ask) {
                        self.askers.refuse(connection, asked.id);
                    } else if let Some(token) = self.askers.admit(connection, asked.id, asked.bytes) {
                        batch.push(Event::Request(self.answers.ask(token, asked.ask)));
                    }
                }
            }
            Input::Ask { ask, reply } => {
                if let Some(token) = self.askers.admit_here(reply) {
                    batch.push(Event::Request(self.answers.ask(token, ask)));
                }
            }
            Input::Connected { connection, operates, answers } => self.askers.connected(connection, operates, answers),
            Input::Gone { connection } => self.askers.gone(connection),
            Input::Stop => self.stopping = true,
        }
    }
}

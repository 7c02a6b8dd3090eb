//! The local side of a process: its inbox, its clock, and the clients that wait for an answer.

use std::{
    sync::mpsc::{Receiver, RecvTimeoutError},
    time::Instant,
};

use paxos_process::{Event, EventOf, NodeId, Process, TimerOp};
use tokio::sync::oneshot;

use crate::Clock;

/// What reaches a process from outside its own loop.
pub enum Input<P: Process> {
    /// A message of another node.
    Message {
        /// Who sent it, as the connection knows; never taken from the message.
        from: NodeId,
        /// What it says.
        message: P::Message,
    },
    /// A local client asks, and may wait for the answer. Dropping the other end of `reply` stops waiting.
    Request {
        /// What it asks.
        request: P::Request,
        /// Where it waits, if it does.
        reply: Option<oneshot::Sender<P::Output>>,
    },
    /// End the loop after what has come before this.
    Stop,
}

/// Whether an output answers a request: the driver cannot know, the application says.
pub type Answers<P> = fn(&<P as Process>::Request, &<P as Process>::Output) -> bool;

/// The inbox, the clock and the waiting clients of one process.
pub struct Local<P: Process> {
    inputs: Receiver<Input<P>>,
    clock: Clock<P::Timer>,
    answers: Answers<P>,
    waiting: Vec<(P::Request, oneshot::Sender<P::Output>)>,
    batch_limit: usize,
    stopping: bool,
}

impl<P: Process> Local<P> {
    /// A local side that reads `inputs` in order, and none into a batch that has `batch_limit` events. A client waits
    /// until an output answers its request, as `answers` says.
    ///
    /// # Panics
    ///
    /// When `batch_limit` is 0: nothing would ever happen.
    #[must_use]
    pub fn new(inputs: Receiver<Input<P>>, clock: Clock<P::Timer>, answers: Answers<P>, batch_limit: usize) -> Self {
        assert!(batch_limit > 0, "a batch holds at least one event");
        Self { inputs, clock, answers, waiting: Vec::new(), batch_limit, stopping: false }
    }

    /// Whether the end has been asked for, or everybody who could ask for anything is gone.
    pub(crate) const fn is_stopping(&self) -> bool {
        self.stopping
    }

    /// Carries out what the process asks of its timers.
    pub(crate) fn timers(&mut self, operations: &mut Vec<TimerOp<P::Timer>>) {
        let now = Instant::now();
        operations.drain(..).for_each(|operation| self.clock.apply(operation, now));
    }

    /// Gives every output to the clients that it answers.
    pub(crate) fn outputs(&mut self, outputs: &mut Vec<P::Output>) {
        for output in outputs.drain(..) {
            let answered = self.waiting.extract_if(.., |(request, _)| (self.answers)(request, &output));
            for (_, reply) in answered {
                let _ = reply.send(output.clone()); // a client that has left needs no answer
            }
        }
    }

    /// Adds to `batch` what has happened by now. Never waits.
    ///
    /// A timer that has gone off comes first, and others in later batches: the steps before it in a batch could
    /// cancel or restart it, and then it must not go off.
    pub(crate) fn take(&mut self, batch: &mut Vec<EventOf<P>>) {
        if self.stopping {
            return;
        }
        if let Some(timer) = self.clock.pop_due(Instant::now()) {
            batch.insert(0, Event::Timeout(timer));
        }
        while !self.stopping && batch.len() < self.batch_limit {
            let Ok(input) = self.inputs.try_recv() else {
                return;
            };
            self.admit(input, batch);
        }
    }

    /// Waits until something happens, and takes it with all that has happened by then. Once stopping, nothing will.
    pub(crate) fn wait(&mut self, batch: &mut Vec<EventOf<P>>) {
        if self.stopping {
            return;
        }
        let input = match self.clock.next_deadline() {
            Some(deadline) => self.inputs.recv_timeout(deadline.saturating_duration_since(Instant::now())),
            None => self.inputs.recv().map_err(|_| RecvTimeoutError::Disconnected),
        };
        match input {
            Ok(input) => self.admit(input, batch),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => self.stopping = true,
        }
        self.take(batch);
    }

    fn admit(&mut self, input: Input<P>, batch: &mut Vec<EventOf<P>>) {
        match input {
            Input::Message { from, message } => batch.push(Event::Receive { from, message }),
            Input::Request { request, reply } => {
                self.waiting.retain(|(_, reply)| !reply.is_closed());
                self.waiting.extend(reply.map(|reply| (request.clone(), reply)));
                batch.push(Event::Request(request));
            }
            Input::Stop => self.stopping = true,
        }
    }
}

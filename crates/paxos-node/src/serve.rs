//! A client's connection: many requests at a time, answered in whatever order the answers come.
//!
//! All that one read brings goes to the process as one parcel, and all that one batch of the process answers comes
//! back as one and leaves in one write. What a client can make the node hold is limited: requests without an answer,
//! and answers that it does not read. A request too many is refused, which says that it will not be carried out; a
//! client that reads nothing is left.

use std::time::{Duration, Instant};

use paxos_codec::EncodeError;
use paxos_process::Process;
use serde::de::DeserializeOwned;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    select,
    sync::mpsc,
    time::{MissedTickBehavior, interval},
};

use crate::{
    Answers, MAX_REQUEST, Postbox,
    askers::Asked,
    listen::{Caller, Reception},
    mailbox::Input,
    seal::Seal,
    wire::{Answer, Inbound, Outbound, ReadError},
};

impl<P, A> Reception<P, A>
where
    P: Process<Message: DeserializeOwned + Send, Request: Send> + 'static,
    A: Answers<P> + 'static,
{
    /// Answers a client's requests until it leaves or does what no client should. No client keeps its place for ever:
    /// not one that says nothing, nor one that does not read. It may have vanished without a word, and nothing would
    /// tell.
    pub(crate) async fn serve(&self, connection: u64, caller: Caller) -> Result<(), ReadError> {
        let (sender, answers) = mpsc::unbounded_channel();
        self.postbox.put_always(Input::Connected { connection, answers: sender });
        self.stats.client_connected();
        let Caller { stream, inbound, says } = caller;
        let mut serving = Serving {
            connection,
            postbox: &self.postbox,
            caller: Caller { stream, inbound, says: Seal::none() },
            out: Outbound::new(says),
            unanswered: 0,
            asks: Vec::new(),
        };
        let ended = serving.run(answers, self.idle, self.stalled).await;
        self.postbox.put_always(Input::Gone { connection });
        self.stats.client_left();
        if let Err(ReadError::Wrong(reason)) = &ended {
            serving.farewell(reason).await;
        }
        ended
    }
}

/// One client.
struct Serving<'a, P: Process, A: Answers<P>> {
    connection: u64,
    postbox: &'a Postbox<P, A>,
    caller: Caller,
    out: Outbound,
    /// Requests that the process has been given and has not answered.
    unanswered: usize,
    /// What one read has brought.
    asks: Vec<Asked<A::Ask>>,
}

impl<P: Process, A: Answers<P>> Serving<'_, P, A> {
    async fn run(
        &mut self,
        mut answers: mpsc::UnboundedReceiver<Vec<Answer<A::Reply>>>,
        idle: Duration,
        stalled: Duration,
    ) -> Result<(), ReadError> {
        let (mut heard, mut progress) = (Instant::now(), Instant::now());
        let mut look = interval((idle.min(stalled) / 4).min(LOOK));
        look.set_missed_tick_behavior(MissedTickBehavior::Delay);
        self.hear()?; // it may have asked together with its hello
        loop {
            let writing = self.out.waiting() > 0;
            let Self { caller: Caller { stream, inbound, .. }, out, .. } = self;
            let (mut reader, mut writer) = stream.split();
            select! {
                parcel = answers.recv() => {
                    // None comes from a process that has ended.
                    let Some(parcel) = parcel else { return Err(ReadError::Closed) };
                    if !writing {
                        progress = Instant::now();
                    }
                    self.unanswered = self.unanswered.saturating_sub(parcel.len());
                    parcel.iter().try_for_each(|answer| self.say(answer))?;
                }
                written = writer.write(out.unwritten()), if writing => {
                    match written? {
                        0 => return Err(ReadError::Closed),
                        length => self.out.written(length),
                    }
                    progress = Instant::now();
                }
                length = reader.read(inbound.room()) => {
                    self.caller.inbound.filled(length?)?;
                    heard = Instant::now();
                    self.hear()?;
                }
                _ = look.tick() => {
                    if idle < heard.elapsed() {
                        return Err(ReadError::Wrong(format!("a client was silent for {idle:?}")));
                    }
                    if writing && stalled < progress.elapsed() {
                        return Err(ReadError::Wrong(format!("a client has read nothing for {stalled:?}")));
                    }
                }
            }
        }
    }

    /// Gives the process what has arrived, or says for each request why not.
    fn hear(&mut self) -> Result<(), ReadError> {
        let Self { caller: Caller { inbound, .. }, asks, .. } = self;
        let bytes = read(inbound, asks)?;
        let mut refused = Vec::new();
        let crowded = UNREAD < self.out.waiting();
        self.asks.retain(|asked| {
            let answer = if MAX_REQUEST < asked.bytes - ID {
                let reason = format!("it takes {} bytes; the limit is {MAX_REQUEST}", asked.bytes - ID);
                Answer::Refused(asked.id, reason)
            } else if crowded || UNANSWERED <= self.unanswered {
                Answer::Busy(asked.id)
            } else {
                self.unanswered += 1;
                return true;
            };
            refused.push(answer);
            false
        });
        if !self.asks.is_empty() {
            let asks = std::mem::take(&mut self.asks);
            if let Err(asks) = self.postbox.asks(self.connection, asks, bytes) {
                self.unanswered -= asks.len();
                refused.extend(asks.iter().map(|asked| Answer::Busy(asked.id)));
            }
        }
        refused.iter().try_for_each(|answer| self.say(answer))
    }

    fn say(&mut self, answer: &Answer<A::Reply>) -> Result<(), ReadError> {
        // The request was carried out, so it cannot be refused: only silence says that the outcome is unknown.
        self.out.push(answer).map_err(|error: EncodeError| {
            ReadError::Wrong(format!("an answer cannot be sent ({error}), so the outcome is unknown"))
        })?;
        if TOO_MUCH < self.out.waiting() {
            return Err(ReadError::Wrong(format!("a client has not read {TOO_MUCH} bytes of answers")));
        }
        Ok(())
    }

    async fn farewell(&mut self, reason: &str) {
        let word = Answer::<()>::Farewell(reason.to_owned());
        if self.out.waiting() < UNREAD && self.out.push(&word).is_ok() {
            self.caller.part_with(self.out.unwritten()).await;
        }
    }
}

/// Moves all that has arrived into `asks`, and tells how many bytes that took.
fn read<Q: DeserializeOwned>(inbound: &mut Inbound, asks: &mut Vec<Asked<Q>>) -> Result<usize, ReadError> {
    let mut total = 0;
    inbound.values(|(id, ask), bytes| {
        total += bytes;
        asks.push(Asked { id, ask, bytes });
    })?;
    Ok(total)
}

/// The bytes of an id in front of a request.
const ID: usize = size_of::<u64>();
/// Requests of one client without an answer; more are refused.
pub(crate) const UNANSWERED: usize = 8192;
/// Bytes of answers that a client has not read; then its requests are refused, and at the second number it is left.
const UNREAD: usize = 4 << 20;
const TOO_MUCH: usize = 64 << 20;
/// How often to look whether a client is still there.
const LOOK: Duration = Duration::from_secs(1);

//! A client's connection: many requests at a time, answered in whatever order the answers come.
//!
//! All that one read brings goes to the process as one parcel, and all that one batch of the process answers comes
//! back as one. What a client can make the node hold is limited: so many requests without an answer, and so many bytes
//! of answers that are made or on their way to it. A request too many is refused, which says that it will not be carried
//! out. Answers too many wait, however much there is to say; nothing more is heard of the client meanwhile. One that reads
//! nothing for a while is left.
//!
//! An operator is served like a client, with less of everything.

use std::{
    time::{Duration, Instant},
    vec,
};

use paxos_codec::EncodeError;
use paxos_process::Process;
use serde::{Serialize, de::DeserializeOwned};
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
    parcel::{Parcel, Weight},
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
    pub(crate) async fn serve(&self, connection: u64, operates: bool, caller: Caller) -> Result<(), ReadError> {
        let (sender, answers) = mpsc::unbounded_channel();
        self.postbox.put_always(Input::Connected { connection, operates, answers: sender });
        if !operates {
            self.stats.client_connected();
        }
        let Caller { stream, inbound, says } = caller;
        let mut serving = Serving {
            connection,
            postbox: &self.postbox,
            caller: Caller { stream, inbound, says: Seal::none() },
            operates,
            saying: Saying::new(says),
            asks: Vec::new(),
        };
        let idle = if operates { self.idle.min(LOOKS) } else { self.idle };
        let ended = serving.run(answers, idle, self.stalled).await;
        self.postbox.put_always(Input::Gone { connection });
        if !operates {
            self.stats.client_left();
        }
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
    operates: bool,
    saying: Saying<A::Reply>,
    /// What one read has brought.
    asks: Vec<Asked<A::Ask>>,
}

impl<P: Process, A: Answers<P>> Serving<'_, P, A> {
    async fn run(
        &mut self,
        mut answers: mpsc::UnboundedReceiver<Parcel<A::Reply>>,
        idle: Duration,
        stalled: Duration,
    ) -> Result<(), ReadError> {
        let (mut heard, mut progress) = (Instant::now(), Instant::now());
        let mut look = interval((idle.min(stalled) / 4).min(LOOK));
        look.set_missed_tick_behavior(MissedTickBehavior::Delay);
        self.hear()?; // it may have asked together with its hello
        loop {
            self.saying.go_on()?;
            let Self { caller: Caller { stream, inbound, .. }, saying, .. } = self;
            let (writing, crowded) = (saying.out.waiting() > 0, saying.is_crowded());
            let (mut reader, mut writer) = stream.split();
            select! {
                parcel = answers.recv(), if !crowded => {
                    // None comes from a process that has ended.
                    let Some(parcel) = parcel else { return Err(ReadError::Closed) };
                    if !writing {
                        progress = Instant::now();
                    }
                    (saying.unsaid, saying.weight) = (parcel.answers.into_iter(), parcel.weight);
                }
                written = writer.write(saying.out.unwritten()), if writing => {
                    match written? {
                        0 => return Err(ReadError::Closed),
                        length => self.saying.out.written(length),
                    }
                    progress = Instant::now();
                }
                length = reader.read(inbound.room()), if !crowded => {
                    self.caller.inbound.filled(length?)?;
                    heard = Instant::now();
                    if !writing {
                        progress = heard; // of refusals, if any
                    }
                    self.hear()?;
                }
                _ = look.tick() => {
                    if crowded {
                        heard = Instant::now(); // nobody listens to it
                    }
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
        let most = if self.operates { UNANSWERED_OPERATOR } else { UNANSWERED };
        let Self { caller: Caller { inbound, .. }, saying, asks, .. } = self;
        let bytes = read(inbound, asks)?;
        let mut refused = Vec::new();
        asks.retain(|asked| {
            let answer = if MAX_REQUEST < asked.bytes - ID {
                let reason = format!("it takes {} bytes; the limit is {MAX_REQUEST}", asked.bytes - ID);
                Answer::Refused(asked.id, reason)
            } else if most <= saying.unanswered {
                Answer::Busy(asked.id)
            } else {
                saying.unanswered += 1;
                return true;
            };
            refused.push(answer);
            false
        });
        if !self.asks.is_empty() {
            let asks = std::mem::take(&mut self.asks);
            if let Err(asks) = self.postbox.asks(self.connection, self.operates, asks, bytes) {
                self.saying.unanswered -= asks.len();
                refused.extend(asks.iter().map(|asked| Answer::Busy(asked.id)));
            }
        }
        self.asks.shrink_to(KEPT); // of a frame of refused requests, which may be a hundred thousand
        refused.iter().try_for_each(|answer| self.saying.say(answer))
    }

    async fn farewell(&mut self, reason: &str) {
        let (word, out) = (Answer::<()>::Farewell(reason.to_owned()), &mut self.saying.out);
        if out.waiting() < UNREAD && out.push(&word).is_ok() {
            self.caller.part_with(out.unwritten()).await;
        }
    }
}

/// What a client is told, as far as it is on its way, and as far as it is not.
struct Saying<R> {
    out: Outbound,
    /// Answers of one parcel that are not in `out`, because there is enough. No other parcel is taken before.
    unsaid: vec::IntoIter<Answer<R>>,
    /// What that parcel weighs, until all of it is said.
    weight: Weight,
    /// Requests that the process has been given and whose answers are not in `out`: here, in parcels that wait, or not
    /// made yet. That bounds all of these together.
    unanswered: usize,
}

impl<R: Serialize> Saying<R> {
    fn new(seal: Seal) -> Self {
        Self { out: Outbound::new(seal), unsaid: vec::IntoIter::default(), weight: Weight::default(), unanswered: 0 }
    }

    /// Whether the client has so much to read that there is no hurry to give it more.
    fn is_crowded(&self) -> bool {
        UNREAD <= self.out.waiting()
    }

    /// Says what is unsaid, as far as there is room.
    fn go_on(&mut self) -> Result<(), ReadError> {
        while !self.is_crowded() {
            let Some(answer) = self.unsaid.next() else {
                self.unsaid = vec::IntoIter::default(); // it still holds its memory
                self.weight = Weight::default();
                break;
            };
            self.unanswered = self.unanswered.saturating_sub(1);
            self.say(&answer)?;
        }
        Ok(())
    }

    fn say(&mut self, answer: &Answer<R>) -> Result<(), ReadError> {
        // The request was carried out, so it cannot be refused: only silence says that the outcome is unknown.
        self.out.push(answer).map_err(|error: EncodeError| {
            ReadError::Wrong(format!("an answer cannot be sent ({error}), so the outcome is unknown"))
        })
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
/// Requests of one client whose answers are not on their way; more are refused.
pub(crate) const UNANSWERED: usize = 8192;
/// The same of an operator, who has room in the process when clients have none.
const UNANSWERED_OPERATOR: usize = 4;
/// An operator may be silent so long: others may want to look.
const LOOKS: Duration = Duration::from_secs(5);
/// When so many bytes are on their way to a client, the next answers wait, and so do its requests.
const UNREAD: usize = 4 << 20;
/// Room for requests that is kept between two reads.
const KEPT: usize = 256;
/// How often to look whether a client is still there.
const LOOK: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_client_has_not_read_is_not_added_to() {
        let (length, count) = (300 << 10, 50);
        let mut saying = Saying::new(Seal::none());
        saying.unanswered = count;
        saying.unsaid =
            (0..count as u64).map(|id| Answer::Reply(id, "x".repeat(length))).collect::<Vec<_>>().into_iter();
        let mut said = 0;
        loop {
            saying.go_on().unwrap();
            assert!(saying.out.waiting() < UNREAD + length + 1024, "{} bytes", saying.out.waiting());
            assert_eq!(saying.unanswered, saying.unsaid.len());
            assert!(saying.is_crowded() || saying.unanswered == 0, "there was room for more");
            if saying.out.waiting() == 0 {
                break;
            }
            let written = saying.out.unwritten().len().min(100_000);
            saying.out.written(written);
            said += written;
        }
        assert!(count * length < said, "{said} bytes");
    }
}

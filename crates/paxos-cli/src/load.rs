//! Many clients at a time, and what each of them saw: for load, for the demonstration, and for judges.
//!
//! Each client does one thing after the other. Some share connections and a session, as the tasks of one program would.
//! What it asked and heard, and when, is a call of a history, which `paxos-judge` reads. After an operation whose outcome is
//! unknown a client ends, and another one goes on in its place, because that is what a history can say.

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use anyhow::Context;
use hdrhistogram::Histogram;
use paxos_judge::{Action, Before, Call, End};
use paxos_kv::client::{Client, Config, Error};
use paxos_messages::Bytes;
use tokio::sync::Notify;

mod work;

mod appends;

pub(crate) use appends::lost;
pub(crate) use work::{Mix, Step, Work};

use crate::kv::runtime;

/// What clients are to do.
pub(crate) struct Plan {
    /// The cluster.
    pub(crate) config: Config,
    /// So many at a time.
    pub(crate) clients: u64,
    /// They share so many connections to each node: more than one client on a connection is what a program is that does
    /// many things at a time.
    pub(crate) connections: u64,
    pub(crate) work: Work,
    /// Whether to keep every call.
    pub(crate) history: bool,
    /// When the clock of the history begins, and how many clients it has already.
    pub(crate) begins: (Instant, u64),
}

/// Clients at work, on a thread of their own.
pub(crate) struct Load {
    shared: Arc<Shared>,
    running: JoinHandle<anyhow::Result<Seen>>,
}

struct Shared {
    plan: Plan,
    started: Instant,
    stop: AtomicBool,
    /// Told to those who wait for an answer when they are to wait no more.
    cancelled: Notify,
    done: AtomicU64,
    /// Clients that there have been.
    clients: AtomicU64,
    /// When a write was last acknowledged, in nanoseconds since the start.
    acknowledged: AtomicU64,
}

/// What clients saw.
pub(crate) struct Seen {
    /// Microseconds from the call to its end, of every operation, whatever came of it: those that were waited for in vain
    /// are the longest.
    pub(crate) latency: Histogram<u64>,
    pub(crate) answered: u64,
    /// Writes among those; a swap that found another value has written nothing.
    pub(crate) acknowledged: u64,
    /// Certainly not done.
    pub(crate) failed: u64,
    /// Nobody knows.
    pub(crate) unknown: u64,
    /// Why, the last time that an operation was not answered.
    pub(crate) trouble: Option<String>,
    /// How long it took altogether.
    pub(crate) took: Duration,
    /// All calls, if they were to be kept, with times since the start.
    pub(crate) history: Vec<Call>,
}

impl Load {
    /// Lets the clients begin. They end when there is nothing more to do, or when they are [stopped](Self::stop).
    ///
    /// # Errors
    ///
    /// When there is no thread for them.
    pub(crate) fn start(plan: Plan) -> io::Result<Self> {
        let shared = Arc::new(Shared {
            clients: AtomicU64::new(plan.begins.1),
            started: plan.begins.0,
            plan,
            stop: AtomicBool::new(false),
            cancelled: Notify::new(),
            done: AtomicU64::new(0),
            acknowledged: AtomicU64::new(0),
        });
        let clients = Arc::clone(&shared);
        let running = thread::Builder::new().name("clients".into()).spawn(move || {
            runtime()?.block_on(async {
                let started = Instant::now();
                let plan = &clients.plan;
                let shared: Vec<_> = (0..plan.connections.max(1)).map(|_| Client::new(plan.config.clone())).collect();
                let handles = shared.iter().cycle().take(usize::try_from(plan.clients)?).cloned();
                let all: Vec<_> = handles.map(|client| tokio::spawn(Arc::clone(&clients).run(client))).collect();
                let mut seen = Seen::default();
                for client in all {
                    seen.add(client.await.context("a client has panicked")?);
                }
                seen.took = started.elapsed();
                Ok(seen)
            })
        })?;
        Ok(Self { shared, running })
    }

    /// How many operations are over.
    pub(crate) fn done(&self) -> u64 {
        self.shared.done.load(Relaxed)
    }

    /// The time since the start: the clock of the history.
    pub(crate) fn now(&self) -> u64 {
        self.shared.now()
    }

    /// When a write was last acknowledged.
    pub(crate) fn acknowledged(&self) -> u64 {
        self.shared.acknowledged.load(Relaxed)
    }

    /// How many clients there have been, those of earlier plans with the same history among them.
    pub(crate) fn clients(&self) -> u64 {
        self.shared.clients.load(Relaxed)
    }

    /// Whether there is nothing more to do.
    pub(crate) fn is_over(&self) -> bool {
        self.running.is_finished()
    }

    /// Lets every client finish what it does, and no more.
    pub(crate) fn stop(&self) {
        self.shared.stop.store(true, Relaxed);
    }

    /// Lets every client stop at once. What it waits for is of unknown outcome.
    pub(crate) fn cancel(&self) {
        self.stop();
        self.shared.cancelled.notify_waiters();
    }

    /// Waits for the clients, and returns what they saw.
    ///
    /// # Errors
    ///
    /// When they could not be run.
    pub(crate) fn join(self) -> anyhow::Result<Seen> {
        self.running.join().map_err(|_| anyhow::anyhow!("the clients have panicked"))?
    }
}

impl Shared {
    fn now(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }

    /// One client after the other, for as long as there is something to do.
    async fn run(self: Arc<Self>, client: Client) -> Seen {
        let mut seen = Seen::default();
        let mut name = self.next_name();
        loop {
            // Before the look at `stop`, so that it cannot be missed between that and the wait.
            let cancelled = self.cancelled.notified();
            if self.stop.load(Relaxed) {
                break;
            }
            let Some(step) = self.plan.work.next() else { break };
            let invoke = self.now();
            let result = tokio::select! {
                result = execute(&client, &step) => result,
                () = cancelled => Err(Error::Unknown("interrupted".into())),
            };
            let returned = self.now();
            self.done.fetch_add(1, Relaxed);
            let is_unknown = matches!(result, Err(Error::Unknown(_)));
            if result.as_ref().is_ok_and(Answer::is_write) {
                self.acknowledged.fetch_max(returned, Relaxed);
            }
            seen.count(&result, (returned - invoke) / 1_000);
            if self.plan.history {
                seen.history.push(call(name, step, result, invoke, returned));
            }
            if is_unknown {
                self.plan.work.is_unknown();
                name = self.next_name();
            }
        }
        seen
    }

    fn next_name(&self) -> u64 {
        self.clients.fetch_add(1, Relaxed) + 1
    }
}

impl Default for Seen {
    fn default() -> Self {
        Self {
            latency: Histogram::new_with_bounds(1, LONGEST, 3).expect("bounds in order, and three digits"),
            answered: 0,
            acknowledged: 0,
            failed: 0,
            unknown: 0,
            trouble: None,
            took: Duration::ZERO,
            history: Vec::new(),
        }
    }
}

impl Seen {
    fn count(&mut self, result: &Result<Answer, Error>, microseconds: u64) {
        self.latency.saturating_record(microseconds);
        match result {
            Ok(answer) => {
                self.answered += 1;
                self.acknowledged += u64::from(answer.is_write());
            }
            Err(error) => {
                self.trouble = Some(error.to_string());
                match error {
                    Error::Unknown(_) => self.unknown += 1,
                    Error::NotDone(_) | Error::Failed(_) => self.failed += 1,
                }
            }
        }
    }

    fn add(&mut self, other: Self) {
        self.latency.add(&other.latency).expect("a histogram that grows takes all");
        self.answered += other.answered;
        self.acknowledged += other.acknowledged;
        self.failed += other.failed;
        self.unknown += other.unknown;
        self.trouble = other.trouble.or(self.trouble.take());
        self.history.extend(other.history);
    }

    /// Operations per second.
    pub(crate) fn rate(&self) -> f64 {
        self.answered as f64 / self.took.as_secs_f64().max(1e-9)
    }

    /// So many of 100 operations took no longer; nothing if there were none.
    pub(crate) fn percentile(&self, percent: f64) -> Duration {
        Duration::from_micros(self.latency.value_at_quantile(percent / 100.0))
    }
}

/// What came of a step.
enum Answer {
    Read(Option<Bytes>),
    Wrote { existed: Option<bool> },
    Swapped(bool),
}

impl Answer {
    const fn is_write(&self) -> bool {
        matches!(self, Self::Wrote { .. } | Self::Swapped(true))
    }
}

async fn execute(client: &Client, step: &Step) -> Result<Answer, Error> {
    let bytes = |text: &str| Bytes::from(text.as_bytes());
    Ok(match step {
        Step::Get { key } => Answer::Read(client.get(bytes(key)).await?),
        Step::Put { key, value } => Answer::Wrote { existed: Some(client.put(bytes(key), bytes(value)).await?) },
        Step::Delete { key } => Answer::Wrote { existed: Some(client.delete(bytes(key)).await?) },
        Step::Append { key, suffix } => {
            client.append(bytes(key), bytes(suffix)).await?;
            Answer::Wrote { existed: None }
        }
        Step::Cas { key, expect, value } => {
            let expected = expect.as_deref().map(bytes);
            Answer::Swapped(client.compare_and_swap(bytes(key), expected, bytes(value)).await?)
        }
    })
}

/// A step and what came of it, as a history has it.
fn call(client: u64, step: Step, result: Result<Answer, Error>, invoke: u64, returned: u64) -> Call {
    let end = match &result {
        Ok(_) => End::Returned(returned),
        Err(Error::Unknown(_)) => End::Unknown,
        Err(Error::NotDone(_) | Error::Failed(_)) => End::Failed(returned),
    };
    let (mut read, mut swapped, mut before) = (None, false, Before::default());
    match result {
        Ok(Answer::Read(value)) => read = value.map(|value| String::from_utf8_lossy(value.as_slice()).into_owned()),
        Ok(Answer::Wrote { existed }) => before.existed = existed,
        Ok(Answer::Swapped(done)) => swapped = done,
        Err(_) => {}
    }
    let key = step.key().to_owned();
    let action = match step {
        Step::Get { .. } => Action::Get { result: read },
        Step::Put { value, .. } => Action::Put { value, before },
        Step::Delete { .. } => Action::Delete { before },
        Step::Cas { expect, value, .. } => Action::CompareAndSwap { expect, value, swapped, before },
        Step::Append { suffix, .. } => Action::Append { suffix, before },
    };
    Call { client, key, action, invoke, end }
}

/// An hour, in microseconds: no operation takes longer.
const LONGEST: u64 = 3_600_000_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_operation_has_its_time_and_only_what_was_written_is_a_write() {
        let mut seen = Seen::default();
        assert_eq!(seen.percentile(50.0), Duration::ZERO);
        for answer in
            [Answer::Read(None), Answer::Swapped(false), Answer::Swapped(true), Answer::Wrote { existed: None }]
        {
            seen.count(&Ok(answer), 1_000);
        }
        assert_eq!((seen.answered, seen.acknowledged), (4, 2));
        seen.count(&Err(Error::Unknown("nobody has answered".into())), 10_000_000);
        seen.count(&Err(Error::NotDone("nobody leads".into())), 20_000_000);
        assert_eq!((seen.latency.len(), seen.failed, seen.unknown), (6, 1, 1));
        assert!(seen.latency.max() >= 20_000_000 && seen.percentile(80.0) >= Duration::from_secs(10));
    }
}

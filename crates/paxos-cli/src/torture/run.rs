//! A run: the nodes start, clients write and read, the plan is carried out, everything is healed, and looked at.

use std::{
    collections::BTreeSet,
    io::{self, IsTerminal},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use anyhow::Context;
use indicatif::{ProgressBar, ProgressStyle};
use paxos_judge::End;
use paxos_kv::client::Config;
use paxos_process::NodeId;

use super::{
    plan::{Fault, Plan},
    rack::Rack,
    traced::Traced,
    verdict::Facts,
};
use crate::{
    demo::Interrupted,
    kv::{inspect, leader, same_state},
    load::{Load, Mix, Seen, Step, Work},
    output::say,
};

/// A run under way. Its processes end before it does.
pub(super) struct Run {
    rack: Rack,
    plan: Plan,
    time: Duration,
    clients: u64,
    bar: ProgressBar,
    /// Says every blow.
    verbose: bool,
    /// The runs of the nodes, if they record them.
    trace: Option<Traced>,
    /// The clock of the history.
    clock: Instant,
}

impl Run {
    pub(super) fn new(rack: Rack, plan: Plan, time: Duration, clients: u64, quiet: bool, verbose: bool) -> Self {
        let bar = bar(time, quiet);
        Self { rack, plan, time, clients, bar, verbose, trace: None, clock: Instant::now() }
    }

    /// The nodes record their runs there, and these are judged at the end.
    pub(super) fn traced(mut self, trace: Option<Traced>) -> Self {
        self.trace = trace;
        self
    }

    /// From the start of the nodes to the last look at them.
    ///
    /// # Errors
    ///
    /// When it cannot be run, or is interrupted a second time.
    pub(super) fn go(&mut self) -> anyhow::Result<Facts> {
        for node in self.rack.nodes() {
            self.rack.start(node, None)?;
        }
        self.wait("the nodes to be ready", |run| run.rack.is_whole())?.context("the nodes do not start")?;
        let watcher = Watcher::start(self.config())?;
        self.wait("a leader", |_| watcher.leader().is_some())?.context("no node leads")?;

        let mix = Mix { retire: Some(RETIRE), ..Mix::of_every_kind(KEYS, VALUE) };
        let load = self.load(0, Work::generated(mix))?;
        let began = load.now();
        self.rage(&load, &watcher)?;
        self.say("heal", "everything");
        let power = [Fault::Kill, Fault::Disk, Fault::Lie].iter().any(|fault| self.plan.faults.contains(fault));
        let healed = load.now();
        self.rack.heal(power)?;
        self.wait("the nodes to be ready again", |run| run.rack.is_whole())?;
        let whole = load.now();
        let decided = self.wait("a write to be acknowledged", |_| whole < load.acknowledged())?;
        let available = decided.map(|()| Duration::from_nanos(load.acknowledged().saturating_sub(whole)));

        load.stop();
        if self.wait("the clients to finish", |_| load.is_over())?.is_none() {
            load.cancel();
        }
        let clients = load.clients();
        let seen = load.join()?;
        self.look(seen, clients, began..healed, available)
    }

    /// Carries the plan out.
    fn rage(&mut self, load: &Load, watcher: &Watcher) -> anyhow::Result<()> {
        let (begin, mut next, mut measured) = (Instant::now(), 0, Instant::now());
        while begin.elapsed() < self.time && self.rack.interrupts == 0 && !self.is_trace_full() {
            while let Some(blow) = self.plan.blows.get(next).filter(|blow| blow.at <= begin.elapsed()).cloned() {
                next += 1;
                if let Some(done) = self.rack.strike(&blow, watcher.leader())? {
                    self.say("", &done);
                }
            }
            if Duration::from_millis(250) < measured.elapsed() {
                measured = Instant::now();
                self.rack.measure_all();
            }
            let soon = Instant::now() + TICK;
            self.rack.tend(soon)?;
            self.bar.set_position(begin.elapsed().as_secs());
            self.bar.set_message(format!("{} operations; {}", load.done(), self.rack.state()));
        }
        Ok(())
    }

    /// Whether the nodes have recorded so much that the torture must end, which is then said.
    fn is_trace_full(&mut self) -> bool {
        let full = self.trace.as_ref().is_some_and(Traced::is_full);
        if full {
            self.say("trace is full", "the torture ends here");
        }
        full
    }

    /// Reads every key, compares the nodes, and stops them.
    fn look(
        &mut self,
        seen: Seen,
        clients: u64,
        torture: std::ops::Range<u64>,
        available: Option<Duration>,
    ) -> anyhow::Result<Facts> {
        // Of a key that nobody could ask for, nothing can be lost.
        let done = seen.history.iter().filter(|call| !matches!(call.end, End::Failed(_)));
        let keys: BTreeSet<_> = done.map(|call| call.key.clone()).collect();
        let steps: Vec<Step> = keys.into_iter().map(|key| Step::Get { key }).collect();
        let reading = self.load(clients, Work::given(steps))?;
        if self.wait("the last reads", |_| reading.is_over())?.is_none() {
            reading.cancel();
        }
        let last = reading.join()?;
        let mut state = None;
        self.wait("all nodes to hold the same state", |run| {
            state = same_state(&inspect(&run.config(), Instant::now() + Duration::from_secs(1)));
            state.is_some()
        })?;
        self.rack.measure_all();
        let killed = self.rack.supervisor.stop();
        let stuck = killed.into_iter().map(|node| format!("{node} did not stop when asked to, and was killed"));
        self.rack.record.wrong.extend(stuck);
        self.rack.read_logs();
        self.bar.set_message("replaying what the nodes have recorded");
        let replayed = self.trace.as_ref().map(Traced::judge);
        self.bar.finish_and_clear();
        let unread = last.failed + last.unknown;
        let mut history = seen.history;
        history.extend(last.history);
        Ok(Facts {
            history,
            unread,
            state,
            acknowledged: seen.acknowledged,
            answered: seen.answered,
            unknown: seen.unknown,
            not_done: seen.failed,
            torture,
            available,
            record: self.rack.record.clone(),
            replayed,
            interrupted: self.rack.interrupts > 0,
            took: self.clock.elapsed(),
        })
    }

    fn config(&self) -> Config {
        Config { deadline: DEADLINE, ..self.rack.supervisor.place().config() }
    }

    /// Lets new clients begin, after so many others.
    fn load(&self, before: u64, work: Work) -> anyhow::Result<Load> {
        let (clients, begins) = (self.clients, (self.clock, before));
        let config = self.config();
        Ok(Load::start(crate::load::Plan { config, clients, connections: clients, work, history: true, begins })?)
    }

    /// Waits until `enough` says so; nothing if it does not in a long time.
    fn wait(&mut self, what: &str, mut enough: impl FnMut(&Self) -> bool) -> anyhow::Result<Option<()>> {
        let (end, interrupts) = (Instant::now() + PATIENCE, self.rack.interrupts);
        self.bar.set_message(format!("waiting for {what}"));
        loop {
            if enough(self) {
                return Ok(Some(()));
            }
            if end <= Instant::now() {
                return Ok(None);
            }
            // The first one ends the torture, and this is what comes after it.
            if interrupts.max(1) < self.rack.interrupts {
                return Err(Interrupted.into());
            }
            let soon = Instant::now() + TICK;
            self.rack.tend(soon)?;
            self.bar.tick();
        }
    }

    fn say(&mut self, kind: &str, what: &str) {
        let line = format!("{:7.3}s  {kind:<16} {what}", self.clock.elapsed().as_secs_f64());
        let line = if kind.is_empty() { format!("{:7.3}s  {what}", self.clock.elapsed().as_secs_f64()) } else { line };
        if self.verbose {
            self.bar.suspend(|| say(&line));
        }
        self.rack.record.events.push(line);
    }
}

/// Asks all the time who leads, on a thread of its own: a node that stands still would hold up everybody who asks it.
struct Watcher {
    leader: Arc<Mutex<Option<NodeId>>>,
    stop: Arc<AtomicBool>,
    running: Option<JoinHandle<()>>,
}

impl Watcher {
    fn start(config: Config) -> io::Result<Self> {
        let (leader_seen, stop) = (Arc::new(Mutex::new(None)), Arc::new(AtomicBool::new(false)));
        let (seen, stopped) = (Arc::clone(&leader_seen), Arc::clone(&stop));
        let running = thread::Builder::new().name("watcher".into()).spawn(move || {
            while !stopped.load(Relaxed) {
                let found = leader(&inspect(&config, Instant::now() + Duration::from_millis(300)));
                *seen.lock().expect("no thread panics with it") = found;
                thread::sleep(Duration::from_millis(50));
            }
        })?;
        Ok(Self { leader: leader_seen, stop, running: Some(running) })
    }

    fn leader(&self) -> Option<NodeId> {
        *self.leader.lock().expect("no thread panics with it")
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        self.stop.store(true, Relaxed);
        if let Some(running) = self.running.take() {
            let _ = running.join(); // whoever panicked has said so
        }
    }
}

fn bar(time: Duration, quiet: bool) -> ProgressBar {
    if quiet || !io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let style = ProgressStyle::with_template("{spinner} {bar:30} {pos}/{len} s  {msg}").expect("a valid template");
    ProgressBar::new(time.as_secs()).with_style(style)
}

/// Between two looks at the processes.
const TICK: Duration = Duration::from_millis(10);
/// How long is waited for what must come once everything is healed.
const PATIENCE: Duration = Duration::from_secs(60);
/// How long a client asks, before the outcome of what it asked is unknown.
const DEADLINE: Duration = Duration::from_secs(4);
/// Keys at a time that are written in every way, and as many that are only appended to.
const KEYS: u64 = 12;
/// After so many operations of a key, others take its place: then a judge decides in seconds.
const RETIRE: u64 = 250;
/// Bytes of a value.
const VALUE: usize = 24;

//! The acts of `paxos demo`: a cluster starts, does what it is given, loses its leader under load as often as wanted, and
//! is stopped and started again.

use std::{
    collections::BTreeSet,
    io, thread,
    time::{Duration, Instant},
};

use anyhow::{Context, bail};
use indicatif::{ProgressBar, ProgressStyle};
use paxos_judge::End;
use paxos_process::NodeId;

use super::{
    super::{Interrupted, PortTaken, screen::Screen},
    verdict::{Facts, Given, Kill},
};
use crate::{
    cluster::supervisor::{News, Supervisor, is_port_taken},
    kv::{Inspected, inspect, leader, same_state},
    load::{Load, Mix, Plan, Seen, Step, Work},
};

/// The demonstration under way. Its processes end before it does.
pub(super) struct Story {
    ready: BTreeSet<NodeId>,
    screen: Screen,
    bar: ProgressBar,
    /// The clock of the story, and of the clients' history.
    clock: Instant,
    supervisor: Supervisor,
}

impl Story {
    /// A story of these processes, of which none runs yet.
    pub(super) fn new(supervisor: Supervisor, quiet: bool) -> Self {
        let (screen, bar) = (Screen::new(quiet), bar(quiet));
        Self { ready: BTreeSet::new(), screen, bar, clock: Instant::now(), supervisor }
    }

    /// From the first act to the last. What is given is done before anybody is killed.
    pub(super) fn tell(&mut self, clients: u64, kills: u8, given: Vec<Step>) -> anyhow::Result<Facts> {
        self.screen
            .heading("The nodes start", "Each is a process with a memory of its own on disk. They elect a leader.")?;
        self.start_all()?;

        let commands = given.len();
        let what = if commands == 0 { String::new() } else { format!(", the {commands} given commands first") };
        self.screen.heading(
            &format!("{clients} clients write and read{what}"),
            "A write is acknowledged when a majority has it on disk. What each client asks and hears is recorded.",
        )?;
        let keys: BTreeSet<String> = given.iter().map(|step| step.key().to_owned()).collect();
        let mix = Mix { prefix: free_prefix(&keys), ..Mix::of_every_kind(KEYS, 64) };
        let (first, before) = self.work_off(clients, 0, given)?;
        let given = Given { commands, asked: first.history.len(), keys };

        let load = self.load(clients, before, Work::generated(mix))?;
        self.run_for(&load, CALM)?;
        let mut killed = Vec::new();
        for _ in 0..kills {
            killed.push(self.kill_leader(&load)?);
            self.run_for(&load, CALM)?;
        }
        load.stop();
        self.watch_work("the clients to finish", || load.done(), |_| load.is_over().then_some(()))?;
        let clients = load.clients();
        let seen = together(first, load.join()?);
        self.bar.finish_and_clear();
        self.screen.line(&format!(
            "  {} operations, {:.0} a second; p50 {:.1} ms, p99 {:.1} ms",
            seen.answered,
            seen.rate(),
            seen.percentile(50.0).as_secs_f64() * 1e3,
            seen.percentile(99.0).as_secs_f64() * 1e3
        ))?;
        self.restart(seen, clients, given, killed)
    }

    /// The last act, and what is known then.
    fn restart(&mut self, seen: Seen, clients: u64, given: Given, kills: Vec<Kill>) -> anyhow::Result<Facts> {
        self.screen.heading(
            "Everything stops, and starts again from disk",
            "What was acknowledged must be there. A client reads every key, and all nodes must hold the same state.",
        )?;
        self.supervisor.stop();
        self.start_all()?;
        // Of a key that nobody could ask for, nothing can be lost.
        let done = seen.history.iter().filter(|call| !matches!(call.end, End::Failed(_)));
        let keys: BTreeSet<_> = done.map(|call| call.key.clone()).collect();
        let count = keys.len();
        let (last, _) = self.work_off(1, clients, keys.into_iter().map(|key| Step::Get { key }).collect())?;
        self.bar.finish_and_clear();
        let state = self.wait(|| 0, |story| same_state(&story.inspect()))?;
        self.screen.line(&match state {
            Some((digest, slot)) => {
                format!("  {count} keys are read; all nodes hold state {digest:016x} at slot {slot}")
            }
            None => format!("  {count} keys are read; the nodes do not hold the same state after {PATIENCE:?}"),
        })?;
        self.supervisor.stop();
        let mut history = seen.history.clone();
        history.extend(last.history);
        let (unread, took) = (last.failed + last.unknown, self.clock.elapsed());
        Ok(Facts { seen, unread, history, kills, given, state, took })
    }

    /// Starts all nodes, on other ports if somebody else has just taken one; waits until they are ready and one leads, and
    /// says so.
    fn start_all(&mut self) -> anyhow::Result<()> {
        let nodes: Vec<NodeId> = self.supervisor.place().members.keys().copied().collect();
        for _ in 0..ATTEMPTS {
            self.ready.clear();
            for &node in &nodes {
                self.supervisor.start(node)?;
            }
            match self.watch("the nodes to be ready", |story| (story.ready.len() == nodes.len()).then_some(())) {
                Ok(()) => {
                    for &node in &nodes {
                        let (address, pid) = (self.supervisor.address(node), self.supervisor.pid(node).unwrap_or(0));
                        self.screen.line(&format!("  {node} at {address}, process {pid}"))?;
                    }
                    let (leader, ballot) = self.leader_other_than(None)?;
                    return self.screen.line(&format!("{}  {leader} leads in {ballot}", self.at()));
                }
                Err(error) if !error.is::<PortTaken>() => return Err(error),
                Err(_) => self.supervisor.move_to_free_ports()?,
            }
        }
        bail!("no free ports were found on 127.0.0.1 in {ATTEMPTS} attempts")
    }

    /// Kills the leader, waits for another, and brings the dead one back.
    fn kill_leader(&mut self, load: &Load) -> anyhow::Result<Kill> {
        let (victim, _) = self.leader_other_than(None)?;
        self.screen.heading(
            &format!("The leader, {victim}, is killed under load"),
            "SIGKILL. The others hear nothing, elect one of them, and go on; clients ask again, and nothing is done twice.",
        )?;
        let killed = load.now();
        self.supervisor.kill(victim);
        self.ready.remove(&victim);
        self.screen.line(&format!("{}  {victim} is dead", self.at()))?;
        let (leader, ballot) = self.leader_other_than(Some(victim))?;
        let elected = load.now();
        self.screen.line(&format!("{}  {leader} leads in {ballot}", self.at()))?;
        self.watch("a write to be acknowledged again", |_| (elected < load.acknowledged()).then_some(()))?;
        self.bring_back(victim)?;
        let goal =
            self.inspect().get(&leader).and_then(|found| found.as_ref().ok()).map_or(0, |found| found.status.applied.0);
        let caught_up = self.watch("the dead node to catch up", |story| {
            let applied = story.inspect().get(&victim)?.as_ref().ok()?.status.applied.0;
            (goal <= applied).then_some(applied)
        })?;
        self.screen.line(&format!("{}  {victim} is back, and has caught up to slot {caught_up}", self.at()))?;
        Ok(Kill { victim, leader, ballot, killed, elected })
    }

    /// Starts a node again where the others expect it, however long somebody else has its port meanwhile, within reason.
    fn bring_back(&mut self, node: NodeId) -> anyhow::Result<()> {
        let end = Instant::now() + PATIENCE;
        loop {
            self.supervisor.start(node)?;
            match self.watch("the dead node to be ready again", |story| story.ready.contains(&node).then_some(())) {
                Err(error) if error.is::<PortTaken>() && Instant::now() < end => thread::sleep(BETWEEN_ATTEMPTS),
                Err(error) if error.is::<PortTaken>() => {
                    let address = self.supervisor.address(node);
                    bail!("another program has taken {address}, the port of {node}, while it was down; try again")
                }
                told => return told,
            }
        }
    }

    /// The node that leads, which is not `dead`, and its ballot.
    fn leader_other_than(&mut self, dead: Option<NodeId>) -> anyhow::Result<(NodeId, String)> {
        self.watch("a leader", |story| {
            let inspected = story.inspect();
            let leader = leader(&inspected).filter(|leader| Some(*leader) != dead)?;
            let status = inspected.get(&leader)?.as_ref().ok()?.status;
            Some((leader, status.ballot?.to_string()))
        })
    }

    /// Lets so many new clients, after those that there have been, begin with this work.
    fn load(&self, clients: u64, before: u64, work: Work) -> anyhow::Result<Load> {
        let config = self.supervisor.place().config();
        let (history, begins) = (true, (self.clock, before));
        Ok(Load::start(Plan { config, clients, connections: clients, work, history, begins })?)
    }

    /// Has clients do these steps, and nothing else. Returns what they saw, and how many there have been then.
    fn work_off(&mut self, clients: u64, before: u64, steps: Vec<Step>) -> anyhow::Result<(Seen, u64)> {
        self.bar.reset();
        self.bar.set_style(style("  {bar:30} {pos}/{len} commands"));
        self.bar.set_length(steps.len() as u64);
        let load = self.load(clients, before, Work::given(steps))?;
        self.watch_work(
            "the clients",
            || load.done(),
            |story| {
                story.bar.set_position(load.done());
                load.is_over().then_some(())
            },
        )?;
        let clients = load.clients();
        Ok((load.join()?, clients))
    }

    /// Lets the clients work for a while.
    fn run_for(&mut self, load: &Load, time: Duration) -> anyhow::Result<()> {
        self.bar.set_style(style("  {spinner} {msg}"));
        let end = Instant::now() + time;
        self.watch("the clients", |story| {
            story.bar.set_message(format!("{} operations", load.done()));
            story.bar.tick();
            (end <= Instant::now()).then_some(())
        })
    }

    fn inspect(&self) -> Inspected {
        inspect(&self.supervisor.place().config(), Instant::now() + Duration::from_secs(1))
    }

    /// Waits until `enough` says so. What no story can go on with is an error: a deadline, the user's wish to stop, a node
    /// that ends by itself.
    fn watch<T>(&mut self, what: &str, enough: impl FnMut(&Self) -> Option<T>) -> anyhow::Result<T> {
        self.watch_work(what, || 0, enough)
    }

    /// The same for something that may take long, as long as there is progress.
    fn watch_work<T>(
        &mut self,
        what: &str,
        progress: impl Fn() -> u64,
        enough: impl FnMut(&Self) -> Option<T>,
    ) -> anyhow::Result<T> {
        self.wait(progress, enough)?.with_context(|| format!("waited for {what}: nothing has happened in {PATIENCE:?}"))
    }

    /// The same; nothing if there is no progress for too long.
    fn wait<T>(
        &mut self,
        progress: impl Fn() -> u64,
        mut enough: impl FnMut(&Self) -> Option<T>,
    ) -> anyhow::Result<Option<T>> {
        let mut patience = Patience::new(progress(), Instant::now());
        loop {
            if let Some(found) = enough(self) {
                return Ok(Some(found));
            }
            let now = Instant::now();
            if patience.is_over(progress(), now) {
                return Ok(None);
            }
            match self.supervisor.next_news(now + BETWEEN_LOOKS)? {
                None => {}
                Some(News::Ready { node, .. }) => drop(self.ready.insert(node)),
                Some(News::Ended { node, status }) => {
                    let words = self.supervisor.last_words(node);
                    if is_port_taken(&words) {
                        return Err(PortTaken.into());
                    }
                    bail!("{node} has ended by itself ({status}): {words}");
                }
                Some(News::Interrupted) => return Err(Interrupted.into()),
            }
        }
    }

    /// The time, for the beginning of a line.
    fn at(&self) -> String {
        format!("{:7.3}s", self.clock.elapsed().as_secs_f64())
    }
}

/// How long to wait: not for the end, but for something to happen.
struct Patience {
    progress: u64,
    until: Instant,
}

impl Patience {
    fn new(progress: u64, now: Instant) -> Self {
        Self { progress, until: now + PATIENCE }
    }

    fn is_over(&mut self, progress: u64, now: Instant) -> bool {
        if self.progress != progress {
            *self = Self::new(progress, now);
        }
        self.until <= now
    }
}

/// What generated keys begin with: something that makes them others than the given ones.
fn free_prefix(given: &BTreeSet<String>) -> String {
    let is_free = |prefix: &String| {
        let starts = |what: &str| given.iter().any(|key| key.starts_with(&format!("{prefix}{what}")));
        !starts("key-") && !starts("log-")
    };
    let mut prefixes = (0..).map(|number| if number == 0 { String::new() } else { format!("generated-{number}-") });
    prefixes.find(is_free).expect("there are more numbers than keys")
}

/// What clients saw, and then others.
fn together(first: Seen, mut then: Seen) -> Seen {
    then.latency.add(&first.latency).expect("they have the same bounds");
    then.answered += first.answered;
    then.acknowledged += first.acknowledged;
    then.failed += first.failed;
    then.unknown += first.unknown;
    then.took += first.took;
    then.history.splice(..0, first.history);
    then
}

/// How far the given commands are; and how many were done altogether, when that is all there is to tell.
fn bar(quiet: bool) -> ProgressBar {
    let is_seen = !quiet && io::IsTerminal::is_terminal(&io::stderr());
    if is_seen { ProgressBar::new(0) } else { ProgressBar::hidden() }
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).expect("a valid template")
}

/// How long the clients work between two blows.
const CALM: Duration = Duration::from_millis(800);
/// Keys of generated commands: so few that clients meet.
const KEYS: u64 = 24;
/// Far more than any turn takes, also on a busy machine; so long without any progress is too long.
const PATIENCE: Duration = Duration::from_secs(30);
/// Before looking again.
const BETWEEN_LOOKS: Duration = Duration::from_millis(20);
/// Before trying again to start a node whose port is taken.
const BETWEEN_ATTEMPTS: Duration = Duration::from_millis(200);
/// To find free ports.
const ATTEMPTS: usize = 10;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patience_ends_when_nothing_happens_and_not_before() {
        let begin = Instant::now();
        let mut patience = Patience::new(0, begin);
        assert!(!patience.is_over(1, begin + PATIENCE), "it goes on");
        assert!(!patience.is_over(1, begin + 2 * PATIENCE - BETWEEN_LOOKS));
        assert!(!patience.is_over(2, begin + 2 * PATIENCE));
        assert!(patience.is_over(2, begin + 3 * PATIENCE));
    }

    #[test]
    fn generated_keys_are_nobody_elses() {
        let check = |given: &[&str], prefix: &str| {
            assert_eq!(free_prefix(&given.iter().map(|key| (*key).to_owned()).collect()), prefix, "{given:?}");
        };
        check(&[], "");
        check(&["colour", "log", "key"], "");
        check(&["log-000"], "generated-1-");
        check(&["key-1", "generated-1-log-7"], "generated-2-");
    }
}

//! `paxos demo`: a replicated store under load, whose leader is killed. The story, act by act.
//!
//! `verdict.rs` judges what the clients saw; the processes are those of `paxos cluster`, and the clients of
//! `paxos kv load`.

use std::{
    collections::BTreeSet,
    fs::{self, File},
    io::{self, BufWriter, Read, Write},
    path::PathBuf,
    process::ExitCode,
    time::{Duration, Instant},
};

use anyhow::{Context, bail};
use indicatif::{ProgressBar, ProgressStyle};
use paxos_judge::write_history;
use paxos_process::NodeId;

use super::{Directory, Interrupted, screen::Screen};
use crate::{
    args,
    cluster::{
        place::Place,
        supervisor::{Ears, News, Supervisor},
    },
    kv::{Inspected, inspect, leader},
    load::{Load, Plan, Seen, Step, Work},
};

mod verdict;

use verdict::{Kill, Story as Facts, Verdict};

/// The options of the demonstration.
#[derive(clap::Args)]
pub(super) struct Log {
    /// Commands for the clients, one a line, in a file; - is stdin. More are generated when these are done
    #[arg(value_name = "FILE")]
    commands: Option<PathBuf>,
    /// How many nodes
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u8).range(3..=9))]
    nodes: u8,
    /// How often the leader is killed
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u8).range(0..=20))]
    kills: u8,
    /// How many clients write and read at a time
    #[arg(long, default_value_t = 8, value_parser = clap::value_parser!(u64).range(1..=64))]
    clients: u64,
    /// Keep the nodes' memories and the clients' history at the end, and say where they are
    #[arg(long)]
    keep: bool,
    /// Put them into this new or empty directory, and keep them
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Print nothing but the verdict, as one JSON object
    #[arg(long)]
    json: bool,
    /// Print nothing but the verdict
    #[arg(long, short)]
    quiet: bool,
}

impl Log {
    pub(super) fn run(self) -> anyhow::Result<ExitCode> {
        let given = match self.given()? {
            Ok(given) => given,
            Err(problem) => return Ok(args::usage(problem)),
        };
        let ears = Ears::open()?;
        let directory = Directory::new(self.data.as_deref(), self.keep)?;
        let quiet = self.quiet || self.json;
        let place = Place::found(directory.path(), self.nodes, None)?;
        let options = ["--heartbeat", "30ms", "--election", "150..300"].map(str::to_owned).to_vec();
        let supervisor = Supervisor::new(place, options, ears)?;
        let mut story = Story {
            ready: BTreeSet::new(),
            screen: Screen::new(quiet),
            bar: bar(given.len() as u64, quiet),
            clock: Instant::now(),
            supervisor,
        };
        let facts = story.tell(&self, given)?;
        drop(story); // every process has ended before its directory goes
        let verdict = Verdict::on(&facts);
        let mut screen = Screen::new(false);
        if let Some(kept) = directory.kept() {
            let history = kept.join("history.ndjson");
            let mut out = BufWriter::new(File::create(&history)?);
            write_history(&facts.history, &mut out).and_then(|()| out.flush()).context("cannot write the history")?;
        }
        if self.json {
            screen.line(&verdict.to_json(&facts).to_string())?;
        } else {
            verdict.show(&facts, &mut screen)?;
            if let Some(kept) = directory.kept() {
                let kept = kept.display();
                screen.line(&format!("Kept in {kept}, with history.ndjson. `paxos cluster --data {kept}` goes on."))?;
            }
        }
        Ok(ExitCode::from(verdict.code()))
    }

    /// The commands that are given; the inner error is the user's.
    fn given(&self) -> anyhow::Result<Result<Vec<Step>, String>> {
        let mut text = String::new();
        match &self.commands {
            None => return Ok(Ok(Vec::new())),
            Some(path) if path.as_os_str() == "-" => {
                io::stdin().take(LONGEST).read_to_string(&mut text).context("cannot read commands from stdin")?;
            }
            Some(path) => match fs::read_to_string(path) {
                Ok(read) => text = read,
                Err(error) => return Ok(Err(format!("cannot read {}: {error}", path.display()))),
            },
        }
        let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
        Ok(lines.map(str::parse).collect::<Result<Vec<Step>, String>>().and_then(|given| match given.len() {
            0 => Err("there is no command in it".into()),
            _ => Ok(given),
        }))
    }
}

/// The demonstration under way. Its processes end before it does.
struct Story {
    ready: BTreeSet<NodeId>,
    screen: Screen,
    bar: ProgressBar,
    /// The clock of the story, and of the clients' history.
    clock: Instant,
    supervisor: Supervisor,
}

impl Story {
    fn tell(&mut self, log: &Log, given: Vec<Step>) -> anyhow::Result<Facts> {
        self.screen
            .heading("The nodes start", "Each is a process with a memory of its own on disk. They elect a leader.")?;
        self.start_all()?;

        let commands = given.len() as u64;
        let what = if commands == 0 { String::new() } else { format!(", the {commands} given commands first") };
        self.screen.heading(
            &format!("{} clients write and read{what}", log.clients),
            "A write is acknowledged when a majority has it on disk. What each client asks and hears is recorded.",
        )?;
        let work = Work::given(given).then_generated(KEYS, 64, 75);
        let config = self.supervisor.place().config();
        let plan = Plan {
            config,
            clients: log.clients,
            connections: log.clients,
            work,
            history: true,
            begins: (self.clock, 0),
        };
        let load = Load::start(plan)?;
        let mut kills = Vec::new();
        self.run_for(&load, CALM, commands)?;
        for _ in 0..log.kills {
            kills.push(self.kill_leader(&load)?);
            self.run_for(&load, CALM, 0)?;
        }
        load.stop();
        self.watch("the clients to finish", |_| load.is_over().then_some(()))?;
        let clients = load.clients();
        let seen = load.join()?;
        self.bar.finish_and_clear();
        self.screen.line(&format!(
            "  {} operations, {:.0} a second; p50 {:.1} ms, p99 {:.1} ms",
            seen.answered,
            seen.rate(),
            seen.percentile(50.0).as_secs_f64() * 1e3,
            seen.percentile(99.0).as_secs_f64() * 1e3
        ))?;

        self.screen.heading(
            "Everything stops, and starts again from disk",
            "What was acknowledged must be there. A client reads every key, and all nodes must hold the same state.",
        )?;
        self.supervisor.stop();
        self.start_all()?;
        let (last, keys) = self.read_all(&seen, clients)?;
        let states = self.watch("all nodes to hold the same state", |story| same_state(&story.inspect()))?;
        self.screen
            .line(&format!("  {keys} keys are read; all nodes hold state {:016x} at slot {}", states.0, states.1))?;
        self.supervisor.stop();
        let mut history = seen.history.clone();
        history.extend(last.history.iter().cloned());
        Ok(Facts {
            seen,
            unread: last.failed + last.unknown,
            history,
            kills,
            commands,
            state: states,
            took: self.clock.elapsed(),
        })
    }

    /// Starts all nodes, waits until they are ready and one leads, and says so.
    fn start_all(&mut self) -> anyhow::Result<()> {
        self.ready.clear();
        let nodes: Vec<NodeId> = self.supervisor.place().members.keys().copied().collect();
        for &node in &nodes {
            self.supervisor.start(node)?;
        }
        self.watch("the nodes to be ready", |story| (story.ready.len() == nodes.len()).then_some(()))?;
        for &node in &nodes {
            let (address, pid) = (self.supervisor.address(node), self.supervisor.pid(node).unwrap_or(0));
            self.screen.line(&format!("  {node} at {address}, process {pid}"))?;
        }
        let (leader, ballot) = self.leader_other_than(None)?;
        self.screen.line(&format!("{}  {leader} leads in {ballot}", self.at()))
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
        self.supervisor.start(victim)?;
        self.watch("the dead node to be ready again", |story| story.ready.contains(&victim).then_some(()))?;
        let goal =
            self.inspect().get(&leader).and_then(|found| found.as_ref().ok()).map_or(0, |found| found.status.applied.0);
        let caught_up = self.watch("the dead node to catch up", |story| {
            let applied = story.inspect().get(&victim)?.as_ref().ok()?.status.applied.0;
            (goal <= applied).then_some(applied)
        })?;
        self.screen.line(&format!("{}  {victim} is back, and has caught up to slot {caught_up}", self.at()))?;
        Ok(Kill { victim, leader, ballot, killed, elected })
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

    /// A new client reads every key of the history.
    fn read_all(&mut self, seen: &Seen, clients: u64) -> anyhow::Result<(Seen, usize)> {
        let keys: BTreeSet<_> = seen.history.iter().map(|call| call.key.clone()).collect();
        let count = keys.len();
        let work = Work::given(keys.into_iter().map(|key| Step::Get { key }).collect());
        let config = self.supervisor.place().config();
        let load = Load::start(Plan {
            config,
            clients: 1,
            connections: 1,
            work,
            history: true,
            begins: (self.clock, clients),
        })?;
        self.watch("every key to be read", |_| load.is_over().then_some(()))?;
        Ok((load.join()?, count))
    }

    /// Lets the clients work for a while, and until so many operations are done.
    fn run_for(&mut self, load: &Load, time: Duration, operations: u64) -> anyhow::Result<()> {
        let end = Instant::now() + time;
        self.watch("the clients", |story| {
            let done = load.done();
            story.bar.set_position(done.min(story.bar.length().unwrap_or(0)));
            story.bar.set_message(format!("{done} operations"));
            (end <= Instant::now() && operations <= load.done()).then_some(())
        })
    }

    fn inspect(&self) -> Inspected {
        inspect(&self.supervisor.place().config(), Instant::now() + Duration::from_secs(1))
    }

    /// Waits until `enough` says so. What no story can go on with is an error: a deadline, the user's wish to stop, a node
    /// that ends by itself.
    fn watch<T>(&mut self, what: &str, mut enough: impl FnMut(&Self) -> Option<T>) -> anyhow::Result<T> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(found) = enough(self) {
                return Ok(found);
            }
            let now = Instant::now();
            if deadline <= now {
                bail!("waited {PATIENCE:?} for {what}, which has not happened");
            }
            match self.supervisor.next_news(now + BETWEEN_LOOKS)? {
                None => {}
                Some(News::Ready { node, .. }) => drop(self.ready.insert(node)),
                Some(News::Ended { node, status }) => {
                    let log = fs::read_to_string(self.supervisor.place().log(node)).unwrap_or_default();
                    bail!("{node} has ended by itself ({status}): {}", log.lines().next_back().unwrap_or_default());
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

/// The state that all nodes hold, and the slot before which it is, if it is the same.
fn same_state(inspected: &Inspected) -> Option<(u64, u64)> {
    let mut states = BTreeSet::new();
    for found in inspected.values() {
        let status = found.as_ref().ok()?.status;
        states.insert((status.digest, status.applied.0));
    }
    if states.len() == 1 { states.pop_first() } else { None }
}

/// How far the given commands are; and how many were done altogether, when that is all there is to tell.
fn bar(commands: u64, quiet: bool) -> ProgressBar {
    if quiet || !io::IsTerminal::is_terminal(&io::stderr()) {
        return ProgressBar::hidden();
    }
    let style = if commands == 0 { "  {spinner} {msg}" } else { "  {bar:30} {pos}/{len} commands, {msg}" };
    ProgressBar::new(commands).with_style(ProgressStyle::with_template(style).expect("a valid template"))
}

/// How long the clients work between two blows.
const CALM: Duration = Duration::from_millis(800);
/// Keys of generated commands: so few that clients meet.
const KEYS: u64 = 24;
/// Bytes of commands that are read from stdin.
const LONGEST: u64 = 16 << 20;
/// Far more than any turn takes, also on a busy machine.
const PATIENCE: Duration = Duration::from_secs(30);
/// Before looking again.
const BETWEEN_LOOKS: Duration = Duration::from_millis(20);

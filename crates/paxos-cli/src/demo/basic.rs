//! `paxos demo basic`: a cluster of real processes decides in front of your eyes, loses a node, and remembers.
//!
//! The story is in this file, act by act. `cluster.rs` starts, kills and ends the processes and hears what they log;
//! `tally.rs` judges what was heard, and `screen.rs`, which other demonstrations use too, shows it.

use std::{
    io::{self, Read},
    path::PathBuf,
    process::ExitCode,
    time::Duration,
};

use anyhow::{Context, bail};
use paxos_messages::single::Request;

use crate::{args, decree::Decree};

mod cluster;
mod tally;

use super::{
    Directory, Interrupted, PortTaken,
    screen::{self, Screen},
};
use cluster::{Cluster, Ears, News};
use tally::{Tally, Verdict};

/// Watch three nodes on this machine choose one value, while one of them is killed
///
/// Three processes with memories on disk; two clients that want different values at the same time; a node killed in
/// the middle and brought back; and a full restart. Every message is shown by phase, as it is sent. At the end the
/// program checks that one value was chosen, only one, and that all nodes know it, also after the restart.
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Basic {
    /// What the clients propose, each a value; - reads one per line from stdin
    #[arg(value_name = "VALUES")]
    values: Vec<String>,
    /// Keep the nodes' memories at the end, and say where they are
    #[arg(long)]
    keep: bool,
    /// Put the nodes' memories into this new or empty directory, and keep them
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// How slow the network between the nodes is: more to follow by eye, less to be done sooner
    #[arg(long, default_value = "120ms", value_name = "TIME", value_parser = args::duration)]
    delay: Duration,
    /// Print nothing but the verdict, as one JSON object
    #[arg(long)]
    json: bool,
    /// Print nothing but the verdict
    #[arg(long, short)]
    quiet: bool,
}

const EXAMPLES: &str = "Examples:
  cargo paxos demo basic
  cargo paxos demo basic red yellow blue
  printf 'red\\nyellow\\n' | cargo paxos demo basic -
  cargo paxos demo basic --json | jq .chosen
  cargo paxos demo basic --keep

Exit code: 0 everything held, 1 something did not, 2 usage, 4 it failed: it could not be shown, 130 interrupted.";

impl Basic {
    pub(crate) fn run(self) -> anyhow::Result<ExitCode> {
        let values = match self.proposals()? {
            Ok(values) => values,
            Err(problem) => return Ok(args::usage(problem)),
        };
        if SLOWEST < self.delay {
            return Ok(args::usage(format!("--delay is at most {SLOWEST:?}: nobody waits longer for the next line")));
        }
        let ears = Ears::open()?;
        let directory = Directory::new(self.data.as_deref(), self.keep)?;
        let quiet = self.quiet || self.json;
        let cluster = Cluster::new(directory.path(), self.delay, ears)?;
        let mut story = Story { cluster, tally: Tally::new(), screen: Screen::new(quiet) };
        let told = story.tell(&values);
        drop(story); // every process has ended before its directory goes
        let verdict = told?;
        let mut screen = Screen::new(false);
        if self.json {
            screen.line(&verdict.to_json().to_string())?;
        } else {
            verdict.show(&mut screen)?;
        }
        if let Some(kept) = directory.kept()
            && !self.json
        {
            screen.line(&format!("The memories are kept in {}", kept.display()))?;
        }
        Ok(if verdict.held() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }

    /// What the clients propose; the inner error is the user's.
    fn proposals(&self) -> anyhow::Result<Result<Vec<Decree>, String>> {
        let words: Vec<&str> = self.values.iter().map(String::as_str).collect();
        let mut stdin = String::new();
        let words: Vec<&str> = match words[..] {
            [] => vec!["blue", "green"],
            ["-"] => {
                io::stdin().take(STDIN).read_to_string(&mut stdin).context("cannot read values from stdin")?;
                stdin.lines().filter(|line| !line.is_empty()).collect()
            }
            _ => words,
        };
        if words.is_empty() || CLIENTS < words.len() {
            return Ok(Err(format!("expected 1 to {CLIENTS} values, found {}", words.len())));
        }
        Ok(words.into_iter().map(str::parse).collect())
    }
}

/// The demonstration under way.
struct Story {
    cluster: Cluster,
    tally: Tally,
    screen: Screen,
}

impl Story {
    fn tell(&mut self, values: &[Decree]) -> anyhow::Result<Verdict> {
        let clients = values.len();
        self.act("Three nodes start", "Each is a process with a memory of its own on disk. No node is special.")?;
        self.start_all()?;

        let all_at_once = if clients == 1 { "A client proposes" } else { "Clients propose, all at once" };
        self.act(
            all_at_once,
            "The higher ballot gets the promises. Who is refused outbids, or adopts what was voted for.",
        )?;
        for (client, value) in values.iter().enumerate() {
            let (name, node) = (client + 1, cluster::asked_by(client));
            self.screen.line(&format!("  client {name} asks n{node} for {:?}", value.to_string()))?;
        }
        self.cluster.propose(values);
        // Somebody has heard the promise of n3 and may be elected by it: now it matters that n3 keeps it.
        self.watch("a promise from n3", |heard| heard.promised_by.contains(&3))?;

        self.act("n3 is killed, having promised", "SIGKILL. Two of three are still a majority: the others decide.")?;
        self.cluster.kill(3);
        self.watch("the clients' answers", |heard| heard.answers.len() == clients)?;
        self.watch("n1 and n2 to learn", |heard| [1, 2].iter().all(|node| heard.told.contains_key(node)))?;
        for (client, output) in &self.tally.heard().answers {
            self.screen.line(&format!(
                "  client {} is told by n{}: {output}",
                client + 1,
                cluster::asked_by(*client)
            ))?;
        }

        self.act(
            "n3 comes back on the same disk",
            "What it promised was stable before it was said, so it still holds.",
        )?;
        self.restart(3)?;
        let learned = self.ask([1, 2, 3])?;

        self.act(
            "Everything stops, and starts again from disk",
            "Nobody remembers what was chosen, but a majority remembers its votes: whoever asks must find it. n3 asks first.",
        )?;
        for node in NODES {
            self.cluster.stop(node)?;
            self.watch(&format!("the end of n{node}"), |heard| !heard.running.contains_key(&node))?;
        }
        self.start_all()?;
        let relearned = self.ask([3, 1, 2])?;
        Ok(self.tally.judge(values, &learned, &relearned))
    }

    fn act(&mut self, title: &str, what_to_look_at: &str) -> anyhow::Result<()> {
        self.screen.heading(title, what_to_look_at)
    }

    /// Starts the whole cluster; on other ports, if somebody else has just taken one.
    fn start_all(&mut self) -> anyhow::Result<()> {
        for _ in 0..ATTEMPTS {
            self.cluster.choose_ports()?;
            for node in NODES {
                self.start(node)?;
            }
            match self.ready(&NODES) {
                Ok(()) => return Ok(()),
                Err(error) if !error.is::<PortTaken>() => return Err(error),
                Err(_) => NODES.iter().for_each(|&node| self.cluster.kill(node)),
            }
        }
        bail!("no free ports were found on 127.0.0.1 in {ATTEMPTS} attempts")
    }

    /// Starts one node again where its peers expect it.
    fn restart(&mut self, node: u8) -> anyhow::Result<()> {
        for _ in 0..ATTEMPTS {
            self.start(node)?;
            match self.ready(&[node]) {
                Ok(()) => return Ok(()),
                Err(error) if !error.is::<PortTaken>() => return Err(error),
                Err(_) => self.cluster.kill(node),
            }
        }
        bail!("the port of n{node} was taken while it was down; try again")
    }

    fn start(&mut self, node: u8) -> anyhow::Result<()> {
        let life = self.cluster.start(node)?;
        self.tally.started(node, life);
        Ok(())
    }

    /// Waits until `nodes` have read their disks, and all nodes are connected with each other.
    fn ready(&mut self, nodes: &[u8]) -> anyhow::Result<()> {
        for &node in nodes {
            self.watch(&format!("n{node} to be ready"), |heard| heard.ready.contains_key(&node))?;
            let records = self.tally.heard().ready[&node];
            let address = self.cluster.address(node);
            let memory = match records {
                0 => "nothing to remember".into(),
                1 => "1 record to replay".into(),
                _ => format!("{records} records to replay"),
            };
            self.screen.line(&format!("  n{node} at {address} with {memory}"))?;
        }
        self.watch("the nodes to connect with each other", |heard| heard.links.len() == NODES.len() * (NODES.len() - 1))
    }

    /// Asks the nodes what is chosen, one after the other.
    fn ask(&mut self, nodes: [u8; 3]) -> anyhow::Result<Vec<Decree>> {
        let mut learned = Vec::new();
        for node in nodes {
            let told = |heard: &tally::Heard| heard.told.get(&node).copied().unwrap_or(0);
            let before = told(self.tally.heard());
            self.cluster.ask(node, Request::Learn);
            // Its log tells it, too: cause before effect, although the two arrive by different ways.
            self.watch(&format!("n{node} to say what is chosen"), |heard| {
                heard.learned.is_some() && before < told(heard)
            })?;
            let value = self.tally.take_learned().context("it was there a moment ago")?;
            self.screen.line(&format!("  n{node} says that {:?} is chosen", value.to_string()))?;
            learned.push(value);
        }
        Ok(learned)
    }

    /// Shows and counts what is heard, until `enough`.
    fn watch(&mut self, what: &str, enough: impl Fn(&tally::Heard) -> bool) -> anyhow::Result<()> {
        let deadline = cluster::deadline();
        while !enough(self.tally.heard()) {
            let news = self.cluster.next_news(deadline).with_context(|| format!("waited for {what}"))?;
            if let News::Logged { node, line, .. } = &news {
                self.screen.event(*node, line)?;
            }
            self.tally.count(news);
        }
        Ok(())
    }
}

/// The nodes of the demonstration.
const NODES: [u8; 3] = [1, 2, 3];
/// The most clients.
const CLIENTS: usize = 16;
/// The most bytes of values that are read from stdin.
const STDIN: u64 = (CLIENTS * (Decree::LIMIT + 1)) as u64;
/// The slowest network that the story's deadlines leave room for.
const SLOWEST: Duration = Duration::from_secs(2);
/// To find free ports.
const ATTEMPTS: usize = 10;

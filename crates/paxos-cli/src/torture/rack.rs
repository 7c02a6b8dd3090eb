//! The nodes on the rack: what is done to them, how each of them ends, and what becomes of it.
//!
//! A node may end in three ways only: this program kills it, its disk fails and it says so, or it finds its log damaged and
//! does not start. Everything else is written down as wrong.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs, io,
    path::Path,
    process::ExitStatus,
    time::{Duration, Instant},
};

use anyhow::Context;
use paxos_process::NodeId;
use rand::RngExt;
use rand_chacha::{ChaCha8Rng, rand_core::SeedableRng};

use super::{
    network::{Network, Weather},
    plan::{Blow, Victim, What},
};
use crate::cluster::supervisor::{News, Supervisor, is_port_taken};

/// The processes, and what is being done to them.
pub(super) struct Rack {
    pub(super) supervisor: Supervisor,
    network: Network,
    /// Where the faults of failing disks are drawn from.
    dice: ChaCha8Rng,
    /// Every disk lies, until all is healed.
    lie: bool,
    /// Nodes record their runs, which one that comes back without its memory, or with a cut log, cannot go on with.
    traced: bool,
    /// For every node, in every life.
    options: Vec<String>,
    ready: BTreeSet<NodeId>,
    /// Nodes that do not run, and when they are started again.
    down: BTreeMap<NodeId, Instant>,
    paused: BTreeMap<NodeId, Instant>,
    /// Weather, and when it is over.
    fronts: Vec<(Instant, u64)>,
    /// Nodes whose disk fails in this life.
    failing: BTreeSet<NodeId>,
    /// Logs that were damaged, where, and not yet refused.
    damaged: BTreeMap<NodeId, usize>,
    /// The node that was given an empty disk and does not vote yet, and how much it had logged before.
    recalling: Option<(NodeId, usize)>,
    pub(super) interrupts: u32,
    pub(super) record: Record,
}

/// What has happened.
#[derive(Clone, Debug, Default)]
pub(super) struct Record {
    /// How often what was done.
    pub(super) counts: BTreeMap<&'static str, u64>,
    /// What must not happen.
    pub(super) wrong: Vec<String>,
    /// The most memory of each node, in bytes, as far as the system tells.
    pub(super) memory: BTreeMap<NodeId, u64>,
    /// Every blow, in words.
    pub(super) events: Vec<String>,
    /// Logs that were damaged, and those of them that were refused with file and offset.
    pub(super) damaged: u64,
    pub(super) refused: u64,
}

impl Rack {
    pub(super) fn new(supervisor: Supervisor, network: Network, seed: u64, lie: bool, traced: bool) -> Self {
        Self {
            supervisor,
            network,
            dice: ChaCha8Rng::seed_from_u64(seed),
            lie,
            traced,
            options: ["--checkpoint-past", if traced { NEVER } else { "1" }].map(str::to_owned).to_vec(),
            ready: BTreeSet::new(),
            down: BTreeMap::new(),
            paused: BTreeMap::new(),
            fronts: Vec::new(),
            failing: BTreeSet::new(),
            damaged: BTreeMap::new(),
            recalling: None,
            interrupts: 0,
            record: Record::default(),
        }
    }

    pub(super) fn nodes(&self) -> Vec<NodeId> {
        self.supervisor.place().members.keys().copied().collect()
    }

    /// Whether all nodes run, vote, and are ready.
    pub(super) fn is_whole(&self) -> bool {
        self.ready.len() == self.nodes().len() && self.recalling.is_none()
    }

    /// Starts a node; `faults` are those of its disk.
    pub(super) fn start(&mut self, node: NodeId, faults: Option<String>) -> anyhow::Result<()> {
        self.down.remove(&node);
        self.ready.remove(&node);
        self.failing.remove(&node);
        let peers = self.network.peers_of(node, self.supervisor.address(node));
        let mut options = self.options.clone();
        options.extend(["--peers".into(), peers]);
        if let Some(faults) = faults.or_else(|| self.lie.then(|| "lie:1".into())) {
            self.failing.insert(node);
            options.extend(["--disk-faults".into(), faults]);
        }
        self.supervisor.start_with(node, &options)
    }

    fn kill(&mut self, node: NodeId, until: Instant) {
        self.measure(node);
        self.supervisor.kill(node);
        self.ready.remove(&node);
        self.paused.remove(&node);
        self.down.insert(node, until);
    }

    /// Does what is planned, if it can be done now. Returns in words what was done.
    pub(super) fn strike(&mut self, blow: &Blow, leader: Option<NodeId>) -> anyhow::Result<Option<String>> {
        let until = Instant::now() + blow.lasts;
        let mut whom = String::new();
        let weather = match &blow.what {
            What::Delay(on, delay) => Some((on, Weather { delay: *delay, ..Weather::default() })),
            What::Narrow(on, rate) => Some((on, Weather { rate: Some(*rate), ..Weather::default() })),
            What::Lossy(on, loss) => Some((on, Weather { loss: *loss, ..Weather::default() })),
            What::Cut(on, _) | What::OneWay(on, _) => Some((on, Weather { cut: true, ..Weather::default() })),
            What::KillAll => {
                self.nodes().into_iter().for_each(|node| self.kill(node, until));
                None
            }
            What::Kill(victim) | What::Pause(victim) | What::FailingDisk(victim, _) | What::Damage(victim, ..) => {
                let victim = match victim {
                    Victim::Leader => leader,
                    Victim::Node(node) => Some(*node),
                };
                let Some(victim) = victim.filter(|victim| self.ready.contains(victim)) else { return Ok(None) };
                let leads = if Some(victim) == leader { ", which leads" } else { "" };
                if !self.hurt(victim, &blow.what, until)? {
                    return Ok(None);
                }
                whom = format!("{victim}{leads}");
                None
            }
        };
        if let Some((directions, weather)) = weather {
            self.fronts.push((until, self.network.worsen(directions.clone(), weather)));
        }
        *self.record.counts.entry(blow.what.kind()).or_default() += 1;
        let about = [whom, blow.what.to_string()].into_iter().filter(|words| !words.is_empty()).collect::<Vec<_>>();
        let (kind, about) = (blow.what.kind(), about.join(": "));
        Ok(Some(format!("{kind:<16} {about:<40} {} ms", blow.lasts.as_millis())))
    }

    /// Whether it was done.
    fn hurt(&mut self, node: NodeId, what: &What, until: Instant) -> anyhow::Result<bool> {
        match what {
            What::Kill(_) => self.kill(node, until),
            What::Pause(_) => {
                if !self.supervisor.pause(node) {
                    return Ok(false);
                }
                self.paused.insert(node, until);
            }
            What::FailingDisk(_, often) => {
                self.kill(node, until);
                let chance = f64::from(*often) / 3_000.0;
                let seed: u32 = self.dice.random();
                let faults = format!("fsync:{chance},full:{chance},short:{chance},slow:0.02,seed:{seed}");
                self.start(node, Some(faults))?;
            }
            What::Damage(_, part, pattern) => {
                // Two nodes without memory would wait for each other for ever.
                if self.traced || self.recalling.is_some() || !self.damaged.is_empty() {
                    return Ok(false);
                }
                self.kill(node, until);
                let at = damage(&self.supervisor.place().data(node), *part, *pattern)
                    .with_context(|| format!("cannot damage the log of {node}"))?;
                self.damaged.insert(node, at);
                self.record.damaged += 1;
            }
            _ => unreachable!("it hurts no single node"),
        }
        Ok(true)
    }

    /// Ends what is over, and hears what has happened by `deadline` at the latest.
    pub(super) fn tend(&mut self, deadline: Instant) -> anyhow::Result<()> {
        let now = Instant::now();
        for node in over(&self.down, now) {
            self.start(node, None)?;
        }
        for node in over(&self.paused, now) {
            self.paused.remove(&node);
            self.supervisor.resume(node);
        }
        let (ended, going) = std::mem::take(&mut self.fronts).into_iter().partition(|(until, _)| *until <= now);
        self.fronts = going;
        let ended: Vec<(Instant, u64)> = ended;
        ended.into_iter().for_each(|(_, front)| self.network.lift(front));
        self.look_for_memory();
        match self.supervisor.next_news(deadline)? {
            None => {}
            Some(News::Interrupted) => self.interrupts += 1,
            Some(News::Ready { node, .. }) => {
                self.ready.insert(node);
                if let Some(at) = self.damaged.remove(&node) {
                    self.record.wrong.push(format!("{node} has started on a log whose byte {at} was changed"));
                }
            }
            Some(News::Ended { node, status }) => self.ended(node, status)?,
        }
        Ok(())
    }

    /// A node has ended, and nobody has killed it.
    fn ended(&mut self, node: NodeId, status: ExitStatus) -> anyhow::Result<()> {
        self.ready.remove(&node);
        self.paused.remove(&node);
        self.down.insert(node, Instant::now() + AGAIN);
        let words = self.supervisor.last_words(node);
        let failed = status.code() == Some(4);
        if failed && is_port_taken(&words) {
            return Ok(()); // by another program, for a moment
        }
        if failed && self.failing.contains(&node) && words.contains("injected by --disk-faults") {
            *self.record.counts.entry("ended by its disk").or_default() += 1;
            return Ok(());
        }
        if let Some(at) = self.damaged.remove(&node) {
            let log = self.supervisor.place().data(node).join("wal");
            if failed && names_file_and_offset(&words, &log, at) {
                self.record.refused += 1;
            } else {
                let how = format!("{node}, whose log was changed at byte {at}, does not say so ({status}): {words}");
                self.record.wrong.push(how);
            }
            return self.replace_disk(node);
        }
        self.record.wrong.push(format!("{node} has ended by itself ({status}): {words}"));
        Ok(())
    }

    /// What an operator does with a disk that went bad: the directory is put aside, and the node starts with an empty one. It
    /// knows then that it has lost its memory.
    fn replace_disk(&mut self, node: NodeId) -> anyhow::Result<()> {
        let data = self.supervisor.place().data(node);
        let aside = data.with_extension(format!("damaged-{}", self.record.damaged));
        fs::rename(&data, &aside).with_context(|| format!("cannot put {} aside", data.display()))?;
        self.recalling = Some((node, self.logged(node).len()));
        Ok(())
    }

    fn logged(&self, node: NodeId) -> String {
        fs::read_to_string(self.supervisor.place().log(node)).unwrap_or_default()
    }

    /// Whether the node without memory votes again.
    fn look_for_memory(&mut self) {
        if let Some((node, before)) = self.recalling {
            let votes = self.ready.contains(&node)
                && self.logged(node).get(before..).is_some_and(|logged| logged.contains("it votes again"));
            if votes {
                self.recalling = None;
                *self.record.counts.entry("disk replaced, votes again").or_default() += 1;
            }
        }
    }

    /// Undoes everything; what was killed is started again. If `power` is cut first, all nodes are killed at once.
    pub(super) fn heal(&mut self, power: bool) -> anyhow::Result<()> {
        self.network.heal();
        self.fronts.clear();
        for node in std::mem::take(&mut self.paused).into_keys() {
            self.supervisor.resume(node);
        }
        self.lie = false;
        let now = Instant::now();
        let sick: Vec<NodeId> = self.nodes().into_iter().filter(|node| power || self.failing.contains(node)).collect();
        sick.into_iter().for_each(|node| self.kill(node, now));
        if power {
            *self.record.counts.entry("kill all").or_default() += 1;
        }
        self.down.values_mut().for_each(|again| *again = now);
        self.tend(now)
    }

    /// What is wrong with the world right now, in few words.
    pub(super) fn state(&self) -> String {
        let mut words: Vec<String> = self.down.keys().map(|node| format!("{node} down")).collect();
        words.extend(self.paused.keys().map(|node| format!("{node} paused")));
        words.extend(self.recalling.map(|(node, _)| format!("{node} without memory")));
        if !self.fronts.is_empty() {
            words.push(format!("{} network faults", self.fronts.len()));
        }
        words.join(", ")
    }

    pub(super) fn measure_all(&mut self) {
        self.nodes().into_iter().for_each(|node| self.measure(node));
    }

    fn measure(&mut self, node: NodeId) {
        if let Some(bytes) = self.supervisor.pid(node).and_then(most_memory) {
            let most = self.record.memory.entry(node).or_default();
            *most = bytes.max(*most);
        }
    }

    /// Looks for what only the logs tell: how often somebody has begun to lead, and who has panicked.
    pub(super) fn read_logs(&mut self) {
        let mut leaders = 0;
        for node in self.nodes() {
            let log = self.logged(node);
            leaders += log.lines().filter(|line| line.contains(r#""message":"leads""#)).count();
            let panics = log.lines().filter(|line| line.contains("panicked at"));
            self.record.wrong.extend(panics.map(|line| format!("{node}: {line}")));
        }
        self.record.counts.insert("leaders", leaders as u64);
        let (lost, resets) = self.network.losses();
        self.record.counts.insert("losses behind TCP", lost);
        self.record.counts.insert("resets", resets);
    }
}

fn over(when: &BTreeMap<NodeId, Instant>, now: Instant) -> Vec<NodeId> {
    when.iter().filter(|(_, until)| **until <= now).map(|(node, _)| *node).collect()
}

/// Changes a byte of the log, which nobody has open. Not in its second half: there a crash may have left bytes that were on
/// their way, and those may go.
fn damage(directory: &Path, part: f64, pattern: u8) -> io::Result<usize> {
    let file = directory.join("wal");
    let mut bytes = fs::read(&file)?;
    let at = (bytes.len() as f64 / 2.0 * part) as usize;
    bytes[at] ^= pattern;
    fs::write(&file, bytes)?;
    Ok(at)
}

/// Whether what a node has said of its log names the file, and a place that is not behind the damage.
fn names_file_and_offset(words: &str, log: &Path, at: usize) -> bool {
    let Some((before, after)) = words.split_once(" is corrupt at byte ") else { return false };
    let offset = after.split(':').next().and_then(|number| number.parse::<usize>().ok());
    before.contains(&log.display().to_string()) && offset.is_some_and(|offset| offset <= at)
}

/// The most memory that a process has had, in bytes: where there is a `/proc` to tell.
fn most_memory(pid: u32) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kilobytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kilobytes << 10)
}

/// A record does not tell what a checkpoint keeps, which is more than the records before it: so a traced log is not cut,
/// and any other one so early that it is cut while the cluster is tortured.
const NEVER: &str = "1048576";
/// Before a node that has ended is started again.
const AGAIN: Duration = Duration::from_millis(300);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_names_the_file_and_a_place_before_the_damage() {
        let check = |words: &str, expected: bool| {
            assert_eq!(names_file_and_offset(words, Path::new("/d/n1/wal"), 30), expected, "{words}");
        };
        check("error: /d/n1/wal is corrupt at byte 24: a record's header does not match", true);
        check("error: /d/n1/wal is corrupt at byte 30: x", true);
        check("error: /d/n1/wal is corrupt at byte 31: x", false);
        check("error: /d/n2/wal is corrupt at byte 24: x", false);
        check("error: /d/n1/wal is corrupt", false);
    }

    #[test]
    fn one_byte_is_damaged_in_the_first_half() {
        let directory = tempfile::tempdir().unwrap();
        fs::write(directory.path().join("wal"), [0; 100]).unwrap();
        assert_eq!(damage(directory.path(), 0.5, 0x81).unwrap(), 25);
        let bytes = fs::read(directory.path().join("wal")).unwrap();
        assert!(bytes.len() == 100 && bytes[25] == 0x81 && bytes.iter().filter(|byte| **byte != 0).count() == 1);
    }
}

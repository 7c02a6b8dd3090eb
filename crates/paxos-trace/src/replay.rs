//! The way back: the inputs of a run, as choices in a world.
//!
//! A run of a world is one list, and each of its lines is a choice. A run of real nodes is a list for each node, and what
//! one received another must have sent before. So they are merged by their clocks, and where those disagree, by cause:
//! a message is received when it is in flight. A message that nobody has sent stops the replay, and so does a record or
//! an output that is not the recorded one: then this is not the program that ran.
//!
//! Real disks keep more than they must. When a process is killed, what it had appended and not synced is mostly there
//! when it comes back. The next life says how many records it has found, and the world syncs just those.

mod error;

use std::collections::{BTreeMap, VecDeque};

use paxos_process::NodeId;
use paxos_sim::{Choice, ChoiceOf, Happening, Loopback, Packet, Scriptable, Watch, World};
use serde::{Deserialize as _, de::DeserializeOwned};
use serde_json::Value as Json;

pub use self::error::ReplayError;
use crate::{Does, Input, Run};

/// A run, back in a world.
#[derive(Clone, Debug)]
pub struct Replayed<P: Scriptable> {
    /// The world at its end.
    pub world: World<P>,
    /// The choices that led there.
    pub choices: Vec<ChoiceOf<P>>,
}

/// Takes a run to `world`, which must be fresh and the one that its header describes, and tells `watch` what happens. One
/// run of a world, or one of each of its nodes.
///
/// # Errors
///
/// The first line that cannot have happened there.
pub fn replay<P>(runs: &[Run], world: World<P>, watch: &mut impl Watch<P>) -> Result<Replayed<P>, ReplayError>
where
    P: Scriptable<Message: DeserializeOwned>,
{
    replay_first(usize::MAX, runs, world, watch)
}

/// [`replay`], of so many choices at most.
///
/// # Errors
///
/// As of [`replay`].
pub fn replay_first<P>(
    most: usize,
    runs: &[Run],
    world: World<P>,
    watch: &mut impl Watch<P>,
) -> Result<Replayed<P>, ReplayError>
where
    P: Scriptable<Message: DeserializeOwned>,
{
    let mut sources: Vec<Source<'_, P>> = runs.iter().map(Source::new).collect();
    check(runs)?;
    let nodes = world.setting().quorums.members().iter().map(|node| (node, Node::default())).collect();
    let mut stage = Stage { world, choices: Vec::new(), nodes, lost: Vec::new(), copied: None, clock: None };
    while stage.choices.len() < most {
        for source in &mut sources {
            source.look(&stage)?;
        }
        let heads = sources.iter().filter(|source| source.next().is_some());
        let Some(first) = heads.min_by_key(|source| source.rank()) else { break };
        if first.blocked {
            // All wait. The one to tell of waits for somebody who will say nothing more.
            let speaks = |node: NodeId| {
                sources.iter().any(|source| source.run.node.is_none_or(|own| own == node) && source.next().is_some())
            };
            let deaf = |source: &&Source<'_, P>| source.packet.as_ref().is_some_and(|packet| !speaks(packet.from));
            let told = sources.iter().filter(|source| source.blocked).find(deaf).unwrap_or(first);
            return Err(told.error(told.why_blocked(&stage)));
        }
        let (node, line) = (first.run.node, first.line());
        let position = sources.iter().position(|source| (source.run.node, source.line()) == (node, line));
        let source = &mut sources[position.expect("it was just found")];
        source.step(&mut stage, watch).map_err(|what| source.error(what))?;
        source.passed += 1;
        source.packet = None;
    }
    Ok(Replayed { world: stage.world, choices: stage.choices })
}

/// One world, or different nodes of one cluster.
fn check(runs: &[Run]) -> Result<(), ReplayError> {
    let wrong = |what: &str| Err(ReplayError { node: None, line: 0, what: what.to_owned() });
    let Some(first) = runs.first() else { return wrong("there is no run") };
    let mut nodes: Vec<NodeId> = runs.iter().filter_map(|run| run.node).collect();
    nodes.sort_unstable();
    nodes.dedup();
    if runs.iter().any(|run| run.header != first.header) {
        return wrong("these are runs of different clusters");
    }
    if 1 < runs.len() && nodes.len() < runs.len() {
        return wrong("several runs are merged only if each is of another node");
    }
    Ok(())
}

/// A file, and how far it has been replayed.
struct Source<'a, P: Scriptable> {
    run: &'a Run,
    passed: usize,
    /// The message that the next line is about.
    packet: Option<Packet<P::Message>>,
    /// Whether that message is not in flight yet.
    blocked: bool,
}

/// What the world has made of a node, as far as its run can say whether that is right.
#[derive(Default)]
struct Node {
    lives: u32,
    /// Whether nothing but its start has happened: what came of that was not seen.
    just_begun: bool,
    wrote: VecDeque<String>,
    told: VecDeque<String>,
    stable: u64,
    unsynced: u64,
    /// The log is being cut to so many records; if the node dies now, it may find either.
    cutting: Option<u64>,
}

/// The world, and what has been seen of it.
struct Stage<P: Scriptable> {
    world: World<P>,
    choices: Vec<ChoiceOf<P>>,
    nodes: BTreeMap<NodeId, Node>,
    /// What was lost without a choice, because its link was cut.
    lost: Vec<Packet<P::Message>>,
    /// The message that is received next, if a copy of it stays in flight.
    copied: Option<Packet<P::Message>>,
    clock: Option<u64>,
}

impl<'a, P: Scriptable<Message: DeserializeOwned>> Source<'a, P> {
    const fn new(run: &'a Run) -> Self {
        Self { run, passed: 0, packet: None, blocked: false }
    }

    fn next(&self) -> Option<&'a Input> {
        self.run.inputs.get(self.passed)
    }

    fn line(&self) -> usize {
        self.next().map_or(0, |input| input.line)
    }

    /// Whoever is not blocked comes first, by the clock.
    fn rank(&self) -> (bool, Option<u64>, Option<NodeId>) {
        (self.blocked, self.next().and_then(|input| input.at), self.run.node)
    }

    fn error(&self, what: String) -> ReplayError {
        ReplayError { node: self.run.node, line: self.line(), what }
    }

    /// Reads the message of the next line, if it has one, and looks whether it is in flight.
    fn look(&mut self, stage: &Stage<P>) -> Result<(), ReplayError> {
        self.blocked = false;
        let Some(input) = self.next() else { return Ok(()) };
        let (from, message) = match &input.does {
            Does::Receive { from, .. } if *from == input.node && stage.loops_back() => return Ok(()),
            Does::Receive { from, message } | Does::Dropped { from, message } | Does::Duplicated { from, message } => {
                (*from, message)
            }
            _ => return Ok(()),
        };
        if self.packet.is_none() {
            self.packet = Some(packet::<P>(from, input.node, message).map_err(|what| self.error(what))?);
        }
        let flying = self.packet.as_ref().is_some_and(|packet| stage.world.network().binary_search(packet).is_ok());
        self.blocked = !flying && matches!(input.does, Does::Receive { .. });
        Ok(())
    }

    fn why_blocked(&self, stage: &Stage<P>) -> String {
        let Some(Packet { from, to, message }) = &self.packet else { return "nothing can happen".to_owned() };
        let near: Vec<String> = (stage.world.network().iter())
            .filter(|packet| packet.from == *from && packet.to == *to && P::phase(&packet.message) == P::phase(message))
            .map(|packet| packet.message.to_string())
            .collect();
        let near = near.iter().rev().take(3).cloned().collect::<Vec<_>>();
        format!(
            "{to} receives {message} from {from}, which {from} has not sent by then. Is a node's run missing, or of another \
             program? Of that phase there is in flight: {near:?}"
        )
    }

    fn step(&self, stage: &mut Stage<P>, watch: &mut impl Watch<P>) -> Result<(), String> {
        let Some(Input { at, node, does, .. }) = self.next() else { return Ok(()) };
        let node = *node;
        if !stage.nodes.contains_key(&node) {
            return Err(format!("there is no node {node}"));
        }
        if let Some(at) = at.filter(|at| stage.clock < Some(*at)) {
            stage.clock = Some(at);
            watch.at(std::time::Duration::from_nanos(at));
        }
        let packet = || self.packet.clone().ok_or_else(|| "it has no message".to_owned());
        match does {
            Does::Start { records } => return self.start(node, *records, stage, watch),
            Does::Receive { from, .. } if *from == node && stage.loops_back() => {}
            Does::Receive { .. } => {
                let packet = packet()?;
                let index = stage.find(&packet)?;
                let choice = match stage.copied.take() {
                    None => Choice::Deliver(index),
                    Some(copied) if copied == packet => Choice::Duplicate(index),
                    Some(copied) => {
                        return Err(format!("{} was copied, and another message is received", copied.message));
                    }
                };
                stage.apply(choice, watch)?;
            }
            Does::Duplicated { .. } => stage.copied = Some(packet()?),
            Does::Dropped { .. } => {
                let packet = packet()?;
                match stage.lost.iter().position(|lost| *lost == packet) {
                    Some(lost) => _ = stage.lost.swap_remove(lost),
                    None => stage.apply(Choice::Drop(stage.find(&packet)?), watch)?,
                }
            }
            Does::Timeout { timer } => {
                let set = stage.world.timers(node).iter().find(|set| set.to_string() == *timer).copied();
                let set = set.ok_or_else(|| format!("{timer} goes off, which {node} has not set"))?;
                stage.apply(Choice::Fire(node, set), watch)?;
            }
            Does::Request { request } => {
                let request = request.parse().map_err(|error| format!("a request that cannot be read: {error}"))?;
                stage.apply(Choice::Request(node, request), watch)?;
            }
            // A real node may have been synced here already, up to what its next life has found.
            Does::Synced if self.run.node.is_some() && !stage.world.has_unsynced(node) => {}
            Does::Synced => stage.apply(Choice::Sync(node), watch)?,
            Does::Checkpointing { records } => stage.of(node).cutting = Some(*records),
            Does::Checkpoint { records } => {
                let of = stage.of(node);
                (of.stable, of.cutting) = (*records, None);
            }
            Does::Crashed { forgets } => stage.crash(node, *forgets, watch)?,
            Does::Lost => stage.apply(Choice::Lose(node), watch)?,
            Does::Restart => stage.apply(Choice::Restart(node), watch)?,
            Does::Cut { from } => stage.apply(Choice::Cut(*from, node), watch)?,
            Does::Healed { from } => stage.apply(Choice::Heal(*from, node), watch)?,
            Does::Wrote { text } => return stage.of(node).same(text, "writes", |node| &mut node.wrote),
            Does::Told { text } => return stage.of(node).same(text, "tells", |node| &mut node.told),
        }
        stage.of(node).just_begun = false;
        self.keep(node, stage, watch)
    }

    /// A life begins. The world's first has begun with it; of any other, the disk says what the one before has left.
    fn start(&self, node: NodeId, records: u64, stage: &mut Stage<P>, watch: &mut impl Watch<P>) -> Result<(), String> {
        let of = stage.of(node);
        if of.cutting.take() == Some(records) {
            of.stable = records;
        }
        let Node { lives, stable, unsynced, .. } = *of;
        of.lives += 1;
        if lives == 0 {
            stage.of(node).just_begun = true;
            let late =
                format!("{node} has a memory of {records} records when its run begins: record it from its first start");
            return if records == 0 { Ok(()) } else { Err(late) };
        }
        match records {
            found if found < stable => {
                return Err(format!("amnesia: {node} finds {found} records, and {stable} of it were stable"));
            }
            found if stable + unsynced < found => {
                let of = stable + unsynced;
                return Err(format!("{node} finds {found} records, of {of} that it has written"));
            }
            // Of a group that was being written, a beginning may be there.
            found => stage.crash(node, Some(stable + unsynced - found), watch)?,
        }
        stage.apply(Choice::Restart(node), watch)
    }

    /// What a node had appended when it was killed, and is found by its next life, is as good as synced.
    fn keep(&self, node: NodeId, stage: &mut Stage<P>, watch: &mut impl Watch<P>) -> Result<(), String> {
        if self.run.node.is_none() || !stage.world.has_unsynced(node) {
            return Ok(());
        }
        let later = self.run.inputs[self.passed + 1..].iter();
        let found = later.map(|input| &input.does).find_map(|does| match does {
            Does::Start { records } => Some(Some(*records)),
            Does::Checkpointing { .. } | Does::Synced | Does::Checkpoint { .. } => Some(None),
            _ => None,
        });
        let Node { stable, unsynced, .. } = *stage.of(node);
        match found.flatten() {
            Some(found) if found == stable + unsynced => stage.apply(Choice::Sync(node), watch),
            _ => Ok(()),
        }
    }
}

impl<P: Scriptable> Stage<P> {
    fn loops_back(&self) -> bool {
        self.world.setting().loopback == Loopback::AtOnce
    }

    fn of(&mut self, node: NodeId) -> &mut Node {
        self.nodes.get_mut(&node).expect("it was looked whether there is such a node")
    }

    /// The first of those that are alike: which of them is no difference.
    fn find(&self, packet: &Packet<P::Message>) -> Result<usize, String> {
        let first = self.world.network().partition_point(|other| other < packet);
        let found = self.world.network().get(first).filter(|found| *found == packet).map(|_| first);
        found.ok_or_else(|| format!("no {} is in flight from {} to {}", packet.message, packet.from, packet.to))
    }

    /// A node stops and forgets so many records, or all that were not synced.
    fn crash(&mut self, node: NodeId, forgets: Option<u64>, watch: &mut impl Watch<P>) -> Result<(), String> {
        let unsynced = self.world.unsynced(node) as u64;
        let kept = unsynced.saturating_sub(forgets.unwrap_or(unsynced));
        match usize::try_from(kept) {
            Ok(kept) if 0 < kept => self.apply(Choice::CrashKeeping(node, kept), watch)?,
            _ => self.apply(Choice::Crash(node), watch)?,
        }
        let of = self.of(node);
        of.stable += kept;
        of.unsynced = 0;
        of.wrote.clear();
        of.told.clear();
        Ok(())
    }

    fn apply(&mut self, choice: ChoiceOf<P>, watch: &mut impl Watch<P>) -> Result<(), String> {
        if let Some(obstacle) = self.world.obstacle(&choice) {
            return Err(obstacle);
        }
        let Self { world, nodes, lost, .. } = self;
        let dropping = matches!(choice, Choice::Drop(_));
        let mut both = |happening: Happening<'_, P>| {
            let of = |node: &NodeId, change: &mut dyn FnMut(&mut Node)| _ = nodes.get_mut(node).map(change);
            let mut of = of;
            match &happening {
                Happening::Wrote(node, record) => of(node, &mut |node| {
                    node.unsynced += 1;
                    node.wrote.push_back(record.to_string());
                }),
                Happening::Told(node, output) => of(node, &mut |node| node.told.push_back(output.to_string())),
                Happening::Synced(node) => of(node, &mut |node| node.stable += std::mem::take(&mut node.unsynced)),
                Happening::Dropped(packet) if !dropping => lost.push((*packet).clone()),
                _ => {}
            }
            watch.see(happening);
        };
        world.apply(&choice, &mut both);
        self.choices.push(choice);
        Ok(())
    }
}

impl Node {
    /// What the run says that the node has done, it must have done in the world.
    fn same(
        &mut self,
        text: &str,
        does: &str,
        queue: impl Fn(&mut Self) -> &mut VecDeque<String>,
    ) -> Result<(), String> {
        if self.just_begun {
            return Ok(());
        }
        match queue(self).pop_front() {
            Some(same) if same == text => Ok(()),
            Some(other) => Err(format!("it {does} {text:?} in the run, and {other:?} in its replay")),
            None => Err(format!("it {does} {text:?} in the run, and nothing in its replay")),
        }
    }
}

fn packet<P: Scriptable<Message: DeserializeOwned>>(
    from: NodeId,
    to: NodeId,
    message: &Json,
) -> Result<Packet<P::Message>, String> {
    let message = P::Message::deserialize(message).map_err(|error| format!("no message of this protocol: {error}"))?;
    Ok(Packet { from, to, message })
}

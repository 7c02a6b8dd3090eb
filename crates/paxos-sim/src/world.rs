//! The world: a cluster between two events, and what each choice does to it.

mod carry_out;
mod commuting;
mod links;

use std::{
    hash::{BuildHasher, Hash, Hasher},
    sync::Arc,
};

use foldhash::quality::FixedState;
use paxos_messages::{Observed, Slot};
use paxos_process::{Event, NodeId};

pub use commuting::Commute;

use crate::{
    Choice, ChoiceOf, Happening, History, Invariant, Packet, Setting, Spent, Watch,
    bounds::BoundsOf,
    node::{Node, Seal},
};

/// A cluster between two events. Cheap to clone: what a choice does not touch is shared.
#[derive(Debug)]
pub struct World<P: Observed> {
    setting: Arc<Setting>,
    nodes: Vec<Arc<Node<P>>>,
    network: Vec<Packet<P::Message>>,
    history: Arc<History<P::Decree>>,
    spent: Spent,
    /// The sum of the fingerprints of the messages in flight.
    flying: u64,
    /// The first and the last slot that something was said of since an invariant was last looked at.
    unjudged: Option<(Slot, Slot)>,
}

impl<P: Observed + Clone + Hash> World<P> {
    /// A fresh cluster: the members of the setting's quorums, each made by `make` and started.
    pub fn new(setting: Setting, make: impl Fn(NodeId) -> P) -> Self {
        let nodes = setting.quorums.members().iter().map(|id| Arc::new(Node::new(id, make(id)))).collect();
        let mut world = Self {
            setting: Arc::new(setting),
            nodes,
            network: Vec::new(),
            history: Arc::new(History::new(P::unasked()).giving_up_votes(P::GIVES_UP_VOTES)),
            spent: Spent::default(),
            flying: 0,
            unjudged: None,
        };
        for position in 0..world.nodes.len() {
            world.step(position, Event::Start, &mut ());
        }
        world
    }

    /// The messages in flight, sorted.
    #[must_use]
    pub fn network(&self) -> &[Packet<P::Message>] {
        &self.network
    }

    /// Everything said so far.
    #[must_use]
    pub fn history(&self) -> &History<P::Decree> {
        &self.history
    }

    /// What kind of world it is.
    #[must_use]
    pub fn setting(&self) -> &Setting {
        &self.setting
    }

    /// The process of a node; while the node is down, what a restart would find.
    ///
    /// # Panics
    ///
    /// When there is no such node.
    #[must_use]
    pub fn process(&self, id: NodeId) -> &P {
        &self.nodes[self.position(id).expect("a node of this world")].process
    }

    /// Whether a node is up; false too when there is no such node.
    #[must_use]
    pub fn is_up(&self, id: NodeId) -> bool {
        self.position(id).is_some_and(|position| self.nodes[position].up)
    }

    /// The timers of a node that are set.
    #[must_use]
    pub fn timers(&self, id: NodeId) -> &[P::Timer] {
        self.position(id).map_or(&[], |position| &self.nodes[position].timers)
    }

    /// Whether a node has written records that a crash would forget.
    #[must_use]
    pub fn has_unsynced(&self, id: NodeId) -> bool {
        self.position(id).is_some_and(|position| !self.nodes[position].unsynced.is_empty())
    }

    /// The first of `invariants` that does not hold.
    #[must_use]
    pub fn violated(&self, invariants: &[Invariant]) -> Option<Invariant> {
        invariants.iter().copied().find(|invariant| !invariant.holds(&self.history, &self.setting.quorums))
    }

    /// As [`violated`](Self::violated), for whoever asks after every choice: looks only at the slots that something was
    /// said of since it was last asked. A log has hundreds, and a choice concerns a few.
    #[must_use]
    pub fn newly_violated(&mut self, invariants: &[Invariant]) -> Option<Invariant> {
        let said = self.history.said_of(self.unjudged.take());
        invariants.iter().copied().find(|invariant| !invariant.holds_for(&said, &self.setting.quorums))
    }

    /// What `choice` would need and does not find, in words; `None` when it can be applied.
    #[must_use]
    pub fn obstacle(&self, choice: &ChoiceOf<P>) -> Option<String> {
        let node = |id: &NodeId| self.position(*id).ok_or_else(|| format!("there is no node {id}"));
        let up = |id: &NodeId| match node(id) {
            Ok(position) if self.nodes[position].up => None,
            Ok(_) => Some(format!("{id} is down")),
            Err(error) => Some(error),
        };
        match choice {
            Choice::Deliver(index) | Choice::Duplicate(index) | Choice::Drop(index) => match self.network.get(*index) {
                None => Some(format!("no message {index}: {} are in flight", self.network.len())),
                Some(_) if matches!(choice, Choice::Drop(_)) => None,
                Some(packet) if self.is_cut(packet.from, packet.to) => {
                    Some(format!("the link {} → {} is cut", packet.from, packet.to))
                }
                Some(packet) => up(&packet.to),
            },
            Choice::Fire(id, timer) => {
                up(id).or_else(|| (!self.timers(*id).contains(timer)).then(|| format!("{id} has not set {timer:?}")))
            }
            Choice::Sync(id) => {
                up(id).or_else(|| (!self.has_unsynced(*id)).then(|| format!("{id} has nothing to sync")))
            }
            Choice::Request(id, _) | Choice::Crash(id) => up(id),
            Choice::CrashKeeping(id, kept) => up(id).or_else(|| {
                let unsynced = self.unsynced(*id);
                (unsynced < *kept).then(|| format!("{id} has {unsynced} unsynced records, not {kept}"))
            }),
            Choice::Restart(id) | Choice::Lose(id) => match node(id) {
                Ok(position) if self.nodes[position].up => Some(format!("{id} is up")),
                Ok(position) if matches!(choice, Choice::Lose(_)) => {
                    let rule = self.nodes[position].disk.without_memory(0);
                    rule.is_none().then(|| "the protocol has no rule for a lost disk".to_owned())
                }
                Ok(_) => None,
                Err(error) => Some(error),
            },
            Choice::Cut(from, to) | Choice::Heal(from, to) => self.link_obstacle(choice, *from, *to),
        }
    }

    /// Lets `choice` happen.
    ///
    /// # Panics
    ///
    /// When there is an [obstacle](Self::obstacle).
    pub fn apply(&mut self, choice: &ChoiceOf<P>, watch: &mut impl Watch<P>) {
        match choice {
            Choice::Deliver(index) => {
                let packet = self.take(*index);
                self.deliver(packet, watch);
            }
            Choice::Duplicate(index) => {
                self.spent.duplicates = self.spent.duplicates.saturating_add(1);
                let packet = self.network[*index].clone();
                watch.see(Happening::Duplicated(&packet));
                self.deliver(packet, watch);
            }
            Choice::Drop(index) => {
                self.spent.drops = self.spent.drops.saturating_add(1);
                watch.see(Happening::Dropped(&self.take(*index)));
            }
            Choice::Cut(from, to) => self.cut(*from, *to, watch),
            Choice::Heal(from, to) => self.heal(*from, *to, watch),
            Choice::Fire(id, _)
            | Choice::Request(id, _)
            | Choice::Sync(id)
            | Choice::Crash(id)
            | Choice::CrashKeeping(id, _)
            | Choice::Restart(id)
            | Choice::Lose(id) => {
                let position = self.position(*id).expect("a choice names a node of this world");
                self.apply_to(position, *id, choice, watch);
            }
        }
    }

    /// The choices that concern one node, at `position`, and no message.
    fn apply_to(&mut self, position: usize, id: NodeId, choice: &ChoiceOf<P>, watch: &mut impl Watch<P>) {
        match choice {
            Choice::Fire(_, timer) => {
                self.spent.fires = self.spent.fires.saturating_add(1);
                watch.see(Happening::Fired(id, *timer));
                self.node(position).unset(*timer);
                self.step(position, Event::Timeout(*timer), watch);
            }
            Choice::Request(_, request) => {
                watch.see(Happening::Asked(id, request));
                if let Some(value) = P::wanted(request) {
                    self.record().want(value);
                }
                if let Some(read) = P::read(request) {
                    self.record().read(id, read);
                }
                self.step(position, Event::Request(request.clone()), watch);
            }
            Choice::Sync(_) => self.sync(position, watch),
            Choice::Crash(_) => self.crash(position, 0, watch),
            Choice::CrashKeeping(_, kept) => self.crash(position, *kept, watch),
            Choice::Restart(_) => {
                let memory = self.nodes[position].disk.memory();
                watch.see(Happening::Restarted(id, &memory));
                self.record().restarted(id, &memory);
                self.node(position).up = true;
                self.step(position, Event::Start, watch);
            }
            Choice::Lose(_) => {
                self.spent.losses = self.spent.losses.saturating_add(1);
                watch.see(Happening::Lost(id));
                self.record().lost(id);
                // Restarts count on from there.
                let life = 1_000 * u64::from(self.spent.losses);
                let blank = self.nodes[position].disk.without_memory(life).expect("the protocol has a rule for it");
                let node = self.node(position);
                (node.process, node.disk) = (blank.clone(), blank);
                // What a node says to itself never leaves its process: none of it reaches another life than its own.
                let to_itself = |packet: &Packet<P::Message>| packet.from == id && packet.to == id;
                while let Some(index) = self.network.iter().position(to_itself) {
                    self.take(index);
                }
            }
            Choice::Deliver(_) | Choice::Duplicate(_) | Choice::Drop(_) | Choice::Cut(..) | Choice::Heal(..) => {
                unreachable!("these concern messages and links")
            }
        }
    }

    /// Lets the world run until it is quiet: disks sync and messages arrive, in order; nothing is lost and no timer
    /// goes off. What is addressed to a crashed node, or must take a link that is cut, stays in flight.
    pub fn stabilize(&mut self, watch: &mut impl Watch<P>) {
        while let Some(choice) = self.next_delivery() {
            self.apply(&choice, watch);
        }
    }

    fn next_delivery(&self) -> Option<ChoiceOf<P>> {
        let sync = self.nodes.iter().find(|node| !node.unsynced.is_empty()).map(|node| Choice::Sync(node.id));
        sync.or_else(|| self.network.iter().position(|packet| self.arrives(packet)).map(Choice::Deliver))
    }

    // ANCHOR: choices
    /// Everything that may happen next within `bounds`, appended to `choices`.
    ///
    /// Where no crash can follow any more, a disk that has something to sync is the only choice: a sync that waits
    /// then is no more than a message that waits.
    pub fn choices(&self, bounds: &BoundsOf<P>, choices: &mut Vec<ChoiceOf<P>>) {
        let may_crash = self.spent.crashes < bounds.crashes;
        // Without a crash to come, a sync that waits is a message that waits: let it come first.
        if let Some(node) = self.nodes.iter().find(|node| !may_crash && !node.unsynced.is_empty()) {
            return choices.push(Choice::Sync(node.id));
        }
        for (index, packet) in self.network.iter().enumerate() {
            let repeated = index > 0 && self.network[index - 1] == *packet;
            if repeated || !self.arrives(packet) {
                continue;
            }
            choices.push(Choice::Deliver(index));
            if self.spent.duplicates < bounds.duplicates {
                choices.push(Choice::Duplicate(index));
            }
            if self.spent.drops < bounds.drops {
                choices.push(Choice::Drop(index));
            }
        }
        for position in bounds.window(&self.spent) {
            let (id, request) = &bounds.requests[position];
            if !self.spent.asked(position) && self.is_up(*id) {
                choices.push(Choice::Request(*id, request.clone()));
            }
        }
        for node in &self.nodes {
            if !node.up {
                choices.push(Choice::Restart(node.id));
                if self.spent.losses < bounds.losses && bounds.may_crash.contains(node.id) {
                    choices.push(Choice::Lose(node.id));
                }
                continue;
            }
            if !node.unsynced.is_empty() {
                choices.push(Choice::Sync(node.id));
            }
            if self.spent.fires < bounds.fires && bounds.may_fire.contains(node.id) {
                choices.extend(node.timers.iter().map(|timer| Choice::Fire(node.id, *timer)));
            }
            if may_crash && bounds.may_crash.contains(node.id) {
                choices.push(Choice::Crash(node.id));
            }
        }
        self.link_choices(bounds, choices);
    }
    // ANCHOR_END: choices

    /// [`apply`](Self::apply), for a chooser that keeps to `bounds`: a request is made once.
    pub fn apply_within(&mut self, bounds: &BoundsOf<P>, choice: &ChoiceOf<P>, watch: &mut impl Watch<P>) {
        if let Choice::Request(id, request) = choice {
            let fresh = |position: &usize| {
                let (node, asked) = &bounds.requests[*position];
                node == id && asked == request && !self.spent.asked(*position)
            };
            if let Some(position) = bounds.window(&self.spent).find(fresh) {
                self.spent.ask(position);
            }
        }
        self.apply(choice, watch);
    }

    fn position(&self, id: NodeId) -> Option<usize> {
        self.nodes.iter().position(|node| node.id == id)
    }

    fn node(&mut self, position: usize) -> &mut Node<P> {
        let node = Arc::make_mut(&mut self.nodes[position]);
        node.seal = Seal::default();
        node
    }

    /// A number that two different worlds share only by chance, 1 in 2^64.
    #[must_use]
    pub fn fingerprint(&self) -> u64 {
        // A choice changes one node: the seals of the others are whole.
        let nodes = self.nodes.iter().fold(0u64, |sum, node| sum.wrapping_add(node.seal.of(&**node)));
        fingerprint(&(nodes, self.flying, &*self.history, self.spent))
    }
}

impl<P: Observed> Clone for World<P> {
    /// With room in the network for what the next choice is likely to send.
    fn clone(&self) -> Self {
        let mut network = Vec::with_capacity(self.network.len() + self.nodes.len());
        network.extend_from_slice(&self.network);
        Self {
            setting: Arc::clone(&self.setting),
            nodes: self.nodes.clone(),
            network,
            history: Arc::clone(&self.history),
            spent: self.spent,
            flying: self.flying,
            unjudged: self.unjudged,
        }
    }

    /// For whoever makes many worlds of one, one after the other: what the two share stays, and so does the room.
    fn clone_from(&mut self, source: &Self) {
        self.setting.clone_from(&source.setting);
        self.nodes.clone_from(&source.nodes);
        self.network.clone_from(&source.network);
        self.history.clone_from(&source.history);
        (self.spent, self.flying, self.unjudged) = (source.spent, source.flying, source.unjudged);
    }
}

/// Two worlds are the same when the same can happen in them and the same was said. How they are set up is not part
/// of it: worlds are compared within one setting.
impl<P: Observed + Eq> PartialEq for World<P> {
    fn eq(&self, other: &Self) -> bool {
        (&self.nodes, &self.network, &self.history, self.spent)
            == (&other.nodes, &other.network, &other.history, other.spent)
    }
}

impl<P: Observed + Eq> Eq for World<P> {}

impl<P: Observed + Clone + Hash> Hash for World<P> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(self.fingerprint());
    }
}

pub(crate) fn fingerprint(part: &impl Hash) -> u64 {
    FixedState::default().hash_one(part)
}

//! A cluster in virtual time. Disks are at once: nobody crashes here.

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::RangeInclusive,
};

use paxos_process::{Effects, Event, EventOf, NodeId, NodeSet, Process, TimerOp};
use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;

/// What is to happen, and when.
enum Due<P: Process> {
    /// A message, with its sender.
    Arrives(NodeId, P::Message),
    /// A timer. It is set for this time, or has been set again or cancelled since.
    GoesOff(P::Timer),
    /// The application asks.
    Asked(P::Request),
}

pub(super) struct Clock<P: Process> {
    now: u64,
    nodes: BTreeMap<NodeId, P>,
    /// By time, and in order of appearance.
    agenda: BTreeMap<(u64, u64), (NodeId, Due<P>)>,
    count: u64,
    set: BTreeMap<(NodeId, P::Timer), u64>,
    cut: BTreeSet<(NodeId, NodeId)>,
    /// How long a message takes to another node.
    delay: fn(&P::Message) -> RangeInclusive<u64>,
    patience: fn(P::Timer) -> RangeInclusive<u64>,
    dice: ChaCha8Rng,
    /// What applications were told, when, and where.
    pub(super) told: Vec<(u64, NodeId, P::Output)>,
}

impl<P: Process> Clock<P> {
    pub(super) fn new(
        seed: u64,
        members: NodeSet,
        make: impl Fn(NodeId) -> P,
        patience: fn(P::Timer) -> RangeInclusive<u64>,
    ) -> Self {
        let mut clock = Self {
            now: 0,
            nodes: members.iter().map(|id| (id, make(id))).collect(),
            agenda: BTreeMap::new(),
            count: 0,
            set: BTreeMap::new(),
            cut: BTreeSet::new(),
            delay: |_| 1..=10,
            patience,
            dice: ChaCha8Rng::seed_from_u64(seed),
            told: Vec::new(),
        };
        members.iter().for_each(|id| clock.step(id, Event::Start));
        clock
    }

    /// From now on messages take so long.
    pub(super) fn takes(&mut self, delay: fn(&P::Message) -> RangeInclusive<u64>) {
        self.delay = delay;
    }

    pub(super) fn asks(&mut self, at: u64, id: NodeId, request: P::Request) {
        self.put(at, id, Due::Asked(request));
    }

    /// `to` hears this from `from`, now.
    pub(super) fn hears(&mut self, from: NodeId, to: NodeId, message: P::Message) {
        self.step(to, Event::Receive { from, message });
    }

    /// The links between `id` and `others` are cut, both ways. What is on its way is lost.
    pub(super) fn cut(&mut self, id: NodeId, others: NodeSet) {
        for other in others.without(id) {
            self.cut.extend([(id, other), (other, id)]);
        }
    }

    /// Lets time pass until then.
    pub(super) fn run(&mut self, until: u64) {
        while let Some(((at, number), _)) = self.agenda.first_key_value().map(|(key, due)| (*key, due))
            && at <= until
        {
            self.now = at;
            let (id, due) = self.agenda.remove(&(at, number)).expect("it is the first");
            match due {
                Due::Arrives(from, _) if self.cut.contains(&(from, id)) => {}
                Due::Arrives(from, message) => self.step(id, Event::Receive { from, message }),
                Due::GoesOff(timer) if self.set.get(&(id, timer)) == Some(&number) => {
                    self.set.remove(&(id, timer));
                    self.step(id, Event::Timeout(timer));
                }
                Due::GoesOff(_) => {}
                Due::Asked(request) => self.step(id, Event::Request(request)),
            }
        }
        self.now = until;
    }

    fn put(&mut self, at: u64, id: NodeId, due: Due<P>) -> u64 {
        self.count += 1;
        self.agenda.insert((at, self.count), (id, due));
        self.count
    }

    fn step(&mut self, id: NodeId, event: EventOf<P>) {
        let mut out = Effects::new();
        self.nodes.get_mut(&id).expect("a node of this cluster").step(event, &mut out);
        for sent in out.sends.into_iter().chain(out.sends_after_sync) {
            for to in sent.to {
                let delay = if to == id { 0 } else { self.dice.random_range((self.delay)(&sent.message)) };
                self.put(self.now + delay, to, Due::Arrives(id, sent.message.clone()));
            }
        }
        for operation in out.timers {
            match operation {
                TimerOp::Set(timer) => {
                    let at = self.now + self.dice.random_range((self.patience)(timer));
                    let number = self.put(at, id, Due::GoesOff(timer));
                    self.set.insert((id, timer), number);
                }
                TimerOp::Cancel(timer) => _ = self.set.remove(&(id, timer)),
            }
        }
        let now = self.now;
        self.told.extend(out.outputs.into_iter().map(|output| (now, id, output)));
    }
}

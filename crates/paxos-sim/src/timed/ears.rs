//! What is heard of a choice while it is made: what must be entered into the agenda, written to a store, counted, and
//! passed on.

use std::{hash::Hash, mem, time::Duration};

use paxos_messages::{Fact, Observed};
use paxos_process::NodeId;
use serde::Serialize;

use super::{Counts, Kind, Load, engine::Machine, store::Store};
use crate::{Happening, Packet, Watch};

/// What was heard of a choice.
pub(super) struct Heard<P: Observed> {
    pub(super) sent: Vec<Packet<P::Message>>,
    pub(super) timers: Vec<(NodeId, P::Timer)>,
    pub(super) wrote: Option<NodeId>,
    record: Vec<u8>,
}

impl<P: Observed> Heard<P> {
    pub(super) const fn new() -> Self {
        Self { sent: Vec::new(), timers: Vec::new(), wrote: None, record: Vec::new() }
    }
}

/// Hears what a choice made happen, and passes it on.
pub(super) struct Ears<'a, P: Observed, L, W> {
    pub(super) watch: &'a mut W,
    pub(super) load: &'a mut L,
    pub(super) stores: &'a mut [Store],
    pub(super) nodes: &'a [Machine<P>],
    pub(super) counts: &'a mut Counts,
    pub(super) heard: &'a mut Heard<P>,
    pub(super) now: Duration,
}

impl<P: Observed, L, W> Ears<'_, P, L, W> {
    fn store(&mut self, id: NodeId) -> &mut Store {
        let position = self.nodes.iter().position(|node| node.id == id).expect("a node of this world");
        &mut self.stores[position]
    }
}

impl<P: Observed<Record: Serialize> + Hash, L: Load<P>, W: Watch<P>> Watch<P> for Ears<'_, P, L, W> {
    fn see(&mut self, happening: Happening<'_, P>) {
        match &happening {
            Happening::Sent(packet) => self.heard.sent.push((*packet).clone()),
            // A link that is cut loses what has just been sent.
            Happening::Dropped(packet) => {
                if let Some(position) = self.heard.sent.iter().rposition(|sent| sent == *packet) {
                    self.heard.sent.remove(position);
                }
            }
            Happening::TimerSet(id, timer) => self.heard.timers.push((*id, *timer)),
            Happening::Wrote(id, record) => {
                self.heard.record.clear();
                paxos_codec::encode(record, &mut self.heard.record).expect("a record fits into a payload");
                let record = mem::take(&mut self.heard.record);
                self.store(*id).append(&record);
                self.heard.record = record;
                self.heard.wrote = Some(*id);
            }
            Happening::Synced(id) => self.store(*id).synced(),
            Happening::Fact(_, fact) => self.counts.add(match fact {
                Fact::Opened { .. } => Kind::Opened,
                Fact::Promised { .. } => Kind::Promised,
                Fact::Proposed { .. } => Kind::Proposed,
                Fact::Voted { .. } | Fact::VotedAll { .. } => Kind::Voted,
                Fact::Learned { .. } => Kind::Learned,
                Fact::Installed { .. } => Kind::Installed,
                Fact::Answered { .. } => Kind::Answered,
            }),
            _ => {}
        }
        self.load.see(self.now, &happening);
        self.watch.see(happening);
    }
}

//! Asking for what is missing, page by page.

use paxos_messages::{
    Slot,
    multi::{Effects, Message, PART, PARTS},
};
use paxos_process::{NodeId, NodeSet, Value};

use super::{Learner, PAGE};

/// A page that is on its way: the slots and the bytes of a snapshot with which it will be complete.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub(super) struct Fetching {
    until: Slot,
    bytes: u64,
    /// What had come when somebody last looked.
    came: (Slot, u64),
}

impl<V: Value> Learner<V> {
    // ANCHOR: fetch
    /// Asks `whom` for what is missing, if something is.
    pub fn fetch(&mut self, whom: NodeSet, out: &mut Effects<V>) {
        self.fetching = None;
        if self.is_behind() && !whom.is_empty() {
            let (from, partial, came) = (self.learned(), self.log.partial(), self.came());
            let (until, bytes) = (Slot(from.0.saturating_add(PAGE)), came.1 + (PART * PARTS) as u64);
            self.fetching = Some(Fetching { until, bytes, came });
            out.send(whom, Message::Fetch { from, partial });
        }
    }

    /// Whether something was asked for and has not all come.
    #[must_use]
    pub const fn is_fetching(&self) -> bool {
        self.fetching.is_some()
    }

    /// Asks again when nothing has come since this was last called.
    pub fn fetch_again(&mut self, whom: NodeSet, out: &mut Effects<V>) {
        let came = self.came();
        match &mut self.fetching {
            Some(page) if page.came != came => page.came = came,
            Some(_) | None => self.fetch(whom, out),
        }
    }
    // ANCHOR_END: fetch

    /// Asks for the next page when this one is complete, if anything is still missing.
    pub(super) fn turn_page(&mut self, from: NodeId, out: &mut Effects<V>) {
        let (learned, bytes) = self.came();
        let complete = self.fetching.is_some_and(|page| page.until <= learned || page.bytes <= bytes);
        if complete || !self.is_behind() {
            self.fetch(NodeSet::only(from), out);
        }
    }

    /// Whoever has sent the end of a snapshot has nothing more to send on this page.
    pub(super) fn page_ends(&mut self) {
        let learned = self.learned();
        self.fetching.iter_mut().for_each(|page| page.until = learned);
    }

    /// How far it has come: slots learned, and bytes of a snapshot that is on its way.
    pub fn came(&self) -> (Slot, u64) {
        (self.learned(), self.log.partial().map_or(0, |(_, bytes)| bytes))
    }
}

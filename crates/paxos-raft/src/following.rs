//! What a follower does: it lets its leader write its log.

use paxos_messages::{
    Slot,
    multi::{Entry, SnapshotPart},
};
use paxos_process::{NodeId, NodeSet, Value};

use crate::{Effects, Message, Position, Record, Replica, Term};

impl<V: Value> Replica<V> {
    // ANCHOR: append
    /// The leader's next entry, if the log is the leader's in front of it (§5.3, the consistency check). Says up to where it
    /// is the leader's then.
    pub(crate) fn append(
        &mut self,
        from: NodeId,
        before: Position,
        entry: Option<(Term, Entry<V>)>,
        round: u64,
        out: &mut Effects<V>,
    ) -> Slot {
        let term = self.term;
        if !self.agrees(before) {
            let refused = before.end;
            let hint = self.log.position(self.log.meet(before).max(self.chosen)).unwrap_or(Position::ORIGIN);
            out.send(NodeSet::only(from), Message::Behind { term, refused, hint, round });
            return self.chosen;
        }
        let mut matched = before.end;
        if let Some((of, entry)) = entry.filter(|(of, _)| *of <= term) {
            self.write(before.end, of, entry, out);
            matched = matched.next();
        }
        let matched = matched.max(self.chosen);
        // A vote: it leaves when the entry, and all that was written before it, is on the disk.
        out.send_after_sync(NodeSet::only(from), Message::Appended { term, matched, round });
        matched
    }

    /// Whether the log is the leader's in front of `before`. What is chosen is in every leader's log (§5.4.3, Leader
    /// Completeness).
    fn agrees(&self, before: Position) -> bool {
        before.end <= self.chosen || self.log.position(before.end) == Some(before)
    }

    /// Only an entry that differs is written, and cuts off what is behind it: a late message about fewer entries must not
    /// take back what a later one has brought.
    ///
    /// # Panics
    ///
    /// When it differs from what is chosen.
    fn write(&mut self, slot: Slot, of: Term, entry: Entry<V>, out: &mut Effects<V>) {
        match self.log.entry(slot) {
            Some((had, _)) if *had == of => return,
            Some(_) => assert!(self.chosen <= slot, "Agreement: {slot} is chosen, and is to be overwritten"),
            None if slot < self.chosen => return, // it is in the snapshot
            None => {}
        }
        out.persist(Record::Appended(slot, of, entry.clone()));
        self.log.write(slot, of, entry);
    }
    // ANCHOR_END: append

    /// A part of the leader's snapshot.
    pub(crate) fn install(&mut self, from: NodeId, last: Term, part: SnapshotPart, out: &mut Effects<V>) {
        let (to, term, upto) = (NodeSet::only(from), self.term, part.upto);
        if self.chosen < upto && self.log.take(&part) {
            out.persist(Record::Snapshot(last, part));
            if let Some(upto) = self.log.install(last) {
                self.chosen = upto;
                self.log.tell(out);
            }
        }
        if upto <= self.chosen {
            let round = 0;
            return out.send_after_sync(to, Message::Appended { term, matched: self.chosen, round });
        }
        let bytes = self.log.partial().filter(|(of, _)| *of == upto).map_or(0, |(_, bytes)| bytes);
        out.send_after_sync(to, Message::Received { term, upto, bytes });
    }
}

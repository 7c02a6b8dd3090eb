//! The answer to a `Prepare` for all slots, page by page.

use paxos_messages::{
    Ballot, Slot, Slots, Vote,
    multi::{Effects, Entry, Message, Until},
};
use paxos_process::{NodeSet, Value};

// ANCHOR: pages
/// Says what has been voted for from slot `first` on: a page for each vote, and one in front for the slots before the
/// first of them. After [`PAGE`] votes it breaks off, and whoever asks has to ask on.
pub(super) fn send<V: Value>(
    votes: &Slots<Vote<Entry<V>>>,
    chosen: Slot,
    (to, ballot, first): (NodeSet, Ballot, Slot),
    out: &mut Effects<V>,
) {
    let mut page = |from, until, accepted| {
        out.send_after_sync(to, Message::Promise { ballot, from, until, chosen, accepted });
    };
    let (mut from, mut accepted) = (first, None);
    for (told, (slot, vote)) in votes.from(first).enumerate() {
        if told == PAGE {
            return page(from, Until::Ask(slot), accepted);
        }
        if first < slot {
            page(from, Until::Next(slot), accepted);
        }
        (from, accepted) = (slot, Some(vote.clone()));
    }
    page(from, Until::End, accepted);
}
// ANCHOR_END: pages

/// The most votes that one answer to a `Prepare` reports, each in a page of its own: so few that large ones fit into the
/// queue of a link.
pub const PAGE: usize = 8;

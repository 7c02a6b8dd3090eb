//! The mutants of the service on a log: what clients are told, and when.

use super::{Entry, Home, Mutant, entry};

pub(super) static ENTRIES: [Entry; 3] = [
    entry!(
        S1,
        Home::Clients,
        "a write is acknowledged when its Accept is sent",
        "The leader knows where the command goes, what it will do, and that nothing stands in its way. So it answers at once, \
         and is right every time, until it is cut off with the Accept on its lips. The others elect one who has never heard \
         of the command. No node has done anything wrong that another node could see: only the client knows."
    ),
    entry!(
        S2,
        Home::Clients,
        "a snapshot has the keys and values, and not what was answered",
        "The answers that are kept for clients who ask again are no keys and values, so they are left out. A node that has taken \
         such a snapshot over has the right state and another memory: the client that asks again after a fail-over has its \
         command done a second time there. A put hides it, and an append shows it."
    ),
    entry!(
        S3,
        Home::Clients,
        "a leader that is deposed says of what it has proposed: not done",
        "It does not lead any more, so it says so, to all who wait. But what has been proposed may be chosen, by anybody \
         who heard of it, and then it is done. A client may do after `not done` what it may not after `unknown`: \
         forget it, or do something else in its place."
    ),
];

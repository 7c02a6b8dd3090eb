//! The mutants of progress: they say nothing wrong, and get nowhere.

use super::{Entry, Home, Mutant, entry};

pub(super) static ENTRIES: [Entry; 5] = [
    entry!(
        M11,
        Home::Time("basic"),
        "one refusal ends the round",
        "Of three nodes one has promised a higher ballot to somebody who is gone. The other two are a majority and have \
         promised, and the proposer gives up because of the third. It loses a round and a timer each time, and as long as \
         somebody refuses, every time."
    ),
    entry!(
        M12,
        Home::Time("basic"),
        "a proposer that is refused tries again at once",
        "So does the other one. Each is elected, and before its proposal is there, the other is. Nobody waits, everybody works, \
         and nothing is decided. It is no deadlock, and no invariant fails. A wait of random length ends it."
    ),
    entry!(
        V1,
        Home::Time("multi"),
        "a leader leads until it is refused, whether anybody answers or not",
        "Its links to all but one node are cut. That one hears its heartbeats, so it starts no election; the others hear nobody, \
         and reach nobody but that one, which does not help to depose a leader that it hears. All are up, one of them \
         reaches everybody, and nothing is ever chosen again (quorum loss: OmniPaxos, EuroSys 2023, §2)."
    ),
    entry!(
        V2,
        Home::Time("basic"),
        "a refusal does not raise the next ballot",
        "Somebody who is gone has used sixty ballots, and a node has promised the last. A refusal says so, and the proposer \
         counts on from its own: sixty rounds, a timer for each."
    ),
    entry!(
        V3,
        Home::Time("multi"),
        "a node that hears a leader helps to elect another one",
        "One link is cut, between the leader and node 3. Node 3 hears nobody, node 2 is willing, and node 3 leads. Now the old \
         leader hears nobody, node 2 is willing, and so on: all are up, a majority is connected all the time, and the log \
         spends its life electing (chained: OmniPaxos, EuroSys 2023, §2)."
    ),
];

//! The mutants of a log. M13 to M21 are mistakes about a log that people make; L1 to L9 are mistakes in its machinery.

use paxos_messages::multi::Request::{self, Campaign, Propose, Read};
use paxos_sim::Invariant;

use super::{Entry, Home, Mutant, entry};
use crate::scenario::{Crash, Scenario};

/// Node 1 is elected and has `a` to propose; node 2 is elected and has `b`.
const TWO: &[(u8, Request<char>)] = &[(1, Campaign), (1, Propose('a')), (2, Campaign), (2, Propose('b'))];
/// And then `c`, whose proposal says how far the log is chosen.
const ON: &[(u8, Request<char>)] =
    &[(1, Campaign), (1, Propose('a')), (2, Campaign), (2, Propose('b')), (2, Propose('c'))];
/// Node 1 is elected and has `a` to propose; then node 3 is, which has `c`.
const FAR: &[(u8, Request<char>)] = &[(1, Campaign), (1, Propose('a')), (3, Campaign), (3, Propose('c'))];

pub(super) static ENTRIES: [Entry; 16] = [
    entry!(
        M13,
        Scenario::log(TWO),
        Agreement,
        "whom the failure detector names leads: no promises are asked for",
        "The detector says that node 2 leads now, and it may well be right. But node 2 has asked nobody what was voted \
         for, and nobody has promised to vote for nothing older; so it fills a slot that is filled. Who leads is a \
         matter of speed, and may be guessed. What may be proposed is not, and takes a quorum of promises."
    ),
    entry!(
        M14,
        Scenario::log(&[(1, Campaign), (1, Propose('a')), (1, Propose('b'))]),
        LogsArePrefixes,
        "what is chosen is applied at once, whatever is missing before it",
        "A leader has many slots under way, and the network decides in which order their votes come back. The second \
         slot may be chosen while the first is not, and whoever applies it then has another history than everybody \
         else. Slots are filled in any order; they are applied in one."
    ),
    entry!(
        M15,
        Scenario::log(&[(1, Campaign), (1, Propose('a')), (2, Campaign), (2, Read(1))]),
        FreshReads,
        "a new leader serves at once",
        "A quorum has just elected it, so nobody else leads, and its application answers. But what the quorum has \
         reported is only known to be *possibly* chosen: `a` was chosen, and told to a client, by the leader before. \
         Until every slot that may have been chosen is chosen again in the new ballot, the new leader knows less than \
         the old one did."
    ),
    entry!(
        M16,
        Scenario::log(&[(1, Campaign), (2, Campaign), (2, Propose('b')), (1, Read(1))]),
        FreshReads,
        "the leader answers reads from what it knows",
        "Node 1 leads, for all it hears. It hears nothing of node 2, which a quorum has elected since, and which has \
         had `b` chosen and told its client so. A client of node 1 then reads a log without `b`. Nobody can know that \
         he *is* the leader; he can learn from a quorum that he was, after the read was asked."
    ),
    entry!(
        M17,
        Scenario::log(ON),
        OnlyChosenIsLearned,
        "a command is acknowledged when its slot is chosen",
        "Node 1 puts `a` into slot 0 and remembers that this slot is its client's. Then slot 0 is chosen, and the client \
         is told that its command was. But another leader came between and had `b` chosen there. A slot belongs to \
         nobody: who wants to know what became of a command looks at what was chosen, and asks again elsewhere."
    ),
    entry!(
        M19,
        Scenario { crash: Crash::LosesDisk, ..Scenario::log(FAR) },
        Agreement,
        "a node that has lost its disk comes back as if it were new",
        "Node 2 has voted for `a`, which is chosen with its vote; then its disk is gone. It comes back \
         empty and helps to elect node 3, which hears of no vote. Copying the state of one other node first does not \
         help, if that one has not heard either. Such a node has to stay silent until it can no longer break what it has \
         promised (`paxos_multi::Recall`)."
    ),
    entry!(
        M21,
        Scenario::log(FAR),
        Agreement,
        "a slot is discarded when it was applied here, and nobody is told",
        "Node 1 has applied slot 0 and forgets its vote in it, as it may. But its next promise has to say from which \
         slot on it still speaks. It does not, so `no vote` sounds like `nothing can be chosen there`, and node 3, \
         which has not learned slot 0, puts something else into it."
    ),
    entry!(
        L1,
        Scenario { crash: Crash::Synced, ..Scenario::log(FAR) },
        Agreement,
        "recovery brings back the promise, and not the vote of one slot",
        "The log file is read, the ballot is there, and one record of a vote is skipped, as a reader does that counts \
         slots from one. The acceptor keeps every promise and has forgotten what it promised *about*."
    ),
    entry!(
        L2,
        Scenario::log(&[(1, Campaign), (2, Campaign), (2, Propose('b')), (1, Campaign), (1, Propose('a'))]),
        Agreement,
        "promises of an older ballot count, for all slots at once",
        "M5 again. With a log the harm is larger: one late promise speaks for every slot there is, and all that was \
         voted for since it was given is overlooked."
    ),
    entry!(
        L3,
        Scenario::log(&[
            (1, Campaign),
            (1, Propose('a')),
            (1, Propose('b')),
            (3, Campaign),
            (3, Propose('c')),
            (3, Propose('d')),
        ]),
        Agreement,
        "the first page of a promise is taken for all of it",
        "An acceptor with many votes answers in pages. Its first page says nothing of slot 1, so the new leader takes \
         slot 1 for free; the vote that decides it is on the second page, which is still on its way. An answer counts \
         when it is whole."
    ),
    entry!(
        L4,
        Scenario::log(FAR),
        Agreement,
        "a new leader puts fresh commands into the slots it has not learned",
        "It has been elected, and its log ends at slot 0, so that is where its first command goes. The promises have \
         told it that somebody voted for `a` there. A new leader finishes what the old ones have begun, and fills the \
         gaps between with no-ops, before it begins something of its own."
    ),
    entry!(
        L5,
        Scenario { fires: 1, ..Scenario::log(&[(1, Campaign), (1, Propose('a')), (1, Propose('b'))]) },
        OnlyChosenIsLearned,
        "catching up hands out what was voted for, with what was chosen",
        "Node 3 lacks slot 0 and asks node 1 for what it has. Node 1 sends its whole log: slot 0, which is chosen, and \
         slot 1, for which it has voted itself and nobody else yet. Node 3 cannot tell the two apart, and applies both."
    ),
    entry!(
        L6,
        Scenario::log(ON),
        OnlyChosenIsLearned,
        "what was voted for below the leader's mark is taken for chosen",
        "The leader says that all slots below 1 are chosen, and node 1 has a vote in slot 0. But it voted in an older \
         ballot, for `a`, and the leader means what was chosen, which is `b`. A mark may be believed about a vote of the \
         leader's own ballot, and of no other."
    ),
    entry!(
        L7,
        Scenario::log(&[(1, Campaign), (3, Campaign), (1, Propose('a')), (3, Propose('c')), (3, Propose('d'))]),
        OnlyChosenIsLearned,
        "a leader leads until it is refused, whatever it has promised and learned meanwhile",
        "Node 1 leads, and has promised node 3 a higher ballot. It still proposes `a` in slot 0, and node 2, which has \
         promised nothing higher, votes for it; that would do no harm. But node 3 has `c` chosen there, node 1 learns that, \
         and passes on what is true: all slots below 1 are chosen. It says so in its own ballot, and to node 2 that means \
         what was proposed there in that ballot, `a`. Whoever learns that something else was chosen than he has proposed has \
         no more to say in that ballot, not even the truth."
    ),
    entry!(
        L8,
        Home::Story(Scenario { crash: Crash::AnyMoment, ..Scenario::log(FAR) }, Invariant::OneValuePerBallot),
        "a node that has lost its disk and starts once more goes on in the same life",
        "It asks all others what it may have promised, twice, because it hears nothing. The first answers let it open a ballot, \
         be elected and propose. It crashes before that is stable. Now the second answers arrive. They were given before it \
         opened that ballot, so they know nothing of it, and it opens the ballot once more. An answer is worth something to \
         the life that asked, and to no other."
    ),
    entry!(
        L9,
        Scenario::log(&[(1, Campaign), (2, Campaign), (2, Propose('b')), (1, Read(1))]),
        FreshReads,
        "every heartbeat is obeyed, also that of a leader that has been outbid",
        "Somebody is heard who leads, so the timer begins anew, and the leader is told that it was heard. But whoever \
         hears it has promised a higher ballot since; here it is even node 2, which leads in that one and has had `b` \
         chosen. No vote is given to node 1 any more, so it could be left to its belief. It takes an answer to its \
         heartbeat for more than that: as leave to answer a read. Whoever has been outbid has to be told so."
    ),
];

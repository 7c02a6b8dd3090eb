//! The mutants of Basic Paxos. A1 and A2 are an acceptor without its two rules; M1 to M22 are mistakes about Paxos that
//! people make; B1 and B2 are mistakes about the disk that drivers make.

use paxos_sim::Invariant;

use super::{Entry, Home, Mutant, entry};
use crate::scenario::{Crash, Requests, Scenario};

const TWO: Scenario = Scenario::basic(&[(1, 'a'), (2, 'b')]);
const RETRY: Scenario = Scenario { fires: 1, ..TWO };
const TWICE: Scenario = Scenario { duplicates: 1, ..TWO };
const CRASH: Scenario = Scenario { crash: Crash::AnyMoment, ..TWO };
const FOUR: Scenario = Scenario { nodes: 4, ..TWO };

pub(super) static ENTRIES: [Entry; 22] = [
    entry!(
        A1,
        TWO,
        Agreement,
        "an acceptor promises whatever it is asked for last, also a lower ballot",
        "A late Prepare of ballot 1 reaches an acceptor that has promised, and voted in, ballot 2. It promises ballot 1 and \
         thinks no more of ballot 2; then it votes in ballot 1, and its vote of ballot 2 is gone. A promise that a lower \
         one can replace keeps nobody out."
    ),
    entry!(
        A2,
        TWO,
        Agreement,
        "an acceptor votes in a ballot lower than the promised one",
        "It compares a Prepare with its promise, and an Accept with nothing: whoever was elected may propose. But the leader \
         of ballot 2 was elected *because* its acceptors promised to vote in nothing lower. The late Accept of ballot 1 then \
         completes a quorum that nobody was told of."
    ),
    entry!(
        M1,
        CRASH,
        Agreement,
        "an acceptor answers before its disk has the answer",
        "The acceptor promises, the promise is on its way, and the machine stops before the write is stable. It comes \
         back without the promise and votes in a lower ballot, while a proposer counts on it that it will not."
    ),
    entry!(
        M2,
        RETRY,
        Agreement,
        "accepting does not raise the promise",
        "An acceptor that never saw the Prepare of ballot 2 votes in ballot 2, and then votes in ballot 1 as well, \
         which overwrites the vote of ballot 2. The next election does not find the chosen value. The paper's text \
         allows this reading; Lamport's specification, with its one number maxBal, does not."
    ),
    entry!(
        M2b,
        RETRY,
        Agreement,
        "an Accept is compared with the last Prepare only (`>=` without raising)",
        "The guard of an Accept has three forms. `==` the promised ballot is safe but refuses votes it could give. \
         `>=`, and raise the promise, is right. `>=` without raising is this mutant: a late Accept of a lower ballot \
         overwrites the vote of a higher one."
    ),
    entry!(
        M3,
        RETRY,
        Agreement,
        "the proposer adopts the most frequent value",
        "Promises are not a poll. One acceptor reports a vote of ballot 1, another the chosen value of ballot 2; one \
         against one, and the wrong one wins. Only the ballot says which value may have been chosen."
    ),
    entry!(
        M3b,
        TWO,
        Agreement,
        "the proposer keeps its own value because its ballot is higher",
        "A higher ballot gives the right to propose, not the right to choose what. The proposer asked a quorum exactly \
         to hear of values that may have been chosen, and then does not listen."
    ),
    entry!(
        M3c,
        RETRY,
        Agreement,
        "the proposer adopts the value of the last promise that arrived",
        "All promises of an election are for the same ballot, so `the value from the highest promise` means nothing; \
         programs that do it take whichever came last. The highest *accepted* ballot is what counts."
    ),
    entry!(
        M3d,
        RETRY,
        Agreement,
        "the proposer adopts the value of the lowest reported ballot",
        "First come, first served: the oldest vote must be the one that was first. But an old vote that was not chosen stays \
         where it is, and newer ballots go past it. Only the newest vote knows of all that was chosen before it."
    ),
    entry!(
        M4,
        RETRY,
        Agreement,
        "the ballot of a vote is not stored; the promised ballot is reported in its place",
        "With one ballot variable for promise and vote, an old vote looks as young as the newest promise. The proposer \
         cannot tell it from the chosen value. The same mistake was made in EPaxos, and published."
    ),
    entry!(
        M5,
        RETRY,
        Agreement,
        "promises of an older ballot count",
        "The answer to the first Prepare arrives after the second was sent and is counted for it. But it speaks of a \
         time before: since then that acceptor has voted for another value, which this proposer now does not hear of."
    ),
    entry!(
        M6,
        TWO,
        OneValuePerBallot,
        "ballots grow, but two proposers may use the same one",
        "A counter of one's own is not a proposal number. Two proposers are elected in one ballot and propose two \
         values in it; from then on the ballot of a vote no longer tells its value."
    ),
    entry!(
        M6b,
        Scenario { requests: Requests::Basic(&[(1, 'a'), (1, 'b')]), ..CRASH },
        OneValuePerBallot,
        "a ballot is not written down, and is used again after a restart",
        "The proposer crashes after its Accept has left, starts again, counts from one, and is elected in the same \
         ballot with another value. Acceptors answer the repeated Prepare as they must; it is the proposer that lies."
    ),
    entry!(
        M7,
        TWO,
        OnlyChosenIsLearned,
        "one accepted vote is taken for a decision",
        "Accepted is one acceptor's vote; chosen is a quorum's. A value that one acceptor has accepted can still lose, \
         and the client that was told otherwise has been lied to."
    ),
    entry!(
        M8,
        RETRY,
        OnlyChosenIsLearned,
        "the learner adds up votes of different ballots",
        "One vote in ballot 1 and one in ballot 2 are not two votes. A value is chosen when a quorum votes for it in \
         one ballot; votes gathered over several ballots may be for several values."
    ),
    entry!(
        M9,
        TWICE,
        OnlyChosenIsLearned,
        "messages are counted where acceptors are meant",
        "The network says things twice. An acceptor that is heard twice is still one acceptor, and a quorum of one \
         node and its echo meets no other quorum."
    ),
    entry!(
        M9b,
        Scenario { own_words_fly: true, ..TWICE },
        ChosenStaysChosen,
        "promises are counted by messages, and votes by acceptors",
        "The learner keeps a set of voters, and the proposer a number. One acceptor's promise that arrives twice elects; the \
         acceptor that would have told of the chosen value was never asked."
    ),
    entry!(
        M10,
        TWO,
        Agreement,
        "half of the nodes, n/2, are taken for a quorum",
        "Of three nodes n/2 is one. Two quorums of one node each need not meet, and each chooses its own value."
    ),
    entry!(
        M10b,
        FOUR,
        OnlyChosenIsLearned,
        "half of the nodes, rounded up, are taken for a quorum",
        "Rounded up, half of three is two, which is right, and every test with an odd number of nodes passes. Half of \
         four is two as well, and two pairs of four nodes need not meet."
    ),
    entry!(
        M22,
        TWO,
        Agreement,
        "flexible quorums that add up to n: the two phases need not meet",
        "Not both phases need a majority. Two nodes of three may vote if, as a price, all elections are won by two; or one \
         node may elect if all three vote. The sizes must add up to *more* than n. Here one promise elects and two votes \
         choose, 1 + 2 = 3, and node 2 is elected by itself alone."
    ),
    entry!(
        B1,
        CRASH,
        Agreement,
        "votes ignore the barrier: nothing waits for the disk",
        "The driver sends everything at once and writes in its own time. Whatever a crash then takes back has been \
         promised to somebody: promises, votes, and ballots that will be used again."
    ),
    entry!(
        B2,
        Scenario { duplicates: 1, ..CRASH },
        Agreement,
        "a vote waits for the record of its own step only",
        "This looks sound: each vote does wait for its own record. But a Prepare that arrives twice is answered twice, \
         and the second answer writes no record, so it leaves at once, while the record of the first is still in the \
         air. A crash takes the record back; the promise is out. The barrier must be cumulative."
    ),
];

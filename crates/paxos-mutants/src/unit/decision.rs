//! Checks of one decision, at node 1.

use paxos_messages::{
    Ballot, Vote,
    single::{Message, Output, Record, Request, Timer},
};
use paxos_process::{Effects, EffectsOf, Event, NodeId, NodeSet, Process, TimerOp};
use paxos_quorums::Quorums;

/// How many there are.
pub(super) const COUNT: usize = 18;

/// A node of one decision.
pub(super) trait Node:
    Process<Message = Message<char>, Record = Record<char>, Timer = Timer, Request = Request<char>, Output = Output<char>>
{
}
impl<P> Node for P where
    P: Process<
            Message = Message<char>,
            Record = Record<char>,
            Timer = Timer,
            Request = Request<char>,
            Output = Output<char>,
        >
{
}

/// The node, and what it has answered since it was last asked.
struct Desk<P: Process> {
    node: P,
    out: EffectsOf<P>,
}

impl<P: Node> Desk<P> {
    fn hears(&mut self, from: u8, message: Message<char>) -> &mut Self {
        self.out.clear();
        self.node.step(Event::Receive { from: NodeId(from), message }, &mut self.out);
        self
    }

    fn wants(&mut self, value: char) -> &mut Self {
        self.out.clear();
        self.node.step(Event::Request(Request::Propose(value)), &mut self.out);
        self
    }

    /// What it says, in either lane.
    fn says(&self, what: impl Fn(&Message<char>) -> bool) -> bool {
        self.out.sends.iter().chain(&self.out.sends_after_sync).any(|sent| what(&sent.message))
    }

    fn is_silent(&self) -> bool {
        self.out.sends.is_empty() && self.out.sends_after_sync.is_empty()
    }

    fn learns(&self) -> Option<char> {
        self.out.outputs.iter().find_map(|output| match output {
            Output::Learned(value) => Some(*value),
            Output::NothingChosen { .. } => None,
        })
    }

    /// The ballot that it opens.
    fn opens(&self) -> Option<Ballot> {
        let prepare =
            |message: &Message<char>| if let Message::Prepare { ballot } = message { Some(*ballot) } else { None };
        self.out.sends_after_sync.iter().find_map(|sent| prepare(&sent.message))
    }

    /// The value that it proposes.
    fn proposes(&self) -> Option<char> {
        let accept =
            |message: &Message<char>| if let Message::Accept { value, .. } = message { Some(*value) } else { None };
        self.out.sends.iter().find_map(|sent| accept(&sent.message))
    }
}

const fn ballot(round: u64, node: u8) -> Ballot {
    Ballot { round, node: NodeId(node) }
}

const OWN: Ballot = ballot(1, 1);
const LOW: Ballot = ballot(1, 2);
const HIGH: Ballot = ballot(2, 2);

const fn prepare(ballot: Ballot) -> Message<char> {
    Message::Prepare { ballot }
}

const fn accept(ballot: Ballot, value: char) -> Message<char> {
    Message::Accept { ballot, value }
}

const fn promise(ballot: Ballot, accepted: Option<Vote<char>>) -> Message<char> {
    Message::Promise { ballot, accepted }
}

const fn accepted(ballot: Ballot, value: char) -> Message<char> {
    Message::Accepted { ballot, value }
}

const fn voted(ballot: Ballot, value: char) -> Option<Vote<char>> {
    Some(Vote { ballot, value })
}

const fn refused(message: &Message<char>) -> bool {
    matches!(message, Message::Refused { .. })
}

/// The checks that fail for the node that `make` makes.
pub(super) fn failing<P: Node>(make: impl Fn(NodeId, Quorums) -> P) -> Vec<&'static str> {
    let desk = |nodes| {
        let quorums = Quorums::majority(NodeSet::first(nodes)).expect("there are nodes");
        Desk { node: make(NodeId(1), quorums), out: Effects::new() }
    };
    let all: Vec<_> = acceptor(desk(3), desk(3), desk(3)).into_iter().chain(disk(desk(3), desk(3))).collect();
    let all = all.into_iter().chain(proposer(&desk)).chain(counting(&desk)).collect::<Vec<_>>();
    assert_eq!(all.len(), COUNT, "the number of checks");
    all.into_iter().filter(|(_, holds)| !holds).map(|(name, _)| name).collect()
}

type Checked = (&'static str, bool);

fn acceptor<P: Node>(mut one: Desk<P>, mut two: Desk<P>, mut three: Desk<P>) -> Vec<Checked> {
    one.hears(2, prepare(HIGH));
    let refuses_prepare = one.hears(3, prepare(LOW)).says(refused);
    two.hears(2, prepare(HIGH));
    let refuses_accept = two.hears(3, accept(LOW, 'a')).says(refused);
    // It has not heard the Prepare of the ballot that it votes in.
    three.hears(2, accept(HIGH, 'b'));
    let vote_promises = three.hears(3, prepare(LOW)).says(refused);
    let vote_stands = three.hears(3, accept(LOW, 'a')).says(refused);
    let asked = three.hears(2, prepare(ballot(3, 2)));
    let reports = asked.says(|message| *message == promise(ballot(3, 2), voted(HIGH, 'b')));
    vec![
        ("a_lower_prepare_is_refused", refuses_prepare),
        ("a_lower_accept_is_refused", refuses_accept),
        ("a_vote_raises_the_promise", vote_promises),
        ("a_vote_is_not_overwritten_by_a_lower_one", vote_stands),
        ("a_vote_is_reported_with_its_own_ballot", reports),
    ]
}

fn disk<P: Node>(mut one: Desk<P>, mut two: Desk<P>) -> Vec<Checked> {
    let waits = one.hears(2, prepare(HIGH)).out.sends.is_empty() && !one.is_silent();
    // The question comes twice; the record of the first answer may still be on its way to the disk.
    let again = one.hears(2, prepare(HIGH));
    let waits_again = again.out.sends.is_empty() && !again.is_silent();
    let opened = two.wants('a').opens();
    let recorded = two.out.records.iter().any(|record| Some(record) == opened.map(Record::Round).as_ref());
    vec![
        ("an_answer_waits_for_the_disk", waits),
        ("a_repeated_answer_waits_for_the_disk", waits_again),
        ("a_ballot_is_recorded_before_it_is_used", recorded),
        ("a_ballot_has_the_name_of_its_node", opened.is_some_and(|ballot| ballot.node == NodeId(1))),
    ]
}

fn proposer<P: Node>(desk: &impl Fn(u8) -> Desk<P>) -> Vec<Checked> {
    // Three of five promise; two report votes, the higher one first.
    let adopts = |votes: [Option<Vote<char>>; 3]| {
        let mut desk = desk(5);
        let opened = desk.wants('x').opens().unwrap_or(OWN);
        let mut proposed = None;
        for (from, vote) in (2..).zip(votes) {
            proposed = proposed.or(desk.hears(from, promise(opened, vote)).proposes());
        }
        proposed
    };
    let (old, new) = (voted(ballot(0, 2), 'a'), voted(ballot(0, 3), 'b'));
    let highest = [[new.clone(), old.clone(), None], [old.clone(), new.clone(), None], [old.clone(), old, new]];
    let mut late = desk(3);
    let first = late.wants('x').opens().unwrap_or(OWN);
    late.out.clear();
    late.node.step(Event::Timeout(Timer::Retry), &mut late.out);
    late.hears(1, promise(late.opens().unwrap_or(HIGH), None));
    let late_counts = late.hears(2, promise(first, None)).proposes().is_some();

    let mut outbid = desk(3);
    let opened = outbid.wants('x').opens().unwrap_or(OWN);
    let told = Message::Refused { ballot: opened, promised: ballot(7, 3), phase: paxos_messages::Phase::Elect };
    outbid.hears(3, told);
    let waits = outbid.is_silent() && outbid.out.timers.contains(&TimerOp::Set(Timer::Retry));
    outbid.hears(1, promise(opened, None));
    let goes_on = outbid.hears(2, promise(opened, None)).proposes() == Some('x');
    outbid.out.clear();
    outbid.node.step(Event::Timeout(Timer::Retry), &mut outbid.out);
    let above = outbid.opens() > Some(ballot(7, 3));
    vec![
        ("the_value_of_the_highest_vote_is_adopted", highest.into_iter().all(|votes| adopts(votes) == Some('b'))),
        ("a_late_promise_of_an_older_ballot_does_not_count", !late_counts),
        ("a_refused_proposer_waits_before_it_tries_again", waits),
        ("one_refusal_does_not_end_the_round", goes_on),
        ("the_next_ballot_is_above_a_refusal", above),
    ]
}

fn counting<P: Node>(desk: &impl Fn(u8) -> Desk<P>) -> Vec<Checked> {
    // `a` of OWN by so many acceptors.
    let learns = |nodes: u8, votes: &[(u8, Ballot)]| {
        let mut desk = desk(nodes);
        let told = |(from, ballot): &(u8, Ballot)| desk.hears(*from, accepted(*ballot, 'a')).learns();
        votes.iter().filter_map(told).last()
    };
    let elected = |nodes: u8, promises: &[u8]| {
        let mut desk = desk(nodes);
        let opened = desk.wants('x').opens().unwrap_or(OWN);
        promises.iter().any(|from| desk.hears(*from, promise(opened, None)).proposes().is_some())
    };
    let votes = learns(3, &[(1, OWN), (2, OWN)]).is_some() && learns(3, &[(1, OWN)]).is_none();
    let four = learns(4, &[(1, OWN), (2, OWN)]).is_none() && !elected(4, &[1, 2]);
    vec![
        ("a_majority_of_votes_teaches_and_no_less", votes && four),
        ("a_majority_of_promises_elects_and_no_less", elected(3, &[1, 2]) && !elected(3, &[2])),
        ("votes_of_two_ballots_are_not_added_up", learns(3, &[(1, OWN), (2, HIGH)]).is_none()),
        (
            "an_acceptor_that_is_heard_twice_counts_once",
            learns(3, &[(2, OWN), (2, OWN)]).is_none() && !elected(3, &[2, 2]),
        ),
    ]
}

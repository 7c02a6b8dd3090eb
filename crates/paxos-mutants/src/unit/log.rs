//! Checks of a log, at node 1 of three.

use paxos_messages::{
    Ballot, Observed, Slot, Vote,
    multi::{Entry, Message, Output, Record, Request, Timer, Until},
};
use paxos_process::{Effects, EffectsOf, Event, NodeId, NodeSet, Process};
use paxos_quorums::Quorums;

/// How many there are.
pub(super) const COUNT: usize = 19;

/// A node of a log.
pub(super) trait Node:
    Process<Message = Said, Record = Record<char>, Timer = Timer, Request = Request<char>, Output = Output<char>> + Observed
{
}
impl<P> Node for P where
    P: Process<Message = Said, Record = Record<char>, Timer = Timer, Request = Request<char>, Output = Output<char>>
        + Observed
{
}

type Said = Message<char>;

const OWN: Ballot = Ballot { round: 1, node: NodeId(1) };
const HIGH: Ballot = Ballot { round: 1, node: NodeId(2) };
const NONE: Slot = Slot(0);

/// The node, and what it has answered since it was last asked. What it says to itself, it hears.
struct Desk<P: Process> {
    node: P,
    out: EffectsOf<P>,
}

impl<P: Node> Desk<P> {
    fn step(&mut self, event: Event<Said, Timer, Request<char>>) -> &mut Self {
        self.out.clear();
        let mut events = vec![event];
        while let Some(event) = events.pop() {
            let mut own = Effects::new();
            self.node.step(event, &mut own);
            for lane in [&own.sends, &own.sends_after_sync] {
                let to_self = lane.iter().filter(|sent| sent.to.contains(NodeId(1)));
                events.extend(to_self.map(|sent| Event::Receive { from: NodeId(1), message: sent.message.clone() }));
            }
            self.out.sends.append(&mut own.sends);
            self.out.sends_after_sync.append(&mut own.sends_after_sync);
            self.out.records.append(&mut own.records);
            self.out.outputs.append(&mut own.outputs);
        }
        self
    }

    fn hears(&mut self, from: u8, message: Said) -> &mut Self {
        self.step(Event::Receive { from: NodeId(from), message })
    }

    fn wants(&mut self, request: Request<char>) -> &mut Self {
        self.step(Event::Request(request))
    }

    fn says(&self, what: impl Fn(&Said) -> bool) -> bool {
        self.out.sends.iter().chain(&self.out.sends_after_sync).any(|sent| what(&sent.message))
    }

    fn tells(&self, what: impl Fn(&Output<char>) -> bool) -> bool {
        self.out.outputs.iter().any(what)
    }

    fn tells_of(&self, slot: u64) -> Option<Entry<char>> {
        self.out.outputs.iter().find_map(|output| match output {
            Output::Chosen { slot: told, value } if *told == Slot(slot) => Some(value.clone()),
            _ => None,
        })
    }

    /// The value that it proposes in a slot.
    fn proposes(&self, slot: u64) -> Option<Entry<char>> {
        self.out.sends.iter().find_map(|sent| match &sent.message {
            Message::Accept { slot: at, value, .. } if *at == Slot(slot) => Some(value.clone()),
            _ => None,
        })
    }

    /// It campaigns, and node 2 promises what it is asked, with this to report.
    fn led(mut self, accepted: Option<Vote<Entry<char>>>) -> Self {
        self.wants(Request::Campaign);
        self.hears(2, promise(OWN, Until::End, accepted));
        self
    }
}

const fn promise(ballot: Ballot, until: Until, accepted: Option<Vote<Entry<char>>>) -> Said {
    Message::Promise { ballot, from: NONE, until, chosen: NONE, accepted }
}

const fn accept(ballot: Ballot, slot: u64, value: char, chosen: u64) -> Said {
    Message::Accept { ballot, slot: Slot(slot), value: Entry::Command(value), chosen: Slot(chosen) }
}

const fn accepted(slot: u64) -> Said {
    Message::Accepted { ballot: OWN, slot: Slot(slot) }
}

const fn learn(slot: u64, value: char) -> Said {
    Message::Learn { slot: Slot(slot), value: Entry::Command(value) }
}

fn old(value: char) -> Option<Vote<Entry<char>>> {
    Some(Vote { ballot: Ballot { round: 0, node: NodeId(3) }, value: Entry::Command(value) })
}

/// The checks that fail for the node that `make` makes.
pub(super) fn failing<P: Node>(make: impl Fn(NodeId, Quorums) -> P) -> Vec<&'static str> {
    let quorums = Quorums::majority(NodeSet::first(3)).expect("three nodes");
    let desk = || Desk { node: make(NodeId(1), quorums), out: Effects::new() };
    let all: Vec<_> =
        election(&desk).into_iter().chain(learning(&desk)).chain(reads(&desk)).chain(memory(&desk)).collect();
    assert_eq!(all.len(), COUNT, "the number of checks");
    all.into_iter().filter(|(_, holds)| !holds).map(|(name, _)| name).collect()
}

type Checked = (&'static str, bool);

fn election<P: Node>(desk: &impl Fn() -> Desk<P>) -> Vec<Checked> {
    let leads = |output: &Output<char>| matches!(output, Output::Leads { .. });
    let asks = {
        let mut desk = desk();
        let desk = desk.wants(Request::Campaign);
        !desk.tells(leads) && desk.says(|message| matches!(message, Message::Prepare { .. }))
    };
    let mut late = desk();
    late.wants(Request::Campaign);
    late.wants(Request::Campaign); // a second ballot; the promise of the first is on its way
    let late_counts = late.hears(2, promise(OWN, Until::End, None)).tells(leads);
    let mut half = desk();
    half.wants(Request::Campaign);
    let half_counts = half.hears(2, promise(OWN, Until::Next(Slot(1)), None)).tells(leads);
    let mut heir = desk();
    heir.wants(Request::Campaign);
    let finishes = heir.hears(2, promise(OWN, Until::End, old('a'))).proposes(0) == Some(Entry::Command('a'));
    let mut outbid = desk().led(None);
    let refused = Message::Refused { ballot: OWN, promised: HIGH, phase: paxos_messages::Phase::Decide };
    let stops = outbid.hears(2, refused).tells(|output| matches!(output, Output::Follows { .. }));
    // Nobody has answered it since it was elected.
    let lonely =
        desk().led(None).step(Event::Timeout(Timer::Election)).tells(|output| matches!(output, Output::Follows { .. }));
    let mut loyal = desk();
    loyal.hears(2, Message::Heartbeat { ballot: HIGH, round: 0, chosen: NONE, everywhere: NONE });
    let helps = loyal.hears(3, Message::Probe { round: 1 }).says(|message| matches!(message, Message::Willing { .. }));
    vec![
        ("a_leader_that_hears_no_quorum_stops", lonely),
        ("who_hears_a_leader_does_not_help_to_depose_it", !helps),
        ("nobody_leads_without_promises", asks),
        ("a_late_promise_of_an_older_ballot_does_not_count", !late_counts),
        ("half_an_answer_does_not_count", !half_counts),
        ("a_new_leader_finishes_what_was_begun", finishes),
        ("a_refused_leader_stops", stops),
    ]
}

fn learning<P: Node>(desk: &impl Fn() -> Desk<P>) -> Vec<Checked> {
    let mut leader = desk().led(None);
    leader.wants(Request::Propose('a'));
    leader.wants(Request::Propose('b'));
    let ordered = leader.hears(2, accepted(1)).tells_of(1).is_none();
    let hands_out = leader.hears(3, Message::Fetch { from: NONE, partial: None }).says(|message| {
        matches!(message, Message::Learn { .. }) // nothing is chosen yet
    });
    let mut overtaken = desk().led(None);
    overtaken.wants(Request::Propose('a'));
    let overtaken = overtaken.hears(2, learn(0, 'c'));
    let truth = overtaken.tells_of(0) == Some(Entry::Command('c'));
    let stops = overtaken.tells(|output| matches!(output, Output::Follows { .. }))
        && !overtaken.says(|message| matches!(message, Message::Heartbeat { .. }));
    let mut voter = desk();
    voter.hears(3, accept(Ballot { round: 0, node: NodeId(3) }, 0, 'a', 0));
    let believes = voter.hears(2, accept(HIGH, 1, 'c', 1)).tells_of(0).is_some();
    vec![
        ("slots_are_told_in_their_order", ordered),
        ("only_what_is_learned_is_handed_out", !hands_out),
        ("what_is_told_is_what_was_chosen", truth),
        ("a_leader_that_has_been_overtaken_stops", stops),
        ("a_mark_is_believed_of_its_own_ballot", !believes),
    ]
}

fn reads<P: Node>(desk: &impl Fn() -> Desk<P>) -> Vec<Checked> {
    let readable = |output: &Output<char>| matches!(output, Output::Readable(_));
    let early = desk().led(old('a')).wants(Request::Read(1)).tells(readable);
    let unasked = desk().led(None).wants(Request::Read(1)).tells(readable);
    let mut promised = desk();
    promised.hears(3, Message::Prepare { ballot: Ballot { round: 9, node: NodeId(3) }, from: NONE });
    let outbid = promised.hears(2, Message::Heartbeat { ballot: HIGH, round: 1, chosen: NONE, everywhere: NONE });
    let refused = outbid.says(|message| matches!(message, Message::Refused { .. }));
    let confirmed = outbid.says(|message| matches!(message, Message::Alive { .. }));
    vec![
        ("a_new_leader_serves_when_it_knows_all", !early),
        ("a_read_waits_for_a_quorum", !unasked),
        ("a_leader_that_is_outbid_is_told_so", refused && !confirmed),
    ]
}

fn memory<P: Node>(desk: &impl Fn() -> Desk<P>) -> Vec<Checked> {
    let mut voter = desk();
    voter.hears(2, accept(HIGH, 0, 'a', 0));
    let records = voter.out.records.clone();
    let mut again = desk();
    records.into_iter().for_each(|record| again.node.replay(record));
    let remembers = again.node.memory().votes.len() == 1;

    let mute = desk().node.without_memory(7).is_some_and(|node| {
        let mut blank = Desk { node, out: Effects::new() };
        !blank
            .hears(2, Message::Prepare { ballot: HIGH, from: NONE })
            .says(|message| matches!(message, Message::Promise { .. }))
    });
    let mut leader = desk().led(None);
    leader.wants(Request::Propose('a'));
    leader.hears(2, accepted(0));
    let honest = leader.hears(3, Message::Prepare { ballot: Ballot { round: 9, node: NodeId(3) }, from: NONE });
    let says_so = honest.says(|message| matches!(message, Message::Promise { chosen: Slot(1), .. }));
    let mut again = desk();
    again.node.replay(Record::Forgotten(7));
    let another = again.step(Event::Start).says(|message| matches!(message, Message::Recall { life } if *life != 7));
    vec![
        ("a_restart_without_memory_is_another_life", another),
        ("a_restart_brings_back_every_vote", remembers),
        ("a_node_without_memory_is_mute", mute),
        ("a_promise_says_from_which_slot_it_speaks", says_so),
    ]
}

//! Checks of the service, at a node that is a cluster of its own or leads one of three.

use paxos_kv::{Ask, Command, Operation, Options, Output, Reply, Request, SessionId};
use paxos_messages::multi::{Message, Timer, Until};
use paxos_messages::{Ballot, Slot};
use paxos_process::{Effects, Event, NodeId, NodeSet, Process};
use paxos_quorums::Quorums;

use crate::{Asked, Mutant, WrongService};

/// How many there are.
pub(super) const COUNT: usize = 3;

/// The checks that fail where `wrong` is wrong.
pub(super) fn failing(wrong: Option<Mutant>) -> Vec<&'static str> {
    let (early, definite) = leader_of_three(wrong);
    let all = [
        ("nobody_is_answered_before_a_quorum_has_voted", !early),
        ("what_was_proposed_is_never_called_not_done", !definite),
        ("a_snapshot_knows_what_was_answered", snapshot_knows(wrong)),
    ];
    all.into_iter().filter(|(_, holds)| !holds).map(|(name, _)| name).collect()
}

/// A leader of three proposes, and is deposed: whether it answers at once, and what it says when it is deposed.
fn leader_of_three(wrong: Option<Mutant>) -> (bool, bool) {
    let mut desk = Desk::new(wrong, 3);
    desk.asks(Request::Campaign);
    let ballot = Ballot { round: 1, node: NodeId(1) };
    let (from, until, chosen, accepted) = (Slot(0), Until::End, Slot(0), None);
    desk.hears(Message::Promise { ballot, from, until, chosen, accepted });
    desk.asks(Request::client(0, Ask::Execute(append(0))));
    let early = desk.answers().iter().any(|(_, reply)| matches!(reply, Reply::Done(_)));
    let promised = Ballot { round: 2, node: NodeId(2) };
    desk.hears(Message::Refused { ballot, promised, phase: paxos_messages::Phase::Decide });
    let definite = desk.answers().iter().any(|(_, reply)| matches!(reply, Reply::NotLeader { .. }));
    (early, definite)
}

/// A node alone has a command done and makes a snapshot, and its next life is asked for the command again.
fn snapshot_knows(wrong: Option<Mutant>) -> bool {
    let mut desk = Desk::new(wrong, 1);
    desk.step(Event::Timeout(Timer::Election));
    desk.asks(Request::client(9, Ask::Execute(Command::Open { nonce: 9 })));
    (0..8).for_each(|number| desk.asks(Request::client(number, Ask::Execute(append(number)))));
    let records = desk.node.checkpoint();
    let mut again = Desk::new(wrong, 1);
    records.into_iter().for_each(|record| again.node.replay(record));
    again.step(Event::Start);
    again.step(Event::Timeout(Timer::Election));
    let before = again.node.service().machine().bytes();
    again.asks(Request::client(10, Ask::Execute(append(0))));
    again.node.service().machine().bytes() == before
}

fn append(sequence: u64) -> Command {
    let operation = Operation::Append { key: b"k"[..].into(), suffix: b"x"[..].into() };
    Command::Do { session: SessionId(1), sequence, acknowledged: 0, operation }
}

/// A node of the store. What it says to itself, it hears.
struct Desk {
    node: WrongService,
    outputs: Vec<Output>,
}

impl Desk {
    fn new(wrong: Option<Mutant>, nodes: u8) -> Self {
        let quorums = Quorums::majority(NodeSet::first(nodes)).expect("there are nodes");
        let options = Options { batch_commands: 1, compact_after: 60, ..Options::default() };
        Self { node: WrongService::new(wrong, NodeId(1), quorums, options), outputs: Vec::new() }
    }

    fn step(&mut self, event: Event<<WrongService as Process>::Message, Timer, Asked>) {
        let mut events = std::collections::VecDeque::from([event]);
        while let Some(event) = events.pop_front() {
            let mut out = Effects::new();
            self.node.step(event, &mut out);
            for sent in out.sends.into_iter().chain(out.sends_after_sync) {
                if sent.to.contains(NodeId(1)) {
                    events.push_back(Event::Receive { from: NodeId(1), message: sent.message });
                }
            }
            self.outputs.extend(out.outputs);
        }
    }

    fn asks(&mut self, request: Request) {
        self.step(Event::Request(Asked(request)));
    }

    fn hears(&mut self, message: <WrongService as Process>::Message) {
        self.step(Event::Receive { from: NodeId(2), message });
    }

    fn answers(&mut self) -> Vec<(u64, Reply)> {
        self.outputs.drain(..).filter_map(Output::answer).collect()
    }
}

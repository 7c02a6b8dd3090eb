//! A replicated store as its clients see it, while everything goes wrong.

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::Range,
};

use paxos_judge::{Action, Before, Call, End};
use paxos_kv::{Ask, Command, Found, Operation, Options, Outcome, Output, Query, Reply, Request, SessionId, Written};
use paxos_messages::Bytes;
use paxos_process::{NodeId, NodeSet};
use paxos_quorums::Quorums;
use paxos_sim::{Bounds, Choice, ChoiceOf, Happening, Random, Setting, World};

use super::{Wronged, first};
use crate::{Asked, Mutant, WrongService, pushed};

/// The first of `seeds` in which clients of a store are answered wrongly, where `wrong` is wrong: a rule of its
/// log, or of the service on it.
#[must_use]
pub fn serve(wrong: Option<Mutant>, seeds: Range<u64>) -> Option<Wronged> {
    first(seeds, |seed| run(seed, wrong).1.calls())
}

/// The first of `seeds` at whose end two nodes have applied the same slots and hold different states.
#[must_use]
pub fn differ(wrong: Option<Mutant>, mut seeds: Range<u64>) -> Option<u64> {
    seeds.find(|seed| {
        let (world, _) = run(*seed, wrong);
        let mut states = BTreeMap::new();
        nodes(*seed).iter().any(|id| {
            let machine = world.process(id).service().machine();
            *states.entry(machine.applied()).or_insert(machine.digest()) != machine.digest()
        })
    })
}

/// What clients see, as they see it: from what the world tells while it happens.
#[derive(Clone, Debug, Default)]
pub struct History {
    time: u64,
    /// By operation: when it was asked first, and what.
    asked: BTreeMap<u64, (u64, Ask)>,
    /// Those that are over. One that is asked again after that is the same operation, and its answer is no news.
    over: BTreeSet<u64>,
    calls: Vec<Call>,
}

impl History {
    /// Takes note of what happens.
    pub fn see(&mut self, happening: &Happening<'_, WrongService>) {
        self.time += 1;
        match happening {
            Happening::Asked(_, Asked(Request::Client { token, ask })) if !self.over.contains(&operation(*token)) => {
                self.asked.entry(operation(*token)).or_insert((self.time, ask.clone()));
            }
            Happening::Told(_, Output::Answer { token, reply }) => self.answered(operation(*token), reply),
            _ => {}
        }
    }

    fn answered(&mut self, operation: u64, reply: &Reply) {
        let end = match reply {
            Reply::Done(_) | Reply::Found(_) => End::Returned(self.time),
            // Not done, and never will be: but it was asked at other nodes too, so only a client that asked once knows.
            Reply::NotLeader { .. } | Reply::Busy if ONCE <= operation => End::Failed(self.time),
            Reply::NotLeader { .. } | Reply::Busy | Reply::Unknown | Reply::Failed(_) | Reply::Status(_) => return,
        };
        if let Some((invoke, ask)) = self.asked.remove(&operation) {
            self.over.insert(operation);
            self.calls.extend(call(operation, &ask, Some(reply), invoke, end));
        }
    }

    /// All calls, those without an answer among them.
    #[must_use]
    pub fn calls(mut self) -> Vec<Call> {
        for (operation, (invoke, ask)) in self.asked {
            self.calls.extend(call(operation, &ask, None, invoke, End::Unknown));
        }
        self.calls
    }
}

/// Tokens that differ by a multiple of this are of one operation, asked again.
const AGAIN: u64 = 100;
/// Operations from this number on are asked at one node, and once.
const ONCE: u64 = 50;

/// A run has so many turns, of so many choices.
const TURNS: usize = 12;
const STEPS: usize = 50;

const fn operation(token: u64) -> u64 {
    token % AGAIN
}

fn call(client: u64, ask: &Ask, reply: Option<&Reply>, invoke: u64, end: End) -> Option<Call> {
    let (key, action) = match (ask, reply) {
        (Ask::Execute(Command::Do { operation: Operation::Append { key, suffix }, .. }), reply) => {
            let existed = match reply {
                Some(Reply::Done(Outcome::Wrote(Written::Appended { length }))) => Some(suffix.len() as u64 != *length),
                _ => None,
            };
            (key, Action::Append { suffix: suffix.to_string(), before: Before { existed, value: None } })
        }
        (Ask::Read(Query::Get { key }), Some(Reply::Found(Found::Value(value)))) => {
            (key, Action::Get { result: value.as_ref().map(ToString::to_string) })
        }
        _ => return None,
    };
    Some(Call { client, key: key.to_string(), action, invoke, end })
}

/// Three clients append and read, and anything goes wrong. Then all heals, and somebody reads.
fn run(seed: u64, wrong: Option<Mutant>) -> (World<WrongService>, History) {
    let mut world = store_world(wrong, setting(seed), !seed.is_multiple_of(4));
    let mut history = History::default();
    let mut watch = |happening: Happening<'_, WrongService>| history.see(&happening);
    let mut random = Random::new(seed).ticking();
    let now = |world: &mut World<WrongService>, choice: &ChoiceOf<WrongService>| {
        world.apply(choice, &mut ());
        world.stabilize(&mut ());
    };
    now(&mut world, &Choice::Request(NodeId(1), Asked(Request::Campaign)));
    for token in 0..3 {
        let open = Ask::Execute(Command::Open { nonce: token });
        now(&mut world, &Choice::Request(NodeId(1), client(token, open)));
    }
    let leader = |world: &World<WrongService>| {
        nodes(seed).iter().find(|id| world.is_up(*id) && world.process(*id).service().status().leads)
    };
    let all = bounds(seed);
    for turn in 1..=TURNS {
        // What is asked is spread over the run.
        let requests = all.requests[..all.requests.len() * turn / TURNS].to_vec();
        random.run(&mut world, &Bounds { requests, ..all }, &[], STEPS, &mut Vec::new(), &mut watch);
        for choice in pushed::log((seed, turn), &world, leader(&world), &Asked(Request::Campaign)) {
            if world.obstacle(&choice).is_none() {
                world.apply(&choice, &mut watch);
            }
        }
    }
    random.heal(&mut world, |world| leader(world).is_some(), &[], 2_000, &mut Vec::new(), &mut watch);
    if let Some(id) = leader(&world) {
        world.apply(&Choice::Request(id, client(AGAIN - 1, Ask::Read(get()))), &mut watch);
        let rests = |world: &World<WrongService>| world.process(id).service().status().reads == 0;
        random.heal(&mut world, rests, &[], 2_000, &mut Vec::new(), &mut watch);
    }
    (world, history)
}

fn setting(seed: u64) -> Setting {
    Setting::new(Quorums::majority(nodes(seed)).expect("there are nodes"))
}

/// Three nodes; five in some, so that a leader and who follows it may be in the minority.
const fn nodes(seed: u64) -> NodeSet {
    NodeSet::first(if seed % 10 == 3 { 5 } else { 3 })
}

/// A fresh cluster of a store in which `wrong` is wrong; its nodes make snapshots early, or never. A batch has one command.
#[must_use]
pub fn store_world(wrong: Option<Mutant>, setting: Setting, snapshots: bool) -> World<WrongService> {
    let compact_after = if snapshots { 60 } else { u64::MAX };
    let options = Options { pipeline: 2, batch_commands: 1, compact_after, ..Options::default() };
    World::new(setting, |id| WrongService::new(wrong, id, setting.quorums, options))
}

/// Whatever may go wrong; six commands, each asked at all nodes, six that are asked once, and reads.
fn bounds(seed: u64) -> Bounds<Asked> {
    let node = |number: u64| NodeId(((seed + number) % 3 + 1) as u8);
    let mut requests: Vec<_> = (1..=3).map(|node| (NodeId(node), Asked(Request::Campaign))).collect();
    for number in 0..6 {
        let ask = append(number % 3 + 1, number / 3, number);
        let attempt = |attempt| (node(number + attempt), client(number + AGAIN * attempt, ask.clone()));
        requests.extend((0..3).map(attempt));
        let (read, once) = (6 + 2 * number, append(number % 3 + 1, 2 + number / 3, ONCE + number));
        requests.push((node(number), client(ONCE + number, once)));
        requests.extend([read, read + 1].map(|read| (node(read), client(read, Ask::Read(get())))));
    }
    let (fires, duplicates, drops, crashes, losses, cuts) = (60, 10, 10, 3, 1, 12);
    let may_crash = nodes(seed);
    Bounds { fires, duplicates, drops, crashes, may_crash, losses, cuts, ..Bounds::requests(requests) }
}

/// Answers are lost here, so nobody acknowledges any.
fn append(session: u64, sequence: u64, number: u64) -> Ask {
    let operation = Operation::Append { key: key(), suffix: format!("{number}.").as_bytes().into() };
    Ask::Execute(Command::Do { session: SessionId(session), sequence, acknowledged: 0, operation })
}

const fn client(token: u64, ask: Ask) -> Asked {
    Asked(Request::client(token, ask))
}

fn get() -> Query {
    Query::Get { key: key() }
}

fn key() -> Bytes {
    b"k"[..].into()
}

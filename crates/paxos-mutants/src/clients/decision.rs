//! One decision as its clients see it: a register that is written once.
//!
//! To propose is to say "if there is no value, let it be mine; and tell me what it is": a compare-and-swap. So the judge of
//! a store can judge it.

use std::{hash::Hash, ops::Range};

use paxos_basic::Replica;
use paxos_judge::{Action, Before, Call, End};
use paxos_messages::{Observed, single};
use paxos_process::NodeId;
use paxos_sim::{Bounds, Disk, Happening, Loopback, Setting, World};

use super::{Wronged, first};
use crate::{Mutant, Scenario, Wrong, pushed};

/// The first of `seeds` in which clients of one decision are told two, in a cluster as large as that of
/// `scenario`. With no rule `wrong`, the reference decides.
#[must_use]
pub fn decide(scenario: Scenario, wrong: Option<Mutant>, seeds: Range<u64>) -> Option<Wronged> {
    let quorums = scenario.setting().quorums;
    let setting = Setting { disk: Disk::Manual, loopback: Loopback::InFlight, ..scenario.setting() };
    match wrong {
        None => first(seeds, |seed| history(seed, World::new(setting, |id| Replica::new(id, quorums)))),
        Some(_) => first(seeds, |seed| history(seed, World::new(setting, |id| Wrong::new(wrong, id, quorums)))),
    }
}

/// Each node has a client with a value of its own.
fn history<P>(seed: u64, mut world: World<P>) -> Vec<Call>
where
    P: Observed<
            Message = single::Message<char>,
            Request = single::Request<char>,
            Output = single::Output<char>,
            Timer = single::Timer,
        > + Clone
        + Hash,
{
    let members = world.setting().quorums.members();
    let propose = |(id, value)| (id, single::Request::Propose(value));
    let requests = members.iter().zip('a'..).map(propose).collect();
    let (fires, duplicates, drops, crashes) = (20, 20, 40, 6);
    let bounds = Bounds { fires, duplicates, drops, crashes, may_crash: members, ..Bounds::requests(requests) };
    let (mut time, mut calls) = (0, Vec::<Call>::new());
    let mut watch = |happening: Happening<'_, P>| {
        time += 1;
        match happening {
            Happening::Asked(id, single::Request::Propose(value)) => calls.push(asked(id, *value, time)),
            Happening::Told(id, single::Output::Learned(value)) => {
                let waits = |call: &&mut Call| call.client == u64::from(id.0) && call.end == End::Unknown;
                if let Some(call) = calls.iter_mut().find(waits) {
                    told(call, *value, time);
                }
            }
            _ => {}
        }
    };
    pushed::decision(seed, &mut world, &bounds, (&[], false), &mut watch);
    calls
}

fn asked(id: NodeId, value: char, invoke: u64) -> Call {
    let action =
        Action::CompareAndSwap { expect: None, value: value.into(), swapped: false, before: Before::default() };
    Call { client: id.0.into(), key: "decision".into(), action, invoke, end: End::Unknown }
}

/// The client hears what is chosen: its own value, or what was there before.
fn told(call: &mut Call, chosen: char, at: u64) {
    call.end = End::Returned(at);
    if let Action::CompareAndSwap { value, swapped, before, .. } = &mut call.action {
        *swapped = *value == chosen.to_string();
        before.value = Some((!*swapped).then(|| chosen.to_string()));
    }
}

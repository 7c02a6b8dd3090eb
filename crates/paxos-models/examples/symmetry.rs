//! What symmetry would give the checker, measured: how many worlds are the same but for the names of nodes, and what it
//! costs to know.
//!
//! ```text
//! cargo run -p paxos-models --example symmetry
//! cargo run -p paxos-models --example symmetry -- basic-even-short
//! ```
//!
//! Nodes that ask for nothing are *interchangeable*, if quorums are sets of some size and bounds name all of them: from a
//! run one gets another by renaming them in each of its choices. So a world can be kept with its *twins*, the worlds that
//! its renamed runs lead to, and nobody needs to know where a process has names: each choice is made in all of them. The
//! smallest of their fingerprints is that of the world up to names, and a search that remembers only these makes one
//! world of each orbit.
//!
//! Both searches here are the plain one, of one thread, which tries every choice and keeps the worlds that wait, so that
//! they differ in nothing else.

use std::{
    collections::{BTreeSet, HashSet},
    hash::Hash,
    process::ExitCode,
    time::{Duration, Instant},
};

use paxos_check::{Bounds, Checkable};
use paxos_messages::multi::Request;
use paxos_models::claims::{self, Protocol};
use paxos_process::{NodeId, NodeSet};
use paxos_quorums::Quorums;
use paxos_sim::{Choice, ChoiceOf, Disk, Loopback, Packet, Setting, World};

/// Which node stands for each: names and what they become.
type Renaming = Vec<(NodeId, NodeId)>;

fn main() -> ExitCode {
    let mut named: Vec<String> = std::env::args().skip(1).collect();
    if named.is_empty() {
        named = ["basic-even-crash", "basic-flexible-crash", "basic-even-short"].map(str::to_owned).to_vec();
    }
    println!(
        "{:<54} {:>5} {:>9} {:>9} {:>5} {:>9} {:>9} {:>6}",
        "every run of", "names", "states", "orbits", "ratio", "seconds", "seconds", "ratio"
    );
    for name in &named {
        let Some((claim, bounds)) = claims::named(name).and_then(|claim| match &claim.protocol {
            Protocol::Basic(bounds) => Some((claim.clone(), bounds.clone())),
            Protocol::Multi(_) | Protocol::Quiet(_) | Protocol::Raft(_) => None,
        }) else {
            eprintln!("{name} is no claim of one decision: see cargo paxos check claims --list");
            return ExitCode::from(2);
        };
        let quorums = claim.setting.quorums;
        let world = World::new(claim.setting, |id| paxos_basic::Replica::new(id, quorums));
        compare(claim.what, &world, &bounds, claim.depth.unwrap_or(usize::MAX));
    }
    logs();
    ExitCode::SUCCESS
}

/// Logs of four nodes, of which one or two lead.
fn logs() {
    let quorums = Quorums::majority(NodeSet::first(4)).expect("a majority");
    let setting = Setting { disk: Disk::AtOnce, loopback: Loopback::AtOnce, ..Setting::new(quorums) };
    let log = |id| paxos_multi::Replica::new(id, quorums, paxos_multi::Options::default());
    let lead = |id| [(NodeId(id), Request::Campaign), (NodeId(id), Request::Propose(id))];
    let one = Bounds::requests(lead(1).to_vec());
    let two = Bounds::requests([lead(1), lead(2)].concat());
    compare("log of 4: 1 leads, 1 command *", &World::new(setting, log), &one, usize::MAX);
    compare("log of 4: 2 lead, 1 command each *, up to 11 choices", &World::new(setting, log), &two, 11);
}

fn compare<P: Checkable>(what: &str, world: &World<P>, bounds: &Bounds<P::Request>, depth: usize) {
    let all = [Renaming::new()];
    let renamings = renamings(world, bounds);
    let (states, _, plain) = search(world, bounds, depth, &all);
    let (orbits, worlds, reduced) = search(world, bounds, depth, &renamings);
    assert_eq!(worlds, states, "the worlds of all orbits are all worlds, each once");
    println!(
        "{what:<54} {:>5} {states:>9} {orbits:>9} {:>5.2} {:>9.2} {:>9.2} {:>6.2}",
        renamings.len(),
        states as f64 / orbits as f64,
        plain.as_secs_f64(),
        reduced.as_secs_f64(),
        reduced.as_secs_f64() / plain.as_secs_f64(),
    );
}

/// All renamings of the nodes that ask for nothing; the first changes nothing.
fn renamings<P: Checkable>(world: &World<P>, bounds: &Bounds<P::Request>) -> Vec<Renaming> {
    let asks = |id| bounds.requests.iter().any(|(asked, _)| *asked == id);
    let members = world.setting().quorums.members();
    let alike: Vec<NodeId> = members.iter().filter(|id| !asks(*id)).collect();
    let mut orders: Vec<Vec<NodeId>> = vec![Vec::new()];
    for _ in &alike {
        let longer = |order: &Vec<NodeId>| -> Vec<Vec<NodeId>> {
            let free = alike.iter().filter(|id| !order.contains(id));
            free.map(|id| order.iter().chain([id]).copied().collect()).collect()
        };
        orders = orders.iter().flat_map(longer).collect();
    }
    orders.into_iter().map(|order| alike.iter().copied().zip(order).collect()).collect()
}

/// How many worlds there are up to these renamings, each reached by at most `depth` choices, how many these stand for, and
/// in which time they were found.
fn search<P: Checkable>(
    initial: &World<P>,
    bounds: &Bounds<P::Request>,
    depth: usize,
    renamings: &[Renaming],
) -> (usize, usize, Duration) {
    let start = Instant::now();
    let names = |twins: &[World<P>]| twins.iter().map(World::fingerprint).collect::<BTreeSet<u64>>();
    let first = vec![initial.clone(); renamings.len()];
    let (mut seen, mut worlds) = (HashSet::new(), names(&first).len());
    seen.extend(names(&first).first());
    let (mut level, mut choices) = (vec![first], Vec::new());
    for _ in 0..depth {
        let mut next = Vec::new();
        for twins in &level {
            choices.clear();
            twins[0].choices(bounds, &mut choices);
            for choice in &choices {
                let mut after = twins.clone();
                for (twin, renaming) in after.iter_mut().zip(renamings) {
                    let choice = renamed(choice, renaming, &twins[0], twin);
                    twin.apply_within(bounds, &choice, &mut ());
                }
                let names = names(&after);
                if seen.insert(*names.first().expect("a world is its own twin")) {
                    worlds += names.len();
                    next.push(after);
                }
            }
        }
        level = next;
        if level.is_empty() {
            break;
        }
    }
    (seen.len(), worlds, start.elapsed())
}

/// What `choice` of `world` is in its twin. No message of these protocols names a node that does not lead.
fn renamed<P: Checkable>(choice: &ChoiceOf<P>, renaming: &Renaming, world: &World<P>, twin: &World<P>) -> ChoiceOf<P>
where
    P::Message: Clone + Hash,
{
    let name = |id: NodeId| renaming.iter().find(|(from, _)| *from == id).map_or(id, |(_, to)| *to);
    let place = |index: usize| {
        let Packet { from, to, message } = world.network()[index].clone();
        let packet = Packet { from: name(from), to: name(to), message };
        twin.network().binary_search(&packet).expect("what flies in a world flies in its twin, under other names")
    };
    match choice {
        Choice::Deliver(index) => Choice::Deliver(place(*index)),
        Choice::Duplicate(index) => Choice::Duplicate(place(*index)),
        Choice::Drop(index) => Choice::Drop(place(*index)),
        Choice::Fire(id, timer) => Choice::Fire(name(*id), *timer),
        Choice::Request(id, request) => Choice::Request(name(*id), request.clone()),
        Choice::Sync(id) => Choice::Sync(name(*id)),
        Choice::Crash(id) => Choice::Crash(name(*id)),
        Choice::Restart(id) => Choice::Restart(name(*id)),
        Choice::Lose(id) => Choice::Lose(name(*id)),
        Choice::Cut(from, to) => Choice::Cut(name(*from), name(*to)),
        Choice::Heal(from, to) => Choice::Heal(name(*from), name(*to)),
        Choice::CrashKeeping(id, kept) => Choice::CrashKeeping(name(*id), *kept),
    }
}

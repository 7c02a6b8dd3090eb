//! The same worlds searched by us and by stateright, in one run: states a second, side by side.
//!
//! ```text
//! cargo bench -p paxos-check --features stateright --bench beside_stateright
//! cargo bench -p paxos-check --features stateright --bench beside_stateright -- --rounds 9 --threads 4
//! ```
//!
//! Both get the world of `paxos-sim` with its bounds, both judge all invariants in every state, and both must count the
//! same states, or nothing is measured. They take turns, so that a machine that slows down slows both. Of each the median
//! of the rounds is compared.
//!
//! Ours is made for this world, and stateright for any: it keeps each waiting state whole, tries all choices, and is given
//! a copy of a state for each of them, as we are. What it is not given is what makes choices sleep.

use std::{num::NonZero, process::ExitCode, time::Instant};

use paxos_basic::Replica;
use paxos_check::{Limits, Verdict, WorldModel, check};
use paxos_messages::single::Request;
use paxos_process::{NodeId, NodeSet};
use paxos_quorums::Quorums;
use paxos_sim::{Bounds, Disk, Loopback, Setting, World};
use stateright::{Checker, Model};

type Basic = WorldModel<Replica<char>>;

fn main() -> ExitCode {
    // Cargo adds `--bench`.
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let (mut rounds, mut cores) = (NonZero::new(5).expect("five"), Limits::default().threads);
    for pair in arguments.chunks(2) {
        match (pair[0].as_str(), pair.get(1).and_then(|number| number.parse().ok())) {
            ("--rounds", Some(number)) => rounds = number,
            ("--threads", Some(number)) => cores = number,
            _ => {
                eprintln!("error: {pair:?}: there are --rounds N and --threads N, each from 1 on");
                return ExitCode::from(2);
            }
        }
    }
    println!("{:<42} {:>9} {:>7} {:>12} {:>12} {:>6}", "", "states", "threads", "ours/s", "stateright/s", "ratio");
    let (mut least, mut same) = (f64::INFINITY, true);
    for (name, model) in models() {
        for threads in if cores == NonZero::<usize>::MIN { vec![cores] } else { vec![NonZero::<usize>::MIN, cores] } {
            let (mut ours, mut theirs) = (Vec::new(), Vec::new());
            for _ in 0..rounds.get() {
                ours.push(our_search(&model, threads));
                theirs.push(their_search(&model, threads));
            }
            let states = ours[0].0;
            same &= ours.iter().chain(&theirs).all(|(counted, _)| *counted == states);
            let speed = |mut runs: Vec<(usize, f64)>| {
                runs.sort_by(|one, other| one.1.total_cmp(&other.1));
                states as f64 / runs[runs.len() / 2].1
            };
            let (ours, theirs) = (speed(ours), speed(theirs));
            println!("{name:<42} {states:>9} {threads:>7} {ours:>12.0} {theirs:>12.0} {:>6.2}", ours / theirs);
            least = least.min(ours / theirs);
        }
    }
    if !same {
        println!("void: the two do not count the same states");
        return ExitCode::FAILURE;
    }
    println!("ours is at least {least:.2} times as fast; medians of {rounds} rounds in turn, all counts equal");
    ExitCode::SUCCESS
}

fn models() -> [(&'static str, Basic); 3] {
    let quorums = Quorums::majority(NodeSet::first(3)).expect("three nodes have majorities");
    let all = Setting::new(quorums);
    let short = Setting { loopback: Loopback::AtOnce, ..all };
    let wishes = vec![(NodeId(1), Request::Propose('a')), (NodeId(2), Request::Propose('b'))];
    let quiet = Bounds::requests(wishes);
    let crash = Bounds { crashes: 1, may_crash: NodeSet::first(3), ..quiet.clone() };
    let model = |setting, bounds: &Bounds<Request<char>>| WorldModel {
        initial: World::new(setting, |id| Replica::new(id, quorums)),
        bounds: bounds.clone(),
    };
    [
        ("3 acceptors, 2 proposers *", model(Setting { disk: Disk::AtOnce, ..short }, &quiet)),
        ("3 acceptors, 2 proposers", model(Setting { disk: Disk::AtOnce, ..all }, &quiet)),
        ("3 acceptors, 2 proposers, 1 crash *", model(short, &crash)),
    ]
}

/// How many states, and in how many seconds.
fn our_search(model: &Basic, threads: NonZero<usize>) -> (usize, f64) {
    let start = Instant::now();
    let report = check(&model.initial, &model.bounds, &Limits { threads, ..Limits::default() }, |_| {});
    assert_eq!(report.verdict, Verdict::Holds);
    (report.progress.states, start.elapsed().as_secs_f64())
}

fn their_search(model: &Basic, threads: NonZero<usize>) -> (usize, f64) {
    let start = Instant::now();
    let checker = model.clone().checker().threads(threads.get()).spawn_bfs().join();
    let seconds = start.elapsed().as_secs_f64();
    checker.assert_properties();
    (checker.unique_state_count(), seconds)
}

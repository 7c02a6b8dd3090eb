//! Traces before Lamport's `Paxos.tla`, which `paxos-judge` holds them against step by step, and shares no code with the
//! world that they are from. The reference passes, and so does Multi-Paxos; mutants that break a rule which the
//! specification states do not.

use paxos_basic::Replica;
use paxos_judge::{TraceVerdict, judge_trace};
use paxos_messages::{multi, single};
use paxos_mutants::{Home, Mutant, Wrong};
use paxos_process::{NodeId, NodeSet};
use paxos_quorums::Quorums;
use paxos_sim::{Bounds, Choice, Invariant, Random, Scriptable, Setting, Trace, World};

/// Simulates seeds and judges their trace: the number of lines, or the first that the specification does not allow.
fn judge<P>(seeds: u64, fresh: impl Fn(Setting) -> World<P>) -> Result<usize, String>
where
    P: Scriptable<Timer = single::Timer, Request = single::Request<char>>,
{
    let requests = [(1, 'a'), (2, 'b'), (3, 'c')].map(|(id, value)| (NodeId(id), single::Request::Propose(value)));
    let (fires, duplicates, drops, crashes) = (20, 20, 40, 6);
    let may_crash = NodeSet::first(3);
    let bounds = Bounds { fires, duplicates, drops, crashes, may_crash, ..Bounds::requests(requests.to_vec()) };
    let setting = Setting::new(Quorums::majority(NodeSet::first(3)).expect("three nodes"));
    let mut trace = Trace::new(Vec::new(), NodeSet::first(3));
    for seed in 0..seeds {
        trace.begin(seed);
        // Judged by nothing while it runs: the trace alone must tell.
        let none: &[Invariant] = &[];
        Random::new(seed).run(&mut fresh(setting), &bounds, none, 400, &mut Vec::new(), &mut trace);
    }
    judge_text(trace)
}

/// The number of lines, or the first that the specification does not allow.
fn judge_text(trace: Trace<Vec<u8>>) -> Result<usize, String> {
    let text = trace.finish().expect("writing to memory");
    match judge_trace(text.as_slice()).expect("it is a trace") {
        TraceVerdict::Allowed { lines, chosen, .. } => {
            assert!(0 < chosen, "there was something to choose");
            Ok(lines)
        }
        TraceVerdict::Forbidden { line, what } => Err(format!("line {line}: {what}")),
    }
}

#[test]
fn the_specification_allows_every_trace_of_the_reference() {
    let lines = judge(500, |setting| World::new(setting, |id| Replica::new(id, setting.quorums)));
    assert!(lines.expect("the specification allows every line") > 5_000, "there was something to judge");
}

#[test]
fn the_specification_rejects_traces_of_mutants() {
    for mutant in Mutant::all().filter(|mutant| mutant.protocol() == "basic") {
        let judged = judge(500, |setting| World::new(setting, |id| Wrong::new(Some(mutant), id, setting.quorums)));
        println!("{mutant}: {judged:?}");
        // These three break in runs that chance finds too seldom: searches and their scripts have them.
        let seldom = [Mutant::M3c, Mutant::M6b, Mutant::M10b].contains(&mutant);
        // And these break no rule of safety: what they do is allowed, and gets nowhere.
        let slow = matches!(mutant.home(), Home::Time(_));
        assert_eq!(judged.is_err(), !(seldom || slow), "{mutant}: {judged:?}");
    }
}

#[test]
fn the_specification_allows_every_trace_of_a_log() {
    let quorums = Quorums::majority(NodeSet::first(3)).expect("three nodes");
    let options = paxos_multi::Options { window: 4, retain: 4 };
    let setting = Setting::new(quorums);
    let mut trace = Trace::with_quorums(Vec::new(), &quorums);
    for seed in 0..100 {
        trace.begin(seed);
        let mut world = World::new(setting, |id| paxos_multi::Replica::<String>::new(id, quorums, options));
        let (fires, duplicates, drops, crashes, losses, cuts) = (10_000, 200, 200, 20, 1, 100);
        let may_crash = NodeSet::first(3);
        let none = Bounds::requests(Vec::new());
        let bounds = Bounds { fires, duplicates, drops, crashes, losses, cuts, may_crash, ..none };
        let mut random = Random::new(seed).ticking();
        for command in 0..100 {
            random.run(&mut world, &bounds, &[], 10, &mut Vec::new(), &mut trace);
            let up = |id: &NodeId| world.is_up(*id) && world.process(*id).serves();
            if let Some(leader) = may_crash.iter().find(up) {
                let request = multi::Request::Propose(format!("c{command}"));
                world.apply(&Choice::Request(leader, request), &mut trace);
            }
        }
    }
    let lines = judge_text(trace).expect("the specification allows every line");
    assert!(lines > 10_000, "there was something to judge: {lines}");
}

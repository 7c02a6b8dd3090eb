//! The traces of timed runs, in which nodes come back with more on their disks than they had said, before the judge of traces.

use paxos_judge::{TraceVerdict, judge_trace};
use paxos_models::simulated;
use paxos_process::NodeSet;
use paxos_sim::{Trace, timed};

#[test]
fn the_specification_allows_every_timed_run() {
    let system = simulated::multi(3, paxos_multi::Replica::<String>::new);
    let mut trace = Trace::new(Vec::new(), NodeSet::first(3));
    for seed in 0..200 {
        trace.begin(seed);
        let run = timed::simulate(&system, seed, &mut trace);
        assert_eq!(run.violation, None, "seed {seed}");
    }
    let text = trace.finish().expect("writing to memory");
    let verdict = judge_trace(text.as_slice()).expect("it is a trace");
    assert!(matches!(verdict, TraceVerdict::Allowed { .. }), "{verdict:?}");
}

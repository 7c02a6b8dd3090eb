//! A trace of what nodes said, `paxos-trace/1`, and the opinion of the judge of it.
//!
//! What must hold: it is judged or refused; a step that is not allowed is not allowed because of what comes before it, so all
//! before is allowed; of an allowed trace, all but the last step is; and empty lines are nothing.

use paxos_judge::{TraceVerdict, judge_trace};
use paxos_process::NodeSet;
use paxos_sim::Trace;

use super::{Seed, Target, run::decision, seed};

pub(super) const TARGET: Target =
    Target { name: "trace", about: "a trace, read and judged", longest: 4096, memory: 8 << 20, run, seeds };

fn run(bytes: &[u8]) {
    let verdict = judge_trace(bytes);
    let mut lines: Vec<&[u8]> = bytes.split(|byte| *byte == b'\n').collect();
    let spread = lines.join(&b"\n\n"[..]);
    match (&verdict, judge_trace(spread.as_slice())) {
        (Ok(TraceVerdict::Forbidden { line, what }), Ok(TraceVerdict::Forbidden { line: there, what: other })) => {
            assert_eq!((2 * line - 1, what), (there, &other), "empty lines are something");
        }
        (Ok(one), Ok(other)) => assert_eq!(*one, other, "empty lines are something"),
        (Err(one), Err(other)) => assert_eq!(one.what, other.what, "empty lines are something"),
        (one, other) => panic!("empty lines are something: {one:?}, {other:?}"),
    }
    let (kept, steps) = match verdict {
        Err(_) | Ok(TraceVerdict::Allowed { lines: 0, .. }) => return,
        Ok(TraceVerdict::Forbidden { line, .. }) => (line - 1, None),
        Ok(TraceVerdict::Allowed { lines: steps, .. }) => {
            let last = lines.iter().rposition(|line| !line.iter().all(u8::is_ascii_whitespace));
            (last.expect("it has steps"), Some(steps - 1))
        }
    };
    lines.truncate(kept);
    match judge_trace(lines.join(&b"\n"[..]).as_slice()) {
        Ok(TraceVerdict::Allowed { lines, .. }) => assert!(steps.is_none_or(|steps| steps == lines), "steps are lost"),
        other => panic!("the steps before are not allowed either: {other:?}"),
    }
}

fn seeds() -> Vec<Seed> {
    let mut trace = Trace::new(Vec::new(), NodeSet::first(3));
    decision(&mut trace);
    let allowed = trace.finish().expect("memory takes everything");
    let text = String::from_utf8(allowed.clone()).expect("it is text");
    let amnesia: Vec<&str> = text.lines().filter(|line| !line.contains("\"ev\":\"restart\"")).collect();
    let forgot = r#"{"ev":"restart","from":0,"node":"n1","promised":[],"run":0,"votes":[]}"#;
    let quorums = r#"{"ev":"meta","format":"paxos-trace/1","acceptors":["a","b","c"],"stride":3,"quorums1":[["a","b"],["c"]],"quorums2":[["a","c"]]}"#;
    vec![
        seed("decision", allowed),
        seed("amnesia", [amnesia.join("\n").as_str(), forgot].join("\n")),
        seed("quorums", quorums),
        seed("no-trace", &b"{}"[..]),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_seed_is_allowed_and_one_is_not() {
        let verdict = |at: usize| judge_trace(seeds()[at].bytes.as_slice());
        assert!(
            matches!(verdict(0), Ok(TraceVerdict::Allowed { lines, chosen: 1, .. }) if 8 < lines),
            "{:?}",
            verdict(0)
        );
        assert!(matches!(verdict(1), Ok(TraceVerdict::Forbidden { .. })), "{:?}", verdict(1));
        assert!(seeds().iter().all(|seed| seed.bytes.len() <= TARGET.longest));
    }
}

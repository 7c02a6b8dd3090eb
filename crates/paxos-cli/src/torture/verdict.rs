//! The judgement on a run, by what its clients asked and heard, what its nodes hold at the end, and how they ended on the way.

use std::{collections::BTreeSet, ops::Range, time::Duration};

use paxos_judge::{Action, Call, End, judge};
use serde_json::{Value, json};

use super::rack::Record;
use crate::{load::lost, search::UNDECIDED};

/// What has happened. Times are nanoseconds of the history.
pub(super) struct Facts {
    /// Everything that clients asked and heard, with the reads at the end.
    pub(super) history: Vec<Call>,
    /// Keys that could not be read at the end.
    pub(super) unread: u64,
    /// The state that all nodes hold at the end: its digest, and the first slot that is not in it. None if they differ.
    pub(super) state: Option<(u64, u64)>,
    pub(super) acknowledged: u64,
    pub(super) answered: u64,
    pub(super) unknown: u64,
    pub(super) not_done: u64,
    /// From when to when the cluster was tortured.
    pub(super) torture: Range<u64>,
    /// How long after all nodes were ready again a write was acknowledged.
    pub(super) available: Option<Duration>,
    pub(super) record: Record,
    /// Whether what the nodes have recorded is a run that may be, if they have.
    pub(super) replayed: Option<Result<String, String>>,
    pub(super) interrupted: bool,
    pub(super) took: Duration,
}

/// The limits that a run is held to.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    /// Bytes of memory of a node.
    pub(super) memory: u64,
    /// After everything is healed, a write is acknowledged within this time.
    pub(super) available: Duration,
}

/// What is asked of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Check {
    Linearizable,
    NothingLost,
    Readable,
    SameState,
    EndsAsItShould,
    RefusesDamage,
    Memory,
    Available,
    Replays,
}

pub(super) struct Answer {
    check: Check,
    held: bool,
    text: String,
}

/// What is to be said of it.
pub(super) struct Verdict {
    answers: Vec<Answer>,
    /// Why something did not hold, in as many lines as it takes.
    why: Vec<String>,
    undecided: bool,
}

impl Verdict {
    pub(super) fn on(facts: &Facts, limits: Limits) -> Self {
        let Record { wrong, memory, damaged, refused, .. } = &facts.record;
        let (linearizable, mut why, undecided) = linearizable(&facts.history);
        why.extend(wrong.iter().cloned());
        let (appended, lost) = lost(&facts.history, &BTreeSet::new());
        let state = facts.state.map_or_else(String::new, |(digest, slot)| format!(", {digest:016x} at slot {slot}"));
        let most = memory.values().max().copied();
        let (limit, within) = (limits.memory >> 20, limits.available.as_secs());
        let took = facts.available.map_or("not at all".to_owned(), |took| format!("{} ms", took.as_millis()));
        let mut answers = vec![
            linearizable,
            Answer {
                check: Check::NothingLost,
                held: lost == 0,
                text: format!(
                    "no acknowledged append is lost or done twice ({appended} looked up one by one, {lost} are not there once)"
                ),
            },
            Answer {
                check: Check::Readable,
                held: facts.unread == 0,
                text: format!("every key could be read at the end ({} could not)", facts.unread),
            },
            Answer {
                check: Check::SameState,
                held: facts.state.is_some(),
                text: format!("all nodes hold the same state{state}"),
            },
            Answer {
                check: Check::EndsAsItShould,
                held: wrong.is_empty(),
                text: format!("no node panicked, or ended in a way that it should not ({} did)", wrong.len()),
            },
            Answer {
                check: Check::Available,
                held: facts.available.is_some_and(|took| took <= limits.available),
                text: format!("healed, a write was acknowledged within {within} s ({took})"),
            },
        ];
        if 0 < *damaged {
            answers.push(Answer {
                check: Check::RefusesDamage,
                held: refused == damaged,
                text: format!("every damaged log was refused, with file and offset ({refused} of {damaged})"),
            });
        }
        if let Some(replayed) = &facts.replayed {
            let all = "what the nodes recorded is a run of the simulated world, with all invariants, and of Lamport's specification";
            why.extend(replayed.as_ref().err().cloned());
            answers.push(Answer {
                check: Check::Replays,
                held: replayed.is_ok(),
                text: replayed.as_ref().map_or_else(|_| all.to_owned(), |told| format!("{all} ({told})")),
            });
        }
        // Where there is no /proc nobody knows, so nothing is said.
        if let Some(most) = most {
            answers.push(Answer {
                check: Check::Memory,
                held: most <= limits.memory,
                text: format!("no node had more than {limit} MiB of memory ({} MiB at most)", most >> 20),
            });
        }
        Self { answers, why, undecided }
    }

    fn wrong(&self) -> Vec<Check> {
        self.answers.iter().filter(|told| !told.held).map(|told| told.check).collect()
    }

    pub(super) fn code(&self) -> u8 {
        match self.wrong()[..] {
            [] => 0,
            [Check::Linearizable] if self.undecided => UNDECIDED,
            _ => 1,
        }
    }

    pub(super) fn word(&self) -> &'static str {
        match self.code() {
            0 => "held",
            UNDECIDED => "undecided",
            _ => "VIOLATED",
        }
    }

    /// Line by line.
    pub(super) fn lines(&self, facts: &Facts) -> Vec<String> {
        let mut lines = vec![format!("Verdict: {}", self.word())];
        lines.extend(
            self.answers.iter().map(|told| format!("  {:<3}  {}", if told.held { "yes" } else { "NO" }, told.text)),
        );
        lines.extend(self.why.iter().take(MOST_REASONS).map(|why| format!("       {why}")));
        let counts: Vec<String> = facts.record.counts.iter().map(|(what, times)| format!("{what} {times}")).collect();
        lines.push(format!("  Done: {}", counts.join(", ")));
        let (without, longest) = without_writes(&facts.history, &facts.torture);
        let tortured = Duration::from_nanos(facts.torture.end - facts.torture.start);
        lines.push(format!(
            "  {} writes acknowledged, {} reads, {} of unknown outcome, {} not done",
            facts.acknowledged,
            facts.answered - facts.acknowledged,
            facts.unknown,
            facts.not_done
        ));
        lines.push(format!(
            "  Of {:.1} s under torture, {:.1} s without an acknowledged write (gaps of 0.5 s and more; the longest {:.1} s)",
            tortured.as_secs_f64(),
            without.as_secs_f64(),
            longest.as_secs_f64()
        ));
        let interrupted = if facts.interrupted { " Interrupted: the torture ended early." } else { "" };
        lines.push(format!("  {:.1} s.{interrupted}", facts.took.as_secs_f64()));
        lines
    }

    pub(super) fn to_json(&self, facts: &Facts) -> Value {
        let (without, longest) = without_writes(&facts.history, &facts.torture);
        let checks: Vec<_> = self.answers.iter().map(|told| json!({ "check": told.text, "held": told.held })).collect();
        let memory = facts.record.memory.iter().map(|(node, bytes)| (node.to_string(), json!(bytes)));
        json!({
            "verdict": self.word(), "checks": checks, "why": self.why, "counts": facts.record.counts,
            "events": facts.record.events, "acknowledged_writes": facts.acknowledged, "answered": facts.answered,
            "unknown": facts.unknown, "not_done": facts.not_done,
            "without_writes_seconds": without.as_secs_f64(), "longest_without_writes_seconds": longest.as_secs_f64(),
            "available_after_seconds": facts.available.map(|took| took.as_secs_f64()),
            "memory_bytes": memory.collect::<serde_json::Map<_, _>>(),
            "digest": facts.state.map(|(digest, _)| format!("{digest:016x}")), "applied": facts.state.map(|(_, slot)| slot),
            "interrupted": facts.interrupted, "seconds": facts.took.as_secs_f64(),
        })
    }
}

fn linearizable(history: &[Call]) -> (Answer, Vec<String>, bool) {
    let answer = |held, more: String| Answer {
        check: Check::Linearizable,
        held,
        text: format!("what clients saw is linearizable{more}"),
    };
    match judge(history) {
        Ok(paxos_judge::Verdict::Linearizable { calls, keys }) => {
            (answer(true, format!(" ({calls} calls of {keys} keys)")), Vec::new(), false)
        }
        Ok(paxos_judge::Verdict::NotLinearizable(why)) => (answer(false, String::new()), vec![why.to_string()], false),
        Ok(paxos_judge::Verdict::Undecided { key }) => {
            (answer(false, String::new()), vec![format!("too many calls of key {key:?} overlap to say")], true)
        }
        Err(error) => (answer(false, String::new()), vec![error.to_string()], false),
    }
}

/// The time in `torture` in which no write was acknowledged, in gaps that a user would notice; and the longest of them.
fn without_writes(history: &[Call], torture: &Range<u64>) -> (Duration, Duration) {
    let is_write = |call: &&Call| !matches!(call.action, Action::Get { .. });
    let returned = history.iter().filter(is_write).filter_map(|call| match call.end {
        End::Returned(at) => Some(at),
        End::Failed(_) | End::Unknown => None,
    });
    let mut times: Vec<u64> = returned.filter(|at| torture.contains(at)).collect();
    times.extend([torture.start, torture.end]);
    times.sort_unstable();
    let gaps = times.windows(2).map(|pair| pair[1] - pair[0]).filter(|gap| NOTICED <= *gap);
    let (sum, longest) = gaps.fold((0, 0), |(sum, longest), gap| (sum + gap, gap.max(longest)));
    (Duration::from_nanos(sum), Duration::from_nanos(longest))
}

/// In nanoseconds.
const NOTICED: u64 = 500_000_000;
/// Reasons that are printed.
const MOST_REASONS: usize = 12;

#[cfg(test)]
mod tests {
    use paxos_judge::Before;
    use paxos_process::NodeId;

    use super::*;

    fn append(suffix: &str, invoke: u64, end: End) -> Call {
        let action = Action::Append { suffix: suffix.into(), before: Before::default() };
        Call { client: 1, key: "k".into(), action, invoke, end }
    }

    fn get(result: &str, invoke: u64) -> Call {
        let action = Action::Get { result: Some(result.into()) };
        Call { client: 2, key: "k".into(), action, invoke, end: End::Returned(invoke + 1) }
    }

    /// A run in which everything held, and what is said of it when something is changed.
    fn wrong(change: impl FnOnce(&mut Facts)) -> (u8, Vec<Check>) {
        let history = vec![append("1;", 1, End::Returned(2)), append("2;", 3, End::Returned(4)), get("1;2;", 10)];
        let mut facts = Facts {
            history,
            unread: 0,
            state: Some((7, 2)),
            acknowledged: 2,
            answered: 3,
            unknown: 0,
            not_done: 0,
            torture: 0..9,
            available: Some(Duration::from_millis(300)),
            record: Record { memory: [(NodeId(1), 9 << 20)].into(), damaged: 1, refused: 1, ..Record::default() },
            replayed: None,
            interrupted: false,
            took: Duration::from_secs(1),
        };
        change(&mut facts);
        let limits = Limits { memory: 10 << 20, available: Duration::from_secs(10) };
        let verdict = Verdict::on(&facts, limits);
        assert_eq!(verdict.to_json(&facts)["verdict"], verdict.word());
        assert_eq!(verdict.lines(&facts)[0], format!("Verdict: {}", verdict.word()));
        (verdict.code(), verdict.wrong())
    }

    #[test]
    fn every_check_can_say_no() {
        assert_eq!(wrong(|_| {}), (0, vec![]));
        assert_eq!(wrong(|facts| facts.unread = 1), (1, vec![Check::Readable]));
        assert_eq!(wrong(|facts| facts.state = None), (1, vec![Check::SameState]));
        assert_eq!(wrong(|facts| facts.record.wrong.push("n1: panicked".into())), (1, vec![Check::EndsAsItShould]));
        assert_eq!(wrong(|facts| facts.record.refused = 0), (1, vec![Check::RefusesDamage]));
        assert_eq!(wrong(|facts| facts.available = None), (1, vec![Check::Available]));
        assert_eq!(wrong(|facts| facts.available = Some(Duration::from_secs(11))), (1, vec![Check::Available]));
        let much = |facts: &mut Facts| facts.record.memory.extend([(NodeId(2), 11 << 20)]);
        assert_eq!(wrong(much), (1, vec![Check::Memory]));
        assert_eq!(wrong(|facts| facts.replayed = Some(Ok("1 choice".into()))), (0, vec![]));
        assert_eq!(wrong(|facts| facts.replayed = Some(Err("amnesia".into()))), (1, vec![Check::Replays]));
        let both = vec![Check::Linearizable, Check::NothingLost];
        assert_eq!(wrong(|facts| facts.history[2] = get("1;", 10)), (1, both.clone()));
        assert_eq!(wrong(|facts| facts.history[2] = get("1;2;2;", 10)), (1, both));
        let stale = |facts: &mut Facts| facts.history.insert(2, get("1;", 6));
        assert_eq!(wrong(stale), (1, vec![Check::Linearizable]));
        assert_eq!(wrong(|facts| facts.history.push(get("1;2;", 10))).0, 1, "a client that overlaps itself");
    }

    #[test]
    fn nothing_is_said_of_what_nobody_knows() {
        assert_eq!(wrong(|facts| facts.record.memory.clear()), (0, vec![]));
        assert_eq!(wrong(|facts| (facts.record.damaged, facts.record.refused) = (0, 0)), (0, vec![]));
    }

    #[test]
    fn time_without_writes_is_counted_in_gaps_that_are_noticed() {
        let second = 1_000_000_000;
        let history = [append("1;", 1, End::Returned(second)), append("2;", 1, End::Returned(second + second / 4))];
        let check = |torture, sum, longest| {
            let (found, most) = without_writes(&history, &torture);
            assert_eq!((found.as_millis(), most.as_millis()), (sum, longest));
        };
        check(0..2 * second, 1_750, 1_000);
        check(second..second + second / 2, 0, 0);
        check(3 * second..5 * second, 2_000, 2_000);
    }
}

//! The judgement on a run of the replicated store, by nothing but what its clients asked and heard and the states that
//! its nodes hold at the end.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use paxos_judge::{Action, Call, End, judge};
use paxos_kv::{Failure, MAX_KEY, MAX_STORE, MAX_VALUE};
use paxos_process::NodeId;
use serde_json::{Value, json};

use super::super::screen::{BOLD, Screen};
use crate::{
    load::{Seen, lost},
    search::UNDECIDED,
};

/// What has happened.
pub(super) struct Facts {
    /// What the clients saw before the restart.
    pub(super) seen: Seen,
    /// Keys that could not be read at the end.
    pub(super) unread: u64,
    /// Everything that clients asked and heard, with the reads at the end.
    pub(super) history: Vec<Call>,
    pub(super) kills: Vec<Kill>,
    pub(super) given: Given,
    /// The state that all nodes hold at the end: its digest, and the first slot that is not in it. None if they differ.
    pub(super) state: Option<(u64, u64)>,
    pub(super) took: Duration,
}

/// The commands of the user.
pub(super) struct Given {
    pub(super) commands: usize,
    /// So many of them were asked.
    pub(super) asked: usize,
    /// The keys that they name. No generated one is among them.
    pub(super) keys: BTreeSet<String>,
}

/// A leader was killed. Times in nanoseconds of the history.
pub(super) struct Kill {
    pub(super) victim: NodeId,
    /// Who led then.
    pub(super) leader: NodeId,
    pub(super) ballot: String,
    pub(super) killed: u64,
    /// When the new leader was known.
    pub(super) elected: u64,
}

/// What is to be said of it.
pub(super) struct Verdict {
    answers: Vec<Answer>,
    /// Why the history is not linearizable, or could not be judged.
    why: Option<String>,
    undecided: bool,
    /// What the store has refused, as it says that it does, and how often.
    refused: BTreeMap<Failure, u64>,
    /// For each kill, the longest time without an acknowledged write.
    windows: Vec<Duration>,
}

/// What is asked of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Check {
    Readable,
    NothingLost,
    Linearizable,
    SameState,
    Answered,
    AllAsked,
}

struct Answer {
    check: Check,
    held: bool,
    text: String,
}

impl Verdict {
    pub(super) fn on(facts: &Facts) -> Self {
        let windows: Vec<_> = facts.kills.iter().map(|kill| window(&facts.history, kill)).collect();
        let (mut linearizable, mut why, mut undecided) = ("what clients saw is linearizable".to_owned(), None, false);
        match judge(&facts.history) {
            Ok(paxos_judge::Verdict::Linearizable { calls, keys }) => {
                linearizable += &format!(" ({calls} calls of {keys} keys)");
            }
            Ok(paxos_judge::Verdict::NotLinearizable(explanation)) => why = Some(explanation.to_string()),
            Ok(paxos_judge::Verdict::Undecided { key }) => {
                undecided = true;
                why = Some(format!("too many calls of key {key:?} overlap to say"));
            }
            Err(error) => why = Some(error.to_string()),
        }
        let (appended, lost) = lost(&facts.history, &facts.given.keys);
        let refused = refused(&facts.history);
        let not_done = facts.seen.failed.saturating_sub(refused.values().sum());
        let Given { commands, asked, .. } = facts.given;
        let unread = facts.unread;
        let state = match facts.state {
            Some((digest, slot)) => format!("all nodes hold the same state, {digest:016x} at slot {slot}"),
            None => "all nodes hold the same state".into(),
        };
        let answer = |check, held, text| Answer { check, held, text };
        let mut answers = vec![
            answer(
                Check::Readable,
                unread == 0,
                format!("every key could be read after a restart of all nodes ({unread} could not)"),
            ),
            answer(
                Check::NothingLost,
                lost == 0,
                format!("no acknowledged write is lost or done twice ({appended} appends looked up one by one)"),
            ),
            answer(Check::Linearizable, why.is_none(), linearizable),
            answer(Check::SameState, facts.state.is_some(), state),
            answer(
                Check::Answered,
                not_done == 0,
                format!(
                    "every operation was answered, or its client told that its outcome is unknown ({not_done} not done)"
                ),
            ),
        ];
        if commands > 0 {
            let text = format!("all given commands were asked ({asked} of {commands})");
            answers.push(answer(Check::AllAsked, asked == commands, text));
        }
        Self { answers, why, undecided, refused, windows }
    }

    pub(super) fn code(&self) -> u8 {
        let wrong: Vec<Check> = self.answers.iter().filter(|told| !told.held).map(|told| told.check).collect();
        match wrong[..] {
            [] => 0,
            [Check::Linearizable] if self.undecided => UNDECIDED,
            _ => 1,
        }
    }

    fn word(&self) -> &'static str {
        match self.code() {
            0 => "held",
            UNDECIDED => "undecided",
            _ => "VIOLATED",
        }
    }

    pub(super) fn show(&self, facts: &Facts, screen: &mut Screen) -> anyhow::Result<()> {
        let word = screen.styled(BOLD, &format!("Verdict: {}", self.word()));
        screen.line(&format!("\n{word}"))?;
        for Answer { held, text, .. } in &self.answers {
            screen.line(&format!("  {:<3}  {text}", if *held { "yes" } else { "NO" }))?;
        }
        for (failure, times) in &self.refused {
            let commands = if *times == 1 { "command" } else { "commands" };
            screen.line(&format!("  {times} {commands} refused: {failure}"))?;
        }
        if let Some(why) = &self.why {
            screen.line(why)?;
        }
        for (kill, window) in facts.kills.iter().zip(&self.windows) {
            screen.line(&format!(
                "  {} killed, {} leads in {}: {:.0} ms without an acknowledged write",
                kill.victim,
                kill.leader,
                kill.ballot,
                window.as_secs_f64() * 1e3
            ))?;
        }
        let seen = &facts.seen;
        screen.line(&format!(
            "  {} writes acknowledged, {} reads, {} of unknown outcome. {:.1} s.",
            seen.acknowledged,
            seen.answered - seen.acknowledged,
            seen.unknown,
            facts.took.as_secs_f64()
        ))
    }

    pub(super) fn to_json(&self, facts: &Facts) -> Value {
        let milliseconds = |time: Duration| time.as_secs_f64() * 1e3;
        let kills = facts.kills.iter().zip(&self.windows).map(|(kill, window)| {
            json!({
                "killed": kill.victim.to_string(), "leader": kill.leader.to_string(), "ballot": kill.ballot,
                "at_seconds": kill.killed as f64 / 1e9, "without_acknowledged_write_ms": milliseconds(*window),
            })
        });
        let refused =
            self.refused.iter().map(|(why, commands)| json!({ "why": why.to_string(), "commands": commands }));
        let seen = &facts.seen;
        json!({
            "verdict": self.word(),
            "checks": self.answers.iter().map(|answer| json!({ "check": answer.text, "held": answer.held })).collect::<Vec<_>>(),
            "why": self.why,
            "fail_over_ms": self.windows.iter().map(|window| milliseconds(*window)).collect::<Vec<_>>(),
            "kills": kills.collect::<Vec<_>>(),
            "acknowledged_writes": seen.acknowledged, "answered": seen.answered, "unknown": seen.unknown,
            "not_done": seen.failed.saturating_sub(self.refused.values().sum()), "refused": refused.collect::<Vec<_>>(),
            "operations_per_second": seen.rate(),
            "p50_ms": milliseconds(seen.percentile(50.0)), "p99_ms": milliseconds(seen.percentile(99.0)),
            "digest": facts.state.map(|(digest, _)| format!("{digest:016x}")), "applied": facts.state.map(|(_, slot)| slot),
            "seconds": facts.took.as_secs_f64(),
        })
    }
}

/// The longest time without an acknowledged write that began before the new leader was known and ended after the old
/// one was killed.
fn window(history: &[Call], kill: &Kill) -> Duration {
    let is_write = |call: &&Call| !matches!(call.action, Action::Get { .. });
    let mut acknowledged: Vec<u64> = history
        .iter()
        .filter(is_write)
        .filter_map(|call| match call.end {
            End::Returned(at) => Some(at),
            End::Failed(_) | End::Unknown => None,
        })
        .collect();
    acknowledged.sort_unstable();
    let gaps = acknowledged.windows(2).filter(|pair| kill.killed < pair[1] && pair[0] <= kill.elected);
    Duration::from_nanos(gaps.map(|pair| pair[1] - pair[0]).max().unwrap_or(0))
}

/// What was certainly not done, and rightly so: the store has limits, and says so. What was not done for another reason is
/// not among it.
fn refused(history: &[Call]) -> BTreeMap<Failure, u64> {
    let written = |call: &Call| match &call.action {
        Action::Get { .. } | Action::Delete { .. } => 0,
        Action::Put { value, .. } | Action::CompareAndSwap { value, .. } => value.len(),
        Action::Append { suffix, .. } => suffix.len(),
    };
    // At most so many bytes can the value of a key and the whole store have had at any time.
    let (mut values, mut all): (BTreeMap<&str, usize>, usize) = (BTreeMap::new(), 0);
    let is_failed = |call: &&Call| matches!(call.end, End::Failed(_));
    for call in history.iter().filter(|call| !is_failed(call)) {
        *values.entry(&call.key).or_default() += written(call);
        all += call.key.len() + written(call) + PER_ENTRY;
    }
    let mut refused = BTreeMap::new();
    for call in history.iter().filter(is_failed) {
        let before = values.get(call.key.as_str()).copied().unwrap_or(0);
        let longest = if matches!(call.action, Action::Append { .. }) { before } else { 0 } + written(call);
        let why = if MAX_KEY < call.key.len() {
            Some(Failure::KeyTooLong)
        } else if MAX_VALUE < longest {
            Some(Failure::ValueTooLong)
        } else if written(call) > 0 && MAX_STORE < all + call.key.len() + written(call) + PER_ENTRY {
            Some(Failure::StoreFull)
        } else {
            None
        };
        if let Some(why) = why {
            *refused.entry(why).or_default() += 1;
        }
    }
    refused
}

/// What the store counts for an entry, besides its key and its value.
const PER_ENTRY: usize = 16;

#[cfg(test)]
mod tests {
    use paxos_judge::Before;

    use super::*;

    fn call(key: &str, action: Action, invoke: u64, end: End) -> Call {
        Call { client: 1, key: key.into(), action, invoke, end }
    }

    fn append(suffix: &str, invoke: u64, end: End) -> Call {
        call("k", Action::Append { suffix: suffix.into(), before: Before::default() }, invoke, end)
    }

    fn get(result: &str, invoke: u64) -> Call {
        call("k", Action::Get { result: Some(result.into()) }, invoke, End::Returned(invoke + 1))
    }

    /// A run in which everything held, and what can be said of it when something is changed.
    fn wrong(change: impl FnOnce(&mut Facts)) -> (u8, Vec<Check>) {
        let given = Given { commands: 1, asked: 1, keys: BTreeSet::from(["log".to_owned()]) };
        let history = vec![append("1;", 1, End::Returned(2)), get("1;", 10)];
        let (latency, took) = (hdrhistogram::Histogram::new(3).unwrap(), Duration::ZERO);
        let (answered, acknowledged, failed, unknown) = (2, 1, 0, 0);
        let seen = Seen { latency, answered, acknowledged, failed, unknown, trouble: None, took, history: Vec::new() };
        let mut facts = Facts { seen, unread: 0, history, kills: Vec::new(), given, state: Some((7, 2)), took };
        change(&mut facts);
        let verdict = Verdict::on(&facts);
        let wrong = verdict.answers.iter().filter(|answer| !answer.held).map(|answer| answer.check).collect();
        (verdict.code(), wrong)
    }

    #[test]
    fn every_check_can_say_no() {
        assert_eq!(wrong(|_| {}), (0, vec![]));
        assert_eq!(wrong(|facts| facts.unread = 1), (1, vec![Check::Readable]));
        assert_eq!(wrong(|facts| facts.state = None), (1, vec![Check::SameState]));
        assert_eq!(wrong(|facts| facts.seen.failed = 1), (1, vec![Check::Answered]));
        assert_eq!(wrong(|facts| facts.given.asked = 0), (1, vec![Check::AllAsked]));
        let twice = |facts: &mut Facts| facts.history[1] = get("1;1;", 10);
        assert_eq!(wrong(twice), (1, vec![Check::NothingLost, Check::Linearizable]));
        let not_linearizable = |facts: &mut Facts| {
            facts.history.push(call(
                "other",
                Action::Get { result: Some("never written".into()) },
                11,
                End::Returned(12),
            ));
        };
        assert_eq!(wrong(not_linearizable), (1, vec![Check::Linearizable]));
    }

    #[test]
    fn the_users_own_appends_may_be_anything() {
        let given = |suffixes: &[&str], value: &str| {
            let appends = (1..).zip(suffixes);
            let mut history: Vec<_> =
                appends.map(|(at, suffix)| append(suffix, 2 * at, End::Returned(2 * at + 1))).collect();
            history.push(get(value, 100));
            lost(&history, &BTreeSet::from(["k".to_owned()]))
        };
        assert_eq!(given(&["1;", "1;"], "1;1;"), (0, 0));
        assert_eq!(given(&["abc", "1;"], "abc1;"), (0, 0));
    }

    #[test]
    fn what_the_store_must_refuse_is_no_violation_and_all_else_is() {
        let put = |key: usize, value: usize| {
            call(
                &"k".repeat(key),
                Action::Put { value: "v".repeat(value), before: Before::default() },
                20,
                End::Failed(21),
            )
        };
        let check = |calls: Vec<Call>, expected: Option<Failure>| {
            assert_eq!(refused(&calls), expected.into_iter().map(|failure| (failure, 1)).collect());
            let failed = |facts: &mut Facts| {
                facts.history.extend(calls);
                facts.seen.failed = 1;
            };
            let checks = if expected.is_some() { vec![] } else { vec![Check::Answered] };
            assert_eq!(wrong(failed), (u8::from(expected.is_none()), checks));
        };
        check(vec![put(MAX_KEY, MAX_VALUE)], None);
        check(vec![put(MAX_KEY + 1, 1)], Some(Failure::KeyTooLong));
        check(vec![put(1_000, MAX_VALUE + 1)], Some(Failure::ValueTooLong));
        let grown = |suffix: usize| {
            let action = Action::Append { suffix: "v".repeat(suffix), before: Before::default() };
            vec![
                Call { end: End::Returned(21), ..put(9, MAX_VALUE) },
                call(&"k".repeat(9), action, 22, End::Failed(23)),
            ]
        };
        check(grown(0), None);
        check(grown(1), Some(Failure::ValueTooLong));
    }

    #[test]
    fn the_window_is_the_longest_gap_around_the_kill() {
        let history: Vec<_> = [10, 20, 35, 90, 95, 300].map(|at| append("1;", at - 1, End::Returned(at))).to_vec();
        let kill =
            |killed, elected| Kill { victim: NodeId(1), leader: NodeId(2), ballot: String::new(), killed, elected };
        assert_eq!(window(&history, &kill(30, 80)), Duration::from_nanos(55));
        assert_eq!(window(&history, &kill(36, 85)), Duration::from_nanos(55), "it began before the kill");
        assert_eq!(window(&[], &kill(30, 80)), Duration::ZERO);
    }
}

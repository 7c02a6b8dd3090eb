//! The judgement on a run of the replicated store, by nothing but what its clients asked and heard and the states that
//! its nodes hold at the end.

use std::{collections::BTreeMap, time::Duration};

use paxos_judge::{Action, Call, End, judge};
use paxos_process::NodeId;
use serde_json::{Value, json};

use super::super::screen::{BOLD, Screen};
use crate::{load::Seen, search::UNDECIDED};

/// What has happened.
pub(super) struct Story {
    /// What the clients saw under load.
    pub(super) seen: Seen,
    /// Keys that could not be read at the end.
    pub(super) unread: u64,
    /// Everything that clients asked and heard, with the reads at the end.
    pub(super) history: Vec<Call>,
    pub(super) kills: Vec<Kill>,
    /// How many commands were given.
    pub(super) commands: u64,
    /// The state that all nodes hold at the end: its digest, and the first slot that is not in it.
    pub(super) state: (u64, u64),
    pub(super) took: Duration,
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
    checks: Vec<(String, bool)>,
    /// Why the history is not linearizable, or could not be judged.
    why: Option<String>,
    undecided: bool,
    /// For each kill, the longest time without an acknowledged write.
    windows: Vec<Duration>,
}

impl Verdict {
    pub(super) fn on(story: &Story) -> Self {
        let windows: Vec<_> = story.kills.iter().map(|kill| window(&story.history, kill)).collect();
        let (mut linearizable, mut why, mut undecided) = (String::new(), None, false);
        match judge(&story.history) {
            Ok(paxos_judge::Verdict::Linearizable { calls, keys }) => {
                linearizable = format!("what clients saw is linearizable ({calls} calls of {keys} keys)");
            }
            Ok(paxos_judge::Verdict::NotLinearizable(explanation)) => why = Some(explanation.to_string()),
            Ok(paxos_judge::Verdict::Undecided { key }) => {
                undecided = true;
                why = Some(format!("too many calls of key {key:?} overlap to say"));
            }
            Err(error) => why = Some(error.to_string()),
        }
        if linearizable.is_empty() {
            linearizable = "what clients saw is linearizable".into();
        }
        let (appended, lost) = lost(&story.history);
        let given = story.commands.min(story.seen.answered);
        let checks = vec![
            (
                format!("every key could be read after a restart of all nodes ({} could not)", story.unread),
                story.unread == 0,
            ),
            (
                format!("no acknowledged write is lost or done twice ({appended} appends looked up one by one)"),
                lost == 0,
            ),
            (linearizable, why.is_none()),
            (format!("all nodes hold the same state, {:016x} at slot {}", story.state.0, story.state.1), true),
            (
                format!(
                    "every operation was answered, or its client told that its outcome is unknown ({} not done)",
                    story.seen.failed
                ),
                story.seen.failed == 0,
            ),
            (format!("all given commands were asked ({given} of {})", story.commands), given == story.commands),
        ];
        let checks =
            checks.into_iter().filter(|(text, _)| story.commands > 0 || !text.starts_with("all given")).collect();
        Self { checks, why, undecided, windows }
    }

    pub(super) fn code(&self) -> u8 {
        let others =
            self.checks.iter().filter(|(text, _)| !text.starts_with("what clients saw")).all(|(_, held)| *held);
        match (others, &self.why) {
            (true, None) => 0,
            (true, Some(_)) if self.undecided => UNDECIDED,
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

    pub(super) fn show(&self, story: &Story, screen: &mut Screen) -> anyhow::Result<()> {
        let word = screen.styled(BOLD, &format!("Verdict: {}", self.word()));
        screen.line(&format!("\n{word}"))?;
        for (text, held) in &self.checks {
            screen.line(&format!("  {:<3}  {text}", if *held { "yes" } else { "NO" }))?;
        }
        if let Some(why) = &self.why {
            screen.line(why)?;
        }
        for (kill, window) in story.kills.iter().zip(&self.windows) {
            screen.line(&format!(
                "  {} killed, {} leads in {}: {:.0} ms without an acknowledged write",
                kill.victim,
                kill.leader,
                kill.ballot,
                window.as_secs_f64() * 1e3
            ))?;
        }
        let seen = &story.seen;
        screen.line(&format!(
            "  {} writes acknowledged, {} reads, {} of unknown outcome. {:.1} s.",
            seen.acknowledged,
            seen.answered - seen.acknowledged,
            seen.unknown,
            story.took.as_secs_f64()
        ))
    }

    pub(super) fn to_json(&self, story: &Story) -> Value {
        let milliseconds = |time: Duration| time.as_secs_f64() * 1e3;
        let kills = story.kills.iter().zip(&self.windows).map(|(kill, window)| {
            json!({
                "killed": kill.victim.to_string(), "leader": kill.leader.to_string(), "ballot": kill.ballot,
                "at_seconds": kill.killed as f64 / 1e9, "without_acknowledged_write_ms": milliseconds(*window),
            })
        });
        let seen = &story.seen;
        json!({
            "verdict": self.word(),
            "checks": self.checks.iter().map(|(check, held)| json!({ "check": check, "held": held })).collect::<Vec<_>>(),
            "why": self.why,
            "fail_over_ms": self.windows.iter().map(|window| milliseconds(*window)).collect::<Vec<_>>(),
            "kills": kills.collect::<Vec<_>>(),
            "acknowledged_writes": seen.acknowledged, "answered": seen.answered, "unknown": seen.unknown,
            "not_done": seen.failed, "operations_per_second": seen.rate(),
            "p50_ms": milliseconds(seen.percentile(50.0)), "p99_ms": milliseconds(seen.percentile(99.0)),
            "digest": format!("{:016x}", story.state.0), "applied": story.state.1,
            "seconds": story.took.as_secs_f64(),
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

/// Of keys that were only ever appended to, by suffixes that all differ: how many appends were acknowledged, and how many
/// of those are not in the last value that was read exactly once. The judge finds them too; this does without a search.
fn lost(history: &[Call]) -> (usize, usize) {
    let mut keys: BTreeMap<&str, Appended<'_>> = BTreeMap::new();
    for call in history {
        let key = keys.entry(&call.key).or_default();
        match (&call.action, call.end) {
            (Action::Append { suffix, .. }, End::Returned(_)) => key.suffixes.push(suffix),
            (Action::Append { .. }, _) => {}
            (Action::Get { result }, End::Returned(at)) if key.last.is_none_or(|(before, _)| before <= at) => {
                key.last = Some((at, result.as_deref().unwrap_or_default()));
            }
            (Action::Get { .. }, _) => {}
            (Action::Put { .. } | Action::Delete { .. } | Action::CompareAndSwap { .. }, _) => key.otherwise = true,
        }
    }
    let (mut looked_up, mut lost) = (0, 0);
    for Appended { suffixes, otherwise, last } in keys.into_values() {
        let Some((_, value)) = last else { continue };
        let mut found: BTreeMap<&str, usize> = BTreeMap::new();
        value.split_inclusive(';').for_each(|suffix| *found.entry(suffix).or_default() += 1);
        // Those of the user's own commands may be anything.
        for suffix in suffixes.iter().filter(|suffix| !otherwise && is_generated(suffix)) {
            looked_up += 1;
            lost += usize::from(found.get(suffix) != Some(&1));
        }
    }
    (looked_up, lost)
}

/// What was done to a key.
#[derive(Default)]
struct Appended<'a> {
    /// The acknowledged appends.
    suffixes: Vec<&'a str>,
    /// Whether something else was written, too.
    otherwise: bool,
    /// The last value that was read, and when.
    last: Option<(u64, &'a str)>,
}

/// `17;`, as no two generated ones are.
fn is_generated(suffix: &str) -> bool {
    suffix.strip_suffix(';').is_some_and(|number| number.parse::<u64>().is_ok())
}

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

    #[test]
    fn an_acknowledged_append_is_there_once() {
        let written =
            [append("1;", 1, End::Returned(2)), append("2;", 3, End::Unknown), append("3;", 5, End::Returned(6))];
        let check = |value: &str, expected: (usize, usize)| {
            let mut history = written.to_vec();
            history.extend([get("", 0), get(value, 10)]);
            assert_eq!(lost(&history), expected, "{value}");
        };
        check("1;3;", (2, 0));
        check("1;2;3;", (2, 0)); // nobody knows of the second
        check("1;", (2, 1));
        check("1;3;3;", (2, 1));
        check("", (2, 2));
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

//! What clients do: commands that were given, or generated ones.

use std::{
    collections::VecDeque,
    str::FromStr,
    sync::{
        Mutex,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

/// One operation, in words that a history has too.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    Get { key: String },
    Put { key: String, value: String },
    Delete { key: String },
    Cas { key: String, expect: Option<String>, value: String },
    Append { key: String, suffix: String },
}

impl Step {
    pub(crate) fn key(&self) -> &str {
        match self {
            Self::Get { key }
            | Self::Put { key, .. }
            | Self::Delete { key }
            | Self::Cas { key, .. }
            | Self::Append { key, .. } => key,
        }
    }
}

/// Read from `put KEY VALUE`, `append KEY VALUE`, `cas KEY EXPECTED VALUE` (`-` expects none), `delete KEY`, `get KEY`.
/// The value is the rest of the line.
impl FromStr for Step {
    type Err = String;

    fn from_str(line: &str) -> Result<Self, String> {
        let (verb, rest) = line.trim().split_once(' ').unwrap_or((line.trim(), ""));
        let (key, value) = rest.trim().split_once(' ').unwrap_or((rest.trim(), ""));
        let (key, value) = (key.to_owned(), value.trim().to_owned());
        let wrong = |what: &str| {
            Err(format!(
                "{line:?}: {what}; commands are put KEY VALUE, append KEY VALUE, cas KEY EXPECTED VALUE, delete KEY, get KEY"
            ))
        };
        match verb {
            _ if key.is_empty() => wrong("it names no key"),
            "put" | "append" | "cas" if value.is_empty() => wrong("it has no value"),
            "put" => Ok(Self::Put { key, value }),
            "append" => Ok(Self::Append { key, suffix: value }),
            "cas" => match value.split_once(' ') {
                None => wrong("it has one value and needs two"),
                Some((expect, value)) => {
                    let expect = (expect != "-").then(|| expect.to_owned());
                    Ok(Self::Cas { key, expect, value: value.trim().to_owned() })
                }
            },
            "delete" | "get" if !value.is_empty() => wrong("it says more than a key"),
            "delete" => Ok(Self::Delete { key }),
            "get" => Ok(Self::Get { key }),
            _ => wrong("it is no command"),
        }
    }
}

/// Where clients take their work from: first what is given, in order, each done by whoever is free; then what is
/// generated, for as long as there is time.
pub(crate) struct Work {
    given: Mutex<VecDeque<Step>>,
    generated: Option<Generated>,
}

/// Which operations are generated, on a few keys that many clients share. Each writes a value that no other one does.
pub(crate) struct Mix {
    /// What all keys begin with.
    pub(crate) prefix: String,
    pub(crate) keys: u64,
    pub(crate) value_size: usize,
    /// Of 100 operations, so many write.
    pub(crate) writes: u64,
    /// Every write is a put, and not one of every kind.
    pub(crate) puts: bool,
    /// After so many operations of a key on average, or a few of unknown outcome, other keys take the place of all: a judge
    /// decides short histories in seconds, and drowns in long ones, or in those of which much is unknown.
    pub(crate) retire: Option<u64>,
}

impl Mix {
    /// Three of four operations write, in every way.
    pub(crate) const fn of_every_kind(keys: u64, value_size: usize) -> Self {
        Self { prefix: String::new(), keys, value_size, writes: 75, puts: false, retire: None }
    }
}

struct Generated {
    mix: Mix,
    next: AtomicU64,
    /// Operations of unknown outcome.
    unknown: AtomicU64,
}

impl Work {
    pub(crate) fn given(steps: Vec<Step>) -> Self {
        Self { given: Mutex::new(steps.into()), generated: None }
    }

    /// Operations without end.
    pub(crate) fn generated(mix: Mix) -> Self {
        Self {
            given: Mutex::default(),
            generated: Some(Generated { mix, next: AtomicU64::new(0), unknown: AtomicU64::new(0) }),
        }
    }

    /// The next thing to do, if there is one.
    pub(super) fn next(&self) -> Option<Step> {
        let given = self.given.lock().expect("no thread panics with it").pop_front();
        given.or_else(|| self.generated.as_ref().map(Generated::next))
    }

    /// Nobody knows what came of an operation.
    pub(super) fn is_unknown(&self) {
        if let Some(generated) = &self.generated {
            generated.unknown.fetch_add(1, Relaxed);
        }
    }
}

impl Generated {
    fn next(&self) -> Step {
        let Mix { prefix, keys, value_size, writes, puts, retire } = &self.mix;
        let number = self.next.fetch_add(1, Relaxed);
        let generation = |retire: u64| number / (keys * retire) + self.unknown.load(Relaxed) / UNKNOWN;
        let prefix = retire.map_or_else(|| prefix.clone(), |retire| format!("{prefix}{}-", generation(retire)));
        let dice = scramble(number);
        let nth = (dice >> 32) % keys;
        let key = format!("{prefix}key-{nth:03}");
        if *writes <= dice % 100 {
            return Step::Get { key };
        }
        let value = format!("{number}{}", ".".repeat(value_size.saturating_sub(number.to_string().len())));
        match (dice >> 16) % 20 {
            _ if *puts => Step::Put { key, value },
            0 => Step::Delete { key },
            1 => Step::Cas { key, expect: None, value },
            2 | 3 => Step::Append { key: format!("{prefix}log-{nth:03}"), suffix: format!("{number};") },
            _ => Step::Put { key, value },
        }
    }
}

/// So many operations of unknown outcome retire all keys.
const UNKNOWN: u64 = 5;

/// A number that looks random, the same for the same one: SplitMix64 (Steele, Lea, Flood, 2014).
const fn scramble(number: u64) -> u64 {
    let mut mixed = number.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_writes_are_puts_of_one_size_and_other_writes_are_of_every_kind() {
        let steps = |puts| {
            let mix = Mix { prefix: "mine-".into(), keys: 10, value_size: 256, writes: 100, puts, retire: None };
            let work = Work::generated(mix);
            (0..1_000).map(|_| work.next().unwrap()).collect::<Vec<_>>()
        };
        let is_plain: fn(&Step) -> bool = |step| matches!(step, Step::Put { value, .. } if value.len() == 256);
        assert!(steps(true).iter().all(is_plain));
        for kind in [is_plain, |step| matches!(step, Step::Cas { .. }), |step| matches!(step, Step::Append { .. })] {
            assert!(steps(false).iter().any(kind));
        }
        assert!(steps(false).iter().all(|step| step.key().starts_with("mine-")));
    }

    #[test]
    fn keys_retire_after_their_time_or_a_few_unknown_outcomes() {
        let work = Work::generated(Mix { retire: Some(50), ..Mix::of_every_kind(2, 8) });
        let first: Vec<String> = (0..100).map(|_| work.next().unwrap().key().to_owned()).collect();
        assert!(first.iter().all(|key| key.starts_with("0-")), "{first:?}");
        assert!(work.next().unwrap().key().starts_with("1-"));
        (0..UNKNOWN).for_each(|_| work.is_unknown());
        assert!(work.next().unwrap().key().starts_with("2-"));
    }

    #[test]
    fn commands_are_lines() {
        let (key, value) = ("k".to_owned(), "v w".to_owned());
        let check = |line: &str, step: Step| assert_eq!(line.parse(), Ok(step), "{line}");
        check("put k v w", Step::Put { key: key.clone(), value: value.clone() });
        check(" append  k  v w ", Step::Append { key: key.clone(), suffix: value.clone() });
        check("cas k a v w", Step::Cas { key: key.clone(), expect: Some("a".into()), value: value.clone() });
        check("cas k - v w", Step::Cas { key: key.clone(), expect: None, value });
        check("delete k", Step::Delete { key: key.clone() });
        check("get k", Step::Get { key });
        for wrong in ["", "put", "put k", "cas k v", "get", "get k v", "delete k v", "pot k v"] {
            assert!(wrong.parse::<Step>().is_err(), "{wrong}");
        }
    }
}

//! Scripts, searches and simulations of a node and its disk.

use std::{
    collections::{HashSet, VecDeque},
    fmt::Write as _,
    ops::Range,
};

use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;

use super::{Happens, WrongStore};
use crate::Mutant;

/// What replaying a script gave.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stored {
    /// The script with what happened written below each line.
    pub text: String,
    /// Whether the node has forgotten what it said.
    pub forgot: bool,
    /// The line that could not be carried out, from 1, if one could not.
    pub stuck: Option<usize>,
}

/// Replays a script of a node and its disk, where `wrong` is wrong. A line that begins with a space or `#`, and the head,
/// are no commands.
///
/// # Errors
///
/// The first line that is none.
pub fn play(text: &str, wrong: Option<Mutant>) -> Result<Stored, String> {
    let (mut store, mut told, mut forgot) = (WrongStore::new(wrong), String::new(), false);
    for (number, line) in text.lines().enumerate() {
        if line.starts_with(' ') {
            continue;
        }
        _ = writeln!(told, "{line}");
        if line.is_empty() || ["#", "protocol ", "mutant "].iter().any(|head| line.starts_with(head)) {
            continue;
        }
        let happens = parse(line).ok_or_else(|| format!("line {}: {line:?} is no command", number + 1))?;
        if !store.may(happens) {
            return Ok(Stored { text: told, forgot, stuck: Some(number + 1) });
        }
        store.apply(happens, &mut |what| _ = writeln!(told, "    {what}"));
        forgot |= store.forgets();
    }
    Ok(Stored { text: told, forgot, stuck: None })
}

fn parse(line: &str) -> Option<Happens> {
    Some(match *line.split_whitespace().collect::<Vec<_>>().as_slice() {
        ["prepare", round] => Happens::Prepare(round.parse().ok()?),
        ["accept", round, value] => Happens::Accept(round.parse().ok()?, value.parse().ok()?),
        ["compact"] => Happens::Compact,
        ["fail"] => Happens::Fail,
        ["stop"] => Happens::Stop,
        ["power-cut"] => Happens::PowerCut,
        ["damage", place] => Happens::Damage(place.parse().ok()?),
        ["restart"] => Happens::Restart,
        _ => return None,
    })
}

/// `path` as a script with its lines filled in, below a comment.
///
/// # Panics
///
/// When `path` is not a run of `wrong`.
#[must_use]
pub fn store_script(about: &str, wrong: Mutant, path: &[Happens]) -> String {
    let mut text: String = about.lines().map(|line| format!("# {line}").trim_end().to_owned() + "\n").collect();
    _ = writeln!(text, "protocol store\nmutant {wrong}\n");
    path.iter().for_each(|happens| _ = writeln!(text, "{happens}"));
    play(&text, Some(wrong)).expect("what was just written can be read").text
}

/// What may happen, each kind so often: two questions of two ballots, and every accident once, power cuts twice.
fn choices(store: &WrongStore, path: &[Happens]) -> Vec<Happens> {
    let all = [
        Happens::Prepare(1),
        Happens::Prepare(2),
        Happens::Accept(1, 'a'),
        Happens::Accept(2, 'b'),
        Happens::Compact,
        Happens::Fail,
        Happens::Stop,
        Happens::PowerCut,
        Happens::Restart,
    ];
    let damages = (0..4).map(Happens::Damage);
    let spent = |happens: &Happens| {
        let kind = std::mem::discriminant(happens);
        let times = path.iter().filter(|before| std::mem::discriminant(*before) == kind).count();
        times >= if matches!(happens, Happens::Compact | Happens::Fail | Happens::Damage(_)) { 1 } else { 2 }
    };
    all.into_iter().chain(damages).filter(|happens| store.may(*happens) && !spent(happens)).collect()
}

/// A shortest run in which a node forgets what it said, and how many states were looked at. Runs of at most `depth`
/// choices.
#[must_use]
pub fn search_store(wrong: Option<Mutant>, depth: usize) -> (Option<Vec<Happens>>, usize) {
    let mut frontier = VecDeque::from([(WrongStore::new(wrong), Vec::new())]);
    let mut seen = HashSet::new();
    while let Some((store, path)) = frontier.pop_front() {
        for happens in if path.len() < depth { choices(&store, &path) } else { Vec::new() } {
            let (mut next, mut longer) = (store.clone(), path.clone());
            next.apply(happens, &mut |_| {});
            longer.push(happens);
            if next.forgets() {
                return (Some(longer), seen.len());
            }
            // What is spent is a part of the state: the same disk with an accident to come is another world.
            let mut spent: Vec<String> = longer.iter().map(|happens| format!("{happens}")).collect();
            spent.sort();
            if seen.insert((next.clone(), spent)) {
                frontier.push_back((next, longer));
            }
        }
    }
    (None, seen.len())
}

/// The first of `seeds` in which a node forgets what it said, and after how many choices.
#[must_use]
pub fn simulate_store(wrong: Option<Mutant>, mut seeds: Range<u64>) -> Option<(u64, usize)> {
    seeds.find_map(|seed| {
        let (mut dice, mut store) = (ChaCha8Rng::seed_from_u64(seed), WrongStore::new(wrong));
        (0..40).find_map(|count| {
            let round = dice.random_range(1..=6);
            let happens = match dice.random_range(0..20) {
                0..=6 => Happens::Prepare(round),
                7..=11 => Happens::Accept(round, char::from(b'a' + round as u8)),
                12 => Happens::Compact,
                13 => Happens::Fail,
                14 => Happens::Stop,
                15 => Happens::PowerCut,
                16 => Happens::Damage(dice.random_range(0..4)),
                _ => Happens::Restart,
            };
            if store.may(happens) {
                store.apply(happens, &mut |_| {});
            }
            store.forgets().then_some((seed, count + 1))
        })
    })
}

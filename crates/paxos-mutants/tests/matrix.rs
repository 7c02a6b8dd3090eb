//! Every mutant dies by its stored script, and the reference survives where they died.
//!
//! `UPDATE_GOLDEN=1 cargo test -p paxos-mutants` writes the scripts anew; read the difference.

use std::{collections::BTreeSet, env, fs, path::PathBuf, sync::Mutex, thread};

use paxos_mutants::{Kill, Mutant, Scenario, kill, replay, spare};
use paxos_sim::Script;

#[test]
fn the_kill_matrix() {
    let kills: Vec<Kill> = two_at_a_time(Mutant::all().collect(), kill);
    println!("{:<6} {:<20} {:>8}  {:<20} {:>8}  rule", "mutant", "first sign", "choices", "shown by", "choices");
    for kill in &kills {
        let (sign, after) = kill.sign.unwrap_or_else(|| panic!("{} survived: nothing fails", kill.mutant));
        let shown = kill.shown.as_ref().unwrap_or_else(|| panic!("{} survived its scenario", kill.mutant));
        println!(
            "{:<6} {sign:<20} {after:>8}  {:<20} {:>8} {:>8} states  {}",
            kill.mutant,
            kill.mutant.breaks(),
            shown.choices,
            kill.progress.states,
            kill.mutant.rule()
        );
        keep(kill.mutant, &shown.script);
    }
    let scenarios: BTreeSet<Scenario> = kills.iter().map(|kill| kill.mutant.scenario()).collect();
    let spared = two_at_a_time(scenarios.into_iter().collect(), |scenario| {
        let here: Vec<Kill> = kills.iter().filter(|kill| kill.mutant.scenario() == scenario).cloned().collect();
        spare(&here)
    });
    for spared in spared.into_iter().flatten() {
        let progress = &spared.progress;
        println!("reference, {}: {} states, depth {}", spared.scenario, progress.states, progress.depth);
        assert!(spared.survived(), "the reference dies, or was not searched far enough: {spared:?}");
    }
}

/// Each search is by one thread, and there are two cores or more. The results are in the order of `items`.
fn two_at_a_time<T: Send, R: Send>(items: Vec<T>, work: impl Fn(T) -> R + Sync) -> Vec<R> {
    let (items, results) = (Mutex::new(items.into_iter().enumerate()), Mutex::new(Vec::new()));
    let next = || items.lock().expect("nobody panics with it").next();
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while let Some((place, item)) = next() {
                    let result = work(item);
                    results.lock().expect("nobody panics with it").push((place, result));
                }
            });
        }
    });
    let mut results = results.into_inner().expect("nobody panics with it");
    results.sort_by_key(|(place, _)| *place);
    results.into_iter().map(|(_, result)| result).collect()
}

/// The stored script of a mutant is the one just found.
fn keep(mutant: Mutant, found: &str) {
    if env::var_os("UPDATE_GOLDEN").is_some() {
        let name = format!("scripts/{mutant}.script");
        fs::write(PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(name), found).expect("the script can be written");
    } else {
        assert_eq!(found, mutant.script(), "{mutant}: UPDATE_GOLDEN=1 writes it anew");
    }
}

#[test]
fn stored_scripts_break_what_they_say() {
    for mutant in Mutant::all() {
        let script = Script::parse(mutant.script()).unwrap_or_else(|error| panic!("{mutant}: {error}"));
        assert_eq!(script.header, mutant.header(), "{mutant}");
        let replayed = replay(&script, mutant.scenario(), Some(mutant));
        let violated = replayed.unwrap_or_else(|error| panic!("{mutant}: {error}"));
        assert!(violated.iter().any(|(failed, _)| *failed == mutant.breaks()), "{mutant}: {violated:?}");
        with_no_rule_wrong(mutant);
    }
}

/// The same choices with no rule wrong violate nothing, as far as they can be made; most cannot to the end, because
/// the right rule does not say what the next choice delivers.
fn with_no_rule_wrong(mutant: Mutant) {
    let text = mutant.script().replace("expect ", "# expect ").replace("mutant ", "# mutant ");
    let right = |text: &str| {
        let script = Script::parse(text).expect("a comment is no command");
        replay(&script, mutant.scenario(), None)
    };
    let violated = match right(&text) {
        Ok(violated) => {
            use Mutant::*;
            assert!(
                [M7, M8, M9, M14, M15, M16, M17, L6].contains(&mutant),
                "{mutant}: a wrong acceptor, proposer or driver says something that a right one does not; only who \
                 learns or answers wrongly hears the same"
            );
            violated
        }
        Err(error) => {
            let before: Vec<&str> = text.lines().take(error.line - 1).collect();
            assert!(before.iter().any(|line| line.starts_with("request")), "{mutant}: {error}");
            right(&before.join("\n")).expect("it could be made so far")
        }
    };
    assert_eq!(violated, [], "{mutant}: with no rule wrong");
}

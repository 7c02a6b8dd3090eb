//! Every mutant dies by its stored script, and the reference survives where they died.
//!
//! `UPDATE_GOLDEN=1 cargo test -p paxos-mutants` writes the scripts anew; read the difference.

use std::{env, fs, path::PathBuf};

use paxos_mutants::{Kill, Mutant, kill, replay, spare};
use paxos_sim::Script;

#[test]
fn the_kill_matrix() {
    let kills: Vec<Kill> = Mutant::all().map(kill).collect();
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
    for spared in spare(&kills) {
        let progress = &spared.progress;
        println!("reference, {}: {} states, depth {}", spared.scenario, progress.states, progress.depth);
        assert!(spared.survived(), "the reference dies, or was not searched far enough: {spared:?}");
    }
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

//! Every mutant dies by its stored script, and the reference survives where they died.
//!
//! `UPDATE_GOLDEN=1 cargo test -p paxos-mutants` writes the scripts anew; read the difference.

use std::{env, fs, path::PathBuf};

use paxos_mutants::{Kill, Mutant, kill, spare};
use paxos_sim::Script;

#[test]
fn the_kill_matrix() {
    let kills: Vec<Kill> = Mutant::all().map(kill).collect();
    println!("{:<6} {:<20} {:>8}  {:<20} {:>8}  rule", "mutant", "first sign", "choices", "shown by", "choices");
    for kill in &kills {
        let (sign, after) = kill.sign.unwrap_or_else(|| panic!("{} survived: nothing fails", kill.mutant));
        let path = kill.path.as_ref().unwrap_or_else(|| panic!("{} survived its scenario", kill.mutant));
        println!(
            "{:<6} {sign:<20} {after:>8}  {:<20} {:>8}  {}",
            kill.mutant,
            kill.mutant.breaks(),
            path.len(),
            kill.mutant.rule()
        );
        keep(kill);
    }
    for spared in spare(&kills) {
        let progress = &spared.report.progress;
        println!(
            "reference {:?}: {:?}, {} states, depth {}",
            spared.scenario, spared.report.verdict, progress.states, progress.depth
        );
        assert!(spared.survived(), "the reference dies, or was not searched far enough: {spared:?}");
    }
}

/// The stored script of a mutant is the one just found.
fn keep(kill: &Kill) {
    let found = kill.script().expect("a mutant that died has a script");
    if env::var_os("UPDATE_GOLDEN").is_some() {
        let name = format!("scripts/{}.script", kill.mutant);
        fs::write(PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(name), found).expect("the script can be written");
    } else {
        assert_eq!(found, kill.mutant.script(), "{}: UPDATE_GOLDEN=1 writes it anew", kill.mutant);
    }
}

#[test]
fn stored_scripts_break_what_they_say() {
    for mutant in Mutant::all() {
        let script = Script::parse(mutant.script()).unwrap_or_else(|error| panic!("{mutant}: {error}"));
        assert_eq!(script.header, mutant.header(), "{mutant}");
        let replayed = script.replay(mutant.scenario().world(Some(mutant)), &mut ());
        let violated = replayed.unwrap_or_else(|error| panic!("{mutant}: {error}")).violated;
        assert!(violated.iter().any(|(failed, _)| *failed == mutant.breaks()), "{mutant}: {violated:?}");
        with_no_rule_wrong(mutant);
    }
}

/// The same choices with no rule wrong violate nothing, as far as they can be made; most cannot to the end, because
/// the right rule does not say what the next choice delivers.
fn with_no_rule_wrong(mutant: Mutant) {
    let text = mutant.script().replace("expect ", "# expect ").replace("mutant ", "# mutant ");
    let replay = |text: &str| {
        let script = Script::parse(text).expect("a comment is no command");
        script.replay(mutant.scenario().world(None), &mut ())
    };
    let replayed = match replay(&text) {
        Ok(replayed) => {
            assert!(
                [Mutant::M7, Mutant::M8, Mutant::M9].contains(&mutant),
                "{mutant}: a wrong acceptor, proposer or driver says something that a right one does not"
            );
            replayed
        }
        Err(error) => {
            let before: Vec<&str> = text.lines().take(error.line - 1).collect();
            assert!(before.iter().any(|line| line.starts_with("request")), "{mutant}: {error}");
            replay(&before.join("\n")).expect("it could be made so far")
        }
    };
    assert_eq!(replayed.violated, [], "{mutant}: with no rule wrong");
}

//! The stories of the protocols: golden scripts that were written to tell how the reference behaves, and before there was a
//! mutant. Told by a mutant, some of them differ; so a change of that rule would be noticed by `cargo test` of its protocol.

use paxos_sim::{Script, Scriptable, World};

use crate::{Mutant, Wrong, WrongLog, stopped::unless_stopped};

/// How many stories of its protocol a mutant was told by, and how many of them differ then.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stories {
    /// Those that the mutant's replica, with no rule wrong, tells as the reference does.
    pub told: usize,
    /// Those that it tells otherwise, or not to the end.
    pub differ: usize,
}

/// How the stories of its protocol see `mutant`. Those of a store and of a disk have none: their scripts are of mutants.
#[must_use]
pub fn stories(mutant: Mutant) -> Stories {
    match mutant.protocol() {
        "basic" => Stories::of(&BASIC, |text, is_wrong| tells_decision(is_wrong.then_some(mutant), text)),
        "multi" => Stories::of(&MULTI, |text, is_wrong| tells_log(is_wrong.then_some(mutant), text)),
        _ => Stories::default(),
    }
}

impl Stories {
    fn of(texts: &[&str], tells: impl Fn(&str, bool) -> bool) -> Self {
        let told: Vec<&str> = texts.iter().copied().filter(|text| tells(text, false)).collect();
        let differ = told.iter().filter(|text| !tells(text, true)).count();
        Self { told: told.len(), differ }
    }
}

fn tells_decision(wrong: Option<Mutant>, text: &str) -> bool {
    tells(text, |script| {
        let quorums = script.header.quorums;
        World::new(script.header.setting(), |id| Wrong::<String>::new(wrong, id, quorums))
    })
}

fn tells_log(wrong: Option<Mutant>, text: &str) -> bool {
    tells(text, |script| {
        let quorums = script.header.quorums;
        World::new(script.header.setting(), |id| WrongLog::<String>::new(wrong, id, quorums))
    })
}

/// Whether everything is said that the story says.
fn tells<P: Scriptable>(text: &str, world: impl FnOnce(&Script) -> World<P>) -> bool {
    let script = Script::parse(text).expect("a story can be read");
    let told = unless_stopped(|| script.replay(world(&script), &mut ()));
    matches!(told, Ok(Ok(told)) if told.text == text)
}

macro_rules! texts {
    ($protocol:literal: $($name:literal)*) => {
        [$(include_str!(concat!("../../", $protocol, "/tests/scripts/", $name, ".script"))),*]
    };
}

const BASIC: [&str; 9] = texts!("paxos-basic":
    "asking_twice" "crash_after_sync" "crash_before_sync" "finding_out" "flexible_quorums" "one_proposer"
    "refused_and_retry" "repeated_prepare" "two_proposers");

const MULTI: [&str; 15] = texts!("paxos-multi":
    "lagging_node" "leader_change_with_a_gap" "lost_acceptor_memory" "lost_disk_under_a_leader" "no_quorum"
    "overtaken_leader" "read_confirmed" "restart_of_everything" "snapshot_install" "stable_leader" "stale_read_refused"
    "told_leader" "transfer" "two_leaders" "waiting_in_vain");

#[cfg(test)]
mod tests {
    use std::{fs, path::Path};

    use super::*;

    /// A story that is added to its folder must be added here.
    #[test]
    fn all_stories_are_told() {
        for (protocol, texts) in [("paxos-basic", &BASIC[..]), ("paxos-multi", &MULTI[..])] {
            let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(protocol).join("tests/scripts");
            let files = fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path());
            let missing: Vec<_> =
                files.filter(|file| !texts.contains(&fs::read_to_string(file).expect("a script").as_str())).collect();
            assert!(missing.is_empty(), "{missing:?}");
        }
    }

    /// Nobody asks a mutant of one decision what was chosen, and it answers nothing: see `Wrong`. Two stories do.
    #[test]
    fn with_no_rule_wrong_all_stories_are_told_but_two() {
        assert_eq!(BASIC.iter().filter(|text| tells_decision(None, text)).count(), BASIC.len() - 2);
        assert_eq!(MULTI.iter().filter(|text| tells_log(None, text)).count(), MULTI.len());
    }
}

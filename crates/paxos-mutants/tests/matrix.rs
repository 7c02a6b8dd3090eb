//! Every mutant dies in every layer that must kill it, and the references survive in all of them.
//!
//! `UPDATE_GOLDEN=1 cargo test -p paxos-mutants` writes the scripts anew; read the difference.

use std::{collections::BTreeSet, env, fs, path::PathBuf, sync::Mutex, thread};

use paxos_mutants::{Effort, Home, Kill, Layer, Mutant, Outcome, Scenario, kill, put, put_references, spare, tell};
use paxos_sim::{Invariant, Script};

#[test]
fn the_checker_finds_each_shortest_run() {
    let worlds = Mutant::all().filter(|mutant| matches!(mutant.home(), Home::World(..))).collect();
    let kills: Vec<Kill> = two_at_a_time(worlds, |mutant| kill(mutant).expect("it is at home in a world"));
    for kill in &kills {
        let (sign, after) = kill.sign.unwrap_or_else(|| panic!("{} survived: nothing fails", kill.mutant));
        let shown = kill.shown.as_ref().unwrap_or_else(|| panic!("{} survived its scenario", kill.mutant));
        println!("{:<6} {sign:<20} {after:>8}  {:>8} {:>8} states", kill.mutant, shown.choices, kill.progress.states);
        keep(kill.mutant, &shown.script);
    }
    let scenarios: BTreeSet<Scenario> = kills.iter().filter_map(|kill| kill.mutant.scenario()).collect();
    let spared = two_at_a_time(scenarios.into_iter().collect(), |scenario| {
        let here: Vec<Kill> = kills.iter().filter(|kill| kill.mutant.scenario() == Some(scenario)).cloned().collect();
        spare(&here)
    });
    for spared in spared.into_iter().flatten() {
        let progress = &spared.progress;
        println!("reference, {}: {} states, depth {}", spared.scenario, progress.states, progress.depth);
        assert!(spared.survived(), "the reference dies, or was not searched far enough: {spared:?}");
    }
}

#[test]
fn the_kill_matrix() {
    let layers = [Layer::Unit, Layer::Script, Layer::Simulation, Layer::Linearizability];
    let rows = two_at_a_time(Mutant::all().collect(), |mutant| layers.map(|layer| put(mutant, layer, Effort::QUICK)));
    let mut survivors = Vec::new();
    for (mutant, row) in Mutant::all().zip(&rows) {
        println!("{mutant:<6} {:<50} {:<40} {:<36} {:<24}", row[0], row[1], row[2], row[3]);
        for (layer, outcome) in layers.into_iter().zip(row) {
            let blind = matches!(outcome, Outcome::Blind(_));
            if (mutant.must_die_by(layer) && !outcome.is_dead()) || (mutant.must_die_by(layer) && blind) {
                survivors.push(format!("{mutant} survives {layer}: {outcome:?}"));
            }
            if let (Layer::Simulation | Layer::Linearizability, Outcome::Dies(how)) = (layer, outcome) {
                let how = how.split_once(": ").map_or("", |(_seed, how)| how);
                assert!(
                    is_known(how),
                    "{mutant}: {how:?} is not said by a judge or a role, but perhaps by its wrapper"
                );
            }
        }
    }
    assert_eq!(survivors, Vec::<String>::new());
    let dead = two_at_a_time(layers.to_vec(), |layer| put_references(layer, Effort::QUICK));
    assert_eq!(dead.concat(), Vec::<String>::new(), "the references die");
}

/// What judges say, and the two assertions of the roles and of the store at which a node may stop.
fn is_known(how: &str) -> bool {
    let said = how.ends_with(" calls") || how.starts_with("late after ") || how == "states differ";
    let asserted = how.starts_with("Agreement: ") || how.contains(" is applied where ");
    said || asserted || how.parse::<Invariant>().is_ok()
}

#[test]
fn a_disk_is_searched() {
    for mutant in Mutant::all().filter(|mutant| mutant.home() == Home::Disk) {
        assert!(put(mutant, Layer::Checker, Effort::QUICK).is_dead(), "{mutant}");
    }
    assert_eq!(put_references(Layer::Checker, Effort::QUICK), Vec::<String>::new());
}

/// The results are in the order of `items`.
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
fn stored_scripts_show_what_they_say() {
    for mutant in Mutant::all() {
        let tale = tell(mutant, mutant.script(), true).unwrap_or_else(|error| panic!("{mutant}: {error}"));
        let body = tale.text.find("protocol ").map_or("", |head| &tale.text[head..]);
        let comment: String =
            mutant.about().lines().map(|line| format!("# {line}").trim_end().to_owned() + "\n").collect();
        match mutant.home() {
            Home::World(..) => assert_eq!(tale.text, mutant.script(), "{mutant}"),
            _ => keep(mutant, &(comment + body)),
        }
        assert!(tale.shows.is_some(), "{mutant}: its script shows nothing");
        if let Some(header) = mutant.header() {
            let found = Script::parse(mutant.script()).expect("it was just told").header;
            assert_eq!((found.protocol, found.mutant, found.expect), (header.protocol, header.mutant, header.expect));
        }
        // The reference in its place: most scripts cannot be carried out to the end, because a right node does not say what
        // the next command delivers. That it breaks nothing on the way is the column's business.
        if tell(mutant, mutant.script(), false).is_ok() && matches!(mutant.home(), Home::World(..)) {
            use Mutant::*;
            assert!(
                [A1, A2, M7, M8, M9, M9b, M14, M15, M16, M17, L6].contains(&mutant),
                "{mutant}: a wrong acceptor, proposer or driver says something that a right one does not; only who \
                 learns or answers wrongly, or is wrong at the very end, hears the same"
            );
        }
    }
}

//! The seeds are what the program writes today, what has failed once does not fail again, and some thousand inputs that are
//! made of both, always the same, find nothing; nor does any of them take more memory than it may.

use std::{
    collections::BTreeMap,
    env, fs,
    path::{Path, PathBuf},
};

use allocation_counter::measure;
use paxos_fuzz::{Mutator, Target, attempt};

fn corpus(target: &Target) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(target.name)
}

/// What is in the corpus of a target, by the names of the files.
fn inputs(target: &Target) -> BTreeMap<String, Vec<u8>> {
    let folder = corpus(target);
    let entries = fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let read = |path: PathBuf| {
        let name = path.file_name().expect("a name").to_string_lossy().into_owned();
        (name, fs::read(&path).expect("a file"))
    };
    entries.map(|entry| read(entry.expect("an entry").path())).collect()
}

/// Files whose names begin like this are of no seed: they have failed once.
const FAILED_ONCE: &str = "failed-";

#[test]
fn the_seeds_are_what_the_program_writes() {
    for target in &Target::ALL {
        let seeds: BTreeMap<_, _> = target.seeds().into_iter().map(|seed| (seed.name, seed.bytes)).collect();
        if env::var_os("UPDATE_GOLDEN").is_some() {
            let folder = corpus(target);
            fs::create_dir_all(&folder).expect("a folder");
            for (name, bytes) in &seeds {
                fs::write(folder.join(name), bytes).expect("a file");
            }
        }
        let mut inputs = inputs(target);
        inputs.retain(|name, _| !name.starts_with(FAILED_ONCE));
        assert!(
            inputs == seeds,
            "corpus/{}: UPDATE_GOLDEN=1 cargo test -p paxos-fuzz writes it anew; read the difference",
            target.name
        );
    }
}

#[test]
fn nothing_that_is_read_breaks_what_must_hold_or_takes_more_memory_than_it_may() {
    for target in &Target::ALL {
        let inputs: Vec<Vec<u8>> = inputs(target).into_values().collect();
        let mut mutator = Mutator::new(1, target.longest);
        let cases = CASES / if target.name.starts_with("wal") { 4 } else { 1 };
        let mutants = std::iter::repeat_with(|| mutator.next(&inputs)).take(cases);
        for input in inputs.iter().cloned().chain(mutants) {
            let mut held = Ok(());
            let used = measure(|| held = attempt(target, &input));
            assert_eq!(held, Ok(()), "{} of {}", target.name, input.escape_ascii());
            let bytes = used.bytes_max;
            assert!(bytes <= target.memory as u64, "{} holds {bytes} bytes for {}", target.name, input.escape_ascii());
        }
    }
}

#[test]
fn a_target_that_fails_says_so() {
    let (script, wal) = (Target::named("script").expect("a target"), Target::named("no such target"));
    assert!(wal.is_none());
    assert_eq!(attempt(script, b"\xff\xfe"), Ok(()));
    assert_eq!(Mutator::new(7, 100).next(&[vec![1, 2, 3]]), Mutator::new(7, 100).next(&[vec![1, 2, 3]]));
}

const CASES: usize = 2_000;

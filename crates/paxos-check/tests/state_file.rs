//! A search that was stopped, killed or limited goes on from its file and ends as if it had never been; a file that is not
//! its own is refused and left alone.

use std::{
    fs::{self, OpenOptions},
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use paxos_basic::Replica;
use paxos_check::{Limits, Progress, Report, StateFileError, Verdict, check, check_with_file};
use paxos_messages::single::Request;
use paxos_process::{NodeId, NodeSet};
use paxos_quorums::Quorums;
use paxos_sim::{Bounds, ChoiceOf, Disk, Invariant, Loopback, Setting, World};
use tempfile::TempDir;

type Basic = World<Replica<char>>;
type Found = Report<ChoiceOf<Replica<char>>>;

/// Two proposers that hear themselves at once: 69,278 states, in a dozen batches.
fn model() -> (Basic, Bounds<Request<char>>) {
    let quorums = Quorums::majority(NodeSet::first(3)).expect("three nodes");
    let setting = Setting { disk: Disk::AtOnce, loopback: Loopback::AtOnce, ..Setting::new(quorums) };
    let wishes = vec![(NodeId(1), Request::Propose('a')), (NodeId(2), Request::Propose('b'))];
    (World::new(setting, |id| Replica::new(id, quorums)), Bounds::requests(wishes))
}

/// A file in a directory of its own.
fn new_file() -> (TempDir, PathBuf) {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let file = directory.path().join("states");
    (directory, file)
}

fn search(file: &Path, limits: &Limits) -> Result<Found, StateFileError> {
    let (world, bounds) = model();
    check_with_file(&world, &bounds, limits, (file, "basic"), |_| {})
}

/// All that a report says and that is not of this machine.
fn counted(found: &Found) -> (Verdict<ChoiceOf<Replica<char>>>, [usize; 5]) {
    let Progress { states, choices, depth, frontier, bytes, .. } = found.progress;
    (found.verdict.clone(), [states, choices, depth, frontier, bytes])
}

fn in_one_go(limits: &Limits) -> Found {
    let (world, bounds) = model();
    check(&world, &bounds, limits, |_| {})
}

#[test]
fn a_search_that_met_a_limit_goes_on_and_ends_as_in_one_go() {
    let (_directory, file) = new_file();
    let all = counted(&in_one_go(&Limits::default()));
    assert_eq!(all.1[0], 69_278);
    for states in [1, 500, 9_001, 30_000, 69_277] {
        let limits = Limits { states, ..Limits::default() };
        let found = search(&file, &limits).expect("it goes on");
        assert_eq!(counted(&found), counted(&in_one_go(&limits)), "stopped at {states} states");
    }
    for depth in [3, 15] {
        // What is known beyond a limit is not looked at.
        let limits = Limits { depth, ..Limits::default() };
        assert_eq!(counted(&search(&file, &limits).expect("it goes on")), counted(&in_one_go(&limits)));
    }
    assert_eq!(counted(&search(&file, &Limits::default()).expect("it goes on")), all);
    let bytes = fs::read(&file).expect("the file");
    let again = search(&file, &Limits::default()).expect("a search that has ended says it again");
    assert_eq!(counted(&again), all);
    assert_eq!(again.progress.file_bytes, Some(bytes.len() as u64));
    assert!((970_000..975_000).contains(&bytes.len()), "14 bytes a state, and a few for each batch: {}", bytes.len());
    assert!(fs::read(&file).expect("the file") == bytes, "nothing was left to be written");
}

#[test]
fn a_search_that_somebody_stopped_loses_nothing() {
    let (_directory, file) = new_file();
    let (world, bounds) = model();
    // Before it began: what was not looked at must not be taken for looked at.
    let limits = Limits { stop: Arc::new(AtomicBool::new(true)), ..Limits::default() };
    assert_eq!(search(&file, &limits).expect("a new file").verdict, Verdict::NotExhaustive);
    let mut least = 0;
    for batches in [1, 3, 1, 4] {
        let stop = Arc::new(AtomicBool::new(false));
        let limits = Limits { stop: Arc::clone(&stop), ..Limits::default() };
        let mut new = 0;
        let found = check_with_file(&world, &bounds, &limits, (&file, "basic"), |progress| {
            new += usize::from(least < progress.states);
            stop.store(new == batches, Ordering::Relaxed);
        });
        let found = found.expect("it goes on");
        assert_eq!(found.verdict, Verdict::NotExhaustive);
        assert!(least < found.progress.states);
        least = found.progress.states;
    }
    let found = search(&file, &Limits::default()).expect("it goes on");
    assert_eq!(counted(&found), counted(&in_one_go(&Limits::default())));
}

#[test]
fn of_a_torn_file_the_whole_batches_count() {
    let (_directory, file) = new_file();
    let limits = Limits { states: 30_000, ..Limits::default() };
    let all = counted(&search(&file, &limits).expect("a new file"));
    let bytes = fs::read(&file).expect("the file");
    // In the file's header, between batches, in the header of a batch, and in what it found.
    for kept in (0..bytes.len()).step_by(90_001).chain([7, 40, bytes.len() - 1, bytes.len() - 20]) {
        fs::write(&file, &bytes[..kept]).expect("the file");
        assert_eq!(counted(&search(&file, &limits).expect("it goes on")), all, "of {kept} bytes");
        assert_eq!(fs::metadata(&file).expect("the file").len(), bytes.len() as u64, "of {kept} bytes");
    }
    // A last batch whose bytes never reached the disk, though its length did.
    let mut last = bytes.clone();
    last[bytes.len() - 50..].fill(0);
    fs::write(&file, &last).expect("the file");
    assert_eq!(counted(&search(&file, &limits).expect("it goes on")), all);
}

#[test]
fn what_is_not_its_file_is_refused_and_left_alone() {
    let (_directory, file) = new_file();
    search(&file, &Limits { states: 40_000, ..Limits::default() }).expect("a new file");
    let bytes = fs::read(&file).expect("the file");
    let with = |at: usize, byte: u8| {
        let mut other = bytes.clone();
        other[at] ^= byte;
        other
    };
    let is = |error: &StateFileError, what: &str| {
        assert!(error.to_string().contains(what), "{error}");
        assert!(error.to_string().contains(&file.display().to_string()), "{error}");
    };
    let length = bytes.len();
    let cases = [
        (b"a letter to a friend, longer than any header".repeat(99), "not the file of a search"),
        (with(8, 3), "has format 2"),
        (with(20, 1), "damaged at its begin"),
        (with(length / 2, 1), "damaged at byte"),
        (with(length / 3, 128), "damaged at byte"),
    ];
    for (bytes, what) in cases {
        is(&search_of(&file, &bytes).expect_err(what), what);
        assert!(fs::read(&file).expect("the file") == bytes, "{what}");
    }
    fs::write(&file, &bytes).expect("the file");
    let (world, bounds) = model();
    let other = |model: &str, bounds: &Bounds<Request<char>>, limits: &Limits, what: &str| {
        let found = check_with_file(&world, bounds, limits, (&file, model), |_| {});
        is(&found.expect_err(what), what);
        assert!(fs::read(&file).expect("the file") == bytes, "{what}");
    };
    other("basic M2", &bounds, &Limits::default(), "model basic M2");
    other("basic", &Bounds { fires: 1, ..bounds.clone() }, &Limits::default(), "fires: 1");
    let agreement = Limits { invariants: vec![Invariant::Agreement], ..Limits::default() };
    other("basic", &bounds, &agreement, "invariants Agreement");
    let open = OpenOptions::new().read(true).write(true).open(&file).expect("the file");
    open.lock().expect("nobody has it");
    other("basic", &bounds, &Limits::default(), "in use");
}

/// Bytes that are whole do not make it this code's file: here another state says that it was found first.
#[test]
fn a_file_that_other_code_wrote_is_refused() {
    let (_directory, file) = new_file();
    search(&file, &Limits { depth: 3, ..Limits::default() }).expect("a new file");
    let bytes = fs::read(&file).expect("the file");
    let text = u32::from_le_bytes(bytes[12..16].try_into().expect("four bytes")) as usize;
    let batch = 16 + text + 4;
    let found = u32::from_le_bytes(bytes[batch..batch + 4].try_into().expect("four bytes")) as usize;
    assert!(found > 1, "two may propose first");
    let states = batch + 32..batch + 32 + found * 14;
    // The fingerprint of the first state, and which choice of the world before it led there.
    for (at, byte) in [(states.start, 1), (states.start + 12, 1), (states.start + 12, 90)] {
        let mut other = bytes.clone();
        other[at] ^= byte;
        let checksum = crc32fast::hash(&other[states.clone()]);
        other[states.end..states.end + 4].copy_from_slice(&checksum.to_le_bytes());
        let error = search_of(&file, &other).expect_err("it leads elsewhere");
        assert!(matches!(error, StateFileError::OtherCode { state: 0, .. }), "{error}");
        assert!(fs::read(&file).expect("the file") == other);
    }
}

fn search_of(file: &Path, bytes: &[u8]) -> Result<Found, StateFileError> {
    fs::write(file, bytes).expect("the file");
    search(file, &Limits::default())
}

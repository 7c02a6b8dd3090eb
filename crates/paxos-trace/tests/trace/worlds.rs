//! Runs of worlds: what is read and replayed are the very choices that were made.

use std::hash::Hash;

use paxos_basic::Replica;
use paxos_messages::{multi, single};
use paxos_process::{NodeId, NodeSet};
use paxos_sim::{Bounds, ChoiceOf, Disk, Header, Loopback, Random, Scriptable, World};
use paxos_trace::{Recorder, Run, replay};
use serde::{Serialize, de::DeserializeOwned};

/// Runs a seed, records it, and takes the record back. Returns the record and the path.
pub(crate) fn there_and_back<P>(
    header: &Header,
    fresh: impl Fn() -> World<P>,
    random: Random,
    bounds: &Bounds<P::Request>,
    steps: usize,
) -> (Vec<u8>, Vec<ChoiceOf<P>>)
where
    P: Scriptable<Message: Serialize + DeserializeOwned> + Hash,
{
    let (mut world, mut path, mut random) = (fresh(), Vec::new(), random);
    let mut recorder = Recorder::of_world(Vec::new(), header);
    random.run(&mut world, bounds, &[], steps, &mut path, &mut recorder);
    let record = recorder.finish().unwrap();
    let run = Run::read(record.as_slice()).unwrap();
    assert_eq!((&run.header, run.node), (header, None));
    let replayed = replay(&[run], fresh(), &mut ()).unwrap_or_else(|error| panic!("{error}"));
    assert!(replayed.choices == path, "other choices");
    // What the chooser had left to spend is no part of a run.
    assert!(
        replayed.world.network() == world.network() && replayed.world.history() == world.history(),
        "another world"
    );
    for node in header.quorums.members() {
        assert!(replayed.world.process(node) == world.process(node), "another {node}");
    }
    (record, path)
}

pub(crate) fn basic_bounds() -> Bounds<single::Request<String>> {
    let requests = [(1, "a"), (2, "b"), (3, "two words")];
    let requests = requests.map(|(id, value)| (NodeId(id), single::Request::Propose(value.to_owned())));
    let (fires, duplicates, drops, crashes, cuts) = (20, 20, 20, 6, 6);
    let may_crash = NodeSet::first(3);
    Bounds { fires, duplicates, drops, crashes, cuts, may_crash, ..Bounds::requests(requests.to_vec()) }
}

#[test]
fn a_run_of_basic_paxos_comes_back_choice_by_choice() {
    for seed in 0..200 {
        let mut header = Header::new("basic", 3).unwrap();
        if seed % 3 == 1 {
            header.disk = Disk::AtOnce;
        }
        if seed % 5 == 1 {
            header.loopback = Loopback::AtOnce;
        }
        let fresh = || World::new(header.setting(), |id| Replica::<String>::new(id, header.quorums));
        there_and_back(&header, fresh, Random::new(seed), &basic_bounds(), 400);
    }
}

#[test]
fn a_run_of_a_log_comes_back_choice_by_choice_with_lost_disks() {
    let mut header = Header::new("multi", 3).unwrap();
    header.options.insert("window".to_owned(), 4);
    let options = paxos_multi::Options { window: 4, retain: 4 };
    let fresh = || World::new(header.setting(), |id| paxos_multi::Replica::<String>::new(id, header.quorums, options));
    let commands = (0..40).map(|n: u8| (NodeId(n % 3 + 1), multi::Request::Propose(format!("c{n}"))));
    let may_crash = NodeSet::first(3);
    let (fires, duplicates, drops, crashes, losses, cuts) = (10_000, 50, 50, 10, 1, 50);
    let bounds = Bounds {
        ahead: 8,
        fires,
        duplicates,
        drops,
        crashes,
        losses,
        cuts,
        may_crash,
        ..Bounds::requests(commands.collect())
    };
    let mut lost = 0;
    for seed in 0..40 {
        let (_, path) = there_and_back(&header, fresh, Random::new(seed).ticking(), &bounds, 1_500);
        lost += path.iter().filter(|choice| matches!(choice, paxos_sim::Choice::Lose(_))).count();
    }
    assert!(0 < lost, "some disk was lost");
}

#[test]
fn a_record_that_was_touched_does_not_come_back() {
    let header = Header::new("basic", 3).unwrap();
    let fresh = || World::new(header.setting(), |id| Replica::<String>::new(id, header.quorums));
    let (record, _) = there_and_back(&header, fresh, Random::new(1), &basic_bounds(), 400);
    let text = String::from_utf8(record).unwrap();
    let said = |text: String| match Run::read(text.as_bytes()) {
        Err(error) => error.to_string(),
        Ok(run) => match replay(&[run], fresh(), &mut ()) {
            Err(error) => error.to_string(),
            Ok(_) => "nothing".to_owned(),
        },
    };
    let without = |what: &str| {
        let mut left: Vec<&str> = text.lines().collect();
        let found = left.iter().position(|line| line.contains(what)).expect(what);
        left.remove(found);
        left.join("\n") + "\n"
    };
    let lines: Vec<&str> = text.lines().collect();
    let copied = lines.iter().position(|line| line.contains("\"ev\":\"duplicated\"")).expect("something is copied");
    let other = |line: &&&str| line.contains("\"ev\":\"duplicated\"") && !line.contains(&lines[copied][20..]);
    let other = lines.iter().find(other).expect("something else is, too");
    let another_copied = [&lines[..copied], &[other], &lines[copied + 1..]].concat().join("\n");
    for (touched, expected) in [
        (another_copied, "was copied, and another message is received"),
        (without("\"ev\":\"meta\""), "line 1: a run begins with its `meta`"),
        (without("\"ev\":\"synced\""), "which n2 has not sent by then"),
        (without("\"ev\":\"request\""), "goes off, which n2 has not set"),
        (text.replacen("Round b1.", "Round b7.", 1), "and \"Round b1."),
        (text.replacen("paxos-run/1", "paxos-run/2", 1), "line 1: its format is \"paxos-run/2\""),
        (text.replacen("\"ev\":\"synced\"", "\"ev\":\"sunk\"", 1), "nothing is called \"sunk\""),
        (text.replacen("\"n3\"],", "\"n4\"],", 1), "and not n1 to n3"),
        (text.replacen("{\"ev\":\"start\"", "", 1), "line 2: "),
        (String::new(), "it is empty"),
    ] {
        let found = said(touched);
        assert!(found.contains(expected), "{found:?} does not say {expected:?}");
    }
}

#[test]
fn a_line_without_end_is_refused_and_not_kept() {
    use std::io::{BufReader, Read as _, repeat};
    let error = Run::read(BufReader::new((&b"\n"[..]).chain(repeat(b'[')))).unwrap_err();
    assert_eq!(error.to_string(), "line 2: it is longer than 16 MiB");
}

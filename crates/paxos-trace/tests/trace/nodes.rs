//! Runs of real nodes: a file each, merged by time and cause. The nodes are played here by a world, whose happenings are
//! dealt out to one file for each node, as drivers would write them, each with a clock that is wrong.

use std::collections::BTreeMap;

use paxos_basic::Replica;
use paxos_messages::single::{Message, Record, Request};
use paxos_process::{Event, NodeId};
use paxos_sim::{Choice, Happening, Header, Invariant, World};
use paxos_trace::{Recorder, Run, replay};
use serde_json::{Value as Json, json};

type World3 = World<Replica<String>>;
type Records = BTreeMap<NodeId, Vec<u8>>;

fn header() -> Header {
    Header::new("basic", 3).unwrap()
}

fn fresh() -> World3 {
    World::new(header().setting(), |id| Replica::new(id, header().quorums))
}

/// One life of a node, from what the world does to it.
fn record(node: NodeId, out: Vec<u8>, records: usize, happenings: &[Json]) -> Vec<u8> {
    let mut recorder = Recorder::of_node(out, &header(), node, records);
    for happening in happenings.iter().filter(|happening| happening["node"] == node.0) {
        let text = |name: &str| happening[name].as_str().unwrap().to_owned();
        match happening["ev"].as_str().unwrap() {
            "receive" => {
                let from = NodeId(happening["from"].as_u64().unwrap() as u8);
                let message: Message<String> = serde_json::from_value(happening["message"].clone()).unwrap();
                recorder.input::<Replica<String>>(node, &Event::Receive { from, message });
            }
            "request" => {
                let request: Request<String> = text("request").parse().unwrap();
                recorder.input::<Replica<String>>(node, &Event::Request(request));
            }
            "wrote" => {
                let record: Record<String> = serde_json::from_value(happening["record"].clone()).unwrap();
                recorder.wrote(node, &record);
            }
            "synced" => recorder.synced(node),
            "checkpointing" => recorder.checkpointing(node, 1),
            "told" => recorder.told(node, &text("text")),
            other => panic!("{other}"),
        }
    }
    recorder.finish().unwrap()
}

fn see(happenings: &mut Vec<Json>) -> impl FnMut(Happening<'_, Replica<String>>) {
    |happening| {
        happenings.extend(match happening {
            Happening::Delivered(packet) => {
                Some(json!({"ev": "receive", "node": packet.to.0, "from": packet.from.0, "message": packet.message}))
            }
            Happening::Asked(node, request) => {
                Some(json!({"ev": "request", "node": node.0, "request": request.to_string()}))
            }
            Happening::Wrote(node, record) => Some(json!({"ev": "wrote", "node": node.0, "record": record})),
            Happening::Synced(node) => Some(json!({"ev": "synced", "node": node.0})),
            Happening::Told(node, output) => Some(json!({"ev": "told", "node": node.0, "text": output.to_string()})),
            _ => None,
        });
    }
}

/// The files, with clocks that are set wrong by different seconds.
fn runs(records: &Records) -> Vec<Run> {
    let mut runs: Vec<Run> = records.values().map(|record| Run::read(record.as_slice()).unwrap()).collect();
    for (position, run) in runs.iter_mut().enumerate() {
        let wrong = [0, 9_000_000_000, 3_000_000_000][position];
        run.inputs.iter_mut().for_each(|input| input.at = input.at.map(|at| at - wrong));
    }
    runs
}

fn decided() -> Records {
    let (mut world, mut happenings) = (fresh(), Vec::new());
    for (node, value) in [(1, "a"), (2, "b")] {
        world.apply(&Choice::Request(NodeId(node), Request::Propose(value.to_owned())), &mut see(&mut happenings));
        world.stabilize(&mut see(&mut happenings));
    }
    (1..=3).map(NodeId).map(|node| (node, record(node, Vec::new(), 0, &happenings))).collect()
}

#[test]
fn files_of_three_nodes_are_one_run() {
    let replayed = replay(&runs(&decided()), fresh(), &mut ()).unwrap_or_else(|error| panic!("{error}"));
    assert!(replayed.world.history().learned().iter().count() > 0, "it was decided");
    assert_eq!(replayed.world.violated(&Invariant::ALL), None);
    assert!(20 < replayed.choices.len());
}

#[test]
fn a_cause_that_is_missing_is_named() {
    let mut records = decided();
    records.remove(&NodeId(2));
    let error = replay(&runs(&records), fresh(), &mut ()).unwrap_err().to_string();
    assert!(error.contains("from n2, which n2 has not sent by then"), "{error}");

    let mut twice = runs(&decided());
    twice.push(twice[0].clone());
    let error = replay(&twice, fresh(), &mut ()).unwrap_err().to_string();
    assert!(error.contains("each is of another node"), "{error}");
}

/// n1 opens a ballot and promises it, its disk is synced once, and it votes; then it is killed, and finds `found` of its
/// three records.
fn killed_having_written(found: usize) -> Result<World3, String> {
    let (mut world, mut happenings) = (fresh(), Vec::new());
    let mut run = |choice| world.apply(&choice, &mut see(&mut happenings));
    run(Choice::Request(NodeId(1), Request::Propose("a".to_owned())));
    run(Choice::Sync(NodeId(1)));
    run(Choice::Deliver(0)); // n1 promises: one more record, not stable
    let first = record(NodeId(1), Vec::new(), 0, &happenings);
    let records = [(NodeId(1), record(NodeId(1), first, found, &[]))];
    let mut records: Records = records.into();
    for other in [2, 3] {
        records.insert(NodeId(other), record(NodeId(other), Vec::new(), 0, &[]));
    }
    replay(&runs(&records), fresh(), &mut ()).map(|replayed| replayed.world).map_err(|error| error.to_string())
}

#[test]
fn what_a_killed_node_finds_again_is_what_the_world_keeps() {
    let promised = |world: World3| world.process(NodeId(1)).acceptor().promised().is_some();
    assert!(!promised(killed_having_written(1).unwrap()), "only the round was stable");
    assert!(
        promised(killed_having_written(2).unwrap()),
        "the promise was on the disk, though nobody had waited for it"
    );
    let error = killed_having_written(0).unwrap_err();
    assert!(error.contains("amnesia: n1 finds 0 records, and 1 of it were stable"), "{error}");
    let error = killed_having_written(3).unwrap_err();
    assert!(error.contains("n1 finds 3 records, of 2 that it has written"), "{error}");
}

/// n1 has two stable records, and is killed while it cuts its log to one that stands for both.
#[test]
fn a_node_that_is_killed_while_it_cuts_its_log_has_cut_it_or_not() {
    for (found, is_one) in [(2, true), (1, true), (0, false)] {
        let (mut world, mut happenings) = (fresh(), Vec::new());
        let mut run = |choice| world.apply(&choice, &mut see(&mut happenings));
        for choice in [
            Choice::Request(NodeId(1), Request::Propose("a".to_owned())),
            Choice::Sync(NodeId(1)),
            Choice::Deliver(0),
            Choice::Sync(NodeId(1)),
        ] {
            run(choice);
        }
        happenings.push(json!({"ev": "checkpointing", "node": 1}));
        let first = record(NodeId(1), Vec::new(), 0, &happenings);
        let mut records: Records = [(NodeId(1), record(NodeId(1), first, found, &[]))].into();
        records.extend([2, 3].map(|other| (NodeId(other), record(NodeId(other), Vec::new(), 0, &[]))));
        let replayed = replay(&runs(&records), fresh(), &mut ());
        assert_eq!(replayed.is_ok(), is_one, "{found}: {:?}", replayed.err());
    }
}

#[test]
fn a_torn_end_is_no_harm_and_a_torn_middle_is() {
    let whole = decided().remove(&NodeId(1)).unwrap();
    let lines = Run::read(whole.as_slice()).unwrap().inputs.len();
    let torn = Run::read(&whole[..whole.len() - 7]).unwrap();
    assert_eq!(torn.inputs.len(), lines - 1);

    let mut next_life = whole[..whole.len() - 7].to_vec();
    next_life.push(b'\n');
    let again = Run::read(record(NodeId(1), next_life, 5, &[]).as_slice()).unwrap();
    assert_eq!(again.inputs.len(), lines, "all but the torn line, and a start");

    let text = String::from_utf8(whole).unwrap();
    let middle: Vec<&str> =
        text.lines().enumerate().map(|(at, line)| if at == 4 { &line[..9] } else { line }).collect();
    assert!(Run::read(middle.join("\n").as_bytes()).unwrap_err().to_string().starts_with("line 5: "));
}

//! A record of a run, `paxos-run/1`: of a world, or of a node that a machine has died under.
//!
//! What must hold: it is read or refused; what is read is replayed, up to its end or to a line that cannot have happened;
//! and what is recorded of that replay is a run that replays to the same choices in the same world.

use paxos_messages::{multi, single};
use paxos_multi::Options;
use paxos_process::NodeId;
use paxos_sim::{Choice, Header, Scriptable, World};
use paxos_trace::{Recorder, Run, replay};
use serde::{Serialize, de::DeserializeOwned};

use super::{Seed, Target, seed};

pub(super) const TARGET: Target =
    Target { name: "run", about: "a record of a run, read and replayed", longest: 8192, memory: 64 << 20, run, seeds };

fn run(bytes: &[u8]) {
    let Ok(run) = Run::read(bytes) else { return };
    let (setting, quorums) = (run.header.setting(), run.header.quorums);
    // More of either finds nothing more, and a message to each of 63 nodes from each takes its time.
    if MOST_NODES < quorums.members().len() || MOST_LINES < run.inputs.len() {
        return;
    }
    match run.header.protocol.as_str() {
        "basic" => take_back(run, &World::new(setting, |id| paxos_basic::Replica::<String>::new(id, quorums))),
        "multi" => {
            let replica = |id| paxos_multi::Replica::<String>::new(id, quorums, Options::default());
            take_back(run, &World::new(setting, replica));
        }
        _ => {}
    }
}

fn take_back<P>(run: Run, world: &World<P>)
where
    P: Scriptable<Message: Serialize + DeserializeOwned>,
{
    let mut recorder = Recorder::of_world(Vec::new(), &run.header);
    let replayed = replay(&[run], world.clone(), &mut recorder);
    // Also where a line cannot have happened: the lines before it have.
    let record = recorder.finish().expect("memory takes everything");
    let again = Run::read(record.as_slice()).expect("what was recorded can be read");
    let mut recorder = Recorder::of_world(Vec::new(), &again.header);
    let again = replay(&[again], world.clone(), &mut recorder).expect("what has happened can happen again");
    if let Ok(replayed) = replayed {
        assert!(again.choices == replayed.choices, "other choices");
        assert!(again.world == replayed.world, "another world");
    }
    assert!(recorder.finish().expect("memory takes everything") == record, "another record");
}

const MOST_NODES: usize = 7;
const MOST_LINES: usize = 128;

/// A decision, with a copy, a loss, a crash and a cut link.
pub(super) fn decision<W: paxos_sim::Watch<paxos_basic::Replica<String>>>(watch: &mut W) {
    let mut world =
        World::new(header("basic").setting(), |id| paxos_basic::Replica::<String>::new(id, header("basic").quorums));
    let mut choose = |choice| {
        assert_eq!(world.obstacle(&choice), None);
        world.apply(&choice, watch);
    };
    choose(Choice::Request(NodeId(1), single::Request::Propose("a".to_owned())));
    choose(Choice::Sync(NodeId(1)));
    choose(Choice::Duplicate(1));
    choose(Choice::Sync(NodeId(2)));
    choose(Choice::Crash(NodeId(2)));
    choose(Choice::Drop(2));
    choose(Choice::Cut(NodeId(1), NodeId(3)));
    choose(Choice::Restart(NodeId(2)));
    world.stabilize(watch);
}

fn header(protocol: &str) -> Header {
    Header::new(protocol, 3).expect("three nodes have majorities")
}

fn log() -> Vec<u8> {
    let (header, mut recorder) = (header("multi"), Recorder::of_world(Vec::new(), &header("multi")));
    let replica = |id| paxos_multi::Replica::<String>::new(id, header.quorums, Options::default());
    let mut world = World::new(header.setting(), replica);
    world.apply(&Choice::Request(NodeId(1), multi::Request::Campaign), &mut recorder);
    world.stabilize(&mut recorder);
    world.apply(&Choice::Request(NodeId(1), multi::Request::Propose("a".to_owned())), &mut recorder);
    world.stabilize(&mut recorder);
    recorder.finish().expect("memory takes everything")
}

fn seeds() -> Vec<Seed> {
    let mut recorder = Recorder::of_world(Vec::new(), &header("basic"));
    decision(&mut recorder);
    let basic = recorder.finish().expect("memory takes everything");
    // Of n1 alone: nobody sends it anything.
    let meta = r#"{"ev":"meta","format":"paxos-run/1","protocol":"basic","members":["n1","n2","n3"],"quorums":"majority","disk":"manual","loopback":"in-flight","options":{},"node":"n1"}"#;
    let start = |records: u8| format!(r#"{{"ev":"start","node":"n1","records":{records},"at_ns":1}}"#);
    let asked = r#"{"ev":"request","node":"n1","request":"propose a","at_ns":2}"#;
    let wrote = r#"{"ev":"wrote","node":"n1","text":"Round b1.1","at_ns":3}"#;
    let lives = [meta, &start(0), asked, wrote, r#"{"ev":"syn"#, meta, &start(1), asked].join("\n");
    let torn = [&basic[..basic.len() / 2], b"\n"].concat();
    vec![
        seed("decision", basic),
        seed("log", log()),
        seed("two-lives-of-a-node", lives),
        seed("torn-in-the-middle", torn),
        seed("no-run", &b"{\"ev\":\"meta\"}"[..]),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_seeds_are_runs_and_not_only_refused() {
        let lines = |seed: &Seed| Run::read(seed.bytes.as_slice()).map(|run| run.inputs.len()).ok();
        let lines: Vec<_> = seeds().iter().map(lines).collect();
        assert!(lines[..3].iter().all(|lines| lines.is_some_and(|lines| 3 < lines && lines < MOST_LINES)), "{lines:?}");
        assert!(seeds().iter().all(|seed| seed.bytes.len() <= TARGET.longest));
        let two_lives = Run::read(seeds()[2].bytes.as_slice()).unwrap();
        let world = World::new(two_lives.header.setting(), |id| {
            paxos_basic::Replica::<String>::new(id, two_lives.header.quorums)
        });
        assert_eq!(replay(&[two_lives], world, &mut ()).map(|replayed| replayed.choices.len()).ok(), Some(5));
    }
}

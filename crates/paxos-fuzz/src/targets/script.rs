//! A script: text that a person wrote, or thought to be one.
//!
//! What must hold: it is read or refused; what is read can be replayed, up to its end or to a command that cannot be
//! carried out; and the script with its lines filled in, which a replay writes, is a script that replays to itself.

use paxos_multi::Options;
use paxos_sim::{Script, Scriptable, World};

use super::{Seed, Target, seed};

pub(super) const TARGET: Target =
    Target { name: "script", about: "a script, read and replayed", longest: 2048, memory: 64 << 20, run, seeds };

fn run(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let Ok(script) = Script::parse(&text) else { return };
    let (setting, quorums) = (script.header.setting(), script.header.quorums);
    // More of either finds nothing more, and a message to each of 63 nodes from each takes its time.
    let nodes = quorums.members().len();
    if MOST_NODES < nodes || MOST_LINES < text.lines().count() {
        return;
    }
    match script.header.protocol.as_str() {
        "basic" => replay(&script, &World::new(setting, |id| paxos_basic::Replica::<String>::new(id, quorums))),
        "multi" => {
            let replica = |id| paxos_multi::Replica::<String>::new(id, quorums, Options::default());
            replay(&script, &World::new(setting, replica));
        }
        _ => {}
    }
}

fn replay<P: Scriptable>(script: &Script, world: &World<P>) {
    let told = match script.replay(world.clone(), &mut ()) {
        Ok(replayed) => replayed.text,
        // The story up to there is what one needs to mend it.
        Err(error) => {
            let before = script.before(error.line);
            before.replay(world.clone(), &mut ()).expect("what went well before goes well again").text
        }
    };
    let Ok(script) = Script::parse(&told) else {
        // Up to a line of the head there may be no head.
        return assert!(script.before(1).replay(world.clone(), &mut ()).is_ok());
    };
    if script.header.expect.is_none() {
        let again = script.replay(world.clone(), &mut ()).expect("what was told can be replayed");
        assert_eq!(again.text, told, "the script that a replay writes tells another story");
    }
}

const MOST_NODES: usize = 7;
const MOST_LINES: usize = 64;

fn seeds() -> Vec<Seed> {
    let log = "protocol multi\nnodes 3\n\nfire n1 Election\nstabilize\nrequest n1 propose a\ndeliver n1 n2 Accept\n\
               sync n2\ncrash n2\nstabilize\nrequest n1 compact 1 state\nrestart n2\nlose n3\ntransfer\n";
    let basic = "# a story\nprotocol basic\nnodes 3\nquorums flexible 2 2\ndisk at-once\n\nrequest n1 propose a b\n\
                 drop n1 n2 Prepare b1.1\ncut n1 n3\ndeliver\nheal\nfire n1 Retry\nduplicate 0\nstabilize\n";
    let grid = "protocol basic\nnodes 6\nquorums grid 3\nloopback at-once\n\nrequest n4 propose x\nstabilize\n";
    let crashes = "protocol multi\nnodes 3\n\nrequest n1 campaign\nsync\ndeliver\nsync\ndeliver\nrequest n1 read 7\n\
                   request n1 transfer n2\ncrash n1\ncrash n3\nlose n3\nrestart n3\nrestart n1\nstabilize\n";
    vec![
        seed("basic", basic.as_bytes()),
        seed("grid", grid.as_bytes()),
        seed("log", log.as_bytes()),
        seed("log-crashes", crashes.as_bytes()),
        seed("no-script", &b"hello"[..]),
    ]
}

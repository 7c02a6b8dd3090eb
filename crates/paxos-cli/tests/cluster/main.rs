//! The binary as its users meet it: processes on loopback ports, with disks, signals and exit codes.

mod asking;
mod demo;
mod local;
mod store;
mod support;
mod torture;

use std::{
    fs,
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    process::Command,
};

use serde_json::json;
use support::{Cluster, PATIENCE, eventually, paxos, run};

#[test]
fn three_nodes_by_hand_decide_once_and_for_all() {
    let mut cluster = Cluster::start_all();
    assert_eq!(cluster.learn(2)["chosen"], json!(null), "nobody has proposed");
    assert_eq!(cluster.propose(1, "blue"), json!({ "chosen": "blue", "ours": true }));
    assert_eq!(cluster.propose(3, "green"), json!({ "chosen": "blue", "ours": false }));

    for node in 1..=3 {
        cluster.kill(node);
    }
    for node in 1..=3 {
        assert!(cluster.start(node), "{}", cluster.log(node));
    }
    for node in [3, 1, 2] {
        assert_eq!(cluster.learn(node), json!({ "chosen": "blue" }), "after a full restart");
    }
}

#[test]
fn a_killed_node_keeps_its_vote() {
    let mut cluster = Cluster::start_all();
    cluster.kill(3);
    assert_eq!(cluster.propose(1, "blue")["chosen"], "blue");
    // n2 dies right after its vote. n1, the only other one that knows, never comes back; n3 has seen nothing.
    cluster.kill(2);
    cluster.kill(1);
    assert!(cluster.start(2) && cluster.start(3));
    assert_eq!(cluster.propose(3, "green"), json!({ "chosen": "blue", "ours": false }));
}

#[test]
fn people_read_sentences_and_phases() {
    let cluster = Cluster::start_all();
    let at = |node: usize| cluster.addresses[node - 1];
    let (code, stdout, _) = run(&mut paxos(&format!("learn --from {} --timeout 20s", at(1))));
    assert!(code == 0 && stdout.starts_with("Nothing is chosen yet"), "{stdout}");
    let (code, stdout, _) = run(&mut paxos(&format!("propose --to {} --timeout 20s blue", at(1))));
    assert_eq!((code, stdout.as_str()), (0, "chosen: blue\nThat is the value you proposed.\n"));
    let (code, stdout, _) = run(&mut paxos(&format!("propose --to {} --timeout 20s green", at(2))));
    assert!(code == 0 && stdout.starts_with("chosen: blue\nThat is somebody else's value"), "{stdout}");
    let log = cluster.log(1);
    for phase in ["elect", "propose", "decide"] {
        assert!(log.contains(&format!("phase={phase}")), "{phase} in {log}");
    }
}

#[test]
fn without_a_majority_the_outcome_is_unknown() {
    let mut cluster = Cluster::start_all();
    cluster.kill(2);
    cluster.kill(3);
    let (code, stdout, stderr) =
        run(&mut paxos(&format!("propose --to {} --timeout 200ms blue", cluster.addresses[0])));
    assert_eq!((code, stdout.as_str()), (3, ""));
    assert!(stderr.contains("no answer from n1") && stderr.contains("outcome is unknown"), "{stderr}");
    let (code, _, stderr) = run(&mut paxos(&format!("propose --to {} --timeout 20s blue", cluster.addresses[1])));
    assert!(code == 4 && stderr.contains("was not asked anything"), "{stderr}");
}

#[test]
fn a_node_survives_bad_company() {
    let cluster = Cluster::start_all();
    let say = |address: SocketAddr, bytes: &[u8]| {
        let mut stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.write_all(bytes).unwrap();
        // It hangs up, whether politely or not; a timeout would be another error.
        if let Err(error) = stream.read_to_end(&mut Vec::new()) {
            assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset, "{error}");
        }
    };
    say(cluster.addresses[0], b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n");
    let mut oversize = Vec::new();
    paxos_codec::encode_frame("hello", &mut oversize).unwrap();
    oversize[4..8].copy_from_slice(&u32::MAX.to_le_bytes());
    say(cluster.addresses[0], &oversize);
    let mut peer_of_another_cluster = Vec::new();
    paxos_codec::encode_frame(&(1_u16, "elsewhere", 0_u32, 2_u8), &mut peer_of_another_cluster).unwrap();
    say(cluster.addresses[0], &peer_of_another_cluster);

    let stranger = format!("propose --to {} --cluster elsewhere blue", cluster.addresses[0]);
    let (code, _, stderr) = run(&mut paxos(&stranger));
    assert!(code == 4 && stderr.contains("cluster \"elsewhere\""), "{stderr}");

    assert_eq!(cluster.propose(1, "blue")["chosen"], "blue");
    let warnings = cluster.log(1).lines().filter(|line| line.contains("WARN")).count();
    assert_eq!(warnings, 4, "one for each: {}", cluster.log(1));
}

#[test]
fn a_disk_is_for_one_node_and_one_process() {
    let mut cluster = Cluster::new();
    assert!(cluster.start(1), "{}", cluster.log(1));
    let refused = |cluster: &Cluster, arguments: &str, data: &std::path::Path, why: &[&str]| {
        let peers = format!("1={0},2={0}", cluster.addresses[2]);
        let (code, _, stderr) = run(paxos(&format!("node basic --peers {peers} {arguments} --data")).arg(data));
        assert_eq!(code, 4, "{stderr}");
        for words in why {
            assert!(stderr.contains(words), "{words:?} in {stderr}");
        }
    };
    let data = cluster.data(1);
    refused(&cluster, "--id 1", &data, &["n1", "in use by another process"]);
    cluster.kill(1);
    refused(&cluster, "--id 2", &data, &["belongs to n1 of cluster \"paxos\"", "this is n2"]);
    refused(&cluster, "--id 1 --cluster other", &data, &["this is n1 of cluster \"other\""]);

    let log = data.join("wal");
    let mut bytes = fs::read(&log).unwrap();
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    fs::write(&log, &bytes).unwrap();
    refused(&cluster, "--id 1", &data, &[log.to_str().unwrap(), "corrupt at byte "]);
    assert_eq!(fs::read(&log).unwrap(), bytes, "and left as it is");
}

#[test]
fn a_node_keeps_its_members_and_quorums() {
    let mut cluster = Cluster::start_all();
    assert_eq!(cluster.propose(1, "blue")["chosen"], "blue");
    for node in 1..=3 {
        cluster.kill(node);
    }
    let [one, two, three] = [0, 1, 2].map(|node| cluster.addresses[node]);
    let refused = |arguments: &str, asked: &str| {
        let (code, _, stderr) = run(paxos(&format!("node basic --id 1 {arguments} --data")).arg(cluster.data(1)));
        assert_eq!(code, 4, "{stderr}");
        let found = "belongs to n1 of cluster \"paxos\", which is {n1,n2,n3} 2 of 3";
        for words in [found, &format!("this is n1 of cluster \"paxos\", which is {asked}"), "never change"] {
            assert!(stderr.contains(words), "{words:?} in {stderr}");
        }
    };
    refused(&format!("--peers 1={one}"), "{n1} 1 of 1");
    refused(&format!("--peers 1={one},2={two}"), "{n1,n2} 2 of 2");
    refused(
        &format!("--peers 1={one},2={two},3={three} --quorums flexible:3,1"),
        "{n1,n2,n3} phase 1: 3, phase 2: 1 of 3",
    );
    // Nodes may move.
    cluster.addresses = Cluster::new().addresses;
    for node in 1..=3 {
        assert!(cluster.start(node), "{}", cluster.log(node));
    }
    assert_eq!(cluster.learn(1), json!({ "chosen": "blue" }));
}

#[test]
fn nodes_with_different_quorums_refuse_each_other_and_say_so_once() {
    let mut cluster = Cluster::new();
    let debugging = |command: &Command, more: &[&str]| {
        let mut node = Command::new(command.get_program());
        node.args(command.get_args()).args(more).env("RUST_LOG", "info,paxos::link=debug");
        node
    };
    assert!(cluster.start_as(1, |command| debugging(command, &[])), "{}", cluster.log(1));
    let flexible = ["--quorums", "flexible:3,1"];
    assert!(cluster.start_as(2, |command| debugging(command, &flexible)), "{}", cluster.log(2));
    for (node, peer) in [(1, 2), (2, 1)] {
        let count = |words: &[&str]| {
            let log = cluster.log(node);
            log.lines().filter(|line| words.iter().all(|word| line.contains(word))).count()
        };
        let to = format!("to=n{peer}");
        eventually("it is refused again and again", || 2 < count(&["DEBUG", "refused by the peer again", &to]));
        let why = [to.as_str(), "2 of 3", "phase 1: 3, phase 2: 1 of 3", "members and quorums must be the same"];
        assert_eq!(count(&[&why[..], &["WARN"]].concat()), 1, "{}", cluster.log(node));
        let log = cluster.log(node);
        // A peer that was not there yet is another matter.
        let down = |line: &&str| ["connected", "DEBUG", &to, "refused"].iter().all(|word| line.contains(word));
        assert_eq!(log.lines().filter(down).filter(|line| !line.contains("os error")).count(), 0, "{log}");
        // The peer says so, too: it has turned somebody away.
        assert!(0 < count(&["WARN", &format!("n{peer} takes the cluster for")]), "{}", cluster.log(node));
        // n3 does not run: that is told once, and then to those who look closely.
        eventually("it tries n3 again", || 2 < count(&["DEBUG", "still not connected", "to=n3"]));
        assert_eq!(count(&["INFO", "not connected yet", "to=n3"]), 1, "{}", cluster.log(node));
    }
}

#[test]
fn a_node_that_finds_another_one_says_so() {
    let mut cluster = Cluster::new();
    assert!(cluster.start(3), "{}", cluster.log(3));
    cluster.addresses[1] = cluster.addresses[2]; // n1 takes the address of n3 for that of n2
    assert!(cluster.start(1), "{}", cluster.log(1));
    eventually("n1 notices", || cluster.log(1).contains("n1 looks for n2, this is n3"));
}

#[test]
fn json_is_short_for_the_json_log_format() {
    for option in ["--json", "--log-format json"] {
        let mut cluster = Cluster::new();
        let mut command = cluster.command(1);
        command.args(option.split(' '));
        let node = support::Guard::spawn(&mut command);
        let ready: serde_json::Value = serde_json::from_str(&node.line().expect("it is ready")).unwrap();
        assert_eq!(ready["ready"], "n1");
        cluster.kill(1);
        drop(node);
        let log = cluster.log(1);
        assert!(log.lines().all(|line| serde_json::from_str::<serde_json::Value>(line).is_ok()), "{log}");
    }
}

#[test]
fn a_port_that_is_taken_is_named() {
    let mut cluster = Cluster::start_all();
    cluster.addresses[1] = cluster.addresses[0];
    cluster.kill(2);
    assert!(!cluster.start(2));
    assert_eq!(cluster.node(2).exit_code(), Some(4));
    assert!(cluster.log(2).contains(&format!("cannot listen on {}", cluster.addresses[0])), "{}", cluster.log(2));
}

/// A limit on the size of files, which a 60 KB vote exceeds, stands for a full disk.
#[cfg(unix)]
#[test]
fn a_full_disk_ends_the_node_and_no_vote_leaves() {
    let mut cluster = Cluster::new();
    cluster.addresses.truncate(1);
    let limited = |command: &Command| {
        let mut shell = Command::new("sh");
        shell.args(["-c", "trap '' XFSZ; ulimit -f 16; exec \"$0\" \"$@\""]).arg(command.get_program());
        shell.args(command.get_args()).env("RUST_LOG", "warn");
        shell
    };
    assert!(cluster.start_as(1, limited), "{}", cluster.log(1));
    let value = "x".repeat(60_000);
    let to = cluster.addresses[0];
    let (code, _, stderr) = run(&mut paxos(&format!("propose --to {to} --timeout 20s {value}")));
    assert!(
        code == 3 && stderr.contains("the connection is lost") && stderr.contains("outcome is unknown"),
        "{stderr}"
    );
    assert_eq!(cluster.node(1).exit_code(), Some(4));
    let log = cluster.log(1);
    assert!(log.contains("stable storage has failed") && log.contains("wal: File too large"), "{log}");

    // With room again, what was promised is there, and the half-written vote was never cast.
    assert!(cluster.start(1), "{}", cluster.log(1));
    assert_eq!(cluster.learn(1)["chosen"], json!(null));
}

#[cfg(unix)]
#[test]
fn signals_end_a_node_cleanly() {
    let mut cluster = Cluster::start_all();
    assert_eq!(cluster.propose(1, "blue")["chosen"], "blue");
    for (node, signal) in [(1, "TERM"), (2, "INT")] {
        cluster.node(node).signal(signal);
        assert_eq!(cluster.node(node).exit_code(), Some(0), "SIG{signal}");
        assert!(cluster.log(node).contains("stopped"));
        assert!(cluster.start(node), "its disk and its port are free again: {}", cluster.log(node));
    }
    assert_eq!(cluster.learn(1)["chosen"], "blue");
}

#[test]
fn wrong_usage_is_exit_code_2_and_says_why() {
    let check = |arguments: &str, why: &str| {
        let (code, stdout, stderr) = run(&mut paxos(arguments));
        assert_eq!((code, stdout.as_str()), (2, ""), "{arguments}: {stderr}");
        assert!(stderr.contains(why), "{arguments}: {stderr}");
    };
    let peers = "1=127.0.0.1:1,2=127.0.0.1:2";
    check("node basic", "--id");
    check(&format!("node basic --id 64 --data x --peers {peers}"), "nodes are numbered 0 to 63");
    check(&format!("node basic --id 3 --data x --peers {peers}"), "must name this node");
    check(&format!("node basic --id 1 --data x --peers {peers},1=127.0.0.1:3"), "n1 twice");
    check("node basic --id 1 --data x --peers 127.0.0.1:1", "ID=HOST:PORT");
    check(&format!("node basic --id 1 --data x --peers {peers} --quorums flexible:1,1"), "may miss each other");
    check(&format!("node basic --id 1 --data x --peers {peers} --record r"), "does not record its run");
    check(&format!("node basic --id 1 --data x --peers {peers} --retry 300..150"), "the shorter first");
    check("propose --to 127.0.0.1 blue", "--to");
    check("propose --to 127.0.0.1:1 --timeout 5 blue", "300ms or 5s");
    check("learn", "--from");
    check(&format!("demo basic {}", "v ".repeat(17)), "1 to 16 values");
    check("demo basic --delay 1m", "at most 2s");
    check(&format!("node basic --id 1 --data x --peers {peers} --json --log-format text"), "cannot be used with");
    let (code, _, stderr) = run(paxos("propose --to 127.0.0.1:1").arg(""));
    assert!(code == 2 && stderr.contains("at least one byte"), "{stderr}");
    let (code, _, stderr) = run(paxos("propose --to 127.0.0.1:1").arg("x".repeat(70_000)));
    assert!(code == 2 && stderr.contains("at most 65536 bytes"), "{stderr}");
    let (code, _, stderr) =
        run(paxos(&format!("node basic --id 1 --data x --peers {peers}")).env("RUST_LOG", "paxos=loud"));
    assert!(code == 2 && stderr.contains("RUST_LOG"), "{stderr}");
}

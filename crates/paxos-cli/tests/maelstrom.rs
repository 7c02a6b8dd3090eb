//! `paxos maelstrom` by its lines: what a client of a cluster of one says and hears.

use std::{
    io::{BufRead as _, BufReader, Write as _},
    path::Path,
    process::{Child, ChildStdin, Command, Stdio},
    sync::mpsc::{self, Receiver},
    thread,
    time::Duration,
};

use serde_json::{Value, json};

/// A node, killed when it is dropped.
struct Node {
    child: Child,
    stdin: Option<ChildStdin>,
    lines: Receiver<String>,
}

impl Node {
    fn start(directory: &Path) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_paxos"))
            .args(["maelstrom", "--dir"])
            .arg(directory)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the binary runs");
        let stdin = child.stdin.take();
        let stdout = BufReader::new(child.stdout.take().expect("it is piped"));
        let (sender, lines) = mpsc::channel();
        thread::spawn(move || stdout.lines().map_while(Result::ok).try_for_each(|line| sender.send(line)));
        let mut node = Self { child, stdin, lines };
        let init = node.ask(json!({ "type": "init", "msg_id": 1, "node_id": "n0", "node_ids": ["n0"] }));
        assert_eq!(init, json!({ "type": "init_ok", "in_reply_to": 1 }));
        node
    }

    fn say(&mut self, line: &str) {
        let stdin = self.stdin.as_mut().expect("it is open");
        writeln!(stdin, "{line}").and_then(|()| stdin.flush()).expect("the node listens");
    }

    fn hear(&self) -> Value {
        let line = self.lines.recv_timeout(Duration::from_secs(30)).expect("an answer");
        let line: Value = serde_json::from_str(&line).expect("nothing but lines of the protocol");
        assert_eq!((&line["src"], &line["dest"]), (&"n0".into(), &"c1".into()));
        line["body"].clone()
    }

    fn ask(&mut self, body: Value) -> Value {
        self.say(&json!({ "src": "c1", "dest": "n0", "body": body }).to_string());
        self.hear()
    }

    fn code(&mut self, body: Value) -> Value {
        let told = self.ask(body);
        assert_eq!(told["type"], "error", "{told}");
        told["code"].clone()
    }

    /// Closes its stdin, upon which it ends.
    fn close(mut self) {
        self.stdin = None;
        assert!(self.child.wait().expect("it ends").success());
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn a_client_hears_what_the_workload_promises() {
    let directory = tempfile::tempdir().unwrap();
    let mut node = Node::start(directory.path());
    assert_eq!(node.code(json!({ "type": "read", "msg_id": 2, "key": 7 })), 20);
    assert_eq!(node.code(json!({ "type": "cas", "msg_id": 3, "key": 7, "from": 1, "to": 2 })), 20);
    let write = json!({ "type": "write", "msg_id": 4, "key": 7, "value": { "b": [1], "a": null } });
    assert_eq!(node.ask(write), json!({ "type": "write_ok", "in_reply_to": 4 }));
    let read = node.ask(json!({ "type": "read", "msg_id": 5, "key": 7 }));
    assert_eq!(read, json!({ "type": "read_ok", "in_reply_to": 5, "value": { "a": null, "b": [1] } }));
    assert_eq!(node.code(json!({ "type": "read", "msg_id": 6, "key": "7" })), 20, "a text is no number");
    assert_eq!(node.code(json!({ "type": "cas", "msg_id": 7, "key": 7, "from": 1, "to": 2 })), 22);
    let cas = json!({ "type": "cas", "msg_id": 8, "key": 7, "from": { "a": null, "b": [1] }, "to": 2 });
    assert_eq!(node.ask(cas), json!({ "type": "cas_ok", "in_reply_to": 8 }));
    assert_eq!(node.code(json!({ "type": "txn", "msg_id": 9 })), 10);
    assert_eq!(node.code(json!({ "type": "write", "msg_id": 10, "key": 7 })), 12);
    node.close();
}

#[test]
fn a_line_that_comes_twice_is_done_once_and_what_wants_no_answer_gets_none() {
    let directory = tempfile::tempdir().unwrap();
    let mut node = Node::start(directory.path());
    let write = |message: u64, value: u64| json!({ "type": "write", "msg_id": message, "key": "k", "value": value });
    assert_eq!(node.ask(write(2, 1))["type"], "write_ok");
    assert_eq!(node.ask(write(3, 2))["type"], "write_ok");
    node.say("this is no JSON");
    node.say(r#"{"src":"c1","dest":"n0","body":{"type":"nonsense"}}"#);
    assert_eq!(node.ask(write(2, 1)), json!({ "type": "write_ok", "in_reply_to": 2 }), "it was answered before");
    assert_eq!(node.ask(json!({ "type": "read", "msg_id": 4, "key": "k" }))["value"], 2);
    node.close();
}

#[test]
fn what_was_written_outlives_a_kill() {
    let directory = tempfile::tempdir().unwrap();
    let mut node = Node::start(directory.path());
    assert_eq!(node.ask(json!({ "type": "write", "msg_id": 2, "key": 1, "value": "kept" }))["type"], "write_ok");
    drop(node);
    let mut node = Node::start(directory.path());
    assert_eq!(node.ask(json!({ "type": "read", "msg_id": 2, "key": 1 }))["value"], "kept");
    node.close();
}

#[test]
fn a_cluster_on_a_bad_network_is_linearizable() {
    let output = Command::new(env!("CARGO_BIN_EXE_paxos"))
        .args(["maelstrom", "--drive", "--seed", "1", "--seconds", "3", "--json"])
        .output()
        .expect("the binary runs");
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert_eq!(output.status.code(), Some(0), "{out}\n{err}");
    let told: Value = serde_json::from_str(&out).expect("one JSON object");
    assert_eq!(told["holds"], true);
    for happened in ["calls", "kills", "cuts", "lost", "repeated"] {
        assert!(told[happened].as_u64().is_some_and(|times| 0 < times), "no {happened}: {told}");
    }
}

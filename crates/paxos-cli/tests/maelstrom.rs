//! `paxos maelstrom`: what a client of a cluster of one says and hears; and its driver, which must find what is wrong.

use std::{
    fs,
    io::{BufRead as _, BufReader, Write as _},
    path::{Path, PathBuf},
    process::{Child, ChildStdin, Command, Stdio},
    sync::mpsc::{self, Receiver},
    thread,
    time::{Duration, Instant},
};

use serde_json::{Value, json};

/// A node, killed when it is dropped.
struct Node {
    child: Child,
    stdin: Option<ChildStdin>,
    lines: Receiver<String>,
}

impl Node {
    /// One that has been told who it is.
    fn start(directory: &Path) -> Self {
        let mut node = Self::silent(directory);
        let init = node.ask(json!({ "type": "init", "msg_id": 1, "node_id": "n0", "node_ids": ["n0"] }));
        assert_eq!(init, json!({ "type": "init_ok", "in_reply_to": 1 }));
        node
    }

    fn silent(directory: &Path) -> Self {
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
        Self { child, stdin, lines }
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
fn what_is_no_question_is_not_answered_and_before_init_nothing_is_done() {
    let directory = tempfile::tempdir().unwrap();
    let mut node = Node::silent(directory.path());
    assert_eq!(
        node.code(json!({ "type": "write", "msg_id": 1, "key": 1, "value": 1 })),
        11,
        "it does not know its name"
    );
    assert_eq!(node.code(json!({ "type": "init", "msg_id": 2, "node_ids": ["n0"] })), 12);
    let init = json!({ "type": "init", "msg_id": 3, "node_id": "n0", "node_ids": ["n0"] });
    assert_eq!(node.ask(init.clone()), json!({ "type": "init_ok", "in_reply_to": 3 }));
    assert_eq!(node.ask(init)["type"], "init_ok", "its line may come twice");
    assert_eq!(node.code(json!({ "type": "topology", "msg_id": 4, "topology": {} })), 10);
    node.say(
        &json!({ "src": "c1", "dest": "n0", "body": { "type": "echo_ok", "msg_id": 5, "in_reply_to": 9 } }).to_string(),
    );
    node.say(&json!({ "src": "c1", "dest": "n0", "body": { "type": "write", "key": 1, "value": 2 } }).to_string());
    // One that wants no answer is done all the same.
    let mut message = 6;
    while node.ask(json!({ "type": "read", "msg_id": message, "key": 1 }))["value"] != 2 {
        message += 1;
        assert!(message < 100_000, "it is not done");
    }
    node.close();
}

/// The driver, and what it has said: its exit code, its lines, and what it said on stderr.
fn drive(arguments: &[&str]) -> (Option<i32>, Vec<Value>, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_paxos"));
    let output = command.args(["maelstrom", "--drive", "--json"]).args(arguments).output().expect("the binary runs");
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    let lines = out.lines().map(|line| serde_json::from_str(line).expect("one JSON object a line")).collect();
    (output.status.code(), lines, err.into_owned())
}

#[test]
fn a_cluster_on_a_bad_network_is_linearizable() {
    let (code, runs, err) = drive(&["--seed", "1", "--runs", "2", "--seconds", "2"]);
    assert_eq!((code, runs.len()), (Some(0), 2), "{runs:?}\n{err}");
    for told in runs {
        assert_eq!((&told["holds"], &told["kept"]), (&true.into(), &Value::Null));
        for happened in ["reads", "writes", "kills", "cuts", "lost", "repeated"] {
            assert!(told[happened].as_u64().is_some_and(|times| 0 < times), "no {happened}: {told}");
        }
    }
}

/// A check that has never failed says nothing: with one rule wrong in the nodes, clients must see it.
#[test]
fn a_rule_that_is_broken_is_seen_by_clients() {
    let place = tempfile::tempdir().unwrap();
    let history = place.path().join("h.ndjson");
    let history = history.to_str().expect("a name");
    let (code, runs, err) =
        drive(&["--mutant", "S1", "--seed", "1", "--runs", "10", "--seconds", "3", "--history", history]);
    let told = runs.last().expect("a run");
    assert_eq!((code, &told["holds"]), (Some(1), &false.into()), "{runs:?}\n{err}");
    let kept = Path::new(told["kept"].as_str().expect("a directory"));
    for name in ["n0.log", "n1.log", "n2.log", "history.ndjson"] {
        assert!(kept.join(name).metadata().is_ok_and(|file| 0 < file.len()), "no {name} in {}", kept.display());
    }
    let same = fs::read(kept.join("history.ndjson")).expect("a history") == fs::read(history).expect("a history");
    assert!(same, "two histories of one run");
    let judge = Command::new(env!("CARGO_BIN_EXE_paxos")).args(["judge", history]).output().expect("the binary runs");
    assert_eq!(judge.status.code(), Some(1));
    fs::remove_dir_all(kept).expect("it was kept");
    let (code, _, err) = drive(&["--mutant", "M3"]);
    assert!(code == Some(2) && err.contains("M3 is a mutant of basic"), "{err}");
}

/// As in a terminal, where Ctrl-C reaches the whole process group.
#[cfg(unix)]
#[test]
fn who_is_interrupted_ends_the_nodes_and_judges_what_there_is() {
    use std::os::unix::process::CommandExt as _;
    let place = tempfile::tempdir().unwrap();
    let places = || fs::read_dir(place.path()).unwrap().map(|entry| entry.unwrap().path()).collect::<Vec<_>>();
    let mut command = Command::new(env!("CARGO_BIN_EXE_paxos"));
    command.args(["maelstrom", "--drive", "--seconds", "600"]).env("TMPDIR", place.path()).process_group(0);
    let driver = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the binary runs");
    let deadline = Instant::now() + Duration::from_secs(60);
    // All of them, and a memory: something is being done.
    while !places().iter().any(|place| place.join("n2.log").exists() && place.join("n2").exists()) {
        assert!(Instant::now() < deadline, "no node is started");
        thread::sleep(Duration::from_millis(10));
    }
    let nodes = running(place.path());
    assert!(nodes != Some(0), "its nodes run");
    let sent = Command::new("kill").args(["-INT", "--", &format!("-{}", driver.id())]).status().unwrap();
    assert!(sent.success());
    let output = driver.wait_with_output().unwrap();
    let out = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(3), "{out}\n{}", String::from_utf8_lossy(&output.stderr));
    assert!(out.contains("stopped early: linearizable") && !out.contains("ended by itself"), "{out}");
    assert!(matches!(running(place.path()), Some(0) | None), "a node outlives its driver");
    assert_eq!(places(), Vec::<PathBuf>::new(), "nothing is left behind");
}

/// How many processes have this directory among their arguments, where the system tells.
#[cfg(unix)]
fn running(directory: &Path) -> Option<usize> {
    let wanted = directory.to_str().expect("a name");
    let processes = fs::read_dir("/proc").ok()?.filter_map(Result::ok);
    let arguments = processes.filter_map(|process| fs::read(process.path().join("cmdline")).ok());
    Some(arguments.filter(|arguments| String::from_utf8_lossy(arguments).contains(wanted)).count())
}

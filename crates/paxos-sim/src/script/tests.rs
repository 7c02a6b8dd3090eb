//! Scripts that cannot be read say which line and why.

use super::*;

fn error(text: &str) -> String {
    Script::parse(text).expect_err("a script that cannot be read").to_string()
}

#[test]
fn bad_scripts_say_where_and_why() {
    for (text, expected) in [
        ("", "a script begins with its protocol"),
        ("protocol basic\n", "how large its cluster is"),
        ("protocol basic\nnodes 0\n", "line 2: a cluster has 1 to 63 nodes"),
        ("protocol basic\nnodes 64\n", "line 2: a cluster has 1 to 63 nodes"),
        ("protocol basic\nnodes many\n", "line 2: \"many\" is not a number"),
        ("protocol basic\nnodes 4\nquorums flexible 2 2\n", "must add up to more than 4"),
        ("protocol basic\nnodes 3\nquorums of-one\n", "quorums are `majority`"),
        ("protocol basic\nnodes 3\nfly n1\n", "line 3: `fly` and what follows is no command"),
        ("protocol basic\nnodes 3\ncrash 1\n", "line 3: \"1\" is no node"),
        ("protocol basic\nnodes 3\ncrash n99\n", "line 3: node 99 is out of range"),
        ("protocol basic\nnodes 3\ndrop\n", "line 3: which message?"),
        ("protocol basic\nnodes 3\ncut\n", "line 3: `cut` and what follows is no command"),
        ("protocol basic\nnodes 3\ncut n1 n2 n3\n", "line 3: which link?"),
        ("protocol basic\nnodes 3\nheal all\n", "line 3: \"all\" is no node"),
        ("protocol basic\nnodes 3\ndisk maybe\n", "line 3: \"maybe\" should be `at-once` or `manual`"),
        ("protocol basic\nnodes 3\nexpect Peace\n", "line 3: no invariant is called \"Peace\""),
        ("protocol basic\nnodes 3\nsync\nnodes 4\n", "line 4: `nodes` belongs into the head"),
        ("protocol\nnodes 3\n", "line 1: `protocol` takes one word"),
    ] {
        let found = error(text);
        assert!(found.contains(expected), "{text:?} says {found:?}, not {expected:?}");
    }
}

#[test]
fn a_huge_script_is_refused_before_it_is_read() {
    assert!(error(&"#".repeat(17 << 20)).contains("at most"));
}

#[test]
fn values_may_hold_spaces() {
    let script = Script::parse("protocol basic\nnodes 1\nrequest n1 propose two words\n").unwrap();
    let command = script.lines[2].command.clone();
    assert_eq!(command, Some(Command::Request(NodeId(1), "propose two words".to_owned())));
    let script = Script::parse("protocol basic\nnodes 1\ndrop n1 n1 Accept b1.1 two  spaces\n").unwrap();
    let which = Which::Like { from: NodeId(1), to: NodeId(1), text: "Accept b1.1 two  spaces".to_owned() };
    assert_eq!(script.lines[2].command, Some(Command::Drop(which)));
}

#[test]
fn a_crash_may_keep_records_and_a_head_may_have_options() {
    let text = "protocol basic\nnodes 3\noption window 8\ncrash n1 keeping 2\ncrash n2\n";
    let script = Script::parse(text).expect("it can be read");
    let commands: Vec<_> = script.lines.iter().filter_map(|line| line.command.clone()).collect();
    assert_eq!(commands, [Command::Crash(NodeId(1), 2), Command::Crash(NodeId(2), 0)]);
    assert_eq!(script.header.options.get("window"), Some(&8));
}

//! What the book shows of a run is what the run says.
//!
//! Code and whole scripts are cut out of their files, so they cannot be older than those. Some passages of a run are typed
//! into a chapter, because a whole run would be too long there. They are looked up here: a block with a line such as
//! `    output   n1 s0 is red` must be in the output of an example or in a script, line by line. A line `…` stands for any
//! number of lines, and at the end of a line for the rest of it.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

const EXAMPLES: [&str; 11] = [
    "one_acceptor",
    "basic_by_hand",
    "dueling_proposers",
    "crash_before_sync",
    "replicated_log",
    "leader_crash",
    "two_leaders",
    "raft_and_paxos",
    "lagging_node",
    "replicated_kv",
    "stale_read",
];

const SCRIPTS: [&str; 5] = [
    "docs/scripts",
    "crates/paxos-basic/tests/scripts",
    "crates/paxos-multi/tests/scripts",
    "crates/paxos-raft/tests/scripts",
    "crates/paxos-mutants/scripts",
];

/// With which words a line of a run begins.
const WORDS: [&str; 8] = ["elect ", "propose ", "decide ", "learn ", "lost ", "disk ", "output ", "state "];

#[test]
fn what_the_book_shows_of_a_run_is_what_the_run_says() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut runs: Vec<String> = EXAMPLES.into_iter().map(output_of).collect();
    let scripts = SCRIPTS.iter().flat_map(|folder| files(&root.join(folder), "script"));
    runs.extend(scripts.map(|script| fs::read_to_string(script).expect("a script")));

    let (mut seen, mut missing) = (0, Vec::new());
    for chapter in files(&root.join("docs/src"), "md") {
        let text = fs::read_to_string(&chapter).expect("a chapter");
        for block in blocks(&text).filter(|block| is_of_a_run(block)) {
            seen += 1;
            if !runs.iter().any(|run| says(run, block)) {
                missing.push(format!("{}:\n{block}", chapter.display()));
            }
        }
    }
    assert!(missing.is_empty(), "no example and no script says this in\n{}", missing.join("\n"));
    assert!(8 <= seen, "the book shows runs: {seen}");
}

#[test]
fn a_line_that_is_left_out_is_marked() {
    let run = "    lost     a\n    output   b\n    output   c 17\n    output   d\n";
    assert!(says(run, "    lost     a\n    output   b\n"));
    assert!(says(run, "    lost     a\n    …\n    output   d\n    …\n"));
    assert!(says(run, "    output   c …\n    output   d\n"));
    assert!(!says(run, "    lost     a\n    output   d\n"), "lines are left out");
    assert!(!says(run, "    output   b\n    …\n    lost     a\n"), "not in this order");
    assert!(!says(run, "    output   c\n"), "half a line");
}

/// The blocks of text, without their fences.
fn blocks(chapter: &str) -> impl Iterator<Item = &str> {
    chapter.split("```text\n").skip(1).filter_map(|rest| rest.split_once("```")).map(|(block, _)| block)
}

fn is_of_a_run(block: &str) -> bool {
    let line =
        |line: &str| line.strip_prefix("    ").is_some_and(|line| WORDS.iter().any(|word| line.starts_with(word)));
    block.lines().any(line)
}

/// Whether all passages of `block` are in `run`, in this order.
fn says(run: &str, block: &str) -> bool {
    let run: Vec<&str> = run.lines().collect();
    let block: Vec<&str> = block.lines().collect();
    let mut from = 0;
    block.split(|line| line.trim() == "…").filter(|passage| !passage.is_empty()).all(|passage| {
        let found = run[from..].windows(passage.len()).position(|lines| lines.iter().zip(passage).all(is_line));
        from += found.map_or(0, |at| at + passage.len());
        found.is_some()
    })
}

fn is_line((said, shown): (&&str, &&str)) -> bool {
    shown.strip_suffix('…').map_or(said == shown, |beginning| said.starts_with(beginning))
}

fn files(folder: &Path, kind: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path());
    let mut files: Vec<PathBuf> = entries.filter(|path| path.extension().is_some_and(|end| end == kind)).collect();
    files.sort();
    files
}

/// What an example prints. Cargo holds no lock while it runs tests, so one inside another is fine.
fn output_of(example: &str) -> String {
    let arguments = ["run", "--quiet", "--package", "examples", "--example", example];
    let output = Command::new(env!("CARGO")).args(arguments).output().expect("cargo runs");
    assert!(output.status.success(), "{example} failed:\n{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

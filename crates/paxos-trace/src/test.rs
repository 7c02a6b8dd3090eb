//! A run as a Rust test.

use std::fmt::Write as _;

/// A test that replays `script`, a script with its lines filled in, and finds what it found. `process` is the type of its
/// processes and `make` an expression for one of them, of `id`, `quorums` and `options`; `uses` are the lines that both
/// need; and `judged` is an expression for the invariants that it is judged by.
#[must_use]
pub fn rust_test(about: &str, script: &str, uses: &[&str], process: &str, make: &str, judged: &str) -> String {
    let mut text = String::new();
    about.lines().for_each(|line| _ = writeln!(text, "//! {line}"));
    text += "#![cfg_attr(rustfmt, rustfmt_skip)]\n\n";
    uses.iter().for_each(|line| _ = writeln!(text, "use {line};"));
    // A raw string ends at a quote with as many marks behind it as it began with.
    let marks = "#".repeat(
        1 + script.split('"').skip(1).map(|rest| rest.len() - rest.trim_start_matches('#').len()).max().unwrap_or(0),
    );
    _ = write!(
        text,
        "use paxos_sim::{{Invariant, Script, World}};

/// The run, and what it tells.
const SCRIPT: &str = r{marks}\"{script}\"{marks};

#[test]
fn the_run_tells_what_it_told() {{
    let script = Script::parse(SCRIPT).expect(\"it is a script\");
    let (setting, quorums) = (script.header.setting(), script.header.quorums);
    let world = World::new(setting, |id| -> {process} {{ {make} }});
    let replayed = script.replay_judged(world, &{judged}, &mut ()).expect(\"every command can be carried out\");
    assert_eq!(replayed.text, SCRIPT);
    let violated: Vec<_> = replayed.violated.iter().map(|(invariant, _)| *invariant).collect();
    match script.header.expect {{
        // One may break others on its way.
        Some(expected) => assert!(violated.contains(&expected), \"{{violated:?}}\"),
        None => assert_eq!(violated, []),
    }}
}}
"
    );
    text
}

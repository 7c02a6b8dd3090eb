//! The pure crates: state machines without clock, dice, input or output, so that every lens may run them.
//!
//! Most of that is proved by the compiler, since a crate without `std` has no way to the world. What is checked here is
//! that the compiler is asked: the attribute, the lints, the dependencies, and that `xtask/no-std` builds every one.

use super::Failure;
use super::direction::{is_pure, pure_crates};
use super::words::{code_and_comment, names};
use super::workspace::{Crate, TextFile, find};

/// Whoever imports a role imports the workspace's words, and `serde` only when asked for.
pub(crate) fn dependencies(crates: &[Crate]) -> Vec<Failure> {
    let mut failures = Vec::new();
    for krate in crates.iter().filter(|krate| is_pure(&krate.name)) {
        for dependency in krate.dependencies.iter().filter(|dependency| !dependency.in_workspace) {
            let repair = match (dependency.name.as_str(), dependency.optional) {
                ("serde", true) => continue,
                ("serde", false) => "serde must be optional in a pure crate: add `optional = true`".to_owned(),
                (name, _) => format!("a pure crate has no dependency but optional serde: remove {name}"),
            };
            failures.push(Failure::new(krate.manifest(), repair));
        }
    }
    failures
}

/// `#![no_std]` in every pure crate, and ordered collections only: iteration over a hash map differs from run to run,
/// and then the same state and event no longer give the same effects.
pub(crate) fn sources(crates: &[Crate], files: &[TextFile]) -> Vec<Failure> {
    let mut failures = Vec::new();
    for krate in crates.iter().filter(|krate| is_pure(&krate.name)) {
        let lib = format!("{}/src/lib.rs", krate.folder);
        if !find(files, &lib).is_some_and(|file| file.text.lines().any(|line| line.trim() == "#![no_std]")) {
            failures.push(Failure::new(lib, "a pure crate says `#![no_std]`: add it below the crate's story"));
        }
        for file in files.iter().filter(|file| krate.owns(file) && file.is_rust()) {
            for (index, line) in file.text.lines().enumerate() {
                let (code, _) = code_and_comment(line);
                if names(code, "HashMap") || names(code, "HashSet") {
                    let repair = "state uses ordered collections only: use BTreeMap or BTreeSet";
                    failures.push(Failure::new(format!("{}:{}", file.path, index + 1), repair));
                }
            }
        }
    }
    failures
}

/// `xtask/no-std` names every pure crate, so none of them escapes the build without std.
pub(crate) fn built_without_std(files: &[TextFile]) -> Vec<Failure> {
    const PROOF: &str = "xtask/no-std/src/lib.rs";
    let text = find(files, PROOF).map_or("", |file| file.text.as_str());
    pure_crates()
        .map(|name| format!("use {} as _;", name.replace('-', "_")))
        .filter(|line| !text.lines().any(|found| found == line))
        .map(|line| Failure::new(PROOF, format!("every pure crate is built without std: add `{line}`")))
        .collect()
}

/// The workspace forbids unsafe code, and every crate takes the workspace's lints.
pub(crate) fn lints(crates: &[Crate], files: &[TextFile]) -> Vec<Failure> {
    let says = |path: &str, table: &str, entry: &str| {
        find(files, path).is_some_and(|file| {
            let mut lines = file.text.lines().skip_while(|line| line.trim() != table).skip(1);
            lines.by_ref().take_while(|line| !line.starts_with('[')).any(|line| line.trim() == entry)
        })
    };
    let mut failures = Vec::new();
    if !says("Cargo.toml", "[workspace.lints.rust]", "unsafe_code = \"forbid\"") {
        let repair = "the workspace forbids unsafe code: add `unsafe_code = \"forbid\"` to [workspace.lints.rust]";
        failures.push(Failure::new("Cargo.toml", repair));
    }
    for krate in crates {
        if !says(&krate.manifest(), "[lints]", "workspace = true") {
            let repair = "every crate takes the workspace's lints: add `[lints]` with `workspace = true`";
            failures.push(Failure::new(krate.manifest(), repair));
        }
    }
    failures
}

#[cfg(test)]
mod tests {
    use super::super::workspace::Dependency;
    use super::super::workspace::made_up::{a_crate, file};
    use super::*;

    #[test]
    fn a_pure_crate_depends_on_optional_serde_only() {
        let with = |name: &str, optional| {
            let mut krate = a_crate("paxos-messages", &["paxos-process"]);
            krate.dependencies.push(Dependency { name: name.to_owned(), in_workspace: false, optional });
            dependencies(&[krate])
        };
        assert_eq!(with("serde", true), []);
        assert!(with("serde", false)[0].repair.contains("optional"));
        assert!(with("rand", true)[0].repair.contains("remove rand"));
    }

    #[test]
    fn a_driver_depends_on_what_it_needs() {
        let mut krate = a_crate("paxos-node", &["paxos-process"]);
        krate.dependencies.push(Dependency { name: "tokio".to_owned(), in_workspace: false, optional: false });
        assert_eq!(dependencies(&[krate]), []);
    }

    #[test]
    fn a_pure_crate_says_no_std_and_keeps_its_state_in_order() {
        let crates = [a_crate("paxos-learner", &[])];
        let check = |text: &str| sources(&crates, &[file("crates/paxos-learner/src/lib.rs", text)]);
        assert_eq!(check("//! No HashMap here.\n#![no_std]\nuse alloc::collections::BTreeMap;\n"), []);
        assert!(check("//! Says `#![no_std]` in words only.\n")[0].repair.contains("#![no_std]"));
        let failures = check("#![no_std]\nuse std::collections::HashMap;\n");
        assert_eq!(failures[0].file, "crates/paxos-learner/src/lib.rs:2");
        assert_eq!(sources(&crates, &[]).len(), 1);
    }

    #[test]
    fn a_pure_crate_that_is_not_built_without_std_fails() {
        let all: Vec<String> = pure_crates().map(|name| format!("use {} as _;", name.replace('-', "_"))).collect();
        let check = |lines: &[String]| built_without_std(&[file("xtask/no-std/src/lib.rs", &lines.join("\n"))]);
        assert_eq!(check(&all), []);
        assert_eq!(check(&all[1..]).len(), 1);
        assert_eq!(built_without_std(&[]).len(), all.len());
    }

    #[test]
    fn a_crate_without_the_lints_of_the_workspace_fails() {
        let crates = [a_crate("paxos-sim", &[])];
        let root = file("Cargo.toml", "[workspace.lints.rust]\nunsafe_code = \"forbid\"\n");
        let check = |root: &TextFile, text: &str| {
            lints(&crates, &[file(&root.path, &root.text), file("crates/paxos-sim/Cargo.toml", text)])
        };
        assert_eq!(check(&root, "[lints]\nworkspace = true\n"), []);
        assert_eq!(check(&root, "[package]\nname = \"paxos-sim\"\n").len(), 1);
        assert_eq!(check(&root, "[lints]\n[dependencies]\nworkspace = true\n").len(), 1);
        let lenient = file("Cargo.toml", "[workspace.lints.rust]\nunsafe_code = \"warn\"\n");
        assert_eq!(check(&lenient, "[lints]\nworkspace = true\n").len(), 1);
    }
}

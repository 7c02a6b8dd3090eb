//! The book quotes code and does not copy it. mdbook prints an empty block where an anchor is gone, so that is checked
//! here: every chapter exists, and every quoted passage does.

use super::Failure;
use super::workspace::{TextFile, find};

/// Every chapter that the summary links to exists.
pub(crate) fn chapters(files: &[TextFile]) -> Vec<Failure> {
    let Some(summary) = find(files, SUMMARY) else {
        return vec![Failure::new(SUMMARY, "the book has no summary: write it")];
    };
    link_targets(&summary.text)
        .filter(|target| find(files, &resolve(SUMMARY, target)).is_none())
        .map(|target| Failure::new(SUMMARY, format!("links to {target}, which does not exist: write it or unlink it")))
        .collect()
}

/// Every passage that a chapter includes exists, from its `ANCHOR` to its `ANCHOR_END`.
pub(crate) fn includes(files: &[TextFile]) -> Vec<Failure> {
    let mut failures = Vec::new();
    for chapter in files.iter().filter(|file| file.path.starts_with("docs/src/") && file.path.ends_with(".md")) {
        for (line, Include { path, passage }) in includes_of(&chapter.text) {
            let place = format!("{}:{line}", chapter.path);
            let target = resolve(&chapter.path, path);
            let Some(included) = find(files, &target) else {
                failures.push(Failure::new(place, format!("includes {path}, but there is no {target}")));
                continue;
            };
            let Some(anchor) = passage.filter(|passage| !is_line_range(passage)) else { continue };
            for mark in ["ANCHOR:", "ANCHOR_END:"] {
                if !has_mark(&included.text, mark, anchor) {
                    failures.push(Failure::new(
                        &place,
                        format!("includes {path}:{anchor}; add `// {mark} {anchor}` to {target}"),
                    ));
                }
            }
        }
    }
    failures
}

/// `{{#include path}}` or `{{#include path:passage}}`.
struct Include<'a> {
    path: &'a str,
    passage: Option<&'a str>,
}

/// The includes of a chapter and the lines that they stand on. `\{{#include` is mdbook's way to show one as text.
fn includes_of(chapter: &str) -> impl Iterator<Item = (usize, Include<'_>)> {
    chapter.lines().enumerate().flat_map(|(index, line)| {
        line.match_indices("{{#").filter_map(move |(start, opening)| {
            if line[..start].ends_with('\\') {
                return None;
            }
            let (inside, _) = line[start + opening.len()..].split_once("}}")?;
            let (command, target) = inside.trim().split_once(char::is_whitespace)?;
            if !matches!(command, "include" | "rustdoc_include") {
                return None;
            }
            let target = target.trim();
            let (path, passage) = target.split_once(':').map_or((target, None), |(path, rest)| (path, Some(rest)));
            Some((index + 1, Include { path, passage }))
        })
    })
}

/// `12`, `:20` and `12:20` are lines, not an anchor.
fn is_line_range(passage: &str) -> bool {
    passage.chars().all(|c| c.is_ascii_digit() || c == ':')
}

fn has_mark(text: &str, mark: &str, anchor: &str) -> bool {
    text.lines().any(|line| {
        let Some((_, after)) = line.split_once(mark) else { return false };
        let rest = after.trim_start().strip_prefix(anchor);
        // The name ends here: `vote` is not the anchor `vote-again`.
        rest.is_some_and(|rest| !rest.starts_with(|c: char| c.is_alphanumeric() || c == '_' || c == '-'))
    })
}

/// The `target` of every `[text](target)`; a chapter that is only announced, `[text]()`, has none.
fn link_targets(summary: &str) -> impl Iterator<Item = &str> {
    let after_brackets = summary.split("](").skip(1);
    after_brackets.filter_map(|rest| rest.split_once(')')).map(|(target, _)| target).filter(|target| !target.is_empty())
}

/// `target`, as written in the file `from`, from the root of the workspace.
fn resolve(from: &str, target: &str) -> String {
    let mut parts: Vec<&str> = from.split('/').collect();
    parts.pop();
    for part in target.split('/') {
        match part {
            "." | "" => {}
            ".." => {
                parts.pop();
            }
            _ => parts.push(part),
        }
    }
    parts.join("/")
}

const SUMMARY: &str = "docs/src/SUMMARY.md";

#[cfg(test)]
mod tests {
    use super::super::workspace::made_up::file;
    use super::*;

    #[test]
    fn a_chapter_that_is_not_there_fails() {
        let summary = file(SUMMARY, "# Summary\n\n- [Roles](roles/all.md)\n- [Later]()\n- [Gone](./gone.md)\n");
        let failures = chapters(&[summary, file("docs/src/roles/all.md", "")]);
        assert_eq!(failures.len(), 1);
        assert!(failures[0].repair.starts_with("links to ./gone.md"));
        assert_eq!(chapters(&[]).len(), 1);
    }

    /// What `includes` says about a chapter that quotes one file with one complete anchor.
    #[track_caller]
    fn check(chapter: &str, expected: &[&str]) {
        let code = "// ANCHOR: vote\nfn vote() {}\n// ANCHOR_END: vote\n// ANCHOR: open\n";
        let files = [file("docs/src/roles/all.md", chapter), file("crates/paxos-acceptor/src/single.rs", code)];
        let repairs: Vec<String> = includes(&files).into_iter().map(|failure| failure.repair).collect();
        assert_eq!(repairs.len(), expected.len(), "{repairs:?}");
        for (repair, expected) in repairs.iter().zip(expected) {
            assert!(repair.contains(expected), "{repair}");
        }
    }

    #[test]
    fn a_passage_that_is_there_passes() {
        check("{{#include ../../../crates/paxos-acceptor/src/single.rs}}", &[]);
        check("{{#include ../../../crates/paxos-acceptor/src/single.rs:vote}}", &[]);
        check("{{#rustdoc_include ../../../crates/paxos-acceptor/src/single.rs:1:3}}", &[]);
        check("\\{{#include anything.rs}} and {{#title Roles}}", &[]);
    }

    #[test]
    fn a_passage_that_is_not_there_fails() {
        check("{{#include ../../../crates/gone.rs}}", &["there is no crates/gone.rs"]);
        check("{{#include ../../../crates/paxos-acceptor/src/single.rs:open}}", &["ANCHOR_END: open"]);
        check("{{#include ../../../crates/paxos-acceptor/src/single.rs:vot}}", &["ANCHOR: vot`", "ANCHOR_END: vot`"]);
    }
}

//! A file is read from top to bottom in one sitting, so it may not grow without end. Tests may.

use super::Failure;
use super::workspace::TextFile;

pub(crate) fn check(files: &[TextFile]) -> Vec<Failure> {
    let mut failures = Vec::new();
    for (lines, path) in longest(files, usize::MAX) {
        let limit = if ROLES.iter().any(|role| path.starts_with(role)) { ROLE_LIMIT } else { LIMIT };
        if lines > limit {
            let repair = format!("{lines} lines that are not tests, of at most {limit}: split it by topic");
            failures.push(Failure::new(path, repair));
        }
    }
    failures
}

/// The longest source files and their lines, longest first.
pub(crate) fn longest(files: &[TextFile], count: usize) -> Vec<(usize, &str)> {
    let sources = files.iter().filter(|file| file.is_rust() && !file.is_test());
    let mut lengths: Vec<(usize, &str)> =
        sources.map(|file| (lines_that_are_not_tests(&file.text), file.path.as_str())).collect();
    lengths.sort_by(|a, b| b.cmp(a));
    lengths.truncate(count);
    lengths
}

/// An inline test module runs from its `#[cfg(test)]` at the left edge to the `}` at the left edge; rustfmt sees to it
/// that there is no other such brace in between. A `mod tests;` in a file of its own is one line of the source.
fn lines_that_are_not_tests(text: &str) -> usize {
    let mut lines = text.lines().peekable();
    let mut count = 0;
    while let Some(line) = lines.next() {
        let inline_module = |next: &&str| next.contains("mod ") && next.ends_with('{');
        if line == "#[cfg(test)]" && lines.peek().is_some_and(inline_module) {
            lines.by_ref().find(|line| *line == "}");
        } else {
            count += 1;
        }
    }
    count
}

const LIMIT: usize = 400;

/// A role is what a student opens first, so it is shorter still.
const ROLE_LIMIT: usize = 250;
const ROLES: &[&str] = &["crates/paxos-proposer/", "crates/paxos-acceptor/", "crates/paxos-learner/"];

#[cfg(test)]
mod tests {
    use super::super::workspace::made_up::file;
    use super::*;

    #[test]
    fn a_file_fails_one_line_above_its_limit() {
        let fails = |path: &str, lines: usize| !check(&[file(path, &"fn a() {}\n".repeat(lines))]).is_empty();
        for (path, limit) in [("crates/paxos-sim/src/world.rs", 400), ("crates/paxos-acceptor/src/single.rs", 250)] {
            assert!(!fails(path, limit), "{path}");
            assert!(fails(path, limit + 1), "{path}");
        }
        assert!(!fails("crates/paxos-acceptor/src/single/tests.rs", 1000));
        assert!(!fails("crates/paxos-sim/tests/scripts.rs", 1000));
        assert!(!fails("docs/src/book.md", 1000));
    }

    #[test]
    fn an_inline_test_module_is_not_counted() {
        let module = "#[cfg(test)]\nmod tests {\n    fn a() {\n    }\n}\n";
        assert_eq!(lines_that_are_not_tests(&format!("fn a() {{}}\n{module}fn b() {{}}\n")), 2);
        assert_eq!(lines_that_are_not_tests("#[cfg(test)]\nmod tests;\n"), 2);
        assert_eq!(lines_that_are_not_tests("#[cfg(test)]\nfn only_for_tests() {\n}\n"), 3);
    }
}

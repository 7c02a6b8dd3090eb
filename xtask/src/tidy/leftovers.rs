//! Nothing unfinished is checked in: what is not done is not there, and is listed among the deliberate absences.

use super::Failure;
use super::words::{code_and_comment, names};
use super::workspace::TextFile;

/// Macros are looked for in comments too, since a doc test is a comment. Xtask itself must be able to say the words.
pub(crate) fn check(files: &[TextFile]) -> Vec<Failure> {
    let mut failures = Vec::new();
    for file in files.iter().filter(|file| file.is_rust() && !file.path.starts_with("xtask/")) {
        for (index, line) in file.text.lines().enumerate() {
            let (_, comment) = code_and_comment(line);
            let macros = MACROS.iter().filter(|word| names(line, word));
            let notes = NOTES.iter().filter(|word| names(comment, word));
            for word in macros.chain(notes) {
                let repair = format!("`{word}` is left over: finish it, or take it out");
                failures.push(Failure::new(format!("{}:{}", file.path, index + 1), repair));
            }
        }
    }
    failures
}

const MACROS: &[&str] = &["todo!", "dbg!", "unimplemented!"];
const NOTES: &[&str] = &["TODO", "FIXME", "XXX"];

#[cfg(test)]
mod tests {
    use super::super::workspace::made_up::file;
    use super::*;

    #[test]
    fn what_is_left_over_fails_once_and_by_line() {
        let check = |text: &str| check(&[file("crates/paxos-sim/src/lib.rs", text)]);
        for leftover in ["todo!()", "let a = dbg!(b);", "/// unimplemented!(\"b\")", "a(); // TODO: b", "/* XXX */"] {
            let failures = check(&format!("fn a() {{\n{leftover}\n}}\n"));
            assert_eq!(failures.len(), 1, "{leftover}");
            assert_eq!(failures[0].file, "crates/paxos-sim/src/lib.rs:2");
        }
        for fine in ["let todo = 1;", "\"XXX\"", "// TODOS of others", "mytodo!()"] {
            assert_eq!(check(fine), [], "{fine}");
        }
    }

    #[test]
    fn only_rust_is_read_and_not_xtask() {
        assert_eq!(check(&[file("xtask/src/main.rs", "todo!()"), file("notes.md", "// TODO")]), []);
    }
}

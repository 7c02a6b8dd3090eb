//! Just enough reading of text for the checks: whole words, and where a comment begins.

/// Whether `text` has `word` as a whole word. A hyphen is part of a word, as it is in the names of crates: a text that
/// names `paxos-sim` has not named `paxos`.
pub(crate) fn names(text: &str, word: &str) -> bool {
    let part_of_word = |c: char| c.is_alphanumeric() || c == '_' || c == '-';
    text.match_indices(word).any(|(start, _)| {
        let before = text[..start].chars().next_back();
        let after = text[start + word.len()..].chars().next();
        !before.is_some_and(part_of_word) && !after.is_some_and(part_of_word)
    })
}

/// A line of Rust as its code and its comment. A `//` in a string is taken for a comment, and the inside of a block
/// comment for code: both are rare here, and a reader of the failure sees what happened.
pub(crate) fn code_and_comment(line: &str) -> (&str, &str) {
    let start = ["//", "/*"].iter().filter_map(|mark| line.find(mark)).min();
    line.split_at(start.unwrap_or(line.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_is_whole() {
        assert!(names("`paxos` is the facade", "paxos"));
        assert!(names("paxos-sim and paxos", "paxos"));
        assert!(!names("paxos-sim, multipaxos, paxos_basic", "paxos"));
    }

    #[test]
    fn a_comment_begins_at_its_first_mark() {
        assert_eq!(code_and_comment("let a = 1; // why"), ("let a = 1; ", "// why"));
        assert_eq!(code_and_comment("/* a // b */"), ("", "/* a // b */"));
        assert_eq!(code_and_comment("let a = 1;"), ("let a = 1;", ""));
    }
}

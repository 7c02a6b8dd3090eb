//! `ARCHITECTURE.md` is the map: a crate that is not on it is found by accident only.

use super::Failure;
use super::words::names;
use super::workspace::{Crate, TextFile, find};

pub(crate) fn check(crates: &[Crate], files: &[TextFile]) -> Vec<Failure> {
    let map = find(files, MAP).map_or("", |file| file.text.as_str());
    crates
        .iter()
        .filter(|krate| !names(map, &krate.name))
        .map(|krate| {
            Failure::new(MAP, format!("name the crate {} ({}) and say what it is for", krate.name, krate.folder))
        })
        .collect()
}

const MAP: &str = "ARCHITECTURE.md";

#[cfg(test)]
mod tests {
    use super::super::workspace::made_up::{a_crate, file};
    use super::*;

    #[test]
    fn a_crate_that_is_not_on_the_map_fails() {
        let crates = [a_crate("paxos", &[]), a_crate("paxos-sim", &[])];
        assert_eq!(check(&crates, &[file(MAP, "`paxos` and `paxos-sim`")]), []);
        let failures = check(&crates, &[file(MAP, "only `paxos-sim`")]);
        assert_eq!(failures.len(), 1);
        assert!(failures[0].repair.starts_with("name the crate paxos "));
        assert_eq!(check(&crates, &[]).len(), 2);
    }
}

//! bincode is named in one place, so that changing how a record becomes bytes changes one crate.

use super::Failure;
use super::workspace::TextFile;

/// The workspace's table of versions and this rule itself are the two other places that must say the name.
pub(crate) fn check(files: &[TextFile]) -> Vec<Failure> {
    let exempt =
        |path: &str| path == "Cargo.toml" || path.starts_with("crates/paxos-codec/") || path.starts_with("xtask/");
    files
        .iter()
        .filter(|file| (file.is_rust() || file.name() == "Cargo.toml") && !exempt(&file.path))
        .filter(|file| file.text.contains("bincode"))
        .map(|file| Failure::new(&file.path, "bincode is named in paxos-codec only: call paxos-codec instead"))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::workspace::made_up::file;
    use super::*;

    #[test]
    fn only_the_codec_names_bincode() {
        assert_eq!(check(&[file("crates/paxos-codec/src/lib.rs", "use bincode::config;")]), []);
        assert_eq!(check(&[file("Cargo.toml", "bincode = \"2\""), file("Cargo.lock", "bincode")]), []);
        assert_eq!(check(&[file("crates/paxos-wal/Cargo.toml", "bincode.workspace = true")]).len(), 1);
        assert_eq!(check(&[file("crates/paxos-node/src/lib.rs", "bincode::encode(&record)")]).len(), 1);
    }
}

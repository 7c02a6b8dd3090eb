//! Golden scripts: stories of Raft, each with the lines it must tell.
//!
//! `UPDATE_GOLDEN=1 cargo test -p paxos-raft` writes the lines anew; read the difference before you commit it.

use std::{env, fs, path::Path};

use paxos_raft::{Options, Replica};
use paxos_sim::{Script, World};

#[test]
fn scripts_tell_what_they_told() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/scripts");
    let mut scripts: Vec<_> =
        fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path()).collect();
    scripts.sort();
    assert!(scripts.len() >= 10, "the stories are there: {}", scripts.len());
    for path in scripts {
        let name = path.display();
        let text = fs::read_to_string(&path).expect("a script can be read");
        let script = Script::parse(&text).unwrap_or_else(|error| panic!("{name}: {error}"));
        let quorums = script.header.quorums;
        let option = |name: &str, otherwise| script.header.options.get(name).copied().unwrap_or(otherwise);
        let Options { window, retain } = Options::default();
        let options = Options { window: option("window", window), retain: option("retain", retain) };
        let world = World::new(script.header.setting(), |id| Replica::<String>::new(id, quorums, options));
        let told = script.replay(world, &mut ()).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(told.violated, [], "{name}");
        if env::var_os("UPDATE_GOLDEN").is_some() {
            fs::write(&path, told.text).expect("a script can be written");
        } else {
            assert_eq!(told.text, text, "{name}: UPDATE_GOLDEN=1 writes it anew");
        }
    }
}

//! Golden scripts of what the network does when links are cut.
//!
//! `UPDATE_GOLDEN=1 cargo test -p paxos-sim` writes the lines anew; read the difference before you commit it.

use std::{env, fs, path::Path};

use paxos_basic::Replica;
use paxos_sim::{Script, World};

#[test]
fn scripts_tell_what_they_told() {
    for name in ["in_flight", "minority", "one_way"] {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/scripts/{name}.script"));
        let text = fs::read_to_string(&path).expect("a script can be read");
        let script = Script::parse(&text).unwrap_or_else(|error| panic!("{name}: {error}"));
        let quorums = script.header.quorums;
        let world = World::new(script.header.setting(), |id| Replica::<String>::new(id, quorums));
        let told = script.replay(world, &mut ()).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(told.violated, [], "{name}");
        if env::var_os("UPDATE_GOLDEN").is_some() {
            fs::write(&path, told.text).expect("a script can be written");
        } else {
            assert_eq!(told.text, text, "{name}: UPDATE_GOLDEN=1 writes it anew");
        }
    }
}

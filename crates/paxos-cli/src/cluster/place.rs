//! The directory of a local cluster: who its members are and where, its key, and the memory of each node.
//!
//! ```text
//! DIR/cluster.toml   name, key, quorums and members: also a file for `paxos node --config`
//! DIR/key            the key of the cluster, which only its owner may read
//! DIR/n1, n2, …      the memories
//! DIR/n1.log, …      what the nodes log
//! DIR/lock           held by the program that runs the cluster
//! DIR/unfinished     only while the cluster is founded
//! ```

use std::{
    collections::BTreeMap,
    fmt::Write as _,
    fs::{self, File, OpenOptions, TryLockError},
    io::{self, Write},
    net::{Ipv4Addr, SocketAddr, TcpListener},
    path::{Path, PathBuf},
};

use anyhow::{Context, bail};
use paxos_kv::{Batch, client::Config};
use paxos_messages::multi::Record;
use paxos_node::{Key, Store};
use paxos_process::{NodeId, NodeSet};
use paxos_quorums::Quorums;
use serde::Deserialize;

use crate::{args, node};

/// The cluster that lives in a directory.
#[derive(Clone)]
pub(crate) struct Place {
    directory: PathBuf,
    pub(crate) name: String,
    key: Key,
    pub(crate) members: BTreeMap<NodeId, SocketAddr>,
}

/// What of `cluster.toml` concerns more than one node.
#[derive(Deserialize)]
struct Written {
    cluster: String,
    key: PathBuf,
    peers: BTreeMap<String, String>,
}

impl Place {
    /// The cluster in `directory`.
    ///
    /// # Errors
    ///
    /// When there is none, or its files cannot be read.
    pub(crate) fn open(directory: &Path) -> anyhow::Result<Self> {
        let file = directory.join(DESCRIPTION);
        let text = match fs::read_to_string(&file) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                bail!(
                    "there is no cluster in {0}: {DESCRIPTION} is missing. `cargo paxos cluster --data {0}` makes one",
                    directory.display()
                )
            }
            Err(error) => return Err(error).with_context(|| format!("cannot read {}", file.display())),
        };
        let written: Written =
            toml::from_str(&text).with_context(|| format!("{} describes no cluster", file.display()))?;
        let mut members = BTreeMap::new();
        for (id, address) in &written.peers {
            let peer: args::Peer =
                format!("{id}={address}").parse().map_err(|error| anyhow::anyhow!("{}: {error}", file.display()))?;
            members.insert(peer.id, peer.address);
        }
        let key = Key::read(directory.join(&written.key))?;
        Ok(Self { directory: directory.to_owned(), name: written.cluster, key, members })
    }

    /// Makes a cluster of so many nodes, with new memories, in `directory`: at free ports, or from `port` on. All its
    /// nodes are founding members. Nobody sees a cluster before it is whole: what a program has left that was killed on
    /// the way has never voted, so it is removed, and founded anew.
    ///
    /// # Errors
    ///
    /// When there is something in the directory, no port is free, or files cannot be written.
    pub(crate) fn found(directory: &Path, nodes: u8, port: Option<u16>) -> anyhow::Result<Self> {
        fs::create_dir_all(directory).with_context(|| format!("cannot create {}", directory.display()))?;
        check(directory)?;
        let members = addresses(nodes, port)?;
        remove_unfinished(directory).with_context(|| format!("cannot clear {}", directory.display()))?;
        begin(directory).with_context(|| format!("cannot write to {}", directory.display()))?;
        let key = Key::generate().context("there is no randomness for a key")?;
        write_private(&directory.join(KEY), &(key.to_hex() + "\n")).context("cannot write the key")?;
        let name = format!("local-{}", &Key::generate()?.to_hex()[..8]);
        let place = Self { directory: directory.to_owned(), name, key, members };
        for &id in place.members.keys() {
            place.found_node(id)?;
        }
        place.describe()?;
        finish(directory)?;
        Ok(place)
    }

    /// Has all nodes listen at other ports, which are free now. None of them runs: each is told where the others are when it
    /// starts.
    ///
    /// # Errors
    ///
    /// When no port is free, or `cluster.toml` cannot be written.
    pub(crate) fn move_to_free_ports(&mut self) -> anyhow::Result<()> {
        let nodes = u8::try_from(self.members.len()).expect("a cluster has few members");
        self.members = addresses(nodes, None)?;
        self.describe()
    }

    /// Gives a node its name and an empty log: from now on an empty directory means that its memory is lost.
    fn found_node(&self, id: NodeId) -> anyhow::Result<()> {
        let data = self.data(id);
        node::found(&data).with_context(|| format!("cannot write to {}", data.display()))?;
        Store::<Record<Batch>>::open(&data, node::identity(id, &self.name, &self.quorums()?))?;
        Ok(())
    }

    /// Writes `cluster.toml`, at once.
    fn describe(&self) -> anyhow::Result<()> {
        let mut text =
            String::from("# A cluster of `paxos cluster`; also for `paxos node --config` and `paxos kv --cluster`.\n");
        _ = writeln!(text, "cluster = \"{}\"\nkey = \"{KEY}\"\nquorums = \"majority\"\n\n[peers]", self.name);
        for (id, address) in &self.members {
            _ = writeln!(text, "{} = \"{address}\"", id.0);
        }
        let (whole, written) = (self.directory.join(DESCRIPTION), self.directory.join(NEW_DESCRIPTION));
        let mut file = File::create(&written).with_context(|| format!("cannot write {}", written.display()))?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        fs::rename(&written, &whole).with_context(|| format!("cannot write {}", whole.display()))?;
        Ok(File::open(&self.directory)?.sync_all()?)
    }

    /// The quorums of the members.
    ///
    /// # Errors
    ///
    /// When there are no members.
    pub(crate) fn quorums(&self) -> anyhow::Result<Quorums> {
        Ok(Quorums::majority(self.members.keys().copied().collect::<NodeSet>())?)
    }

    pub(crate) fn directory(&self) -> &Path {
        &self.directory
    }

    /// The memory of a node.
    pub(crate) fn data(&self, id: NodeId) -> PathBuf {
        self.directory.join(id.to_string())
    }

    /// What a node logs.
    pub(crate) fn log(&self, id: NodeId) -> PathBuf {
        self.directory.join(format!("{id}.log"))
    }

    /// How a client reaches it.
    pub(crate) fn config(&self) -> Config {
        Config { key: Some(self.key.clone()), ..Config::new(self.members.clone(), self.name.clone()) }
    }

    pub(crate) fn description(&self) -> PathBuf {
        self.directory.join(DESCRIPTION)
    }
}

/// Whether a cluster lives in `directory`.
pub(crate) fn is_place(directory: &Path) -> bool {
    directory.join(DESCRIPTION).exists()
}

/// Whether a cluster lives in `directory`, or may be founded there: not among somebody else's files, which are left as they
/// are.
///
/// # Errors
///
/// When something else is there.
pub(crate) fn check(directory: &Path) -> anyhow::Result<()> {
    if is_place(directory) {
        return Place::open(directory).map(drop);
    }
    if is_unfinished(directory) {
        return Ok(());
    }
    let entries = match fs::read_dir(directory) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error).with_context(|| format!("cannot read {}", directory.display())),
    };
    for entry in entries.filter_map(Result::ok) {
        let name = entry.file_name();
        // The lock of a cluster is an empty file, so another one is somebody else's. And a mark that was not written to
        // its end is all that there is.
        let is_lock = name == LOCK && entry.metadata().is_ok_and(|found| found.is_file() && found.len() == 0);
        let is_mark = name == UNFINISHED && fs::read_to_string(entry.path()).is_ok_and(|text| MARK.starts_with(&text));
        if !is_lock && !is_mark {
            bail!("{} holds {name:?} and no cluster: give it a new or empty directory", directory.display());
        }
    }
    Ok(())
}

/// Makes this program the one that runs the cluster in `directory`, for as long as it keeps the file.
///
/// # Errors
///
/// When another one runs it.
pub(crate) fn lock(directory: &Path) -> anyhow::Result<File> {
    fs::create_dir_all(directory).with_context(|| format!("cannot create {}", directory.display()))?;
    let lock = OpenOptions::new().write(true).create(true).truncate(false).open(directory.join(LOCK));
    let lock = lock.with_context(|| format!("cannot write to {}", directory.display()))?;
    match lock.try_lock() {
        Ok(()) => Ok(lock),
        Err(TryLockError::WouldBlock) => bail!("another program runs the cluster in {}", directory.display()),
        Err(TryLockError::Error(error)) => Err(error).context("cannot lock the directory"),
    }
}

/// Says that from now on all that is in `directory` is of a cluster that is being founded, until the mark is removed.
fn begin(directory: &Path) -> io::Result<()> {
    let mut mark = File::create(directory.join(UNFINISHED))?;
    mark.write_all(MARK.as_bytes())?;
    mark.sync_all()?;
    File::open(directory)?.sync_all()
}

/// Removes the mark of a founding that was finished but for that. Left there, it would give the memories away as soon as
/// somebody moves the description.
///
/// # Errors
///
/// When it cannot be removed.
pub(crate) fn finish(directory: &Path) -> anyhow::Result<()> {
    let mark = directory.join(UNFINISHED);
    match fs::remove_file(&mark) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("cannot remove {}", mark.display()))
        }
        _ => Ok(()),
    }
}

/// Whether somebody began to found a cluster in `directory`, and has not finished.
fn is_unfinished(directory: &Path) -> bool {
    !is_place(directory) && fs::read_to_string(directory.join(UNFINISHED)).is_ok_and(|text| text == MARK)
}

/// Removes what is left of a founding that was not finished; the mark goes last.
fn remove_unfinished(directory: &Path) -> io::Result<()> {
    if !is_unfinished(directory) {
        return Ok(());
    }
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        let name = entry.file_name();
        let is_memory = NodeSet::first(MOST).into_iter().any(|id| name == id.to_string().as_str());
        if is_memory {
            fs::remove_dir_all(entry.path())?;
        } else if name == KEY || name == NEW_DESCRIPTION {
            fs::remove_file(entry.path())?;
        }
    }
    fs::remove_file(directory.join(UNFINISHED))
}

/// Ports are held until all are known, so that they differ; a moment later somebody else may have one.
fn addresses(nodes: u8, port: Option<u16>) -> anyhow::Result<BTreeMap<NodeId, SocketAddr>> {
    let (mut held, mut members) = (Vec::new(), BTreeMap::new());
    for id in NodeSet::first(nodes) {
        let port = match port {
            None => 0,
            Some(base) => base.checked_add(u16::from(id.0 - 1)).context("there is no port above 65535")?,
        };
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port))
            .with_context(|| format!("port {port} is not free; give another --port, or none"))?;
        members.insert(id, listener.local_addr()?);
        held.push(listener);
    }
    Ok(members)
}

fn write_private(file: &Path, text: &str) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(file)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

/// The most nodes of a local cluster.
pub(crate) const MOST: u8 = 15;
const DESCRIPTION: &str = "cluster.toml";
const NEW_DESCRIPTION: &str = "cluster.toml.new";
const KEY: &str = "key";
const LOCK: &str = "lock";
const UNFINISHED: &str = "unfinished";
/// What is in that file.
const MARK: &str =
    "A cluster is being founded here. If it is not finished, `paxos cluster` removes it and begins anew.\n";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn somebody_elses_files_are_left_alone() {
        let check_with = |name: &str, text: &str, is_welcome: bool| {
            let directory = tempfile::tempdir().unwrap();
            let file = directory.path().join(name);
            fs::write(&file, text).unwrap();
            assert_eq!(check(directory.path()).is_ok(), is_welcome, "{name}: {text:?}");
            assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
            assert_eq!(fs::read_to_string(&file).unwrap(), text);
        };
        check_with("lock", "", true);
        check_with("lock", "mine", false);
        check_with("notes", "", false);
        check_with(DESCRIPTION, "mine", false);
        let directory = tempfile::tempdir().unwrap();
        assert!(check(directory.path()).is_ok(), "an empty one");
        assert!(check(&directory.path().join("new")).is_ok());
    }

    #[test]
    fn what_was_not_finished_is_founded_anew() {
        let founded = |prepare: fn(&Path)| {
            let directory = tempfile::tempdir().unwrap();
            prepare(directory.path());
            let place = check(directory.path()).and_then(|()| Place::found(directory.path(), 3, None));
            place.map(|place| {
                assert_eq!(Place::open(directory.path()).unwrap().members, place.members);
                assert!(!directory.path().join(UNFINISHED).exists());
            })
        };
        let all_but_its_description = |directory: &Path| {
            Place::found(directory, 15, None).unwrap();
            fs::remove_file(directory.join(DESCRIPTION)).unwrap();
        };
        assert!(founded(all_but_its_description).is_err(), "without the mark nobody knows whose it is");
        founded(|directory| begin(directory).unwrap()).unwrap();
        founded(|directory| fs::write(directory.join(UNFINISHED), "").unwrap()).unwrap();
        founded(|directory| {
            Place::found(directory, 15, None).unwrap();
            fs::rename(directory.join(DESCRIPTION), directory.join(NEW_DESCRIPTION)).unwrap();
            begin(directory).unwrap();
        })
        .unwrap();
        assert!(founded(|directory| fs::write(directory.join(UNFINISHED), "mine").unwrap()).is_err());
        let empty_beside_a_key = |directory: &Path| {
            fs::write(directory.join(UNFINISHED), "").unwrap();
            fs::write(directory.join(KEY), "mine").unwrap();
        };
        assert!(founded(empty_beside_a_key).is_err());
    }

    #[test]
    fn a_founded_cluster_is_no_unfinished_one() {
        let directory = tempfile::tempdir().unwrap();
        let place = Place::found(directory.path(), 3, None).unwrap();
        begin(directory.path()).unwrap(); // killed before the mark was removed
        assert!(!is_unfinished(directory.path()));
        remove_unfinished(directory.path()).unwrap();
        finish(directory.path()).unwrap();
        finish(directory.path()).unwrap();
        assert!(!directory.path().join(UNFINISHED).exists());
        assert_eq!(Place::open(directory.path()).unwrap().members, place.members);
    }

    #[test]
    fn a_cluster_that_moves_is_the_same_elsewhere() {
        let directory = tempfile::tempdir().unwrap();
        let founded = Place::found(directory.path(), 3, None).unwrap();
        let _held = founded.members.values().map(|at| TcpListener::bind(at).unwrap()).collect::<Vec<_>>();
        Place::open(directory.path()).unwrap().move_to_free_ports().unwrap();
        let moved = Place::open(directory.path()).unwrap();
        assert!(moved.name == founded.name && moved.key == founded.key);
        assert!(moved.members.keys().eq(founded.members.keys()));
        assert!(moved.members.values().all(|at| !founded.members.values().any(|before| before == at)));
    }

    #[test]
    fn a_lock_writes_nothing() {
        let directory = tempfile::tempdir().unwrap();
        fs::write(directory.path().join(LOCK), "mine").unwrap();
        let _held = lock(directory.path()).unwrap();
        assert_eq!(fs::read_to_string(directory.path().join(LOCK)).unwrap(), "mine");
        assert!(lock(directory.path()).is_err(), "there is one at a time");
    }
}

//! The disk of a node: a log of encoded records, whose first record says whose log it is.
//!
//! A log in the wrong hands is amnesia: a node that starts on another's log takes over promises that it never made
//! and forgets those that it did. So the log carries its owner's name, and is refused to anybody else.

use std::{
    error::Error,
    fmt,
    marker::PhantomData,
    path::{Path, PathBuf},
};

use paxos_codec::{DecodeError, EncodeError, decode, encode};
use paxos_process::NodeId;
use paxos_wal::{Wal, WalError};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::Disk;

/// Whose log it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// The node.
    pub node: NodeId,
    /// Its cluster.
    pub cluster: String,
    /// The members of the cluster and their quorums, such as `{n1,n2,n3} 2 of 3`: any text that is the same on all
    /// nodes and differs when either does. A node that counts to another quorum than it once did, or than its peers
    /// do, decides alone. Addresses are not part of it: nodes may move.
    pub membership: String,
    /// What its records and messages mean, such as `paxos-log/1`: any text that changes when they do. The records of one
    /// protocol may well decode as those of another, and mean something else.
    pub protocol: String,
}

/// Shown as `n1 of cluster "paxos", which is {n1,n2,n3} 2 of 3 and speaks "paxos-log/1"`.
impl fmt::Display for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { node, cluster, membership, protocol } = self;
        write!(f, "{node} of cluster {cluster:?}, which is {membership} and speaks {protocol:?}")
    }
}

/// The log of one node, with records `R`.
pub struct Store<R> {
    wal: Wal,
    identity: Identity,
    /// The log's length after the last checkpoint of this life, in bytes: it cannot be made shorter than about that. 0
    /// before the first, since nobody knows how much of what was found is history; a node that restarts often would
    /// else let its log grow for ever.
    shortest: u64,
    /// A log is never compacted below this many bytes.
    long: u64,
    /// For one encoded record at a time; reused.
    buffer: Vec<u8>,
    records: PhantomData<fn(R) -> R>,
}

/// What the log holds, in order.
#[derive(Serialize, Deserialize)]
enum Entry<I, R> {
    /// The first record of every log, and no other.
    Identity(I),
    /// A record of the process.
    Record(R),
}

/// An identity as it was before it had a protocol. Its log could be of any.
#[derive(Deserialize)]
#[expect(dead_code, reason = "to be recognized is all that it is for")]
struct Nameless {
    node: NodeId,
    cluster: String,
    membership: String,
}

impl<R: Serialize + DeserializeOwned> Store<R> {
    /// Opens the log in `directory`, or creates it, and returns it with the records of earlier lives. Nobody else
    /// can open it until the store is dropped.
    ///
    /// # Errors
    ///
    /// When the log is in use, is damaged, is another node's or another protocol's, does not say which protocol's it is,
    /// or cannot be read or written.
    pub fn open(directory: impl AsRef<Path>, identity: Identity) -> Result<(Self, Vec<R>), StoreError> {
        let (mut position, mut records, mut found, mut nameless) = (0, Vec::new(), None, false);
        // The first entry that is wrong decides, and is told when the log's name is known.
        let mut wrong = None;
        let (wal, _) = Wal::open_with(directory, |bytes| {
            if wrong.is_none() {
                match (position, decode(bytes)) {
                    (0, Ok(Entry::Identity(owner))) => found = Some(owner),
                    (1.., Ok(Entry::<Identity, R>::Record(record))) => records.push(record),
                    (0, Err(_)) if matches!(decode(bytes), Ok(Entry::<Nameless, R>::Identity(_))) => nameless = true,
                    (_, Ok(_)) => wrong = Some((position, DecodeError::Malformed("it is out of place".into()))),
                    (_, Err(error)) => wrong = Some((position, error)),
                }
            }
            position += 1;
        })?;
        let mut store = Self { wal, identity, shortest: 0, long: LONG, buffer: Vec::new(), records: PhantomData };
        if nameless {
            return Err(StoreError::Nameless { file: store.path().to_owned() });
        }
        match (found, wrong) {
            (Some(owner), _) if owner != store.identity => return Err(store.foreign(owner)),
            (_, Some((position, error))) => return Err(store.unreadable(position, error)),
            (Some(_), None) => {}
            (None, None) => {
                store.push(&Entry::<_, R>::Identity(store.identity.clone()))?;
                store.wal.sync()?;
            }
        }
        Ok((store, records))
    }

    /// From now on the log is long, and worth a checkpoint, past so many bytes: 1 MiB unless it is said. A checkpoint
    /// costs a write of all that a process must remember, and the process stands still for it.
    #[must_use]
    pub const fn long_past(mut self, bytes: u64) -> Self {
        self.long = bytes;
        self
    }

    /// The log file, for messages.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.wal.path()
    }

    fn push<I: Serialize>(&mut self, entry: &Entry<I, impl Serialize>) -> Result<(), StoreError> {
        self.buffer.clear();
        encode(entry, &mut self.buffer)?;
        Ok(self.wal.append(&self.buffer)?)
    }

    fn unreadable(&self, position: usize, error: DecodeError) -> StoreError {
        StoreError::Unreadable { file: self.path().to_owned(), position, error }
    }

    fn foreign(&self, found: Identity) -> StoreError {
        StoreError::Foreign {
            file: self.path().to_owned(),
            found: found.into(),
            expected: self.identity.clone().into(),
        }
    }
}

impl<R: Serialize + DeserializeOwned> Disk<R> for Store<R> {
    type Error = StoreError;

    fn append(&mut self, record: &R) -> Result<(), StoreError> {
        self.push(&Entry::<Identity, _>::Record(record))
    }

    fn sync(&mut self) -> Result<(), StoreError> {
        Ok(self.wal.sync()?)
    }

    /// Past a bound, and at least twice as long as it need be: each byte is then copied a constant number of times.
    fn is_long(&self) -> bool {
        self.wal.len_bytes() > self.long.max(2 * self.shortest)
    }

    fn len_bytes(&self) -> u64 {
        self.wal.len_bytes()
    }

    fn checkpoint(&mut self, records: Vec<R>) -> Result<(), StoreError> {
        // One piece of memory for all of them, and where each ends in it.
        let (mut bytes, mut ends) = (Vec::new(), vec![0]);
        encode(&Entry::<_, R>::Identity(&self.identity), &mut bytes)?;
        ends.push(bytes.len());
        for record in &records {
            encode(&Entry::<Identity, _>::Record(record), &mut bytes)?;
            ends.push(bytes.len());
        }
        self.wal.checkpoint(ends.windows(2).map(|ends| &bytes[ends[0]..ends[1]]))?;
        self.shortest = self.wal.len_bytes();
        Ok(())
    }
}

/// Why a store cannot be opened or written.
#[derive(Debug)]
pub enum StoreError {
    /// The log itself.
    Wal(WalError),
    /// The log is another node's, or this node's in a cluster of other members or quorums, or of another protocol.
    Foreign {
        /// The log.
        file: PathBuf,
        /// Whose it is.
        found: Box<Identity>,
        /// Who wanted it.
        expected: Box<Identity>,
    },
    /// The log was begun by a version that did not say which protocol it is of, so nobody can know whether its records
    /// mean what they seem to.
    Nameless {
        /// The log.
        file: PathBuf,
    },
    /// A record of the log is whole and yet not understood: another program or version wrote it.
    Unreadable {
        /// The log.
        file: PathBuf,
        /// Which record, from 0.
        position: usize,
        /// What is wrong with it.
        error: DecodeError,
    },
    /// A record cannot be encoded.
    Unwritable(EncodeError),
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Wal(error) => error.fmt(f),
            Self::Foreign { file, found, expected } => {
                write!(f, "{} belongs to {found}, and this is {expected}: ", file.display())?;
                f.write_str(if found.protocol != expected.protocol {
                    "what one protocol remembers means nothing to another; start what has written it, or give this a \
                     directory of its own"
                } else if found.node == expected.node && found.cluster == expected.cluster {
                    "the members and quorums of a cluster never change; start the node with those that it has"
                } else {
                    "a node must never start on another's memory; give each node a directory of its own"
                })
            }
            Self::Nameless { file } => write!(
                f,
                "{} does not say which protocol it is of, so an older version wrote it: only that one can go on with it. \
                 It is left as it is",
                file.display()
            ),
            Self::Unreadable { file, position, error } => {
                write!(f, "record {position} of {} was written by another program or version: {error}", file.display())
            }
            Self::Unwritable(error) => write!(f, "a record cannot be written: {error}"),
        }
    }
}

impl Error for StoreError {}

impl From<WalError> for StoreError {
    fn from(error: WalError) -> Self {
        Self::Wal(error)
    }
}

impl From<EncodeError> for StoreError {
    fn from(error: EncodeError) -> Self {
        Self::Unwritable(error)
    }
}

/// Bytes past which a log is long, unless its owner says otherwise.
const LONG: u64 = 1 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    fn identity(node: u8) -> Identity {
        let (cluster, membership, protocol) = ("test".into(), "{n1,n2} 2 of 2".into(), "words/1".into());
        Identity { node: NodeId(node), cluster, membership, protocol }
    }

    #[test]
    fn records_come_back_in_order_and_a_checkpoint_replaces_them() {
        let directory = tempfile::tempdir().unwrap();
        let (mut store, records) = Store::<String>::open(&directory, identity(1)).unwrap();
        assert!(records.is_empty());
        store.append(&"a".into()).unwrap();
        store.append(&"b".into()).unwrap();
        store.sync().unwrap();
        drop(store);
        let (mut store, records) = Store::<String>::open(&directory, identity(1)).unwrap();
        assert_eq!(records, ["a", "b"]);
        store.checkpoint(vec!["c".into()]).unwrap();
        drop(store);
        assert_eq!(Store::<String>::open(&directory, identity(1)).unwrap().1, ["c"]);
    }

    #[test]
    fn a_log_is_long_past_its_bound_and_twice_its_need() {
        let directory = tempfile::tempdir().unwrap();
        let (mut store, _) = Store::<String>::open(&directory, identity(1)).unwrap();
        let record = "x".repeat(LONG as usize / 4);
        let mut appended = 0;
        while !store.is_long() {
            store.append(&record).unwrap();
            appended += 1;
        }
        assert_eq!(appended, 4);
        store.checkpoint(vec![record.clone(); 4]).unwrap();
        assert!(!store.is_long(), "it cannot be made shorter");
        for _ in 0..5 {
            store.append(&record).unwrap();
        }
        assert!(store.is_long(), "more than half of it is history");
    }

    #[test]
    fn a_restart_does_not_put_a_checkpoint_off() {
        let directory = tempfile::tempdir().unwrap();
        let record = "x".repeat(LONG as usize / 4);
        let mut appended = 0;
        while appended < 10 {
            let (mut store, _) = Store::<String>::open(&directory, identity(1)).unwrap();
            if store.is_long() {
                break;
            }
            store.append(&record).unwrap();
            store.sync().unwrap();
            appended += 1;
        }
        assert_eq!(appended, 4);
    }

    #[test]
    fn its_owner_says_when_a_log_is_long() {
        let directory = tempfile::tempdir().unwrap();
        let (store, _) = Store::<String>::open(&directory, identity(1)).unwrap();
        let mut store = store.long_past(2 * LONG);
        let mut appended = 0;
        while !store.is_long() {
            store.append(&"x".repeat(LONG as usize / 4)).unwrap();
            appended += 1;
        }
        assert_eq!((appended, 2 * LONG < store.len_bytes()), (8, true));
    }

    #[test]
    fn a_log_is_opened_by_its_owner_only() {
        let directory = tempfile::tempdir().unwrap();
        let open =
            |identity| Store::<String>::open(&directory, identity).map(|_| ()).map_err(|error| error.to_string());
        let first = Store::<String>::open(&directory, identity(1)).unwrap();
        assert!(open(identity(1)).unwrap_err().contains("in use"));
        drop(first);
        let another = open(identity(2)).unwrap_err();
        let words =
            "belongs to n1 of cluster \"test\", which is {n1,n2} 2 of 2 and speaks \"words/1\", and this is n2 of";
        assert!(another.contains(words) && another.contains("another's memory"), "{another}");
        assert!(open(Identity { cluster: "other".into(), ..identity(1) }).unwrap_err().contains("cluster \"other\""));
        assert_eq!(open(identity(1)), Ok(()));
    }

    #[test]
    fn a_log_is_opened_by_the_same_membership_only() {
        let directory = tempfile::tempdir().unwrap();
        drop(Store::<String>::open(&directory, identity(1)).unwrap());
        let smaller = Identity { membership: "{n1} 1 of 1".into(), ..identity(1) };
        let error = Store::<String>::open(&directory, smaller).map(|_| ()).unwrap_err().to_string();
        for words in ["which is {n1,n2} 2 of 2 and", "which is {n1} 1 of 1", "never change"] {
            assert!(error.contains(words), "{words:?} in {error}");
        }
    }

    #[test]
    fn a_log_is_opened_by_the_same_protocol_only() {
        let directory = tempfile::tempdir().unwrap();
        drop(Store::<String>::open(&directory, identity(1)).unwrap());
        let another = Identity { protocol: "numbers/1".into(), ..identity(1) };
        let error = Store::<String>::open(&directory, another).map(|_| ()).unwrap_err().to_string();
        for words in ["and speaks \"words/1\", and this", "speaks \"numbers/1\"", "directory of its own"] {
            assert!(error.contains(words), "{words:?} in {error}");
        }
        assert!(Store::<String>::open(&directory, identity(1)).is_ok());
    }

    #[test]
    fn a_log_that_names_no_protocol_is_left_to_the_version_that_wrote_it() {
        let directory = tempfile::tempdir().unwrap();
        let (mut wal, _) = Wal::open(&directory).unwrap();
        let mut bytes = Vec::new();
        encode(&Entry::<_, String>::Identity((NodeId(1), "test", "{n1,n2} 2 of 2")), &mut bytes).unwrap();
        wal.append(&bytes).unwrap();
        wal.sync().unwrap();
        let (file, length) = (wal.path().to_owned(), wal.len_bytes());
        drop(wal);
        let error = Store::<String>::open(&directory, identity(1)).map(|_| ()).unwrap_err();
        assert!(matches!(error, StoreError::Nameless { .. }), "{error}");
        assert!(error.to_string().contains("an older version wrote it"), "{error}");
        assert_eq!(std::fs::metadata(file).unwrap().len(), length, "it is left as it is");
    }

    #[test]
    fn what_another_program_wrote_is_named() {
        let directory = tempfile::tempdir().unwrap();
        let (mut wal, _) = Wal::open(&directory).unwrap();
        wal.append(b"hello").unwrap();
        wal.sync().unwrap();
        drop(wal);
        let error = Store::<String>::open(&directory, identity(1)).map(|_| ()).unwrap_err().to_string();
        assert!(error.starts_with("record 0 of ") && error.contains("another program"), "{error}");
    }
}

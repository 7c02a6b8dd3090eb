//! The state as bytes, and back: what stands for the log when the log has been cut.
//!
//! Equal states give equal bytes. Numbers are little-endian:
//!
//! ```text
//! "paxos-kv", version u16, next slot u64, commands u64,
//! sessions opened u64, open u64, of each, numbers ascending: number, used, acknowledged u64, answers u32, of each: kind u8, number u64
//! entries u64, of each, keys ascending: key behind its length as u16, value behind its length as u32
//! hash of all that u64
//! ```
//!
//! The sessions are a part of the state like any other. A snapshot without them would have a command done twice: at the
//! node that took the snapshot over, when the client asks again.

use alloc::vec::Vec;
use core::{error::Error, fmt};

use paxos_messages::Bytes;

use crate::{
    MAX_KEY, MAX_SESSIONS, MAX_VALUE, Machine, SessionId, WINDOW,
    hash::Fold,
    session::{self, Session, Sessions},
    store::Store,
    wire::{Reader, put_bytes, put_key, put_u64},
};

impl Machine {
    /// The whole state. A store of 100,000 keys takes some ten milliseconds.
    #[must_use]
    pub fn snapshot(&self) -> Bytes {
        let mut out = Vec::with_capacity(self.store.bytes() + self.store.len() * 6 + self.sessions() * 64 + 1_024);
        out.extend_from_slice(MAGIC);
        out.extend_from_slice(&VERSION.to_le_bytes());
        for number in [self.applied.0, self.commands, self.sessions.opened, self.sessions() as u64] {
            put_u64(&mut out, number);
        }
        for (id, session) in &self.sessions.open {
            for number in [id.0, session.used, session.acknowledged] {
                put_u64(&mut out, number);
            }
            out.extend_from_slice(&(session.answers.len() as u32).to_le_bytes());
            for answer in &session.answers {
                let (kind, number) = session::encode(*answer);
                out.push(kind);
                put_u64(&mut out, number);
            }
        }
        put_u64(&mut out, self.store.len() as u64);
        for (key, value) in self.store.entries() {
            put_key(&mut out, key);
            put_bytes(&mut out, value);
        }
        Self::sealed(out)
    }

    /// `body` with its hash behind it, as a snapshot has it. Whoever throws bytes at [`restore`](Self::restore) would
    /// otherwise not get past the hash.
    #[doc(hidden)]
    #[must_use]
    pub fn sealed(mut body: Vec<u8>) -> Bytes {
        let hash = Fold::new().bytes(&body).finish();
        put_u64(&mut body, hash);
        body.into()
    }

    /// The machine whose [`snapshot`](Self::snapshot) this is.
    ///
    /// # Errors
    ///
    /// When it is none, or one of another version, or has been damaged.
    pub fn restore(bytes: &Bytes) -> Result<Self, RestoreError> {
        let bytes = bytes.as_slice();
        let (head, rest) = bytes.split_at_checked(MAGIC.len()).ok_or(RestoreError::Short)?;
        if head != MAGIC {
            return Err(RestoreError::NoSnapshot);
        }
        let mut reader = Reader::new(rest);
        match reader.u16().ok_or(RestoreError::Short)? {
            VERSION => {}
            version => return Err(RestoreError::Version(version)),
        }
        let (body, hash) = bytes.split_last_chunk::<8>().ok_or(RestoreError::Short)?;
        if Fold::new().bytes(body).finish() != u64::from_le_bytes(*hash) {
            return Err(RestoreError::Damaged);
        }
        let head = MAGIC.len() + size_of_val(&VERSION);
        let mut reader = Reader::new(body.get(head..).ok_or(RestoreError::Short)?);
        let (applied, commands) = (reader.slot().ok_or(RestoreError::Short)?, reader.u64().ok_or(RestoreError::Short)?);
        // Both are counted on from there, and to open a session is a command.
        if LAST < applied.0 || LAST < commands {
            return Err(RestoreError::Numbers);
        }
        let sessions = sessions(&mut reader, commands).ok_or(RestoreError::Sessions)?;
        let store = store(&mut reader).ok_or(RestoreError::Entries)?;
        match reader.left() {
            0 => Ok(Self { applied, commands, sessions, store }),
            more => Err(RestoreError::Long(more)),
        }
    }
}

/// Their numbers ascend, since equal states give equal bytes; none was opened or used by a command that is still to come.
fn sessions(reader: &mut Reader<'_>, commands: u64) -> Option<Sessions> {
    let mut sessions = Sessions { opened: reader.u64().filter(|opened| *opened <= commands)?, ..Sessions::new() };
    for _ in 0..reader.u64().filter(|open| *open <= MAX_SESSIONS as u64)? {
        let id = SessionId(reader.u64()?);
        let (used, acknowledged) = (reader.u64()?, reader.u64()?);
        let mut session = Session { used, acknowledged, ..Session::default() };
        for _ in 0..reader.u32().filter(|answers| u64::from(*answers) <= WINDOW)? {
            session.answers.push_back(session::decode(reader.byte()?, reader.u64()?)?);
        }
        let ascends = sessions.open.last_key_value().is_none_or(|(last, _)| *last < id);
        if sessions.opened < id.0 || commands < session.used || !ascends {
            return None;
        }
        sessions.open.insert(id, session);
    }
    Some(sessions)
}

fn store(reader: &mut Reader<'_>) -> Option<Store> {
    let count = reader.u64()?;
    let (mut left, mut before): (u64, Option<&[u8]>) = (count, None);
    let store = Store::of(core::iter::from_fn(|| {
        let more = 0 < left;
        let (key, value) = if more { (reader.key()?, reader.bytes()?) } else { return None };
        let fits = key.len() <= MAX_KEY && value.len() <= MAX_VALUE && before.is_none_or(|before| before < key);
        (left, before) = (left - 1, Some(key));
        fits.then_some((key, value))
    }));
    (store.len() as u64 == count).then_some(store)
}

/// Why bytes are not the snapshot of a store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RestoreError {
    /// They do not begin like one.
    NoSnapshot,
    /// Another version of this program wrote them.
    Version(u16),
    /// They end before the state does.
    Short,
    /// They are not what was written: their hash is another.
    Damaged,
    /// So many slots or commands there never are, though the hash is right.
    Numbers,
    /// The sessions make no sense, though the hash is right.
    Sessions,
    /// The entries make no sense, though the hash is right.
    Entries,
    /// So many bytes are left when the state is complete, though the hash is right.
    Long(usize),
}

impl fmt::Display for RestoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoSnapshot => f.write_str("these bytes are no snapshot of a key-value store"),
            Self::Version(version) => write!(f, "the snapshot has version {version}; this program reads {VERSION}"),
            Self::Short => f.write_str("the snapshot ends too early"),
            Self::Damaged => f.write_str("the snapshot is damaged: its hash is not that of its bytes"),
            Self::Numbers => f.write_str("the snapshot stands for more slots or commands than there can be"),
            Self::Sessions => f.write_str("the snapshot's sessions make no sense"),
            Self::Entries => f.write_str("the snapshot's entries make no sense: too few, too long, or out of order"),
            Self::Long(bytes) => write!(f, "the snapshot has {bytes} bytes too many"),
        }
    }
}

impl Error for RestoreError {}

const MAGIC: &[u8; 8] = b"paxos-kv";
const VERSION: u16 = 1;
/// No slot and no command has a higher number: as many are left as have been.
const LAST: u64 = u64::MAX / 2;

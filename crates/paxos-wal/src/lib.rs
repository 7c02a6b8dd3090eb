//! Stable storage: what a process must remember, written so that a crash cannot take it back.
//!
//! An acceptor may answer only after its promise or its vote is on the disk. So this crate owes its caller one thing
//! before all others: **a record that was synced is read back at every later open, or the open fails.** Forgetting
//! one quietly would break a promise, and a broken promise lets two values be chosen.
//!
//! ```
//! use paxos_wal::Wal;
//!
//! # let temporary = tempfile::tempdir().unwrap();
//! # let dir = temporary.path().join("n1");
//! let (mut wal, recovered) = Wal::open(&dir).unwrap();
//! assert!(recovered.records.is_empty());
//! wal.append(b"promised b1.1").unwrap(); // many steps,
//! wal.append(b"accepted b1.1 x").unwrap();
//! wal.sync().unwrap(); // one write and one sync for all of them; now the votes may leave
//! wal.append(b"never synced, never answered").unwrap();
//! drop(wal); // a crash
//!
//! let (mut wal, recovered) = Wal::open(&dir).unwrap();
//! assert_eq!(recovered.records, [&b"promised b1.1"[..], b"accepted b1.1 x"]);
//! wal.checkpoint([&b"accepted b1.1 x"[..]]).unwrap(); // what replays to the same state, in fewer records
//! # drop(wal);
//! # assert_eq!(Wal::open(&dir).unwrap().1.records, [b"accepted b1.1 x"]);
//! ```
//!
//! Records are bytes; what they mean is the caller's business (`paxos-codec` makes them from values).
//!
//! # On the disk
//!
//! A directory of three files: `lock`, held while a [`Wal`] is open, with a note of how far the log went; `wal`, the log; and for a moment `wal.new`, the
//! next log. All numbers are little-endian, every checksum is a CRC-32:
//!
//! ```text
//! wal:     "PAXOSWAL" │ version u32 │ first sequence number u64 │ CRC of these   then records without gaps:
//! record:  length u32 │ sequence number u64 │ payload CRC u32 │ CRC of these │ payload
//! ```
//!
//! The payload's CRC covers the sequence number too: an old block that shows up in the place of a new one does not
//! check, even when it has the right length. For the same reason a sequence number is never used for two synced
//! records in the life of a directory. A checkpoint does not start again at 1: the new file's header carries the
//! number on, and its first record takes it.
//!
//! # Reading order
//!
//! `wal.rs` has the three writes: append, sync, replace. `recovery.rs` says what is believed on the way back, and
//! why. `format.rs` is the table above as code; `image.rs` is a log without a disk, for simulations; `directory.rs` is what a
//! file system needs before it keeps a name; `note.rs` is what is known of the log without it.
//!
//! # What it does not do
//!
//! - It does not repair. A damaged log stays shut (see [`WalError::Corrupt`]). Correct repair asks the *other* nodes,
//!   as in Alagappan et al., *Protocol-Aware Recovery for Consensus-Based Storage* (FAST 2018), and is a protocol.
//! - It cannot know of a directory that was replaced as a whole by an older copy of itself, nor of one that was emptied:
//!   an empty directory is a new node, and who may be new is the operator's decision. Of a *log* that was replaced by
//!   an older copy, or cut, it knows as far as `lock` notes how far the log went: all but the last megabyte at most.
//! - A power cut may leave an unsynced group with a hole: later blocks on the disk, earlier ones not. Nothing in the
//!   file tells this from damage to a synced record, so such a log stays shut as well. Nothing was lost then, but an
//!   operator must look: the price of never guessing.
//! - A disk that says "synced" and did not sync cannot be helped from here.
//! - It does not reserve room ahead of what is written. On ext4 that would save a third to a half of a sync's time (a
//!   group of 64 KiB: 0.11 ms instead of 0.21). But the length of the file is what tells a group that was cut off from
//!   one that was damaged; with zeros behind every group, an ordinary power cut would look like damage.
//! - It is one file, read whole at open. Keep it short with [`Wal::checkpoint`].

mod wal;

mod recovery;

mod format;

mod image;

mod directory;

mod note;

mod error;

pub use error::{Damage, WalError};
pub use format::MAX_RECORD;
pub use image::Image;
pub use recovery::{Recovered, TornTail};
pub use wal::Wal;

#[cfg(test)]
mod tests;

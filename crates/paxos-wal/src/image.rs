//! The bytes of a log without a disk under them: what a simulation crashes, tears and damages.
//!
//! It is made by the functions that [`Wal`](crate::Wal) writes with and read by the rules that it opens with
//! (`format.rs`, `recovery.rs`), so what a simulated disk teaches is true of a real one.

use std::path::Path;

use crate::{
    Recovered, WalError,
    format::{self, FILE_HEADER, RECORD_HEADER},
    recovery,
};

/// A whole log in memory.
///
/// ```
/// use paxos_wal::{Image, WalError};
///
/// let mut image = Image::new();
/// image.append(b"promised b1.1").unwrap();
/// let synced = image.bytes().len();
/// image.append(b"accepted b1.1 x").unwrap();
///
/// // A crash cuts off the end of what was not synced.
/// let torn = image.bytes()[..synced + 7].to_vec();
/// assert_eq!(Image::recover(torn).unwrap().records, [b"promised b1.1"]);
///
/// // A byte that was synced has changed: nobody knows what it said.
/// let mut damaged = image.bytes().to_vec();
/// damaged[synced - 1] ^= 1;
/// assert!(matches!(Image::recover(damaged), Err(WalError::Corrupt { .. })));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Image {
    bytes: Vec<u8>,
    next_sequence: u64,
}

impl Image {
    /// An empty log, as [`Wal::open`](crate::Wal::open) makes it in an empty directory.
    #[must_use]
    pub fn new() -> Self {
        Self::beginning_at(1)
    }

    fn beginning_at(sequence: u64) -> Self {
        Self { bytes: format::file_header(sequence).to_vec(), next_sequence: sequence }
    }

    /// Adds one record.
    ///
    /// # Errors
    ///
    /// [`WalError::RecordTooLong`] above [`MAX_RECORD`](crate::MAX_RECORD) bytes; the log is then as it was.
    pub fn append(&mut self, record: &[u8]) -> Result<(), WalError> {
        format::push_record(&mut self.bytes, self.next_sequence, record)?;
        self.next_sequence += 1;
        Ok(())
    }

    /// The log that takes the place of this one, with these records: what opening and what a checkpoint write. Sequence
    /// numbers go on.
    ///
    /// # Errors
    ///
    /// [`WalError::RecordTooLong`] when one of them is.
    pub fn replaced<'a>(&self, records: impl IntoIterator<Item = &'a [u8]>) -> Result<Self, WalError> {
        let mut new = Self::beginning_at(self.next_sequence);
        for record in records {
            new.append(record)?;
        }
        Ok(new)
    }

    /// Everything: the header of the file, then the records.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// What opening a file of these bytes gives, by the same rules and the same code.
    ///
    /// # Errors
    ///
    /// [`WalError::Corrupt`] and [`WalError::Version`], as [`Wal::open`](crate::Wal::open).
    pub fn recover(bytes: Vec<u8>) -> Result<Recovered, WalError> {
        let read = recovery::read(bytes, Path::new("(in memory)"))?;
        Ok(Recovered { records: read.records().map(<[u8]>::to_vec).collect(), torn: read.torn })
    }

    /// How many bytes stand in front of the first record.
    pub const HEADER: usize = FILE_HEADER;

    /// How many bytes stand in front of what a record holds.
    pub const RECORD_HEADER: usize = RECORD_HEADER;
}

impl Default for Image {
    fn default() -> Self {
        Self::new()
    }
}

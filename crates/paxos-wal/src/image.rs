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
    /// What the note beside it says: the number that the next record took when this log was put in its place.
    noted: u64,
}

impl Image {
    /// An empty log, as [`Wal::open`](crate::Wal::open) makes it in an empty directory.
    #[must_use]
    pub fn new() -> Self {
        Self::beginning_at(1)
    }

    fn beginning_at(sequence: u64) -> Self {
        Self { bytes: format::file_header(sequence).to_vec(), next_sequence: sequence, noted: sequence }
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
        Self::beginning_at(self.next_sequence).with(records)
    }

    fn with<'a>(mut self, records: impl IntoIterator<Item = &'a [u8]>) -> Result<Self, WalError> {
        for record in records {
            self.append(record)?;
        }
        self.noted = self.next_sequence;
        Ok(self)
    }

    /// What opening makes of these bytes where this log was left: the log that takes their place, and what was in them. They
    /// must reach as far as is noted beside this one. (A note is also written when a log has grown by a megabyte. No image does
    /// that.)
    ///
    /// # Errors
    ///
    /// [`WalError::Corrupt`] and [`WalError::Version`], as [`Wal::open`](crate::Wal::open).
    pub fn reopened(&self, bytes: Vec<u8>) -> Result<(Self, Recovered), WalError> {
        let read = recovery::read(bytes, Path::new(IN_MEMORY))?;
        read.check_length(self.noted, Path::new(IN_MEMORY))?;
        let new = Self::beginning_at(read.next_sequence).with(read.records())?;
        Ok((new, Recovered { records: read.records().map(<[u8]>::to_vec).collect(), torn: read.torn }))
    }

    /// Everything: the header of the file, then the records.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// What opening a file of these bytes gives, by the same rules and the same code, where nothing is noted beside it.
    ///
    /// # Errors
    ///
    /// [`WalError::Corrupt`] and [`WalError::Version`], as [`Wal::open`](crate::Wal::open).
    pub fn recover(bytes: Vec<u8>) -> Result<Recovered, WalError> {
        let read = recovery::read(bytes, Path::new(IN_MEMORY))?;
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

/// What the file is called in an error.
const IN_MEMORY: &str = "(in memory)";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Damage;

    #[test]
    fn a_log_that_ends_before_its_note_is_refused_and_one_that_ends_behind_it_is_not() {
        let mut image = Image::new().replaced([&b"a"[..], b"b"]).unwrap();
        let noted = image.bytes().len();
        image.append(b"c").unwrap();
        let behind = image.reopened(image.bytes()[..noted].to_vec()).unwrap();
        assert_eq!(behind.1.records, [b"a", b"b"]);
        assert_eq!(
            behind.0,
            Image::beginning_at(3).with([&b"a"[..], b"b"]).unwrap(),
            "numbers go on behind what was read"
        );
        for end in Image::HEADER..noted {
            let refused = image.reopened(image.bytes()[..end].to_vec());
            let is_known =
                matches!(refused, Err(WalError::Corrupt { damage: Damage::CutShort { expected: 3, .. }, .. }));
            assert!(is_known, "cut to {end} bytes: {refused:?}");
        }
    }
}

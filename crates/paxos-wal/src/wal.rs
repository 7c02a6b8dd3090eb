//! The log, as its owner sees it: append, sync, replace.
//!
//! There are only two ways in which bytes reach the log. [`Wal::sync`] writes one group of records behind the
//! others. Everything else (creating a log, checkpointing it, opening it again) writes a *whole new log* beside the
//! old one, syncs it, and renames it over the old one, so that each moment has exactly one complete log.
//!
//! That opening rewrites is what makes it safe to believe what was read. What a crashed process wrote and did not
//! sync is still in the page cache: a restarted process reads it, answers because of it, and a power cut then takes
//! it away. Syncing the file once more at open is not enough: after a *failed* sync, "pages are always marked clean"
//! on ext4, XFS and Btrfs, so the next sync succeeds and writes nothing (Rebello et al., *Can Applications Recover
//! from fsync Failures?*, USENIX ATC 2020). Fresh pages in a new file have no such past. The cost is one write of
//! what was read anyway.

use std::{
    fs::File,
    io::Write,
    path::{Path, PathBuf},
};

use crate::{
    Recovered, TornTail, WalError,
    directory::Directory,
    error::io_error,
    format::{self, FILE_HEADER},
    note,
    recovery::{self, ReadBack},
};

/// A log that is open for writing, and locked: nobody else has it open.
///
/// Dropping it syncs nothing. What was not synced is gone, exactly as in a crash, so nothing may have been answered
/// because of it.
#[derive(Debug)]
pub struct Wal {
    log: LogFile,
    /// Appended and not written, framed: the next group. Reused.
    group: Vec<u8>,
    /// Set while the disk is written, and left set when that fails. See [`WalError::Poisoned`].
    poisoned: bool,
    /// The file's length when it was last noted how far it goes.
    noted_bytes: u64,
    /// Last, because the lock must outlive the file.
    directory: Directory,
}

impl Wal {
    /// Opens the log in the directory `dir`, or creates both, and reads every record back.
    ///
    /// When it returns, all that it read is stable, a torn tail is gone from the disk (and was reported, see
    /// [`Recovered::torn`]), and the directory is locked until the [`Wal`] is dropped.
    ///
    /// # Errors
    ///
    /// [`WalError::InUse`] at once when the log is open elsewhere. [`WalError::Corrupt`], [`WalError::Version`] and
    /// [`WalError::Missing`] when the log cannot be trusted; then nothing on the disk was changed.
    /// [`WalError::Io`] when the system refuses; the log is then as it was or completely rewritten.
    pub fn open(dir: impl AsRef<Path>) -> Result<(Self, Recovered), WalError> {
        let mut records = Vec::new();
        let (wal, torn) = Self::open_with(dir, |record| records.push(record.to_vec()))?;
        Ok((wal, Recovered { records, torn }))
    }

    /// Like [`open`](Self::open), for a log of many records: shows each to `each` in order, when all are stable, and
    /// keeps none. Returns what was cut off the end, if anything was.
    ///
    /// # Errors
    ///
    /// Those of [`open`](Self::open); then `each` has seen nothing.
    pub fn open_with(dir: impl AsRef<Path>, each: impl FnMut(&[u8])) -> Result<(Self, Option<TornTail>), WalError> {
        let mut directory = Directory::lock(dir.as_ref())?;
        let read = match directory.open_log()? {
            Some(file) => recovery::read_back(file, directory.log_path())?,
            None => ReadBack::nothing(FIRST_SEQUENCE),
        };
        read.check_length(directory.noted(), directory.log_path())?;
        if let Some(torn) = read.torn {
            let file = directory.log_path().display();
            tracing::warn!(%file, torn.offset, torn.bytes, "cut off a torn tail, which was never synced");
        }
        let log = LogFile::replace(&directory, read.next_sequence, read.records())?;
        directory.mark_as_used()?;
        directory.note(log.next_sequence)?;
        let noted_bytes = log.bytes;
        read.records().for_each(each);
        Ok((Self { log, group: Vec::new(), poisoned: false, noted_bytes, directory }, read.torn))
    }

    /// Adds one record to the next group. It is in memory only: stable after the next [`sync`](Self::sync).
    ///
    /// Allocates nothing once the group's buffer has grown to what is appended between two syncs.
    ///
    /// # Errors
    ///
    /// [`WalError::RecordTooLong`] above [`MAX_RECORD`](crate::MAX_RECORD) bytes, and the log goes on without the
    /// record. [`WalError::Poisoned`] after a failed write.
    pub fn append(&mut self, record: &[u8]) -> Result<(), WalError> {
        self.check_usable()?;
        format::push_record(&mut self.group, self.log.next_sequence, record)?;
        self.log.next_sequence += 1;
        Ok(())
    }

    /// Makes every record appended so far stable: one write and one `fdatasync` for all of them, nothing at all when
    /// there are none. What waits for a record may leave when this has returned `Ok`.
    ///
    /// # Errors
    ///
    /// [`WalError::Io`] when the write or the sync fails. Whether the records are stable is then unknown, and will
    /// be until the log is opened again: end the process. Every later call returns [`WalError::Poisoned`].
    pub fn sync(&mut self) -> Result<(), WalError> {
        self.check_usable()?;
        if self.group.is_empty() {
            return Ok(());
        }
        self.poisoned = true;
        self.log.append(&self.group).map_err(|error| io_error("append to", self.path(), error))?;
        if self.noted_bytes + note::EVERY <= self.log.bytes {
            self.note()?;
        }
        self.poisoned = false;
        self.group.clear();
        Ok(())
    }

    /// Replaces the whole log by `records`, at once: a crash leaves the old log or the new one, never a mixture.
    ///
    /// Everything appended before is replaced, synced or not, so `records` must replay to a state that has seen all
    /// of it. When this returns `Ok`, `records` are stable, and so is all that they stand for.
    ///
    /// # Errors
    ///
    /// [`WalError::RecordTooLong`] when one of `records` is; the log is then untouched. [`WalError::Io`] when the
    /// system refuses, and as after a failed [`sync`](Self::sync), every later call returns [`WalError::Poisoned`].
    pub fn checkpoint<'a>(&mut self, records: impl IntoIterator<Item = &'a [u8]>) -> Result<(), WalError> {
        self.check_usable()?;
        self.poisoned = true;
        match LogFile::replace(&self.directory, self.log.next_sequence, records) {
            Ok(log) => {
                assert!(self.log.next_sequence <= log.next_sequence, "sequence numbers only grow");
                self.log = log;
                self.group.clear();
                self.note()?;
                self.poisoned = false;
                Ok(())
            }
            // Found before the new log took the old one's place.
            Err(error @ WalError::RecordTooLong { .. }) => {
                self.poisoned = false;
                Err(error)
            }
            Err(error) => Err(error),
        }
    }

    /// How many bytes the log file has when all that was appended is synced. Grows by each append; a checkpoint
    /// brings it down. The measure for when to take one.
    pub fn len_bytes(&self) -> u64 {
        self.log.bytes + self.group.len() as u64
    }

    /// The log file, for messages.
    pub fn path(&self) -> &Path {
        self.directory.log_path()
    }

    /// All records that have a number are in the file, and stable.
    fn note(&mut self) -> Result<(), WalError> {
        self.directory.note(self.log.next_sequence)?;
        self.noted_bytes = self.log.bytes;
        Ok(())
    }

    fn check_usable(&self) -> Result<(), WalError> {
        if self.poisoned { Err(WalError::Poisoned { file: PathBuf::from(self.path()) }) } else { Ok(()) }
    }

    /// From now on the log writes into `file`: a disk that fails, for the tests.
    #[cfg(test)]
    pub(crate) fn write_into(&mut self, file: File) {
        self.log.file = file;
    }
}

/// The file behind the log. All its bytes are stable, except after an error.
#[derive(Debug)]
struct LogFile {
    file: File,
    /// The file's length.
    bytes: u64,
    /// The number that the next record takes. It runs ahead of the file by the records that are in memory only.
    next_sequence: u64,
}

impl LogFile {
    /// Writes a whole new log and puts it in the place of the old one, if there is one.
    fn replace<'a>(
        directory: &Directory,
        first_sequence: u64,
        records: impl IntoIterator<Item = &'a [u8]>,
    ) -> Result<Self, WalError> {
        let refused = |error| io_error("write", directory.new_log_path(), error);
        let mut new = Self { file: directory.create_new_log()?, bytes: 0, next_sequence: first_sequence };
        let mut chunk = Vec::with_capacity(CHUNK);
        chunk.extend_from_slice(&format::file_header(first_sequence));
        for record in records {
            format::push_record(&mut chunk, new.next_sequence, record)?;
            new.next_sequence += 1;
            if CHUNK <= chunk.len() {
                new.write(&chunk).map_err(refused)?;
                chunk.clear();
            }
        }
        new.write(&chunk).map_err(refused)?;
        // The length is new as well, so this is `fsync` and not `fdatasync`; and it comes before the rename, because
        // a name may reach the disk before the bytes that it names.
        new.file.sync_all().map_err(refused)?;
        assert!(FILE_HEADER as u64 <= new.bytes, "a log is never without its header");
        directory.put_new_log_in_place()?;
        Ok(new)
    }

    /// Writes one group behind the others and makes it stable.
    fn append(&mut self, group: &[u8]) -> std::io::Result<()> {
        self.write(group)?;
        self.file.sync_data()
    }

    fn write(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        self.file.write_all(bytes)?;
        self.bytes += bytes.len() as u64;
        Ok(())
    }
}

/// Not 0, so that no header is all zeros, which is what a file system shows for blocks that were never written.
const FIRST_SEQUENCE: u64 = 1;

/// A new log is written in pieces of about this size, in bytes.
const CHUNK: usize = 1 << 16;

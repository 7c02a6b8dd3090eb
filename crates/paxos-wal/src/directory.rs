//! A log's directory: who may use it, and what it takes until a file system keeps a name.
//!
//! On POSIX, syncing a file makes its bytes stable, and not its name: that is an entry in the directory, which is
//! synced by itself (Pillai et al., *All File Systems Are Not Created Equal*, OSDI 2014).

use std::{
    fs::{self, File, TryLockError},
    io::{self, ErrorKind, Write},
    path::{Path, PathBuf},
};

use crate::{WalError, error::io_error, note::Note};

/// A locked directory. Dropping it unlocks.
#[derive(Debug)]
pub(crate) struct Directory {
    path: PathBuf,
    log: PathBuf,
    new_log: PathBuf,
    lock: File,
    lock_path: PathBuf,
    /// In the lock file, behind the words that say that it is used.
    note: Note,
}

impl Directory {
    /// Creates the directory if need be, and locks it. The operating system unlocks it when the process ends, however
    /// it ends; the file `lock` stays and means nothing by being there.
    pub(crate) fn lock(path: &Path) -> Result<Self, WalError> {
        fs::create_dir_all(path).map_err(|error| io_error("create", path, error))?;
        let lock_path = path.join("lock");
        // Not truncated: see `mark_as_used`.
        let lock = File::options()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(&lock_path)
            .map_err(|error| io_error("open", &lock_path, error))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(WalError::InUse { directory: PathBuf::from(path) }),
            Err(TryLockError::Error(error)) => return Err(io_error("lock", &lock_path, error)),
        }
        let note = Note::read(&lock, USED.len() as u64).map_err(|error| io_error("read", &lock_path, error))?;
        let (log, new_log) = (path.join("wal"), path.join("wal.new"));
        Ok(Self { path: PathBuf::from(path), log, new_log, lock, lock_path, note })
    }

    /// The log, for reading; `None` if there has never been one.
    pub(crate) fn open_log(&self) -> Result<Option<File>, WalError> {
        match File::open(&self.log) {
            Ok(file) => Ok(Some(file)),
            Err(error) if error.kind() == ErrorKind::NotFound => {
                if self.was_used()? {
                    Err(WalError::Missing { file: self.log.clone() })
                } else {
                    Ok(None)
                }
            }
            Err(error) => Err(io_error("open", &self.log, error)),
        }
    }

    /// An empty `wal.new`, in the place of one that an interrupted checkpoint may have left.
    pub(crate) fn create_new_log(&self) -> Result<File, WalError> {
        let refused = |error| io_error("create", &self.new_log, error);
        match fs::remove_file(&self.new_log) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(refused(error)),
            _ => {}
        }
        File::options().append(true).create_new(true).open(&self.new_log).map_err(refused)
    }

    /// Renames `wal.new` to `wal`, which replaces the old log in one step, and makes the name stable.
    pub(crate) fn put_new_log_in_place(&self) -> Result<(), WalError> {
        fs::rename(&self.new_log, &self.log)
            .and_then(|()| sync_directory(&self.path))
            .map_err(|error| io_error("replace", &self.log, error))
    }

    /// Notes in the lock file that the directory holds a log, so that losing the log is not mistaken for being new.
    /// Call it when the log has its name. The first time, it makes the directory's own name stable before.
    pub(crate) fn mark_as_used(&self) -> Result<(), WalError> {
        if self.was_used()? {
            return Ok(());
        }
        self.keep_names_above()
            .and_then(|()| (&self.lock).write_all(USED))
            .and_then(|()| self.lock.sync_all())
            .map_err(|error| io_error("write", &self.lock_path, error))
    }

    /// The number that the log's next record must take at least; see `note.rs`.
    pub(crate) fn noted(&self) -> u64 {
        self.note.next_sequence()
    }

    /// Notes that all records below this number are stable.
    pub(crate) fn note(&mut self, next_sequence: u64) -> Result<(), WalError> {
        self.note.write(&self.lock, next_sequence).map_err(|error| io_error("write", &self.lock_path, error))
    }

    pub(crate) fn log_path(&self) -> &Path {
        &self.log
    }

    pub(crate) fn new_log_path(&self) -> &Path {
        &self.new_log
    }

    /// Syncs every directory above, because any of them may be new: created by this call to open, or by an earlier
    /// one that crashed before it came this far.
    fn keep_names_above(&self) -> io::Result<()> {
        for above in fs::canonicalize(&self.path)?.ancestors().skip(1) {
            match sync_directory(above) {
                // Some may be closed to us, or on a file system that syncs no directories. We did not create those.
                Err(error) if matches!(error.kind(), ErrorKind::PermissionDenied | ErrorKind::InvalidInput) => {}
                synced => synced?,
            }
        }
        Ok(())
    }

    fn was_used(&self) -> Result<bool, WalError> {
        let lock = self.lock.metadata().map_err(|error| io_error("read", &self.lock_path, error))?;
        Ok(0 < lock.len())
    }
}

impl Drop for Directory {
    /// Closing the file would unlock it too, but not before every copy of it is closed: a child process that is just
    /// being started has one, and would keep the directory locked for a moment longer.
    fn drop(&mut self) {
        if let Err(error) = self.lock.unlock() {
            tracing::warn!(file = %self.lock_path.display(), %error, "cannot unlock; the end of the process will");
        }
    }
}

#[cfg(unix)]
fn sync_directory(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}

/// Elsewhere a directory cannot be opened as a file, and there is nothing to sync.
#[cfg(not(unix))]
fn sync_directory(_path: &Path) -> io::Result<()> {
    Ok(())
}

const USED: &[u8] = b"This directory holds a write-ahead log: its node has made promises.\n";

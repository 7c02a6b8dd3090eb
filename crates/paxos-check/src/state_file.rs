//! What a search remembers, in a file: it is written as the search goes, and a search that was stopped goes on from it.
//!
//! ```text
//!  0           8     12     16            ┌───────────── one for each batch, in order ─────────────┐
//! ┌───────────┬─────┬──────┬───────┬─────┬──────┬───────┬───────┬──────┬─────┬─────────────────┬─────┬─ ─
//! │"PXSTATES" │  1  │length│ text  │ CRC │ found│ tried │ first │ time │ CRC │ found × 14 bytes│ CRC │
//! │           │ u32 │ u32  │       │ u32 │ u32  │ u64   │ u64   │ u64  │ u32 │                 │ u32 │
//! └───────────┴─────┴──────┴───────┴─────┴──────┴───────┴───────┴──────┴─────┴─────────────────┴─────┴─ ─
//!              └ version                        └ choices       └ nanoseconds     └ fingerprint u64, parent u32, nth u16
//! ```
//!
//! Numbers are little-endian. The text says which search it is: the model, its setting, bounds and invariants, and the
//! fingerprint of the world that it starts from. Limits are not in it, since a search may go on with others.
//!
//! A batch is written when it was looked at wholly, with one write. Whoever goes on reads the batches where else they
//! would be looked at, so that a resumed search is the same loop, and ends with the same numbers. What a kill leaves of
//! a batch is a part of it at the end of the file: it is cut off, and that batch looked at again. So a search that has
//! ended needs no mark: it is read, and says again what it said.
//!
//! That the bytes are whole does not say that the code is still the one that wrote them. So the first state of each
//! batch is looked at again, and must lead where it led.

mod batch;
mod error;

use std::{
    fmt::Write as _,
    fs::{File, OpenOptions, TryLockError},
    io::{self, BufReader, Read, Seek, SeekFrom, Write},
    ops::Range,
    path::{Path, PathBuf},
    time::Duration,
};

use paxos_sim::{Bounds, Invariant, World};

pub use error::StateFileError;

use crate::{Checkable, expand::Part};
use batch::Batch;

/// The file of a search, open, and locked against another one.
#[derive(Debug)]
pub(crate) struct StateFile {
    path: PathBuf,
    file: BufReader<File>,
    /// How long the file was when it was opened, or is, once it is written.
    length: u64,
    /// Where the last whole batch that is known ends.
    end: u64,
    stage: Stage,
    /// What is being found, and will be written.
    open: Batch,
}

/// What is done with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// Its batches are read.
    Recalling,
    /// All were read. What is behind them is half a batch, which is not cut off before there is a better one.
    Recalled,
    /// Batches are added.
    Writing,
}

impl StateFile {
    /// Opens the file of the search that `text` describes, or begins it.
    pub(crate) fn open(path: &Path, text: &str) -> Result<Self, StateFileError> {
        let failed = |action| move |error| StateFileError::Io { action, path: path.to_owned(), error };
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(path)
            .map_err(failed("open"))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(StateFileError::InUse { path: path.to_owned() }),
            Err(TryLockError::Error(error)) => return Err(failed("lock")(error)),
        }
        let length = file.metadata().map_err(failed("read"))?.len();
        let header = header(text);
        let mut there = Vec::new();
        (&file).take(header.len() as u64).read_to_end(&mut there).map_err(failed("read"))?;
        let (length, stage) = if there == header {
            (length, Stage::Recalling)
        } else if length < header.len() as u64 && header.starts_with(&there) {
            // Nothing, or all that a kill has left of a header.
            file.seek(SeekFrom::Start(0)).map_err(failed("write"))?;
            file.write_all(&header).map_err(failed("write"))?;
            (header.len() as u64, Stage::Recalled)
        } else {
            return Err(refusal(path, &file, text).unwrap_or_else(failed("read")));
        };
        let (file, end) = (BufReader::with_capacity(1 << 20, file), header.len() as u64);
        Ok(Self { path: path.to_owned(), file, length, end, stage, open: Batch::default() })
    }

    /// What was found from the states of a batch, and how long the search had taken then; `None` when this is not known
    /// yet.
    pub(crate) fn recall(&mut self, batch: &Range<usize>) -> Result<Option<(Part, Duration)>, StateFileError> {
        if self.stage != Stage::Recalling {
            return Ok(None);
        }
        let read = Batch::read(&mut self.file, self.length - self.end).map_err(|error| self.failed("read", error))?;
        match read {
            batch::Read::Whole(read) if read.is_of(batch) => {
                self.end += read.length();
                Ok(Some((read.part(), read.elapsed)))
            }
            batch::Read::Torn => {
                self.stage = Stage::Recalled;
                Ok(None)
            }
            batch::Read::Whole(_) | batch::Read::Damaged => {
                Err(StateFileError::Damaged { path: self.path.clone(), offset: self.end })
            }
        }
    }

    /// Takes down a state that was found, unless it was read from here.
    pub(crate) fn note(&mut self, fingerprint: u64, parent: usize, nth: u16) {
        if self.stage != Stage::Recalling {
            self.open.push(fingerprint, parent, nth);
        }
    }

    /// Writes what was found from a batch, all of which was looked at, unless it was read from here.
    pub(crate) fn keep(&mut self, first: usize, tried: usize, elapsed: Duration) -> Result<(), StateFileError> {
        if self.stage == Stage::Recalling {
            return Ok(());
        }
        if self.stage == Stage::Recalled {
            self.file.get_ref().set_len(self.end).map_err(|error| self.failed("cut", error))?;
            self.file.seek(SeekFrom::Start(self.end)).map_err(|error| self.failed("write", error))?;
            self.stage = Stage::Writing;
        }
        let bytes = self.open.close(first, tried, elapsed);
        self.file.get_mut().write_all(&bytes).map_err(|error| self.failed("write", error))?;
        self.end += bytes.len() as u64;
        self.length = self.end;
        Ok(())
    }

    /// Has the disk have it.
    pub(crate) fn sync(&self) -> Result<(), StateFileError> {
        self.file.get_ref().sync_data().map_err(|error| self.failed("sync", error))
    }

    /// How long the file is.
    pub(crate) const fn bytes(&self) -> u64 {
        self.length
    }

    /// The code leads from `state` to other worlds than the code that wrote it.
    pub(crate) fn of_other_code(&self, state: usize) -> StateFileError {
        StateFileError::OtherCode { path: self.path.clone(), state }
    }

    fn failed(&self, action: &'static str, error: io::Error) -> StateFileError {
        StateFileError::Io { action, path: self.path.clone(), error }
    }
}

/// Which search it is, in lines.
pub(crate) fn text<P: Checkable>(
    model: &str,
    initial: &World<P>,
    bounds: &Bounds<P::Request>,
    invariants: &[Invariant],
    batch: usize,
) -> String {
    let mut text = format!("model {model}\nsetting {:?}\nbounds {bounds:?}\n", initial.setting());
    let names: Vec<_> = invariants.iter().map(|invariant| invariant.name()).collect();
    let fingerprint = initial.fingerprint();
    writeln!(text, "invariants {}\nworld {fingerprint:016x}\nbatches of {batch}", names.join(" "))
        .expect("a string takes what is written to it");
    text
}

fn header(text: &str) -> Vec<u8> {
    let length = u32::try_from(text.len()).expect("a description is short");
    let mut header = [MAGIC, &VERSION.to_le_bytes(), &length.to_le_bytes(), text.as_bytes()].concat();
    let checksum = crc32fast::hash(&header);
    header.extend(checksum.to_le_bytes());
    header
}

/// Why a file does not begin as it should. The file is as it was.
fn refusal(path: &Path, mut file: &File, text: &str) -> io::Result<StateFileError> {
    let path = path.to_owned();
    file.seek(SeekFrom::Start(0))?;
    let mut there = Vec::new();
    file.take(LONGEST_HEADER).read_to_end(&mut there)?;
    let word = |at: usize| there.get(at..at + 4).map(|word| u32::from_le_bytes(word.try_into().expect("four bytes")));
    let (Some(version), Some(length), true) = (word(8), word(12), there.starts_with(MAGIC)) else {
        return Ok(StateFileError::Foreign { path });
    };
    if version != VERSION {
        return Ok(StateFileError::Version { path, found: version });
    }
    let found = usize::try_from(length).ok().and_then(|length| there.get(16..16_usize.checked_add(length)?));
    let Some(found) = found.and_then(|found| str::from_utf8(found).ok()) else {
        return Ok(StateFileError::Damaged { path, offset: 0 });
    };
    if !there.starts_with(&header(found)) {
        return Ok(StateFileError::Damaged { path, offset: 0 });
    }
    let differ = found.lines().zip(text.lines()).find(|(found, asked)| found != asked);
    let (found, asked) = differ.unwrap_or((found, text));
    Ok(StateFileError::AnotherSearch { path, found: found.to_owned(), asked: asked.to_owned() })
}

const MAGIC: &[u8] = b"PXSTATES";
/// Of the format of the file.
const VERSION: u32 = 1;
const LONGEST_HEADER: u64 = 1 << 16;

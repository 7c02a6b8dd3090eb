//! What is believed when a log is read back.
//!
//! A crash may end the file anywhere behind the last synced byte. Damage may change any byte. The two look alike and
//! must not be treated alike: what a crash cut off was never synced, hence never answered, and dropping it is right;
//! dropping a synced record breaks a promise. So each finding is sorted by what *can* have caused it:
//!
//! | the log | it is | because |
//! |---|---|---|
//! | ends where a record ends | whole | |
//! | ends inside a record, header or payload | torn: cut there | a sync covers whole records: the last did not return |
//! | has nothing but zeros behind a record | torn: cut there | the length reached the disk and the blocks did not |
//! | has a complete header that does not check | corrupt | no crash changes bytes; and its length may be the lie |
//! | has a complete payload that does not check | corrupt | the same, also for the very last record |
//! | has a record with another's number | corrupt | an old block, or one that belongs elsewhere |
//! | is shorter than its file header, or that does not check | corrupt | a log gets its name when it is whole |
//! | begins with a number in the upper half of all numbers | corrupt | no log has had so many records |
//! | ends before what is noted beside it | corrupt | what was noted was stable (see `note.rs`) |
//!
//! The header's own checksum is what keeps the first two columns apart: without it, one flipped bit in a length would
//! turn a synced record (and all behind it) into "the file ends inside it". With it, a length is believed before it
//! is used, and a header of zeros is never one, since the checksum of zeros is not zero.
//!
//! Strictness has a price, paid on purpose: a record at the end that is complete and does not check *may* be a group
//! that was on its way to the disk. Nothing in the file can tell (Alagappan et al., FAST 2018, call for a second,
//! separate write to do so), and guessing wrong costs safety while stopping costs one node.

use std::{
    fs::File,
    io::Read,
    ops::Range,
    path::{Path, PathBuf},
};

use crate::{
    Damage, WalError,
    error::io_error,
    format::{self, FILE_HEADER, RECORD_HEADER, RecordHeader},
};

/// What a log held when it was opened.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Recovered {
    /// Every record, in the order of the appends. Contains all that was synced, and may go on with records that were
    /// on their way when the process ended; all are stable now.
    pub records: Vec<Vec<u8>>,
    /// What was cut off the end, if the last process ended while it wrote.
    pub torn: Option<TornTail>,
}

/// The end of a log that was never synced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TornTail {
    /// Where it began: the length of the whole records before it, in bytes from the start of the file.
    pub offset: u64,
    /// How many bytes were cut off.
    pub bytes: u64,
}

/// A log as it was read: its bytes, and where the records are in them. A million records are one piece of memory.
#[derive(Debug)]
pub(crate) struct ReadBack {
    bytes: Vec<u8>,
    records: Vec<Range<usize>>,
    pub(crate) torn: Option<TornTail>,
    /// The number that the next record takes.
    pub(crate) next_sequence: u64,
}

impl ReadBack {
    /// Of a log that there has never been.
    pub(crate) const fn nothing(next_sequence: u64) -> Self {
        Self { bytes: Vec::new(), records: Vec::new(), torn: None, next_sequence }
    }

    // ANCHOR: check_length
    /// Whether it is the log that was left here: it goes on at least to what was noted.
    pub(crate) fn check_length(&self, noted: u64, path: &Path) -> Result<(), WalError> {
        if noted <= self.next_sequence {
            return Ok(());
        }
        let offset = self.torn.map_or(self.bytes.len() as u64, |torn| torn.offset);
        let damage = Damage::CutShort { expected: noted, found: self.next_sequence };
        Err(WalError::Corrupt { file: PathBuf::from(path), offset, damage })
    }
    // ANCHOR_END: check_length

    /// Every record, in the order of the appends.
    pub(crate) fn records(&self) -> impl ExactSizeIterator<Item = &[u8]> {
        self.records.iter().map(|record| &self.bytes[record.clone()])
    }
}

/// Reads the whole log by the rules above.
pub(crate) fn read_back(mut file: File, path: &Path) -> Result<ReadBack, WalError> {
    let refused = |error| io_error("read", path, error);
    let length = file.metadata().map_err(refused)?.len();
    let mut bytes = Vec::with_capacity(usize::try_from(length).unwrap_or(0));
    file.read_to_end(&mut bytes).map_err(refused)?;
    read(bytes, path)
}

/// Takes apart what was read from `path`.
pub(crate) fn read(bytes: Vec<u8>, path: &Path) -> Result<ReadBack, WalError> {
    let mut scan = Scan { bytes: &bytes, path, offset: 0 };
    let mut next_sequence = scan.file_header()?;
    let (mut records, mut torn) = (Vec::new(), None);
    loop {
        match scan.record(next_sequence)? {
            Found::Record(record) => {
                records.push(record);
                next_sequence += 1;
            }
            Found::End => break,
            Found::TornTail => {
                torn = Some(TornTail { offset: scan.offset as u64, bytes: scan.rest().len() as u64 });
                break;
            }
        }
    }
    Ok(ReadBack { bytes, records, torn, next_sequence })
}

enum Found {
    /// Where its payload is.
    Record(Range<usize>),
    End,
    TornTail,
}

struct Scan<'a> {
    bytes: &'a [u8],
    path: &'a Path,
    /// Where the next record begins, if there is one. All before it is good.
    offset: usize,
}

impl Scan<'_> {
    fn file_header(&mut self) -> Result<u64, WalError> {
        let header = self.bytes.first_chunk().ok_or_else(|| self.corrupt(Damage::FileHeader))?;
        match format::parse_file_header(header) {
            // What is counted from there on must fit into the number too.
            Ok((format::VERSION, found)) if format::LAST_FIRST < found => {
                Err(self.corrupt(Damage::FirstNumber { found }))
            }
            Ok((format::VERSION, first_sequence)) => {
                self.offset = FILE_HEADER;
                Ok(first_sequence)
            }
            Ok((found, _)) => Err(WalError::Version { file: PathBuf::from(self.path), found }),
            Err(damage) => Err(self.corrupt(damage)),
        }
    }

    /// What is at `offset`, which moves on behind it if it is a record.
    fn record(&mut self, sequence: u64) -> Result<Found, WalError> {
        let rest = self.rest();
        if rest.is_empty() {
            return Ok(Found::End);
        }
        let Some((header, behind_header)) = rest.split_first_chunk::<RECORD_HEADER>() else {
            return Ok(Found::TornTail);
        };
        if *header == [0; RECORD_HEADER] && behind_header.iter().all(|byte| *byte == 0) {
            return Ok(Found::TornTail);
        }
        let header = RecordHeader::parse(header).ok_or_else(|| self.corrupt(Damage::RecordHeader))?;
        if header.sequence != sequence {
            return Err(self.corrupt(Damage::Sequence { expected: sequence, found: header.sequence }));
        }
        let Some(payload) = behind_header.get(..header.length as usize) else {
            return Ok(Found::TornTail);
        };
        if !header.matches(payload) {
            return Err(self.corrupt(Damage::Payload));
        }
        let start = self.offset + RECORD_HEADER;
        self.offset = start + payload.len();
        Ok(Found::Record(start..self.offset))
    }

    fn rest(&self) -> &[u8] {
        &self.bytes[self.offset..]
    }

    fn corrupt(&self, damage: Damage) -> WalError {
        WalError::Corrupt { file: PathBuf::from(self.path), offset: self.offset as u64, damage }
    }
}

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
    io::{self, BufReader, Read},
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

/// Reads the whole log by the rules above. Returns also the number that the next record takes.
pub(crate) fn read_back(file: File, path: &Path) -> Result<(Recovered, u64), WalError> {
    let length = file.metadata().map_err(|error| io_error("read", path, error))?.len();
    let mut scan = Scan { reader: BufReader::new(file), path, offset: 0, length };
    let mut sequence = scan.file_header()?;
    let mut recovered = Recovered::default();
    loop {
        match scan.record(sequence)? {
            Found::Record(record) => {
                recovered.records.push(record);
                sequence += 1;
            }
            Found::End => break,
            Found::TornTail => {
                recovered.torn = Some(TornTail { offset: scan.offset, bytes: scan.remaining() });
                break;
            }
        }
    }
    Ok((recovered, sequence))
}

enum Found {
    Record(Vec<u8>),
    End,
    TornTail,
}

struct Scan<'a> {
    reader: BufReader<File>,
    path: &'a Path,
    /// Where the next record begins, if there is one. All before it is good.
    offset: u64,
    /// The length of the file, in bytes.
    length: u64,
}

impl Scan<'_> {
    fn file_header(&mut self) -> Result<u64, WalError> {
        let mut header = [0; FILE_HEADER];
        if self.remaining() < FILE_HEADER as u64 {
            return Err(self.corrupt(Damage::FileHeader));
        }
        self.read(&mut header)?;
        match format::parse_file_header(&header) {
            Ok((format::VERSION, first_sequence)) => {
                self.offset = FILE_HEADER as u64;
                Ok(first_sequence)
            }
            Ok((found, _)) => Err(WalError::Version { file: PathBuf::from(self.path), found }),
            Err(damage) => Err(self.corrupt(damage)),
        }
    }

    /// What is at `offset`, which moves on behind it if it is a record.
    fn record(&mut self, sequence: u64) -> Result<Found, WalError> {
        let remaining = self.remaining();
        if remaining == 0 {
            return Ok(Found::End);
        }
        let mut header = [0; RECORD_HEADER];
        let Some(behind_header) = remaining.checked_sub(RECORD_HEADER as u64) else {
            return Ok(Found::TornTail);
        };
        self.read(&mut header)?;
        if header == [0; RECORD_HEADER] && self.only_zeros_follow()? {
            return Ok(Found::TornTail);
        }
        let header = RecordHeader::parse(&header).ok_or_else(|| self.corrupt(Damage::RecordHeader))?;
        if header.sequence != sequence {
            return Err(self.corrupt(Damage::Sequence { expected: sequence, found: header.sequence }));
        }
        if behind_header < u64::from(header.length) {
            return Ok(Found::TornTail);
        }
        let mut payload = vec![0; header.length as usize];
        self.read(&mut payload)?;
        if !header.matches(&payload) {
            return Err(self.corrupt(Damage::Payload));
        }
        self.offset += (RECORD_HEADER + payload.len()) as u64;
        Ok(Found::Record(payload))
    }

    fn only_zeros_follow(&mut self) -> Result<bool, WalError> {
        let mut block = [0; 4096];
        loop {
            match self.reader.read(&mut block).map_err(|error| self.refused(error))? {
                0 => return Ok(true),
                read if block[..read].iter().any(|byte| *byte != 0) => return Ok(false),
                _ => {}
            }
        }
    }

    fn remaining(&self) -> u64 {
        self.length - self.offset
    }

    fn read(&mut self, into: &mut [u8]) -> Result<(), WalError> {
        self.reader.read_exact(into).map_err(|error| self.refused(error))
    }

    fn refused(&self, error: io::Error) -> WalError {
        io_error("read", self.path, error)
    }

    fn corrupt(&self, damage: Damage) -> WalError {
        WalError::Corrupt { file: PathBuf::from(self.path), offset: self.offset, damage }
    }
}

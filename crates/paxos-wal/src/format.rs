//! The bytes of a log: a file header, then records. The picture is in the crate's documentation.

use crate::{Damage, WalError};

/// The most bytes one record may have: 16 MiB. A length above it is never believed.
pub const MAX_RECORD: usize = 16 << 20;

/// The bytes in front of the first record.
pub(crate) const FILE_HEADER: usize = 24;

/// The bytes in front of each payload.
pub(crate) const RECORD_HEADER: usize = 20;

/// The version of the format that is written, and the only one that is read.
pub(crate) const VERSION: u32 = 1;

/// The highest number that the first record of a log may have: half of all numbers are left for those behind it.
pub(crate) const LAST_FIRST: u64 = u64::MAX / 2;

/// The header of a log whose first record has this number.
pub(crate) fn file_header(first_sequence: u64) -> [u8; FILE_HEADER] {
    let mut bytes = [0; FILE_HEADER];
    bytes[..8].copy_from_slice(&MAGIC);
    bytes[8..12].copy_from_slice(&VERSION.to_le_bytes());
    bytes[12..20].copy_from_slice(&first_sequence.to_le_bytes());
    let checksum = crc32fast::hash(&bytes[..20]);
    bytes[20..].copy_from_slice(&checksum.to_le_bytes());
    bytes
}

/// The version of the log and its first sequence number.
pub(crate) fn parse_file_header(bytes: &[u8; FILE_HEADER]) -> Result<(u32, u64), Damage> {
    if bytes[..8] != MAGIC {
        return Err(Damage::NotALog);
    }
    if crc32fast::hash(&bytes[..20]) != u32_at(bytes, 20) {
        return Err(Damage::FileHeader);
    }
    Ok((u32_at(bytes, 8), u64_at(bytes, 12)))
}

/// Appends one record, header and payload, to `out`; nothing when it is too long.
pub(crate) fn push_record(out: &mut Vec<u8>, sequence: u64, payload: &[u8]) -> Result<(), WalError> {
    if MAX_RECORD < payload.len() {
        return Err(WalError::RecordTooLong { length: payload.len() });
    }
    let header = RecordHeader {
        length: payload.len() as u32,
        sequence,
        payload_checksum: RecordHeader::payload_checksum(sequence, payload),
    };
    let bytes = header.to_bytes();
    debug_assert_eq!(RecordHeader::parse(&bytes), Some(header), "what is written is what will be read");
    out.extend_from_slice(&bytes);
    out.extend_from_slice(payload);
    Ok(())
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RecordHeader {
    /// Bytes of payload.
    pub(crate) length: u32,
    /// One more than the record's before.
    pub(crate) sequence: u64,
    payload_checksum: u32,
}

impl RecordHeader {
    /// `None` if these bytes were not written as a header. Such a length must not be used for anything.
    pub(crate) fn parse(bytes: &[u8; RECORD_HEADER]) -> Option<Self> {
        let header = Self { length: u32_at(bytes, 0), sequence: u64_at(bytes, 4), payload_checksum: u32_at(bytes, 12) };
        let intact = crc32fast::hash(&bytes[..16]) == u32_at(bytes, 16);
        (intact && header.length as usize <= MAX_RECORD).then_some(header)
    }

    /// Whether this is the payload that the header was written for.
    pub(crate) fn matches(&self, payload: &[u8]) -> bool {
        self.length as usize == payload.len() && self.payload_checksum == Self::payload_checksum(self.sequence, payload)
    }

    fn to_bytes(self) -> [u8; RECORD_HEADER] {
        let mut bytes = [0; RECORD_HEADER];
        bytes[..4].copy_from_slice(&self.length.to_le_bytes());
        bytes[4..12].copy_from_slice(&self.sequence.to_le_bytes());
        bytes[12..16].copy_from_slice(&self.payload_checksum.to_le_bytes());
        let checksum = crc32fast::hash(&bytes[..16]);
        bytes[16..].copy_from_slice(&checksum.to_le_bytes());
        bytes
    }

    /// Covers the sequence number, so that a payload belongs to its place and not only to its length.
    fn payload_checksum(sequence: u64, payload: &[u8]) -> u32 {
        let mut hasher = crc32fast::Hasher::new();
        hasher.update(&sequence.to_le_bytes());
        hasher.update(payload);
        hasher.finalize()
    }
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(bytes[at..at + 4].try_into().expect("four bytes"))
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(bytes[at..at + 8].try_into().expect("eight bytes"))
}

const MAGIC: [u8; 8] = *b"PAXOSWAL";

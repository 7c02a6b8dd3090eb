//! The rules of `recovery.rs`, one by one and then exhaustively.

use std::fs;

use proptest::{collection::vec, prelude::*};

use crate::{Damage, Disk, FILE_HEADER, RECORD_HEADER, TornTail, Wal, WalError, append_all, boundaries};

const RECORDS: [&[u8]; 4] = [b"promised b1.1", b"", b"\0\0\0\0", b"accepted b1.1 x"];

fn torn(offset: usize, bytes: usize) -> Option<TornTail> {
    Some(TornTail { offset: offset as u64, bytes: bytes as u64 })
}

/// Cut at every length: a prefix of the records, a report of what was cut, and a log that goes on.
#[test]
fn every_truncation_is_a_prefix_and_the_log_goes_on() {
    let disk = Disk::with(&RECORDS);
    let (whole, boundaries) = (disk.log(), boundaries(&RECORDS));
    assert_eq!(boundaries.last(), Some(&whole.len()));
    for end in FILE_HEADER..=whole.len() {
        disk.set_log(&whole[..end]);
        let kept = boundaries.iter().filter(|boundary| **boundary <= end).count() - 1;
        let offset = boundaries[kept];
        let (mut wal, recovered) = disk.open();
        assert_eq!(recovered.records, RECORDS[..kept], "cut at {end}");
        assert_eq!(recovered.torn, if offset == end { None } else { torn(offset, end - offset) });
        wal.append(b"later").unwrap();
        wal.sync().unwrap();
        drop(wal);
        disk.check(&[&RECORDS[..kept], &[b"later"]].concat(), None);
    }
}

/// A log gets its name when its header is on the disk, so that a header cut short is no crash.
#[test]
fn a_log_without_its_whole_header_is_corrupt() {
    let disk = Disk::with(&RECORDS);
    let whole = disk.log();
    for end in 0..FILE_HEADER {
        disk.set_log(&whole[..end]);
        disk.check_corrupt(0, Damage::FileHeader);
    }
}

/// Every bit of a log, flipped: never fewer records than were synced, and never others. In fact, never any.
#[test]
fn every_flipped_bit_is_refused() {
    let disk = Disk::with(&RECORDS);
    let whole = disk.log();
    for at in 0..whole.len() {
        for bit in 0..8 {
            let mut flipped = whole.clone();
            flipped[at] ^= 1 << bit;
            disk.set_log(&flipped);
            let opened = Wal::open(disk.dir());
            assert!(matches!(opened, Err(WalError::Corrupt { .. })), "bit {bit} of byte {at}: {opened:?}");
            assert_eq!(disk.log(), flipped, "a log that is refused is evidence");
        }
    }
    disk.set_log(&whole);
    disk.check(&RECORDS, None);
}

/// Every byte, set to what dying disks and empty blocks show.
#[test]
fn every_cleared_or_filled_byte_is_refused() {
    let disk = Disk::with(&RECORDS);
    let whole = disk.log();
    for at in 0..whole.len() {
        for value in [0, u8::MAX] {
            let mut changed = whole.clone();
            changed[at] = value;
            disk.set_log(&changed);
            match Wal::open(disk.dir()) {
                Ok((_, recovered)) => {
                    assert!(changed == whole && recovered.records == RECORDS, "byte {at} set to {value}");
                    // Opening wrote the same records anew, with the numbers that come next.
                    disk.set_log(&whole);
                }
                Err(error) => assert!(changed != whole && matches!(error, WalError::Corrupt { .. })),
            }
        }
    }
}

#[test]
fn a_tail_of_zeros_is_torn() {
    let disk = Disk::with(&RECORDS);
    let whole = disk.log();
    for zeros in [1, RECORD_HEADER - 1, RECORD_HEADER, RECORD_HEADER + 1, 4096, 20_000] {
        disk.set_log(&[&whole[..], &vec![0; zeros]].concat());
        disk.check(&RECORDS, torn(whole.len(), zeros));
        disk.set_log(&whole);
    }
}

#[test]
fn zeros_with_anything_behind_them_are_corrupt() {
    let disk = Disk::with(&RECORDS);
    let whole = disk.log();
    for zeros in [RECORD_HEADER, 4096, 20_000] {
        disk.set_log(&[&whole[..], &vec![0; zeros], b"x"].concat());
        disk.check_corrupt(whole.len(), Damage::RecordHeader);
    }
}

/// A block that came back as zeros inside the log, and one at its end that does not begin where a record does. The
/// second may be a crash; that it may also be a synced vote decides.
#[test]
fn a_hole_is_corrupt() {
    let disk = Disk::with(&RECORDS);
    let (whole, boundaries) = (disk.log(), boundaries(&RECORDS));
    let mut hole = whole.clone();
    hole[boundaries[0]..boundaries[1]].fill(0);
    disk.set_log(&hole);
    disk.check_corrupt(boundaries[0], Damage::RecordHeader);

    let mut hole = whole.clone();
    hole[boundaries[3] + RECORD_HEADER + 1..].fill(0);
    disk.set_log(&hole);
    disk.check_corrupt(boundaries[3], Damage::Payload);

    let mut hole = whole;
    hole[boundaries[3] + 1..].fill(0);
    disk.set_log(&hole);
    disk.check_corrupt(boundaries[3], Damage::RecordHeader);
}

/// The case for which the header has a checksum of its own: a length that points behind the end of the file.
#[test]
fn a_damaged_length_is_not_a_torn_tail() {
    let disk = Disk::with(&RECORDS);
    let (whole, boundaries) = (disk.log(), boundaries(&RECORDS));
    for (record, begin) in boundaries[..RECORDS.len()].iter().enumerate() {
        let mut damaged = whole.clone();
        damaged[*begin + 1] = 1; // 256 bytes more
        disk.set_log(&damaged);
        assert!(damaged.len() < begin + 256, "the length of record {record} points behind the end");
        disk.check_corrupt(*begin, Damage::RecordHeader);
    }
}

#[test]
fn the_offset_is_where_the_damage_begins() {
    let disk = Disk::with(&RECORDS);
    let (whole, boundaries) = (disk.log(), boundaries(&RECORDS));
    let check = |at: usize, offset, damage| {
        let mut damaged = whole.clone();
        damaged[at] ^= 0x10;
        disk.set_log(&damaged);
        disk.check_corrupt(offset, damage);
    };
    check(0, 0, Damage::NotALog);
    check(8, 0, Damage::FileHeader); // the version, which is not believed without its checksum
    check(FILE_HEADER - 1, 0, Damage::FileHeader);
    check(boundaries[1] + 4, boundaries[1], Damage::RecordHeader);
    check(boundaries[0] + RECORD_HEADER, boundaries[0], Damage::Payload);
    check(whole.len() - 1, boundaries[3], Damage::Payload);
}

/// Whole and intact records, in the wrong place: blocks that were not written, or written elsewhere.
#[test]
fn misplaced_records_are_corrupt() {
    let (first, second): ([&[u8]; 3], [&[u8]; 3]) = ([b"aa", b"bb", b"cc"], [b"dd", b"ee", b"ff"]);
    let disk = Disk::new();
    let (mut wal, _) = disk.open();
    append_all(&mut wal, &first);
    wal.sync().unwrap();
    let old = disk.log();
    wal.checkpoint(second).unwrap();
    drop(wal);
    let new = disk.log();
    let at = boundaries(&first);
    let check = |log: &[&[u8]], offset, expected, found| {
        disk.set_log(&log.concat());
        disk.check_corrupt(offset, Damage::Sequence { expected, found });
    };
    // Record 2 is missing; records 2 and 3 changed places; record 1 is there twice.
    check(&[&old[..at[1]], &old[at[2]..]], at[1], 2, 3);
    check(&[&old[..at[1]], &old[at[2]..], &old[at[1]..at[2]]], at[1], 2, 3);
    check(&[&old[..at[1]], &old[at[0]..]], at[1], 2, 1);
    // The checkpoint counted on from 4, so that no block of the old log fits into the new one, nor the reverse.
    check(&[&new[..at[1]], &old[at[1]..]], at[1], 5, 2);
    check(&[&old[..at[1]], &new[at[1]..]], at[1], 2, 5);
    check(&[&new[..at[0]], &old[at[0]..]], at[0], 4, 1);
    // A payload alone, in the right place by length: its checksum knows the number.
    let split = at[2] + RECORD_HEADER;
    disk.set_log(&[&new[..split], b"cc"].concat());
    disk.check_corrupt(at[2], Damage::Payload);
}

#[test]
fn a_newer_format_is_not_read() {
    let disk = Disk::with(&RECORDS);
    let mut log = disk.log();
    log[8] = 2;
    let checksum = crc32fast::hash(&log[..20]);
    log[20..24].copy_from_slice(&checksum.to_le_bytes());
    disk.set_log(&log);
    assert!(matches!(Wal::open(disk.dir()), Err(WalError::Version { found: 2, .. })));
    assert_eq!(disk.log(), log);
}

#[test]
fn a_lost_log_is_not_a_new_one() {
    let disk = Disk::with(&RECORDS);
    fs::remove_file(disk.path("wal")).unwrap();
    for _ in 0..2 {
        let error = Wal::open(disk.dir()).unwrap_err();
        assert!(matches!(&error, WalError::Missing { file } if *file == disk.path("wal")), "{error:?}");
    }
    assert!(!disk.path("wal").exists());
}

/// The log was opened again since the first two records, so it is known that they were there. The last two may be what a
/// crash cut off.
#[test]
fn a_log_that_ends_before_what_is_noted_is_refused() {
    let disk = Disk::with(&RECORDS[..2]);
    let (mut wal, _) = disk.open();
    append_all(&mut wal, &RECORDS[2..]);
    wal.sync().unwrap();
    drop(wal);
    let (whole, lock, boundaries) = (disk.log(), fs::read(disk.path("lock")).unwrap(), boundaries(&RECORDS));
    for end in FILE_HEADER..=whole.len() {
        disk.set_log(&whole[..end]);
        fs::write(disk.path("lock"), &lock).unwrap();
        let kept = boundaries.iter().filter(|boundary| **boundary <= end).count() - 1;
        if kept < 2 {
            disk.check_corrupt(boundaries[kept], Damage::CutShort { expected: 5, found: 3 + kept as u64 });
        } else {
            assert_eq!(disk.open().1.records, RECORDS[..kept], "cut at {end}");
        }
    }
}

#[test]
fn an_older_copy_of_a_log_is_refused_after_a_checkpoint_and_after_a_megabyte() {
    let disk = Disk::with(&RECORDS);
    let older = disk.log();
    let (mut wal, _) = disk.open();
    wal.append(b"one more").unwrap();
    wal.checkpoint([&b"all of it"[..]]).unwrap();
    let checkpoint = disk.log();
    drop(wal);
    fs::write(disk.path("wal"), &older).unwrap();
    disk.check_corrupt(older.len(), Damage::CutShort { expected: 11, found: 5 });

    fs::write(disk.path("wal"), &checkpoint).unwrap();
    let (mut wal, _) = disk.open();
    for _ in 0..5 {
        wal.append(&vec![7; 1 << 18]).unwrap();
        wal.sync().unwrap();
    }
    drop(wal);
    fs::write(disk.path("wal"), &checkpoint).unwrap();
    disk.check_corrupt(checkpoint.len(), Damage::CutShort { expected: 16, found: 11 });
}

#[test]
fn the_message_says_where_and_what_to_do() {
    let disk = Disk::with(&RECORDS);
    let mut log = disk.log();
    *log.last_mut().unwrap() ^= 1;
    disk.set_log(&log);
    let message = Wal::open(disk.dir()).unwrap_err().to_string();
    let last = boundaries(&RECORDS)[3];
    let begin = format!("{} is corrupt at byte {last}: a record's content", disk.path("wal").display());
    assert!(message.starts_with(&begin), "{message}");
    assert!(message.contains("remove the node from the cluster for good"), "{message}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Anything behind synced records: they are read back, or the log stays shut.
    #[test]
    fn arbitrary_tails_never_shorten_a_log(tail in vec(prop_oneof![Just(0), any::<u8>()], 0..100)) {
        let disk = Disk::with(&RECORDS);
        let log = [disk.log(), tail].concat();
        disk.set_log(&log);
        match Wal::open(disk.dir()) {
            Ok((_, recovered)) => prop_assert_eq!(recovered.records, RECORDS),
            Err(error) => prop_assert!(matches!(error, WalError::Corrupt { .. }), "{error:?}"),
        }
    }

    /// Several bytes changed anywhere, as a lost sector does.
    #[test]
    fn damage_never_shortens_a_log(at: prop::sample::Index, bytes in vec(any::<u8>(), 1..40)) {
        let disk = Disk::with(&RECORDS);
        let whole = disk.log();
        let mut damaged = whole.clone();
        let at = at.index(whole.len());
        let end = whole.len().min(at + bytes.len());
        damaged[at..end].copy_from_slice(&bytes[..end - at]);
        disk.set_log(&damaged);
        match Wal::open(disk.dir()) {
            Ok((_, recovered)) => prop_assert!(damaged == whole && recovered.records == RECORDS),
            Err(error) => prop_assert!(matches!(error, WalError::Corrupt { .. }), "{error:?}"),
        }
    }
}

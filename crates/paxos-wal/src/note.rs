//! A note beside the log of how far it went: what makes a log that was cut short different from a new one.
//!
//! A log that ends where a record ends looks whole. If its last half is gone (a file system that was repaired, a copy that
//! was broken off, a backup of yesterday), nothing *in* it says so, and its node would vote as if it had never voted.
//! So the number that the next record would take is noted in another file: when the log is opened, when it is replaced, and
//! whenever it has grown by [`EVERY`]. A log that ends before the note is refused.
//!
//! What was appended since the last note is not covered. That would take a second write and sync for every group, which
//! doubles the price of a vote; and on a disk that keeps what it has synced nothing is gained by it.
//!
//! There are two places for the note, which are written in turn, so that a crash in the middle of writing one leaves the
//! other. A place that does not check says nothing.

use std::{
    fs::File,
    io::{self, Read, Seek, SeekFrom, Write},
};

/// The two places, behind `start` in a file.
#[derive(Debug)]
pub(crate) struct Note {
    start: u64,
    /// What is noted, and in which place.
    best: Option<(u64, u64)>,
}

impl Note {
    /// Reads what is noted in `file`.
    pub(crate) fn read(mut file: &File, start: u64) -> io::Result<Self> {
        let mut bytes = Vec::new();
        file.seek(SeekFrom::Start(start))?;
        file.take(2 * LENGTH as u64).read_to_end(&mut bytes)?;
        let places = bytes.chunks_exact(LENGTH).zip(0..).filter_map(|(place, index)| Some((parse(place)?, index)));
        Ok(Self { start, best: places.max() })
    }

    /// The number that the next record takes at least; 0 if nothing is noted.
    pub(crate) fn next_sequence(&self) -> u64 {
        self.best.map_or(0, |(next_sequence, _)| next_sequence)
    }

    /// Notes the number that the next record takes, if it is another one, and makes that stable. Allocates nothing.
    pub(crate) fn write(&mut self, mut file: &File, next_sequence: u64) -> io::Result<()> {
        let place = match self.best {
            Some((noted, _)) if next_sequence <= noted => return Ok(()),
            Some((_, place)) => 1 - place,
            None => 0,
        };
        file.seek(SeekFrom::Start(self.start + place * LENGTH as u64))?;
        file.write_all(&format(next_sequence))?;
        file.sync_all()?;
        self.best = Some((next_sequence, place));
        Ok(())
    }
}

/// `below 00000000000000000123 89abcdef`, the number with its checksum, and a line's end.
fn format(next_sequence: u64) -> [u8; LENGTH] {
    let mut bytes = [b'\n'; LENGTH];
    let checksum = crc32fast::hash(&next_sequence.to_le_bytes());
    write!(&mut bytes[..LENGTH - 1], "below {next_sequence:020} {checksum:08x}").expect("it has this length");
    bytes
}

fn parse(place: &[u8]) -> Option<u64> {
    let number = std::str::from_utf8(place.get(6..26)?).ok()?.parse().ok()?;
    (place == format(number)).then_some(number)
}

/// A note is written anew when the log has grown by so many bytes.
pub(crate) const EVERY: u64 = 1 << 20;
const LENGTH: usize = 36;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_higher_of_two_good_places_counts_and_a_bad_one_says_nothing() {
        let mut file = tempfile::tempfile().unwrap();
        let read = |file: &File| Note::read(file, 5).unwrap().next_sequence();
        assert_eq!(read(&file), 0);
        for (number, noted) in [(7, 7), (9, 9), (8, 9), (12, 12)] {
            Note::read(&file, 5).unwrap().write(&file, number).unwrap();
            assert_eq!(read(&file), noted);
        }
        // 12 took the place of 7.
        for at in 0..LENGTH as u64 {
            let mut byte = [0];
            file.seek(SeekFrom::Start(5 + at)).unwrap();
            file.read_exact(&mut byte).unwrap();
            for other in [byte[0] ^ 1, 0, 0xff] {
                file.seek(SeekFrom::Start(5 + at)).unwrap();
                file.write_all(&[other]).unwrap();
                assert_eq!(read(&file), 9, "byte {at} is {other}");
            }
            file.seek(SeekFrom::Start(5 + at)).unwrap();
            file.write_all(&byte).unwrap();
        }
        assert_eq!(read(&file), 12);
    }
}

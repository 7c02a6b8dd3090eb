//! `paxos corrupt`: every byte of a store is damaged in turn, and what becomes of it is counted.
//!
//! A store may do one of two things with damage: give back exactly what was made stable, or refuse, and say which file and
//! where. Any other value is a lie, and fewer records are a broken promise, unless they may be what a crash cut off. The
//! store is that of a node ([`Store`]), in a directory of its own; its bytes are put back before each try.

use std::{
    collections::BTreeMap,
    fs,
    ops::Range,
    path::Path,
    process::ExitCode,
    sync::atomic::{AtomicBool, Ordering},
};

use anyhow::Context;
use paxos_node::{Disk, Identity, Store};
use paxos_process::NodeId;
use serde_json::json;
use tempfile::TempDir;

use crate::{
    output::say,
    search::{UNDECIDED, bar, stop_on_interrupt},
};

/// Damage every byte of a store in turn, and count what becomes of it
///
/// A small store is written, as a node does it: records, a restart, more records; and the same with a checkpoint. Then
/// every bit of every file is flipped, every byte set to 0 and to 255; the log is cut at every length, zeroed from every
/// byte on, replaced by an older copy; and what a crash may leave of a checkpoint is put beside it. Each time the store is
/// opened. It must give back exactly what was stable, or refuse with file and place.
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Corrupt {
    /// Damage only every so manyth byte
    #[arg(long, default_value_t = 1, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    every: u16,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

const EXAMPLES: &str = "Examples:
  cargo paxos corrupt
  cargo paxos corrupt --every 10 --json | jq .rows

Columns: \"exact\" is all records and no others; \"place\" is refused with the file and the place in it; \"file\" is refused with \
the file, where there is no place (it is gone); \"shorter\" is fewer records from the end, which is right only for what was \
written since the log was last opened, cut, or grown by a megabyte: a crash may end there too; \"wrong\" is anything else.

Exit code: 0 nothing is wrong, and shorter only where it may be, 1 otherwise, 2 usage, 3 stopped before the end, 4 it failed.";

/// The files of a store, by their names.
type Image = BTreeMap<&'static str, Vec<u8>>;

/// A store as it was left, and what it must give back.
struct Subject {
    name: &'static str,
    files: Image,
    records: Vec<String>,
    /// So many bytes of the log were there when it was last noted how far it goes.
    noted: usize,
    /// The log as it was before the last life.
    older: Vec<u8>,
}

/// What was tried, and what came of it.
#[derive(Default)]
struct Row {
    tried: u64,
    exact: u64,
    place: u64,
    file: u64,
    shorter: u64,
    wrong: u64,
}

/// Where in which file, and what was done there.
type Case = (String, &'static str, &'static str);

/// One try: a case, and the files that it begins with.
struct Try {
    case: Case,
    /// The case is one in which fewer records may come back.
    may_be_shorter: bool,
    files: Image,
}

impl Corrupt {
    pub(crate) fn run(self) -> anyhow::Result<ExitCode> {
        let stop = stop_on_interrupt()?;
        let subjects = [appended().context("cannot write a store")?, checkpointed().context("cannot write a store")?];
        let (mut rows, mut bad) = (BTreeMap::new(), Vec::new());
        for subject in &subjects {
            let tries = tries(subject, usize::from(self.every));
            self.try_all(subject, tries, &stop, &mut rows, &mut bad)?;
        }
        let interrupted = stop.load(Ordering::Relaxed);
        let word = match (bad.is_empty(), interrupted) {
            (false, _) => "VIOLATED",
            (true, true) => "stopped",
            (true, false) => "held",
        };
        if self.json {
            let rows = rows.iter().map(|((store, region, damage), row): (&Case, &Row)| {
                json!({
                    "store": store, "region": region, "damage": damage, "tried": row.tried, "exact": row.exact,
                    "place": row.place, "file": row.file, "shorter": row.shorter, "wrong": row.wrong,
                })
            });
            say(json!({ "verdict": word, "rows": rows.collect::<Vec<_>>(), "bad": bad }));
        } else {
            show(&rows);
            bad.iter().take(MOST_SHOWN).for_each(say);
            say(format_args!("Verdict: {word}"));
        }
        Ok(ExitCode::from(match word {
            "held" => 0,
            "stopped" => UNDECIDED,
            _ => 1,
        }))
    }

    fn try_all(
        &self,
        subject: &Subject,
        tries: Vec<Try>,
        stop: &AtomicBool,
        rows: &mut BTreeMap<Case, Row>,
        bad: &mut Vec<String>,
    ) -> anyhow::Result<()> {
        let bar = bar("damaging", "times", tries.len() as u64, self.json);
        let directory = TempDir::with_prefix("paxos-corrupt-").context("cannot create a temporary directory")?;
        for one in tries {
            if stop.load(Ordering::Relaxed) {
                break;
            }
            let row = rows.entry(one.case.clone()).or_default();
            let before = (row.shorter, row.wrong);
            let told = outcome(directory.path(), &one.files, &subject.records, row)?;
            if before.1 < row.wrong || (before.0 < row.shorter && !one.may_be_shorter) {
                let (store, region, damage) = &one.case;
                bad.push(format!("{store}, {region}, {damage}: {told}"));
            }
            bar.inc(1);
        }
        bar.finish_and_clear();
        Ok(())
    }
}

/// Puts the files there, opens the store, and counts what comes of it. Says it, too.
fn outcome(directory: &Path, files: &Image, records: &[String], row: &mut Row) -> anyhow::Result<String> {
    for entry in fs::read_dir(directory)? {
        fs::remove_file(entry?.path())?;
    }
    for (name, bytes) in files {
        fs::write(directory.join(name), bytes)?;
    }
    row.tried += 1;
    let (column, told) = match Store::<String>::open(directory, identity()) {
        Ok((_, found)) if found == records => (&mut row.exact, "exact".to_owned()),
        Ok((_, found)) if found == records[..found.len().min(records.len())] => {
            (&mut row.shorter, format!("{} of {} records", found.len(), records.len()))
        }
        Ok((_, found)) => (&mut row.wrong, format!("other records: {found:?}")),
        Err(error) => {
            let text = error.to_string();
            let is_untouched = files.iter().all(|(name, bytes)| {
                *name == "lock" || fs::read(directory.join(name)).is_ok_and(|found| found == *bytes)
            });
            let names_file = text.contains(&directory.join("wal").display().to_string());
            let column = match (is_untouched && names_file, text.contains(" at byte ")) {
                (true, true) => &mut row.place,
                (true, false) => &mut row.file,
                (false, _) => &mut row.wrong,
            };
            (column, text)
        }
    };
    *column += 1;
    Ok(told)
}

fn identity() -> Identity {
    let (cluster, membership, protocol) = ("c".into(), "{n1} 1 of 1".into(), "words/1".into());
    Identity { node: NodeId(1), cluster, membership, protocol }
}

/// What a directory holds.
fn image(directory: &Path) -> anyhow::Result<Image> {
    ["wal", "lock"].into_iter().map(|name| Ok((name, fs::read(directory.join(name))?))).collect()
}

/// Two lives that append.
fn appended() -> anyhow::Result<Subject> {
    let directory = tempfile::tempdir()?;
    let words =
        ["promised b1.1", "", "accepted b1.1 blue", "accepted b1.1 \0\0\0\0", "promised b2.3", "accepted b2.3 x"];
    let append = |store: &mut Store<String>, words: &[&str]| -> anyhow::Result<()> {
        for word in words {
            store.append(&(*word).to_owned())?;
        }
        Ok(store.sync()?)
    };
    let (mut store, _) = Store::open(&directory, identity())?;
    append(&mut store, &words[..4])?;
    drop(store);
    let older = fs::read(directory.path().join("wal"))?;
    let (mut store, _) = Store::open(&directory, identity())?;
    let noted = usize::try_from(store.len_bytes())?;
    append(&mut store, &words[4..])?;
    drop(store);
    let records = words.map(str::to_owned).to_vec();
    Ok(Subject { name: "appended", files: image(directory.path())?, records, noted, older })
}

/// A life that appends, makes a checkpoint, and appends again.
fn checkpointed() -> anyhow::Result<Subject> {
    let before = appended()?;
    let directory = tempfile::tempdir()?;
    for (name, bytes) in &before.files {
        fs::write(directory.path().join(name), bytes)?;
    }
    let (mut store, _) = Store::<String>::open(&directory, identity())?;
    let mut records = ["promised b2.3", "accepted b2.3 x"].map(str::to_owned).to_vec();
    store.checkpoint(records.clone())?;
    let noted = usize::try_from(store.len_bytes())?;
    records.push("accepted b2.3 y".into());
    store.append(&records[2])?;
    store.sync()?;
    drop(store);
    let older = before.files["wal"].clone();
    Ok(Subject { name: "checkpoint", files: image(directory.path())?, records, noted, older })
}

/// All that is tried with a store.
fn tries(subject: &Subject, every: usize) -> Vec<Try> {
    let mut all = Vec::new();
    let mut add = |region: &'static str,
                   damage: &'static str,
                   may_be_shorter: bool,
                   name: &'static str,
                   bytes: Option<Vec<u8>>| {
        let mut files = subject.files.clone();
        match bytes {
            Some(bytes) => drop(files.insert(name, bytes)),
            None => drop(files.remove(name)),
        }
        all.push(Try { case: (subject.name.to_owned(), region, damage), may_be_shorter, files });
    };
    let (wal, lock) = (&subject.files["wal"], &subject.files["lock"]);
    for (region, range) in regions(wal) {
        for (damage, bytes) in flips(wal, range.step_by(every)) {
            add(region, damage, false, "wal", Some(bytes));
        }
    }
    for (damage, bytes) in flips(lock, (0..lock.len()).step_by(every)) {
        add("lock", damage, false, "lock", Some(bytes));
    }
    let region_of = |at: usize| if at < subject.noted { (false, "log, noted") } else { (true, "log, since then") };
    for end in (0..wal.len()).step_by(every) {
        let (may_be_shorter, region) = region_of(end);
        add(region, "cut short", may_be_shorter, "wal", Some(wal[..end].to_vec()));
        let zeroed: Vec<u8> = wal[..end].iter().copied().chain(wal[end..].iter().map(|_| 0)).collect();
        if let Some(first) = wal.iter().zip(&zeroed).position(|(was, is)| was != is) {
            let (may_be_shorter, region) = region_of(first);
            add(region, "zeros to the end", may_be_shorter, "wal", Some(zeroed));
        }
        // What a crash may leave of a new log, beside the old one.
        add("wal.new", "left by a crash", false, "wal.new", Some(wal[..end].to_vec()));
    }
    for length in (1..=64).step_by(every) {
        add("log", "zeros behind it", false, "wal", Some([wal.clone(), vec![0; length]].concat()));
        add("log", "garbage behind it", false, "wal", Some([wal.clone(), vec![0xa5; length]].concat()));
    }
    add("log", "an older copy", false, "wal", Some(subject.older.clone()));
    add("log", "gone", false, "wal", None);
    add("lock", "gone", false, "lock", None);
    for end in (0..lock.len()).step_by(every) {
        add("lock", "cut short", false, "lock", Some(lock[..end].to_vec()));
    }
    all
}

/// Every bit of these bytes flipped, every byte set to 0 and to 255; one at a time.
fn flips(bytes: &[u8], places: impl Iterator<Item = usize>) -> Vec<(&'static str, Vec<u8>)> {
    let mut all = Vec::new();
    for at in places {
        let ones = (0..8).map(|bit| ("one bit", bytes[at] ^ (1 << bit)));
        for (damage, byte) in ones.chain([("0x00", 0), ("0xff", 0xff)]).filter(|(_, byte)| *byte != bytes[at]) {
            let mut damaged = bytes.to_vec();
            damaged[at] = byte;
            all.push((damage, damaged));
        }
    }
    all
}

/// Which part of a log is what: as `paxos-wal` writes it.
fn regions(wal: &[u8]) -> Vec<(&'static str, Range<usize>)> {
    let mut all = vec![("file header", 0..FILE_HEADER)];
    let mut at = FILE_HEADER;
    while let Some(length) = wal.get(at..at + 4).and_then(|bytes| bytes.try_into().ok()).map(u32::from_le_bytes) {
        let payload = at + RECORD_HEADER;
        all.push(("record header", at..payload));
        at = payload + length as usize;
        all.push(("payload", payload..at));
    }
    all
}

fn show(rows: &BTreeMap<Case, Row>) {
    say(format_args!(
        "{:<12}{:<17}{:<19}{:>7}{:>7}{:>7}{:>6}{:>9}{:>7}",
        "store", "where", "damage", "tried", "exact", "place", "file", "shorter", "wrong"
    ));
    for ((store, region, damage), row) in rows {
        let Row { tried, exact, place, file, shorter, wrong } = row;
        say(format_args!(
            "{store:<12}{region:<17}{damage:<19}{tried:>7}{exact:>7}{place:>7}{file:>6}{shorter:>9}{wrong:>7}"
        ));
    }
}

/// The bytes in front of the first record, and in front of each payload.
const FILE_HEADER: usize = 24;
const RECORD_HEADER: usize = 20;
/// Bad outcomes that are printed.
const MOST_SHOWN: usize = 20;

#[cfg(test)]
mod tests {
    use super::*;

    /// What is said of one store, in a row of its own.
    fn check(files: &Image, records: &[&str]) -> Row {
        let directory = tempfile::tempdir().unwrap();
        let records: Vec<String> = records.iter().map(|record| (*record).to_owned()).collect();
        let mut row = Row::default();
        outcome(directory.path(), files, &records, &mut row).unwrap();
        row
    }

    #[test]
    fn every_outcome_has_its_column() {
        let Subject { files, records, .. } = appended().unwrap();
        let records: Vec<&str> = records.iter().map(String::as_str).collect();
        assert_eq!(check(&files, &records).exact, 1);
        let more = [&records[..], &["lost"]].concat();
        assert_eq!(check(&files, &more).shorter, 1);
        assert_eq!(check(&files, &records[1..]).wrong, 1);
        assert_eq!(check(&files, &records[..2]).wrong, 1, "more than there was");
        let damaged = |name, at: usize| {
            let mut files = files.clone();
            files.get_mut(name).unwrap()[at] ^= 1;
            files
        };
        assert_eq!(check(&damaged("wal", 30), &records).place, 1);
        assert_eq!(check(&damaged("lock", 30), &records).exact, 1);
        let mut gone = files.clone();
        gone.remove("wal");
        assert_eq!(check(&gone, &records).file, 1);
    }

    #[test]
    fn the_regions_are_the_whole_log() {
        for subject in [appended().unwrap(), checkpointed().unwrap()] {
            let regions = regions(&subject.files["wal"]);
            let ends = regions.windows(2).all(|pair| pair[0].1.end == pair[1].1.start);
            assert!(ends && regions.last().unwrap().1.end == subject.files["wal"].len());
            // The identity is a record, too.
            assert_eq!(regions.iter().filter(|(region, _)| *region == "payload").count(), 1 + subject.records.len());
        }
    }
}

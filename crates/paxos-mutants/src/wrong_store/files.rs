//! A file system of one directory with one log in it.

use paxos_messages::single::Record;

/// A record's place in a file.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Frame {
    /// The record.
    Whole(Record<char>),
    /// Zeros: it was never written, and something behind it was.
    Hole,
    /// Bytes that are no record.
    Damaged,
}

/// A file: what a reader sees, and what a power cut leaves of that.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
struct File {
    cached: Vec<Frame>,
    stable: Vec<Frame>,
    /// So many frames of the cache count as written.
    clean: usize,
}

/// The directory. All names of it are stable but perhaps the last change.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Files {
    log: File,
    /// The file that has the log's name when the power is cut now, if it is another one.
    before: Option<File>,
}

impl Files {
    pub(super) fn append(&mut self, record: Record<char>) {
        self.log.cached.push(Frame::Whole(record));
    }

    /// After a failed sync, too, the pages count as written: the next one does not write them.
    pub(super) fn sync(&mut self, fails: bool) {
        let File { cached, stable, clean } = &mut self.log;
        if !fails && *clean < cached.len() {
            stable.resize(*clean, Frame::Hole);
            stable.extend_from_slice(&cached[*clean..]);
        }
        *clean = cached.len();
    }

    /// A new file, written and synced, takes the name of the log.
    pub(super) fn replace(&mut self, records: Vec<Record<char>>) {
        let cached: Vec<Frame> = records.into_iter().map(Frame::Whole).collect();
        let new = File { stable: cached.clone(), clean: cached.len(), cached };
        let old = std::mem::replace(&mut self.log, new);
        self.before.get_or_insert(old);
    }

    pub(super) fn sync_directory(&mut self) {
        self.before = None;
    }

    pub(super) fn power_cut(&mut self) {
        if let Some(before) = self.before.take() {
            self.log = before;
        }
        self.log.cached.clone_from(&self.log.stable);
        self.log.clean = self.log.cached.len();
    }

    /// How many frames are stable.
    pub(super) const fn stable(&self) -> usize {
        self.log.stable.len()
    }

    pub(super) fn damage(&mut self, place: usize) {
        let File { cached, stable, .. } = &mut self.log;
        stable[place] = Frame::Damaged;
        cached[place] = Frame::Damaged;
    }

    pub(super) fn read(&self) -> &[Frame] {
        &self.log.cached
    }
}

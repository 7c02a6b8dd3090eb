//! A node's log on the disk: a `paxos-wal`, and what it costs.

use std::{cell::RefCell, path::Path, rc::Rc, sync::Arc};

use paxos_codec::encode;
use paxos_wal::Wal;
use serde::Serialize;

use super::wire::Counters;

/// A log that a library and whoever drives it both hold: some libraries write while they step.
#[derive(Clone)]
pub(super) struct Disk(Rc<RefCell<Inner>>);

struct Inner {
    wal: Wal,
    unsynced: bool,
    record: Vec<u8>,
    counters: Arc<Counters>,
}

impl Disk {
    pub(super) fn open(dir: &Path, counters: Arc<Counters>) -> Self {
        let (wal, _) = Wal::open(dir).expect("a new log");
        Self(Rc::new(RefCell::new(Inner { wal, unsynced: false, record: Vec::new(), counters })))
    }

    /// Appends `record`, which is stable after the next [`sync`](Self::sync).
    pub(super) fn append(&self, record: &impl Serialize) {
        self.append_with(|bytes| encode(record, bytes).expect("a short record"));
    }

    /// Appends what `write` makes.
    pub(super) fn append_with(&self, write: impl FnOnce(&mut Vec<u8>)) {
        let Inner { wal, unsynced, record, counters } = &mut *self.0.borrow_mut();
        record.clear();
        write(record);
        let before = wal.len_bytes();
        wal.append(record).expect("a short record");
        counters.bytes.add(wal.len_bytes() - before);
        *unsynced = true;
    }

    /// Makes all records stable, unless they are.
    pub(super) fn sync(&self) {
        let Inner { wal, unsynced, counters, .. } = &mut *self.0.borrow_mut();
        if *unsynced {
            wal.sync().expect("a disk that works");
            counters.syncs.add(1);
            *unsynced = false;
        }
    }
}

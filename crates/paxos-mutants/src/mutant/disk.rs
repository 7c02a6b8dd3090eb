//! The mutants of stable storage.

use super::{Entry, Home, Mutant, entry};

pub(super) static ENTRIES: [Entry; 5] = [
    entry!(
        D1,
        Home::Disk,
        "a damaged record is taken for the end of the log",
        "A log that a crash has cut off ends in half a record, and recovery drops it: it was never synced, so nothing was said \
         because of it. A record that was synced and has been damaged since does not check either. Who drops that, and all \
         behind it, takes back promises and votes that others count on. Recovery has to tell the two apart, and where it \
         cannot, stop."
    ),
    entry!(
        D2,
        Home::Disk,
        "a sync that fails is logged, and the node goes on",
        "It was one error, and the next sync works. But what the failed one should have written is never written, and the \
         promise that waited for it is out."
    ),
    entry!(
        D2b,
        Home::Disk,
        "a sync that fails is tried again until it works",
        "It looks careful. But file systems count the pages of a failed sync as written, so the second one has nothing to do, \
         and says that all is well (Rebello and others, 2020)."
    ),
    entry!(
        D3,
        Home::Disk,
        "a new log takes the old one's name, and the directory is not synced",
        "The new file is synced, and renamed over the old one. Its name is an entry in a directory, which is another file, and that \
         is still in the cache. After a power cut the old log is back, and all that was written to the new one is in a \
         file without a name."
    ),
    entry!(
        D4,
        Home::Disk,
        "what is read at the start is believed, and not written anew",
        "The process has ended after a failed sync, as it should, and starts again. It reads its log, and the record is there: \
         in the cache. It answers because of it, and has nothing to write, so nothing waits. Then the power is cut."
    ),
];

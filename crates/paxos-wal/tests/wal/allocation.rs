//! The path of every vote allocates nothing.

use allocation_counter::measure;

use crate::Disk;

#[test]
fn steady_appends_and_syncs_allocate_nothing() {
    let disk = Disk::new();
    let (mut wal, _) = disk.open();
    let mut group = |records: u8| {
        (0..records).for_each(|n| wal.append(&[n; 64]).unwrap());
        wal.sync().unwrap();
    };
    let first = measure(|| group(16));
    assert!(first.count_total > 0, "the counter counts: the first group grows the buffer");
    let steady = measure(|| (1..=16).for_each(&mut group));
    assert_eq!(steady.count_total, 0);
}

//! What the log costs over the disk: records per second of `Wal::append` and `Wal::sync`, against a bare file that is
//! given the same number of bytes in one write and then synced. For each group size the two take turns, many times in
//! one run, because a disk is not the same from one second to the next; the table has the medians.
//!
//! ```text
//! cargo bench -p benches --bench wal              # some seconds, more on a slow disk
//! cargo bench -p benches --bench wal -- --quick   # fewer rounds
//! ```

use std::{
    env,
    fs::{self, File},
    io::Write,
    path::Path,
    process::ExitCode,
    time::{Duration, Instant},
};

use benches::{
    asked::{Asked, Understood},
    report::{load_average, quantile},
};
use paxos_wal::Wal;

fn main() -> ExitCode {
    let asked = match Asked::read(env::args().skip(1), Understood { flags: &["--quick"], values: &[] }) {
        Ok(asked) => asked,
        Err(instead) => return instead.end(USAGE),
    };
    let (rounds, syncs) = match (asked.is_bench(), asked.has("--quick")) {
        (true, false) => (15, 100),
        (true, true) => (5, 30),
        (false, _) => (1, 2),
    };
    // Below the target directory and not in the system's temporary directory, which may be memory.
    let dir = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a directory on the disk");
    println!("{}, {rounds} rounds of {syncs} syncs, load {}", dir.path().display(), load_average());
    println!("{:>6} {:>14} {:>14} {:>7}", "group", "wal records/s", "bare records/s", "ratio");
    for group in [1, 8, 64, 512] {
        let (wal, bare, ratio) = compare(&dir.path().join(group.to_string()), group, rounds, syncs);
        println!("{group:>6} {wal:>14.0} {bare:>14.0} {:>6.1}%", ratio * 100.0);
    }
    println!("load {}", load_average());
    ExitCode::SUCCESS
}

/// The median rates of both in records per second, and the median over all rounds of the one by the other.
fn compare(dir: &Path, group: usize, rounds: usize, syncs: usize) -> (f64, f64, f64) {
    let (mut wal, _) = Wal::open(dir.join("wal")).expect("a new log");
    let empty = wal.len_bytes();
    wal.append(&RECORD).expect("a short record");
    wal.sync().expect("a disk that works");
    let first = wal.len_bytes();
    let framed = usize::try_from(first - empty).expect("a short record");
    let mut bare = File::options().append(true).create_new(true).open(dir.join("bare")).expect("a new file");
    let bytes = vec![7; framed * group];

    let mut write_wal = || {
        (0..group).for_each(|_| wal.append(&RECORD).expect("a short record"));
        wal.sync().expect("a disk that works");
    };
    let mut write_bare = || {
        bare.write_all(&bytes).expect("a disk that works");
        bare.sync_data().expect("a disk that works");
    };
    let (mut wals, mut bares, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
    for round in 0..rounds {
        let (of_wal, of_bare) = take_turns(&mut write_wal, &mut write_bare, syncs, round % 2 == 1);
        let rate = |time: Duration| (group * syncs) as f64 / time.as_secs_f64();
        wals.push(rate(of_wal));
        bares.push(rate(of_bare));
        ratios.push(rate(of_wal) / rate(of_bare));
    }
    assert_eq!(
        wal.len_bytes() - first,
        fs::metadata(dir.join("bare")).expect("the file").len(),
        "both wrote the same number of bytes"
    );
    (quantile(wals, 0.5), quantile(bares, 0.5), quantile(ratios, 0.5))
}

/// The time that each takes for `syncs` groups: one of the one, one of the other, and so on.
fn take_turns(one: &mut dyn FnMut(), other: &mut dyn FnMut(), syncs: usize, other_first: bool) -> (Duration, Duration) {
    let timed = |write: &mut dyn FnMut()| {
        let start = Instant::now();
        write();
        start.elapsed()
    };
    let (mut of_one, mut of_other) = (Duration::ZERO, Duration::ZERO);
    for _ in 0..syncs {
        if other_first {
            of_other += timed(other);
            of_one += timed(one);
        } else {
            of_one += timed(one);
            of_other += timed(other);
        }
    }
    (of_one, of_other)
}

/// About the size of a vote.
const RECORD: [u8; 64] = [7; 64];
const USAGE: &str = "cargo bench -p benches --bench wal -- [--quick]

  --quick   fewer rounds, of fewer syncs";

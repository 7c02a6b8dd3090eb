//! What a replicated log costs when it is durable, beside the logs of other libraries on the same disk and sockets. How
//! they are driven is told by `src/durable.rs`, and what is chosen for each library by its file below `src/durable/`.
//!
//! ```text
//! cargo bench -p benches --bench log_durable                     # some minutes
//! cargo bench -p benches --bench log_durable -- --quick          # fewer rounds, fewer commands
//! cargo bench -p benches --bench log_durable -- --json           # a line for each row, for programs
//! cargo bench -p benches --bench log_durable -- --only raft --cell 256,64 --rounds 50   # for a profiler
//! ```
//!
//! On a busy machine run it above everything else, such as with `chrt -f 5` on Linux. Otherwise a thread that was woken
//! waits for others' time slices, and the ideal, where nobody else is ready, waits longest.
//!
//! Commands become entries in two ways: one each, which leaves batching to the library, and one for all that wait,
//! which the application makes. For each of them every library first shows in some trials how many groups of commands
//! should be under way, and is measured so. Then the libraries take turns, many times: a disk is not the same from one
//! second to the next. A figure is the median of all rounds, and a ratio is the median of the ratios within a round. A
//! row whose nodes did not all apply all commands in the same order is void, and so is the run. Counts are of all three
//! nodes together.

use std::{
    collections::BTreeSet,
    env, fs,
    path::{Path, PathBuf},
    process::ExitCode,
};

use benches::{
    asked::{Asked, Instead, Understood},
    durable::{CELLS, Contender, Outcome, Way, contenders, ideal},
    log::{Load, NONE, OURS},
    report::{load_average, quantile, verdict},
};

fn main() -> ExitCode {
    let options = match Options::parse(env::args().skip(1)) {
        Ok(options) => options,
        Err(instead) => return instead.end(&usage()),
    };
    // Below the target directory and not in the system's temporary directory, which may be memory.
    let dir = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a directory on the disk");
    let mut bench = Bench { dir: dir.path().into(), runs: 0, verified: true, options };
    bench.options.say(&format!("{} rounds, load {}", bench.options.rounds, load_average()));
    for cell in bench.options.cells.clone() {
        let rows = bench.cell(cell);
        let claims = Claim::all(cell, &rows);
        if bench.options.json {
            rows.iter().for_each(|row| println!("{}", row.json(cell, &rows)));
            claims.iter().for_each(|claim| println!("{}", claim.json(cell)));
        } else {
            print(cell, &rows, &claims);
        }
    }
    bench.options.say(&format!("load {}", load_average()));
    if bench.verified && 0 < bench.runs { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Bytes of a command, clients.
type Cell = (usize, usize);

struct Options {
    rounds: usize,
    trials: usize,
    /// The commands of a run are divided by this.
    part: usize,
    json: bool,
    libraries: Vec<&'static str>,
    cells: Vec<Cell>,
}

impl Options {
    fn parse(words: impl Iterator<Item = String>) -> Result<Self, Instead> {
        let values = &["--only", "--cell", "--rounds"];
        let asked = Asked::read(words, Understood { flags: &["--quick", "--json"], values })?;
        let (rounds, trials, part) = match (asked.is_bench(), asked.has("--quick")) {
            (true, false) => (11, 3, 1),
            (true, true) => (5, 3, 4),
            (false, _) => (1, 1, 64),
        };
        let libraries = asked.among("--only", libraries().into_iter().map(|library| (library.to_owned(), library)))?;
        let cells = asked.among("--cell", CELLS.map(|cell| (name(cell), cell)))?;
        let rounds = asked.times("--rounds")?.unwrap_or(rounds);
        Ok(Self { rounds, trials, part, json: asked.has("--json"), libraries, cells })
    }

    /// Tells people.
    fn say(&self, text: &str) {
        if self.json {
            eprintln!("{text}");
        } else {
            println!("{text}");
        }
    }

    /// So many commands that a run takes some tenths of a second.
    fn load(&self, (payload, in_flight): Cell, part: usize) -> Load {
        let groups = match in_flight {
            1 => 1200,
            64 => 600,
            _ => 160,
        };
        let commands = (groups / self.part / part).max(2) * in_flight;
        Load { nodes: 3, payload, in_flight, commands, every_byte: false }
    }
}

struct Bench {
    dir: PathBuf,
    runs: usize,
    /// Whether no run was void.
    verified: bool,
    options: Options,
}

impl Bench {
    /// The rows of a cell: each library in both ways, and the ideal.
    fn cell(&mut self, cell: Cell) -> Vec<Row> {
        let mut all = contenders(cell.1);
        all.retain(|contender| self.options.libraries.contains(&contender.library));
        let mut rows = self.fastest(cell, &all);
        if self.options.libraries.contains(&IDEAL) {
            rows.push(Row::new(IDEAL, None));
        }
        let load = self.options.load(cell, 1);
        self.take_turns(load, self.options.rounds, &mut rows);
        rows
    }

    /// Each library in both ways, with the pipeline that is the fastest, as far as some shorter runs tell.
    fn fastest(&mut self, cell: Cell, all: &[Contender]) -> Vec<Row> {
        let mut trials: Vec<_> = all.iter().map(|contender| Row::new(contender.library, Some(*contender))).collect();
        let load = self.options.load(cell, 2);
        if cell.1 > 1 {
            self.take_turns(load, self.options.trials, &mut trials);
        }
        let mut rows: Vec<Row> = Vec::new();
        for trial in trials {
            match rows.iter_mut().find(|row| row.library == trial.library && row.together() == trial.together()) {
                Some(row) if row.rate() < trial.rate() => *row = trial,
                Some(_) => {}
                None => rows.push(trial),
            }
        }
        rows.into_iter().map(|row| Row::new(row.library, row.contender)).collect()
    }

    /// Runs all rows, so many times. Each round begins with another one, so that none always follows the same.
    fn take_turns(&mut self, load: Load, rounds: usize, rows: &mut [Row]) {
        for round in 0..rounds {
            let count = rows.len();
            for turn in 0..count {
                let row = &mut rows[(round + turn) % count];
                self.runs += 1;
                let dir = self.dir.join(self.runs.to_string());
                fs::create_dir(&dir).expect("a new directory");
                let outcome = row.run(load, &dir);
                fs::remove_dir_all(&dir).expect("a directory of this run");
                self.verified &= outcome.verified;
                row.verified &= outcome.verified;
                if outcome.verified {
                    row.rounds.push(outcome);
                }
            }
        }
    }
}

/// A library in one of its ways, or the ideal, in one cell.
struct Row {
    library: &'static str,
    /// Not for the ideal.
    contender: Option<Contender>,
    rounds: Vec<Outcome>,
    verified: bool,
}

impl Row {
    const fn new(library: &'static str, contender: Option<Contender>) -> Self {
        Self { library, contender, rounds: Vec::new(), verified: true }
    }

    fn run(&self, load: Load, dir: &Path) -> Outcome {
        match &self.contender {
            Some(contender) => contender.run(load, dir),
            None => ideal(load, dir),
        }
    }

    fn together(&self) -> bool {
        self.contender.as_ref().is_some_and(|contender| contender.way.together)
    }

    /// The median over all rounds, 0 when there is none.
    fn median(&self, figure: impl Fn(&Outcome) -> f64) -> f64 {
        if self.rounds.is_empty() { 0.0 } else { quantile(self.rounds.iter().map(figure).collect(), 0.5) }
    }

    /// Commands for each second.
    fn rate(&self) -> f64 {
        self.median(rate)
    }

    /// Microseconds below which this part of all commands took.
    fn latency(&self, part: f64) -> f64 {
        let at = |outcome: &Outcome| outcome.latencies[((outcome.latencies.len() - 1) as f64 * part).round() as usize];
        self.median(|outcome| f64::from(at(outcome)) / 1e3)
    }

    /// For a command, on all nodes: syncs, bytes, messages, writes to sockets.
    fn counts(&self) -> [f64; 4] {
        let each = |outcome: &Outcome, count: u64| count as f64 / outcome.commands as f64;
        [
            self.median(|outcome| each(outcome, outcome.counts.syncs)),
            self.median(|outcome| each(outcome, outcome.counts.bytes)),
            self.median(|outcome| each(outcome, outcome.counts.messages)),
            self.median(|outcome| each(outcome, outcome.counts.frames)),
        ]
    }

    /// How many times as many commands as `other`.
    fn times(&self, other: &Self) -> Option<f64> {
        let both = self.verified && other.verified && !self.rounds.is_empty();
        let ratios = || self.rounds.iter().zip(&other.rounds).map(|(this, other)| rate(this) / rate(other)).collect();
        both.then(|| quantile(ratios(), 0.5))
    }

    fn way(&self) -> String {
        let Some(Way { together, pipeline }) = self.contender.as_ref().map(|contender| contender.way) else {
            return String::from("-");
        };
        let entries = if together { "one entry" } else { "an entry each" };
        if pipeline == usize::MAX { String::from(entries) } else { format!("{entries}, {pipeline} under way") }
    }

    fn json(&self, (payload, clients): Cell, rows: &[Self]) -> String {
        let [syncs, bytes, messages, frames] = self.counts();
        let of_ideal = find(rows, IDEAL).and_then(|ideal| self.times(ideal));
        let of_ideal = of_ideal.map_or_else(|| String::from("null"), |times| format!("{times:.3}"));
        format!(
            r#"{{"payload":{payload},"clients":{clients},"library":"{}","way":"{}","verified":{},"#,
            self.library,
            self.way(),
            self.verified
        ) + &format!(
            r#""commands_per_second":{:.0},"p50_us":{:.1},"p99_us":{:.1},"syncs":{syncs:.4},"bytes":{bytes:.1},"#,
            self.rate(),
            self.latency(0.5),
            self.latency(0.99)
        ) + &format!(r#""messages":{messages:.4},"socket_writes":{frames:.4},"of_ideal":{of_ideal}}}"#)
    }
}

fn rate(outcome: &Outcome) -> f64 {
    outcome.commands as f64 / outcome.elapsed.as_secs_f64()
}

fn find<'a>(rows: &'a [Row], library: &str) -> Option<&'a Row> {
    rows.iter().find(|row| row.library == library)
}

/// What ours is to reach beside another row.
struct Claim {
    beside: String,
    times: f64,
    target: f64,
}

impl Claim {
    /// The better of our ways beside the best way of the best peer, beside the best that batches itself, and beside the
    /// ideal.
    fn all((_, clients): Cell, rows: &[Row]) -> Vec<Self> {
        let verified = || rows.iter().filter(|row| row.verified);
        let fastest = |a: &&Row, b: &&Row| a.rate().total_cmp(&b.rate());
        let peers = || verified().filter(|row| ![OURS, NONE, IDEAL].contains(&row.library));
        let Some(ours) = verified().filter(|row| row.library == OURS).max_by(fastest) else { return Vec::new() };
        let mut beside = Vec::from_iter(peers().max_by(fastest));
        if clients > 1 {
            beside.extend(peers().filter(|row| !row.together()).max_by(fastest));
        } else {
            beside.extend(find(rows, IDEAL));
        }
        let target = |library| match library {
            IDEAL => OF_IDEAL,
            _ if clients == 1 => ALONE,
            _ => TOGETHER,
        };
        let claim = |other: &Row| {
            let (beside, target) = (format!("{} ({})", other.library, other.way()), target(other.library));
            ours.times(other).map(|times| Self { beside, times, target })
        };
        beside.into_iter().filter_map(claim).collect()
    }

    fn json(&self, (payload, clients): Cell) -> String {
        let Self { beside, times, target } = self;
        format!(
            r#"{{"payload":{payload},"clients":{clients},"beside":"{beside}","ratio":{times:.3},"target":{target:.1},"#
        ) + &format!(r#""verdict":"{}"}}"#, verdict(target <= times))
    }
}

fn print((payload, clients): Cell, rows: &[Row], claims: &[Claim]) {
    println!("\n3 nodes, commands of {payload} bytes, {clients} clients");
    println!(
        "  {:<12} {:<26} {:>10} {:>9} {:>9} {:>9} {:>9} {:>9} {:>9} {:>8}",
        "library", "commands are", "commands/s", "p50 µs", "p99 µs", "syncs", "bytes", "messages", "writes", "of ideal"
    );
    for row in rows {
        let (library, way) = (row.library, row.way());
        if !row.verified {
            println!("  {library:<12} {way:<26} void: not all nodes applied all commands in one order");
            continue;
        }
        let [syncs, bytes, messages, frames] = row.counts();
        let of_ideal = find(rows, IDEAL).and_then(|ideal| row.times(ideal));
        println!(
            "  {library:<12} {way:<26} {:>10.0} {:>9.0} {:>9.0} {syncs:>9.4} {bytes:>9.1} {messages:>9.4} {frames:>9.4} {:>8}",
            row.rate(),
            row.latency(0.5),
            row.latency(0.99),
            of_ideal.map_or_else(|| String::from("-"), |times| format!("{:.0}%", times * 100.0)),
        );
    }
    for claim in claims {
        let Claim { beside, times, target } = claim;
        println!("  {OURS} is {times:.2} times {beside}; {target:.1} times is {}", verdict(target <= times));
    }
}

/// All libraries and the ideal, each once.
fn libraries() -> BTreeSet<&'static str> {
    CELLS.iter().flat_map(|&(_, clients)| contenders(clients)).map(|one| one.library).chain([IDEAL]).collect()
}

fn name((payload, clients): Cell) -> String {
    format!("{payload},{clients}")
}

fn usage() -> String {
    format!(
        "cargo bench -p benches --bench log_durable -- [--quick] [--json] [--only LIBRARY] [--cell CELL] [--rounds NUMBER]

  --quick           fewer rounds, fewer commands
  --json            a line for each row, for programs
  --only LIBRARY    one of {}
  --cell CELL       bytes of a command and clients: one of {}
  --rounds NUMBER   how often each row is measured",
        Vec::from_iter(libraries()).join(" "),
        CELLS.map(name).join(" ")
    )
}

/// Two hops and one sync.
const IDEAL: &str = "(ideal)";
/// How many times as fast as the best peer ours has to be with many clients, and with one; and how much of the ideal.
const TOGETHER: f64 = 1.5;
const ALONE: f64 = 1.0;
const OF_IDEAL: f64 = 0.8;

//! What a replicated log costs in memory, beside the logs of other libraries. How each is driven, and in which
//! configuration, is told by `src/log.rs` and the file of each library below `src/log/`.
//!
//! ```text
//! cargo bench -p benches --bench log_memory                     # some minutes
//! cargo bench -p benches --bench log_memory -- --quick          # fewer rounds, fewer commands
//! cargo bench -p benches --bench log_memory -- --json           # a line for each row, for programs
//! cargo bench -p benches --bench log_memory -- --only omnipaxos --cell 3,16,64 --rounds 500   # for a profiler
//! ```
//!
//! In each cell the libraries take turns, many times: a machine is not the same from one second to the next. A figure is
//! the median of all rounds, with the quartiles beside it, and a ratio is the median of the ratios within a round. The
//! verdict is on the fastest row of ours beside the fastest row of any peer; the other ratios have none. A row
//! whose nodes did not all apply all commands in the same order is void, and so is the run. Allocations are counted by
//! another program, `src/bin/log_allocations.rs`, so that nothing is counted while the clock runs.
//!
//! # With one command in flight
//!
//! A command of `paxos-multi` on three nodes is seven steps of a replica: the request, two words of the leader to itself
//! (its proposal and its vote), and four messages between nodes. Of the instructions in steps the two words to itself are
//! a quarter (counted by `valgrind --tool=callgrind`), and about a third of the time is the driver's, here and in
//! `src/log/ours.rs`: moving messages between queues (sampled by `perf`).

use std::{
    collections::{BTreeMap, BTreeSet},
    env,
    process::{Command, ExitCode},
    time::{Duration, Instant},
};

use benches::{
    asked::{Asked, Instead, Understood},
    log::{CELLS, Contender, Load, NONE, OURS, contenders},
    report::{load_average, quantile, verdict},
};

fn main() -> ExitCode {
    let options = match Options::parse(env::args().skip(1)) {
        Ok(options) => options,
        Err(instead) => return instead.end(&usage()),
    };
    if let Some(code) = again_with_memory_that_stays() {
        return code;
    }
    let allocations = if options.count { count_allocations() } else { BTreeMap::new() };
    options.say(&format!("{} rounds, load {}", options.rounds, load_average()));
    let mut cells = Vec::new();
    for &cell in &options.cells {
        let rows = measure(cell, &options, &allocations);
        let ratios = Ratio::all(&rows);
        if options.json {
            rows.iter().for_each(|row| println!("{}", row.json(cell)));
            ratios.iter().for_each(|ratio| println!("{}", ratio.json(cell)));
        } else {
            print_cell(cell, &rows, &ratios);
        }
        cells.push((cell, rows));
    }
    if !options.json {
        print_claims(&cells);
    }
    options.say(&format!("load {}", load_average()));
    let rows = || cells.iter().flat_map(|(_, rows)| rows);
    let measured = rows().next().is_some() && rows().all(|row| row.verified);
    if measured { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Nodes, bytes of a command, commands in flight.
type Cell = (usize, usize, usize);

/// How many times as fast as the best of the others ours has to be.
const TARGET: f64 = 2.0;

struct Options {
    rounds: usize,
    /// The commands of a run are divided by this.
    part: usize,
    json: bool,
    count: bool,
    libraries: Vec<&'static str>,
    cells: Vec<Cell>,
}

impl Options {
    fn parse(words: impl Iterator<Item = String>) -> Result<Self, Instead> {
        let values = &["--only", "--cell", "--rounds"];
        let asked = Asked::read(words, Understood { flags: &["--quick", "--json"], values })?;
        let (rounds, part) = match (asked.is_bench(), asked.has("--quick")) {
            (true, false) => (15, 1),
            (true, true) => (5, 4),
            (false, _) => (1, usize::MAX),
        };
        let libraries = libraries().into_iter().map(|library| (library.to_owned(), library));
        let libraries: Vec<_> = asked.among("--only", libraries)?;
        let cells = asked.among("--cell", CELLS.map(|cell| (name(cell), cell)))?;
        let rounds = asked.times("--rounds")?.unwrap_or(rounds);
        let count = asked.is_bench() && libraries.len() > 1;
        Ok(Self { rounds, part, json: asked.has("--json"), count, libraries, cells })
    }

    /// Tells people.
    fn say(&self, text: &str) {
        if self.json {
            eprintln!("{text}");
        } else {
            println!("{text}");
        }
    }

    /// So many that a run takes some milliseconds, and is a multiple of what is in flight.
    fn commands(&self, (_, payload, in_flight): Cell) -> usize {
        let many = match in_flight {
            1 => 4 * 1024,
            _ if payload > 16 => 16 * 1024,
            _ => 32 * 1024,
        };
        (many / self.part).max(2 * in_flight)
    }
}

/// A library in one of its ways, in one cell.
struct Row {
    contender: Contender,
    /// Nanoseconds for a command, by round.
    times: Vec<f64>,
    /// Between nodes, for a command.
    messages: f64,
    /// On all nodes, for a command.
    allocations: Option<f64>,
    verified: bool,
}

/// What [`count_allocations`] knows a row by: its cell, library and way.
type Counted = BTreeMap<(Cell, String, bool), f64>;

fn measure(cell: Cell, options: &Options, counted: &Counted) -> Vec<Row> {
    let (nodes, payload, in_flight) = cell;
    let load = Load { nodes, payload, in_flight, commands: options.commands(cell), every_byte: false };
    let mut rows: Vec<Row> = contenders(payload, in_flight)
        .into_iter()
        .filter(|contender| options.libraries.contains(&contender.library))
        .map(|contender| {
            let key = (cell, String::from(contender.library), contender.together);
            let allocations = counted.get(&key).copied();
            Row { contender, times: Vec::new(), messages: 0.0, allocations, verified: true }
        })
        .collect();
    for round in 0..options.rounds {
        let count = rows.len();
        // Each round begins with another library, so that none always follows the same one.
        for turn in 0..count {
            let row = &mut rows[(round + turn) % count];
            let mut elapsed = Duration::ZERO;
            let outcome = (row.contender.run)(load, &mut |work| {
                let start = Instant::now();
                work();
                elapsed = start.elapsed();
            });
            row.times.push(elapsed.as_secs_f64() * 1e9 / load.commands as f64);
            row.messages = outcome.messages as f64 / load.commands as f64;
            row.verified &= outcome.verified;
        }
    }
    rows
}

/// How ours does beside the best of the others.
struct Ratio {
    /// What is compared with what.
    of: &'static str,
    /// The way of ours, and the best of the others.
    ours: &'static str,
    peer: String,
    /// How many times as many commands a second.
    times: f64,
    /// Whether it is what ours is measured by: the fastest of ours beside the fastest of the others. The rest is there to
    /// tell the library from the batch that the application makes.
    counts: bool,
}

impl Ratio {
    fn all(rows: &[Row]) -> Vec<Self> {
        let either = |_: &Row| true;
        let (each, together) = (|row: &Row| !row.contender.together, |row: &Row| row.contender.together);
        let best = Self::of(rows, either, either, "the fastest of each", true);
        if !rows.iter().any(together) {
            return Vec::from_iter(best);
        }
        let others = [
            Self::of(rows, each, each, "an entry for each command", false),
            Self::of(rows, together, together, "one entry for all commands", false),
            Self::of(rows, together, each, "ours with one entry, peers with an entry each", false),
        ];
        best.into_iter().chain(others.into_iter().flatten()).collect()
    }

    fn of(
        rows: &[Row],
        ours: impl Fn(&Row) -> bool,
        peers: impl Fn(&Row) -> bool,
        of: &'static str,
        counts: bool,
    ) -> Option<Self> {
        let verified = || rows.iter().filter(|row| row.verified);
        let faster = |a: &&Row, b: &&Row| a.median().total_cmp(&b.median());
        let ours = verified().filter(|row| row.contender.library == OURS && ours(row)).min_by(faster)?;
        let is_peer = |row: &&Row| ![OURS, NONE].contains(&row.contender.library) && peers(row);
        let best = verified().filter(is_peer).min_by(faster)?;
        let ratios = best.times.iter().zip(&ours.times).map(|(peer, ours)| peer / ours).collect();
        let peer = format!("{} ({})", best.contender.library, way(best.contender.together));
        Some(Self { of, ours: way(ours.contender.together), peer, times: quantile(ratios, 0.5), counts })
    }

    /// Whether it is enough, where that is asked.
    fn verdict(&self) -> Option<&'static str> {
        self.counts.then(|| verdict(TARGET <= self.times))
    }

    fn json(&self, (nodes, payload, in_flight): Cell) -> String {
        let Self { of, ours, peer, times, .. } = self;
        let of_it = self.verdict().map(|verdict| format!(r#","target":{TARGET:.1},"verdict":"{verdict}""#));
        format!(r#"{{"nodes":{nodes},"payload":{payload},"in_flight":{in_flight},"compared":"{of}","ours":"{ours}","#)
            + &format!(r#""best_peer":"{peer}","ratio":{times:.3}{}}}"#, of_it.unwrap_or_default())
    }
}

impl Row {
    fn median(&self) -> f64 {
        self.quantile(0.5)
    }

    fn quantile(&self, part: f64) -> f64 {
        quantile(self.times.clone(), part)
    }

    fn json(&self, (nodes, payload, in_flight): Cell) -> String {
        let Self { contender, messages, verified, .. } = self;
        let (low, median, high) = (self.quantile(0.25), self.median(), self.quantile(0.75));
        let allocations = self.allocations.map_or_else(|| String::from("null"), |count| format!("{count:.4}"));
        format!(
            r#"{{"nodes":{nodes},"payload":{payload},"in_flight":{in_flight},"library":"{}","one_entry":{},"#,
            contender.library, contender.together
        ) + &format!(
            r#""verified":{verified},"commands_per_second":{:.0},"ns":{median:.1},"ns_low":{low:.1},"ns_high":{high:.1},"#,
            1e9 / median
        ) + &format!(r#""messages":{messages:.4},"allocations":{allocations}}}"#)
    }
}

fn print_cell((nodes, payload, in_flight): Cell, rows: &[Row], ratios: &[Ratio]) {
    println!("\n{nodes} nodes, commands of {payload} bytes, {in_flight} in flight");
    println!(
        "  {:<12} {:<13} {:>12} {:>10} {:>19} {:>9} {:>12}",
        "library", "commands are", "commands/s", "ns/command", "quartiles", "messages", "allocations"
    );
    for row in rows {
        let Row { contender, messages, .. } = row;
        let way = way(contender.together);
        if !row.verified {
            println!("  {:<12} {way:<13} void: not all nodes applied all commands in one order", contender.library);
            continue;
        }
        let quartiles = format!("{:.1} to {:.1}", row.quantile(0.25), row.quantile(0.75));
        let allocations = row.allocations.map_or_else(|| String::from("-"), |count| format!("{count:.3}"));
        println!(
            "  {:<12} {way:<13} {:>12.0} {:>10.1} {quartiles:>19} {messages:>9.4} {allocations:>12}",
            contender.library,
            1e9 / row.median(),
            row.median(),
        );
    }
    for ratio in ratios {
        let Ratio { of, ours, peer, times, .. } = ratio;
        let verdict = ratio.verdict().map(|verdict| format!("; {TARGET:.0} times is {verdict}"));
        println!("  {of}: {OURS} ({ours}) is {times:.2} times {peer}{}", verdict.unwrap_or_default());
    }
}

const fn way(together: bool) -> &'static str {
    if together { "one entry" } else { "an entry each" }
}

/// What ours says of itself, against what was counted.
fn print_claims(cells: &[(Cell, Vec<Row>)]) {
    println!("\nWhat {OURS} claims: 2(n-1) messages for each slot, at most one allocation for each slot and node");
    for ((nodes, payload, in_flight), rows) in cells {
        for row in rows.iter().filter(|row| row.contender.library == OURS) {
            let name = format!(
                "{nodes} nodes, {payload:>4} bytes, {in_flight:>4} in flight, {:<13}",
                way(row.contender.together)
            );
            if !row.verified {
                println!("  {name}: void");
                continue;
            }
            let commands_of_a_slot = if row.contender.together { *in_flight as f64 } else { 1.0 };
            let messages = row.messages * commands_of_a_slot;
            let theory = 2.0 * (*nodes as f64 - 1.0);
            let allocations = row.allocations.map(|count| count * commands_of_a_slot / *nodes as f64);
            println!(
                "  {name}: {messages:.3} messages {}{}",
                verdict((messages - theory).abs() < 0.001),
                allocations
                    .map_or_else(String::new, |each| { format!(", {each:.3} allocations {}", verdict(each <= 1.0)) })
            );
        }
    }
}

/// Runs this program again, with an allocator that keeps what is freed. By default that of glibc gives the end of its
/// memory back and fetches it again, a page fault for each page: whether a library pays for that depends on where in
/// memory a log of an earlier run lay, and costs some up to half their speed. Other allocators ignore the words.
fn again_with_memory_that_stays() -> Option<ExitCode> {
    if env::var_os(TRIM).is_some() {
        return None;
    }
    let mut again = Command::new(env::current_exe().expect("this program"));
    let status = again.args(env::args_os().skip(1)).env(TRIM, "4000000000").env("MALLOC_MMAP_MAX_", "0").status();
    Some(if status.expect("this program").success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

const TRIM: &str = "MALLOC_TRIM_THRESHOLD_";

/// Runs the program that counts.
fn count_allocations() -> Counted {
    let counted = Command::new(env!("CARGO_BIN_EXE_log_allocations")).output().expect("the program that counts");
    assert!(counted.status.success(), "not all nodes applied all commands in one order while allocations were counted");
    let lines = String::from_utf8(counted.stdout).expect("text");
    let row = |line: &str| {
        let [nodes, payload, in_flight, library, together, count] = line.split(' ').collect::<Vec<_>>()[..] else {
            panic!("six words: {line}")
        };
        let number = |text: &str| text.parse().expect("a number");
        let cell = (number(nodes), number(payload), number(in_flight));
        ((cell, String::from(library), together == "true"), count.parse().expect("a number"))
    };
    lines.lines().map(row).collect()
}

/// All libraries, each once.
fn libraries() -> BTreeSet<&'static str> {
    CELLS.iter().flat_map(|&(_, payload, in_flight)| contenders(payload, in_flight)).map(|one| one.library).collect()
}

fn name((nodes, payload, in_flight): Cell) -> String {
    format!("{nodes},{payload},{in_flight}")
}

fn usage() -> String {
    format!(
        "cargo bench -p benches --bench log_memory -- [--quick] [--json] [--only LIBRARY] [--cell CELL] [--rounds NUMBER]

  --quick           fewer rounds, fewer commands
  --json            a line for each row, for programs
  --only LIBRARY    one of {}
  --cell CELL       nodes, bytes of a command and commands in flight: one of {}
  --rounds NUMBER   how often each row is measured",
        Vec::from_iter(libraries()).join(" "),
        CELLS.map(name).join(" ")
    )
}

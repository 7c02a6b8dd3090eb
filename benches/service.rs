//! What the replicated store gives its users: three node processes and a process of clients on loopback TCP, with a sync
//! of the disk before every vote. It runs the `paxos` program as a user does, and reads what that prints.
//!
//! ```text
//! cargo bench -p benches --bench service               # some minutes
//! cargo bench -p benches --bench service -- --quick    # shorter, fewer fail-overs, a smaller log
//! cargo bench -p benches --bench service -- --json     # a line for each figure, for programs
//! ```
//!
//! Three things are measured. *Load*: closed-loop clients that write 256 bytes each; the clients are tasks of one program
//! and share connections, one for every 256 of them. *Fail-over*: the leader is killed under load, again and again, by
//! `paxos demo`, which also judges that nothing was lost; the figure is the time without an acknowledged write. *Restart*:
//! all nodes are stopped with many small commands in their logs; the figure is the time from the start of the processes to
//! the first answer. Syncs, bytes and processor time are of all three nodes together.

use std::{
    env, fs,
    io::{BufRead, BufReader, Lines},
    path::{Path, PathBuf},
    process::{Child, ChildStdin, ChildStdout, Command, ExitCode, Stdio},
    time::{Duration, Instant},
};

use benches::report::{load_average, quantile};
use serde_json::{Value, json};

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let has = |name: &str| arguments.iter().any(|argument| argument == name);
    let bench = Bench { program: program(), quick: has("--quick"), json: has("--json") };
    let dir = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a directory on the disk");
    bench.say(&format!("load average {}", load_average()), json!({ "load_average": load_average() }));
    bench.load(&dir.path().join("load"));
    bench.fail_over();
    bench.restart(&dir.path().join("restart"));
    bench.say(&format!("load average {}", load_average()), json!({ "load_average": load_average() }));
    ExitCode::SUCCESS
}

/// Builds the program, and says where it is: beside this bench, in the folder of release builds.
fn program() -> PathBuf {
    let built = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
        .args(["build", "--quiet", "--release", "--package", "paxos-cli"])
        .status()
        .expect("cargo starts");
    assert!(built.success(), "the program does not build");
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().expect("a folder in the target directory");
    target.join("release").join(format!("paxos{}", env::consts::EXE_SUFFIX))
}

struct Bench {
    program: PathBuf,
    quick: bool,
    json: bool,
}

impl Bench {
    fn say(&self, text: &str, figures: Value) {
        if self.json {
            println!("{figures}");
        } else {
            println!("{text}");
        }
    }

    /// Runs the program to its end, and reads the one JSON object that it prints.
    fn ask(&self, arguments: &[&str]) -> Value {
        let output = Command::new(&self.program).args(arguments).output().expect("the program starts");
        let text = String::from_utf8_lossy(&output.stdout);
        serde_json::from_str(&text)
            .unwrap_or_else(|error| panic!("{arguments:?}: {error}: {text}{}", String::from_utf8_lossy(&output.stderr)))
    }

    fn load(&self, dir: &Path) {
        let cluster = Cluster::start(&self.program, dir);
        cluster.answers(self);
        let seconds = if self.quick { "2" } else { "8" };
        self.say(
            " clients   writes/s   p50 ms   p99 ms  p99.9 ms  syncs/write  bytes/write  cpu µs/write of nodes",
            json!({ "bench": "load", "value_bytes": 256 }),
        );
        for clients in ["1", "16", "64", "256", "1024"] {
            let before = self.counts(&cluster);
            let seen = self.ask(&[
                "kv",
                "load",
                "--cluster",
                &cluster.place,
                "--clients",
                clients,
                "--seconds",
                seconds,
                "--json",
            ]);
            let after = self.counts(&cluster);
            let number = |name: &str| seen[name].as_f64().expect("a figure");
            let answered = number("answered");
            let [syncs, bytes, cpu] = [0, 1, 2].map(|nth: usize| (after[nth] - before[nth]) / answered);
            let (rate, p50, p99) = (number("operations_per_second"), number("p50_ms"), number("p99_ms"));
            let p999 = number("p99.9_ms");
            self.say(
                &format!(
                    "{clients:>8} {rate:>10.0} {p50:>8.2} {p99:>8.2} {p999:>9.2} {syncs:>12.3} {bytes:>12.0} {:>12.1}",
                    cpu * 1e6
                ),
                json!({ "clients": clients, "writes_per_second": rate, "p50_ms": p50, "p99_ms": p99, "p99.9_ms": p999,
                    "syncs_per_write": syncs, "bytes_per_write": bytes, "cpu_seconds_per_write": cpu,
                    "not_done": seen["not_done"], "unknown": seen["unknown"] }),
            );
            if clients == "1024" && !self.quick {
                let met = |met| if met { "met" } else { "missed" };
                self.say(
                    &format!(
                        "100,000 writes/s at 1024 clients: {}; p99 of at most 30 ms: {}",
                        met(100_000.0 <= rate),
                        met(p99 <= 30.0)
                    ),
                    json!({ "target_writes": 100_000.0 <= rate, "target_p99": p99 <= 30.0 }),
                );
            }
        }
    }

    /// Syncs, bytes written and seconds of processor time of all nodes together.
    fn counts(&self, cluster: &Cluster) -> [f64; 3] {
        let status = self.ask(&["kv", "status", "--cluster", &cluster.place, "--json"]);
        let nodes = status["nodes"].as_array().expect("nodes");
        let sum = |name: &str| nodes.iter().filter_map(|node| node[name].as_f64()).sum();
        [sum("syncs"), sum("bytes_appended"), cluster.pids.iter().map(|pid| processor_seconds(*pid)).sum()]
    }

    fn fail_over(&self) {
        let kills = if self.quick { 2 } else { 20 };
        let mut gaps = Vec::new();
        for _ in 0..kills {
            let verdict = self.ask(&["demo", "--json"]);
            assert_eq!(verdict["verdict"], "held", "{verdict}");
            gaps.extend(verdict["fail_over_ms"].as_array().expect("a list").iter().filter_map(Value::as_f64));
        }
        let (median, worst) = (quantile(gaps.clone(), 0.5), quantile(gaps.clone(), 1.0));
        self.say(
            &format!(
                "{} leaders killed under load: {median:.0} ms without an acknowledged write in the median, {worst:.0} at worst",
                gaps.len()
            ),
            json!({ "bench": "fail-over", "gaps_ms": gaps, "median_ms": median, "worst_ms": worst }),
        );
    }

    fn restart(&self, dir: &Path) {
        let wanted = if self.quick { 50_000.0 } else { 1_000_000.0 };
        let cluster = Cluster::start(&self.program, dir);
        cluster.answers(self);
        let mut commands = 0.0;
        while commands < wanted {
            let seen = self.ask(&[
                "kv",
                "load",
                "--cluster",
                &cluster.place,
                "--clients",
                "1024",
                "--seconds",
                "5",
                "--value-size",
                "8",
                "--json",
            ]);
            commands += seen["answered"].as_f64().expect("a figure");
        }
        drop(cluster);
        let start = Instant::now();
        let cluster = Cluster::start(&self.program, dir);
        let ready = start.elapsed().as_secs_f64();
        cluster.answers(self);
        let answered = start.elapsed().as_secs_f64();
        self.say(
            &format!(
                "restart with {commands:.0} small commands in each log: all nodes ready after {ready:.2} s, the first answer \
                 after {answered:.2} s"
            ),
            json!({ "bench": "restart", "commands": commands, "ready_s": ready, "answered_s": answered }),
        );
    }
}

/// A running cluster. Dropping it stops it.
struct Cluster {
    place: String,
    running: Child,
    _input: ChildStdin,
    lines: Lines<BufReader<ChildStdout>>,
    pids: Vec<u32>,
}

impl Cluster {
    /// Starts the cluster in `dir`, and waits until its nodes are ready.
    fn start(program: &Path, dir: &Path) -> Self {
        let place = dir.to_str().expect("a path of text").to_owned();
        let mut running = Command::new(program)
            .args(["cluster", "--json", "--data", &place])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the program starts");
        let (input, output) = (running.stdin.take().expect("piped"), running.stdout.take().expect("piped"));
        let mut lines = BufReader::new(output).lines();
        let mut pids = Vec::new();
        while pids.len() < 3 {
            let line = lines.next().expect("the cluster goes on").expect("it can be read");
            let event: Value = serde_json::from_str(&line).expect("JSON");
            if event["event"] == "ready" {
                pids.push(event["pid"].as_u64().and_then(|pid| pid.try_into().ok()).expect("a process id"));
            }
        }
        Self { place, running, _input: input, lines, pids }
    }

    /// Waits until the cluster answers: somebody leads.
    fn answers(&self, bench: &Bench) {
        let end = Instant::now() + Duration::from_secs(60);
        loop {
            let put = Command::new(&bench.program)
                .args(["kv", "put", "--cluster", &self.place, "ready", "yes"])
                .stdout(Stdio::null())
                .status()
                .expect("the program starts");
            if put.success() {
                return;
            }
            assert!(Instant::now() < end, "the cluster does not answer");
        }
    }
}

impl Drop for Cluster {
    /// As Ctrl-C would, and waits for the end.
    fn drop(&mut self) {
        let stopped = Command::new("kill").args(["-INT", &self.running.id().to_string()]).status();
        assert!(stopped.is_ok_and(|status| status.success()), "the cluster can be told to stop");
        self.lines.by_ref().for_each(drop);
        let _ = self.running.wait();
    }
}

/// The processor time of a process so far, where the system tells it.
fn processor_seconds(pid: u32) -> f64 {
    const TICKS: f64 = 100.0; // a second has so many on Linux
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    let ticks = |nth: usize| fields.get(nth).and_then(|field| field.parse::<f64>().ok()).unwrap_or(0.0);
    (ticks(11) + ticks(12)) / TICKS
}

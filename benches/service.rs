//! What the replicated store gives its users: three node processes and a process of clients on loopback TCP, with a sync
//! of the disk before every vote. It runs the `paxos` program as a user does, with its default options, and reads what
//! that prints.
//!
//! ```text
//! cargo bench -p benches --bench service               # some minutes
//! cargo bench -p benches --bench service -- --quick    # shorter loads, fewer fail-overs, a smaller log
//! cargo bench -p benches --bench service -- --json     # a line for each figure, for programs
//! ```
//!
//! *Load*: closed-loop clients that put values of 256 bytes, each one after the other; the clients are tasks of one
//! program and share connections, one for every 256 of them. Each measured load follows a second of the same that is
//! not, and the numbers of clients take turns, since a machine is not the same from one second to the next. Figures are
//! medians over the rounds, with the least and the most beside some. Syncs, bytes appended and processor time are of all
//! three nodes together; those of checkpoints, when a log is cut, are not among the syncs and bytes, but cost their time.
//! A row is void if an operation was not done or its outcome is unknown, if the program of the clients failed, or if the
//! nodes do not hold the same state afterwards, which their digests tell.
//!
//! *Fail-over*: the leader is killed under load, again and again, by `paxos demo`, which also judges that nothing was
//! lost; the figure is the time without an acknowledged write. Its clients are eight, and three of four operations write.
//!
//! *Restart*: all nodes are stopped with so many small puts in their logs, none of which a checkpoint has cut; the figures
//! are the times from the start of the processes until all nodes are ready, which is when each has read its log, and
//! until a client that is started then has its first answer, with the election and the client's own start in it. A node
//! reads every record, and applies those that its last snapshot in the log does not hold. Many commands that came
//! together are one record. Logs have just been written, so they are read from the system's memory, not the disk.

use std::{fs, path::Path, process::ExitCode, time::Instant};

use benches::{
    report::{quantile, verdict},
    rig::Rig,
    service::Cluster,
};
use serde_json::{Value, json};

fn main() -> ExitCode {
    let rig = match Rig::set_up(Path::new(env!("CARGO_TARGET_TMPDIR")), USAGE) {
        Ok(rig) => rig,
        Err(code) => return code,
    };
    rig.say_load_average();
    let bench = Bench { rig };
    let measured = [bench.load(), bench.fail_over(), bench.restart()];
    bench.rig.say_load_average();
    if measured == [true; 3] { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

struct Bench {
    rig: Rig,
}

/// What was seen in one round of a load.
struct Seen {
    answered: f64,
    rate: f64,
    /// Milliseconds below which half of all took, 99 of 100, 999 of 1000.
    latency: [f64; 3],
    /// Syncs, bytes and seconds of processor time of all nodes, for each put.
    costs: [f64; 3],
}

/// A number of clients. It is void, and why, as soon as one of its rounds is.
struct Row {
    clients: &'static str,
    rounds: Result<Vec<Seen>, String>,
}

/// The median, the least and the most.
type Spread = [f64; 3];

impl Bench {
    /// As the other two, whether all was measured.
    fn load(&self) -> bool {
        let cluster = self.rig.cluster("load");
        let mut rows = CLIENTS.map(|clients| Row { clients, rounds: Ok(Vec::new()) });
        for round in 0..ROUNDS {
            // Each round begins with another number, so that none always follows the same one.
            for turn in 0..rows.len() {
                let row = &mut rows[(round + turn) % CLIENTS.len()];
                let Ok(rounds) = &mut row.rounds else { continue };
                match self.measure(&cluster, row.clients) {
                    Ok(seen) => rounds.push(seen),
                    Err(why) => row.rounds = Err(why),
                }
            }
        }
        self.rig.say(
            "puts of 256 bytes; all were done, and all nodes hold the same state afterwards
 clients   writes/s  least to most     p50 ms  p99 ms  least to most  p99.9 ms  syncs/write  bytes/write  cpu µs/write of nodes",
            &json!({ "bench": "load", "value_bytes": VALUE, "rounds": ROUNDS, "seconds": self.seconds() }),
        );
        rows.iter().filter(|row| self.show(row)).count() == rows.len()
    }

    fn seconds(&self) -> &'static str {
        if self.rig.quick { "1" } else { "6" }
    }

    /// One round of a load, after a second of warming up.
    fn measure(&self, cluster: &Cluster, clients: &str) -> Result<Seen, String> {
        self.put(cluster, clients, "1", VALUE)?;
        let before = self.counts(cluster)?;
        let said = self.put(cluster, clients, self.seconds(), VALUE)?;
        let after = self.counts(cluster)?;
        cluster.agrees(&self.rig.program)?;
        let number = |name: &str| said[name].as_f64().ok_or(format!("no {name} in {said}"));
        let answered = number("answered")?;
        Ok(Seen {
            answered,
            rate: number("operations_per_second")?,
            latency: [number("p50_ms")?, number("p99_ms")?, number("p99.9_ms")?],
            costs: [0, 1, 2].map(|nth: usize| (after[nth] - before[nth]) / answered),
        })
    }

    /// Lets clients put values for so long, and returns what their program says. It is an error if one put is not
    /// answered.
    fn put(&self, cluster: &Cluster, clients: &str, seconds: &str, bytes: &str) -> Result<Value, String> {
        let load = ["kv", "load", "--cluster", cluster.place(), "--puts", "--json"];
        let how = ["--clients", clients, "--seconds", seconds, "--value-size", bytes];
        let said = self.rig.program.ask(&[load.as_slice(), &how].concat())?;
        if said["not_done"] == 0 && said["unknown"] == 0 && said["answered"].as_u64().is_some_and(|count| 0 < count) {
            return Ok(said);
        }
        Err(format!(
            "{} not done, {} of unknown outcome, {} answered",
            said["not_done"], said["unknown"], said["answered"]
        ))
    }

    /// Syncs, bytes appended and seconds of processor time of all nodes together.
    fn counts(&self, cluster: &Cluster) -> Result<[f64; 3], String> {
        let nodes = cluster.status(&self.rig.program)?;
        Ok([total(&nodes, "syncs"), total(&nodes, "bytes_appended"), cluster.processor_seconds()])
    }

    fn show(&self, row: &Row) -> bool {
        let clients = row.clients;
        let rounds = match &row.rounds {
            Ok(rounds) => rounds,
            Err(why) => return self.rig.void(&format!("load of {clients} clients"), why),
        };
        let over = |figure: &dyn Fn(&Seen) -> f64| spread(rounds.iter().map(figure).collect());
        let rate = over(&|seen| seen.rate);
        let [p50, p99, p999] = [0, 1, 2].map(|nth: usize| over(&|seen| seen.latency[nth]));
        let [syncs, bytes, cpu] = [0, 1, 2].map(|nth: usize| over(&|seen| seen.costs[nth]));
        let answered: f64 = rounds.iter().map(|seen| seen.answered).sum();
        self.rig.say(
            &format!(
                "{clients:>8} {:>10.0}  {:<16} {:>7.2} {:>7.2}  {:<13} {:>9.2} {:>12.3} {:>12.0} {:>12.1}",
                rate[0],
                format!("{:.0} to {:.0}", rate[1], rate[2]),
                p50[0],
                p99[0],
                format!("{:.2} to {:.2}", p99[1], p99[2]),
                p999[0],
                syncs[0],
                bytes[0],
                cpu[0] * 1e6
            ),
            &json!({ "clients": clients, "order": "median, least, most", "writes_per_second": rate, "p50_ms": p50,
                "p99_ms": p99, "p99.9_ms": p999, "syncs_per_write": syncs, "bytes_per_write": bytes,
                "cpu_seconds_per_write": cpu, "answered": answered, "not_done": 0, "unknown": 0, "same_state": true }),
        );
        if clients == "1024" && !self.rig.quick {
            let (fast, soon) = (100_000.0 <= rate[0], p99[0] <= 30.0);
            self.rig.say(
                &format!(
                    "100,000 writes/s at 1024 clients: {}; p99 of at most 30 ms: {}",
                    verdict(fast),
                    verdict(soon)
                ),
                &json!({ "target_writes": fast, "target_p99": soon }),
            );
        }
        true
    }

    fn fail_over(&self) -> bool {
        let (demos, kills) = if self.rig.quick { (1, "2") } else { (4, "5") };
        let (mut gaps, mut unknown) = (Vec::new(), 0);
        for demo in 0..demos {
            let dir = self.rig.dir(&format!("demo-{demo}"));
            let verdict = match self.rig.program.demo(dir.to_str().expect("a path of text"), kills) {
                Ok(verdict) if verdict["verdict"] == "held" => verdict,
                Ok(verdict) => return self.rig.void("fail-over", &verdict.to_string()),
                Err(why) => return self.rig.void("fail-over", &why),
            };
            gaps.extend(verdict["fail_over_ms"].as_array().into_iter().flatten().filter_map(Value::as_f64));
            unknown += verdict["unknown"].as_u64().unwrap_or(0);
            fs::remove_dir_all(&dir).expect("the directory of this demonstration");
        }
        if gaps.is_empty() {
            return self.rig.void("fail-over", "no leader was killed");
        }
        let [median, least, most] = spread(gaps.clone());
        let [heartbeat, election] = ["--heartbeat", "--election"].map(|option| self.rig.program.default_of(option));
        self.rig.say(
            &format!(
                "{} leaders killed under load, heartbeat {heartbeat}, election {election} ms (the defaults): {median:.0} ms \
                 without an acknowledged write in the median, {least:.0} to {most:.0}; {unknown} operations of unknown outcome",
                gaps.len()
            ),
            &json!({ "bench": "fail-over", "heartbeat": heartbeat, "election_ms": election, "gaps_ms": gaps,
                "median_ms": median, "least_ms": least, "most_ms": most, "unknown": unknown }),
        );
        true
    }

    fn restart(&self) -> bool {
        match self.restarts() {
            Ok(()) => true,
            Err(why) => self.rig.void("restart", &why),
        }
    }

    fn restarts(&self) -> Result<(), String> {
        let wanted = if self.rig.quick { 50_000 } else { 1_000_000 };
        let cluster = self.rig.cluster("restart");
        let mut commands = 0;
        // Little at a time: with half as many again the logs are so long that they are cut.
        while commands < wanted {
            commands += self.put(&cluster, "1024", "1", "8")?["answered"].as_u64().unwrap_or(0);
        }
        let written = self.uncut(&cluster)?;
        drop(cluster);
        let (mut readies, mut answers, mut records) = (Vec::new(), Vec::new(), u64::MAX);
        for _ in 0..ROUNDS {
            let start = Instant::now();
            let cluster = Cluster::start(&self.rig.program, &self.rig.dir("restart"));
            readies.push(start.elapsed().as_secs_f64());
            cluster.answers(&self.rig.program);
            answers.push(start.elapsed().as_secs_f64());
            for node in &written {
                let (name, all) =
                    (node["node"].as_str().unwrap_or_default(), node["records"].as_u64().unwrap_or(u64::MAX));
                let replayed = cluster.replayed()[name];
                if replayed < all {
                    return Err(format!("{name} wrote {all} records and replayed {replayed}"));
                }
                records = records.min(replayed);
            }
            self.uncut(&cluster)?;
        }
        let bytes = written.iter().filter_map(|node| node["log_bytes"].as_u64()).min().unwrap_or(0);
        // Each command has a key of 7 bytes and a value of 8. A log that is shorter has come by its state otherwise.
        if bytes < 15 * commands {
            return Err(format!("a log of {bytes} bytes does not hold {commands} commands"));
        }
        let (ready, answered) = (spread(readies), spread(answers));
        self.rig.say(
            &format!(
                "restart with {commands} small commands in each log, as {records} records or more of {:.1} MiB or more, none \
                 cut by a checkpoint, all replayed: all nodes ready after {:.2} s ({:.2} to {:.2}), the first answer after \
                 {:.2} s ({:.2} to {:.2})",
                bytes as f64 / f64::from(1 << 20),
                ready[0],
                ready[1],
                ready[2],
                answered[0],
                answered[1],
                answered[2]
            ),
            &json!({ "bench": "restart", "commands": commands, "records_replayed": records, "log_bytes": bytes,
                "checkpoints": 0, "order": "median, least, most", "ready_s": ready, "answered_s": answered }),
        );
        Ok(())
    }

    /// What the nodes say of themselves, if they hold the same state and no checkpoint has cut a log.
    fn uncut(&self, cluster: &Cluster) -> Result<Vec<Value>, String> {
        let nodes = cluster.agrees(&self.rig.program)?;
        match total(&nodes, "checkpoints") {
            0.0 => Ok(nodes),
            cut => Err(format!("{cut} checkpoints have cut the logs: what was to be replayed is not there")),
        }
    }
}

fn total(nodes: &[Value], name: &str) -> f64 {
    nodes.iter().filter_map(|node| node[name].as_f64()).sum()
}

fn spread(values: Vec<f64>) -> Spread {
    [0.5, 0.0, 1.0].map(|part| quantile(values.clone(), part))
}

/// How many clients there are.
const CLIENTS: [&str; 5] = ["1", "16", "64", "256", "1024"];
/// How often each figure is measured.
const ROUNDS: usize = 3;
/// The bytes of a value.
const VALUE: &str = "256";
const USAGE: &str = "cargo bench -p benches --bench service -- [--quick] [--json]

  --quick   shorter loads, fewer fail-overs, a smaller log
  --json    a line for each figure, for programs

Measures the load of 1, 16, 64, 256 and 1024 clients, fail-over and restart, of the program paxos of this workspace.";

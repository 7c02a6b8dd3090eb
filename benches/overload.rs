//! What a cluster does when it is asked for more than it can do, by more clients than there are, and by some who read no
//! answers: three node processes with default options on loopback TCP, and their clients in this process.
//!
//! ```text
//! cargo bench -p benches --bench overload               # about two minutes
//! cargo bench -p benches --bench overload -- --quick    # shorter
//! cargo bench -p benches --bench overload -- --json     # a line for each figure, for programs
//! ```
//!
//! *Open loop*: first 1,024 callers in a closed loop say what this machine does at this moment; then operations are due at
//! fixed moments, at a half of that, all of it, twice and four times as many. Latency is counted from the moment that an
//! operation was due, and is of those that were acknowledged; the others had two seconds, and their parts are beside it. The
//! callers share 512 clients, each with connections and a session of its own. *Behind* is how late the latest operation was
//! asked: this process shares the machine with the nodes, and where it is long, less was offered than was meant.
//!
//! *Crowd*: 10,000 connections that say nothing, shared out to three nodes; 64 clients in a closed loop before, beside and
//! after them; and then as many more to the leader as it has no places for.
//!
//! *Silent*: 64 clients, each of which asks the leader for pages of half a megabyte and reads none, beside 64 in a closed
//! loop that write.
//!
//! A row is void if something that was acknowledged is not in the store afterwards, or something is that was refused; if the
//! nodes do not hold the same state, which their digests tell; or if one of them took more memory than the row allows.

use std::{
    collections::BTreeMap,
    path::Path,
    process::ExitCode,
    sync::Arc,
    time::{Duration, Instant},
};

use benches::{
    overload::{Crowd, Figures, Ledger, Silent, Watched, closed_loop, open_loop, raise_open_files},
    rig::Rig,
    service::Cluster,
};
use paxos_kv::client::{Client, Config};
use paxos_process::NodeId;
use serde_json::json;
use tokio::{
    runtime::{Builder, Runtime},
    time::sleep,
};

fn main() -> ExitCode {
    let files = raise_open_files(); // before the nodes are started, which have as many
    let rig = match Rig::set_up(Path::new(env!("CARGO_TARGET_TMPDIR")), USAGE) {
        Ok(rig) => rig,
        Err(code) => return code,
    };
    rig.say_load_average();
    let cluster = rig.cluster("overload");
    let config = Config { deadline: PATIENCE, ..cluster.config() };
    let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime");
    let mut bench = Bench { rig, cluster, config, runtime, files, rows: 0, held: true };
    bench.open();
    bench.crowd();
    bench.silent();
    bench.rig.say_load_average();
    if bench.held { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

struct Bench {
    // Before the rig: a cluster ends before its directory goes.
    cluster: Cluster,
    rig: Rig,
    config: Config,
    runtime: Runtime,
    /// So many files may be open.
    files: usize,
    /// How many rows there have been: each has keys of its own.
    rows: usize,
    /// No row is void.
    held: bool,
}

/// A closed loop, as a row.
struct Closed {
    ledger: Arc<Ledger>,
    figures: Figures,
    memory: Option<u64>,
}

impl Bench {
    fn lasts(&self, seconds: u64) -> Duration {
        Duration::from_secs(if self.rig.quick { seconds.div_ceil(3) } else { seconds })
    }

    fn ledger(&mut self) -> Arc<Ledger> {
        self.rows += 1;
        Arc::new(Ledger::new(&format!("row-{:02}", self.rows)))
    }

    fn clients(&self, count: usize) -> Vec<Client> {
        (0..count).map(|_| Client::new(self.config.clone())).collect()
    }

    /// Whether a row may be believed. It is said and remembered when it may not.
    fn holds(&mut self, what: &str, ledger: &Ledger, memory: Option<u64>, limit: u64) -> bool {
        let patient = Client::new(self.cluster.config());
        let checked = self.runtime.block_on(ledger.check(&patient));
        let agreed = self.cluster.agrees(&self.rig.program).map(drop);
        let small = match memory {
            Some(memory) if limit < memory => {
                Err(format!("a node took {} MiB, and {} are allowed", mib(memory), mib(limit)))
            }
            _ => Ok(()),
        };
        match checked.and(agreed).and(small) {
            Ok(()) => true,
            Err(why) => {
                self.held = self.rig.void(what, &why);
                false
            }
        }
    }

    fn open(&mut self) {
        let clients = self.clients(SHARED);
        let Closed { ledger, figures: capacity, memory } = self.closed(&clients, CALLERS, self.lasts(5));
        if !self.holds("capacity", &ledger, memory, SMALL) {
            return;
        }
        self.rig.say(
            &format!(
                "closed loop of {CALLERS} callers: {:.0} writes/s, p50 {:.1} ms, p99 {:.1} ms
open loop; all that was acknowledged is there, nothing is that was refused, all nodes hold the same state
 of it  offered/s accepted/s    p50 ms    p99 ms  p99.9 ms  refused  unknown  behind ms  node MiB",
                capacity.accepted, capacity.latency[0], capacity.latency[1]
            ),
            &json!({ "bench": "capacity", "callers": CALLERS, "writes_per_second": capacity.accepted,
                "p50_ms": capacity.latency[0], "p99_ms": capacity.latency[1] }),
        );
        for part in PARTS {
            self.offer(&clients, part, capacity.accepted * part);
        }
    }

    fn offer(&mut self, clients: &[Client], part: f64, rate: f64) {
        let (ledger, lasts) = (self.ledger(), self.lasts(5));
        let watched = Watched::begin(self.cluster.pids());
        let offered = self.runtime.block_on(open_loop(clients, rate, &ledger, lasts));
        let memory = watched.most();
        if !self.holds(&format!("open loop of {part} times the capacity"), &ledger, memory, SMALL) {
            return;
        }
        let Figures { asked, accepted, latency: [p50, p99, p999], shares: [refused, unknown], late: behind } =
            ledger.figures(offered.began, offered.ended);
        let asked = offered.rate(asked);
        self.rig.say(
            &format!(
                "{part:>5}x {asked:>10.0} {accepted:>10.0} {p50:>9.1} {p99:>9.1} {p999:>9.1} {:>7.2}% {:>7.2}% {behind:>10.0} {:>9}",
                refused * 1e2,
                unknown * 1e2,
                memory.map_or("?".into(), mib)
            ),
            &json!({ "bench": "open loop", "times": part, "offered_per_second": asked, "accepted_per_second": accepted,
                "p50_ms": p50, "p99_ms": p99, "p99.9_ms": p999, "refused": refused, "unknown": unknown,
                "behind_ms": behind, "node_bytes": memory }),
        );
    }

    /// So many callers in a closed loop, each after its own last answer.
    fn closed(&mut self, clients: &[Client], callers: usize, lasts: Duration) -> Closed {
        let (ledger, watched) = (self.ledger(), Watched::begin(self.cluster.pids()));
        let began = Instant::now();
        self.runtime.block_on(closed_loop(clients, callers, &ledger, lasts));
        let (figures, memory) = (ledger.figures(began, Instant::now()), watched.most());
        Closed { ledger, figures, memory }
    }

    /// Says a row, if it may be believed.
    fn show_closed(&mut self, what: &str, limit: u64, Closed { ledger, figures, memory }: &Closed) {
        if !self.holds(what, ledger, *memory, limit) {
            return;
        }
        let Figures { accepted, latency: [p50, p99, p999], shares: [refused, unknown], .. } = figures;
        self.rig.say(
            &format!(
                "{what:<32} {accepted:>9.0} {p50:>8.1} {p99:>8.1} {p999:>9.1} {:>7.2}% {:>7.2}% {:>9}",
                refused * 1e2,
                unknown * 1e2,
                memory.map_or("?".into(), mib)
            ),
            &json!({ "bench": what, "writes_per_second": accepted, "p50_ms": p50, "p99_ms": p99, "p99.9_ms": p999,
                "refused": refused, "unknown": unknown, "node_bytes": memory }),
        );
    }

    /// The 64 clients that behave, as a row.
    fn active(&mut self, clients: &[Client], what: &str, limit: u64, lasts: Duration) {
        let closed = self.closed(clients, clients.len(), lasts);
        self.show_closed(what, limit, &closed);
    }

    fn crowd(&mut self) {
        let clients = self.clients(ACTIVE);
        let count = IDLE.min(self.files.saturating_sub(FILES));
        self.rig.say(
            &format!(
                "{ACTIVE} clients that write, and a crowd\n{:<32}  writes/s   p50 ms   p99 ms  p99.9 ms  refused  unknown  node MiB",
                ""
            ),
            &json!({ "bench": "crowd", "clients": ACTIVE, "idle": count, "open_files": self.files }),
        );
        self.active(&clients, "without a crowd", LARGE, self.lasts(4));
        let (began, nodes) = (Instant::now(), self.config.nodes.keys().copied().collect::<Vec<_>>());
        let crowd = self.runtime.block_on(Crowd::gather(&self.config, &nodes, count));
        self.show_crowd("three nodes", count, &crowd, began);
        self.active(&clients, &format!("beside {} idle ones", crowd.present()), LARGE, self.lasts(4));
        let Some(leader) = self.leader() else { return };
        let places = PLACES.saturating_sub(self.clients_of(leader));
        let (began, count) = (Instant::now(), (places + 500).min(self.files.saturating_sub(FILES + count)));
        let more = self.runtime.block_on(Crowd::gather(&self.config, &[leader], count));
        self.show_crowd("the leader", count, &more, began);
        let let_in = more.idle.len();
        let looked = self.cluster.status(&self.rig.program).map(drop);
        let full = self.closed(&clients, ACTIVE, self.lasts(4));
        let present = [crowd.present(), more.present()];
        drop(more); // whoever looks what the store holds is a client, and needs a place
        self.show_closed("beside a full leader", LARGE, &full);
        if let Err(why) = looked {
            self.held = self.rig.void("kv status beside a full leader", &why);
        }
        let gone = present != [crowd.idle.len(), let_in];
        self.rig.say(
            &format!("{} and {} of the idle ones were there until then", present[0], present[1]),
            &json!({ "bench": "crowd at the end", "present": present, "void": gone }),
        );
        self.held &= !gone;
        drop(crowd);
        self.until(leader, |clients| clients <= FEW);
        self.active(&clients, "after the crowd", LARGE, self.lasts(4));
    }

    fn show_crowd(&self, to: &str, count: usize, crowd: &Crowd, began: Instant) {
        let (seconds, told) = (began.elapsed().as_secs_f64(), &crowd.refused);
        self.rig.say(
            &format!(
                "{count} connect to {to}: {} are let in after {seconds:.1} s; others are told {told:?}",
                crowd.idle.len()
            ),
            &json!({ "bench": "crowd", "to": to, "connect": count, "let_in": crowd.idle.len(), "seconds": seconds,
                "told": told }),
        );
    }

    fn silent(&mut self) {
        let clients = self.clients(ACTIVE);
        self.runtime.block_on(async {
            for nth in 0..PAGE_KEYS {
                let put = clients[0].put(format!("a-page-{nth:02}").into_bytes(), vec![b'.'; PAGE_VALUE]);
                put.await.expect("the cluster answers");
            }
        });
        self.active(&clients, "before those that read nothing", LARGE, self.lasts(4));
        let Some(leader) = self.leader() else { return };
        let before = self.clients_of(leader);
        match self.runtime.block_on(Silent::gather(&self.config, leader, ACTIVE, PAGES)) {
            Ok(silent) => {
                self.active(&clients, &format!("beside {ACTIVE} that read nothing"), HUGE, self.lasts(10));
                let began = Instant::now();
                // They are left thirty seconds after they have read the last byte. Whoever has read everything hears
                // something, so there is something that each of them does not read.
                let left = self.until(leader, |clients| clients <= before);
                let seconds = began.elapsed().as_secs_f64();
                self.rig.say(
                    &format!("those that read nothing are left: {left}, {seconds:.0} s later"),
                    &json!({ "bench": "silent", "left": left, "seconds": seconds }),
                );
                self.held &= left;
                drop(silent);
                self.active(&clients, "after they are left", HUGE, self.lasts(4));
            }
            Err(why) => {
                self.held = self.rig.void("silent", &why);
            }
        }
    }

    fn leader(&mut self) -> Option<NodeId> {
        let clients = Client::new(self.config.clone());
        let leader = self.runtime.block_on(async {
            for node in self.config.nodes.keys() {
                if clients.status(*node).await.is_ok_and(|status| status.leads) {
                    return Some(*node);
                }
            }
            None
        });
        if leader.is_none() {
            self.held = self.rig.void("leader", "nobody leads");
        }
        leader
    }

    /// How many clients a node has.
    fn clients_of(&self, node: NodeId) -> usize {
        let status = self.cluster.status(&self.rig.program).unwrap_or_default();
        let names: BTreeMap<_, _> =
            status.iter().filter_map(|told| Some((told["node"].as_str()?, told["clients"].as_u64()?))).collect();
        names.get(node.to_string().as_str()).map_or(0, |count| usize::try_from(*count).unwrap_or(usize::MAX))
    }

    /// Waits until a node has so many clients; whether it came to that.
    fn until(&self, node: NodeId, done: impl Fn(usize) -> bool) -> bool {
        let end = Instant::now() + Duration::from_secs(60);
        while Instant::now() < end {
            if done(self.clients_of(node)) {
                return true;
            }
            // Connections of this process end on its runtime.
            self.runtime.block_on(async { sleep(Duration::from_millis(500)).await });
        }
        false
    }
}

fn mib(bytes: u64) -> String {
    (bytes >> 20).to_string()
}

/// What the callers of the open loop share, and how many there are in the closed one.
const SHARED: usize = 512;
const CALLERS: usize = 1_024;
/// Parts of what the closed loop has shown.
const PARTS: [f64; 4] = [0.5, 1.0, 2.0, 4.0];
/// Clients that behave, and those beside them that do not.
const ACTIVE: usize = 64;
const IDLE: usize = 10_000;
/// A node has places for so many clients.
const PLACES: usize = 4_096;
/// Fewer than a crowd.
const FEW: usize = 512;
/// Files that are open beside the crowd's.
const FILES: usize = 1_500;
/// Values that fill a page.
const PAGE_KEYS: usize = 32;
const PAGE_VALUE: usize = 16 << 10;
/// Pages that each client asks for that reads none.
const PAGES: usize = 1_000;
/// How long an operation may take, with all that is asked again for it.
const PATIENCE: Duration = Duration::from_secs(2);
/// What a node may take. All requests without an answer are 128 MiB at most, and those in the mailbox are 32; the store is
/// small here.
const SMALL: u64 = 512 << 20;
/// The same with thousands of connections.
const LARGE: u64 = 640 << 20;
/// And with answers that nobody reads: 256 MiB, and 4 MiB on the way to each client.
const HUGE: u64 = 1_024 << 20;
const USAGE: &str = "cargo bench -p benches --bench overload -- [--quick] [--json]

  --quick   shorter loads
  --json    a line for each figure, for programs

Measures an open loop beyond capacity, 10,000 idle connections, and clients that read nothing, with the program paxos of
this workspace.";

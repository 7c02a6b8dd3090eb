//! What a node serves to whoever collects counters: the store's, in which `paxos kv status` shows the same, and those of
//! the driver.
//!
//! Those of the driver are there whatever happens. The store's must be asked for, and whoever waits for a disk that
//! hangs gives no answer; just then somebody looks. So they are waited for a moment, and left out.

use std::{fmt::Write as _, net::SocketAddr, time::Duration};

use anyhow::Context;
use paxos_kv::Status;
use paxos_node::{Handle, MetricsServer};
use tokio::{runtime::Builder, time::timeout};

use super::{
    Replicated,
    words::{Answering, Asked, Replied},
};

/// Serves the counters of a node at `address` until it is dropped.
pub(super) fn serve(address: SocketAddr, handle: Handle<Replicated, Answering>) -> anyhow::Result<MetricsServer> {
    let waiting = Builder::new_current_thread().enable_time().build().context("cannot serve metrics")?;
    let write = move |text: &mut String| {
        handle.stats().counts().write_text(text);
        gauge(text, "inputs_waiting", "Messages and requests that wait for the process.", handle.waiting() as u64);
        let status = waiting.block_on(status(&handle));
        let answers = "Whether the process answers at once. It does not while its disk hangs, nor when it is stopping.";
        gauge(text, "process_answers", answers, status.is_some().into());
        if let Some(status) = status {
            write_status(&status, text);
        }
    };
    MetricsServer::start(address, write).with_context(|| format!("cannot serve metrics at {address}"))
}

/// The status of the store, if the process has time for it.
async fn status(handle: &Handle<Replicated, Answering>) -> Option<Status> {
    let answer = handle.ask(Asked::Status).ok()?;
    let Ok(Ok(Replied::Status(status))) = timeout(MOMENT, answer).await else { return None };
    Some(status)
}

fn write_status(status: &Status, text: &mut String) {
    let leader = status.leader.map_or(0, |leader| leader.0.into());
    gauge(text, "leads", "Whether this node leads and serves.", status.leads.into());
    gauge(text, "leader", "The number of the node that leads as far as this one knows, or 0.", leader);
    gauge(text, "ballot_round", "The round of its ballot.", status.ballot.map_or(0, |ballot| ballot.round));
    gauge(text, "chosen_slot", "The first slot that is not known to be chosen.", status.chosen.0);
    gauge(text, "applied_slot", "The first slot that is not applied.", status.applied.0);
    gauge(text, "keys", "Keys that have a value.", status.keys);
    gauge(text, "store_bytes", "Bytes of all keys and values.", status.bytes);
    gauge(text, "sessions", "Open sessions.", status.sessions);
    gauge(text, "batches_under_way", "Batches that are proposed and not known to be chosen.", status.under_way);
    gauge(text, "commands_queued", "Commands that wait to be proposed.", status.queued);
    gauge(text, "reads_waiting", "Reads that wait for the leader to be confirmed.", status.reads);
}

fn gauge(text: &mut String, name: &str, what: &str, value: u64) {
    let _ = write!(text, "# HELP paxos_{name} {what}\n# TYPE paxos_{name} gauge\npaxos_{name} {value}\n"); // a String takes all
}

/// For the process to answer: longer than a batch and its sync take, and shorter than any collector waits.
const MOMENT: Duration = Duration::from_millis(500);

#[cfg(test)]
mod tests {
    use std::{
        collections::BTreeMap,
        io::{Read, Write},
        net::TcpStream,
        sync::mpsc::{Receiver, channel},
        time::Instant,
    };

    use paxos_kv::{Batch, Service};
    use paxos_messages::multi::Record;
    use paxos_multi::{Options, Replica};
    use paxos_node::{Config, Disk, Node};
    use paxos_process::{NodeId, NodeSet};
    use paxos_quorums::Quorums;

    use super::*;

    /// Far more than anything here takes.
    const PATIENCE: Duration = Duration::from_secs(20);

    /// A disk whose syncs take until the other end is dropped.
    struct Hung(Receiver<()>);

    impl Disk<Record<Batch>> for Hung {
        type Error = &'static str;

        fn append(&mut self, _: &Record<Batch>) -> Result<(), &'static str> {
            Ok(())
        }
        fn sync(&mut self) -> Result<(), &'static str> {
            let _ = self.0.recv();
            Ok(())
        }
        fn is_long(&self) -> bool {
            false
        }
        fn checkpoint(&mut self, _: Vec<Record<Batch>>) -> Result<(), &'static str> {
            Ok(())
        }
    }

    #[test]
    fn a_disk_that_hangs_is_seen() {
        let (id, anywhere) = (NodeId(1), SocketAddr::from(([127, 0, 0, 1], 0)));
        let quorums = Quorums::majority(NodeSet::only(id)).unwrap();
        let config = Config {
            identity: crate::node::identity(id, "alone", &quorums),
            listen: anywhere,
            peers: BTreeMap::new(),
            durations: Box::new(|_| Duration::from_millis(10)..=Duration::from_millis(20)),
            answers: Answering::default(),
            key: None,
            seed: 1,
            delay: Duration::ZERO,
        };
        let service = Service::new(Replica::new(id, quorums, Options::default()), paxos_kv::Options::default());
        let (heals, hangs) = channel();
        let node = Node::start(config, service, vec![], Hung(hangs), ()).unwrap();
        let server = serve(anywhere, node.handle()).unwrap();
        let heals = heals; // is dropped before the server, which waits for its thread
        let says = |words: &str| {
            let deadline = Instant::now() + PATIENCE;
            loop {
                let mut stream = TcpStream::connect(server.address()).unwrap();
                stream.set_read_timeout(Some(PATIENCE)).unwrap();
                stream.write_all(b"GET /metrics HTTP/1.1\r\n\r\n").unwrap();
                let mut answer = String::new();
                stream.read_to_string(&mut answer).expect("an answer, whatever the process does");
                assert!(answer.contains("\npaxos_syncs_total "), "{answer}");
                if answer.contains(words) {
                    return answer;
                }
                assert!(Instant::now() < deadline, "{words} in {answer}");
            }
        };
        assert!(!says("\npaxos_process_answers 0\n").contains("paxos_keys"));
        drop(heals);
        assert!(says("\npaxos_leads 1\n").contains("\npaxos_process_answers 1\n"));
        node.handle().stop();
        node.join().unwrap();
    }
}

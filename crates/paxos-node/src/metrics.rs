//! A node's counters as text, for Prometheus and whoever else reads its format, and a tiny server that says them.
//!
//! The server knows one request, `GET /metrics`, and answers one at a time on a thread of its own, so nothing that is
//! asked there can keep the node from its work. It has no key and changes nothing; still, listen where only your
//! monitoring comes.

use std::{
    fmt::Write as _,
    io::{self, Read, Write},
    net::{Shutdown, SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use crate::{Counts, PeerCounts};

impl Counts {
    /// Appends the counts to `text` in the text format of Prometheus (version 0.0.4). Times are in seconds.
    pub fn write_text(&self, text: &mut String) {
        let peers = |text: &mut String, name: &str, kind: &str, what: &str, count: fn(&PeerCounts) -> u64| {
            head(text, name, kind, what);
            for (peer, counts) in &self.peers {
                let _ = writeln!(text, "{name}{{peer=\"{peer}\"}} {}", count(counts)); // a String takes all
            }
        };
        let total = "counter";
        peers(text, "paxos_messages_sent_total", total, "Messages sent to a peer.", |peer| peer.sent);
        peers(text, "paxos_sent_bytes_total", total, "Bytes of messages sent to a peer.", |peer| peer.bytes_sent);
        peers(text, "paxos_messages_received_total", total, "Messages of a peer.", |peer| peer.received);
        peers(text, "paxos_received_bytes_total", total, "Bytes of messages of a peer.", |peer| peer.bytes_received);
        peers(text, "paxos_queued_bytes", "gauge", "Bytes that wait for a peer.", |peer| peer.queued_bytes as u64);
        peers(text, "paxos_peer_connected", "gauge", "Whether we reach a peer.", |peer| peer.connected.into());

        metric(text, "paxos_messages_dropped_total", total, "Messages dropped because a queue was full.", self.dropped);
        metric(text, "paxos_log_records_total", total, "Records appended to the log.", self.records);
        metric(text, "paxos_log_appended_bytes_total", total, "Bytes appended to the log.", self.bytes_appended);
        metric(text, "paxos_log_bytes", "gauge", "The length of the log.", self.log_bytes);
        metric(text, "paxos_syncs_total", total, "Syncs of the log, without those in checkpoints.", self.syncs);
        metric(text, "paxos_sync_seconds_total", total, "Time in these syncs.", self.sync_time.as_secs_f64());
        let longest = self.longest_sync.as_secs_f64();
        metric(
            text,
            "paxos_longest_sync_seconds",
            "gauge",
            "The longest of these syncs since the node started.",
            longest,
        );
        metric(text, "paxos_checkpoints_total", total, "Replacements of the log by a shorter one.", self.checkpoints);
        let checkpoints = self.checkpoint_time.as_secs_f64();
        metric(text, "paxos_checkpoint_seconds_total", total, "Time in checkpoints, with their syncs.", checkpoints);
        metric(text, "paxos_clients", "gauge", "Clients that are connected.", self.clients);
        let strangers = self.strangers_refused;
        metric(text, "paxos_strangers_refused_total", total, "Connections turned away as strangers.", strangers);
    }
}

fn head(text: &mut String, name: &str, kind: &str, what: &str) {
    let _ = write!(text, "# HELP {name} {what}\n# TYPE {name} {kind}\n");
}

fn metric(text: &mut String, name: &str, kind: &str, what: &str, value: impl std::fmt::Display) {
    head(text, name, kind, what);
    let _ = writeln!(text, "{name} {value}");
}

/// A server of metrics. It ends when it is dropped.
#[derive(Debug)]
pub struct MetricsServer {
    address: SocketAddr,
    ending: Arc<AtomicBool>,
    serving: Option<JoinHandle<()>>,
}

impl MetricsServer {
    /// Answers `GET /metrics` at `address` with what `write` appends to a text: the [`Counts`] of a node by
    /// [`Counts::write_text`], and what the application adds.
    ///
    /// # Errors
    ///
    /// When it cannot listen there, or the thread cannot be started.
    pub fn start(address: SocketAddr, write: impl Fn(&mut String) + Send + 'static) -> io::Result<Self> {
        let listener = TcpListener::bind(address)?;
        let address = listener.local_addr()?;
        let ending = Arc::new(AtomicBool::new(false));
        let ended = Arc::clone(&ending);
        let serving = thread::Builder::new().name("metrics".into()).spawn(move || {
            for stream in listener.incoming() {
                if ended.load(Ordering::Relaxed) {
                    return;
                }
                match stream {
                    Ok(stream) => drop(answer(stream, &write)), // whoever does not hear it may ask again
                    Err(_) => thread::sleep(PAUSE),             // out of file descriptors, most likely
                }
            }
        })?;
        Ok(Self { address, ending, serving: Some(serving) })
    }

    /// Where it listens.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for MetricsServer {
    fn drop(&mut self) {
        self.ending.store(true, Ordering::Relaxed);
        // It waits for a connection, so it gets one. If it cannot be reached it stays until the process ends.
        let woken = TcpStream::connect_timeout(&self.address, PATIENCE).is_ok();
        if let (true, Some(serving)) = (woken, self.serving.take()) {
            let _ = serving.join(); // the panic of a callback is no reason for another
        }
    }
}

fn answer(mut stream: TcpStream, write: &impl Fn(&mut String)) -> io::Result<()> {
    let (status, mut body) = match request(&mut stream)? {
        Some(line) if line == "GET /metrics" => ("200 OK", String::new()),
        Some(line) if line.starts_with("GET ") => ("404 Not Found", "There is /metrics and nothing else.\n".into()),
        Some(_) => ("405 Method Not Allowed", "This can be read and nothing else.\n".into()),
        None => ("400 Bad Request", "That is no request of HTTP.\n".into()),
    };
    if body.is_empty() {
        write(&mut body);
    }
    let head = format!(
        "HTTP/1.0 {status}\r\nContent-Type: text/plain; version=0.0.4\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        body.len()
    );
    stream.set_write_timeout(Some(PATIENCE))?;
    stream.write_all(&[head.as_bytes(), body.as_bytes()].concat())?;
    stream.shutdown(Shutdown::Write)
}

/// The method and the path of a request, when all its headers have come, in time and not too long.
fn request(stream: &mut TcpStream) -> io::Result<Option<String>> {
    let deadline = Instant::now() + PATIENCE;
    let (mut bytes, mut length) = ([0; LONGEST], 0);
    while !bytes[..length].windows(4).any(|end| end == b"\r\n\r\n") {
        let left = deadline.saturating_duration_since(Instant::now());
        if length == LONGEST || left.is_zero() {
            return Ok(None);
        }
        stream.set_read_timeout(Some(left))?;
        match stream.read(&mut bytes[length..])? {
            0 => return Ok(None),
            read => length += read,
        }
    }
    let text = String::from_utf8_lossy(&bytes[..length]);
    let mut words = text.lines().next().unwrap_or_default().split(' ');
    match (words.next(), words.next(), words.next()) {
        (Some(method), Some(path), Some(version)) if version.starts_with("HTTP/") => {
            Ok(Some(format!("{method} {path}")))
        }
        _ => Ok(None),
    }
}

/// The longest request, in bytes.
const LONGEST: usize = 4096;
/// For one request, and for one answer to be taken.
const PATIENCE: Duration = Duration::from_secs(1);
/// Before accepting again what could not be accepted.
const PAUSE: Duration = Duration::from_millis(100);

#[cfg(test)]
mod tests {
    use paxos_process::NodeId;

    use super::*;
    use crate::Stats;

    fn said(server: &MetricsServer, request: &[u8]) -> String {
        let mut stream = TcpStream::connect(server.address()).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        let _ = stream.write_all(request); // one that is too long may be cut off
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer); // what was not read of it may reset the connection
        String::from_utf8(answer).unwrap()
    }

    #[test]
    fn counters_are_told_in_the_format_of_prometheus() {
        let stats = Stats::new([NodeId(2)]);
        stats.sent(NodeId(2), 3, 100);
        stats.dropped(4);
        let mut text = String::new();
        stats.counts().write_text(&mut text);
        for line in
            ["paxos_messages_sent_total{peer=\"n2\"} 3", "paxos_messages_dropped_total 4", "paxos_syncs_total 0"]
        {
            assert!(text.lines().any(|told| told == line), "{line} in {text}");
        }
        for line in text.lines().filter(|line| !line.starts_with('#')) {
            assert!(line.rsplit_once(' ').unwrap().1.parse::<f64>().is_ok(), "{line}");
        }
    }

    #[test]
    fn the_server_knows_one_request() {
        let stats = Stats::new([]);
        let counts = stats.clone();
        let server = MetricsServer::start(([127, 0, 0, 1], 0).into(), move |text| {
            counts.counts().write_text(text);
            text.push_str("kv_keys 7\n");
        });
        let server = server.unwrap();
        let answer = said(&server, b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n");
        assert!(answer.starts_with("HTTP/1.0 200 OK\r\n") && answer.ends_with("kv_keys 7\n"), "{answer}");
        assert!(said(&server, b"GET / HTTP/1.0\r\n\r\n").starts_with("HTTP/1.0 404"));
        assert!(said(&server, b"POST /metrics HTTP/1.0\r\n\r\n").starts_with("HTTP/1.0 405"));
        assert!(said(&server, b"hello\r\n\r\n").starts_with("HTTP/1.0 400"));
        assert!(!said(&server, &[b'x'; 2 * LONGEST]).contains("200"));
        drop(server); // waits for its thread, so it would hang here if that did not end
    }
}

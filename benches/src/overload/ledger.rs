//! What was asked, what came of it, and whether the store tells the same afterwards.
//!
//! Seven of eight operations put 256 bytes, and the last one can be told whose value it is; the eighth appends a few bytes,
//! which differ from all others. So it can be seen that what was acknowledged is there, and that what was refused is not.

use std::{
    collections::BTreeMap,
    sync::{
        Mutex,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use hdrhistogram::Histogram;
use paxos_kv::client::{Client, Error};

/// All operations of one row.
pub struct Ledger {
    prefix: String,
    next: AtomicU64,
    calls: Mutex<Vec<Call>>,
}

/// One operation.
#[derive(Clone, Copy, Debug)]
struct Call {
    number: u64,
    invoked: Instant,
    ended: Instant,
    /// From the moment that it should have been asked, which an open loop knows, to its end.
    waited: Duration,
    /// From that moment until it was asked.
    late: Duration,
    end: End,
}

/// What came of an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// It was done.
    Acknowledged,
    /// It was not done, and will not be.
    Refused,
    /// Nobody knows.
    Unknown,
}

/// What was seen.
pub struct Figures {
    /// Operations that were asked.
    pub asked: usize,
    /// Those that were acknowledged, a second, before a moment.
    pub accepted: f64,
    /// Milliseconds below which half of the acknowledged ones took, 99 of 100, 999 of 1000.
    pub latency: [f64; 3],
    /// The parts that were refused, and of which nobody knows.
    pub shares: [f64; 2],
    /// Milliseconds by which the latest one was asked too late: whether an open loop was one.
    pub late: f64,
}

impl Ledger {
    /// Of operations whose keys begin like this, as no others do.
    #[must_use]
    pub fn new(prefix: &str) -> Self {
        Self { prefix: prefix.to_owned(), next: AtomicU64::new(0), calls: Mutex::default() }
    }

    /// Asks for the next operation, which should have been asked at `intended`, and keeps what comes of it.
    pub async fn call(&self, client: &Client, intended: Instant) {
        let number = self.next.fetch_add(1, Relaxed);
        let (key, invoked) = (self.key(number), Instant::now());
        let result = if is_append(number) {
            client.append(key.as_bytes(), format!("{number};").as_bytes()).await.map(drop)
        } else {
            let value = format!("{number:.<VALUE$}");
            client.put(key.as_bytes(), value.as_bytes()).await.map(drop)
        };
        let end = match result {
            Ok(()) => End::Acknowledged,
            Err(Error::NotDone(_) | Error::Failed(_)) => End::Refused,
            Err(Error::Unknown(_)) => End::Unknown,
        };
        let ended = Instant::now();
        let call = Call { number, invoked, ended, waited: ended - intended, late: invoked - intended, end };
        self.calls.lock().expect("no thread panics with it").push(call);
    }

    fn key(&self, number: u64) -> String {
        let prefix = &self.prefix;
        if is_append(number) {
            format!("{prefix}-log-{:03}", number / EIGHT % LOGS)
        } else {
            format!("{prefix}-key-{:04}", number % KEYS)
        }
    }

    /// What was seen between two moments; operations that ended later are among those that were asked.
    ///
    /// # Panics
    ///
    /// Never: the bounds of its histogram are in order.
    #[must_use]
    pub fn figures(&self, from: Instant, to: Instant) -> Figures {
        let calls = self.calls.lock().expect("no thread panics with it");
        let count = |wanted: End| calls.iter().filter(|call| call.end == wanted).count() as f64;
        let within = calls.iter().filter(|call| call.end == End::Acknowledged && call.ended <= to).count();
        let mut latency = Histogram::<u64>::new_with_bounds(1, 3_600_000_000, 3).expect("bounds in order");
        for call in calls.iter().filter(|call| call.end == End::Acknowledged) {
            latency.saturating_record(call.waited.as_micros() as u64);
        }
        let all = (calls.len() as f64).max(1.0);
        Figures {
            asked: calls.len(),
            accepted: within as f64 / to.duration_since(from).as_secs_f64(),
            latency: [0.5, 0.99, 0.999].map(|part| latency.value_at_quantile(part) as f64 / 1e3),
            shares: [count(End::Refused) / all, count(End::Unknown) / all],
            late: calls.iter().map(|call| call.late).max().unwrap_or_default().as_secs_f64() * 1e3,
        }
    }

    /// Whether the store tells the same.
    ///
    /// # Errors
    ///
    /// When something that was acknowledged is not there, or something is that was refused; or when it cannot be read.
    pub async fn check(&self, client: &Client) -> Result<(), String> {
        let mut found = BTreeMap::new();
        let (mut start, end) = (format!("{}-", self.prefix).into_bytes(), format!("{}.", self.prefix).into_bytes());
        loop {
            let page = client.range(&*start, Some((&*end).into()), 1_024).await.map_err(|error| error.to_string())?;
            let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
            found.extend(page.entries.iter().map(|(key, value)| (text(key.as_slice()), text(value.as_slice()))));
            match page.next {
                Some(next) => start = next.as_slice().to_vec(),
                None => break,
            }
        }
        self.compare(&found)
    }

    fn compare(&self, found: &BTreeMap<String, String>) -> Result<(), String> {
        let calls = self.calls.lock().expect("no thread panics with it");
        let mut keys: BTreeMap<String, Vec<&Call>> = BTreeMap::new();
        for call in calls.iter() {
            keys.entry(self.key(call.number)).or_default().push(call);
        }
        for (key, calls) in keys {
            let value = found.get(&key).map(String::as_str);
            let compared = if is_append(calls[0].number) { appended(&calls, value) } else { put(&calls, value) };
            compared.map_err(|why| format!("{key}: {why}"))?;
        }
        Ok(())
    }
}

/// Each append that was acknowledged is there once, each that was refused is not, and the others are so at most once.
fn appended(calls: &[&Call], value: Option<&str>) -> Result<(), String> {
    let mut times: BTreeMap<&str, usize> = BTreeMap::new();
    value.unwrap_or_default().split_terminator(';').for_each(|suffix| *times.entry(suffix).or_default() += 1);
    for call in calls {
        let times = times.remove(call.number.to_string().as_str()).unwrap_or(0);
        let fits = match call.end {
            End::Acknowledged => times == 1,
            End::Refused => times == 0,
            End::Unknown => times <= 1,
        };
        if !fits {
            return Err(format!("append {} was {:?} and is there {times} times", call.number, call.end));
        }
    }
    if times.is_empty() { Ok(()) } else { Err(format!("nobody has appended {times:?}")) }
}

/// The value is that of a put that may have been the last: it was not refused, and nothing that was acknowledged was asked
/// after it had ended.
fn put(calls: &[&Call], value: Option<&str>) -> Result<(), String> {
    let Some(value) = value else {
        let lost = calls.iter().find(|call| call.end == End::Acknowledged);
        return lost.map_or(Ok(()), |call| Err(format!("put {} was acknowledged, and nothing is there", call.number)));
    };
    let number = value.trim_end_matches('.');
    let last = calls.iter().find(|call| call.number.to_string() == number);
    let last = last.ok_or_else(|| format!("nobody has put {number:?}"))?;
    let later = |call: &&&Call| call.end == End::Acknowledged && last.ended < call.invoked;
    match last.end {
        End::Refused => Err(format!("put {number} was refused, and is there")),
        End::Unknown => Ok(()), // it may have been done at any time
        End::Acknowledged => match calls.iter().find(later) {
            Some(lost) => Err(format!("put {} was acknowledged, and an older one is there: {number}", lost.number)),
            None => Ok(()),
        },
    }
}

const fn is_append(number: u64) -> bool {
    number.is_multiple_of(EIGHT)
}

const EIGHT: u64 = 8;
const LOGS: u64 = 256;
const KEYS: u64 = 4_096;
/// The bytes of a value.
const VALUE: usize = 256;

#[cfg(test)]
mod tests {
    use super::*;

    /// Calls of one key, each after the one before, and whether they fit a value.
    fn fits(calls: &[(u64, End)], value: Option<&str>) -> bool {
        let (ledger, start) = (Ledger::new("test"), Instant::now());
        let at = |nth: usize| start + Duration::from_secs(nth as u64);
        let call = |(nth, (number, end)): (usize, &(u64, End))| {
            let (invoked, ended) = (at(2 * nth), at(2 * nth + 1));
            Call { number: *number, invoked, ended, waited: ended - invoked, late: Duration::ZERO, end: *end }
        };
        *ledger.calls.lock().expect("nobody else") = calls.iter().enumerate().map(call).collect();
        let found = value.map(|value| (ledger.key(calls[0].0), value.to_owned()));
        ledger.compare(&found.into_iter().collect()).is_ok()
    }

    use End::{Acknowledged, Refused, Unknown};

    #[test]
    fn a_put_that_was_acknowledged_is_there_or_a_later_one() {
        let (first, second) = (1, 1 + KEYS);
        let newest = format!("{second}....");
        assert!(fits(&[(first, Acknowledged), (second, Acknowledged)], Some(&newest)));
        assert!(!fits(&[(first, Acknowledged), (second, Acknowledged)], Some("1...")));
        assert!(!fits(&[(first, Acknowledged)], None));
        assert!(!fits(&[(first, Acknowledged)], Some("7...")));
        assert!(!fits(&[(first, Acknowledged), (second, Refused)], Some(&newest)));
        assert!(fits(&[(first, Acknowledged), (second, Refused)], Some("1...")));
        assert!(fits(&[(first, Unknown), (second, Acknowledged)], Some("1..."))); // it was done late
        assert!(fits(&[(first, Refused)], None));
    }

    #[test]
    fn an_append_that_was_acknowledged_is_there_once() {
        let all = [(0, Acknowledged), (EIGHT * LOGS, Unknown), (2 * EIGHT * LOGS, Refused)];
        assert!(fits(&all, Some("0;")) && fits(&all, Some("0;2048;")));
        for wrong in [None, Some("2048;"), Some("0;0;"), Some("0;4096;"), Some("0;2048;2048;"), Some("0;5;")] {
            assert!(!fits(&all, wrong), "{wrong:?}");
        }
    }

    #[test]
    fn what_ended_too_late_is_asked_and_not_accepted() {
        let (ledger, start) = (Ledger::new("test"), Instant::now());
        let end = start + Duration::from_secs(2);
        let call = |milliseconds, end| Call {
            number: 0,
            invoked: start,
            ended: start + Duration::from_millis(milliseconds),
            waited: Duration::from_millis(milliseconds),
            late: Duration::ZERO,
            end,
        };
        *ledger.calls.lock().expect("nobody else") =
            vec![call(10, Acknowledged), call(3_000, Acknowledged), call(5, Refused), call(5, Unknown)];
        let Figures { asked, accepted, latency, shares, .. } = ledger.figures(start, end);
        assert_eq!((asked, accepted, shares), (4, 0.5, [0.25, 0.25]));
        assert!((9.9..10.1).contains(&latency[0]) && 2_990.0 < latency[1], "{latency:?}");
    }
}

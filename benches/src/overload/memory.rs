//! The memory that processes take, looked at again and again.

use std::{
    fs,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

/// Processes whose memory is looked at.
pub struct Watched {
    stop: Arc<AtomicBool>,
    looking: JoinHandle<Option<u64>>,
}

impl Watched {
    /// Looks at these from now on.
    #[must_use]
    pub fn begin(pids: &[u32]) -> Self {
        let (stop, pids) = (Arc::<AtomicBool>::default(), pids.to_owned());
        let stopped = Arc::clone(&stop);
        let looking = thread::spawn(move || {
            let mut most = None;
            loop {
                most = pids.iter().filter_map(|pid| resident(*pid)).chain(most).max();
                if stopped.load(Relaxed) {
                    return most;
                }
                thread::sleep(BETWEEN_LOOKS);
            }
        });
        Self { stop, looking }
    }

    /// The most bytes of the system's memory that one of them took, where the system tells it.
    ///
    /// # Panics
    ///
    /// When the thread that looked has panicked.
    #[must_use]
    pub fn most(self) -> Option<u64> {
        self.stop.store(true, Relaxed);
        self.looking.join().expect("it only looks")
    }
}

fn resident(pid: u32) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    Some(line.trim().trim_end_matches(" kB").parse::<u64>().ok()? << 10)
}

const BETWEEN_LOOKS: Duration = Duration::from_millis(50);

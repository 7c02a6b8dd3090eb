//! Two ways to ask: after each answer, or whatever comes of what was asked before.
//!
//! In a closed loop a slow node slows its clients, so it is never offered more than it does, and a pause of a second is the
//! latency of only as many operations as there are clients. In an open loop operations are due at fixed moments, like those
//! of many users who know nothing of each other, and how long one took is counted from the moment it was due.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use paxos_kv::client::Client;
use tokio::{task::JoinSet, time::sleep};

use super::Ledger;

/// How an open loop went.
pub struct Offered {
    /// From the first operation until the last one was asked.
    pub began: Instant,
    /// See `began`.
    pub ended: Instant,
}

impl Offered {
    /// So many operations a second were really asked.
    #[must_use]
    pub fn rate(&self, asked: usize) -> f64 {
        asked as f64 / self.ended.duration_since(self.began).as_secs_f64()
    }
}

/// So many callers, each asking one thing after the other, which share `clients`.
///
/// # Panics
///
/// When there is no client.
pub async fn closed_loop(clients: &[Client], callers: usize, ledger: &Arc<Ledger>, lasts: Duration) {
    let end = Instant::now() + lasts;
    let mut tasks = JoinSet::new();
    for caller in 0..callers {
        let (client, ledger) = (clients[caller % clients.len()].clone(), Arc::clone(ledger));
        tasks.spawn(async move {
            while Instant::now() < end {
                ledger.call(&client, Instant::now()).await;
            }
        });
    }
    while tasks.join_next().await.is_some() {}
}

/// Asks so many operations a second, each when it is due, and waits until nothing is unanswered.
///
/// # Panics
///
/// When there is no client.
pub async fn open_loop(clients: &[Client], rate: f64, ledger: &Arc<Ledger>, lasts: Duration) -> Offered {
    let (began, all) = (Instant::now(), (rate * lasts.as_secs_f64()) as usize);
    let due = |nth: usize| began + Duration::from_secs_f64(nth as f64 / rate);
    let (mut tasks, mut asked) = (JoinSet::new(), 0);
    while asked < all {
        let now = Instant::now();
        while asked < all && due(asked) <= now {
            let (client, ledger, intended) = (clients[asked % clients.len()].clone(), Arc::clone(ledger), due(asked));
            tasks.spawn(async move { ledger.call(&client, intended).await });
            asked += 1;
        }
        while tasks.try_join_next().is_some() {}
        sleep(TICK).await;
    }
    let ended = Instant::now();
    while tasks.join_next().await.is_some() {}
    Offered { began, ended }
}

/// Between two looks at what is due: no clock here is finer.
const TICK: Duration = Duration::from_millis(1);

//! Asking until somebody answers: who leads, and when to ask again.

use std::{
    collections::hash_map::RandomState,
    format,
    hash::BuildHasher,
    string::{String, ToString},
    sync::{Mutex, MutexGuard},
    time::Duration,
    vec::Vec,
};

use paxos_node::ClientError;
use paxos_process::NodeId;
use tokio::time::{Instant, sleep, timeout_at};

use super::{Config, Error, connections::Connections};
use crate::{Ask, Reply};

/// Whom to ask, and how.
pub(super) struct Leader {
    connections: Connections,
    nodes: Vec<NodeId>,
    /// How long one node may take before another is asked.
    patience: Duration,
    /// Who is asked first: who led when last heard of, or whoever is next.
    asked: Mutex<NodeId>,
}

/// A reply that is none of those after which one asks again.
pub(super) struct Answered {
    pub(super) reply: Reply,
    /// Whether it had been asked before, in such a way that it may have been done.
    pub(super) may_be_done: bool,
}

/// How one attempt ended that was no answer.
struct Missed {
    why: String,
    may_be_done: bool,
    /// Who leads, if we were told.
    leader: Option<NodeId>,
    /// Whether the same node is to be asked again.
    stay: bool,
}

impl Leader {
    pub(super) fn new(config: &Config) -> Self {
        let nodes: Vec<NodeId> = config.nodes.keys().copied().collect();
        let asked = Mutex::new(*nodes.first().expect("a cluster has a node"));
        Self { connections: Connections::new(config), nodes, patience: config.attempt, asked }
    }

    fn asked(&self) -> MutexGuard<'_, NodeId> {
        self.asked.lock().expect("no thread panics with it")
    }

    /// Asks one node after the other until one answers, or the time is up.
    pub(super) async fn ask(&self, ask: &Ask, deadline: Instant) -> Result<Answered, Error> {
        let (mut may_be_done, mut pause, mut redirects) = (false, SHORTEST, 0);
        loop {
            let node = *self.asked();
            let missed = match self.attempt(node, ask, deadline).await {
                Ok(reply) => return Ok(Answered { reply, may_be_done }),
                Err(missed) => missed,
            };
            may_be_done |= missed.may_be_done && matches!(ask, Ask::Execute(_));
            self.turn_from(node, &missed);
            // A node that knows the leader is believed at once, but two that name each other are not for ever.
            if missed.leader.is_some_and(|leader| leader != node) && redirects < self.nodes.len() {
                redirects += 1;
                if Instant::now() < deadline {
                    continue;
                }
            }
            redirects = 0;
            if deadline <= Instant::now() + pause {
                let why = format!("{node}: {}", missed.why);
                return Err(if may_be_done { Error::Unknown(why) } else { Error::NotDone(why) });
            }
            sleep(jitter(pause)).await;
            pause = (2 * pause).min(LONGEST);
        }
    }

    /// Asks this node, once.
    pub(super) async fn ask_node(&self, node: NodeId, ask: &Ask, deadline: Instant) -> Result<Reply, Error> {
        self.attempt(node, ask, deadline).await.map_err(|missed| Error::NotDone(format!("{node}: {}", missed.why)))
    }

    async fn attempt(&self, node: NodeId, ask: &Ask, deadline: Instant) -> Result<Reply, Missed> {
        let deadline = deadline.min(Instant::now() + self.patience);
        let wire = self.connections.to(node, deadline).await.map_err(|error| Missed::of(&error, false))?;
        let heard = wire.heard();
        let answer = match timeout_at(deadline, wire.ask(ask)).await {
            Ok(answer) => answer.map_err(|error| Missed::of(&error, error.is_unknown()))?,
            Err(_) => {
                if wire.heard() == heard {
                    self.connections.leave(node, &wire);
                }
                return Err(Missed::of(&ClientError::TimedOut, true));
            }
        };
        let missed = |why: &str, may_be_done| Missed { why: why.into(), may_be_done, leader: None, stay: false };
        match answer {
            Reply::NotLeader { leader } => Err(Missed { leader, ..missed("it does not lead", false) }),
            Reply::Busy => Err(Missed { stay: true, ..missed("it is busy", false) }),
            Reply::Unknown => Err(missed("it has lost its leadership", true)),
            Reply::Done(_) | Reply::Found(_) | Reply::Status(_) | Reply::Failed(_) => Ok(answer),
        }
    }

    /// Whom to ask next, unless others have turned to somebody else meanwhile.
    fn turn_from(&self, node: NodeId, missed: &Missed) {
        let mut asked = self.asked();
        if *asked == node && !missed.stay {
            let known = missed.leader.filter(|leader| self.nodes.contains(leader));
            let next = self.nodes.iter().find(|next| node < **next).or(self.nodes.first());
            *asked = known.or(next.copied()).unwrap_or(node);
        }
    }
}

impl Missed {
    fn of(error: &ClientError, may_be_done: bool) -> Self {
        Self {
            why: error.to_string(),
            may_be_done,
            leader: None,
            stay: matches!(error, ClientError::Busy | ClientError::Withheld),
        }
    }
}

/// Between a half of `pause` and all of it, at random, so that clients do not come back all at once.
fn jitter(pause: Duration) -> Duration {
    let share = RandomState::new().hash_one(0) as u32;
    pause / 2 + (pause / 2).mul_f64(f64::from(share) / f64::from(u32::MAX))
}

/// Between one attempt and the next.
const SHORTEST: Duration = Duration::from_millis(4);
const LONGEST: Duration = Duration::from_millis(250);

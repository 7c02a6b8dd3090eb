//! Who waits for an answer: the clients of a node, on the thread of its process.
//!
//! A client names its requests by ids of its own, which may be anybody's. Here each gets a *token* that is nobody
//! else's. Answers of one batch to one connection leave together, and are weighed; see `parcel.rs`.

use std::collections::HashMap;

use serde::Serialize;
use tokio::sync::{mpsc, oneshot};

use crate::{
    parcel::{Parcel, Scale, Unsaid},
    wire::Answer,
};

/// One thing that a connected client asks.
pub(crate) struct Asked<Q> {
    /// The client's name for it.
    pub(crate) id: u64,
    pub(crate) ask: Q,
    /// What it took on the connection.
    pub(crate) bytes: usize,
}

/// All who wait, for replies `R`.
pub(crate) struct Askers<R> {
    waiting: HashMap<u64, Waiting<R>>,
    /// What the waiting requests took on their connections.
    bytes: usize,
    next_token: u64,
    connections: HashMap<u64, Connection<R>>,
    /// Connections with answers that have not left yet.
    answered: Vec<u64>,
    /// Whether somebody has left who may still be waited for.
    left: bool,
    /// What is on its way to all connections together.
    unsaid: Unsaid,
}

struct Waiting<R> {
    whom: Whom<R>,
    bytes: usize,
}

enum Whom<R> {
    /// A client on a connection, and its id for what it asks.
    Connected(u64, u64),
    /// Somebody in this program.
    Here(oneshot::Sender<R>),
}

struct Connection<R> {
    answers: mpsc::UnboundedSender<Parcel<R>>,
    /// Answers of this batch.
    batch: Vec<Answer<R>>,
    /// Weighs them.
    scale: Scale,
    /// It is an operator's.
    operates: bool,
}

impl<R: Serialize> Askers<R> {
    pub(crate) fn new() -> Self {
        Self {
            waiting: HashMap::new(),
            bytes: 0,
            next_token: 0,
            connections: HashMap::new(),
            answered: Vec::new(),
            left: false,
            unsaid: Unsaid::default(),
        }
    }

    pub(crate) fn connected(&mut self, connection: u64, operates: bool, answers: mpsc::UnboundedSender<Parcel<R>>) {
        let scale = Scale::new(self.unsaid.clone());
        self.connections.insert(connection, Connection { answers, batch: Vec::new(), scale, operates });
    }

    pub(crate) fn operates(&self, connection: u64) -> bool {
        self.connections.get(&connection).is_some_and(|connection| connection.operates)
    }

    /// Tells an operator that it has asked what only clients may.
    pub(crate) fn refuse(&mut self, connection: u64, id: u64) {
        self.say(connection, Answer::Refused(id, "an operator asks only what concerns the node".into()));
    }

    pub(crate) fn gone(&mut self, connection: u64) {
        self.connections.remove(&connection);
        self.left = true;
    }

    /// The token of what a connected client asks; none if it is told to come back because too many wait. Operators are few,
    /// and ask little.
    pub(crate) fn admit(&mut self, connection: u64, id: u64, bytes: usize) -> Option<u64> {
        if self.is_full(bytes) && !self.operates(connection) {
            self.say(connection, Answer::Busy(id));
            return None;
        }
        Some(self.wait(Whom::Connected(connection, id), bytes))
    }

    /// The token of what somebody in this program asks; none if too many wait, and then there is no answer.
    pub(crate) fn admit_here(&mut self, reply: oneshot::Sender<R>) -> Option<u64> {
        (!self.is_full(0)).then(|| self.wait(Whom::Here(reply), 0))
    }

    /// Answers the asker with this token, if it still waits.
    pub(crate) fn tell(&mut self, token: u64, reply: R) {
        let Some(Waiting { whom, bytes }) = self.waiting.remove(&token) else {
            return;
        };
        self.bytes -= bytes;
        match whom {
            Whom::Connected(connection, id) => self.say(connection, Answer::Reply(id, reply)),
            Whom::Here(asker) => drop(asker.send(reply)), // one that has left needs no answer
        }
    }

    /// Lets the answers of this batch leave.
    pub(crate) fn flush(&mut self) {
        for connection in self.answered.drain(..) {
            if let Some(connection) = self.connections.get_mut(&connection) {
                let parcel = connection.scale.parcel(std::mem::take(&mut connection.batch));
                let _ = connection.answers.send(parcel); // it may be leaving
            }
        }
    }

    /// Gives up everybody who has left, all that have left in a batch in one pass, and calls `forget` with their tokens.
    pub(crate) fn sweep(&mut self, mut forget: impl FnMut(u64)) {
        if !std::mem::take(&mut self.left) {
            return;
        }
        let Self { waiting, bytes, connections, .. } = self;
        waiting.retain(|token, waiting| {
            let stays = match &waiting.whom {
                Whom::Connected(connection, _) => connections.contains_key(connection),
                Whom::Here(reply) => !reply.is_closed(),
            };
            if !stays {
                *bytes -= waiting.bytes;
                forget(*token);
            }
            stays
        });
    }

    fn wait(&mut self, whom: Whom<R>, bytes: usize) -> u64 {
        let token = self.next_token;
        self.next_token += 1;
        self.bytes += bytes;
        self.waiting.insert(token, Waiting { whom, bytes });
        token
    }

    fn say(&mut self, connection: u64, answer: Answer<R>) {
        if let Some(to) = self.connections.get_mut(&connection) {
            if to.batch.is_empty() {
                self.answered.push(connection);
            }
            to.batch.push(to.scale.weigh(answer));
        }
    }

    fn is_full(&mut self, bytes: usize) -> bool {
        let full = WAITING <= self.waiting.len() || (WAITING_BYTES < self.bytes + bytes && self.bytes > 0);
        self.left |= full; // somebody in this program may have left without a word
        full
    }
}

/// Requests that wait for their answers, of all clients together, and what they took on their connections, in bytes.
const WAITING: usize = 1 << 16;
const WAITING_BYTES: usize = 128 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_find_their_askers_in_one_parcel_per_batch() {
        let mut askers = Askers::new();
        let (sender, mut answers) = mpsc::unbounded_channel();
        askers.connected(7, false, sender);
        let tokens: Vec<_> = [50, 51, 50].map(|id| askers.admit(7, id, 1).unwrap()).into();
        let (reply, here) = oneshot::channel();
        let token = askers.admit_here(reply).unwrap();
        for (token, reply) in [(tokens[2], 'c'), (tokens[0], 'a'), (token, 'h'), (tokens[0], 'x'), (999, 'y')] {
            askers.tell(token, reply);
        }
        assert!(answers.is_empty(), "the batch is not over");
        askers.flush();
        assert_eq!(answers.try_recv().unwrap().answers, [Answer::Reply(50, 'c'), Answer::Reply(50, 'a')]);
        assert_eq!(here.blocking_recv(), Ok('h'));
        askers.flush();
        assert!(answers.is_empty());
    }

    #[test]
    fn who_has_left_is_forgotten() {
        let mut askers = Askers::<char>::new();
        let (sender, answers) = mpsc::unbounded_channel();
        askers.connected(1, false, sender.clone());
        askers.connected(2, false, sender);
        let (gone, stays) = (askers.admit(1, 0, 10).unwrap(), askers.admit(2, 0, 5).unwrap());
        let mut forgotten = Vec::new();
        askers.sweep(|token| forgotten.push(token));
        assert!(forgotten.is_empty());
        askers.gone(1);
        askers.sweep(|token| forgotten.push(token));
        assert_eq!((forgotten, askers.waiting.len(), askers.bytes), (vec![gone], 1, 5));
        askers.tell(gone, 'a');
        askers.tell(stays, 'b');
        askers.flush();
        assert_eq!((answers.len(), askers.bytes), (1, 0));
    }

    #[test]
    fn too_many_are_told_to_come_back() {
        let mut askers = Askers::<char>::new();
        let (sender, mut answers) = mpsc::unbounded_channel();
        askers.connected(1, false, sender);
        let tokens: Vec<_> = (0..WAITING as u64).map(|id| askers.admit(1, id, 1).unwrap()).collect();
        assert_eq!(askers.admit(1, 77, 1), None);
        askers.flush();
        assert_eq!(answers.try_recv().unwrap().answers, [Answer::Busy(77)]);
        askers.tell(tokens[0], 'a');
        assert!(askers.admit(1, 77, WAITING_BYTES).is_none(), "bytes count too");
        assert!(askers.admit(1, 77, 1).is_some());
    }

    #[test]
    fn operators_have_room_when_clients_have_none() {
        let mut askers = Askers::<char>::new();
        let (sender, mut answers) = mpsc::unbounded_channel();
        askers.connected(1, false, mpsc::unbounded_channel().0);
        askers.connected(2, true, sender);
        (0..WAITING as u64).for_each(|id| assert!(askers.admit(1, id, 1).is_some()));
        assert!(!askers.operates(1) && askers.operates(2));
        let token = askers.admit(2, 7, 1).expect("there is room");
        askers.tell(token, 'a');
        askers.refuse(2, 8);
        askers.flush();
        let [Answer::Reply(7, 'a'), Answer::Refused(8, _)] = answers.try_recv().unwrap().answers[..] else { panic!() };
    }

    /// It was told to come back, and left: both in one batch of the process.
    #[test]
    fn who_goes_before_the_batch_is_over_takes_its_answers_off_the_scale() {
        let mut askers = Askers::<String>::new();
        askers.connected(1, false, mpsc::unbounded_channel().0);
        askers.say(1, Answer::Reply(1, "x".repeat(1000)));
        assert!(askers.unsaid.bytes() > 1000);
        askers.gone(1);
        askers.flush();
        assert_eq!(askers.unsaid.bytes(), 0);
    }
}

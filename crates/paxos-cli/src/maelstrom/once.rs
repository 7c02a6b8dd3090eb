//! Each thing that a client asks is done once: also when its line comes twice, or its command is asked again.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use paxos_kv::{Command, Operation, SessionId};
use serde_json::Value;

/// A session of this life of the node, and which of its operations are under way.
pub(super) struct Session {
    pub(super) id: SessionId,
    next: u64,
    open: BTreeSet<u64>,
}

impl Session {
    pub(super) const fn new(id: SessionId) -> Self {
        Self { id, next: 0, open: BTreeSet::new() }
    }

    /// The next command of the session.
    pub(super) fn command(&mut self, operation: Operation) -> (u64, Command) {
        let sequence = self.next;
        self.next += 1;
        self.open.insert(sequence);
        let acknowledged = self.open.first().copied().unwrap_or(sequence);
        (sequence, Command::Do { session: self.id, sequence, acknowledged, operation })
    }

    /// It is not asked again.
    pub(super) fn ended(&mut self, sequence: u64) {
        self.open.remove(&sequence);
    }
}

/// What clients have said in this life of the node, and what they were answered.
#[derive(Default)]
pub(super) struct Heard {
    by: BTreeMap<String, BTreeMap<u64, Option<Value>>>,
    /// The same clients, the one first who has been here the longest.
    clients: VecDeque<String>,
}

/// What a line is.
pub(super) enum Line {
    /// It has not been heard before.
    New,
    /// It has, and is under way, or so old that its answer is not kept.
    Repeated,
    /// It has, and this was the answer.
    Answered(Value),
}

impl Heard {
    /// A client says the message with this number.
    pub(super) fn hear(&mut self, client: &str, message: u64) -> Line {
        if !self.by.contains_key(client) {
            self.clients.push_back(client.to_owned());
            if CLIENTS < self.clients.len() {
                self.clients.pop_front().map(|gone| self.by.remove(&gone));
            }
        }
        let heard = self.by.entry(client.to_owned()).or_default();
        match heard.get(&message) {
            Some(Some(answer)) => return Line::Answered(answer.clone()),
            Some(None) => return Line::Repeated,
            None => {}
        }
        if KEPT <= heard.len() {
            if heard.first_key_value().is_some_and(|(oldest, _)| message < *oldest) {
                return Line::Repeated;
            }
            heard.pop_first();
        }
        heard.insert(message, None);
        Line::New
    }

    /// This is the answer to it.
    pub(super) fn answer(&mut self, client: &str, message: u64, answer: &Value) {
        if let Some(kept) = self.by.get_mut(client).and_then(|heard| heard.get_mut(&message)) {
            *kept = Some(answer.clone());
        }
    }
}

/// How many messages of a client are known again. A client of Maelstrom has one under way, and numbers them upwards.
const KEPT: usize = 1_024;
/// How many clients are known again. Maelstrom has a few at a time, and a new one for each that heard nothing.
const CLIENTS: usize = 1_024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_that_comes_twice_is_new_once() {
        let mut heard = Heard::default();
        assert!(matches!(heard.hear("c1", 1), Line::New));
        assert!(matches!(heard.hear("c1", 1), Line::Repeated));
        assert!(matches!(heard.hear("c2", 1), Line::New), "another client counts for itself");
        heard.answer("c1", 1, &7.into());
        assert!(matches!(heard.hear("c1", 1), Line::Answered(answer) if answer == 7));
        (2..2 + KEPT as u64).for_each(|message| assert!(matches!(heard.hear("c1", message), Line::New)));
        assert!(matches!(heard.hear("c1", 1), Line::Repeated), "forgotten, and too old to be new");
    }

    #[test]
    fn clients_that_have_gone_are_forgotten() {
        let mut heard = Heard::default();
        for client in 0..3 * CLIENTS {
            assert!(matches!(heard.hear(&format!("c{client}"), 1), Line::New));
        }
        assert_eq!((heard.by.len(), heard.clients.len()), (CLIENTS, CLIENTS));
        assert!(matches!(heard.hear(&format!("c{}", 3 * CLIENTS - 1), 1), Line::Repeated));
    }

    #[test]
    fn what_is_under_way_is_not_acknowledged() {
        let mut session = Session::new(SessionId(1));
        let mut command = |ended: Option<u64>| {
            ended.into_iter().for_each(|sequence| session.ended(sequence));
            let operation = Operation::Delete { key: b"k"[..].into() };
            let Command::Do { sequence, acknowledged, .. } = session.command(operation).1 else { unreachable!() };
            (sequence, acknowledged)
        };
        assert_eq!(
            [command(None), command(None), command(Some(1)), command(Some(0))],
            [(0, 0), (1, 0), (2, 0), (3, 2)]
        );
    }
}

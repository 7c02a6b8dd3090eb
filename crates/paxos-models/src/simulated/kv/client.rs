//! A client: one operation after the other in one session, asked again until it is answered or given up.

use std::time::Duration;

use paxos_judge::{Action, Before, Call, End};
use paxos_kv::{Ask, Command, Found, Operation, Outcome, Query, Reply, SessionId, Written};
use paxos_messages::Bytes;
use paxos_process::NodeId;

/// One client.
#[derive(Clone, Debug)]
pub(super) struct Client {
    id: u64,
    session: Option<SessionId>,
    sequence: u64,
    /// Whom it asks; anybody, if it does not know.
    pub(super) node: Option<NodeId>,
    pub(super) doing: Option<Doing>,
}

/// What a client wants to be done, its answer left blank.
#[derive(Clone, Debug)]
pub(super) struct Task {
    pub(super) key: String,
    pub(super) action: Action,
    /// Whether a read is ordered like a write.
    pub(super) through_log: bool,
}

/// An operation under way.
#[derive(Clone, Debug)]
pub(super) struct Doing {
    number: u64,
    attempt: u64,
    /// What is done; a session is opened first, if there is none.
    pub(super) task: Task,
    ask: Ask,
    invoke: u64,
    pub(super) asks_again: Duration,
    pub(super) gives_up: Duration,
}

impl Client {
    pub(super) const fn new(id: u64) -> Self {
        Self { id, session: None, sequence: 0, node: None, doing: None }
    }

    /// Begins the operation of this number among those of all clients: `task`, or a session to do it in.
    pub(super) fn begin(&mut self, task: Task, number: u64, invoke: u64, gives_up: Duration) {
        let ask = match self.session {
            None => Ask::Execute(Command::Open { nonce: number }),
            Some(session) => self.question(session, &task),
        };
        self.doing = Some(Doing { number, attempt: 0, task, ask, invoke, asks_again: Duration::ZERO, gives_up });
    }

    fn question(&self, session: SessionId, task: &Task) -> Ask {
        let bytes = |text: &str| Bytes::from(text.as_bytes());
        let key = bytes(&task.key);
        let operation = match &task.action {
            Action::Get { .. } if !task.through_log => return Ask::Read(Query::Get { key }),
            Action::Get { .. } => Operation::Read(Query::Get { key }),
            Action::Put { value, .. } => Operation::Put { key, value: bytes(value) },
            Action::Delete { .. } => Operation::Delete { key },
            Action::CompareAndSwap { expect, value, .. } => {
                Operation::CompareAndSwap { key, expected: expect.as_deref().map(bytes), value: bytes(value) }
            }
            Action::Append { suffix, .. } => Operation::Append { key, suffix: bytes(suffix) },
        };
        // It does one thing after the other: all before this has been answered.
        Ask::Execute(Command::Do { session, sequence: self.sequence, acknowledged: self.sequence, operation })
    }

    /// Asks, under a token of its own, and waits until then before it asks again, somebody else.
    ///
    /// # Panics
    ///
    /// When there is nothing to ask.
    pub(super) fn ask(&mut self, asks_again: Duration) -> (u64, Ask) {
        let doing = self.doing.as_mut().expect("somebody who asks wants something");
        doing.attempt += 1;
        doing.asks_again = asks_again;
        self.node = None;
        (doing.number << ATTEMPTS | doing.attempt, doing.ask.clone())
    }

    /// Whether this answers what it asks now, in whichever attempt.
    pub(super) fn waits_for(&self, token: u64) -> bool {
        self.doing.as_ref().is_some_and(|doing| doing.number == operation_of(token))
    }

    /// Its session is open, if that is what it asked for and not an answer that comes again. If it has `slept` since, others
    /// have taken its place.
    pub(super) fn opened(&mut self, session: SessionId, slept: bool) {
        // Sessions are numbered from 1, and one that has expired looks as one that was never opened.
        let session = if slept { SessionId(0) } else { session };
        if let Some(doing) = self.doing.take_if(|doing| doing.opens()) {
            self.session = Some(session);
            let ask = self.question(session, &doing.task);
            self.doing = Some(Doing { ask, asks_again: Duration::ZERO, ..doing });
        }
    }

    /// Whether it has asked only this.
    pub(super) fn asks_first(&self, token: u64) -> bool {
        self.doing.as_ref().is_some_and(|doing| doing.attempt == 1 && token == doing.number << ATTEMPTS | 1)
    }

    /// Somebody has not done it. If that was whom it asked last, it asks again at `when`: that node, if one is named.
    pub(super) fn is_sent_on(&mut self, token: u64, node: Option<NodeId>, when: Duration) {
        if let Some(doing) = &mut self.doing
            && token == doing.number << ATTEMPTS | doing.attempt
        {
            doing.asks_again = when;
            self.node = node;
        }
    }

    /// It was answered by this node, which is asked next.
    pub(super) fn is_done(&mut self, node: NodeId) {
        self.node = Some(node);
        self.sequence += u64::from(self.doing.take().is_some_and(|doing| matches!(doing.ask, Ask::Execute(_))));
    }

    /// What it does now, in the words of a judge. To open a session is no operation on a key.
    pub(super) fn call(&self, end: End) -> Option<Call> {
        let doing = self.doing.as_ref().filter(|doing| !doing.opens())?;
        let Task { key, action, .. } = &doing.task;
        Some(Call { client: self.id, key: key.clone(), action: action.clone(), invoke: doing.invoke, end })
    }
}

impl Doing {
    const fn opens(&self) -> bool {
        matches!(self.ask, Ask::Execute(Command::Open { .. }))
    }

    /// Whether that has been asked before which is asked next.
    pub(super) fn is_asked(&self) -> bool {
        Duration::ZERO < self.asks_again
    }
}

/// The number of the operation that is asked with this token.
pub(super) const fn operation_of(token: u64) -> u64 {
    token >> ATTEMPTS
}

/// `action` with its answer, if this is one.
pub(super) fn answered(action: &Action, reply: &Reply) -> Option<Action> {
    let before = |existed| Before { existed: Some(existed), value: None };
    Some(match (action.clone(), reply) {
        (Action::Get { .. }, Reply::Found(Found::Value(value)) | Reply::Done(Outcome::Found(Found::Value(value)))) => {
            Action::Get { result: value.as_ref().map(text) }
        }
        (Action::Put { value, .. }, Reply::Done(Outcome::Wrote(Written::Put { existed }))) => {
            Action::Put { value, before: before(*existed) }
        }
        (Action::Delete { .. }, Reply::Done(Outcome::Wrote(Written::Deleted { existed }))) => {
            Action::Delete { before: before(*existed) }
        }
        (
            Action::CompareAndSwap { expect, value, .. },
            Reply::Done(Outcome::Wrote(Written::Compared { swapped, existed })),
        ) => Action::CompareAndSwap { expect, value, swapped: *swapped, before: before(*existed) },
        (Action::Append { suffix, .. }, Reply::Done(Outcome::Wrote(Written::Appended { length }))) => {
            let existed = (suffix.len() as u64) < *length;
            Action::Append { suffix, before: before(existed) }
        }
        _ => return None,
    })
}

/// The whole of it: shown, a long one is cut short.
fn text(value: &Bytes) -> String {
    String::from_utf8_lossy(value.as_slice()).into_owned()
}

/// How many bits of a token say which attempt it is.
const ATTEMPTS: u32 = 16;

//! Everything about the service that may be wrong. In each place the last arm is the right rule: let it pass as it is.

use std::collections::{BTreeMap, BTreeSet};

use paxos_kv::{Ask, Batch, Command, Found, Machine, Operation, Output, Query, Reply, Request, SessionId};
use paxos_messages::{
    Bytes, Slot,
    multi::{self, Entry, Message},
};
use paxos_process::{EffectsOf, Event};

use super::{Below, WrongService};
use crate::Mutant;

/// What a wrong rule goes by, and the right one does not look at.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Notes {
    /// Who has asked for which command, until it is proposed.
    asked: BTreeMap<Batch, u64>,
    /// The commands that have been proposed and not been answered.
    proposed: BTreeSet<u64>,
    /// Whom was answered too early: what is said later is swallowed.
    over: BTreeSet<u64>,
}

impl WrongService {
    /// A client asks.
    pub(super) fn is_asked(&mut self, request: &Request) {
        if let Request::Client { token, ask: Ask::Execute(command) } = request
            && self.wrong.is_some()
        {
            self.notes.asked.insert(Batch::of(std::slice::from_ref(command)), *token);
            self.notes.over.remove(token);
        }
    }

    // ANCHOR: answers
    /// What of `out` is told to clients, and when.
    pub(super) fn answers(&mut self, out: &mut EffectsOf<Self>) {
        let proposed = self.proposes(out);
        match self.wrong {
            Some(Mutant::S1) => {
                for (token, batch) in proposed {
                    let mut machine = self.service.machine().clone(); // it will be chosen in a moment, so this will come of it
                    machine.apply(machine.applied(), &Entry::Command(batch), |outcome| {
                        out.outputs.push(Output::Answer { token, reply: Reply::Done(outcome) });
                    });
                    self.notes.over.insert(token);
                }
            }
            Some(Mutant::S3) if out.outputs.iter().any(|output| matches!(output, Output::Follows { .. })) => {
                for token in std::mem::take(&mut self.notes.proposed) {
                    let reply = Reply::NotLeader { leader: self.service.status().leader };
                    out.outputs.push(Output::Answer { token, reply }); // I do not lead: it is not done
                    self.notes.over.insert(token);
                }
            }
            _ => {}
        }
    }
    // ANCHOR_END: answers

    /// The commands that are proposed just now, each with its client's token. What is over is told to nobody.
    fn proposes(&mut self, out: &mut EffectsOf<Self>) -> Vec<(u64, Batch)> {
        out.outputs.retain(|output| match output {
            Output::Answer { token, .. } => {
                self.notes.proposed.remove(token);
                !self.notes.over.contains(token)
            }
            _ => true,
        });
        let batch = |message: &Message<Batch>| match message {
            Message::Accept { value: Entry::Command(batch), .. } => Some(batch.clone()),
            _ => None,
        };
        let batches: Vec<Batch> = out.sends.iter().filter_map(|sent| batch(&sent.message)).collect();
        let asked = |batch: Batch| self.notes.asked.remove(&batch).map(|token| (token, batch));
        let proposed: Vec<(u64, Batch)> = batches.into_iter().filter_map(asked).collect();
        self.notes.proposed.extend(proposed.iter().map(|(token, _)| *token));
        proposed
    }
}

impl Below {
    // ANCHOR: hands_down
    /// What the service asks of its log.
    pub(super) fn hands_down(&self, event: multi::Event<Batch>) -> multi::Event<Batch> {
        match (self.wrong, event) {
            (Some(Mutant::S2), Event::Request(multi::Request::Compact { upto, state })) => {
                Event::Request(multi::Request::Compact { upto, state: without_answers(upto, &state) })
            }
            (_, event) => event,
        }
    }
    // ANCHOR_END: hands_down
}

// ANCHOR: without_answers
/// S2: the same keys and values, the same sessions, and nothing of what they were answered.
fn without_answers(upto: Slot, state: &Bytes) -> Bytes {
    let whole = Machine::restore(state).expect("the service has made it just now");
    let mut bare = Machine::new();
    (0..upto.0.saturating_sub(1)).for_each(|slot| bare.apply(Slot(slot), &Entry::Noop, |_| {}));
    let all = Query::Range { start: b""[..].into(), end: None, limit: u32::MAX };
    let Ok(Found::Page(page)) = whole.read(&all) else { unreachable!("a range is a page") };
    let sessions = whole.sessions() as u64;
    let mut commands: Vec<Command> = (0..=sessions).map(|nonce| Command::Open { nonce }).collect();
    commands.extend(page.entries.into_iter().zip(0..).map(|((key, value), sequence)| {
        let operation = Operation::Put { key, value };
        Command::Do { session: SessionId(sessions + 1), sequence, acknowledged: 0, operation }
    }));
    bare.apply(bare.applied(), &Entry::Command(Batch::of(&commands)), |_| {});
    bare.snapshot()
}
// ANCHOR_END: without_answers

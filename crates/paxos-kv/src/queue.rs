//! Commands on their way into the log: those that wait to be proposed, and the batches under way.
//!
//! A command is proposed at once while fewer than `pipeline` batches are under way. Otherwise it joins the
//! batch that goes next, when one of them is chosen. So batches are small when little is asked, and grow by themselves
//! as much as the log is slow; nobody waits for a batch to fill up.

use alloc::{collections::VecDeque, vec::Vec};

use crate::{
    Batch, Command,
    batch::{Draft, most_bytes},
};

/// How much may wait, and how much goes at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Limits {
    pub(crate) pipeline: usize,
    pub(crate) batch_bytes: usize,
    pub(crate) batch_commands: usize,
    pub(crate) queue_bytes: usize,
}

/// The two halves of the way. Who asked is known by its place in a batch.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Queue {
    limits: Limits,
    waiting: VecDeque<Waiting>,
    waiting_bytes: usize,
    under_way: VecDeque<UnderWay>,
    /// How many of those are not orphans.
    led: usize,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Waiting {
    draft: Draft,
    tokens: Vec<u64>,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct UnderWay {
    batch: Batch,
    tokens: Vec<u64>,
    /// An orphan: the leadership that it was proposed in is over. It may be chosen all the same, and is waited for
    /// until so many signs of life have been seen: heartbeats of a leader, and alarms of the replica here.
    patience: Option<u8>,
}

impl Queue {
    pub(crate) const fn new(limits: Limits) -> Self {
        Self { limits, waiting: VecDeque::new(), waiting_bytes: 0, under_way: VecDeque::new(), led: 0 }
    }

    /// Takes a command of the client that asked with `token`; false when there is no room.
    pub(crate) fn push(&mut self, token: u64, command: &Command<&[u8]>) -> bool {
        let Limits { batch_bytes, batch_commands, queue_bytes, .. } = self.limits;
        let size = most_bytes(command);
        if queue_bytes < self.waiting_bytes + size {
            return false;
        }
        let fits = |last: &Waiting| last.draft.len() + size <= batch_bytes && last.tokens.len() < batch_commands;
        if !self.waiting.back().is_some_and(fits) {
            self.waiting.push_back(Waiting::default());
        }
        if let Some(Waiting { draft, tokens }) = self.waiting.back_mut() {
            let before = draft.len();
            draft.push(command);
            tokens.push(token);
            self.waiting_bytes += draft.len() - before;
        }
        true
    }

    /// The batch that is to be proposed now, if there is one, and room for it. It is under way then.
    pub(crate) fn propose(&mut self) -> Option<Batch> {
        if self.limits.pipeline <= self.led {
            return None;
        }
        let Waiting { draft, tokens } = self.waiting.pop_front()?;
        self.waiting_bytes -= draft.len();
        let batch = draft.finish();
        self.led += 1;
        self.under_way.push_back(UnderWay { batch: batch.clone(), tokens, patience: None });
        Some(batch)
    }

    // ANCHOR: settle
    /// A batch has been chosen, or will not be: who asked for its commands, in their order. Nobody, when it is not
    /// from here.
    ///
    /// A batch is known by its bytes. Two that are equal hold the same operations of the same sessions, so it does not
    /// matter which of them was chosen: what came of one is the answer to the other. (To open a session is no operation
    /// of a session, and carries a number of its own for this.) A counter instead would begin again when the node restarts, and
    /// give the answers for a batch of its former life to clients of this one.
    ///
    /// Of several that are equal, the newest is settled: one for each time that their bytes are chosen. It is the one that
    /// was refused, if one was, since the log refuses a batch at once or never. And it is the one that takes a place in
    /// the pipeline, if one does, since orphans are older: were an orphan settled instead, and never chosen itself, the
    /// place would be lost. Whoever asked for the older one hears the same answer when that is chosen too, and else that
    /// nobody knows: the same command was asked again, so hardly anybody waits there.
    pub(crate) fn settle(&mut self, batch: &Batch) -> Vec<u64> {
        let found = self.under_way.iter().rposition(|under_way| under_way.batch == *batch);
        let Some(settled) = found.and_then(|position| self.under_way.remove(position)) else { return Vec::new() };
        self.led -= usize::from(settled.patience.is_none());
        settled.tokens
    }
    // ANCHOR_END: settle

    /// The node does not lead any more. Returns whose commands have not been proposed, and will not be.
    pub(crate) fn depose(&mut self, patience: u8) -> impl Iterator<Item = u64> {
        for under_way in self.under_way.iter_mut().filter(|under_way| under_way.patience.is_none()) {
            under_way.patience = Some(patience);
        }
        (self.led, self.waiting_bytes) = (0, 0);
        core::mem::take(&mut self.waiting).into_iter().flat_map(|waiting| waiting.tokens)
    }

    /// A sign of life: the log goes on without the orphans. Returns whose commands are waited for no longer.
    pub(crate) fn lose_patience(&mut self) -> Vec<u64> {
        let mut lost = Vec::new();
        self.under_way.retain_mut(|under_way| {
            let Some(patience) = &mut under_way.patience else { return true };
            *patience = patience.saturating_sub(1);
            if *patience == 0 {
                lost.append(&mut under_way.tokens);
            }
            0 < *patience
        });
        lost
    }

    pub(crate) fn under_way(&self) -> usize {
        self.under_way.len()
    }

    pub(crate) fn queued(&self) -> usize {
        self.waiting.iter().map(|waiting| waiting.tokens.len()).sum()
    }
}

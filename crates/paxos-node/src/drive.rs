//! The loop that runs a process for real.
//!
//! It is synchronous and has a thread of its own, so it can be read top to bottom: step, ask, write, sync, vote. It
//! knows no protocol, and the process knows no loop.

use std::time::{Duration, Instant};

use paxos_process::{Effects, Event, EventOf, NodeId, Outgoing, Process};

use crate::{Answers, Disk, Local, Observer, Outbox};

// ANCHOR: drive
/// Runs `process`, node `id`, until its local side says stop. What it wrote in earlier lives, `recovered`, is
/// replayed first.
///
/// Records that no vote waits for become stable with those that one does, a moment after the loop has become idle,
/// and when it ends. Messages to itself take the same lanes as any other and come back in the next batch. What the
/// application is told waits for no disk: an output promises nothing on behalf of this node's memory.
///
/// # Errors
///
/// What the disk says when it fails. The process is over then: nothing is retried, and no vote that waited for the
/// disk is ever sent.
///
/// # Panics
///
/// Where the process does: when `recovered` cannot be its own records, or an invariant is broken.
pub fn drive<P: Process, D: Disk<P::Record>, A: Answers<P>>(
    id: NodeId,
    process: &mut P,
    recovered: Vec<P::Record>,
    disk: &mut D,
    net: &mut impl Outbox<P::Message>,
    local: &mut Local<P, A>,
    observer: &mut impl Observer<P>,
) -> Result<(), D::Error> {
    recovered.into_iter().for_each(|record| process.replay(record));
    let (mut batch, mut out, mut unsynced) = (vec![Event::Start], Effects::new(), None);
    loop {
        for event in batch.drain(..) {
            observer.stepping(&event);
            process.step(event, &mut out);
        }
        send(id, &mut out.sends, &mut batch, net, observer); // asks overlap the disk write
        out.outputs.iter().for_each(|output| observer.telling(output));
        local.outputs(&mut out.outputs);
        for record in out.records.drain(..) {
            unsynced.get_or_insert_with(Instant::now);
            disk.append(&record)?;
            observer.appended(&record);
        }
        // A vote waits for every record so far, also for those of earlier batches; one sync serves all of them.
        if !out.sends_after_sync.is_empty() || disk.is_long() {
            sync(disk, &mut unsynced, observer)?;
        }
        send(id, &mut out.sends_after_sync, &mut batch, net, observer);
        if disk.is_long() {
            let records = process.checkpoint();
            let count = records.len();
            observer.checkpointing(count);
            disk.checkpoint(records)?;
            observer.checkpointed(count);
        }
        out.timers.iter().for_each(|operation| observer.timing(*operation));
        local.timers(&mut out.timers);

        if local.is_stopping() {
            return sync(disk, &mut unsynced, observer); // the end: now the records that no vote waits for
        }
        local.take(&mut batch);
        if batch.is_empty() {
            // Idle. Whoever asks next would wait behind a sync that nobody needs, so it comes when all is quiet.
            let quiet = unsynced.map(|since: Instant| QUIET.saturating_sub(since.elapsed()));
            local.wait(&mut batch, quiet);
            if batch.is_empty() {
                sync(disk, &mut unsynced, observer)?;
            }
        }
    }
}
// ANCHOR_END: drive

/// Makes all records stable, unless they are.
fn sync<P: Process, D: Disk<P::Record>>(
    disk: &mut D,
    unsynced: &mut Option<Instant>,
    observer: &mut impl Observer<P>,
) -> Result<(), D::Error> {
    if unsynced.is_some() {
        disk.sync()?;
        *unsynced = None;
        observer.synced();
    }
    Ok(())
}

/// Empties one lane: to the others over the net, to the process itself into its next batch.
fn send<P: Process>(
    id: NodeId,
    lane: &mut Vec<Outgoing<P::Message>>,
    batch: &mut Vec<EventOf<P>>,
    net: &mut impl Outbox<P::Message>,
    observer: &mut impl Observer<P>,
) {
    for Outgoing { to, message } in lane.drain(..) {
        observer.sending(to, &message);
        let others = to.without(id);
        if !others.is_empty() {
            net.send(others, &message);
        }
        if to.contains(id) {
            batch.push(Event::Receive { from: id, message });
        }
    }
    net.flush();
}

/// Records that no vote waits for may stay unsynced so long, if the loop is idle then. Losing them in a crash breaks no
/// promise: what would have been said because of them was never said.
const QUIET: Duration = Duration::from_millis(10);

#[cfg(test)]
mod tests;

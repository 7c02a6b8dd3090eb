//! The loop that runs a process for real.
//!
//! It is synchronous and has a thread of its own, so it can be read top to bottom: step, ask, write, sync, vote. It
//! knows no protocol, and the process knows no loop.

use paxos_process::{Effects, Event, EventOf, NodeId, Outgoing, Process};

use crate::{Disk, Local, Observer, Outbox};

// ANCHOR: drive
/// Runs `process`, node `id`, until its local side says stop. What it wrote in earlier lives, `recovered`, is
/// replayed first.
///
/// Records that no vote waits for become stable when the loop is idle and when it ends. Messages to itself take the
/// same lanes as any other and come back in the next batch.
///
/// # Errors
///
/// What the disk says when it fails. The process is over then: nothing is retried, and no vote that waited for the
/// disk is ever sent.
///
/// # Panics
///
/// Where the process does: when `recovered` cannot be its own records, or an invariant is broken.
pub fn drive<P: Process, D: Disk<P::Record>>(
    id: NodeId,
    process: &mut P,
    recovered: Vec<P::Record>,
    disk: &mut D,
    net: &mut impl Outbox<P::Message>,
    local: &mut Local<P>,
    observer: &mut impl Observer<P>,
) -> Result<(), D::Error> {
    recovered.into_iter().for_each(|record| process.replay(record));
    let (mut batch, mut out, mut unsynced) = (vec![Event::Start], Effects::new(), false);
    loop {
        for event in batch.drain(..) {
            observer.stepping(&event);
            process.step(event, &mut out);
        }
        send(id, &mut out.sends, &mut batch, net, observer); // asks overlap the disk write
        for record in out.records.drain(..) {
            unsynced = true;
            disk.append(&record)?;
            observer.appended(&record);
        }
        // A vote waits for every record so far, also for those of earlier batches; one sync serves all of them.
        if !out.sends_after_sync.is_empty() || disk.is_long() {
            sync(disk, &mut unsynced, observer)?;
        }
        send(id, &mut out.sends_after_sync, &mut batch, net, observer);
        if disk.is_long() {
            disk.checkpoint(process.checkpoint())?;
        }
        out.timers.iter().for_each(|operation| observer.timing(*operation));
        local.timers(&mut out.timers);
        out.outputs.iter().for_each(|output| observer.telling(output));
        local.outputs(&mut out.outputs);

        let stopping = local.is_stopping();
        local.take(&mut batch);
        if stopping || batch.is_empty() {
            sync(disk, &mut unsynced, observer)?; // idle, or the end: now the records that no vote waits for
        }
        if stopping {
            return Ok(());
        }
        if batch.is_empty() {
            local.wait(&mut batch);
        }
    }
}
// ANCHOR_END: drive

/// Makes all records stable, unless they are.
fn sync<P: Process, D: Disk<P::Record>>(
    disk: &mut D,
    unsynced: &mut bool,
    observer: &mut impl Observer<P>,
) -> Result<(), D::Error> {
    if *unsynced {
        disk.sync()?;
        *unsynced = false;
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
}

#[cfg(test)]
mod tests;

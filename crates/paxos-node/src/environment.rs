//! What the loop asks of its environment: a disk, a way out, and somebody who may watch.
//!
//! Each of these has two implementations, one that does it and one that a test looks into.

use paxos_process::{EventOf, NodeSet, Process, TimerOp};

/// Stable storage for records.
pub trait Disk<R> {
    /// Why storage failed.
    type Error;

    /// Writes `record` after all others. It need not be stable yet.
    ///
    /// # Errors
    ///
    /// When it cannot be written. The disk must not be used any more.
    fn append(&mut self, record: &R) -> Result<(), Self::Error>;

    /// Makes everything appended so far stable.
    ///
    /// # Errors
    ///
    /// When that is not certain. It must not be tried again: after a failed fsync the kernel may have thrown the
    /// dirty pages away and report success the next time (Rebello et al., *Can Applications Recover from fsync
    /// Failures?*, USENIX ATC 2020).
    fn sync(&mut self) -> Result<(), Self::Error>;

    /// Whether the log has grown so long that a checkpoint is worth its price.
    fn is_long(&self) -> bool;

    /// How many bytes the log has, with what is appended and not stable yet: for those who watch. 0 unless defined.
    fn len_bytes(&self) -> u64 {
        0
    }

    /// Replaces all records by `records`, at once and stably. Called only when all records are stable.
    ///
    /// # Errors
    ///
    /// When that is not certain. The disk must not be used any more.
    fn checkpoint(&mut self, records: Vec<R>) -> Result<(), Self::Error>;
}

/// The way out to the other nodes.
pub trait Outbox<M> {
    /// Sends `message` to every node of `to`, which never holds the sender. Neither waits nor fails: a message that
    /// cannot be sent is lost, and a process tolerates that.
    fn send(&mut self, to: NodeSet, message: &M);

    /// Lets everything leave that was sent since the last time: messages that leave together may share their way.
    /// Called after each lane of a batch. Does nothing unless defined, for an outbox that keeps nothing back.
    fn flush(&mut self) {}
}

/// Sees everything that a process does, as it happens, and changes nothing. Each method does nothing unless defined.
pub trait Observer<P: Process> {
    /// A step is about to be taken.
    fn stepping(&mut self, event: &EventOf<P>) {
        let _ = event;
    }
    /// A message leaves, perhaps also for the sender itself. A vote is seen after its sync.
    fn sending(&mut self, to: NodeSet, message: &P::Message) {
        let _ = (to, message);
    }
    /// A record has been appended. It is not stable yet.
    fn appended(&mut self, record: &P::Record) {
        let _ = record;
    }
    /// Every record appended so far has become stable.
    fn synced(&mut self) {}
    /// The log is about to be cut to so many records. Whether it was, a node that ends now does not know.
    fn checkpointing(&mut self, records: usize) {
        let _ = records;
    }
    /// The log has been cut: so many records stand for all that have been appended.
    fn checkpointed(&mut self, records: usize) {
        let _ = records;
    }
    /// A timer is set or cancelled.
    fn timing(&mut self, operation: TimerOp<P::Timer>) {
        let _ = operation;
    }
    /// The application is told something.
    fn telling(&mut self, output: &P::Output) {
        let _ = output;
    }
}

/// Nobody watches.
impl<P: Process> Observer<P> for () {}

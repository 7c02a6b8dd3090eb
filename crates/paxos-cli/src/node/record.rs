//! A record of all that happens to a node, if one is wanted: `paxos-run/1`, a file for each node.

use std::{
    fmt::Display,
    fs::{File, OpenOptions},
    io::{Read as _, Seek as _, SeekFrom, Write as _},
    path::Path,
};

use anyhow::Context as _;
use paxos_messages::Observed;
use paxos_node::Observer;
use paxos_process::{EventOf, NodeId, NodeSet, TimerOp};
use paxos_quorums::Quorums;
use paxos_sim::Header;
use paxos_trace::Recorder;
use serde::Serialize;
use tracing::error;

/// Records a node, and lets another watch it too.
pub(super) struct Recording<O> {
    node: NodeId,
    recorder: Option<Recorder<File>>,
    then: O,
}

impl<O> Recording<O> {
    /// Records nothing.
    pub(super) const fn off(node: NodeId, then: O) -> Self {
        Self { node, recorder: None, then }
    }

    /// Records a life of a node at the end of `file`; in it, `records` of earlier lives have been found.
    ///
    /// # Errors
    ///
    /// When the file cannot be written, or its members are not numbered from 1.
    pub(super) fn to(
        file: &Path,
        (protocol, quorums): (&str, Quorums),
        node: NodeId,
        records: usize,
        then: O,
    ) -> anyhow::Result<Self> {
        let count = u8::try_from(quorums.members().len()).unwrap_or(0);
        anyhow::ensure!(
            quorums.members() == NodeSet::first(count),
            "a run is recorded of members n1 to n{count}, and these are {}",
            quorums.members()
        );
        let opened = open(file).with_context(|| format!("cannot write {}", file.display()))?;
        let header = Header { quorums, ..Header::new(protocol, count)? };
        Ok(Self { node, recorder: Some(Recorder::of_node(opened, &header, node, records)), then })
    }

    /// The node goes on without a record that cannot be written: it has clients.
    fn record(&mut self, what: impl FnOnce(&mut Recorder<File>, NodeId)) {
        let Some(recorder) = &mut self.recorder else { return };
        what(recorder, self.node);
        if let Some(error) = recorder.take_error() {
            error!(target: "paxos::node", node = %self.node, "the record of this run ends here: {error}");
            self.recorder = None;
        }
    }
}

/// Opens a file at its end. What a machine that died has left of a line there is ended.
fn open(path: &Path) -> std::io::Result<File> {
    let mut file = OpenOptions::new().create(true).read(true).append(true).open(path)?;
    let length = file.seek(SeekFrom::End(0))?;
    if 0 < length {
        let mut last = [0];
        file.seek(SeekFrom::Start(length - 1))?;
        file.read_exact(&mut last)?;
        if last != *b"\n" {
            file.write_all(b"\n")?;
        }
    }
    Ok(file)
}

impl<P, O> Observer<P> for Recording<O>
where
    P: Observed<Message: Display + Serialize, Record: Display, Timer: Display, Request: Display, Output: Display>,
    O: Observer<P>,
{
    fn stepping(&mut self, event: &EventOf<P>) {
        self.record(|recorder, node| recorder.input::<P>(node, event));
        self.then.stepping(event);
    }

    fn sending(&mut self, to: NodeSet, message: &P::Message) {
        self.then.sending(to, message);
    }

    fn appended(&mut self, record: &P::Record) {
        self.record(|recorder, node| recorder.wrote(node, record));
        self.then.appended(record);
    }

    fn synced(&mut self) {
        self.record(Recorder::synced);
        self.then.synced();
    }

    fn checkpointing(&mut self, records: usize) {
        self.record(|recorder, node| recorder.checkpointing(node, records));
        self.then.checkpointing(records);
    }

    fn checkpointed(&mut self, records: usize) {
        self.record(|recorder, node| recorder.checkpoint(node, records));
        self.then.checkpointed(records);
    }

    fn timing(&mut self, operation: TimerOp<P::Timer>) {
        self.then.timing(operation);
    }

    fn telling(&mut self, output: &P::Output) {
        self.record(|recorder, node| recorder.told(node, output));
        self.then.telling(output);
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_line_that_was_torn_off_is_ended() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("n1.run");
        for (before, after) in [("", "x"), ("whole\n", "whole\nx"), ("torn", "torn\nx")] {
            fs::write(&file, before).unwrap();
            open(&file).unwrap().write_all(b"x").unwrap();
            assert_eq!(fs::read_to_string(&file).unwrap(), after);
        }
    }
}

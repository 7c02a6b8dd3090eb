//! The words of Raft as scripts, traces and diagrams show them.

use core::fmt;

use super::{Message, Position, Record, Term};

impl fmt::Display for Term {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "t{}", self.0)
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.term, self.end)
    }
}

/// Shown as `RequestVote t2, log t1 s3`, `AppendEntries t2 behind t1 s3: a of t2, chosen s3`.
impl<V: fmt::Display> fmt::Display for Message<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::PreVote { round, last } => write!(f, "PreVote {round}, log {last}"),
            Self::Willing { round, .. } => write!(f, "Willing {round}"),
            Self::RequestVote { term, last } => write!(f, "RequestVote {term}, log {last}"),
            Self::Vote { term } => write!(f, "Vote {term}"),
            Self::Refused { term, .. } => write!(f, "Refused for {term}"),
            Self::AppendEntries { term, before, entry: Some((of, entry)), chosen, .. } => {
                write!(f, "AppendEntries {term} behind {before}: {entry} of {of}, chosen {chosen}")
            }
            Self::AppendEntries { term, before, entry: None, chosen, everywhere, round } => {
                write!(
                    f,
                    "AppendEntries {term} behind {before}: nothing, chosen {chosen}, everywhere {everywhere}, round {round}"
                )
            }
            Self::Appended { term, matched, round } => write!(f, "Appended {term} to {matched}, round {round}"),
            Self::Behind { term, refused, hint, .. } => write!(f, "Behind {term} at {refused}, perhaps {hint}"),
            Self::InstallSnapshot { term, last, part } => write!(f, "InstallSnapshot {term} of {last} {part}"),
            Self::Received { term, upto, bytes } => {
                write!(f, "Received {term} {bytes} bytes of the snapshot to {upto}")
            }
            Self::TimeoutNow { term } => write!(f, "TimeoutNow {term}"),
        }
    }
}

impl<V: fmt::Display> fmt::Display for Record<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Term(term) => write!(f, "Term {term}"),
            Self::Voted(term, node) => write!(f, "Voted {term} for {node}"),
            Self::Appended(slot, term, entry) => write!(f, "Appended {slot} {entry} of {term}"),
            Self::Snapshot(last, part) => write!(f, "Snapshot of {last} {part}"),
        }
    }
}

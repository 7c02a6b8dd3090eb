//! The words of a replicated log as scripts, traces and diagrams show them.

use core::fmt;

use super::{Entry, Message, Output, Record, Refusal, Request, SnapshotPart, Timer, Until};
use crate::Vote;

impl<V: fmt::Display> fmt::Display for Entry<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Noop => f.pad("no-op"),
            Self::Command(value) => value.fmt(f),
        }
    }
}

/// Shown as `Prepare b1.1 from s0`, `Promise b1.2 s0..s1 voted a in b1.1, chosen s0`, `Accept b1.1 s0 a, chosen s0`.
impl<V: fmt::Display> fmt::Display for Message<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Probe { round } => write!(f, "Probe {round}"),
            Self::Willing { round, .. } => write!(f, "Willing {round}"),
            Self::Campaign => f.write_str("Campaign"),
            Self::Prepare { ballot, from } => write!(f, "Prepare {ballot} from {from}"),
            Self::Promise { ballot, from, until, chosen, accepted } => {
                write!(f, "Promise {ballot} {from}..{until}")?;
                if let Some(Vote { ballot, value }) = accepted {
                    write!(f, " voted {value} in {ballot}")?;
                }
                write!(f, ", chosen {chosen}")
            }
            Self::Accept { ballot, slot, value, chosen } => {
                write!(f, "Accept {ballot} {slot} {value}, chosen {chosen}")
            }
            Self::Accepted { ballot, slot } => write!(f, "Accepted {ballot} {slot}"),
            Self::Refused { ballot, promised, .. } => write!(f, "Refused {ballot} for {promised}"),
            Self::Heartbeat { ballot, round, chosen, everywhere } => {
                write!(f, "Heartbeat {ballot} round {round}, chosen {chosen}, everywhere {everywhere}")
            }
            Self::Alive { ballot, round, learned } => write!(f, "Alive {ballot} round {round}, learned {learned}"),
            Self::Fetch { from, partial: None } => write!(f, "Fetch from {from}"),
            Self::Fetch { from, partial: Some((upto, bytes)) } => {
                write!(f, "Fetch from {from}, has {bytes} bytes of the snapshot to {upto}")
            }
            Self::Learn { slot, value } => write!(f, "Learn {slot} {value}"),
            Self::Snapshot(part) => write!(f, "Snapshot {part}"),
            Self::Recall { .. } => f.write_str("Recall"),
            Self::Remind { highest: Some(ballot), .. } => write!(f, "Remind {ballot}"),
            Self::Remind { highest: None, .. } => f.write_str("Remind no ballot"),
        }
    }
}

/// The end of a range of slots, as in `s3..s7`, `s3..s7?` where one has to ask on, and `s3..` where there is none.
impl fmt::Display for Until {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Next(slot) => write!(f, "{slot}"),
            Self::Ask(slot) => write!(f, "{slot}?"),
            Self::End => Ok(()),
        }
    }
}

impl fmt::Display for SnapshotPart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { upto, total, offset, part } = self;
        write!(f, "to {upto}, bytes {offset}..{} of {total}: {part}", offset.saturating_add(part.len() as u64))
    }
}

impl<V: fmt::Display> fmt::Display for Record<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Round(ballot) => write!(f, "Round {ballot}"),
            Self::Promised(ballot) => write!(f, "Promised {ballot}"),
            Self::Accepted(slot, Vote { ballot, value }) => write!(f, "Accepted {ballot} {slot} {value}"),
            Self::Chosen(ballot, upto) => write!(f, "Chosen to {upto} by {ballot}"),
            Self::Learned(slot, value) => write!(f, "Learned {slot} {value}"),
            Self::Snapshot(part) => write!(f, "Snapshot {part}"),
            Self::Forgotten(_) => f.write_str("Forgotten"),
            Self::Recalled(Some(promised), from) => write!(f, "Recalled {promised} from {from}"),
            Self::Recalled(None, from) => write!(f, "Recalled nothing from {from}"),
        }
    }
}

impl fmt::Display for Timer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Heartbeat => "Heartbeat",
            Self::Election => "Election",
        })
    }
}

impl<V: fmt::Display> fmt::Display for Request<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Propose(value) => write!(f, "propose {value}"),
            Self::Read(read) => write!(f, "read {read}"),
            Self::Compact { upto, state } => write!(f, "compact {upto} {state}"),
            Self::Campaign => f.write_str("campaign"),
            Self::Transfer(node) => write!(f, "transfer {node}"),
        }
    }
}

impl<V: fmt::Display> fmt::Display for Output<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Chosen { slot, value } => write!(f, "{slot} is {value}"),
            Self::Installed { upto, state } => write!(f, "state to {upto} is {state}"),
            Self::Leads { ballot } => write!(f, "leads in {ballot}"),
            Self::Follows { leader: Some(leader) } => write!(f, "follows {leader}"),
            Self::Follows { leader: None } => f.write_str("knows no leader"),
            Self::Refused { value, why } => write!(f, "refuses {value}: {why}"),
            Self::Readable(read) => write!(f, "may answer read {read}"),
            Self::Unreadable { read, why } => write!(f, "may not answer read {read}: {why}"),
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotLeader(Some(leader)) => write!(f, "{leader} leads"),
            Self::NotLeader(None) => f.write_str("no leader is known"),
            Self::Busy => f.write_str("busy, try again"),
        }
    }
}

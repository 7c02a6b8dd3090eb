//! Words that several subcommands take on their command lines, and how they are read.

use std::{
    net::{SocketAddr, ToSocketAddrs},
    ops::RangeInclusive,
    process::ExitCode,
    str::FromStr,
    time::Duration,
};

use paxos_mutants::Mutant;
use paxos_process::{NodeId, NodeSet};
use paxos_quorums::{QuorumError, Quorums};

/// Says what is wrong with the command line, and gives the exit code for that.
pub(crate) fn usage(problem: impl std::fmt::Display) -> ExitCode {
    eprintln!("error: {problem}\n\nFor more information, try '--help'.");
    ExitCode::from(2)
}

/// Whether `mutant`, if there is one, is of this protocol; if not, what to say.
pub(crate) fn is_of(mutant: Option<Mutant>, protocol: &str) -> Result<(), String> {
    match mutant.filter(|mutant| mutant.protocol() != protocol) {
        None => Ok(()),
        Some(other) => {
            let its = other.protocol();
            Err(format!("{other} is a mutant of protocol {its}: see `cargo paxos mutants {other}`"))
        }
    }
}

/// A node's number, such as `1`.
pub(crate) fn node_id(text: &str) -> Result<NodeId, String> {
    let number: u8 = text.parse().map_err(|_| format!("{text:?} is no node number, such as 1"))?;
    NodeId::try_from(number).map_err(|error| error.to_string())
}

/// `HOST:PORT`, resolved.
pub(crate) fn address(text: &str) -> Result<SocketAddr, String> {
    let resolved = text.to_socket_addrs().map_err(|error| format!("{error}; expected HOST:PORT"))?.next();
    resolved.ok_or_else(|| format!("{text} has no address"))
}

/// A length of time with its unit: `300ms`, `5s`, `2m`.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    let digits = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let (number, unit) = text.split_at(digits);
    let milliseconds = match unit {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        _ => return Err("expected a number and ms, s or m, such as 300ms or 5s".into()),
    };
    let number: u32 = number.parse().map_err(|_| format!("{number:?} is no whole number that fits"))?;
    Ok(Duration::from_millis(u64::from(number) * milliseconds))
}

/// `MIN..MAX` in milliseconds, both included: `150..300`.
pub(crate) fn milliseconds(text: &str) -> Result<RangeInclusive<Duration>, String> {
    let bound = |text: &str| text.parse().map(Duration::from_millis);
    let Some((Ok(shortest), Ok(longest))) = text.split_once("..").map(|(min, max)| (bound(min), bound(max))) else {
        return Err("expected MIN..MAX in milliseconds, such as 150..300".into());
    };
    if shortest.is_zero() || longest < shortest || Duration::from_secs(3600) < longest {
        return Err("expected 1 ms to an hour, the shorter first".into());
    }
    Ok(shortest..=longest)
}

/// A node and where it listens: `1=127.0.0.1:7001`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Peer {
    pub(crate) id: NodeId,
    pub(crate) address: SocketAddr,
}

impl FromStr for Peer {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (id, at) = text.split_once('=').ok_or("expected ID=HOST:PORT, such as 1=127.0.0.1:7001")?;
        Ok(Self { id: node_id(id)?, address: address(at)? })
    }
}

/// Which quorums a cluster uses, before its members are known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum QuorumRule {
    /// More than half.
    Majority,
    /// So many for each phase.
    Flexible(u8, u8),
    /// A full row for phase 1 and a full column for phase 2, in so many columns.
    Grid(u8),
}

impl QuorumRule {
    /// The quorums of `members`, if they always meet.
    pub(crate) const fn of(self, members: NodeSet) -> Result<Quorums, QuorumError> {
        match self {
            Self::Majority => Quorums::majority(members),
            Self::Flexible(phase1, phase2) => Quorums::flexible(members, phase1, phase2),
            Self::Grid(columns) => Quorums::grid(members, columns),
        }
    }
}

impl FromStr for QuorumRule {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let rule = match text.split_once(':') {
            None if text == "majority" => Some(Self::Majority),
            Some(("flexible", counts)) => counts
                .split_once(',')
                .and_then(|(phase1, phase2)| Some(Self::Flexible(phase1.parse().ok()?, phase2.parse().ok()?))),
            Some(("grid", columns)) => columns.parse().ok().map(Self::Grid),
            _ => None,
        };
        rule.ok_or_else(|| "expected majority, flexible:P1,P2 or grid:COLUMNS".into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_units() {
        let check = |text: &str, expected: Option<u64>| {
            assert_eq!(duration(text).ok(), expected.map(Duration::from_millis), "{text}");
        };
        check("300ms", Some(300));
        check("5s", Some(5_000));
        check("2m", Some(120_000));
        for wrong in ["", "5", "s", "-1s", "1.5s", "5 s", "99999999999s", "ä"] {
            check(wrong, None);
        }
    }

    #[test]
    fn ranges_are_in_order() {
        let check = |text: &str, expected: Option<(u64, u64)>| {
            let expected = expected.map(|(min, max)| Duration::from_millis(min)..=Duration::from_millis(max));
            assert_eq!(milliseconds(text).ok(), expected, "{text}");
        };
        check("150..300", Some((150, 300)));
        check("150..150", Some((150, 150)));
        for wrong in ["", "150", "300..150", "0..10", "a..b", "1..2..3", "1..99999999"] {
            check(wrong, None);
        }
    }

    #[test]
    fn peers_are_numbered_addresses() {
        let peer = Peer { id: NodeId(1), address: ([127, 0, 0, 1], 7001).into() };
        assert_eq!("1=127.0.0.1:7001".parse(), Ok(peer));
        for wrong in ["", "127.0.0.1:7001", "1=", "64=127.0.0.1:7001", "x=127.0.0.1:7001", "1=127.0.0.1"] {
            assert!(wrong.parse::<Peer>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn quorum_rules_have_names() {
        assert_eq!("majority".parse(), Ok(QuorumRule::Majority));
        assert_eq!("flexible:3,2".parse(), Ok(QuorumRule::Flexible(3, 2)));
        assert_eq!("grid:2".parse(), Ok(QuorumRule::Grid(2)));
        for wrong in ["", "half", "flexible", "flexible:3", "flexible:3,x", "grid:", "majority:2"] {
            assert!(wrong.parse::<QuorumRule>().is_err(), "{wrong}");
        }
    }
}

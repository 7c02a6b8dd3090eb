//! The claims of Raft: those of the log, with the same requests, as far as Raft has the rule that they are about.

use paxos_messages::multi::Request::{Campaign, Propose};
use paxos_process::NodeSet;
use paxos_quorums::Quorums;
use paxos_sim::{Bounds, Disk, Loopback, Setting};

use super::{Claim, Protocol, log::asks};

/// Those of Raft. A term begins with an entry of its own, so that one command makes two slots; and without a timer there
/// are no heartbeats.
///
/// # Panics
///
/// Never: a majority is a quorum.
#[must_use]
pub fn raft() -> Vec<Claim> {
    let quorums = Quorums::majority(NodeSet::first(3)).expect("a majority");
    let full = Setting { disk: Disk::AtOnce, ..Setting::new(quorums) };
    let short = Setting { loopback: Loopback::AtOnce, ..full };
    let crash = Setting { disk: Disk::Manual, ..short };
    let one_crash = |bounds| Bounds { crashes: 1, may_crash: NodeSet::first(3), ..bounds };
    let alone = asks(&[(1, Campaign)]);
    let two = asks(&[(1, Campaign), (1, Propose('a')), (1, Propose('b'))]);
    let one = asks(&[(1, Campaign), (1, Propose('a'))]);
    let campaigns = asks(&[(1, Campaign), (2, Campaign)]);
    let claim = |name, what, setting, bounds, states| Claim {
        name,
        what,
        setting,
        protocol: Protocol::Raft(bounds),
        depth: None,
        states,
        quick: true,
        large: false,
    };
    vec![
        claim("raft-alone-crash-short", "Raft of 3: 1 leads, 1 crash *", crash, one_crash(alone), 1_688),
        claim("raft-campaigns", "Raft of 3: 2 campaign", full, campaigns, 229_917),
        claim("raft-crash-short", "Raft of 3: 1 leads, 1 command, 1 crash *", crash, one_crash(one), 20_636),
        claim("raft-two-short", "Raft of 3: 1 leads, 2 commands *", short, two, 118_852),
    ]
}

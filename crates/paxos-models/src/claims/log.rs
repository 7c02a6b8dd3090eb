//! The claims of Multi-Paxos.

use paxos_messages::multi::{
    self,
    Request::{Campaign, Propose, Read},
};
use paxos_process::{NodeId, NodeSet};
use paxos_quorums::Quorums;
use paxos_sim::{Bounds, Disk, Loopback, Setting};

use super::{Claim, Protocol};

/// Those of Multi-Paxos, about in order of size. Two slots and two ballots, with every message of the log. Those of the
/// failure detector multiply the runs by hundreds and carry nothing but a mark, so where it says "no heartbeats" they
/// are all lost; a leader then says how far the log is chosen with its next proposal.
///
/// # Panics
///
/// Never: the quorums written here intersect.
#[must_use]
pub fn multi() -> Vec<Claim> {
    let majority = |nodes| Quorums::majority(NodeSet::first(nodes)).expect("a majority");
    let flexible = Quorums::flexible(NodeSet::first(4), 3, 2).expect("3 + 2 > 4");
    // ANCHOR: log_claims
    let full = |quorums| Setting { disk: Disk::AtOnce, ..Setting::new(quorums) };
    let short = |quorums| Setting { loopback: Loopback::AtOnce, ..full(quorums) };
    let crash = Setting { disk: Disk::Manual, ..short(majority(3)) };
    let one_crash = |bounds| Bounds { crashes: 1, may_crash: NodeSet::first(3), ..bounds };
    let alone = asks(&[(1, Campaign)]);
    let one = asks(&[(1, Campaign), (1, Propose('a'))]);
    let two = asks(&[(1, Campaign), (1, Propose('a')), (1, Propose('b'))]);
    let campaigns = asks(&[(1, Campaign), (2, Campaign)]);
    let rivals = asks(&[(1, Campaign), (1, Propose('a')), (2, Campaign), (2, Propose('b'))]);
    let read = asks(&[(1, Campaign), (1, Propose('a')), (2, Campaign), (1, Read(1))]);
    let lost = |node, crashes, bounds: &Bounds<_>| {
        let (losses, may_crash) = (1, NodeSet::only(NodeId(node)));
        Bounds { losses, crashes, may_crash, ..bounds.clone() }
    };
    let timer = |bounds| Bounds { fires: 1, may_fire: NodeSet::only(NodeId(1)), ..bounds };
    let claim = |name, what, setting, protocol, states, quick| Claim {
        name,
        what,
        setting,
        protocol,
        depth: None,
        states,
        quick,
        large: false,
    };
    let large = |claim| Claim { large: true, ..claim };
    let (multi, quiet) = (Protocol::Multi, Protocol::Quiet);
    vec![
        claim("log-two-short", "log of 3: 1 leads, 2 commands *", short(majority(3)), multi(two.clone()), 59_308, true),
        claim(
            "log-flexible-quiet-short",
            "log of 4 (3 and 2): 1 leads, 2 commands, no heartbeats *",
            short(flexible),
            quiet(two.clone()),
            46_632,
            true,
        ),
        claim("log-campaigns", "log of 3: 2 campaign", full(majority(3)), multi(campaigns.clone()), 127_405, true),
        claim(
            "log-crash-short",
            "log of 3: 1 leads, 1 command, 1 crash *",
            crash,
            multi(one_crash(one.clone())),
            19_276,
            true,
        ),
        claim(
            "log-campaigns-crash-short",
            "log of 3: 2 campaign, 1 crash *",
            crash,
            multi(one_crash(campaigns)),
            642_542,
            true,
        ),
        claim(
            "log-timer-short",
            "log of 3: 1 leads, 1 command, 1 timer *",
            short(majority(3)),
            multi(timer(one.clone())),
            142_886,
            true,
        ),
        claim(
            "log-rivals-quiet-short",
            "log of 3: 2 lead, 1 command each, no heartbeats *",
            short(majority(3)),
            quiet(rivals.clone()),
            443_182,
            true,
        ),
        claim(
            "log-two-crash-quiet-short",
            "log of 3: 1 leads, 2 commands, 1 crash, no heartbeats *",
            crash,
            quiet(one_crash(two.clone())),
            131_898,
            true,
        ),
        Claim {
            depth: Some(12),
            ..claim(
                "log-read-short",
                "log of 3: 2 campaign, 1 command, 1 read *",
                short(majority(3)),
                multi(read),
                310_765,
                true,
            )
        },
        claim(
            "log-two-crash-short",
            "log of 3: 1 leads, 2 commands, 1 crash *",
            crash,
            multi(one_crash(two)),
            2_343_186,
            false,
        ),
        Claim {
            depth: Some(14),
            ..claim(
                "log-rivals-short",
                "log of 3: 2 lead, 1 command each *",
                short(majority(3)),
                multi(rivals.clone()),
                1_413_714,
                false,
            )
        },
        claim(
            "log-lost-short",
            "log of 3: 1 campaigns, another loses its disk *",
            short(majority(3)),
            multi(lost(2, 1, &alone)),
            41_914,
            true,
        ),
        claim(
            "log-lost-crashes-short",
            "log of 3: 1 campaigns, loses its disk, 2 crashes *",
            crash,
            multi(lost(1, 2, &alone)),
            383_166,
            true,
        ),
        Claim {
            depth: Some(20),
            ..claim(
                "log-one-lost-short",
                "log of 3: 1 leads, 1 command, a lost disk *",
                short(majority(3)),
                multi(lost(2, 1, &one)),
                324_678,
                true,
            )
        },
        large(claim(
            "log-rivals-quiet",
            "log of 3: 2 lead, 1 command each, no heartbeats",
            full(majority(3)),
            quiet(rivals),
            15_463_339,
            false,
        )),
    ]
    // ANCHOR_END: log_claims
}

/// The nodes ask this of their log, in any order; nothing fails.
pub(super) fn asks(requests: &[(u8, multi::Request<char>)]) -> Bounds<multi::Request<char>> {
    Bounds::requests(requests.iter().map(|(id, request)| (NodeId(*id), request.clone())).collect())
}

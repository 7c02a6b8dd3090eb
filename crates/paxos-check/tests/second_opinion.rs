//! Stateright's search and ours find the same number of states in the same worlds. Run with
//! `cargo test -p paxos-check --features stateright`.

use paxos_basic::Replica;
use paxos_check::{Limits, Verdict, WorldModel, check};
use paxos_messages::single::Request;
use paxos_process::{NodeId, NodeSet};
use paxos_quorums::Quorums;
use paxos_sim::{Bounds, Disk, Loopback, Setting, World};
use stateright::{Checker, Model};

fn agree(setting: Setting, bounds: Bounds<Request<char>>) -> usize {
    let quorums = setting.quorums;
    let initial = World::new(setting, |id| Replica::new(id, quorums));
    let ours = check(&initial, &bounds, &Limits::default(), |_| {});
    assert_eq!(ours.verdict, Verdict::Holds);
    let theirs = WorldModel { initial, bounds }.checker().spawn_bfs().join();
    theirs.assert_properties();
    assert_eq!(theirs.unique_state_count(), ours.progress.states);
    ours.progress.states
}

fn two_proposers() -> Bounds<Request<char>> {
    Bounds::requests(vec![(NodeId(1), Request::Propose('a')), (NodeId(2), Request::Propose('b'))])
}

#[test]
fn both_checkers_count_the_same_states() {
    let quorums = Quorums::majority(NodeSet::first(3)).expect("three nodes");
    let quiet = Setting { disk: Disk::AtOnce, loopback: Loopback::AtOnce, ..Setting::new(quorums) };
    assert_eq!(agree(quiet, two_proposers()), 69_278);

    let quorums = Quorums::majority(NodeSet::first(2)).expect("two nodes");
    let crash = Bounds { crashes: 1, may_crash: NodeSet::first(2), duplicates: 1, fires: 1, ..two_proposers() };
    assert!(agree(Setting { loopback: Loopback::AtOnce, ..Setting::new(quorums) }, crash) > 1_000);
}

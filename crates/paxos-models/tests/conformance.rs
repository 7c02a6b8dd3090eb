//! What every protocol must do, shown of those there are; and of some that do not, that it is noticed.

use std::sync::atomic::{AtomicU64, Ordering};

use paxos_basic::Replica;
use paxos_messages::{
    Fact, Memory, Observed, Phase,
    single::{Message, Output, Record, Request, Timer},
};
use paxos_models::simulated::{self, Basic};
use paxos_process::{EffectsOf, EventOf, NodeId, Process};
use paxos_quorums::Quorums;
use paxos_sim::conformance;

conformance!(basic, simulated::basic(3, Replica::<String>::new), 0..60);
conformance!(multi, simulated::multi(3, paxos_multi::Replica::<String>::new));
conformance!(raft, simulated::multi(3, paxos_raft::Replica::<String>::new));
conformance!(kv, simulated::kv(3, simulated::STORE, simulated::service));
conformance!(kv_on_raft, simulated::kv(3, simulated::STORE, simulated::service_on_raft));

/// What a replica does that no process may.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Fault {
    /// What it says depends on something outside of it. That is a message lost, which the protocol survives.
    Moody,
    /// Its checkpoint has no vote.
    LeavesOutVotes,
    /// It does not take a vote back from its log.
    SkipsVotes,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Wrong(Replica<String>, Fault);

static MOOD: AtomicU64 = AtomicU64::new(0);

impl Process for Wrong {
    type Message = Message<String>;
    type Record = Record<String>;
    type Timer = Timer;
    type Request = Request<String>;
    type Output = Output<String>;

    fn step(&mut self, event: EventOf<Self>, out: &mut EffectsOf<Self>) {
        self.0.step(event, out);
        if self.1 == Fault::Moody && MOOD.fetch_add(1, Ordering::Relaxed).is_multiple_of(7) {
            out.sends.clear();
        }
    }

    fn replay(&mut self, record: Record<String>) {
        if self.1 != Fault::SkipsVotes || !is_vote(&record) {
            self.0.replay(record);
        }
    }

    fn checkpoint(&self) -> Vec<Record<String>> {
        let all = self.0.checkpoint().into_iter();
        all.filter(|record| self.1 != Fault::LeavesOutVotes || !is_vote(record)).collect()
    }
}

const fn is_vote(record: &Record<String>) -> bool {
    matches!(record, Record::Accepted(_))
}

impl Observed for Wrong {
    type Decree = String;

    fn said(&self, message: &Message<String>) -> Option<Fact<String>> {
        self.0.said(message)
    }

    fn told(&self, output: &Output<String>) -> Option<Fact<String>> {
        self.0.told(output)
    }

    fn wanted(request: &Request<String>) -> Option<String> {
        Replica::wanted(request)
    }

    fn memory(&self) -> Memory<String> {
        self.0.memory()
    }

    fn phase(message: &Message<String>) -> Phase {
        Replica::phase(message)
    }
}

fn wrong(fault: Fault) -> Basic<impl Fn(NodeId, Quorums) -> Wrong> {
    simulated::basic(3, move |id, quorums| Wrong(Replica::new(id, quorums), fault))
}

#[test]
#[should_panic(expected = "makes another choice the second time")]
fn a_process_that_is_moody_has_no_run_of_its_own() {
    conformance::the_same_seed_is_the_same_run(&wrong(Fault::Moody), 0..20);
}

#[test]
#[should_panic(expected = "is not deterministic")]
fn a_process_that_is_moody_is_not_deterministic() {
    conformance::every_step_is_deterministic(&wrong(Fault::Moody), 0..20);
}

#[test]
#[should_panic(expected = "a checkpoint of n")]
fn a_checkpoint_without_votes_is_noticed() {
    conformance::a_checkpoint_stands_by_what_was_said(&wrong(Fault::LeavesOutVotes), 0..20);
}

#[test]
#[should_panic(expected = "a checkpoint of n")]
fn votes_that_are_skipped_are_noticed() {
    conformance::a_checkpoint_stands_by_what_was_said(&wrong(Fault::SkipsVotes), 0..20);
}

#[test]
#[should_panic(expected = "DurableBeforeVote")]
fn votes_that_are_skipped_are_noticed_by_a_seed() {
    conformance::every_run_holds_and_recovers(&wrong(Fault::SkipsVotes), 0..20);
}

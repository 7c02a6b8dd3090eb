//! The service: what it asks of the log, and what it tells whom.

use paxos_kv::{
    Ask, Batch, Command, Failure, Found, MAX_KEY, Operation, Options, Outcome, Query, Reply, Status, Written,
};
use paxos_messages::{
    Bytes, Slot,
    multi::{Entry, Output, Refusal, Request, Timer},
};
use paxos_process::{Event, NodeId};

use crate::{
    append, bytes, command, get, put,
    scripted::{BALLOT, Theatre},
};

fn appended(length: u64) -> Reply {
    Reply::Done(Outcome::Wrote(Written::Appended { length }))
}

fn found(value: Option<&str>) -> Reply {
    Reply::Found(Found::Value(value.map(bytes)))
}

fn nth(sequence: u64) -> Command {
    command(sequence, append("k", "x"))
}

const NOT_LEADER: Reply = Reply::NotLeader { leader: None };

#[test]
fn who_does_not_lead_says_who_does() {
    let mut theatre = Theatre::new(Options::default());
    theatre.execute(1, nth(0));
    theatre.ask(2, Ask::Read(get("k")));
    assert_eq!(theatre.answers(), [(1, NOT_LEADER), (2, NOT_LEADER)]);
    theatre.tell(Output::Follows { leader: Some(NodeId(3)) });
    theatre.execute(3, nth(0));
    assert_eq!(theatre.answers(), [(3, Reply::NotLeader { leader: Some(NodeId(3)) })]);
    assert_eq!(theatre.asked(), []);
}

#[test]
fn commands_join_the_next_batch_while_the_pipeline_is_full() {
    let mut theatre = Theatre::leading(Options { pipeline: 2, batch_commands: 3, ..Options::default() });
    (0..7).for_each(|number| theatre.execute(100 + number, nth(number)));
    let first = theatre.proposed();
    assert_eq!(first, [Batch::of(&[nth(0)]), Batch::of(&[nth(1)])], "two go at once");
    assert_eq!(theatre.answers(), []);

    theatre.choose(Entry::Command(first[0].clone()));
    assert_eq!(theatre.answers(), [(100, appended(1))]);
    assert_eq!(theatre.proposed(), [Batch::of(&[nth(2), nth(3), nth(4)])], "a batch is full at three");
    theatre.choose(Entry::Command(first[1].clone()));
    assert_eq!(theatre.answers(), [(101, appended(2))]);
    assert_eq!(theatre.proposed(), [Batch::of(&[nth(5), nth(6)])]);
    theatre.choose(Entry::Command(Batch::of(&[nth(2), nth(3), nth(4)])));
    assert_eq!(theatre.answers(), [(102, appended(3)), (103, appended(4)), (104, appended(5))]);
    assert_eq!(theatre.asked(), [], "nothing waits");
}

#[test]
fn a_batch_is_bounded_in_bytes_and_so_is_the_queue() {
    let options = Options { pipeline: 1, batch_bytes: 1_000, queue_bytes: 2_000, ..Options::default() };
    let mut theatre = Theatre::leading(options);
    let big = |sequence| command(sequence, put("k", &"v".repeat(400)));
    (0..7).for_each(|number| theatre.execute(number, big(number)));
    assert_eq!(theatre.answers(), [(5, Reply::Busy), (6, Reply::Busy)]);
    let mut sizes = Vec::new();
    for _ in 0..3 {
        let [batch] = &theatre.proposed()[..] else { panic!("one at a time") };
        sizes.push(batch.commands().count());
        theatre.choose(Entry::Command(batch.clone()));
    }
    assert_eq!(sizes, [1, 2, 2]);
    assert_eq!(theatre.answers().len(), 5);
    theatre.execute(8, big(8));
    assert_eq!(theatre.proposed().len(), 1, "there is room again");
}

#[test]
fn what_is_too_long_is_not_proposed() {
    let mut theatre = Theatre::leading(Options::default());
    let key = Bytes::from(vec![0; MAX_KEY + 1]);
    theatre.execute(1, command(0, Operation::Delete { key: key.clone() }));
    theatre.ask(2, Ask::Read(Query::Get { key: key.clone() }));
    theatre.ask(3, Ask::ReadStale(Query::Get { key }));
    let failed = Reply::Failed(Failure::KeyTooLong);
    assert_eq!(theatre.answers(), [(1, failed.clone()), (2, failed.clone()), (3, failed)]);
    assert_eq!(theatre.asked(), []);
}

#[test]
fn a_deposed_leader_tells_what_becomes_of_what_it_proposed() {
    let mut theatre = Theatre::leading(Options { pipeline: 2, ..Options::default() });
    (0..4).for_each(|number| theatre.execute(number, nth(number)));
    let proposed = theatre.proposed();
    theatre.tell(Output::Follows { leader: None });
    assert_eq!(theatre.answers(), [(2, NOT_LEADER), (3, NOT_LEADER)], "these were not proposed");
    theatre.execute(4, nth(4));
    theatre.ask(5, Ask::Read(get("k")));
    assert_eq!(theatre.answers(), [(4, NOT_LEADER), (5, NOT_LEADER)]);
    assert_eq!(theatre.asked(), [], "nor is anything after them");

    // The new leader has one of the two chosen, and others of its own.
    theatre.tell(Output::Follows { leader: Some(NodeId(2)) });
    theatre.heartbeat(2);
    theatre.choose(Entry::Command(Batch::of(&[nth(9)])));
    assert_eq!(theatre.answers(), [], "what others propose answers nobody here");
    theatre.choose(Entry::Command(proposed[1].clone()));
    assert_eq!(theatre.answers(), [(1, appended(2))]);

    // The other one is not heard of any more: nobody knows.
    let mut words = 1;
    while theatre.service.status().under_way > 0 {
        assert_eq!(theatre.answers(), []);
        theatre.heartbeat(2);
        words += 1;
        assert!(words < 20, "it is waited for without end");
    }
    assert_eq!(theatre.answers(), [(0, Reply::Unknown)]);
    assert!(1 < words, "one word is too early");
    theatre.choose(Entry::Command(proposed[0].clone()));
    assert_eq!(theatre.answers(), [], "an answer is given once");
}

#[test]
fn a_node_that_hears_nobody_loses_patience_too() {
    let mut theatre = Theatre::leading(Options::default());
    theatre.execute(1, nth(0));
    theatre.step(Event::Timeout(Timer::Heartbeat));
    (0..20).for_each(|_| theatre.heartbeat(2));
    assert_eq!(theatre.answers(), [], "while it leads it waits");
    theatre.tell(Output::Follows { leader: None });
    (0..20).for_each(|_| theatre.step(Event::Timeout(Timer::Election)));
    assert_eq!(theatre.answers(), [(1, Reply::Unknown)]);
}

#[test]
fn a_leader_that_is_elected_again_has_its_pipeline_again() {
    let mut theatre = Theatre::leading(Options { pipeline: 1, ..Options::default() });
    theatre.execute(1, nth(0));
    let old = theatre.proposed();
    theatre.tell(Output::Follows { leader: None });
    theatre.tell(Output::Leads { ballot: BALLOT });
    theatre.execute(2, nth(1));
    let new = theatre.proposed();
    assert_eq!(new, [Batch::of(&[nth(1)])], "the old batch takes no place");
    theatre.choose(Entry::Command(old[0].clone()));
    theatre.execute(3, nth(2));
    assert_eq!(theatre.proposed(), [], "and gives none back");
    theatre.choose(Entry::Command(new[0].clone()));
    assert_eq!(theatre.answers(), [(1, appended(1)), (2, appended(2))]);
    assert_eq!(theatre.proposed().len(), 1);
}

#[test]
fn what_the_log_refuses_is_not_done() {
    let mut theatre = Theatre::leading(Options { pipeline: 1, ..Options::default() });
    for (token, why, reply) in [
        (1, Refusal::Busy, Reply::Busy),
        (2, Refusal::NotLeader(Some(NodeId(2))), Reply::NotLeader { leader: Some(NodeId(2)) }),
    ] {
        theatre.execute(token, nth(token));
        let [value] = &theatre.proposed()[..] else { panic!("one is proposed") };
        theatre.tell(Output::Refused { value: value.clone(), why });
        assert_eq!(theatre.answers(), [(token, reply)]);
    }
}

#[test]
fn the_same_command_twice_is_answered_twice_and_done_once() {
    let mut theatre = Theatre::leading(Options::default());
    theatre.execute(1, nth(0));
    theatre.execute(2, nth(0));
    for batch in theatre.proposed() {
        theatre.choose(Entry::Command(batch));
    }
    assert_eq!(theatre.answers(), [(2, appended(1)), (1, appended(1))], "one for each time that it is chosen");
}

/// Clients ask a leader that is elected again for what they have asked it before. What is chosen then looks like what was
/// proposed in the leadership before, and is not.
#[test]
fn a_leader_that_is_asked_again_gets_its_places_back() {
    let mut theatre = Theatre::leading(Options::default());
    let pipeline = Options::default().pipeline as u64;
    (0..pipeline).for_each(|number| theatre.execute(number, nth(number)));
    assert_eq!(theatre.proposed().len() as u64, pipeline);
    theatre.tell(Output::Follows { leader: None });
    theatre.tell(Output::Leads { ballot: BALLOT });
    (0..pipeline).for_each(|number| theatre.execute(10 + number, nth(number)));
    let again = theatre.proposed();
    assert_eq!(again.len() as u64, pipeline);

    for batch in again {
        theatre.choose(Entry::Command(batch));
    }
    let answers: Vec<_> = (0..pipeline).map(|number| (10 + number, appended(number + 1))).collect();
    assert_eq!(theatre.answers(), answers, "who asks now hears it now");
    (0..pipeline).for_each(|number| theatre.execute(20 + number, nth(pipeline + number)));
    assert_eq!(theatre.proposed().len() as u64, pipeline, "all places are free");

    // Of the orphans, one is chosen too, and is not done again; of the others nobody knows.
    theatre.choose(Entry::Command(Batch::of(&[nth(2)])));
    assert_eq!(theatre.answers(), [(2, appended(3))]);
    (0..20).for_each(|_| theatre.heartbeat(1));
    assert_eq!(theatre.answers(), [0, 1, 3].map(|token| (token, Reply::Unknown)));
    assert_eq!(theatre.service.status().under_way, pipeline);
}

#[test]
fn what_is_refused_is_what_was_proposed_last() {
    let mut theatre = Theatre::leading(Options::default());
    theatre.execute(1, nth(0));
    theatre.tell(Output::Follows { leader: None });
    theatre.tell(Output::Leads { ballot: BALLOT });
    theatre.execute(2, nth(0));
    let [first, second] = &theatre.proposed()[..] else { panic!("two are proposed") };
    assert_eq!(first, second);
    theatre.tell(Output::Refused { value: second.clone(), why: Refusal::Busy });
    assert_eq!(theatre.answers(), [(2, Reply::Busy)], "the first may be chosen");
    theatre.choose(Entry::Command(first.clone()));
    assert_eq!(theatre.answers(), [(1, appended(1))]);
}

#[test]
fn reads_share_a_confirmation_that_was_asked_for_after_them() {
    let mut theatre = Theatre::leading(Options::default());
    theatre.ask(1, Ask::Read(get("k")));
    assert_eq!(theatre.asked(), [Request::Read(1)]);
    theatre.ask(2, Ask::Read(get("k")));
    theatre.ask(3, Ask::Read(get("k")));
    assert_eq!((theatre.asked(), theatre.answers()), (vec![], vec![]), "one confirmation is under way");

    theatre.choose(Entry::Command(Batch::of(&[command(0, put("k", "v"))])));
    theatre.tell(Output::Readable(1));
    assert_eq!(theatre.answers(), [(1, found(Some("v")))], "the others came too late for this one");
    assert_eq!(theatre.asked(), [Request::Read(2)]);
    theatre.tell(Output::Readable(1));
    assert_eq!(theatre.answers(), [], "a confirmation is used once");
    theatre.tell(Output::Readable(2));
    assert_eq!(theatre.answers(), [(2, found(Some("v"))), (3, found(Some("v")))]);
    assert_eq!(theatre.asked(), []);
}

#[test]
fn a_read_that_cannot_be_confirmed_is_not_answered_from_here() {
    let mut theatre = Theatre::leading(Options::default());
    theatre.ask(1, Ask::Read(get("k")));
    theatre.tell(Output::Unreadable { read: 1, why: Refusal::NotLeader(Some(NodeId(2))) });
    assert_eq!(theatre.answers(), [(1, Reply::NotLeader { leader: Some(NodeId(2)) })]);

    theatre.ask(2, Ask::Read(get("k")));
    theatre.ask(3, Ask::Read(get("k")));
    theatre.tell(Output::Follows { leader: None });
    assert_eq!(theatre.answers(), [(2, NOT_LEADER), (3, NOT_LEADER)]);
    theatre.tell(Output::Readable(2));
    assert_eq!(theatre.answers(), []);
}

#[test]
fn stale_reads_and_the_status_need_no_leader() {
    let mut theatre = Theatre::new(Options::default());
    theatre.choose(Entry::Command(Batch::of(&[Command::Open { nonce: 0 }, command(0, put("k", "v"))])));
    theatre.tell(Output::Follows { leader: Some(NodeId(2)) });
    theatre.heartbeat(2);
    theatre.ask(1, Ask::ReadStale(get("k")));
    theatre.ask(2, Ask::Status);
    let [(1, read), (2, Reply::Status(status))] = &theatre.answers()[..] else { panic!("two answers") };
    assert_eq!(*read, found(Some("v")));
    let Status { leader, leads, applied, digest, keys, bytes, sessions, .. } = *status;
    assert_eq!((leader, leads, applied), (Some(NodeId(2)), false, Slot(1)));
    assert_eq!((digest, keys, bytes, sessions), (theatre.service.machine().digest(), 1, 2, 1));
    assert_eq!(status.ballot.map(|ballot| ballot.node), Some(NodeId(2)));
}

#[test]
fn a_log_that_has_grown_is_cut_and_the_snapshot_is_the_state() {
    let mut theatre = Theatre::leading(Options { compact_after: 1_000, ..Options::default() });
    let mut snapshots = Vec::new();
    for sequence in 0..40 {
        let operation = put(&sequence.to_string(), &"v".repeat(100));
        theatre.choose(Entry::Command(Batch::of(&[command(sequence, operation)])));
        for request in theatre.asked() {
            let Request::Compact { upto, state } = request else { panic!("nothing was asked") };
            assert_eq!(upto, theatre.service.machine().applied());
            snapshots.push((sequence, state));
        }
    }
    let (first, state) = &snapshots[0];
    assert_eq!(*first, 7, "eight batches of 131 bytes are more than 1,000");
    let [_, (second, _)] = &snapshots[..] else { panic!("{} snapshots", snapshots.len()) };
    let due = 4 * state.len() as u64;
    assert!((due..due + 131).contains(&((second - first) * 131)), "four times the first one later");

    // Another node takes it over, with what clients have been answered.
    let mut other = Theatre::new(Options::default());
    let upto = Slot(9);
    other.tell(Output::Installed { upto, state: state.clone() });
    assert_eq!((other.service.machine().applied(), other.service.machine().keys()), (upto, 8));
    other.tell(Output::Leads { ballot: BALLOT });
    let retried = command(0, put("0", &"v".repeat(100)));
    other.execute(1, retried.clone());
    other.choose(Entry::Command(Batch::of(&[retried])));
    let done = Reply::Done(Outcome::Wrote(Written::Put { existed: false }));
    assert_eq!(other.answers(), [(1, done)], "as it was answered the first time");
}

#[test]
#[should_panic(expected = "the snapshot to s9: these bytes are no snapshot")]
fn a_node_does_not_go_on_from_a_damaged_state() {
    Theatre::new(Options::default()).tell(Output::Installed { upto: Slot(9), state: bytes("nonsense") });
}

/// Two clients open a session at two nodes, each believing that it leads. One is chosen, and only its client may have it:
/// two clients with one session would count each other's operations as their own.
#[test]
fn a_session_that_another_node_opened_is_not_given_to_a_client_of_this_one() {
    let open = |nonce| Batch::of(&[Command::Open { nonce }]);
    let mut theatre = Theatre::leading(Options::default());
    theatre.execute(1, Command::Open { nonce: 1 });
    theatre.tell(Output::Follows { leader: Some(NodeId(2)) });
    theatre.choose(Entry::Command(open(2)));
    assert_eq!(theatre.answers(), []);
    theatre.choose(Entry::Command(open(1)));
    let [(1, Reply::Done(Outcome::Opened(session)))] = theatre.answers()[..] else { panic!("one answer") };
    assert_eq!(session.0, 3, "the first of this service, that of the other node, and its own");
}

//! The loop against a puppet process, a disk that fails on demand, and one shared diary of what happened.
//!
//! The inbox is filled before the loop starts, so a batch is what the limit makes it and no test depends on time.

use std::{cell::RefCell, collections::VecDeque, time::Duration};

use super::*;
use crate::{Clock, Matching, Postbox, mailbox};
use paxos_process::{EffectsOf, NodeSet};

const ME: NodeId = NodeId(1);
const PEER: NodeSet = NodeSet::only(NodeId(2));

/// What the puppet is told to do.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
enum Pull {
    Ask(NodeSet, u8),
    Record(u8),
    Vote(NodeSet, u8),
    /// Of a timer: whether it is set, or cancelled.
    Timer(u8, bool),
    Tell(u8),
}

/// A process that does what it is told and remembers what has happened to it. A timer of it cancels the next one.
#[derive(Default)]
struct Puppet {
    lived: Vec<String>,
}

impl Process for Puppet {
    type Message = u8;
    type Record = u8;
    type Timer = u8;
    type Request = Vec<Pull>;
    type Output = u8;

    fn step(&mut self, event: EventOf<Self>, out: &mut EffectsOf<Self>) {
        match event {
            Event::Start => self.lived.push("start".into()),
            Event::Receive { from, message } => self.lived.push(format!("{from} said {message}")),
            Event::Timeout(timer) => {
                self.lived.push(format!("timeout {timer}"));
                out.cancel_timer(timer + 1);
            }
            Event::Request(pulls) => {
                for pull in pulls {
                    match pull {
                        Pull::Ask(to, message) => out.send(to, message),
                        Pull::Record(record) => out.persist(record),
                        Pull::Vote(to, message) => out.send_after_sync(to, message),
                        Pull::Timer(timer, true) => out.set_timer(timer),
                        Pull::Timer(timer, false) => out.cancel_timer(timer),
                        Pull::Tell(output) => out.emit(output),
                    }
                }
            }
        }
    }

    fn replay(&mut self, record: u8) {
        self.lived.push(format!("replay {record}"));
    }

    fn checkpoint(&self) -> Vec<u8> {
        vec![99]
    }
}

/// What disk and net have done, in order.
type Diary = RefCell<Vec<String>>;

struct TestDisk<'a> {
    diary: &'a Diary,
    /// Whether the next sync fails.
    broken: bool,
    /// Appends before the log counts as long.
    room: usize,
}

impl Disk<u8> for TestDisk<'_> {
    type Error = &'static str;

    fn append(&mut self, record: &u8) -> Result<(), &'static str> {
        self.room = self.room.saturating_sub(1);
        self.diary.borrow_mut().push(format!("append {record}"));
        Ok(())
    }

    fn sync(&mut self) -> Result<(), &'static str> {
        self.diary.borrow_mut().push("sync".into());
        if self.broken { Err("input/output error") } else { Ok(()) }
    }

    fn is_long(&self) -> bool {
        self.room == 0
    }

    fn checkpoint(&mut self, records: Vec<u8>) -> Result<(), &'static str> {
        self.room = usize::MAX;
        self.diary.borrow_mut().push(format!("checkpoint {records:?}"));
        Ok(())
    }
}

impl Outbox<u8> for &Diary {
    fn send(&mut self, to: NodeSet, message: &u8) {
        self.borrow_mut().push(format!("send {message} to {to}"));
    }
}

/// Bytes in the mailbox: enough.
const ROOM: usize = 1 << 20;

/// One run: the requests of a life, and how it goes.
struct Life {
    recovered: Vec<u8>,
    requests: Vec<Vec<Pull>>,
    batch_limit: usize,
    broken: bool,
    room: usize,
}

impl Life {
    fn new(batch_limit: usize, requests: Vec<Vec<Pull>>) -> Self {
        Self { recovered: vec![], requests, batch_limit, broken: false, room: usize::MAX }
    }

    fn run(self) -> (Result<(), &'static str>, Vec<String>, Vec<String>) {
        let (sender, inbox) = mailbox(ROOM);
        for request in self.requests {
            drop(sender.ask(request, 0).unwrap());
        }
        sender.stop();
        let clock = Clock::new(0, Box::new(|_| Duration::ZERO..=Duration::ZERO));
        let mut local = Local::new(inbox, clock, Matching::new(|_, _| true), self.batch_limit);
        let diary = Diary::default();
        let mut disk = TestDisk { diary: &diary, broken: self.broken, room: self.room };
        let mut puppet = Puppet::default();
        let result = drive(ME, &mut puppet, self.recovered, &mut disk, &mut &diary, &mut local, &mut ());
        (result, diary.take(), puppet.lived)
    }
}

#[test]
fn asks_leave_before_the_write_and_votes_after_the_sync() {
    let request = vec![Pull::Vote(PEER, 7), Pull::Record(1), Pull::Ask(PEER, 8)];
    let (result, diary, _) = Life::new(10, vec![request]).run();
    assert_eq!(result, Ok(()));
    assert_eq!(diary, ["send 8 to {n2}", "append 1", "sync", "send 7 to {n2}"]);
}

#[test]
fn one_sync_serves_a_whole_batch() {
    let request = |n| vec![Pull::Record(n), Pull::Vote(PEER, n)];
    let (_, diary, _) = Life::new(10, vec![request(1), request(2)]).run();
    assert_eq!(diary, ["append 1", "append 2", "sync", "send 1 to {n2}", "send 2 to {n2}"]);
    let (_, diary, _) = Life::new(1, vec![request(1), request(2)]).run();
    assert_eq!(diary, ["append 1", "sync", "send 1 to {n2}", "append 2", "sync", "send 2 to {n2}"]);
}

#[test]
fn a_vote_waits_for_the_records_of_earlier_batches() {
    // The repeated question: the record went out a batch ago and is not stable, the second answer has none of its own.
    let (_, diary, _) = Life::new(1, vec![vec![Pull::Record(1)], vec![Pull::Vote(PEER, 7)]]).run();
    assert_eq!(diary, ["append 1", "sync", "send 7 to {n2}"]);
    // Once everything is stable a further vote costs no sync.
    let requests = vec![vec![Pull::Record(1), Pull::Vote(PEER, 7)], vec![Pull::Vote(PEER, 7)]];
    let (_, diary, _) = Life::new(1, requests).run();
    assert_eq!(diary, ["append 1", "sync", "send 7 to {n2}", "send 7 to {n2}"]);
}

#[test]
fn a_failed_sync_ends_the_loop_and_the_vote_is_never_sent() {
    let requests = vec![vec![Pull::Record(1), Pull::Vote(PEER, 7)], vec![Pull::Record(2), Pull::Vote(PEER, 8)]];
    let (result, diary, _) = Life { broken: true, ..Life::new(1, requests) }.run();
    assert_eq!(result, Err("input/output error"));
    assert_eq!(diary, ["append 1", "sync"], "no vote, no retry, no further step");
}

#[test]
fn records_that_no_vote_waits_for_are_stable_at_the_end() {
    let (result, diary, _) = Life::new(10, vec![vec![Pull::Record(1)]]).run();
    assert_eq!((result, diary), (Ok(()), vec!["append 1".into(), "sync".into()]));
    let (result, _, _) = Life { broken: true, ..Life::new(10, vec![vec![Pull::Record(1)]]) }.run();
    assert_eq!(result, Err("input/output error"), "also the last sync may fail");
}

#[test]
fn records_are_replayed_in_order_before_the_start() {
    let (_, diary, lived) = Life { recovered: vec![3, 1, 2], ..Life::new(10, vec![]) }.run();
    assert_eq!(lived, ["replay 3", "replay 1", "replay 2", "start"]);
    assert!(diary.is_empty(), "replaying writes nothing");
}

#[test]
fn messages_to_itself_come_back_and_votes_only_after_the_sync() {
    let me_too = PEER.with(ME);
    let requests = vec![vec![Pull::Vote(me_too, 7), Pull::Record(1), Pull::Ask(NodeSet::only(ME), 8)], vec![], vec![]];
    let (_, diary, lived) = Life::new(1, requests.clone()).run();
    assert_eq!(lived, ["start", "n1 said 8", "n1 said 7"]);
    assert_eq!(diary, ["append 1", "sync", "send 7 to {n2}"], "nothing to itself goes over the net");
    let (_, _, lived) = Life { broken: true, ..Life::new(1, requests) }.run();
    assert_eq!(lived, ["start"], "neither lane comes back when the disk has failed");
}

#[test]
fn a_long_log_is_replaced_when_all_of_it_is_stable() {
    let requests = vec![vec![Pull::Record(1), Pull::Ask(PEER, 5)], vec![Pull::Record(2), Pull::Vote(PEER, 7)]];
    let (_, diary, _) = Life { room: 2, ..Life::new(1, requests.clone()) }.run();
    let expected = ["send 5 to {n2}", "append 1", "append 2", "sync", "send 7 to {n2}", "checkpoint [99]"];
    assert_eq!(diary, expected);
    let (_, diary, _) = Life { room: 1, ..Life::new(1, requests) }.run();
    assert_eq!(diary[..4], ["send 5 to {n2}", "append 1", "sync", "checkpoint [99]"], "also without a vote");
}

#[test]
fn set_timers_go_off_and_cancelled_ones_do_not() {
    let set = |timer| Pull::Timer(timer, true);
    let requests = vec![vec![set(1), set(2), Pull::Timer(1, false), set(2)], vec![], vec![]];
    let (_, _, lived) = Life::new(1, requests).run();
    assert_eq!(lived, ["start", "timeout 2"], "a timer that was set twice goes off once");
}

#[test]
fn a_timer_that_another_one_cancels_does_not_go_off() {
    // Both are due at once; each batch has one event of the inbox at most, so there are batches enough for both.
    let requests = vec![vec![Pull::Timer(1, true), Pull::Timer(2, true)], vec![], vec![], vec![]];
    for batch_limit in [1, 2] {
        let (_, _, lived) = Life::new(batch_limit, requests.clone()).run();
        assert_eq!(lived, ["start", "timeout 1"]);
    }
}

/// Lets go of the mailbox, which ends the loop, when it has seen what it waits for.
struct HangUp {
    postbox: Option<Postbox<Puppet, Matching<Puppet>>>,
    at_sync: bool,
}

impl Observer<Puppet> for HangUp {
    fn stepping(&mut self, event: &EventOf<Puppet>) {
        if matches!(event, Event::Timeout(1)) {
            self.postbox = None;
        }
    }
    fn synced(&mut self) {
        if self.at_sync {
            self.postbox = None;
        }
    }
}

/// One request, after which nothing comes but a timer that takes so long; up to that or to the first sync.
fn idle(request: Vec<Pull>, timer: Duration, at_sync: bool) -> (Vec<String>, Vec<String>, Option<u8>) {
    let (sender, inbox) = mailbox(ROOM);
    let answer = sender.ask(request, 0).unwrap();
    let clock = Clock::new(0, Box::new(move |_| timer..=timer));
    let mut local = Local::new(inbox, clock, Matching::new(|_, _| true), 10);
    let (diary, mut puppet) = (Diary::default(), Puppet::default());
    let mut disk = TestDisk { diary: &diary, broken: false, room: usize::MAX };
    let mut observer = HangUp { postbox: Some(sender), at_sync };
    drive(ME, &mut puppet, vec![], &mut disk, &mut &diary, &mut local, &mut observer).unwrap();
    drop(local); // and with it whoever waits
    (diary.take(), puppet.lived, answer.blocking_recv().ok())
}

#[test]
fn an_idle_loop_syncs_when_all_is_quiet() {
    // It ends at the sync, long before the timer; or, if nothing is synced, at the timer.
    let request = vec![Pull::Record(1), Pull::Timer(1, true), Pull::Tell(5)];
    let (diary, lived, answer) = idle(request, Duration::from_secs(20), true);
    assert_eq!((diary, lived), (vec!["append 1".into(), "sync".into()], vec!["start".to_owned()]));
    assert_eq!(answer, Some(5));
}

#[test]
fn an_idle_loop_waits_for_its_timer() {
    let (diary, lived, _) = idle(vec![Pull::Timer(1, true)], Duration::from_millis(1), false);
    assert_eq!((diary, lived), (vec![], vec!["start".into(), "timeout 1".into()]));
}

#[test]
fn what_is_told_waits_for_no_disk() {
    let (sender, inbox) = mailbox(ROOM);
    let answer = sender.ask(vec![Pull::Tell(5), Pull::Record(1), Pull::Vote(PEER, 1)], 0).unwrap();
    let clock = Clock::new(0, Box::new(|_| Duration::ZERO..=Duration::ZERO));
    let mut local = Local::new(inbox, clock, Matching::new(|_, _| true), 10);
    let (diary, mut puppet) = (Diary::default(), Puppet::default());
    let mut disk = TestDisk { diary: &diary, broken: true, room: usize::MAX };
    let failed = drive(ME, &mut puppet, vec![], &mut disk, &mut &diary, &mut local, &mut ());
    drop(local);
    assert_eq!((failed, answer.blocking_recv()), (Err("input/output error"), Ok(5)));
}

#[test]
fn an_output_answers_the_clients_it_is_for() {
    let (sender, inbox) = mailbox(ROOM);
    let mut answers = VecDeque::new();
    for request in [vec![Pull::Tell(1)], vec![Pull::Tell(2), Pull::Ask(PEER, 1)], vec![]] {
        answers.push_back(sender.ask(request, 0).unwrap());
    }
    drop(sender);
    let clock = Clock::new(0, Box::new(|_| Duration::ZERO..=Duration::ZERO));
    // An odd output is for requests of one pull, an even one for those of two.
    let answers_what = Matching::<Puppet>::new(|request, output| request.len() % 2 == usize::from(output % 2 == 1));
    let mut local = Local::new(inbox, clock, answers_what, 10);
    let (diary, mut puppet) = (Diary::default(), Puppet::default());
    let mut disk = TestDisk { diary: &diary, broken: false, room: usize::MAX };
    drive(ME, &mut puppet, vec![], &mut disk, &mut &diary, &mut local, &mut ()).unwrap();
    drop(local);
    let heard: Vec<_> = answers.into_iter().map(|answer| answer.blocking_recv().ok()).collect();
    assert_eq!(heard, [Some(1), Some(2), Some(2)]);
}

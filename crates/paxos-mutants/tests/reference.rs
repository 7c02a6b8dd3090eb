//! With no rule wrong, the mutants' replica is the reference: walked side by side through every run within bounds,
//! each step of the one asks exactly what the same step of the other asks.

use paxos_basic::Replica;
use paxos_check::{Limits, Verdict, check};
use paxos_messages::{
    Fact, Memory, Observed, Phase,
    single::{Effects, Event, Message, Output, Record, Request, Timer},
};
use paxos_mutants::{Mutant, Wrong};
use paxos_process::{NodeId, Process};
use paxos_sim::World;

/// Two replicas on one node that hear the same and must say the same.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Both(Replica<char>, Wrong<char>);

impl Process for Both {
    type Message = Message<char>;
    type Record = Record<char>;
    type Timer = Timer;
    type Request = Request<char>;
    type Output = Output<char>;

    fn step(&mut self, event: Event<char>, out: &mut Effects<char>) {
        let (mut one, mut two) = (Effects::new(), Effects::new());
        self.0.step(event.clone(), &mut one);
        self.1.step(event.clone(), &mut two);
        assert_eq!(one, two, "they differ on {event:?}");
        assert!(out.is_empty(), "the world drains effects after each step");
        *out = one;
    }

    fn replay(&mut self, record: Record<char>) {
        self.0.replay(record.clone());
        self.1.replay(record);
    }

    fn checkpoint(&self) -> Vec<Record<char>> {
        self.0.checkpoint()
    }
}

impl Observed for Both {
    type Decree = char;

    fn said(&self, message: &Message<char>) -> Option<Fact<char>> {
        assert_eq!(self.0.said(message), self.1.said(message));
        self.0.said(message)
    }
    fn told(&self, output: &Output<char>) -> Option<Fact<char>> {
        self.0.told(output)
    }
    fn wanted(request: &Request<char>) -> Option<char> {
        request.wanted()
    }
    fn memory(&self) -> Memory<char> {
        assert_eq!(self.0.memory(), self.1.memory());
        self.0.memory()
    }
    fn phase(message: &Message<char>) -> Phase {
        message.phase()
    }
}

/// Walks both through the scenario of `mutant`, with `wrong` wrong, for so many choices.
fn side_by_side(mutant: Mutant, wrong: Option<Mutant>, depth: usize) -> Verdict<impl Sized> {
    let setting = mutant.scenario().setting();
    let both = |id: NodeId| Both(Replica::new(id, setting.quorums), Wrong::new(wrong, id, setting.quorums));
    let limits = Limits { depth, ..Limits::default() };
    check(&World::new(setting, both), &mutant.scenario().bounds(), &limits, |_| {}).verdict
}

#[test]
fn no_rule_wrong_is_paxos() {
    assert!(matches!(side_by_side(Mutant::M3b, None, usize::MAX), Verdict::Holds), "two proposers, every run");
    assert!(matches!(side_by_side(Mutant::M9, None, 14), Verdict::NotExhaustive), "and a message twice");
    assert!(matches!(side_by_side(Mutant::M2, None, 11), Verdict::NotExhaustive), "and a retry");
    assert!(matches!(side_by_side(Mutant::M1, None, 14), Verdict::NotExhaustive), "and a crash");
}

#[test]
#[should_panic(expected = "they differ on")]
fn one_rule_wrong_is_noticed() {
    side_by_side(Mutant::M3b, Some(Mutant::M3b), usize::MAX);
}

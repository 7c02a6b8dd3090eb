//! With no rule wrong, the mutants' replica is the reference: walked side by side through every run within bounds,
//! each step of the one asks exactly what the same step of the other asks.

use paxos_basic::Replica;
use paxos_check::{Limits, Verdict, check};
use paxos_messages::{Fact, Memory, Observed, Phase};
use paxos_mutants::{Home, Mutant, Wrong, WrongLog};
use paxos_process::{Effects, EffectsOf, EventOf, NodeId, Process};
use paxos_sim::World;

/// Two replicas on one node that hear the same and must say the same.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Both<R, W>(R, W);

impl<R: Process, W> Process for Both<R, W>
where
    W: Process<Message = R::Message, Record = R::Record, Timer = R::Timer, Request = R::Request, Output = R::Output>,
{
    type Message = R::Message;
    type Record = R::Record;
    type Timer = R::Timer;
    type Request = R::Request;
    type Output = R::Output;

    fn step(&mut self, event: EventOf<R>, out: &mut EffectsOf<R>) {
        let (mut one, mut two) = (Effects::new(), Effects::new());
        self.0.step(event.clone(), &mut one);
        self.1.step(event.clone(), &mut two);
        assert_eq!(one, two, "they differ on {event:?}");
        assert!(out.is_empty(), "the world drains effects after each step");
        *out = one;
    }

    fn replay(&mut self, record: R::Record) {
        self.0.replay(record.clone());
        self.1.replay(record);
    }

    fn checkpoint(&self) -> Vec<R::Record> {
        assert_eq!(self.0.checkpoint(), self.1.checkpoint());
        self.0.checkpoint()
    }
}

impl<R: Observed, W> Observed for Both<R, W>
where
    W: Process<Message = R::Message, Record = R::Record, Timer = R::Timer, Request = R::Request, Output = R::Output>,
    W: Observed<Decree = R::Decree>,
{
    type Decree = R::Decree;

    fn said(&self, message: &R::Message) -> Option<Fact<R::Decree>> {
        assert_eq!(self.0.said(message), self.1.said(message));
        self.0.said(message)
    }
    fn told(&self, output: &R::Output) -> Option<Fact<R::Decree>> {
        assert_eq!(self.0.told(output), self.1.told(output));
        self.0.told(output)
    }
    fn wanted(request: &R::Request) -> Option<R::Decree> {
        assert_eq!(R::wanted(request), W::wanted(request));
        R::wanted(request)
    }
    fn read(request: &R::Request) -> Option<u64> {
        assert_eq!(R::read(request), W::read(request));
        R::read(request)
    }
    fn unasked() -> Vec<R::Decree> {
        assert_eq!(R::unasked(), W::unasked());
        R::unasked()
    }
    fn without_memory(&self, life: u64) -> Option<Self> {
        Some(Self(self.0.without_memory(life)?, self.1.without_memory(life)?))
    }
    fn memory(&self) -> Memory<R::Decree> {
        assert_eq!(self.0.memory(), self.1.memory());
        self.0.memory()
    }
    fn phase(message: &R::Message) -> Phase {
        R::phase(message)
    }
}

/// Walks both logs through the scenario of `mutant`, with `wrong` wrong, for so many choices.
fn logs_side_by_side(mutant: Mutant, wrong: Option<Mutant>, depth: usize) -> Verdict<impl Sized> {
    let scenario = mutant.scenario().expect("a world");
    let (setting, options) = (scenario.setting(), paxos_multi::Options::default());
    let right = |id: NodeId| paxos_multi::Replica::new(id, setting.quorums, options);
    let both = |id: NodeId| Both(right(id), WrongLog::new(wrong, id, setting.quorums));
    let limits = Limits { depth, ..Limits::default() };
    check(&World::new(setting, both), &scenario.log_bounds(), &limits, |_| {}).verdict
}

/// Walks both through the scenario of `mutant`, with `wrong` wrong, for so many choices.
fn side_by_side(mutant: Mutant, wrong: Option<Mutant>, depth: usize) -> Verdict<impl Sized> {
    let scenario = mutant.scenario().expect("a world");
    let setting = scenario.setting();
    let both = |id: NodeId| Both(Replica::new(id, setting.quorums), Wrong::new(wrong, id, setting.quorums));
    let limits = Limits { depth, ..Limits::default() };
    check(&World::new(setting, both), &scenario.bounds(), &limits, |_| {}).verdict
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

#[test]
fn no_rule_wrong_is_a_log() {
    for mutant in
        Mutant::all().filter(|mutant| mutant.protocol() == "multi" && matches!(mutant.home(), Home::World(..)))
    {
        let verdict = logs_side_by_side(mutant, None, 9);
        assert!(matches!(verdict, Verdict::NotExhaustive), "where {mutant} dies, so far");
    }
}

#[test]
#[should_panic(expected = "they differ on")]
fn one_rule_wrong_in_a_log_is_noticed() {
    logs_side_by_side(Mutant::M13, Some(Mutant::M13), 9);
}

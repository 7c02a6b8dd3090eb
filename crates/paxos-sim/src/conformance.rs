//! What every protocol must do, whatever it decides: the contract of [`Process`], as tests.
//!
//! [`conformance!`](crate::conformance!) makes them, named, from a [`System`]. They run it under seeds with everything that
//! fails, so that messages arrive twice, late and at nodes that have restarted, and look at what a protocol's own tests
//! tend to take for granted. A protocol is not one of the workspace's before it passes.

use std::{fmt::Display, ops::Range};

use paxos_messages::{Fact, Memory, Observed, Phase};
use paxos_process::{Effects, EffectsOf, EventOf, NodeId, Process};

use crate::{
    Choice, Trace, World,
    timed::{Counts, Kind, Run, System, simulate, stands_by},
};

/// Makes a module of tests, one for each function of [`conformance`](mod@crate::conformance), of a
/// [`System`](crate::timed::System) under some seeds: the first twenty, if none are given.
///
/// ```text
/// paxos_sim::conformance!(basic, simulated::basic(3, paxos_basic::Replica::<String>::new));
/// paxos_sim::conformance!(multi, simulated::multi(3, paxos_multi::Replica::<String>::new), 0..100);
/// ```
#[macro_export]
macro_rules! conformance {
    ($name:ident, $system:expr) => {
        $crate::conformance!($name, $system, 0..20);
    };
    ($name:ident, $system:expr, $seeds:expr) => {
        mod $name {
            use super::*;

            #[test]
            fn the_same_seed_is_the_same_run() {
                $crate::conformance::the_same_seed_is_the_same_run(&$system, $seeds);
            }

            #[test]
            fn every_run_holds_and_recovers() {
                $crate::conformance::every_run_holds_and_recovers(&$system, $seeds);
            }

            #[test]
            fn every_step_is_deterministic() {
                $crate::conformance::every_step_is_deterministic(&$system, $seeds);
            }

            #[test]
            fn a_checkpoint_stands_by_what_was_said() {
                $crate::conformance::a_checkpoint_stands_by_what_was_said(&$system, $seeds);
            }
        }
    };
}

/// A seed gives the same choices each time, and the same trace, to the byte.
///
/// # Panics
///
/// When it does not: then no run that fails can be shown to anybody.
pub fn the_same_seed_is_the_same_run<S: System<Process: Observed<Decree: Display>>>(system: &S, seeds: Range<u64>) {
    let traced = |seed| {
        let mut trace = Trace::new(Vec::new(), system.setting().quorums.members());
        let Run { path, .. } = simulate(system, seed, &mut trace);
        (path, trace.finish().expect("memory takes what is written to it"))
    };
    for seed in seeds {
        let (one, two) = (traced(seed), traced(seed));
        let same = one.0.iter().zip(&two.0).take_while(|(one, two)| one == two).count();
        assert!(one.0 == two.0, "seed {seed} makes another choice the second time, after {same}");
        assert!(one.1 == two.1, "seed {seed} makes the same choices and another trace");
    }
}

/// No seed violates an invariant, and after each the cluster gets on.
///
/// # Panics
///
/// When one does; and when messages did not arrive twice and nodes did not restart, because then nothing was shown.
pub fn every_run_holds_and_recovers<S: System>(system: &S, seeds: Range<u64>) {
    let mut counts = Counts::new();
    for seed in seeds {
        let run = simulate(system, seed, &mut ());
        assert_eq!(run.violation, None, "seed {seed}");
        counts.merge(&run.counts);
    }
    for kind in [Kind::Lost, Kind::Copied, Kind::Crashed, Kind::Recovered, Kind::Learned] {
        assert!(0 < counts.of(kind), "{kind} never happened: more seeds are needed");
    }
}

/// The same state and the same event give the same state and the same effects: two processes that are made alike, and hear
/// the same, stay alike.
///
/// # Panics
///
/// When they do not, such as when a step asks a clock, dice, or a map in no order.
pub fn every_step_is_deterministic<S: System>(system: &S, seeds: Range<u64>) {
    for seed in seeds {
        let run = simulate(system, seed, &mut ());
        let twin = |id| Twin { one: system.make(id), other: system.make(id), differs: None };
        let mut world = World::new(system.setting(), twin);
        for choice in &run.path {
            let obstacle = world.obstacle(choice);
            assert!(obstacle.is_none(), "seed {seed}: {choice:?} is not deterministic: {obstacle:?}");
            world.apply(choice, &mut ());
            for id in system.setting().quorums.members() {
                let differs = &world.process(id).differs;
                assert!(differs.is_none(), "seed {seed}: {id} is not deterministic: {differs:?}");
            }
        }
    }
}

/// A process that is made anew from a checkpoint stands by all that was said: it has the same promise, and every vote that
/// may still matter.
///
/// # Panics
///
/// When it does not: after the next compaction and the next crash, the node would break its word.
pub fn a_checkpoint_stands_by_what_was_said<S: System>(system: &S, seeds: Range<u64>) {
    for seed in seeds {
        let run = simulate(system, seed, &mut ());
        let mut world = World::new(system.setting(), |id| system.make(id));
        let mut blanks: Vec<(NodeId, S::Process)> =
            system.setting().quorums.members().iter().map(|id| (id, system.make(id))).collect();
        let last = run.path.len().saturating_sub(1);
        for (number, choice) in run.path.iter().enumerate() {
            world.apply(choice, &mut ());
            for (id, blank) in &mut blanks {
                if *choice == Choice::Lose(*id) {
                    *blank = world.process(*id).clone();
                }
                if number == last || number.is_multiple_of(STRIDE) {
                    let (found, said) = (replayed(blank, world.process(*id)), world.process(*id).memory());
                    let stands = stands_by(&found, &said);
                    assert!(stands, "seed {seed}: a checkpoint of {id} remembers {found:?} and not {said:?}");
                }
            }
        }
    }
}

/// What a process like `blank` remembers that is given a checkpoint of `process`.
fn replayed<P: Observed + Clone>(blank: &P, process: &P) -> Memory<P::Decree> {
    let mut again = blank.clone();
    process.checkpoint().into_iter().for_each(|record| again.replay(record));
    again.memory()
}

/// Two processes on one node that hear the same.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Twin<P> {
    one: P,
    other: P,
    /// What they did differently, first.
    differs: Option<String>,
}

impl<P: Process + Eq> Process for Twin<P> {
    type Message = P::Message;
    type Record = P::Record;
    type Timer = P::Timer;
    type Request = P::Request;
    type Output = P::Output;

    fn step(&mut self, event: EventOf<P>, out: &mut EffectsOf<P>) {
        let (mut effects, mut others) = (Effects::new(), Effects::new());
        self.one.step(event.clone(), &mut effects);
        self.other.step(event.clone(), &mut others);
        if effects != others {
            self.differs.get_or_insert_with(|| format!("on {event:?} it asks {effects:?}, or {others:?}"));
        } else if self.one != self.other {
            self.differs.get_or_insert_with(|| format!("it is in either of two states after {event:?}"));
        }
        let Effects { mut sends, mut records, mut sends_after_sync, mut timers, mut outputs } = effects;
        out.sends.append(&mut sends);
        out.records.append(&mut records);
        out.sends_after_sync.append(&mut sends_after_sync);
        out.timers.append(&mut timers);
        out.outputs.append(&mut outputs);
    }

    fn replay(&mut self, record: P::Record) {
        self.one.replay(record.clone());
        self.other.replay(record);
    }

    fn checkpoint(&self) -> Vec<P::Record> {
        self.one.checkpoint()
    }
}

impl<P: Observed + Eq> Observed for Twin<P> {
    type Decree = P::Decree;

    const GIVES_UP_VOTES: bool = P::GIVES_UP_VOTES;

    fn said(&self, message: &P::Message) -> Option<Fact<P::Decree>> {
        self.one.said(message)
    }

    fn told(&self, output: &P::Output) -> Option<Fact<P::Decree>> {
        self.one.told(output)
    }

    fn wanted(request: &P::Request) -> Option<P::Decree> {
        P::wanted(request)
    }

    fn read(request: &P::Request) -> Option<u64> {
        P::read(request)
    }

    fn unasked() -> Vec<P::Decree> {
        P::unasked()
    }

    fn without_memory(&self, life: u64) -> Option<Self> {
        let (one, other) = (self.one.without_memory(life)?, self.other.without_memory(life)?);
        Some(Self { one, other, differs: self.differs.clone() })
    }

    fn memory(&self) -> Memory<P::Decree> {
        self.one.memory()
    }

    fn phase(message: &P::Message) -> Phase {
        P::phase(message)
    }
}

/// Every so many choices a checkpoint is made.
const STRIDE: usize = 8;

//! The world judges logs: with a process that tells its application whatever a test asks it to tell.

use paxos_messages::{Fact, Memory, Observed, Phase, Slot};
use paxos_process::{Effects, EffectsOf, Event, EventOf, NodeId, NodeSet, Process};
use paxos_quorums::Quorums;
use paxos_sim::{Choice, Invariant, Setting, World};

/// Tells the slot it is asked for. Slot n has the value n.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Teller;

impl Process for Teller {
    type Message = ();
    type Record = ();
    type Timer = ();
    type Request = u64;
    type Output = u64;

    fn step(&mut self, event: EventOf<Self>, out: &mut EffectsOf<Self>) {
        if let Event::Request(slot) = event {
            Effects::emit(out, slot);
        }
    }

    fn replay(&mut self, (): ()) {}

    fn checkpoint(&self) -> Vec<()> {
        Vec::new()
    }
}

impl Observed for Teller {
    type Decree = u64;

    fn said(&self, (): &()) -> Option<Fact<u64>> {
        None
    }

    fn told(&self, slot: &u64) -> Option<Fact<u64>> {
        Some(Fact::Learned { slot: Slot(*slot), value: *slot })
    }

    fn wanted(_: &u64) -> Option<u64> {
        None
    }

    fn unasked() -> Vec<u64> {
        vec![7]
    }

    fn memory(&self) -> Memory<u64> {
        Memory { promised: None, from: Slot(0), votes: Vec::new() }
    }

    fn phase((): &()) -> Phase {
        Phase::Learn
    }
}

const NODE: NodeId = NodeId(1);
const LOG: &[Invariant] = &[Invariant::LogsArePrefixes];

fn world() -> World<Teller> {
    let quorums = Quorums::majority(NodeSet::first(2)).expect("two nodes");
    World::new(Setting::new(quorums), |_| Teller)
}

fn tell(world: &mut World<Teller>, slots: &[u64]) {
    for slot in slots {
        world.apply(&Choice::Request(NODE, *slot), &mut ());
    }
}

#[test]
fn a_life_tells_from_the_beginning() {
    let mut world = world();
    tell(&mut world, &[0, 1, 1, 0, 2]);
    for choice in [Choice::Crash(NODE), Choice::Restart(NODE)] {
        world.apply(&choice, &mut ());
    }
    assert_eq!(world.violated(LOG), None);
    let mut gone_on = world.clone();
    tell(&mut world, &[0, 1, 2, 3]);
    assert_eq!(world.violated(LOG), None);
    tell(&mut gone_on, &[3]);
    assert_eq!(gone_on.violated(LOG), Some(Invariant::LogsArePrefixes), "it told this life nothing of slots 0 to 2");
}

#[test]
fn how_far_a_node_has_told_makes_no_other_world() {
    let (mut one, mut two) = (world(), world());
    tell(&mut one, &[0, 1]);
    tell(&mut two, &[0, 1]);
    two.apply(&Choice::Crash(NODE), &mut ());
    two.apply(&Choice::Restart(NODE), &mut ());
    assert_ne!(one.fingerprint(), two.fingerprint(), "crashes are counted");
    one.apply(&Choice::Crash(NODE), &mut ());
    one.apply(&Choice::Restart(NODE), &mut ());
    tell(&mut one, &[0]);
    assert_eq!(one.fingerprint(), two.fingerprint());
}

#[test]
fn whoever_asks_after_every_choice_hears_what_is_new() {
    let mut world = world();
    assert_eq!(world.newly_violated(&Invariant::ALL), None);
    tell(&mut world, &[0]);
    assert_eq!(world.newly_violated(&Invariant::ALL), Some(Invariant::OnlyChosenIsLearned));
    assert_eq!(world.violated(&Invariant::ALL), Some(Invariant::OnlyChosenIsLearned));
    tell(&mut world, &[1]);
    tell(&mut world, &[0]);
    assert_eq!(world.newly_violated(&Invariant::ALL), Some(Invariant::OnlyChosenIsLearned), "slots 0 and 1");
}

#[test]
fn what_needs_nobodys_asking_is_wanted_from_the_start() {
    assert_eq!(world().history().wanted(), [7]);
}

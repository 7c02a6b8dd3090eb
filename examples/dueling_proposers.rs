//! Two proposers outbid each other for ever: nothing is decided, and nothing goes wrong. Then they wait at random.
//!
//! ```text
//! cargo run -p examples --example dueling_proposers
//! ```
//!
//! Look for the pattern of the duel: each is elected, and before its `Accept` arrives the other one is. That is a
//! livelock, not a deadlock: everybody is busy. It costs progress and never safety, which is asserted after every
//! step. Fischer, Lynch and Paterson (1985) proved that *no* protocol escapes such a schedule for certain; chance
//! does, with probability 1.
//!
//! Time here is a number that is counted up; nothing sleeps, and the same seed gives the same run. To see chance fail
//! to help, set `SPREAD` to 1: waits that are too much alike make the duels more than twice as long. To see a duel end
//! without chance, set `HEAD_START` to 9: the first proposer is done before the second begins, and the assertion that
//! nothing is decided fails.

use std::collections::BTreeMap;

use paxos::{
    basic::Replica,
    messages::single::{Message, Request, Timer},
    process::{NodeId, NodeSet},
    quorums::Quorums,
};
use paxos_sim::{Choice, ChoiceOf, Disk, Happening, Invariant, Packet, Setting, World};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// How long an `Accept` takes to arrive; every other message takes 1. The adversary slows exactly what would decide.
const ACCEPT_TAKES: u32 = 4;
/// How long a proposer waits for a decision: a whole ballot, there and back twice, fits in.
const PATIENCE: u32 = 7;
/// How much later the second proposer begins: just when the first has been elected.
const HEAD_START: u32 = 3;
/// How much longer than `PATIENCE` a proposer waits at most, when it waits at random.
const SPREAD: u32 = 12;
const SEEDS: u64 = 12;

fn main() {
    println!("Both wait {PATIENCE} ticks before they try again:\n");
    let duel = run(0, 0, 40, true);
    assert!(!duel.decided, "nobody's Accept ever arrives in time");
    assert_eq!(duel.votes, 0, "nobody has even voted");
    println!("    ... and so on: {} ballots, no vote, no decision, no invariant violated.\n", duel.ballots);

    println!("Now each waits up to {SPREAD} ticks longer, at random:\n");
    println!("    seed  ballots until the decision");
    let mut total = 0;
    for seed in 1..=SEEDS {
        let run = run(seed, SPREAD, 1_000, false);
        assert!(run.decided, "with probability 1");
        println!("    {seed:>4}  {:<12} {:>2}", "█".repeat(run.ballots), run.ballots);
        total += run.ballots;
    }
    println!(
        "\nAll decided, after {:.1} ballots on average. Chance brought progress; safety never needed it.",
        total as f64 / SEEDS as f64
    );
}

// ANCHOR: waits
/// How long a proposer waits before it opens another ballot: at least `PATIENCE`, and up to `spread` longer.
struct Waits {
    dice: ChaCha8Rng,
    spread: u32,
}

impl Waits {
    fn draw(&mut self) -> u32 {
        PATIENCE + self.dice.random_range(0..=self.spread)
    }
}
// ANCHOR_END: waits

/// What a run has come to.
struct Outcome {
    decided: bool,
    ballots: usize,
    votes: usize,
}

/// Lets two proposers run until a decision, or until so many ballots have been opened.
fn run(seed: u64, spread: u32, most: usize, tell: bool) -> Outcome {
    let quorums = Quorums::majority(NodeSet::first(3)).expect("three nodes have majorities");
    let setting = Setting { disk: Disk::AtOnce, ..Setting::new(quorums) };
    let world = World::new(setting, |id| Replica::new(id, quorums));
    let waits = Waits { dice: ChaCha8Rng::seed_from_u64(seed), spread };
    let mut clock = Clock { world, waits, now: 0, arrivals: BTreeMap::new(), alarms: BTreeMap::new(), ballots: 0 };
    while clock.ballots < most && clock.world.history().learned().is_empty() {
        clock.tick(tell && clock.ballots < 6);
        assert_eq!(clock.world.violated(&Invariant::ALL), None);
    }
    let history = clock.world.history();
    Outcome { decided: !history.learned().is_empty(), ballots: clock.ballots, votes: history.votes().len() }
}

/// A world with time: when each message arrives, and when each proposer loses patience.
struct Clock {
    world: World<Replica<char>>,
    waits: Waits,
    now: u32,
    arrivals: BTreeMap<u32, Vec<Packet<Message<char>>>>,
    alarms: BTreeMap<NodeId, u32>,
    ballots: usize,
}

impl Clock {
    // ANCHOR: tick
    /// One unit of time: what is due arrives, then whoever has waited long enough opens a ballot.
    fn tick(&mut self, tell: bool) {
        for packet in self.arrivals.remove(&self.now).unwrap_or_default() {
            let index = self.world.network().iter().position(|flying| *flying == packet);
            self.apply(&Choice::Deliver(index.expect("what was sent and not delivered is in flight")), tell);
        }
        for (id, value, start) in [(NodeId(1), 'a', 0), (NodeId(2), 'b', HEAD_START)] {
            let choice = if self.now == start {
                Choice::Request(id, Request::Propose(value))
            } else if self.alarms.get(&id) == Some(&self.now) && self.world.timers(id).contains(&Timer::Retry) {
                Choice::Fire(id, Timer::Retry)
            } else {
                continue;
            };
            self.alarms.insert(id, self.now + self.waits.draw());
            self.ballots += 1;
            self.apply(&choice, tell);
        }
        self.now += 1;
    }
    // ANCHOR_END: tick

    /// Lets `choice` happen, and notes when each message that it sends will arrive.
    fn apply(&mut self, choice: &ChoiceOf<Replica<char>>, tell: bool) {
        let now = self.now;
        let mut sent = Vec::new();
        self.world.apply(choice, &mut |happening: Happening<'_, Replica<char>>| {
            if let Happening::Sent(packet) = happening {
                sent.push(packet.clone());
            }
        });
        for packet in sent {
            // What a proposer says to itself it says to all, so one line is enough.
            if tell && packet.from == packet.to && !matches!(packet.message, Message::Promise { .. }) {
                let phase = packet.message.phase().name();
                println!("    tick {now:>2}  {phase:<8} {}  {}", packet.from, packet.message);
            }
            let takes = if matches!(packet.message, Message::Accept { .. }) { ACCEPT_TAKES } else { 1 };
            self.arrivals.entry(now + takes).or_default().push(packet);
        }
    }
}

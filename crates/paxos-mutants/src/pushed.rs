//! Runs that dice choose, with a push in the right direction.
//!
//! Many a mistake needs one thing to happen at the right time: a third election while the votes of two are still there, a
//! restart between a proposal and the next, a leader that is overtaken and does not hear of it. Dice come to it once in
//! thousands of seeds. So in most seeds something is done on purpose every few choices, which kind of thing depends on the
//! seed, and the dice choose all else. The reference is pushed in the same way, and must live.

use std::hash::Hash;

use paxos_messages::{
    Observed,
    single::{self, Message},
};
use paxos_process::NodeId;
use paxos_sim::{Bounds, Choice, ChoiceOf, Invariant, Random, Tally, Watch, World};

/// What is done on purpose in a run of one decision.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Push {
    /// Nothing.
    None,
    /// One after the other is cut off while the next one tries again, and nobody is told what was chosen.
    Duel,
    /// Whoever has just proposed stops, starts again, and wants something else.
    Restarts,
    /// The network says things twice.
    Echo,
}

/// A run of one decision, within `bounds` but for what is done on purpose. `again` when a node that starts again is asked for
/// something else.
pub(crate) fn decision<P>(
    seed: u64,
    world: &mut World<P>,
    bounds: &Bounds<single::Request<char>>,
    (invariants, again): (&[Invariant], bool),
    watch: &mut impl Watch<P>,
) -> Tally
where
    P: Observed<Message = Message<char>, Request = single::Request<char>, Timer = single::Timer> + Clone + Hash,
{
    let push = [Push::None, Push::Duel, Push::Restarts, Push::Echo][(seed % 4) as usize];
    let (mut random, mut all) = (Random::new(seed), Tally::default());
    for turn in 0..TURNS {
        let tally = random.run(world, bounds, invariants, STEPS, &mut Vec::new(), watch);
        all = Tally { steps: all.steps + tally.steps, violated: tally.violated, ..all };
        for choice in push.choices(turn, world, again) {
            if all.violated.is_none() && world.obstacle(&choice).is_none() {
                world.apply(&choice, watch);
                all.steps += 1;
                all.violated = world.newly_violated(invariants);
            }
        }
        if all.violated.is_some() {
            break;
        }
    }
    all
}

impl Push {
    /// What is to be done now, if it can be.
    fn choices<P>(self, turn: usize, world: &World<P>, again: bool) -> Vec<ChoiceOf<P>>
    where
        P: Observed<Message = Message<char>, Request = single::Request<char>, Timer = single::Timer> + Clone + Hash,
    {
        let flying = world.network();
        match self {
            Self::None => Vec::new(),
            Self::Duel => duel(turn, world),
            Self::Restarts => {
                let proposed = flying.iter().find(|packet| matches!(packet.message, Message::Accept { .. }));
                let Some(id) = proposed.map(|packet| packet.from).filter(|_| turn.is_multiple_of(3)) else {
                    return Vec::new();
                };
                let asked = again.then_some(Choice::Request(id, single::Request::Propose('x')));
                [Choice::Crash(id), Choice::Restart(id)].into_iter().chain(asked).collect()
            }
            Self::Echo if flying.is_empty() => Vec::new(),
            Self::Echo => vec![Choice::Duplicate(turn % flying.len())],
        }
    }
}

fn duel<P>(turn: usize, world: &World<P>) -> Vec<ChoiceOf<P>>
where
    P: Observed<Message = Message<char>, Timer = single::Timer> + Clone + Hash,
{
    let members: Vec<NodeId> = world.setting().quorums.members().iter().collect();
    let (epoch, moment) = (turn / EPOCH, turn % EPOCH);
    let [alone, next] = [epoch, epoch + 1].map(|place| members[place % members.len()]);
    let link = |(from, to)| if from == alone || to == alone { Choice::Cut(from, to) } else { Choice::Heal(from, to) };
    let links = members.iter().flat_map(|from| members.iter().map(|to| (*from, *to)));
    let links = links.filter(|(from, to)| moment == 0 && from != to).map(link);
    let tries = (moment == 1).then_some(Choice::Fire(next, single::Timer::Retry));
    // From the end on: what is lost moves those behind it.
    let tells = |index: &usize| matches!(world.network()[*index].message, Message::Learn { .. });
    let lost = (0..world.network().len()).rev().filter(tells).map(Choice::Drop);
    lost.chain(links).chain(tries).collect()
}

/// A run of a decision has so many turns, of so many choices.
const TURNS: usize = 80;
const STEPS: usize = 5;
/// One node is cut off for so many turns.
const EPOCH: usize = 5;

/// What is done on purpose in `turn` of a run of a log that `leader` leads, which somebody may be asked for by `campaign`:
/// choices that are to be made if they can be.
pub(crate) fn log<P: Observed + Clone + Hash>(
    (seed, turn): (u64, usize),
    world: &World<P>,
    leader: Option<NodeId>,
    campaign: &P::Request,
) -> Vec<ChoiceOf<P>> {
    let members = world.setting().quorums.members();
    let healed = world.cut_links().into_iter().map(|(from, to)| Choice::Heal(from, to));
    let Some(leader) = leader.filter(|_| turn % 4 != 3) else {
        return if turn % 4 == 3 { healed.collect() } else { Vec::new() };
    };
    // The next one in the circle.
    let rival = members.iter().find(|id| leader < *id).or_else(|| members.iter().next()).expect("there are members");
    let others = members.without(leader);
    let campaigns = |id| Choice::Request(id, campaign.clone());
    let both = |one, other| [Choice::Cut(one, other), Choice::Cut(other, one)];
    match (seed % 5, turn % 4) {
        // The leader is overtaken: it does not hear of it; or only from those who are not the new one.
        (1, 1) if seed % 2 == 0 => others.iter().map(|id| Choice::Cut(id, leader)).chain([campaigns(rival)]).collect(),
        (1, 1) => both(leader, rival).into_iter().chain([campaigns(rival)]).collect(),
        // It is alone.
        (2, 1) => others.iter().flat_map(|id| both(leader, id)).collect(),
        // Another one misses something. Then it campaigns before it has learned that; or it is alone with the leader.
        (3, 0) => vec![Choice::Cut(leader, rival)],
        (3, 1) if members.len() < 5 => healed.chain([campaigns(rival)]).collect(),
        (3, 1) => {
            let apart = others.without(rival);
            let cut = apart.iter().flat_map(|id| [both(leader, id), both(rival, id)]).flatten();
            healed.chain(cut).collect()
        }
        // One campaigns after the other.
        (4, _) => vec![campaigns(rival)],
        _ => Vec::new(),
    }
}

//! Killing mutants, and sparing the reference.

use std::collections::BTreeSet;

use paxos_basic::Replica;
use paxos_check::{Checkable, Limits, Progress, Report, Verdict, check};
use paxos_multi::Options;
use paxos_sim::{Bounds, Invariant, Script, Scriptable, World, write_path};

use crate::{Home, Mutant, Requests, Scenario};

/// What the checker made of a mutant.
#[derive(Clone, Debug)]
pub struct Kill {
    /// The mutant.
    pub mutant: Mutant,
    /// The first invariant that fails at all, and after how many choices: the earliest sign. `None`: it survived.
    pub sign: Option<(Invariant, usize)>,
    /// The shortest run in which the invariant fails that its script is about. `None`: it survived.
    pub shown: Option<Shown>,
    /// The search for that run.
    pub progress: Progress,
}

/// A run that kills a mutant.
#[derive(Clone, Debug)]
pub struct Shown {
    /// How many choices it has.
    pub choices: usize,
    /// It, as a script with its lines filled in.
    pub script: String,
}

impl Kill {
    /// Whether the mutant is dead.
    #[must_use]
    pub const fn is_dead(&self) -> bool {
        self.sign.is_some() && self.shown.is_some()
    }
}

/// Looks for a shortest run in which `mutant` fails. `None` when it is not at home in a world that can be searched.
#[must_use]
pub fn kill(mutant: Mutant) -> Option<Kill> {
    let Home::World(scenario, breaks) = mutant.home() else { return None };
    Some(match scenario.requests {
        Requests::Basic(_) => search(mutant, breaks, &scenario.world(Some(mutant)), &scenario.bounds()),
        Requests::Multi(_) => search(mutant, breaks, &scenario.log_world(Some(mutant)), &scenario.log_bounds()),
    })
}

fn search<P: Scriptable + Checkable>(
    mutant: Mutant,
    breaks: Invariant,
    world: &World<P>,
    bounds: &Bounds<P::Request>,
) -> Kill {
    let search = |invariants: &[Invariant]| {
        check(world, bounds, &Limits { invariants: invariants.to_vec(), ..Limits::default() }, |_| {})
    };
    let sign = match search(&Invariant::ALL).verdict {
        Verdict::Violated { invariant, path } => Some((invariant, path.len())),
        Verdict::Holds | Verdict::NotExhaustive => None,
    };
    let Report { verdict, progress } = search(&[breaks]);
    let shown = match verdict {
        Verdict::Violated { path, .. } => {
            Some(Shown { choices: path.len(), script: script(mutant, breaks, world, &path) })
        }
        Verdict::Holds | Verdict::NotExhaustive => None,
    };
    Kill { mutant, sign, shown, progress }
}

fn script<P: Scriptable>(
    mutant: Mutant,
    breaks: Invariant,
    world: &World<P>,
    path: &[paxos_sim::ChoiceOf<P>],
) -> String {
    let about =
        format!("{}\n\nThe run that breaks {breaks} in the fewest choices; none can be left out.", mutant.about());
    let header = mutant.header().expect("a mutant of a world");
    let bare = write_path(&header, &about, world.clone(), path);
    let script = Script::parse(&bare).expect("what was just written can be read");
    script.replay(world.clone(), &mut ()).expect("what was just found can be replayed").text
}

/// What the checker made of the reference in a scenario.
#[derive(Clone, Debug)]
pub struct Spared {
    /// Where it was put.
    pub scenario: Scenario,
    /// The longest of the shortest counterexamples found there: so far at least the reference must have been
    /// searched.
    pub deepest_kill: usize,
    /// The search, of every run that is at most one choice longer than that.
    pub progress: Progress,
    /// What came out, if not that it holds or that nothing failed so far.
    pub violated: Option<Invariant>,
    /// Whether there was nothing left to search.
    pub exhausted: bool,
}

impl Spared {
    /// Whether the reference survived: nothing failed, and every run was searched that is as long as a
    /// counterexample.
    #[must_use]
    pub fn survived(&self) -> bool {
        self.violated.is_none() && (self.exhausted || self.progress.depth > self.deepest_kill)
    }
}

/// Puts the references, `paxos_basic::Replica` and `paxos_multi::Replica`, into every scenario that `kills` come from.
/// That they survive *every* run is the claim of `paxos-models`; here it is shown where their mutants died.
#[must_use]
pub fn spare(kills: &[Kill]) -> Vec<Spared> {
    let scenarios: BTreeSet<Scenario> = kills.iter().filter_map(|kill| kill.mutant.scenario()).collect();
    let spared = |scenario: Scenario| {
        let here = kills.iter().filter(|kill| kill.mutant.scenario() == Some(scenario));
        let deepest = here.filter_map(|kill| kill.shown.as_ref()).map(|shown| shown.choices).max().unwrap_or(0);
        let setting = scenario.setting();
        match scenario.requests {
            Requests::Basic(_) => {
                let world = World::new(setting, |id| Replica::new(id, setting.quorums));
                survive(scenario, deepest, &world, &scenario.bounds())
            }
            Requests::Multi(_) => {
                let replica = |id| paxos_multi::Replica::new(id, setting.quorums, Options::default());
                survive(scenario, deepest, &World::new(setting, replica), &scenario.log_bounds())
            }
        }
    };
    scenarios.into_iter().map(spared).collect()
}

fn survive<P: Checkable>(
    scenario: Scenario,
    deepest_kill: usize,
    world: &World<P>,
    bounds: &Bounds<P::Request>,
) -> Spared {
    let limits = Limits { depth: deepest_kill + 1, ..Limits::default() };
    let Report { verdict, progress } = check(world, bounds, &limits, |_| {});
    let exhausted = matches!(verdict, Verdict::Holds);
    let violated = match verdict {
        Verdict::Violated { invariant, .. } => Some(invariant),
        Verdict::Holds | Verdict::NotExhaustive => None,
    };
    Spared { scenario, deepest_kill, progress, violated, exhausted }
}

//! The kill matrix: every mutant under every layer of tests.
//!
//! A layer that cannot see a mutant by its nature is *blind* to it, and says why. One that could and did not within its bound
//! lets it *survive*. Which layers must kill a mutant is stored; a test, and the command, fail when one of them does not.

use std::{collections::BTreeSet, fmt, iter, ops::Range, str::FromStr};

use crate::{
    Home, Late, Mutant, Requests, Scenario, Seed, Stories, Tale, Wronged, decide, differ, kill, late, search_store,
    serve, simulate, simulate_store, stopped::unless_stopped, stories, tale, tell, unit,
};

/// A layer of tests, from near to far.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Layer {
    /// One node, a few words, one rule.
    Unit,
    /// A run that somebody has thought out, or the checker has found, and that is kept.
    Script,
    /// All runs of a small world.
    Checker,
    /// Runs that dice choose, judged from inside: by invariants, or by a clock.
    Simulation,
    /// Runs that dice choose, judged from outside: by what clients saw.
    Linearizability,
}

impl Layer {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Unit, Self::Script, Self::Checker, Self::Simulation, Self::Linearizability];

    /// Its name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Unit => "unit",
            Self::Script => "script",
            Self::Checker => "checker",
            Self::Simulation => "simulation",
            Self::Linearizability => "linearizability",
        }
    }

    /// Why it cannot see `mutant`, if it cannot.
    #[must_use]
    pub fn blind_to(self, mutant: Mutant) -> Option<&'static str> {
        match (self, mutant.home()) {
            (Self::Unit | Self::Script, _)
            | (_, Home::World(..))
            | (Self::Checker, Home::Disk)
            | (Self::Simulation, Home::Story(..) | Home::Disk | Home::Time(_))
            | (Self::Linearizability, Home::Story(..) | Home::Clients) => None,
            (Self::Simulation, Home::Clients) if mutant == Mutant::S2 => None, // its states differ
            (Self::Checker, Home::Story(..)) => Some("its shortest run is too long: all that are as long are too many"),
            (Self::Checker | Self::Simulation, Home::Clients) => {
                Some("what a client is told is not a fact that an invariant is about")
            }
            (Self::Checker, Home::Time(_)) => Some("nothing wrong is said, and a run without end has no last state"),
            (Self::Linearizability, Home::Disk) => {
                Some("one node and its disk have no clients; L1 shows what they see of it")
            }
            (Self::Linearizability, Home::Time(_)) => {
                Some("whoever waits for an answer has not been told anything wrong")
            }
        }
    }
}

impl fmt::Display for Layer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Layer {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        Self::ALL
            .into_iter()
            .find(|layer| layer.name() == name)
            .ok_or_else(|| format!("no layer is called {name:?}; there are {}", Self::ALL.map(Self::name).join(", ")))
    }
}

/// What a layer makes of a mutant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It dies, by this.
    Dies(String),
    /// It could be seen, and was not within this bound.
    Survives(String),
    /// It cannot be seen from here, and this is why.
    Blind(&'static str),
}

impl Outcome {
    /// Whether it dies.
    #[must_use]
    pub const fn is_dead(&self) -> bool {
        matches!(self, Self::Dies(_))
    }
}

/// Shown as what it dies by, `survives`, or `-`.
impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Dies(how) => f.pad(how),
            Self::Survives(_) => f.pad("survives"),
            Self::Blind(_) => f.pad("-"),
        }
    }
}

/// How many seeds are tried before a mutant counts as a survivor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Effort {
    /// Of one decision, a simulation or a history.
    pub decisions: u64,
    /// Of a log.
    pub logs: u64,
    /// Of clients of a store.
    pub stores: u64,
    /// Of anything that is over in no time: a disk, a situation in time.
    pub others: u64,
}

impl Effort {
    /// What takes seconds for all mutants: the bound of the tests.
    pub const QUICK: Self = Self { decisions: 10_000, logs: 1_500, stores: 3_000, others: 2_000 };
    /// What takes minutes.
    pub const FULL: Self = Self { decisions: 50_000, logs: 10_000, stores: 15_000, others: 10_000 };
}

/// Puts `mutant` under `layer`.
#[must_use]
pub fn put(mutant: Mutant, layer: Layer, effort: Effort) -> Outcome {
    if let Some(why) = layer.blind_to(mutant) {
        return Outcome::Blind(why);
    }
    let outcome = unless_stopped(|| match layer {
        Layer::Unit => match unit(Some(mutant)).first() {
            Some(name) => Outcome::Dies((*name).to_owned()),
            None => Outcome::Survives("all unit tests".to_owned()),
        },
        Layer::Script => script(mutant),
        Layer::Checker => checker(mutant),
        Layer::Simulation | Layer::Linearizability => match deaths(mutant, layer, effort).next() {
            Some((seed, how)) => Outcome::Dies(format!("seed {seed}: {how}")),
            None => Outcome::Survives(format!("{} seeds", seeds(mutant, layer, effort))),
        },
    });
    outcome.unwrap_or_else(Outcome::Dies)
}

/// Its own script shows it. Of the stories that were written for the reference, some may notice it, too.
fn script(mutant: Mutant) -> Outcome {
    match tell(mutant, mutant.script(), true) {
        Ok(Tale { shows: Some(shows), .. }) => match stories(mutant) {
            Stories { told: 0, .. } => Outcome::Dies(shows),
            Stories { told, differ } => Outcome::Dies(format!("{shows}; {differ} of {told} stories")),
        },
        Ok(Tale { shows: None, .. }) => Outcome::Survives("its script".to_owned()),
        Err(error) => Outcome::Survives(error.to_string()),
    }
}

fn checker(mutant: Mutant) -> Outcome {
    if mutant.home() == Home::Disk {
        return match search_store(Some(mutant), DEPTH) {
            (Some(path), _) => Outcome::Dies(format!("{} choices", path.len())),
            (None, _) => Outcome::Survives(format!("{DEPTH} choices")),
        };
    }
    match kill(mutant).and_then(|kill| kill.shown) {
        Some(shown) => Outcome::Dies(format!("{} choices", shown.choices)),
        None => Outcome::Survives("its world".to_owned()),
    }
}

/// The seeds that kill `mutant` in a layer that rolls dice, of those that `effort` tries: each when it is found, with how.
pub fn deaths(mutant: Mutant, layer: Layer, effort: Effort) -> impl Iterator<Item = (u64, String)> {
    let mut left = 0..seeds(mutant, layer, effort);
    iter::from_fn(move || {
        let death = death(mutant, layer, left.clone())?;
        left.start = death.0 + 1;
        Some(death)
    })
}

/// The first of `seeds` that kills `mutant`.
fn death(mutant: Mutant, layer: Layer, seeds: Range<u64>) -> Option<(u64, String)> {
    let wrong = Some(mutant);
    match (layer, mutant.home()) {
        (Layer::Simulation, Home::World(scenario, _) | Home::Story(scenario, _)) => {
            simulate(scenario, wrong, seeds).map(|Seed { seed, broken }| (seed, broken.to_string()))
        }
        (Layer::Simulation, Home::Clients) => differ(wrong, seeds).map(|seed| (seed, "states differ".to_owned())),
        (Layer::Simulation, Home::Disk) => {
            simulate_store(wrong, seeds).map(|(seed, _)| (seed, "DurableBeforeVote".to_owned()))
        }
        (Layer::Simulation, Home::Time(_)) => {
            late(mutant, true, seeds).map(|Late { seed, deadline }| (seed, format!("late after {deadline} ticks")))
        }
        (Layer::Linearizability, Home::World(scenario, _) | Home::Story(scenario, _)) => match scenario.requests {
            Requests::Basic(_) => decide(scenario, wrong, seeds).map(hears),
            Requests::Multi(_) => serve(wrong, seeds).map(hears),
        },
        (Layer::Linearizability, Home::Clients) => serve(wrong, seeds).map(hears),
        (Layer::Linearizability, Home::Disk | Home::Time(_)) | (Layer::Unit | Layer::Script | Layer::Checker, _) => {
            None
        }
    }
}

/// What the clients of a seed hear.
fn hears(wronged: Wronged) -> (u64, String) {
    match wronged {
        Wronged::Answered { seed, calls, .. } => (seed, format!("{calls} calls")),
        Wronged::Stopped { seed, words } => (seed, words),
    }
}

/// How many seeds are tried.
fn seeds(mutant: Mutant, layer: Layer, effort: Effort) -> u64 {
    match (mutant.home(), layer) {
        (Home::World(scenario, _) | Home::Story(scenario, _), Layer::Simulation) => of(scenario, effort),
        (Home::World(scenario, _) | Home::Story(scenario, _), _) if scenario.protocol() == "basic" => effort.decisions,
        (Home::World(..) | Home::Story(..) | Home::Clients, _) => effort.stores,
        (Home::Disk | Home::Time(_), _) => effort.others,
    }
}

const fn of(scenario: Scenario, effort: Effort) -> u64 {
    match scenario.requests {
        Requests::Basic(_) => effort.decisions,
        Requests::Multi(_) => effort.logs,
    }
}

/// The longest runs of a node and its disk that are searched.
const DEPTH: usize = 7;

/// What the references make of a layer: nothing must die in it.
#[must_use]
pub fn put_references(layer: Layer, effort: Effort) -> Vec<String> {
    unless_stopped(|| references(layer, effort)).unwrap_or_else(|words| vec![format!("it stops: {words}")])
}

fn references(layer: Layer, effort: Effort) -> Vec<String> {
    let scenarios: BTreeSet<(u8, &str)> =
        Mutant::all().filter_map(Mutant::scenario).map(|scenario| (scenario.nodes, scenario.protocol())).collect();
    let scenarios = scenarios.into_iter().filter_map(|cluster| {
        Mutant::all().filter_map(Mutant::scenario).find(|scenario| (scenario.nodes, scenario.protocol()) == cluster)
    });
    let Effort { stores, others, .. } = effort;
    let mut dead = Vec::new();
    match layer {
        Layer::Unit => dead.extend(unit(None).into_iter().map(str::to_owned)),
        Layer::Script => {
            let shows = |mutant| tale::of_the_reference(mutant).map(|shows| format!("{mutant}: {shows}"));
            dead.extend(Mutant::all().filter_map(shows));
        }
        // The worlds of the mutants are searched by `spare`, which has to know how far they live there.
        Layer::Checker => dead.extend(search_store(None, DEPTH).0.map(|path| format!("a disk forgets: {path:?}"))),
        Layer::Simulation => {
            dead.extend(scenarios.filter_map(|scenario| simulate(scenario, None, 0..of(scenario, effort))).map(debug));
            dead.extend(differ(None, 0..stores).map(|seed| format!("states differ in seed {seed}")));
            dead.extend(simulate_store(None, 0..others).map(debug));
            let timed = Mutant::all().filter(|mutant| matches!(mutant.home(), Home::Time(_)));
            dead.extend(timed.filter_map(|mutant| late(mutant, false, 0..others)).map(debug));
        }
        Layer::Linearizability => {
            let decisions = scenarios.filter(|scenario| matches!(scenario.requests, Requests::Basic(_)));
            dead.extend(decisions.filter_map(|scenario| decide(scenario, None, 0..effort.decisions)).map(debug));
            dead.extend(serve(None, 0..stores).map(debug));
        }
    }
    dead
}

fn debug(what: impl fmt::Debug) -> String {
    format!("{what:?}")
}

impl Mutant {
    /// Whether `layer` must kill it, with [`Effort::QUICK`] or more. What is not in the lists of survivors below must be
    /// killed by every layer that is not blind.
    #[must_use]
    pub fn must_die_by(self, layer: Layer) -> bool {
        let survives = match layer {
            Layer::Unit | Layer::Script | Layer::Checker => false,
            Layer::Simulation => SURVIVE_SIMULATION.contains(&self),
            Layer::Linearizability => SURVIVE_CLIENTS.contains(&self),
        };
        layer.blind_to(self).is_none() && !survives
    }
}

/// Their runs are rarer than the seeds of the tests are many. (L9 dies in four of them, which is luck.)
const SURVIVE_SIMULATION: [Mutant; 4] = [Mutant::M19, Mutant::L7, Mutant::L8, Mutant::L9];
/// They break something, and hardly in any seed of the tests does a client hear of it.
const SURVIVE_CLIENTS: [Mutant; 8] = {
    use Mutant::{B2, L7, L8, M2, M2b, M6b, M8, M19};
    [B2, L7, L8, M2, M2b, M6b, M8, M19]
};

//! The kill matrix: every mutant under every layer of tests.
//!
//! A layer that cannot see a mutant by its nature is *blind* to it, and says why. One that could and did not within its bound
//! lets it *survive*. Which layers must kill a mutant is stored; a test, and the command, fail when one of them does not.

use std::{fmt, str::FromStr};

use crate::{
    Home, Late, Mutant, Requests, Scenario, Seed, Wronged, decide, differ, kill, late, search_store, serve, simulate,
    simulate_store, tell, unit,
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
    pub const QUICK: Self = Self { decisions: 5_000, logs: 700, stores: 1_500, others: 300 };
    /// What takes a minute or two.
    pub const FULL: Self = Self { decisions: 20_000, logs: 5_000, stores: 5_000, others: 2_000 };
}

/// Puts `mutant` under `layer`.
#[must_use]
pub fn put(mutant: Mutant, layer: Layer, effort: Effort) -> Outcome {
    match layer {
        Layer::Unit => match unit(Some(mutant)).first() {
            Some(name) => Outcome::Dies((*name).to_owned()),
            None => Outcome::Survives("all unit tests".to_owned()),
        },
        Layer::Script => match tell(mutant, mutant.script(), true) {
            Ok(tale) => tale.shows.map_or_else(|| Outcome::Survives("its script".to_owned()), Outcome::Dies),
            Err(error) => Outcome::Survives(error.to_string()),
        },
        Layer::Checker => checker(mutant),
        Layer::Simulation => simulation(mutant, effort),
        Layer::Linearizability => linearizability(mutant, effort),
    }
}

fn checker(mutant: Mutant) -> Outcome {
    match mutant.home() {
        Home::World(..) => match kill(mutant).and_then(|kill| kill.shown) {
            Some(shown) => Outcome::Dies(format!("{} choices", shown.choices)),
            None => Outcome::Survives("its world".to_owned()),
        },
        Home::Disk => match search_store(Some(mutant), DEPTH) {
            (Some(path), _) => Outcome::Dies(format!("{} choices", path.len())),
            (None, _) => Outcome::Survives(format!("{DEPTH} choices")),
        },
        Home::Story(..) => Outcome::Blind("its shortest run is too long: all that are as long are too many"),
        Home::Clients => Outcome::Blind("what a client is told is not a fact that an invariant is about"),
        Home::Time(_) => Outcome::Blind("nothing wrong is said, and a run without end has no last state"),
    }
}

fn simulation(mutant: Mutant, effort: Effort) -> Outcome {
    let seeds = |seeds: u64| Outcome::Survives(format!("{seeds} seeds"));
    match mutant.home() {
        Home::World(scenario, _) | Home::Story(scenario, _) => {
            let bound = of(scenario, effort);
            let dies = |Seed { seed, invariant, .. }| Outcome::Dies(format!("seed {seed}: {invariant}"));
            simulate(scenario, Some(mutant), bound).map_or_else(|| seeds(bound), dies)
        }
        Home::Clients if mutant == Mutant::S2 => differ(Some(mutant), effort.stores)
            .map_or_else(|| seeds(effort.stores), |seed| Outcome::Dies(format!("seed {seed}: states differ"))),
        Home::Clients => Outcome::Blind("what a client is told is not a fact that an invariant is about"),
        Home::Disk => simulate_store(Some(mutant), effort.others)
            .map_or_else(|| seeds(effort.others), |(seed, _)| Outcome::Dies(format!("seed {seed}: DurableBeforeVote"))),
        Home::Time(_) => late(mutant, true, effort.others).map_or_else(
            || seeds(effort.others),
            |Late { seed, deadline }| Outcome::Dies(format!("seed {seed}: late after {deadline} ticks")),
        ),
    }
}

fn linearizability(mutant: Mutant, effort: Effort) -> Outcome {
    let (found, bound) = match mutant.home() {
        Home::World(scenario, _) | Home::Story(scenario, _) => match scenario.requests {
            Requests::Basic(_) => (decide(scenario, Some(mutant), effort.decisions), effort.decisions),
            Requests::Multi(_) => (serve(Some(mutant), effort.stores), effort.stores),
        },
        Home::Clients => (serve(Some(mutant), effort.stores), effort.stores),
        Home::Disk => return Outcome::Blind("one node and its disk have no clients; L1 shows what they see of it"),
        Home::Time(_) => return Outcome::Blind("whoever waits for an answer has not been told anything wrong"),
    };
    match found {
        Some(Wronged::Answered { seed, calls, .. }) => Outcome::Dies(format!("seed {seed}: {calls} calls")),
        Some(Wronged::Stopped { seed }) => Outcome::Dies(format!("seed {seed}: an assertion")),
        None => Outcome::Survives(format!("{bound} seeds")),
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
    let scenarios: std::collections::BTreeSet<(u8, &str)> =
        Mutant::all().filter_map(Mutant::scenario).map(|scenario| (scenario.nodes, scenario.protocol())).collect();
    let scenarios = scenarios.into_iter().filter_map(|cluster| {
        Mutant::all().filter_map(Mutant::scenario).find(|scenario| (scenario.nodes, scenario.protocol()) == cluster)
    });
    let mut dead = Vec::new();
    match layer {
        Layer::Unit => dead.extend(unit(None).into_iter().map(str::to_owned)),
        Layer::Script => {
            let shows = |mutant: Mutant| tell(mutant, mutant.script(), false).ok()?.shows;
            dead.extend(Mutant::all().filter_map(|mutant| shows(mutant).map(|shows| format!("{mutant}: {shows}"))));
        }
        // The worlds of the mutants are searched by `spare`, which has to know how far they live there.
        Layer::Checker => dead.extend(search_store(None, DEPTH).0.map(|path| format!("a disk forgets: {path:?}"))),
        Layer::Simulation => {
            dead.extend(scenarios.filter_map(|scenario| simulate(scenario, None, of(scenario, effort))).map(debug));
            dead.extend(differ(None, effort.stores).map(|seed| format!("states differ in seed {seed}")));
            dead.extend(simulate_store(None, effort.others).map(debug));
            let timed = Mutant::all().filter(|mutant| matches!(mutant.home(), Home::Time(_)));
            dead.extend(timed.filter_map(|mutant| late(mutant, false, effort.others)).map(debug));
        }
        Layer::Linearizability => {
            let decisions = scenarios.filter(|scenario| matches!(scenario.requests, Requests::Basic(_)));
            dead.extend(decisions.filter_map(|scenario| decide(scenario, None, effort.decisions)).map(debug));
            dead.extend(serve(None, effort.stores).map(debug));
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
        let sees = match (layer, self.home()) {
            (Layer::Unit | Layer::Script, _) => true,
            (Layer::Checker, home) => matches!(home, Home::World(..) | Home::Disk),
            (Layer::Simulation, home) => home != Home::Clients || self == Self::S2,
            (Layer::Linearizability, home) => matches!(home, Home::World(..) | Home::Story(..) | Home::Clients),
        };
        let survives = match layer {
            Layer::Unit | Layer::Script | Layer::Checker => false,
            Layer::Simulation => SURVIVE_SIMULATION.contains(&self),
            Layer::Linearizability => SURVIVE_CLIENTS.contains(&self),
        };
        sees && !survives
    }
}

/// Their runs are rarer than the seeds of the tests are many.
const SURVIVE_SIMULATION: [Mutant; 3] = [Mutant::M19, Mutant::L7, Mutant::L8];
/// They break something, and in none of the seeds of the tests does a client hear of it.
const SURVIVE_CLIENTS: [Mutant; 9] = {
    use Mutant::{B2, L7, L8, M2, M2b, M3c, M6b, M8, M19};
    [B2, L7, L8, M2, M2b, M3c, M6b, M8, M19]
};

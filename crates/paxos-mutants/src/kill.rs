//! Killing mutants, and sparing the reference.

use std::collections::BTreeSet;

use paxos_basic::Replica;
use paxos_check::{Limits, Progress, Report, Verdict, check};
use paxos_messages::single::{Request, Timer};
use paxos_sim::{Choice, Invariant, World, write_path};

use crate::{Mutant, Scenario};

/// A run of Basic Paxos, as choices.
pub type Path = Vec<Choice<Timer, Request<char>>>;

/// What the checker made of a mutant.
#[derive(Clone, Debug)]
pub struct Kill {
    /// The mutant.
    pub mutant: Mutant,
    /// The first invariant that fails at all, and after how many choices: the earliest sign. `None`: it survived.
    pub sign: Option<(Invariant, usize)>,
    /// The shortest run in which the invariant fails that its script is about. `None`: it survived.
    pub path: Option<Path>,
    /// The search for that run.
    pub progress: Progress,
}

impl Kill {
    /// Whether the mutant is dead.
    #[must_use]
    pub const fn is_dead(&self) -> bool {
        self.sign.is_some() && self.path.is_some()
    }

    /// The shortest run as a script with its lines filled in; `None` when the mutant survived.
    #[must_use]
    pub fn script(&self) -> Option<String> {
        let (mutant, world) = (self.mutant, self.mutant.scenario().world(Some(self.mutant)));
        let about = format!(
            "{}: {}.\n\n{}\n\nThe run that breaks {} in the fewest choices; none can be left out.",
            mutant.name(),
            mutant.rule(),
            wrap(mutant.story()),
            mutant.breaks()
        );
        let bare = write_path(&mutant.header(), &about, world.clone(), self.path.as_ref()?);
        let script = paxos_sim::Script::parse(&bare).expect("what was just written can be read");
        Some(script.replay(world, &mut ()).expect("what was just found can be replayed").text)
    }
}

/// Looks for a shortest run in which `mutant` fails.
#[must_use]
pub fn kill(mutant: Mutant) -> Kill {
    let search = |invariants: &[Invariant]| {
        let limits = Limits { invariants: invariants.to_vec(), ..Limits::default() };
        check(&mutant.scenario().world(Some(mutant)), &mutant.scenario().bounds(), &limits, |_| {})
    };
    let found = |report: &Report<_>| match &report.verdict {
        Verdict::Violated { invariant, path } => Some((*invariant, Path::clone(path))),
        Verdict::Holds | Verdict::NotExhaustive => None,
    };
    let sign = found(&search(&Invariant::ALL)).map(|(invariant, path)| (invariant, path.len()));
    let report = search(&[mutant.breaks()]);
    Kill { mutant, sign, path: found(&report).map(|(_, path)| path), progress: report.progress }
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
    pub report: Report<Choice<Timer, Request<char>>>,
}

impl Spared {
    /// Whether the reference survived: nothing failed, and every run was searched that is as long as a
    /// counterexample.
    #[must_use]
    pub fn survived(&self) -> bool {
        match self.report.verdict {
            Verdict::Holds => true,
            Verdict::NotExhaustive => self.report.progress.depth > self.deepest_kill,
            Verdict::Violated { .. } => false,
        }
    }
}

/// Puts the reference, `paxos_basic::Replica`, into every scenario that `kills` come from. That it survives *every*
/// run is the claim of `paxos-models`; here it is shown where its mutants died.
#[must_use]
pub fn spare(kills: &[Kill]) -> Vec<Spared> {
    let scenarios: BTreeSet<Scenario> = kills.iter().map(|kill| kill.mutant.scenario()).collect();
    let spared = |scenario: Scenario| {
        let here = kills.iter().filter(|kill| kill.mutant.scenario() == scenario);
        let deepest_kill = here.filter_map(|kill| kill.path.as_ref()).map(Vec::len).max().unwrap_or(0);
        let setting = scenario.setting();
        let world = World::new(setting, |id| Replica::new(id, setting.quorums));
        let limits = Limits { depth: deepest_kill + 1, ..Limits::default() };
        let report = check(&world, &scenario.bounds(), &limits, |_| {});
        Spared { scenario, deepest_kill, report }
    };
    scenarios.into_iter().map(spared).collect()
}

fn wrap(text: &str) -> String {
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        let last = lines.last_mut().expect("there is a first line");
        if last.len() + word.len() > 100 {
            lines.push(word.to_owned());
        } else {
            *last += if last.is_empty() { "" } else { " " };
            *last += word;
        }
    }
    lines.join("\n")
}

//! `paxos mutants`: the kill matrix.

use std::{
    collections::BTreeMap,
    panic,
    process::ExitCode,
    sync::{
        atomic::{AtomicBool, AtomicUsize, Ordering},
        mpsc,
    },
    thread,
};

use clap::Args;
use paxos_mutants::{Effort, Home, Kill, Layer, Mutant, Outcome, Spared, kill, put, put_references, spare};
use serde_json::json;

use crate::{
    output::say,
    search::{UNDECIDED, bar, stop_on_interrupt},
};

const EXAMPLES: &str = "\
Examples:
  cargo paxos mutants                  the kill matrix: every mutant under every layer of tests, and the references
  cargo paxos mutants M16              one mutant: its rule, its story, its script, and what each layer makes of it
  cargo paxos mutants --layer unit     one column, which takes no time
  cargo paxos mutants --quick          with the few seeds of the tests
  cargo paxos run crates/paxos-mutants/scripts/M2.script

The whole matrix takes minutes. With --json, the rows are printed at the end. Ctrl-C ends it with what was found so far.

Exit code: 0 each mutant dies in every layer that must kill it and the references survive, 1 one does not, 2 usage, 3 stopped before
all was tried.";

/// Paxos made wrong: kill every mutant, spare the reference
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Mutants {
    /// Only this mutant, with its story and its script
    mutant: Option<Mutant>,
    /// Only this layer: unit, script, checker, simulation or linearizability
    #[arg(long)]
    layer: Option<Layer>,
    /// As few seeds as the tests try
    #[arg(long)]
    quick: bool,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

/// A mutant, and what each layer made of it.
struct Row {
    mutant: Mutant,
    outcomes: Vec<(Layer, Outcome)>,
    /// What the checker found, where it searched.
    kill: Option<Kill>,
}

impl Row {
    /// Whether each layer killed it that must.
    fn is_dead(&self) -> bool {
        self.outcomes.iter().all(|(layer, outcome)| !self.mutant.must_die_by(*layer) || outcome.is_dead())
    }

    fn json(&self) -> serde_json::Value {
        let (mutant, kill) = (self.mutant, self.kill.as_ref());
        let shown = kill.and_then(|kill| kill.shown.as_ref());
        let sign = kill.and_then(|kill| kill.sign);
        let layer = |(layer, outcome): &(Layer, Outcome)| {
            let (verdict, why) = match outcome {
                Outcome::Dies(how) => ("dies", how.as_str()),
                Outcome::Survives(bound) => ("survives", bound.as_str()),
                Outcome::Blind(why) => ("blind", *why),
            };
            (layer.name().to_owned(), json!({"outcome": verdict, "by": why, "must": mutant.must_die_by(*layer)}))
        };
        json!({
            "mutant": mutant.name(), "protocol": mutant.protocol(), "rule": mutant.rule(), "story": mutant.story(),
            "killed": self.is_dead(),
            "layers": self.outcomes.iter().map(layer).collect::<serde_json::Map<_, _>>(),
            "breaks": mutant.breaks().map(|invariant| invariant.name()),
            "first_sign": sign.map(|(invariant, _)| invariant.name()),
            "first_sign_choices": sign.map(|(_, choices)| choices),
            "choices": shown.map(|shown| shown.choices),
            "states": kill.map(|kill| kill.progress.states),
            "script": mutant.script(),
        })
    }
}

impl Mutants {
    pub(crate) fn run(self) -> anyhow::Result<ExitCode> {
        // A mutant may stop a node at one of its assertions. That is an outcome here, and no error.
        panic::set_hook(Box::new(|_| {}));
        let code = match self.mutant {
            Some(mutant) => Ok(self.one(mutant)),
            None => self.all(),
        };
        drop(panic::take_hook());
        code
    }

    fn layers(&self) -> Vec<Layer> {
        self.layer.map_or_else(|| Layer::ALL.to_vec(), |layer| vec![layer])
    }

    const fn effort(&self) -> Effort {
        if self.quick { Effort::QUICK } else { Effort::FULL }
    }

    fn row(&self, mutant: Mutant) -> Row {
        let layers = self.layers();
        // The checker's run is wanted whole, so it is not asked twice.
        let searched = layers.contains(&Layer::Checker) && matches!(mutant.home(), Home::World(..));
        let kill = searched.then(|| kill(mutant)).flatten();
        let outcome = |layer| match &kill {
            Some(kill) if layer == Layer::Checker => match &kill.shown {
                Some(shown) => Outcome::Dies(format!("{} choices", shown.choices)),
                None => Outcome::Survives("its world".to_owned()),
            },
            _ => put(mutant, layer, self.effort()),
        };
        let outcomes = layers.into_iter().map(|layer| (layer, outcome(layer))).collect();
        Row { mutant, outcomes, kill }
    }

    fn one(&self, mutant: Mutant) -> ExitCode {
        let row = self.row(mutant);
        if self.json {
            say(row.json());
        } else {
            say(mutant.script());
            for (layer, outcome) in &row.outcomes {
                say(match outcome {
                    Outcome::Dies(how) => format!("{layer:<16} dies      {how}"),
                    Outcome::Survives(bound) => format!("{layer:<16} survives  {bound}"),
                    Outcome::Blind(why) => format!("{layer:<16} -         {why}"),
                });
            }
        }
        ExitCode::from(u8::from(!row.is_dead()))
    }

    fn all(&self) -> anyhow::Result<ExitCode> {
        let layers = self.layers();
        if !self.json {
            let heads: Vec<String> = layers.iter().map(|layer| cell(*layer, layer.name())).collect();
            say(format!("{:<6} {}", "", heads.join("  ")).trim_end());
        }
        let stop = stop_on_interrupt()?;
        let mutants: Vec<Mutant> = Mutant::all().collect();
        let mut rows = Vec::new();
        // The rows show how far it is; programs get theirs at the end, and whoever started them may want to know.
        let bar = bar("killing", "mutants", mutants.len() as u64, !self.json);
        in_order(
            &mutants,
            &stop,
            |mutant| self.row(*mutant),
            |row: Row| {
                bar.inc(1);
                if !self.json {
                    let cells: Vec<String> =
                        row.outcomes.iter().map(|(layer, outcome)| cell(*layer, &outcome.to_string())).collect();
                    say(format!("{:<6} {}", row.mutant, cells.join("  ")).trim_end());
                }
                rows.push(row);
            },
        );
        bar.finish_and_clear();
        let kills: Vec<Kill> = rows.iter().filter_map(|row| row.kill.clone()).collect();
        let (mut spared, mut dead) = (Vec::new(), Vec::new());
        in_order(&layers, &stop, |layer| put_references(*layer, self.effort()), |found| dead.extend(found));
        if !stop.load(Ordering::Relaxed) {
            spared = spare(&kills);
        }
        dead.extend(spared.iter().filter(|spared| !spared.survived()).map(|spared| spared.scenario.to_string()));
        let stopped = stop.load(Ordering::Relaxed);
        self.verdict(&rows, stopped, &spared, &dead);
        let survivors = rows.iter().any(|row| !row.is_dead());
        Ok(match (survivors || !dead.is_empty(), stopped) {
            (true, _) => ExitCode::from(1),
            (false, true) => ExitCode::from(UNDECIDED),
            (false, false) => ExitCode::SUCCESS,
        })
    }

    fn verdict(&self, rows: &[Row], stopped: bool, spared: &[Spared], dead: &[String]) {
        let killed = rows.iter().filter(|row| row.is_dead()).count();
        if self.json {
            let rows: Vec<_> = rows.iter().map(Row::json).collect();
            let survives = if stopped && dead.is_empty() { None } else { Some(dead.is_empty()) };
            return say(json!({
                "killed": killed, "mutants": rows, "stopped": stopped, "reference_survives": survives,
                "reference_dies_by": dead,
            }));
        }
        let searched: usize = spared.iter().map(|spared| spared.progress.states).sum();
        say("");
        if 0 < searched {
            say(format_args!(
                "The references, where the checker killed mutants, one choice longer than they lived: {} states of {} worlds",
                crate::search::grouped(searched),
                spared.len()
            ));
        }
        for how in dead {
            say(format_args!("A reference DIES: {how}"));
        }
        for row in rows.iter().filter(|row| !row.is_dead()) {
            say(format_args!("{} SURVIVES what must kill it", row.mutant));
        }
        if stopped {
            let all = Mutant::all().count();
            say(format_args!(
                "Stopped: {killed} of {} mutants killed so far, of {all}; the same command begins anew",
                rows.len()
            ));
        } else {
            let references = if dead.is_empty() { "survive" } else { "DIE" };
            say(format_args!("{killed} of {} mutants killed; the references {references}", rows.len()));
        }
        say("`-`: the layer is blind to it, `cargo paxos mutants S1` says why. See one: cargo paxos mutants M2");
        say(
            "`2 of 7 stories`: so many golden scripts of its protocol would have noticed, beside the one that was made for it",
        );
    }
}

/// Does `work` to all items, on all cores, and tells the results in the order of the items. When it is to stop, what is under
/// way is finished, and told.
fn in_order<T: Sync, R: Send>(items: &[T], stop: &AtomicBool, work: impl Fn(&T) -> R + Sync, mut tell: impl FnMut(R)) {
    let (next, (done, results)) = (AtomicUsize::new(0), mpsc::channel());
    let (next, work) = (&next, &work);
    thread::scope(|scope| {
        for _ in 0..thread::available_parallelism().map_or(1, Into::into) {
            let done = done.clone();
            scope.spawn(move || {
                while !stop.load(Ordering::Relaxed) {
                    let place = next.fetch_add(1, Ordering::Relaxed);
                    let Some(item) = items.get(place) else { return };
                    if done.send((place, work(item))).is_err() {
                        return; // nobody listens any more
                    }
                }
            });
        }
        drop(done);
        let (mut waiting, mut told) = (BTreeMap::new(), 0);
        for (place, result) in results {
            waiting.insert(place, result);
            while let Some(result) = waiting.remove(&told) {
                tell(result);
                told += 1;
            }
        }
    });
}

/// A cell of the matrix, as wide as its column.
fn cell(layer: Layer, text: &str) -> String {
    let width = match layer {
        Layer::Unit => 48,
        Layer::Script => 55,
        Layer::Checker => 10,
        Layer::Simulation => 31,
        Layer::Linearizability => 23,
    };
    let text: String = if text.chars().count() <= width {
        text.to_owned()
    } else {
        text.chars().take(width - 1).chain(['…']).collect()
    };
    format!("{text:<width$}")
}

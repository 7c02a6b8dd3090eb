//! `paxos mutants`: the kill matrix.

use std::{panic, process::ExitCode};

use clap::Args;
use paxos_mutants::{Effort, Home, Kill, Layer, Mutant, Outcome, Spared, kill, put, put_references, spare};
use serde_json::json;

use crate::{output::say, search::bar};

const EXAMPLES: &str = "\
Examples:
  cargo paxos mutants                  the kill matrix: every mutant under every layer of tests, and the references
  cargo paxos mutants M16              one mutant: its rule, its story, its script, and what each layer makes of it
  cargo paxos mutants --layer unit     one column, which takes no time
  cargo paxos mutants --quick          with the few seeds of the tests
  cargo paxos run crates/paxos-mutants/scripts/M2.script

The whole matrix takes minutes. With --json, the rows are printed at the end.

Exit code: 0 each mutant dies in every layer that must kill it and the references survive, 1 otherwise, 2 usage.";

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
            Some(mutant) => self.one(mutant),
            None => self.all(),
        };
        drop(panic::take_hook());
        Ok(code)
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

    fn all(&self) -> ExitCode {
        let layers = self.layers();
        if !self.json {
            let heads: Vec<String> = layers.iter().map(|layer| cell(*layer, layer.name())).collect();
            say(format!("{:<6} {}", "", heads.join("  ")).trim_end());
        }
        let mut rows = Vec::new();
        // The rows show how far it is; programs get theirs at the end, and whoever started them may want to know.
        let bar = bar("killing", "mutants", Mutant::all().count() as u64, !self.json);
        for mutant in Mutant::all() {
            let row = self.row(mutant);
            bar.inc(1);
            if !self.json {
                let cells: Vec<String> =
                    row.outcomes.iter().map(|(layer, outcome)| cell(*layer, &outcome.to_string())).collect();
                say(format!("{mutant:<6} {}", cells.join("  ")).trim_end());
            }
            rows.push(row);
        }
        bar.finish_and_clear();
        let killed = rows.iter().filter(|row| row.is_dead()).count();
        let mut dead: Vec<String> = layers.iter().flat_map(|layer| put_references(*layer, self.effort())).collect();
        let kills: Vec<Kill> = rows.iter().filter_map(|row| row.kill.clone()).collect();
        let spared = spare(&kills);
        dead.extend(spared.iter().filter(|spared| !spared.survived()).map(|spared| spared.scenario.to_string()));
        self.verdict(&rows, killed, &spared, &dead);
        ExitCode::from(u8::from(killed < rows.len() || !dead.is_empty()))
    }

    fn verdict(&self, rows: &[Row], killed: usize, spared: &[Spared], dead: &[String]) {
        if self.json {
            let rows: Vec<_> = rows.iter().map(Row::json).collect();
            return say(json!({
                "killed": killed, "mutants": rows, "reference_survives": dead.is_empty(), "reference_dies_by": dead,
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
        let references = if dead.is_empty() { "survive" } else { "DIE" };
        say(format_args!("{killed} of {} mutants killed; the references {references}", rows.len()));
        say("`-`: the layer is blind to it, `cargo paxos mutants S1` says why. See one: cargo paxos mutants M2");
    }
}

/// A cell of the matrix, as wide as its column.
fn cell(layer: Layer, text: &str) -> String {
    let width = match layer {
        Layer::Unit => 48,
        Layer::Script => 38,
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

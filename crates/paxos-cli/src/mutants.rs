//! `paxos mutants`: the kill matrix.

use std::process::ExitCode;

use clap::Args;
use paxos_mutants::{Kill, Mutant, Spared, kill, spare};
use serde_json::json;

use crate::{
    output::say,
    search::{bar, grouped},
};

const EXAMPLES: &str = "\
Examples:
  cargo paxos mutants          the kill matrix: every mutant, how it dies, and that the reference does not
  cargo paxos mutants M16      one mutant: its rule, its story, its shortest counterexample
  cargo paxos run crates/paxos-mutants/scripts/M2.script

The whole matrix takes minutes, also with --json, which prints it at the end.

Exit code: 0 all mutants die and the reference survives, 1 otherwise, 2 usage.";

/// Paxos made wrong: kill every mutant, spare the reference
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Mutants {
    /// Only this mutant, with its story and its counterexample
    mutant: Option<Mutant>,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

impl Mutants {
    pub(crate) fn run(self) -> anyhow::Result<ExitCode> {
        match self.mutant {
            Some(mutant) => Ok(one(mutant, self.json)),
            None => Ok(all(self.json)),
        }
    }
}

fn one(mutant: Mutant, json: bool) -> ExitCode {
    let kill = kill(mutant);
    let dead = kill.is_dead();
    if json {
        say(format_args!("{}", row(&kill)));
    } else if let Some(shown) = kill.shown {
        say(shown.script);
        say(format_args!("{mutant}: dies after {} choices", shown.choices));
    } else {
        say(format_args!("{mutant}: {}\nSURVIVES its scenario", mutant.rule()));
    }
    ExitCode::from(u8::from(!dead))
}

fn all(json: bool) -> ExitCode {
    if !json {
        say(format_args!("{:<6} {:<21} {:<21} {:>9}  the wrong rule", "", "first sign", "shown to break", "states"));
    }
    let mut kills = Vec::new();
    // The rows show how far it is; programs get theirs at the end, and whoever started them may want to know.
    let bar = bar("killing", "mutants", Mutant::all().count() as u64, !json);
    for mutant in Mutant::all() {
        let kill = kill(mutant);
        bar.inc(1);
        if !json {
            let sign = kill.sign.map_or_else(|| "SURVIVES".to_owned(), |(sign, after)| format!("{sign} {after}"));
            let shown = kill.shown.as_ref();
            let shown =
                shown.map_or_else(|| "SURVIVES".to_owned(), |shown| format!("{} {}", mutant.breaks(), shown.choices));
            say(format_args!(
                "{mutant:<6} {sign:<21} {shown:<21} {:>9}  {}",
                grouped(kill.progress.states),
                mutant.rule()
            ));
        }
        kills.push(kill);
    }
    let spared = spare(&kills);
    bar.finish_and_clear();
    let killed = kills.iter().filter(|kill| kill.is_dead()).count();
    let survived = spared.iter().all(Spared::survived);
    if json {
        let rows: Vec<_> = kills.iter().map(row).collect();
        say(format_args!("{}", json!({"killed": killed, "mutants": rows, "reference_survives": survived})));
    } else {
        say(format_args!(
            "\nThe reference, where they died: every run one choice longer than the longest counterexample."
        ));
        for spared in &spared {
            say(format_args!(
                "  {}: {} states to depth {}, {}",
                spared.scenario,
                grouped(spared.progress.states),
                spared.progress.depth,
                if spared.survived() { "survives" } else { "DIES" }
            ));
        }
        say(format_args!(
            "\n{killed} of {} mutants killed; the reference {}",
            kills.len(),
            if survived { "survives" } else { "DIES" }
        ));
        say(format_args!("Numbers are choices. See one: cargo paxos mutants M2"));
    }
    ExitCode::from(u8::from(killed < kills.len() || !survived))
}

fn row(kill: &Kill) -> serde_json::Value {
    json!({
        "mutant": kill.mutant.name(), "protocol": kill.mutant.protocol(), "rule": kill.mutant.rule(), "story": kill.mutant.story(),
        "killed": kill.is_dead(),
        "first_sign": kill.sign.map(|(invariant, _)| invariant.name()),
        "first_sign_choices": kill.sign.map(|(_, choices)| choices),
        "breaks": kill.mutant.breaks().name(),
        "choices": kill.shown.as_ref().map(|shown| shown.choices),
        "states": kill.progress.states,
        "script": kill.shown.as_ref().map(|shown| &shown.script),
    })
}

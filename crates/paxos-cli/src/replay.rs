//! `paxos run`: a script, replayed and drawn.

use std::{hash::Hash, io, path::PathBuf, process::ExitCode};

use anyhow::{Context as _, bail};
use clap::Args;
use paxos_judge::{Verdict, judge};
use paxos_mutants::{History, Home, Mutant, WrongService, play, store_world};
use paxos_sim::{Diagram, Happening, Invariant, Script, Scriptable, Watch, World};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::json;

use crate::{
    args::usage,
    output::{colours, say},
    worlds::{InWorld, Kind, enter},
};

const EXAMPLES: &str = "\
Examples:
  cargo paxos run crates/paxos-mutants/scripts/M2.script     a counterexample
  cargo paxos run crates/paxos-basic/tests/scripts/one_proposer.script
  cargo paxos run crates/paxos-multi/tests/scripts/stable_leader.script
  cargo paxos run docs/scripts/phases.script --no-diagram > told.script
                                                             the script with its lines filled in

A script is plain text: a head (protocol basic, multi or kv, nodes 3), then one command a line: request n1 propose a, \
deliver n1 n2 Prepare, drop, duplicate, sync n1, crash n2, restart n2, fire n1 Retry, stabilize. A mutant of a store is \
judged by what its clients saw, too. With `protocol store` it is about one node and its disk: prepare 1, accept 1 a, \
compact, fail, stop, power-cut, damage 0, restart.

Exit code: 0 every invariant held, 1 one was violated, or the one that the script expects to be was not, 2 usage or no \
script, 4 it failed: a command cannot be carried out.";

/// Replay a script, and draw what happens as a space-time diagram
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Run {
    /// The script
    file: PathBuf,
    /// Only the lines of the script, without the diagram
    #[arg(long)]
    no_diagram: bool,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

impl Run {
    pub(crate) fn run(self) -> anyhow::Result<ExitCode> {
        let name = self.file.display();
        let text = match std::fs::read_to_string(&self.file) {
            Ok(text) => text,
            Err(error) => return Ok(usage(format!("cannot read {name}: {error}"))),
        };
        if text.lines().any(|line| line.trim() == "protocol store") {
            return self.disk(&text);
        }
        let script = match Script::parse(&text) {
            Ok(script) => script,
            Err(error) => return Ok(usage(format!("{name} is no script: {error}"))),
        };
        // A mutant of the service is judged by what its clients saw.
        let mutant = script.header.mutant.as_deref().and_then(|name| name.parse::<Mutant>().ok());
        if let Some(mutant) = mutant.filter(|mutant| mutant.home() == Home::Clients) {
            return self.clients(&script, mutant);
        }
        match enter(&script.header, Replay { command: &self, script: &script }) {
            Ok(outcome) => outcome,
            Err(problem) => Ok(usage(format!("{name}: {problem}"))),
        }
    }

    /// A store, judged by what its clients saw as well.
    fn clients(&self, script: &Script, mutant: Mutant) -> anyhow::Result<ExitCode> {
        let mut history = History::default();
        let world = store_world(Some(mutant), script.header.setting(), true);
        let mut watch = |happening: Happening<'_, WrongService>| history.see(&happening);
        // What fails is told below, with the story so far.
        drop(script.replay(world.clone(), &mut watch));
        let code = self.replay(script, world, &Invariant::ALL)?;
        match judge(&history.calls()).context("the clients of the script")? {
            Verdict::NotLinearizable(why) => {
                eprintln!("not linearizable: {}", why.misfit);
                Ok(ExitCode::from(1))
            }
            Verdict::Linearizable { .. } | Verdict::Undecided { .. } => Ok(code),
        }
    }

    /// A node and its disk.
    fn disk(&self, text: &str) -> anyhow::Result<ExitCode> {
        let name = self.file.display();
        let mutant =
            text.lines().find_map(|line| line.strip_prefix("mutant ")).map(|name| name.trim().parse::<Mutant>());
        let played = match mutant.transpose().and_then(|mutant| play(text, mutant)) {
            Ok(played) => played,
            Err(error) => return Ok(usage(format!("{name}: {error}"))),
        };
        if self.json {
            let violated: &[&str] = if played.forgot { &["DurableBeforeVote"] } else { &[] };
            say(json!({"script": played.text, "violated": violated}));
        } else {
            say(&played.text);
        }
        match played.stuck {
            Some(line) => bail!("{name}: line {line}: this cannot happen now"),
            None => Ok(ExitCode::from(u8::from(played.forgot))),
        }
    }

    fn replay<P: Scriptable>(
        &self,
        script: &Script,
        world: World<P>,
        judged: &[Invariant],
    ) -> anyhow::Result<ExitCode> {
        let coloured = colours(&io::stdout()) && !self.json;
        let mut diagram = Diagram::new(world.setting().quorums.members(), coloured);
        let mut draw = |happening: Happening<'_, P>| diagram.see(happening);
        let replayed = match script.replay_judged(world.clone(), judged, &mut draw) {
            Ok(replayed) => replayed,
            Err(error) => {
                // The story up to the command that cannot be carried out is what one needs to mend it.
                if let Ok(before) = script.before(error.line).replay(world, &mut ())
                    && !self.json
                {
                    say(before.text);
                    say(diagram.text());
                }
                if error.line == 0 {
                    // Not what a command ran into, but the answer to what the head of the script expects.
                    eprintln!("{}: {error}", self.file.display());
                    return Ok(ExitCode::from(1));
                }
                return Err(error).with_context(|| format!("{}", self.file.display()));
            }
        };
        let code = ExitCode::from(u8::from(!replayed.violated.is_empty()));
        if self.json {
            let violated: Vec<_> = replayed
                .violated
                .iter()
                .map(|(invariant, line)| json!({"invariant": invariant.name(), "line": line}))
                .collect();
            say(format_args!("{}", json!({"script": replayed.text, "diagram": diagram.text(), "violated": violated})));
            return Ok(code);
        }
        say(format_args!("{}", replayed.text));
        if !self.no_diagram {
            say(format_args!("{}", diagram.text()));
        }
        if !self.no_diagram && replayed.violated.is_empty() {
            say(format_args!("held: every invariant, after every command"));
        }
        for (invariant, line) in &replayed.violated {
            eprintln!("violated: {invariant}, first after line {line}");
        }
        Ok(code)
    }
}

struct Replay<'a> {
    command: &'a Run,
    script: &'a Script,
}

impl InWorld for Replay<'_> {
    type Output = anyhow::Result<ExitCode>;

    fn run<P>(self, fresh: impl Fn() -> World<P>, kind: &Kind) -> Self::Output
    where
        P: Scriptable<Message: Serialize + DeserializeOwned> + Hash,
    {
        self.command.replay(self.script, fresh(), &kind.judged)
    }
}

//! `paxos run`: a script, replayed and drawn.

use std::{hash::Hash, io, path::PathBuf, process::ExitCode};

use anyhow::Context as _;
use clap::Args;
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
  cargo paxos run story.script --no-diagram > told.script    the script with its lines filled in

A script is plain text: a head (protocol basic, multi or kv, nodes 3), then one command a line: request n1 propose a,
deliver n1 n2 Prepare, drop, duplicate, sync n1, crash n2, restart n2, fire n1 Retry, stabilize.

Exit code: 0 every invariant held, 1 one was violated, or the one that the script expects to be was not, 2 usage or no
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
        let script = match Script::parse(&text) {
            Ok(script) => script,
            Err(error) => return Ok(usage(format!("{name} is no script: {error}"))),
        };
        match enter(&script.header, Replay { command: &self, script: &script }) {
            Ok(outcome) => outcome,
            Err(problem) => Ok(usage(format!("{name}: {problem}"))),
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

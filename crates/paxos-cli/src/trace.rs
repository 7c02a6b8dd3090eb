//! `paxos trace`: a run from its files, judged, and in other forms.

use std::{
    fs::{self, File},
    hash::Hash,
    io::{BufReader, IsTerminal as _},
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::{Context as _, bail};
use clap::{Args, ValueEnum};
use paxos_judge::{TraceVerdict, judge_trace};
use paxos_quorums::Quorums;
use paxos_sim::{Diagram, Header, Invariant, Script, Scriptable, Trace, Watch, World, write_path};
use paxos_trace::{Mermaid, Recorder, Run, SpaceTime, replay_first, rust_test};
use serde::{Serialize, de::DeserializeOwned};

use crate::{
    args::usage,
    output,
    worlds::{InWorld, Kind, enter},
};

const EXAMPLES: &str = "\
Examples:
  cargo paxos sim basic --seed 7 --record seven.run && cargo paxos trace seven.run
  cargo paxos trace seven.run --to script > seven.script     a story for `cargo paxos run`
  cargo paxos trace seven.run --to test > seven.rs           the same as a Rust test
  cargo paxos trace seven.run --to svg -o seven.svg          and `--to mermaid`
  cargo paxos trace docs/scripts/phases.script --to run      a script, as a run
  cargo paxos cluster --data here --record here-runs         real nodes; when they have ended:
  cargo paxos trace here-runs/*.run --to tla > t.ndjson

A run is a paxos-run/1 of a simulation, or one of each node of a cluster; a script will do, too. It is replayed in a world, \
where every node must do what it has done, and every invariant is looked at.

Exit code: 0 every invariant held, 1 one was violated, 2 usage or no run, 4 it failed: this cannot have happened so.";

/// Why there is no trace of Raft: its logs are cut off, and its terms are nobody's, so that its right runs would be judged wrong.
pub(crate) const NO_PAXOS: &str = "a trace is judged by the specification of Paxos, which does not allow every run of Raft: \
     the invariants judge those";

/// Replay a run that was recorded, judge it, and write it in another form
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct TraceCommand {
    /// A run of a world, or those of all nodes of a cluster, or a script
    #[arg(required = true)]
    files: Vec<PathBuf>,
    /// What to write
    #[arg(long, value_enum, default_value_t = Form::Text)]
    to: Form,
    /// Where to [default: standard output]
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Only so many of the first choices
    #[arg(long, value_name = "CHOICES", value_parser = clap::value_parser!(u32).range(1..))]
    first: Option<u32>,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Form {
    /// A space-time diagram for the terminal
    Text,
    /// A script with its lines filled in, for `cargo paxos run`
    Script,
    /// A Rust test that replays it
    Test,
    /// A sequence diagram for Mermaid
    Mermaid,
    /// A space-time diagram as a picture
    Svg,
    /// paxos-trace/1, for `cargo paxos judge` and validators of Lamport's specification
    Tla,
    /// paxos-run/1, of one world
    Run,
}

/// The verdict on the runs of all nodes of a cluster.
pub(crate) struct JudgedNodes {
    /// So many choices of a world they are.
    pub(crate) choices: usize,
    /// Invariants that do not hold in it.
    pub(crate) violated: Vec<Invariant>,
    /// Whether what they said is allowed by Lamport's specification.
    pub(crate) said: TraceVerdict,
}

/// Where the run is from.
enum Source {
    Runs(Vec<Run>),
    Script(Script),
}

impl TraceCommand {
    pub(crate) fn run(self) -> anyhow::Result<ExitCode> {
        let source = match self.source() {
            Ok(source) => source,
            Err(problem) => return Ok(usage(problem)),
        };
        let header = match &source {
            Source::Runs(runs) => runs[0].header.clone(),
            Source::Script(script) => script.header.clone(),
        };
        let about = format!("From {}.", self.files.iter().map(|file| name(file)).collect::<Vec<_>>().join(", "));
        let (form, header) = (self.to, Header { expect: None, ..header });
        let members = header.quorums.members();
        if self.to == Form::Tla && header.protocol == "raft" {
            return Ok(usage(format!("{}: {NO_PAXOS}", self.files[0].display())));
        }
        if self.to == Form::Tla && MOST_LISTED < members.len() && Quorums::majority(members) != Ok(header.quorums) {
            return Ok(usage(format!(
                "{}: a trace lists all quorums that are no majorities, and those of {} nodes are too many: at most {MOST_LISTED}",
                self.files[0].display(),
                members.len()
            )));
        }
        let first = self.first.map_or(usize::MAX, |first| first as usize);
        let made = match enter(&header, Make { form, header: &header, source, about, first }) {
            Ok(made) => made?,
            Err(problem) => return Ok(usage(format!("{}: {problem}", self.files[0].display()))),
        };
        match &self.output {
            Some(file) => fs::write(file, &made.text).with_context(|| format!("cannot write {}", file.display()))?,
            None => output::write(&made.text).context("cannot write to standard output")?,
        }
        if made.violated.is_empty() {
            match made.choices {
                Some(choices) => eprintln!("held: every invariant, in {choices} choices"),
                None => eprintln!("held: every invariant, after every command"),
            }
        }
        made.violated.iter().for_each(|invariant| eprintln!("violated: {invariant}"));
        Ok(ExitCode::from(u8::from(!made.violated.is_empty())))
    }

    /// Takes the runs of all nodes of a cluster to a world, writes what they said as a paxos-trace/1, and judges both.
    ///
    /// # Errors
    ///
    /// When the runs cannot be read or replayed, or the trace cannot be written.
    pub(crate) fn judge_nodes(runs: Vec<PathBuf>, trace: &Path) -> anyhow::Result<JudgedNodes> {
        let command = Self { files: runs, to: Form::Tla, output: None, first: None };
        let source = command.source().map_err(anyhow::Error::msg)?;
        let Source::Runs(runs) = &source else { bail!("a script is no run of a node") };
        let header = runs[0].header.clone();
        let make = Make { form: command.to, header: &header, source, about: String::new(), first: usize::MAX };
        let Made { text, choices, violated } = enter(&header, make).map_err(anyhow::Error::msg)??;
        fs::write(trace, &text).with_context(|| format!("cannot write {}", trace.display()))?;
        let choices = choices.context("a run is choices")?;
        Ok(JudgedNodes { choices, violated, said: judge_trace(text.as_slice()).context("the trace of the nodes")? })
    }

    fn source(&self) -> Result<Source, String> {
        let mut runs = Vec::new();
        for path in &self.files {
            let said = |error: &dyn std::fmt::Display| format!("{}: {error}", path.display());
            if is_script(path).map_err(|error| said(&error))? {
                let text = read_script(path).map_err(|error| said(&error))?;
                let script =
                    Script::parse(&text).map_err(|error| said(&format!("it is no run and no script: {error}")))?;
                return if self.files.len() == 1 && self.first.is_none() {
                    Ok(Source::Script(script))
                } else {
                    Err(said(&"a script stands alone and whole: --first and further files are for runs"))
                };
            }
            let file = File::open(path).map_err(|error| said(&error))?;
            runs.push(Run::read(BufReader::new(file)).map_err(|error| said(&error))?);
        }
        Ok(Source::Runs(runs))
    }
}

/// A run is JSON from its first byte on.
fn is_script(path: &Path) -> std::io::Result<bool> {
    use std::io::Read as _;
    let mut first = [0];
    Ok(File::open(path)?.read(&mut first)? == 1 && first[0] != b'{')
}

fn read_script(path: &Path) -> std::io::Result<String> {
    use std::io::Read as _;
    let mut text = String::new();
    File::open(path)?.take(MAX_SCRIPT + 1).read_to_string(&mut text)?;
    if text.len() as u64 <= MAX_SCRIPT { Ok(text) } else { Err(std::io::Error::other("it is too long for a script")) }
}

/// The most nodes whose quorums are listed: see `Trace::with_quorums`.
const MOST_LISTED: usize = 16;
/// Bytes of the longest script that is read. People read scripts, too.
const MAX_SCRIPT: u64 = 16 << 20;

fn name(file: &Path) -> String {
    file.file_name().unwrap_or(file.as_os_str()).to_string_lossy().into_owned()
}

/// Replays the source in its world, and makes the form.
struct Make<'a> {
    form: Form,
    header: &'a Header,
    source: Source,
    about: String,
    first: usize,
}

struct Made {
    text: Vec<u8>,
    /// How many, in a run. A script has commands, some of which are many.
    choices: Option<usize>,
    violated: Vec<Invariant>,
}

impl InWorld for Make<'_> {
    type Output = anyhow::Result<Made>;

    fn run<P>(self, fresh: impl Fn() -> World<P>, kind: &Kind) -> anyhow::Result<Made>
    where
        P: Scriptable<Message: Serialize + DeserializeOwned> + Hash,
    {
        let (header, quorums) = (self.header, self.header.quorums);
        let members = quorums.members();
        match self.form {
            Form::Text => {
                let colours = std::io::stdout().is_terminal() && output::colours(&std::io::stdout());
                let mut diagram = Diagram::new(members, colours);
                let (_, made) = self.replay(&fresh, kind, &mut diagram)?;
                Ok(Made { text: diagram.text().as_bytes().to_vec(), ..made })
            }
            Form::Mermaid => {
                let mut mermaid = Mermaid::new(members);
                let (_, made) = self.replay(&fresh, kind, &mut mermaid)?;
                Ok(Made { text: mermaid.finish().into_bytes(), ..made })
            }
            Form::Svg => {
                let mut drawn = SpaceTime::<P::Message>::new(members);
                let (_, made) = self.replay(&fresh, kind, &mut drawn)?;
                Ok(Made { text: drawn.finish().into_bytes(), ..made })
            }
            Form::Tla => {
                let mut trace = Trace::with_quorums(Vec::new(), &quorums);
                let (_, made) = self.replay(&fresh, kind, &mut trace)?;
                Ok(Made { text: trace.finish()?, ..made })
            }
            Form::Run => {
                let mut recorder = Recorder::of_world(Vec::new(), header);
                let (_, made) = self.replay(&fresh, kind, &mut recorder)?;
                Ok(Made { text: recorder.finish()?, ..made })
            }
            Form::Script => {
                let (script, made) = self.replay(&fresh, kind, &mut ())?;
                Ok(Made { text: script.into_bytes(), ..made })
            }
            Form::Test => {
                let (script, made) = self.replay(&fresh, kind, &mut ())?;
                let about = format!("{}\n\nWritten by `cargo paxos trace --to test`.", self.about);
                let text = rust_test(&about, &script, kind.uses, kind.process, &kind.make, kind.judged_by);
                Ok(Made { text: text.into_bytes(), ..made })
            }
        }
    }
}

impl Make<'_> {
    /// The script of the run with its lines filled in, which is asked for only where it is the form; and the verdict.
    fn replay<P>(
        &self,
        fresh: &impl Fn() -> World<P>,
        kind: &Kind,
        watch: &mut impl Watch<P>,
    ) -> anyhow::Result<(String, Made)>
    where
        P: Scriptable<Message: Serialize + DeserializeOwned> + Hash,
    {
        let verdict = |world: &World<P>| -> Vec<Invariant> {
            kind.judged.iter().copied().filter(|invariant| world.violated(&[*invariant]).is_some()).collect()
        };
        let runs = match &self.source {
            Source::Script(script) => {
                let replayed = script.replay_judged(fresh(), &kind.judged, watch)?;
                let violated = replayed.violated.iter().map(|(invariant, _)| *invariant).collect();
                return Ok((replayed.text, Made { text: Vec::new(), choices: None, violated }));
            }
            Source::Runs(runs) => runs,
        };
        let replayed = replay_first(self.first, runs, fresh(), watch)?;
        let (choices, violated) = (Some(replayed.choices.len()), verdict(&replayed.world));
        let mut text = String::new();
        if matches!(self.form, Form::Script | Form::Test) {
            let header = Header { expect: violated.first().copied(), ..self.header.clone() };
            let bare = write_path(&header, &self.about, fresh(), &replayed.choices);
            let script = Script::parse(&bare).context("the run is too long for a script: choose the --first lines")?;
            let told = script.replay_judged(fresh(), &kind.judged, &mut ())?;
            if told.world != replayed.world {
                bail!("the script that was written is another run: please report this");
            }
            text = told.text;
        }
        Ok((text, Made { text: Vec::new(), choices, violated }))
    }
}

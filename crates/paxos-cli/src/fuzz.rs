//! `paxos fuzz`: bytes that nobody meant to write, for everything that reads bytes.

use std::{
    fs,
    io::{self, IsTerminal as _},
    panic,
    path::{Path, PathBuf},
    process::ExitCode,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::Duration,
};

use anyhow::Context as _;
use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use paxos_fuzz::{Crash, Progress, Target, attempt, fuzz};
use serde_json::json;

use crate::{
    args::usage,
    output::say,
    search::{UNDECIDED, grouped, stop_on_interrupt},
};

const EXAMPLES: &str = "\
Examples:
  cargo paxos fuzz                                  every target, five seconds each
  cargo paxos fuzz frames --seconds 600 --seed 7
  cargo paxos fuzz wal_bytes --input crash-wal_bytes-1    once more, what has failed and was saved
  cargo paxos fuzz --list

The same seed throws the same bytes. An input for which something does not hold is written to a file, and the command that \
repeats it is printed. What ends the process itself, such as a stack that overflows, leaves no file: libFuzzer, in `fuzz`, \
does. Ctrl-C ends it and tells what was done until then.

Exit code: 0 everything held, 1 something did not, 2 usage, 3 it was stopped before its time, 4 it failed: the input cannot \
be written.";

/// Throw bytes at everything that reads some, and see whether what must hold does
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Fuzz {
    /// Which target; without one, all in turn
    target: Option<String>,
    /// For how long, each target
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..=604_800))]
    seconds: u64,
    /// Where the dice begin
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Only this input, from a file
    #[arg(long, value_name = "FILE", requires = "target", conflicts_with_all = ["seconds", "seed"])]
    input: Option<PathBuf>,
    /// Where an input goes for which something does not hold
    #[arg(long, value_name = "DIRECTORY", default_value = ".")]
    crashes: PathBuf,
    /// Say which targets there are
    #[arg(long, conflicts_with = "target")]
    list: bool,
    /// Print one JSON object a target
    #[arg(long)]
    json: bool,
}

impl Fuzz {
    pub(crate) fn run(self) -> anyhow::Result<ExitCode> {
        if self.list {
            for target in &Target::ALL {
                self.tell(&json!({"target": target.name, "about": target.about}), || {
                    format!("{:<12} {}", target.name, target.about)
                });
            }
            return Ok(ExitCode::SUCCESS);
        }
        let targets = match self.target.as_deref().map(Target::named) {
            None => Target::ALL.to_vec(),
            Some(Some(target)) => vec![*target],
            Some(None) => {
                let names: Vec<&str> = Target::ALL.iter().map(|target| target.name).collect();
                return Ok(usage(format!("there is no such target; there are {}", names.join(", "))));
            }
        };
        // What a panic says is said once, with its input, and not on the way.
        panic::set_hook(Box::new(|_| {}));
        if let (Some(file), [target]) = (&self.input, targets.as_slice()) {
            return Ok(self.once(target, file));
        }
        let stop = stop_on_interrupt()?;
        let mut code = 0;
        for target in &targets {
            code = self.throw(target, &stop)?;
            if code != 0 {
                break;
            }
        }
        Ok(ExitCode::from(code))
    }

    fn once(&self, target: &Target, file: &Path) -> ExitCode {
        let input = match fs::read(file) {
            Ok(input) => input,
            Err(error) => return usage(format!("cannot read {}: {error}", file.display())),
        };
        let held = attempt(target, &input);
        let failure = held.as_ref().err();
        self.tell(&json!({"target": target.name, "held": held.is_ok(), "failure": failure}), || match failure {
            None => format!("{}: held", target.name),
            Some(what) => format!("{}: {what}", target.name),
        });
        ExitCode::from(u8::from(held.is_err()))
    }

    /// The exit code for this target.
    fn throw(&self, target: &Target, stop: &Arc<AtomicBool>) -> anyhow::Result<u8> {
        let (end, bar) = (Duration::from_secs(self.seconds), self.bar(target));
        let thrown = fuzz(target, self.seed, |progress| {
            if progress.executions.is_multiple_of(256) {
                bar.set_position(progress.took.as_secs());
                let executions = usize::try_from(progress.executions).unwrap_or(usize::MAX);
                bar.set_message(format!("{} inputs, {:.0} a second", grouped(executions), progress.per_second()));
            }
            progress.took < end && !stop.load(Relaxed)
        });
        bar.finish_and_clear();
        match thrown {
            Ok(progress) => {
                let stopped = progress.took < end;
                self.held(target, &progress, stopped);
                Ok(if stopped { UNDECIDED } else { 0 })
            }
            Err(crash) => self.failed(target, &crash).map(|()| 1),
        }
    }

    fn held(&self, target: &Target, progress: &Progress, stopped: bool) {
        let Progress { executions, took } = progress;
        let (seconds, rate) = (took.as_secs_f64(), progress.per_second());
        let figures = json!({
            "target": target.name, "seed": self.seed, "held": true, "stopped": stopped, "executions": executions,
            "seconds": seconds, "executions_per_second": rate,
        });
        self.tell(&figures, || {
            let inputs = grouped(usize::try_from(*executions).unwrap_or(usize::MAX));
            let so_far = if stopped { ", stopped" } else { "" };
            format!("{:<12} held for {inputs} inputs in {seconds:.1} s, {rate:.0} a second{so_far}", target.name)
        });
    }

    fn failed(&self, target: &Target, Crash { input, what }: &Crash) -> anyhow::Result<()> {
        let file = self.crashes.join(format!("crash-{}-{}", target.name, self.seed));
        let name = file.display();
        fs::create_dir_all(&self.crashes)
            .and_then(|()| fs::write(&file, input))
            .with_context(|| format!("cannot write {name}; the input is {}", input.escape_ascii()))?;
        let again = format!("cargo paxos fuzz {} --input {}", target.name, quoted(&name.to_string()));
        let figures = json!({
            "target": target.name, "seed": self.seed, "held": false, "failure": what, "input": name.to_string(),
            "repeat": again,
        });
        self.tell(&figures, || format!("{}: {what}\nthe input is in {name}\nagain: {again}", target.name));
        Ok(())
    }

    fn tell(&self, figures: &serde_json::Value, text: impl FnOnce() -> String) {
        if self.json { say(figures) } else { say(text()) }
    }

    fn bar(&self, target: &Target) -> ProgressBar {
        if self.json || !io::stderr().is_terminal() {
            return ProgressBar::hidden();
        }
        let style =
            ProgressStyle::with_template("{prefix:12} {bar:30} {pos}/{len} s, {msg}").expect("a valid template");
        ProgressBar::new(self.seconds).with_style(style).with_prefix(target.name)
    }
}

/// A word as a shell takes it for one.
fn quoted(word: &str) -> String {
    let plain = |character: char| character.is_ascii_alphanumeric() || "/._-".contains(character);
    if word.chars().all(plain) { word.to_owned() } else { format!("'{}'", word.replace('\'', r"'\''")) }
}

#[cfg(test)]
mod tests {
    use clap::Parser;
    use paxos_fuzz::Seed;

    use super::*;

    #[derive(Parser)]
    struct Command {
        #[command(flatten)]
        fuzz: Fuzz,
    }

    /// It does not hold for bytes that have a 7 among them, which its seed has not.
    const FAILS: Target = Target::new(
        "fails",
        "it fails",
        |bytes| assert!(!bytes.contains(&7), "there is a seven"),
        || vec![Seed { name: "four".to_owned(), bytes: vec![1, 2, 3, 4] }],
    );

    #[test]
    fn an_input_that_fails_is_kept_and_fails_again() {
        let place = tempfile::tempdir().unwrap();
        let crashes = place.path().join("not there yet");
        let said = ["fuzz", "--seconds", "600", "--seed", "5", "--crashes", crashes.to_str().unwrap()];
        let Command { fuzz } = Command::parse_from(said);
        assert_eq!(fuzz.throw(&FAILS, &Arc::default()).unwrap(), 1);
        let file = crashes.join("crash-fails-5");
        let input = fs::read(&file).expect("it was kept");
        assert_eq!(attempt(&FAILS, &input), Err("there is a seven".to_owned()));
        assert_eq!(fuzz.once(&FAILS, &file), ExitCode::from(1), "the same again");
        fs::write(&file, [1, 2, 3]).unwrap();
        assert_eq!(fuzz.once(&FAILS, &file), ExitCode::SUCCESS);
    }

    #[test]
    fn where_nothing_can_be_written_the_input_is_told() {
        let place = tempfile::tempdir().unwrap();
        let file = place.path().join("a file");
        fs::write(&file, "").unwrap();
        let Command { fuzz } = Command::parse_from(["fuzz", "--crashes", file.to_str().unwrap()]);
        let crash = Crash { input: vec![b'a', 7], what: "there is a seven".to_owned() };
        let error = format!("{:#}", fuzz.failed(&FAILS, &crash).unwrap_err());
        assert!(error.contains("cannot write") && error.contains(r"the input is a\x07"), "{error}");
    }

    #[test]
    fn a_command_is_printed_as_a_shell_takes_it() {
        for (word, quoted_word) in
            [("./crash-frames-1", "./crash-frames-1"), ("a b", "'a b'"), ("it's", r"'it'\''s'"), ("$x", "'$x'")]
        {
            assert_eq!(quoted(word), quoted_word);
        }
    }
}

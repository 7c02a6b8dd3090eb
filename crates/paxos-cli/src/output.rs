//! Saying things on standard output, to somebody who may have stopped listening; and what an exit code says.

use std::{
    env,
    fmt::Display,
    io::{self, IsTerminal, Write as _},
    process::{ExitCode, exit},
};

use serde_json::json;

use crate::search::UNDECIDED;

/// The exit code of what could not be done: no file, no quorum, no disk. The answer "no" is another one, 1: a program
/// must tell what is wrong with a cluster from what is wrong with its own question.
pub(crate) const FAILED: u8 = 4;

/// Prints a line. A reader that has gone, as `| head` does, changes nothing: what is told is lost on it, and the exit
/// code, which is the verdict, is for somebody else.
pub(crate) fn say(line: impl Display) {
    if let Err(error) = try_say(line) {
        eprintln!("error: cannot write to standard output: {error}");
        exit(FAILED.into());
    }
}

/// The same, for those who have something to tidy before they end.
///
/// # Errors
///
/// When standard output takes no more, for another reason than that nobody reads it.
pub(crate) fn try_say(line: impl Display) -> io::Result<()> {
    write(format!("{line}\n").as_bytes())
}

/// Prints bytes as they are.
///
/// # Errors
///
/// Those of [`try_say`].
pub(crate) fn write(bytes: &[u8]) -> io::Result<()> {
    let mut out = io::stdout().lock();
    match out.write_all(bytes).and_then(|()| out.flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        written => written,
    }
}

/// Says that it failed, on stderr and, for programs, on stdout too; returns the exit code.
pub(crate) fn failed(error: impl Display, is_unknown: bool, json: bool) -> ExitCode {
    let (outcome, code) = if is_unknown { ("unknown", UNDECIDED) } else { ("not done", FAILED) };
    let error = error.to_string();
    eprintln!("error: {error}");
    if json {
        say(json!({ "error": error, "outcome": outcome }));
    }
    ExitCode::from(code)
}

/// Whether there are colours on a stream: it is a terminal, and the user has not said no.
pub(crate) fn colours(stream: &impl IsTerminal) -> bool {
    stream.is_terminal() && env::var_os("NO_COLOR").is_none_or(|value| value.is_empty()) // https://no-color.org
}

//! Saying things on standard output, to somebody who may have stopped listening.

use std::{
    fmt::Display,
    io::{self, Write as _},
    process::exit,
};

/// Prints a line. When whoever reads has gone, as `| head` does, there is nothing left to say and the program ends.
pub(crate) fn say(line: impl Display) {
    match writeln!(io::stdout(), "{line}") {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => exit(0),
        Err(error) => {
            eprintln!("error: cannot write to standard output: {error}");
            exit(1);
        }
    }
}

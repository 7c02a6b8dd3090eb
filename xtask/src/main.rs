//! The project's own chores, written in Rust so that they run wherever the project builds: `cargo xtask <chore>`.
//!
//! - `tidy` keeps the promises of `ARCHITECTURE.md` that no compiler keeps: which crate may know which, what the pure
//!   crates may contain, how long a file may grow, and that the book quotes code that exists.
//! - `book` builds the book in `docs/`, and installs the one tool that takes.
//! - `ci` runs everything that has to pass before a change is merged, in the order that finds mistakes soonest.

mod tidy;

mod book;
mod ci;

use std::path::Path;
use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let outcome = match arguments.as_slice() {
        ["tidy"] => tidy::run(root()),
        ["book"] => book::run(root()),
        ["ci"] => ci::run(root()),
        ["help" | "--help" | "-h"] => {
            print!("{USAGE}");
            Ok(())
        }
        _ => {
            eprint!("{USAGE}");
            return ExitCode::from(2);
        }
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// The root of the workspace: every chore works on the whole of it, wherever it was called from.
fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("xtask/ is a folder of the workspace")
}

const USAGE: &str = "\
Usage: cargo xtask <chore>

Chores:
  tidy    check what no compiler checks: arrows between crates, purity, file lengths, the book's links
  book    build the book into docs/book, installing mdbook into target/tools if it is not there
  ci      everything that has to pass: format, lints, docs, tests, the demo, the book

  --help  print this
";

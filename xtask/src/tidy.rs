//! `cargo xtask tidy`: the promises of `ARCHITECTURE.md` that no compiler keeps, kept by a test.
//!
//! Every check is a function from plain data (the crates and the text of the files) to a list of failures, so a unit
//! test feeds it a made-up workspace and sees it fail: a check that cannot fail is not a check. Reading the disk and
//! asking cargo happen once, in [`workspace`].

mod direction;
mod purity;

mod architecture;
mod book_links;
mod byte_format;
mod leftovers;
mod length;

mod words;
mod workspace;

use std::fmt;
use std::path::Path;

use anyhow::{Result, ensure};

use self::workspace::Workspace;

pub(crate) fn run(root: &Path) -> Result<()> {
    let workspace = Workspace::read(root)?;

    println!("The longest source files, in lines that are not tests:");
    for (lines, path) in length::longest(&workspace.files, 10) {
        println!("{lines:>6}  {path}");
    }

    let failures = check(&workspace);
    for failure in &failures {
        println!("{failure}");
    }
    ensure!(failures.is_empty(), "not tidy: {} to repair, listed above", failures.len());
    println!("Tidy: {} crates, {} files.", workspace.crates.len(), workspace.files.len());
    Ok(())
}

fn check(Workspace { crates, files }: &Workspace) -> Vec<Failure> {
    [
        direction::check(crates),
        direction::stale_rows(crates),
        purity::dependencies(crates),
        purity::sources(crates, files),
        purity::built_without_std(files),
        purity::lints(crates, files),
        architecture::check(crates, files),
        book_links::chapters(files),
        book_links::includes(files),
        byte_format::check(files),
        leftovers::check(files),
        length::check(files),
    ]
    .concat()
}

/// One thing to repair: where, and what to do about it.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Failure {
    file: String,
    repair: String,
}

impl Failure {
    fn new(file: impl Into<String>, repair: impl Into<String>) -> Self {
        Self { file: file.into(), repair: repair.into() }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.file, self.repair)
    }
}

//! `cargo xtask book`: the book, built by the one version of mdbook that it was written for.
//!
//! The tool is a program and not a dependency, so cargo does not fetch it for us. It is looked for in `target/tools`,
//! then on the `PATH`, and installed into `target/tools` otherwise: nothing outside the workspace changes.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, ensure};

pub(crate) fn run(root: &Path) -> Result<()> {
    let mdbook = match find(root) {
        Some(mdbook) => mdbook,
        None => install(root)?,
    };
    let status = Command::new(&mdbook)
        .args(["build", "docs"])
        .current_dir(root)
        .status()
        .with_context(|| format!("{} did not start", mdbook.display()))?;
    ensure!(status.success(), "the book does not build: mdbook says why, above");
    println!("The book is in docs/book/index.html.");
    Ok(())
}

/// Another version may be on the `PATH`; the book's configuration is only known to suit [`VERSION`].
fn find(root: &Path) -> Option<PathBuf> {
    let on_path = PathBuf::from("mdbook");
    [installed(root), on_path].into_iter().find(|mdbook| version(mdbook).as_deref() == Some(VERSION))
}

fn install(root: &Path) -> Result<PathBuf> {
    println!("mdbook {VERSION} is not here yet: installing it into {TOOLS}, which takes a few minutes, once.");
    let status = Command::new(crate::ci::cargo())
        .args(["install", "mdbook", "--version", VERSION, "--locked", "--root", TOOLS])
        // Serving and watching are for `mdbook serve`; a built book needs its search index and nothing else.
        .args(["--no-default-features", "--features", "search"])
        .current_dir(root)
        .status()
        .context("cargo install did not start")?;
    ensure!(
        status.success(),
        "mdbook {VERSION} could not be installed (it is downloaded from crates.io); \
         put mdbook {VERSION} on the PATH and run this again"
    );
    let mdbook = installed(root);
    ensure!(version(&mdbook).as_deref() == Some(VERSION), "{} is not mdbook {VERSION}", mdbook.display());
    Ok(mdbook)
}

fn installed(root: &Path) -> PathBuf {
    root.join(TOOLS).join("bin").join(format!("mdbook{}", std::env::consts::EXE_SUFFIX))
}

/// What a program says that it is; `None` where there is no such program.
fn version(mdbook: &Path) -> Option<String> {
    let output = Command::new(mdbook).arg("--version").output().ok()?;
    parse_version(&String::from_utf8(output.stdout).ok()?)
}

fn parse_version(answer: &str) -> Option<String> {
    let version = answer.trim().strip_prefix("mdbook ")?;
    Some(version.trim_start_matches('v').to_owned())
}

const VERSION: &str = "0.5.4";
const TOOLS: &str = "target/tools";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_is_read_with_and_without_its_v() {
        assert_eq!(parse_version("mdbook v0.5.4\n").as_deref(), Some("0.5.4"));
        assert_eq!(parse_version("mdbook 0.5.4").as_deref(), Some("0.5.4"));
        assert_eq!(parse_version("something else"), None);
    }
}

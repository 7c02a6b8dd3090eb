//! What a bench of the `paxos` program begins with: the program, a place on the disk, and the way it says what it found.

use std::{
    env,
    path::{Path, PathBuf},
    process::ExitCode,
};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::{
    asked::{Asked, Understood},
    report::load_average,
    service::{Cluster, Program},
};

/// The set-up of a bench that takes `--quick` and `--json`.
pub struct Rig {
    /// The program that is measured.
    pub program: Program,
    /// Short loads. Without `--bench` this is `cargo test`, which wants to know only that it runs.
    pub quick: bool,
    json: bool,
    dir: TempDir,
}

impl Rig {
    /// Reads the command line, builds the program, and makes a directory. `temporary` is a directory in the target
    /// directory, and not in the system's temporary directory, which may be memory.
    ///
    /// # Errors
    ///
    /// The exit code, when nothing is to be measured; why is told, with `usage`.
    ///
    /// # Panics
    ///
    /// When the program does not build, or the directory cannot be made.
    pub fn set_up(temporary: &Path, usage: &str) -> Result<Self, ExitCode> {
        let understood = Understood { flags: &["--quick", "--json"], values: &[] };
        let asked = Asked::read(env::args().skip(1), understood).map_err(|instead| instead.end(usage))?;
        let program = Program::build(temporary.parent().expect("a folder in the target directory"));
        let dir = tempfile::tempdir_in(temporary).expect("a directory on the disk");
        Ok(Self { program, quick: asked.has("--quick") || !asked.is_bench(), json: asked.has("--json"), dir })
    }

    /// A directory of this name, which goes with the bench.
    #[must_use]
    pub fn dir(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// A cluster in a directory of this name, which answers.
    ///
    /// # Panics
    ///
    /// When it does not start.
    #[must_use]
    pub fn cluster(&self, name: &str) -> Cluster {
        let cluster = Cluster::start(&self.program, &self.dir(name));
        cluster.answers(&self.program);
        cluster
    }

    /// Says something, for people or for programs.
    pub fn say(&self, text: &str, figures: &Value) {
        if self.json {
            println!("{figures}");
        } else {
            println!("{text}");
        }
    }

    /// Says what else the machine has to do.
    pub fn say_load_average(&self) {
        let load = load_average();
        self.say(&format!("load average {load}"), &json!({ "load_average": load }));
    }

    /// Says that something was not measured, and why; returns false.
    pub fn void(&self, what: &str, why: &str) -> bool {
        self.say(&format!("{what}: void: {why}"), &json!({ "bench": what, "void": why }));
        false
    }
}

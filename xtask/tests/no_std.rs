//! The pure crates build without the standard library, so nothing in them reaches a clock, a socket or a disk.
//!
//! A target that has no std would show it too, but has to be installed first. The crate `xtask/no-std` needs nothing
//! installed: it defines the panic handler, of which a program has exactly one, and std has one. If any crate below
//! it links std, on any path, rustc stops with E0152, duplicate lang item.

use std::ffi::OsString;
use std::process::{Command, Output};
use std::sync::LazyLock;

#[test]
fn pure_crates_build_without_std() {
    for features in ["", "serde"] {
        let output = check(features);
        assert!(output.status.success(), "with features [{features}]:\n{}", String::from_utf8_lossy(&output.stderr));
    }
}

/// The check can fail: by std in the crate itself, and by std in a dependency of the dependencies.
#[test]
fn a_crate_with_std_does_not_build() {
    for features in ["with-std", "with-std-below"] {
        let output = check(features);
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success(), "{features} was built");
        assert!(errors.contains("error[E0152]") && errors.contains("panic_impl"), "with {features}:\n{errors}");
    }
}

fn check(features: &str) -> Output {
    cargo()
        .args(["check", "--manifest-path", MANIFEST, "--features", features, "--target-dir", TARGET])
        .args(NETWORK.iter())
        .output()
        .expect("cargo starts")
}

/// What was downloaded for the workspace is enough here, so the network is only asked where that has been cleared.
/// Fetching also writes the crate's lock file once, before the tests read it side by side.
static NETWORK: LazyLock<Vec<&str>> = LazyLock::new(|| {
    let fetched = |network: &[&str]| {
        let output = cargo().args(["fetch", "--manifest-path", MANIFEST]).args(network).output().expect("cargo starts");
        output.status.success()
    };
    if fetched(&["--offline"]) {
        return vec!["--offline"];
    }
    fetched(&[]);
    vec![]
});

fn cargo() -> Command {
    Command::new(std::env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo")))
}

const MANIFEST: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/no-std/Cargo.toml");
const TARGET: &str = concat!(env!("CARGO_TARGET_TMPDIR"), "/no-std");

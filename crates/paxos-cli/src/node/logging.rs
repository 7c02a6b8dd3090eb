//! Where the log of a node goes, and in which form.

use std::{env, io};

use tracing_subscriber::EnvFilter;

use crate::output::colours;

/// How a log is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum LogFormat {
    /// For people.
    Text,
    /// For programs: one JSON object per line.
    Json,
}

/// Sends the log to stderr. Fails when RUST_LOG cannot be read.
pub(crate) fn start(format: LogFormat) -> Result<(), String> {
    let wanted = env::var("RUST_LOG").unwrap_or_else(|_| "info".into());
    let filter = EnvFilter::try_new(&wanted).map_err(|error| format!("RUST_LOG={wanted:?}: {error}"))?;
    let log =
        tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr).with_ansi(colours(&io::stderr()));
    match format {
        LogFormat::Text => log.init(),
        LogFormat::Json => log.json().flatten_event(true).init(),
    }
    Ok(())
}

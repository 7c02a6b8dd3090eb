//! How a node is told to end: a signal, or the end of its stdin.

use std::{io, thread};

use anyhow::Context;

/// Calls `stop` at Ctrl-C and SIGTERM, and, if wanted, when stdin is closed. It may be called more than once.
///
/// # Errors
///
/// When signals cannot be listened for.
pub(super) fn on_request(with_stdin: bool, stop: impl Fn() + Clone + Send + 'static) -> anyhow::Result<()> {
    ctrlc::set_handler(stop.clone()).context("cannot listen for signals")?;
    if with_stdin {
        thread::spawn(move || {
            let _ = io::copy(&mut io::stdin(), &mut io::sink()); // an error is an end, too
            stop();
        });
    }
    Ok(())
}

//! Nodes that stop: a role asserts what must never be, also in release, and a wrong rule may lead there before an invariant
//! fails or a client is told anything.
//!
//! That is a death like any other, with one difference. A bug in the wrapper of a mutant would look the same, so what was
//! asserted is kept, and a test reads it.

use std::{
    any::Any,
    panic::{AssertUnwindSafe, catch_unwind},
};

/// Runs it to its end.
///
/// # Errors
///
/// When a node stops: the assertion, in its words.
pub(crate) fn unless_stopped<T>(run: impl FnOnce() -> T) -> Result<T, String> {
    catch_unwind(AssertUnwindSafe(run)).map_err(|said| words(&*said))
}

fn words(said: &(dyn Any + Send)) -> String {
    let text = said.downcast_ref::<String>().map(String::as_str).or_else(|| said.downcast_ref::<&str>().copied());
    text.unwrap_or("without a word").to_owned()
}

//! A run goes to a file and comes back; and what comes back is the run.

mod forms;
mod nodes;
mod worlds;

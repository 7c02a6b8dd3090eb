//! What several benches share; each bench is a file beside `Cargo.toml`. Run them with `cargo bench -p benches`.

pub mod asked;
pub mod durable;
pub mod log;
pub mod overload;
pub mod report;
pub mod rig;
pub mod service;

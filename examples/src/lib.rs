//! The examples, each beside `Cargo.toml`. Run one with `cargo run -p examples --example NAME`.

//! The examples of the workspace; each is a file beside `Cargo.toml`. Run one with `cargo run -p examples --example NAME`.

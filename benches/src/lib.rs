//! The benches of the workspace; each is a file beside `Cargo.toml`. Run them with `cargo bench -p benches`.

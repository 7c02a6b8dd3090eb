//! Stable storage: an append-only log with group sync, torn-tail repair and checkpoints.

//! Runs any process for real: the drive loop on a thread, tokio sockets, a clock table.

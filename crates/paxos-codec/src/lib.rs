//! The one crate that names bincode: frames and records, size-limited and checksummed.

//! One world, many choosers: every event that may happen next, and the invariants that judge it.

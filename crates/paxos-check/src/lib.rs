//! A breadth-first model checker over the world of paxos-sim, meant to be read.

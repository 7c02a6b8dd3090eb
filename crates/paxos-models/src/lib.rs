//! What is checked: named scenarios of Basic Paxos, and the roles under Lamport's own abstraction.

//! The mutants: what each leaves out, who has made the mistake, and where to look for its counterexample.

mod basic;
mod log;

use std::{collections::BTreeMap, fmt, str::FromStr};

use paxos_sim::{Header, Invariant, Setting};

use crate::{Requests, Scenario};

/// A replica with one wrong rule. M1 to M10 are mistakes about Paxos that people make, M13 to M21 about a log; B1 and B2
/// are mistakes about the disk that drivers make, and L1 to L7 are mistakes in the machinery of a log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(missing_docs, reason = "each is documented by its rule and its story, which the book and the command print")]
pub enum Mutant {
    M1,
    M2,
    M2b,
    M3,
    M3b,
    M3c,
    M4,
    M5,
    M6,
    M6b,
    M7,
    M8,
    M9,
    M10,
    M10b,
    B1,
    B2,
    M13,
    M14,
    M15,
    M16,
    M17,
    M19,
    M21,
    L1,
    L2,
    L3,
    L4,
    L5,
    L6,
    L7,
}

/// What is known about a mutant.
struct Entry {
    mutant: Mutant,
    name: &'static str,
    rule: &'static str,
    story: &'static str,
    scenario: Scenario,
    breaks: Invariant,
    script: &'static str,
}

macro_rules! entry {
    ($mutant:ident, $scenario:expr, $breaks:ident, $rule:literal, $story:literal) => {
        Entry {
            mutant: Mutant::$mutant,
            name: stringify!($mutant),
            rule: $rule,
            story: $story,
            scenario: $scenario,
            breaks: Invariant::$breaks,
            script: include_str!(concat!("../../scripts/", stringify!($mutant), ".script")),
        }
    };
}

use entry;

impl Mutant {
    /// All of them, in the order of the book.
    pub fn all() -> impl Iterator<Item = Self> {
        entries().map(|entry| entry.mutant)
    }

    /// Its name: `M2b`.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.entry().name
    }

    /// The rule it breaks, as the mutant would state it.
    #[must_use]
    pub fn rule(self) -> &'static str {
        self.entry().rule
    }

    /// What goes wrong then, and why.
    #[must_use]
    pub fn story(self) -> &'static str {
        self.entry().story
    }

    /// The invariant whose failure its stored script shows.
    #[must_use]
    pub fn breaks(self) -> Invariant {
        self.entry().breaks
    }

    /// The stored script: a shortest run of its scenario in which that invariant fails.
    #[must_use]
    pub fn script(self) -> &'static str {
        self.entry().script
    }

    /// Where the checker looks for it.
    #[must_use]
    pub fn scenario(self) -> Scenario {
        self.entry().scenario
    }

    /// The protocol that it is a mutant of, as the head of a script names it.
    #[must_use]
    pub fn protocol(self) -> &'static str {
        match self.scenario().requests {
            Requests::Basic(_) => "basic",
            Requests::Multi(_) => "multi",
        }
    }

    /// The head of its script.
    #[must_use]
    pub fn header(self) -> Header {
        let Setting { quorums, disk, loopback } = self.scenario().setting();
        let (protocol, mutant) = (self.protocol().to_owned(), Some(self.name().to_owned()));
        Header { protocol, quorums, disk, loopback, mutant, options: BTreeMap::new(), expect: Some(self.breaks()) }
    }

    fn entry(self) -> &'static Entry {
        entries().find(|entry| entry.mutant == self).expect("every mutant has an entry")
    }
}

fn entries() -> impl Iterator<Item = &'static Entry> {
    basic::ENTRIES.iter().chain(&log::ENTRIES)
}

impl fmt::Display for Mutant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Mutant {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        Self::all().find(|mutant| mutant.name().eq_ignore_ascii_case(name)).ok_or_else(|| {
            let names: Vec<&str> = Self::all().map(Self::name).collect();
            format!("no mutant is called {name:?}; there are {}", names.join(", "))
        })
    }
}

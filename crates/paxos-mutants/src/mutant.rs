//! The mutants: what each leaves out, who has made the mistake, and where to look for its counterexample.

mod basic;
mod disk;
mod log;
mod service;
mod time;

use std::{collections::BTreeMap, fmt, str::FromStr};

use paxos_sim::{Header, Invariant, Setting};

use crate::Scenario;

/// A node with one wrong rule. The letter says where: A in an acceptor, M in how people think of Paxos and of a log, B and
/// D in a driver and its disk, L in the machinery of a log, S in the service on it, V in what keeps it going. The numbers of M
/// are those of the misconceptions that the book tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(missing_docs, reason = "each is documented by its rule and its story, which the book and the command print")]
pub enum Mutant {
    A1,
    A2,
    M1,
    M2,
    M2b,
    M3,
    M3b,
    M3c,
    M3d,
    M4,
    M5,
    M6,
    M6b,
    M7,
    M8,
    M9,
    M9b,
    M10,
    M10b,
    M22,
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
    L8,
    L9,
    S1,
    S2,
    S3,
    D1,
    D2,
    D2b,
    D3,
    D4,
    M11,
    M12,
    V1,
    V2,
    V3,
}

/// Where a mutant lives, and so who can judge it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Home {
    /// In a small world, in which the checker finds a shortest run that breaks an invariant.
    World(Scenario, Invariant),
    /// In a world too deep to be searched: its run was thought out, and breaks an invariant.
    Story(Scenario, Invariant),
    /// In a store, where clients are told something wrong.
    Clients,
    /// On a disk, which forgets what was said.
    Disk,
    /// In time: nothing wrong is said, and nothing is done. In a protocol of this name.
    Time(&'static str),
}

/// What is known about a mutant.
struct Entry {
    mutant: Mutant,
    name: &'static str,
    rule: &'static str,
    story: &'static str,
    home: Home,
    script: &'static str,
}

macro_rules! entry {
    ($mutant:ident, $scenario:expr, $breaks:ident, $rule:literal, $story:literal) => {
        entry!($mutant, Home::World($scenario, Invariant::$breaks), $rule, $story)
    };
    ($mutant:ident, $home:expr, $rule:literal, $story:literal) => {
        Entry {
            mutant: Mutant::$mutant,
            name: stringify!($mutant),
            rule: $rule,
            story: $story,
            home: $home,
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

    /// What its script says above all: the rule and the story.
    #[must_use]
    pub fn about(self) -> String {
        format!("{}: {}.\n\n{}", self.name(), self.rule(), wrap(self.story()))
    }

    /// The invariant whose failure its stored script shows, if it is one.
    #[must_use]
    pub fn breaks(self) -> Option<Invariant> {
        match self.home() {
            Home::World(_, breaks) | Home::Story(_, breaks) => Some(breaks),
            Home::Clients | Home::Disk | Home::Time(_) => None,
        }
    }

    /// The stored script: a run in which it can be seen. Where the checker has found it, there is no shorter one.
    #[must_use]
    pub fn script(self) -> &'static str {
        self.entry().script
    }

    /// Where it lives.
    #[must_use]
    pub fn home(self) -> Home {
        self.entry().home
    }

    /// The world it is at home in, if that has one.
    #[must_use]
    pub fn scenario(self) -> Option<Scenario> {
        match self.home() {
            Home::World(scenario, _) | Home::Story(scenario, _) => Some(scenario),
            Home::Clients | Home::Disk | Home::Time(_) => None,
        }
    }

    /// The protocol that it is a mutant of, as the head of a script names it.
    #[must_use]
    pub fn protocol(self) -> &'static str {
        match self.home() {
            Home::World(scenario, _) | Home::Story(scenario, _) => scenario.protocol(),
            Home::Clients => "kv",
            Home::Disk => "store",
            Home::Time(protocol) => protocol,
        }
    }

    /// The head of its script, where that is a script of a world.
    #[must_use]
    pub fn header(self) -> Option<Header> {
        let Setting { quorums, disk, loopback } = self.scenario()?.setting();
        let (protocol, mutant) = (self.protocol().to_owned(), Some(self.name().to_owned()));
        Some(Header { protocol, quorums, disk, loopback, mutant, options: BTreeMap::new(), expect: self.breaks() })
    }

    fn entry(self) -> &'static Entry {
        entries().find(|entry| entry.mutant == self).expect("every mutant has an entry")
    }
}

fn entries() -> impl Iterator<Item = &'static Entry> {
    basic::ENTRIES.iter().chain(&log::ENTRIES).chain(&service::ENTRIES).chain(&disk::ENTRIES).chain(&time::ENTRIES)
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

fn wrap(text: &str) -> String {
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        let last = lines.last_mut().expect("there is a first line");
        if last.len() + word.len() > 100 {
            lines.push(word.to_owned());
        } else {
            *last += if last.is_empty() { "" } else { " " };
            *last += word;
        }
    }
    lines.join("\n")
}

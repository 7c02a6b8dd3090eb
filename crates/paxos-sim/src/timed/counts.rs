//! What happened how often: a sweep shows by it that rare states were reached. A fault that never happened was not
//! survived.

use std::{fmt, str::FromStr};

macro_rules! kinds {
    ($($kind:ident, $name:literal, $what:literal;)*) => {
        /// Something that should happen sometimes.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Kind {
            $(#[doc = $what] $kind,)*
        }

        impl Kind {
            /// All of them: what fails, then what came of it.
            pub const ALL: [Self; [$(Self::$kind),*].len()] = [$(Self::$kind),*];

            /// Its name, as it is written in reports.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$kind => $name,)* }
            }

            /// Its name in one word, as it is named on a command line: `one-way`.
            #[must_use]
            pub fn word(self) -> String {
                let camel = match self { $(Self::$kind => stringify!($kind),)* };
                let mut word = String::new();
                for letter in camel.chars() {
                    if letter.is_uppercase() && !word.is_empty() {
                        word.push('-');
                    }
                    word.extend(letter.to_lowercase());
                }
                word
            }
        }
    };
}

kinds! {
    Lost, "messages lost", "A message was lost.";
    Copied, "messages twice", "A message arrived and a copy stayed in flight.";
    Late, "messages very late", "A message took very much longer than others, so that others overtook it.";
    Isolated, "one node cut off", "All links of a node were cut.";
    OneWay, "one direction cut", "A node was heard and did not hear, or heard and was not.";
    Halves, "two sides", "The cluster fell into two sides.";
    Bridge, "two sides and a bridge", "Two sides and a node that both still reached.";
    Chain, "a chain", "Each node reached only its neighbours in a line.";
    Ring, "a ring", "Each node reached only its neighbours in a ring; of three nodes, in one direction.";
    Flapped, "flapping links", "A link was cut and whole again, many times.";
    Clogged, "clogged links", "What was sent over a link waited, and then all arrived.";
    Swizzled, "swizzle-clogs", "Some nodes' links clogged one after the other, and came back in another order.";
    Paused, "pauses", "A node did nothing for a while, and did not know it.";
    Slowed, "slow nodes", "Each step of a node took long for a while.";
    Drifted, "clocks that drift", "A node's clock ran too fast or too slow in a run.";
    TimerLate, "timers late", "A timer went off late.";
    Crashed, "crashes", "A node crashed.";
    AtBoundary, "crashes between effects", "A node crashed right after a step: what it asked has left, what it wrote is not stable, and its votes wait.";
    AllCrashed, "all crashed at once", "All nodes crashed at once.";
    Looped, "restart loops", "A node crashed again soon after its restart.";
    SyncFailed, "failed syncs", "A sync failed, which ended the process.";
    DiskFull, "full disks", "A write did not fit, which ended the process.";
    Kept, "unsynced records kept", "A crash found unsynced records on the disk.";
    Torn, "torn writes", "A crash tore a write inside a record.";
    Zeroed, "zero-filled tails", "A crash left zeros where unsynced records should have been.";
    Hole, "holes in a write", "A crash left a later part of a write and not an earlier one.";
    Flipped, "flipped bits", "A bit of a synced record changed at rest.";
    Misdirected, "misdirected blocks", "A block was written over another.";
    Truncated, "logs cut to nothing", "A log lost all of its bytes but a few.";
    CutShort, "logs cut short", "A log lost its end, from somewhere before what is noted beside it.";
    Refused, "logs refused", "A log was refused when its node wanted to restart.";
    Replaced, "disks replaced", "A node came back with an empty disk, and knew it.";
    Recovered, "recoveries", "A log was read back.";
    Checkpoint, "checkpoints", "A log was replaced by a shorter one.";
    Opened, "ballots opened", "A proposer opened a ballot.";
    Promised, "promises", "An acceptor promised.";
    Proposed, "proposals", "An elected proposer proposed.";
    Voted, "votes", "An acceptor voted.";
    Learned, "values learned", "A learner told of a value.";
    Installed, "snapshots taken over", "A learner took over a snapshot.";
    Answered, "reads answered", "A node let a read be answered.";
}

impl Kind {
    /// What fails by itself, and can be left out of a run; the others come of these. `Flipped` stands for all damage to what
    /// was synced.
    pub const FAULTS: [Self; 27] = [
        Self::Lost,
        Self::Copied,
        Self::Late,
        Self::Isolated,
        Self::OneWay,
        Self::Halves,
        Self::Bridge,
        Self::Chain,
        Self::Ring,
        Self::Flapped,
        Self::Clogged,
        Self::Swizzled,
        Self::Paused,
        Self::Slowed,
        Self::Drifted,
        Self::TimerLate,
        Self::Crashed,
        Self::AtBoundary,
        Self::AllCrashed,
        Self::Looped,
        Self::SyncFailed,
        Self::DiskFull,
        Self::Torn,
        Self::Zeroed,
        Self::Hole,
        Self::Flipped,
        Self::Replaced,
    ];
}

impl FromStr for Kind {
    type Err = String;

    /// One of [`FAULTS`](Self::FAULTS), by its [`word`](Self::word).
    fn from_str(text: &str) -> Result<Self, String> {
        Self::FAULTS.into_iter().find(|kind| kind.word() == text).ok_or_else(|| {
            let words: Vec<String> = Self::FAULTS.into_iter().map(Self::word).collect();
            format!("no fault is called {text:?}; there are {}", words.join(", "))
        })
    }
}

/// How often each kind happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Counts {
    counts: [u64; Kind::ALL.len()],
    /// The choices made.
    pub choices: u64,
    /// The messages that arrived.
    pub delivered: u64,
}

impl Counts {
    /// Nothing yet.
    #[must_use]
    pub const fn new() -> Self {
        Self { counts: [0; Kind::ALL.len()], choices: 0, delivered: 0 }
    }

    pub(super) const fn add(&mut self, kind: Kind) {
        self.counts[kind as usize] += 1;
    }

    /// How often `kind` happened.
    #[must_use]
    pub const fn of(&self, kind: Kind) -> u64 {
        self.counts[kind as usize]
    }

    /// Takes those of another run in.
    pub fn merge(&mut self, other: &Self) {
        for kind in Kind::ALL {
            self.counts[kind as usize] += other.of(kind);
        }
        self.choices += other.choices;
        self.delivered += other.delivered;
    }

    /// All of them, by name.
    pub fn iter(&self) -> impl Iterator<Item = (Kind, u64)> {
        Kind::ALL.into_iter().map(|kind| (kind, self.of(kind)))
    }
}

impl Default for Counts {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

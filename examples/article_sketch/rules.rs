//! The six repairs, in the order in which a student would find them.

/// One thing that the sketch lacks and Paxos has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rule {
    /// A proposal number belongs to one proposer. A counter of one's own belongs to everybody.
    UniqueNumbers,
    /// A value is chosen, and may be learned, when a quorum has voted for it under one number.
    QuorumLearns,
    /// A quorum is asked first; who answers promises to refuse whatever has a lower number.
    PromiseAndRefuse,
    /// The answers report votes, and the one of the highest number replaces the proposer's own value.
    AdoptTheHighest,
    /// A vote is a promise too: it raises what the voter has promised.
    VotesRaiseThePromise,
    /// What a number, a promise or a vote says is stable before it is said.
    StableBeforeSaid,
}

impl Rule {
    pub(crate) const ALL: [Self; 6] = [
        Self::UniqueNumbers,
        Self::QuorumLearns,
        Self::PromiseAndRefuse,
        Self::AdoptTheHighest,
        Self::VotesRaiseThePromise,
        Self::StableBeforeSaid,
    ];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::UniqueNumbers => "unique numbers",
            Self::QuorumLearns => "a quorum of votes to learn",
            Self::PromiseAndRefuse => "promise and refuse",
            Self::AdoptTheHighest => "adopt the highest vote",
            Self::VotesRaiseThePromise => "votes raise the promise",
            Self::StableBeforeSaid => "stable before said",
        }
    }
}

/// The rules that a toy keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Rules([bool; Rule::ALL.len()]);

impl Rules {
    /// The sketch with the first `repairs` rules put in: 0 is the article, 6 is Paxos.
    pub(crate) fn repaired(repairs: usize) -> Self {
        Self(std::array::from_fn(|position| position < repairs))
    }

    /// All of Paxos but one rule.
    pub(crate) fn all_but(rule: Rule) -> Self {
        let mut rules = Self::repaired(Rule::ALL.len());
        rules.0[rule as usize] = false;
        rules
    }

    pub(crate) const fn keep(self, rule: Rule) -> bool {
        self.0[rule as usize]
    }
}

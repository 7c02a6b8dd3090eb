//! What must always hold, named once. Simulator, checker, scripts, examples and docs use these names.
//!
//! The first three are the requirements of consensus (*Paxos Made Simple*, §2.1). The others are the steps of its
//! proof (§2.2): each can fail earlier than the requirement it protects, and says which rule was broken.

use std::{fmt, str::FromStr};

use paxos_messages::{Ballot, Slot, Vote};
use paxos_process::{NodeSet, Value};
use paxos_quorums::Quorums;

use crate::{
    History,
    history::{Said, part},
};

// ANCHOR: invariant
/// A property of everything said so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Invariant {
    /// Two different values are never chosen in one slot. Stated over the votes, not over what learners happened to
    /// hear: a second choice that nobody has noticed yet is just as bad.
    Agreement,
    /// Only a value that some application asked for is chosen, or one that needs nobody's asking, such as a no-op.
    Validity,
    /// Nobody learns a value unless it has been chosen.
    OnlyChosenIsLearned,
    /// An acceptor never promises, or votes in, a ballot below one that it has promised or voted in.
    PromisesOnlyGrow,
    /// No two values are proposed, or voted for, in one ballot and slot.
    OneValuePerBallot,
    /// Once a value is chosen, every proposal of a higher ballot is for it (P2b of the paper).
    ChosenStaysChosen,
    /// What a promise or a vote says is on the disk of its acceptor when it leaves, and after every restart.
    DurableBeforeVote,
    /// Every node tells its application the slots in their order, leaving none out; a snapshot stands for those below
    /// it. That two nodes tell the same of one slot needs no rule of its own: only what is chosen is told, and one
    /// value is chosen.
    LogsArePrefixes,
    /// A read is answered from no older a log than anybody's application had been told when it was asked: what a client
    /// has seen, every later read sees.
    FreshReads,
}
// ANCHOR_END: invariant

impl Invariant {
    /// All of them: consensus first, then the steps of its proof, then what a log promises beside.
    pub const ALL: [Self; 9] = [
        Self::Agreement,
        Self::Validity,
        Self::OnlyChosenIsLearned,
        Self::PromisesOnlyGrow,
        Self::OneValuePerBallot,
        Self::ChosenStaysChosen,
        Self::DurableBeforeVote,
        Self::LogsArePrefixes,
        Self::FreshReads,
    ];

    /// The requirements of consensus: what an application relies on.
    pub const CONSENSUS: [Self; 3] = [Self::Agreement, Self::Validity, Self::OnlyChosenIsLearned];

    /// Its name, as it is written everywhere.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Agreement => "Agreement",
            Self::Validity => "Validity",
            Self::OnlyChosenIsLearned => "OnlyChosenIsLearned",
            Self::PromisesOnlyGrow => "PromisesOnlyGrow",
            Self::OneValuePerBallot => "OneValuePerBallot",
            Self::ChosenStaysChosen => "ChosenStaysChosen",
            Self::DurableBeforeVote => "DurableBeforeVote",
            Self::LogsArePrefixes => "LogsArePrefixes",
            Self::FreshReads => "FreshReads",
        }
    }

    /// Whether it holds for all that was said. What is chosen is judged by `quorums`, whatever the processes use.
    #[must_use]
    pub fn holds<V: Value>(self, history: &History<V>, quorums: &Quorums) -> bool {
        self.holds_for(&history.said_of(Some((Slot(0), Slot(u64::MAX)))), quorums)
    }

    /// Whether it holds for what was said of some slots, and for what is not about slots. No invariant is about two
    /// slots: one that held before something was said of some slots fails in those or not at all.
    pub(crate) fn holds_for<V: Value>(self, said: &Said<'_, V>, quorums: &Quorums) -> bool {
        let Said { history, proposals, votes, learned } = *said;
        match self {
            Self::Agreement => {
                // Votes are sorted by slot: if all neighbours of a slot agree, all of the slot do.
                let all = || chosen(votes, quorums);
                all().zip(all().skip(1)).all(|(one, next)| one.0 != next.0 || one.2 == next.2)
            }
            Self::Validity => chosen(votes, quorums).all(|(_, _, value)| history.wanted.binary_search(value).is_ok()),
            Self::OnlyChosenIsLearned => learned.iter().all(|(slot, value)| {
                let there = part(votes, (*slot, *slot), |(slot, ..)| *slot);
                chosen(there, quorums).any(|(_, _, chosen)| chosen == value)
            }),
            Self::PromisesOnlyGrow => history.promise_fell.is_empty(),
            Self::OneValuePerBallot => {
                // Both lists are sorted by slot and ballot: two values of one ballot stand side by side.
                proposals.windows(2).all(|two| (two[0].0, two[0].1) != (two[1].0, two[1].1))
                    && votes.windows(2).all(|two| (two[0].0, two[0].1.ballot) != (two[1].0, two[1].1.ballot))
            }
            Self::ChosenStaysChosen => chosen(votes, quorums).all(|(slot, ballot, value)| {
                let there = part(proposals, (slot, slot), |(slot, ..)| *slot);
                there.iter().filter(|(_, other, _)| ballot < *other).all(|(_, _, proposed)| proposed == value)
            }),
            Self::DurableBeforeVote => history.not_durable.is_empty(),
            Self::LogsArePrefixes => history.left_a_hole.is_empty(),
            Self::FreshReads => history.read_the_past.is_empty(),
        }
    }
}

/// Every ballot in which a value has been chosen by these votes.
fn chosen<'a, V: Value>(
    votes: &'a [(Slot, Vote<V>, NodeSet)],
    quorums: &'a Quorums,
) -> impl Iterator<Item = (Slot, Ballot, &'a V)> {
    votes
        .iter()
        .filter(|(_, _, voters)| quorums.is_phase2(*voters))
        .map(|(slot, vote, _)| (*slot, vote.ballot, &vote.value))
}

impl fmt::Display for Invariant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Invariant {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        Self::ALL.into_iter().find(|invariant| invariant.name() == name).ok_or_else(|| {
            let names: Vec<&str> = Self::ALL.iter().map(|invariant| invariant.name()).collect();
            format!("no invariant is called {name:?}; there are {}", names.join(", "))
        })
    }
}

#[cfg(test)]
mod tests {
    use paxos_messages::{Fact, Memory, Vote};
    use paxos_process::{NodeId, NodeSet};

    use super::*;
    use crate::history::Told;

    const fn ballot(round: u64) -> Ballot {
        Ballot { round, node: NodeId(1) }
    }

    fn voted(slot: u64, round: u64, value: char) -> Fact<char> {
        Fact::Voted { slot: Slot(slot), vote: Vote { ballot: ballot(round), value } }
    }

    fn proposed(slot: u64, round: u64, value: char) -> Fact<char> {
        Fact::Proposed { slot: Slot(slot), ballot: ballot(round), value, quorum: NodeSet::EMPTY }
    }

    const fn learned(value: char) -> Fact<char> {
        told(0, value)
    }

    const fn told(slot: u64, value: char) -> Fact<char> {
        Fact::Learned { slot: Slot(slot), value }
    }

    const fn told_of(slot: u64) -> Fact<char> {
        told(slot, 'a')
    }

    const fn installed(upto: u64) -> Fact<char> {
        Fact::Installed { upto: Slot(upto) }
    }

    fn promised(round: u64) -> Fact<char> {
        Fact::Promised { ballot: ballot(round), from: Slot(0), votes: Vec::new() }
    }

    /// What fails when these facts are said by these nodes, in this order, with disks that remember everything.
    fn failing(wanted: &str, facts: &[(u8, Fact<char>)]) -> Vec<Invariant> {
        let mut history = History::new(Vec::new());
        wanted.chars().for_each(|value| history.want(value));
        let mut told = [Told::NOTHING; 4];
        for (node, fact) in facts {
            let everything = || Memory {
                promised: Some(ballot(99)),
                from: Slot(0),
                votes: (0..3).map(|slot| (Slot(slot), Vote { ballot: ballot(99), value: '?' })).collect(),
            };
            if !told[usize::from(*node)].hear(fact) {
                history.leaves_a_hole(NodeId(*node));
            }
            history.note(NodeId(*node), fact.clone(), everything);
        }
        failed(&history)
    }

    fn failed(history: &History<char>) -> Vec<Invariant> {
        let quorums = Quorums::majority(NodeSet::first(3)).unwrap();
        Invariant::ALL.into_iter().filter(|invariant| !invariant.holds(history, &quorums)).collect()
    }

    #[test]
    fn each_fails_when_it_should_and_only_then() {
        use Invariant::*;
        let check = |facts: &[(u8, Fact<char>)], expected: &[Invariant]| {
            assert_eq!(failing("ab", facts), expected, "{facts:?}");
        };
        let chosen = [(1, voted(0, 1, 'a')), (2, voted(0, 1, 'a'))];
        let after = |more: &[(u8, Fact<char>)]| [chosen.as_slice(), more].concat();

        check(&[], &[]);
        check(&chosen, &[]);
        check(&after(&[(3, learned('a'))]), &[]);
        check(&after(&[(3, proposed(0, 2, 'a')), (1, voted(0, 2, 'a')), (3, voted(0, 2, 'a'))]), &[]);
        check(&after(&[(1, voted(1, 2, 'b')), (2, voted(1, 2, 'b'))]), &[]); // another slot decides for itself
        check(&after(&[(1, voted(0, 2, 'b'))]), &[]); // a vote is not a choice, and no proposal is on record

        check(&after(&[(1, voted(0, 2, 'b')), (3, voted(0, 2, 'b'))]), &[Agreement]);
        check(&[(1, voted(0, 1, 'z')), (2, voted(0, 1, 'z'))], &[Validity]);
        check(&[(1, voted(0, 1, 'a')), (1, learned('a'))], &[OnlyChosenIsLearned]);
        check(&[(1, promised(2)), (1, promised(1))], &[PromisesOnlyGrow]);
        check(&[(1, voted(0, 2, 'a')), (1, promised(1))], &[PromisesOnlyGrow]);
        check(&[(1, promised(2)), (1, voted(0, 1, 'a'))], &[PromisesOnlyGrow]);
        check(&[(1, promised(2)), (2, promised(1)), (1, promised(2))], &[]);
        check(&[(1, proposed(0, 1, 'a')), (1, proposed(0, 1, 'b'))], &[OneValuePerBallot]);
        check(&[(1, voted(0, 1, 'a')), (2, voted(0, 1, 'b'))], &[OneValuePerBallot]);
        check(&[(1, proposed(0, 1, 'a')), (1, proposed(1, 1, 'b'))], &[]); // one ballot, two slots
        check(&after(&[(3, proposed(0, 2, 'b'))]), &[ChosenStaysChosen]);
    }

    #[test]
    fn logs_are_told_in_order() {
        use Invariant::*;
        let check = |facts: &[(u8, Fact<char>)], expected: &[Invariant]| {
            let chosen = (0..3).flat_map(|slot| [(1, voted(slot, 1, 'a')), (2, voted(slot, 1, 'a'))]);
            let facts: Vec<_> = chosen.chain(facts.iter().cloned()).collect();
            assert_eq!(failing("ab", &facts), expected, "{facts:?}");
        };
        check(&[(1, told(0, 'a')), (1, told(1, 'a')), (1, told(2, 'a'))], &[]);
        check(&[(1, told(0, 'a')), (1, told(1, 'a')), (1, told(0, 'a')), (1, told(2, 'a'))], &[]); // told again
        check(&[(1, told(0, 'a')), (2, told(1, 'a'))], &[LogsArePrefixes]); // what another node told is no excuse
        check(&[(1, told(1, 'a')), (1, told(0, 'a'))], &[LogsArePrefixes]);
        check(&[(1, told(0, 'a')), (1, told(2, 'a'))], &[LogsArePrefixes]);
        check(&[(1, installed(2)), (1, told(2, 'a'))], &[]);
        check(&[(1, installed(1)), (1, told(2, 'a'))], &[LogsArePrefixes]);
        check(&[(1, told(0, 'a')), (1, told(1, 'a')), (1, installed(1)), (1, told(2, 'a'))], &[LogsArePrefixes]);
        check(&[(1, told(0, 'a')), (2, told(0, 'b'))], &[OnlyChosenIsLearned]);
        check(&[(1, told(0, 'a')), (1, told(1, 'b'))], &[OnlyChosenIsLearned]);
    }

    #[test]
    fn a_read_is_as_new_as_its_question() {
        let node = NodeId(2);
        let mut history = History::new(vec!['a']);
        let mut told = Told::NOTHING;
        history.read(node, 1);
        history.note(NodeId(1), told_of(0), || unreachable!("nothing was promised"));
        history.answered(node, 1, told);
        assert!(history.read_the_past.is_empty(), "nobody had been told anything when it was asked");
        history.read(node, 2);
        let mut late = history.clone();
        late.answered(NodeId(3), 2, told);
        assert!(late.read_the_past.is_empty(), "nobody asked node 3");
        late.answered(node, 2, told);
        assert!(!Invariant::FreshReads.holds(&late, &Quorums::majority(NodeSet::first(3)).unwrap()));
        assert!(told.hear(&told_of(0)));
        history.answered(node, 2, told);
        assert!(history.read_the_past.is_empty(), "it was told slot 0, too");
        history.answered(node, 2, Told::NOTHING);
        assert!(history.read_the_past.is_empty(), "a read is answered once");
    }

    #[test]
    fn a_slot_by_itself_fails_as_the_whole_does() {
        let mut history = History::new(vec!['a', 'b']);
        let everything = || Memory { promised: Some(ballot(9)), from: Slot(9), votes: Vec::new() };
        for (node, round, value) in [(1, 1, 'a'), (2, 1, 'a'), (2, 2, 'b'), (3, 2, 'b')] {
            history.note(NodeId(node), voted(3, round, value), everything);
            history.note(NodeId(node), voted(4, round, 'a'), everything);
        }
        let quorums = Quorums::majority(NodeSet::first(3)).unwrap();
        let fails =
            |first, last| !Invariant::Agreement.holds_for(&history.said_of(Some((Slot(first), Slot(last)))), &quorums);
        assert_eq!([fails(0, 2), fails(3, 3), fails(4, 9), fails(0, 9)], [false, true, false, true]);
        assert!(Invariant::Agreement.holds_for(&history.said_of(None), &quorums), "nothing was said");
        assert_eq!(failed(&history), [Invariant::Agreement]);
    }

    #[test]
    fn what_is_said_must_be_on_the_disk() {
        let empty = Memory { promised: None, from: Slot(0), votes: Vec::new() };
        let promise_only = Memory { promised: Some(ballot(1)), from: Slot(0), votes: Vec::new() };
        for (fact, memory) in
            [(promised(1), empty.clone()), (voted(0, 1, 'a'), empty.clone()), (voted(0, 1, 'a'), promise_only)]
        {
            let mut history = History::new(Vec::new());
            history.note(NodeId(1), fact, || memory);
            assert_eq!(failed(&history), [Invariant::DurableBeforeVote]);
        }
        let mut history = History::<char>::new(Vec::new());
        history.note(NodeId(1), promised(1), || Memory { promised: Some(ballot(1)), from: Slot(0), votes: Vec::new() });
        assert_eq!(failed(&history), []);
        history.restarted(NodeId(1), &empty);
        assert_eq!(failed(&history), [Invariant::DurableBeforeVote], "the disk lost what it had");

        // A disk that kept the promise and lost the vote has lost what matters most.
        let everything = || Memory {
            promised: Some(ballot(1)),
            from: Slot(0),
            votes: vec![(Slot(0), Vote { ballot: ballot(1), value: 'a' })],
        };
        let mut history = History::new(Vec::new());
        history.note(NodeId(1), voted(0, 1, 'a'), everything);
        history.restarted(NodeId(1), &everything());
        assert_eq!(failed(&history), [Invariant::Validity; 0]);
        // A vote in a slot that it knows to be chosen need not be kept; the promise must be.
        history.restarted(NodeId(1), &Memory { votes: Vec::new(), from: Slot(1), ..everything() });
        assert_eq!(failed(&history), [Invariant::Validity; 0]);
        history.restarted(NodeId(1), &Memory { votes: Vec::new(), ..everything() });
        assert_eq!(failed(&history), [Invariant::DurableBeforeVote]);

        let settled = Memory { promised: Some(ballot(1)), from: Slot(1), votes: Vec::new() };
        for (slot, expected) in [(0, vec![]), (1, vec![Invariant::DurableBeforeVote])] {
            let mut history = History::new(Vec::new());
            history.note(NodeId(1), voted(slot, 1, 'a'), || settled.clone());
            assert_eq!(failed(&history), expected);
        }
    }

    /// Where logs may be cut off, a vote may be gone when a leader of a higher ballot has proposed something; a higher
    /// promise alone is no reason.
    #[test]
    fn a_vote_is_given_up_for_the_word_of_a_leader_only() {
        let has = |round| Memory {
            promised: Some(ballot(round)),
            from: Slot(0),
            votes: vec![(Slot(1), Vote { ballot: ballot(1), value: 'a' })],
        };
        let empty = Memory { promised: Some(ballot(2)), from: Slot(0), votes: Vec::new() };
        for (gives_up, leads, expected) in [
            (true, None, vec![Invariant::DurableBeforeVote]),
            (true, Some(proposed(1, 2, 'a')), vec![]),
            (true, Some(proposed(0, 2, 'a')), vec![]),
            (true, Some(proposed(2, 2, 'a')), vec![]),
            (true, Some(proposed(1, 3, 'a')), vec![Invariant::DurableBeforeVote]),
            (false, Some(proposed(1, 2, 'a')), vec![Invariant::DurableBeforeVote]),
        ] {
            let mut history = History::new(vec!['a']).giving_up_votes(gives_up);
            history.note(NodeId(1), voted(1, 1, 'a'), || has(1));
            leads.into_iter().for_each(|fact| history.note(NodeId(2), fact, || has(2)));
            history.restarted(NodeId(1), &empty);
            assert_eq!(failed(&history), expected);
        }
    }

    #[test]
    fn names_are_read_as_they_are_written() {
        for invariant in Invariant::ALL {
            assert_eq!(invariant.to_string().parse(), Ok(invariant));
        }
        assert!("Peace".parse::<Invariant>().unwrap_err().contains("Agreement"));
    }
}

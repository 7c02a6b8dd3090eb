//! From an article's sketch of Paxos to Paxos, one repair at a time, with a model checker as the critic.
//!
//! The sketch is an object with three operations that many introductions share: `propose(value)` numbers a proposal
//! by a counter, `decide(value, number)` stores what the caller says, and so does `learn(number, value)`. Here it
//! stands on three nodes that send each other these operations as messages. Then come six repairs. After each, the
//! checker prints what still goes wrong and after how few choices (a request, an arrival, a crash: each is one).
//!
//! ```text
//! cargo run -p examples --example article_sketch         # draws the sketch choosing two values, then all repairs
//! cargo run -p examples --example article_sketch -- 4    # draws what is left after four repairs
//! ```
//!
//! Look for how the shortest failing run grows, from 4 choices to 11: bugs that a test by hand finds at once become
//! bugs that only a search finds. To see it break, take a rule from `Rules::repaired`, or change a line of `toy.rs`.
//! Read `rules.rs` (what is missing) and `toy.rs` (the operations, each difference to Paxos marked by a rule).

mod rules;
mod toy;

mod message;

use paxos::{
    messages::single::Request,
    process::{NodeId, NodeSet},
    quorums::Quorums,
};
use paxos_check::{Bounds, Limits, Report, Verdict, check};
use paxos_sim::{ChoiceOf, Diagram, Disk, Invariant, Loopback, Setting, World};

use rules::{Rule, Rules};
use toy::Toy;

fn main() {
    let drawn = std::env::args().nth(1).map_or(Some(0), |repairs| repairs.parse().ok());
    let drawn = drawn.filter(|repairs| *repairs < Rule::ALL.len()).expect("a number of repairs, 0 to 5");
    println!("The shortest run in which {drawn} repairs let two values be chosen:\n");
    println!("{}", draw_two_values(Rules::repaired(drawn)));

    println!("What goes wrong, and after how many choices:\n");
    for repairs in 0..=Rule::ALL.len() {
        report(repairs);
    }

    println!("\nEach rule is needed. Paxos without it breaks what an application relies on:\n");
    for rule in Rule::ALL {
        let (trial, (invariant, choices)) = without(rule);
        println!("    without {:<28} {invariant} fails after {choices:>2} choices, {}", rule.name(), trial.name());
    }
}

/// What may happen: three nodes, and not more than this. "Silent" says so much and no more. A message to oneself
/// arrives at once, which leaves out some runs, and none that is needed to see one of these mistakes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Trial {
    /// n1 proposes a and n2 proposes b. Messages come in any order, late or never; nobody crashes.
    TwoProposals,
    /// The same, and n1 proposes a once more.
    ThreeProposals,
    /// Two proposals, and one node crashes at any moment, before or after what it wrote is on its disk.
    OneCrash,
}

impl Trial {
    const ALL: [Self; 3] = [Self::TwoProposals, Self::ThreeProposals, Self::OneCrash];

    const fn name(self) -> &'static str {
        match self {
            Self::TwoProposals => "two proposals",
            Self::ThreeProposals => "three proposals",
            Self::OneCrash => "one crash",
        }
    }

    fn bounds(self) -> Bounds<Request<char>> {
        let (a, b) = ((NodeId(1), Request::Propose('a')), (NodeId(2), Request::Propose('b')));
        match self {
            Self::TwoProposals => Bounds::requests(vec![a, b]),
            Self::ThreeProposals => Bounds::requests(vec![a.clone(), b, a]),
            Self::OneCrash => Bounds { crashes: 1, may_crash: NodeSet::first(3), ..Bounds::requests(vec![a, b]) },
        }
    }

    fn world(self, rules: Rules) -> World<Toy> {
        let quorums = Quorums::majority(NodeSet::first(3)).expect("three nodes have majorities");
        // When a write reaches the disk matters only where a crash may come first.
        let disk = if self == Self::OneCrash { Disk::Manual } else { Disk::AtOnce };
        World::new(Setting { quorums, disk, loopback: Loopback::AtOnce }, |id| Toy::new(id, quorums, rules))
    }

    /// All invariants, but for durability where nobody crashes: there, memory is as good as a disk.
    fn invariants(self) -> Vec<Invariant> {
        let judged = |invariant: &Invariant| self == Self::OneCrash || *invariant != Invariant::DurableBeforeVote;
        Invariant::ALL.into_iter().filter(judged).collect()
    }

    // ANCHOR: check
    /// Everything that may happen, by a toy with `rules`, judged by `invariants`: the shortest runs first.
    fn check(self, rules: Rules, invariants: &[Invariant]) -> Report<ChoiceOf<Toy>> {
        // Three proposals have more states than anybody wants to wait for. All *short* runs are among the first ones.
        let states = if self == Self::ThreeProposals { 600_000 } else { Limits::default().states };
        let limits = Limits { invariants: invariants.to_vec(), states, ..Limits::default() };
        check(&self.world(rules), &self.bounds(), &limits, |_| {})
    }
    // ANCHOR_END: check
}

/// The shortest run to a second chosen value, as a diagram.
fn draw_two_values(rules: Rules) -> String {
    let found = Trial::ALL.into_iter().find_map(|trial| match trial.check(rules, &[Invariant::Agreement]).verdict {
        Verdict::Violated { path, .. } => Some((trial, path)),
        Verdict::Holds | Verdict::NotExhaustive => None,
    });
    let (trial, path) = found.expect("with fewer than six repairs, two values can be chosen");
    let mut world = trial.world(rules);
    let mut diagram = Diagram::new(NodeSet::first(3), false);
    for choice in &path {
        world.apply(choice, &mut diagram);
    }
    let votes: String = world
        .history()
        .votes()
        .iter()
        .map(|(_, vote, voters)| format!("    {} in {}: voted for by {voters}\n", vote.value, vote.ballot))
        .collect();
    format!("{}\n{votes}", diagram.text())
}

// ANCHOR: report
/// Lets the checker look for ever more until it finds two values, and prints what failed on the way.
fn report(repairs: usize) {
    let rules = Rules::repaired(repairs);
    let name = repairs.checked_sub(1).map_or("the article's sketch", |last| Rule::ALL[last].name());
    println!("{repairs} {} {name}", if repairs == 0 { ' ' } else { '+' });
    for trial in Trial::ALL {
        let (failed, end) = failures(trial, rules);
        assert_eq!(failed, expected(repairs, trial), "after {repairs} repairs, {}", trial.name());
        let failed: Vec<String> = failed.iter().map(|(invariant, choices)| format!("{invariant} {choices}")).collect();
        println!("    {:<16} {}{end}", trial.name(), failed.join(", "));
        if end.is_empty() {
            return;
        }
    }
}
// ANCHOR_END: report

/// What fails, each with the length of its shortest run, up to `Agreement`; and how the search ended if not by that.
fn failures(trial: Trial, rules: Rules) -> (Vec<(Invariant, usize)>, String) {
    let (mut invariants, mut failed) = (trial.invariants(), Vec::new());
    loop {
        let Report { verdict, progress } = trial.check(rules, &invariants);
        let rest = if failed.is_empty() { "silent" } else { ", else silent" };
        match verdict {
            Verdict::Violated { invariant, path } => {
                failed.push((invariant, path.len()));
                if invariant == Invariant::Agreement {
                    return (failed, String::new());
                }
                invariants.retain(|left| *left != invariant);
            }
            Verdict::Holds => return (failed, format!("{rest} in every run: {} states", progress.states)),
            Verdict::NotExhaustive => {
                return (failed, format!("{rest} in every run of up to {} choices", progress.depth));
            }
        }
    }
}

// ANCHOR: expected
/// What the checker finds: which invariants fail, after how many choices.
fn expected(repairs: usize, trial: Trial) -> Vec<(Invariant, usize)> {
    use Invariant::{
        Agreement, ChosenStaysChosen, DurableBeforeVote, OneValuePerBallot, OnlyChosenIsLearned, PromisesOnlyGrow,
    };
    match (repairs, trial) {
        (0, _) => vec![(OnlyChosenIsLearned, 1), (OneValuePerBallot, 2), (Agreement, 4)],
        (1, _) => vec![(OnlyChosenIsLearned, 1), (ChosenStaysChosen, 3), (PromisesOnlyGrow, 3), (Agreement, 4)],
        (2, _) => vec![(ChosenStaysChosen, 3), (PromisesOnlyGrow, 3), (Agreement, 4)],
        (3, _) => vec![(PromisesOnlyGrow, 5), (ChosenStaysChosen, 7), (Agreement, 8)],
        (4, Trial::TwoProposals) => vec![(PromisesOnlyGrow, 5)],
        (4, _) => vec![(PromisesOnlyGrow, 5), (ChosenStaysChosen, 10), (Agreement, 11)],
        (5, Trial::OneCrash) => {
            vec![(DurableBeforeVote, 1), (PromisesOnlyGrow, 5), (ChosenStaysChosen, 9), (Agreement, 10)]
        }
        _ => vec![],
    }
}
// ANCHOR_END: expected

/// The first trial in which Paxos without `rule` breaks a requirement of consensus, and after how many choices.
fn without(rule: Rule) -> (Trial, (Invariant, usize)) {
    let found = Trial::ALL.into_iter().find_map(|trial| {
        match trial.check(Rules::all_but(rule), &Invariant::CONSENSUS).verdict {
            Verdict::Violated { invariant, path } => Some((trial, (invariant, path.len()))),
            Verdict::Holds | Verdict::NotExhaustive => None,
        }
    });
    found.expect("every rule is needed")
}

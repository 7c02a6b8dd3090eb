//! One acceptor by hand: the role that promises, votes and remembers. It is two facts and all of the safety of Paxos.
//!
//! ```text
//! cargo run -p examples --example one_acceptor
//! ```
//!
//! Look for three things. A question of a lower number than what is promised is refused, whoever asks. A vote is also a
//! promise. And every promise and vote stands below a record: the record has to be on the disk before the answer may
//! leave; a refusal leaves at once, for it promises nothing.
//!
//! To see it break, lose the last record: replay `&log[..2]` instead of `&log`. The acceptor comes back without its
//! promise, and would vote in a ballot that it has told somebody is over.

use std::fmt::Display;

use paxos::{
    acceptor::single::Acceptor,
    messages::{
        Ballot, Vote,
        single::{Effects, Event, Message, Record},
    },
    process::{NodeId, Process},
};

/// Round 1 of three proposers. Equal rounds are ordered by the proposer: `FIRST < SECOND < THIRD`.
const FIRST: Ballot = Ballot { round: 1, node: NodeId(1) };
const SECOND: Ballot = Ballot { round: 1, node: NodeId(2) };
const THIRD: Ballot = Ballot { round: 1, node: NodeId(3) };

fn main() {
    let mut acceptor = Acceptor::new();
    let mut log = Vec::new();

    // ANCHOR: conversation
    println!("It has promised nothing, so it promises.");
    let answer = ask(&mut acceptor, &mut log, Message::Prepare { ballot: SECOND });
    assert_eq!(answer, Message::Promise { ballot: SECOND, accepted: None });

    println!("A lower ballot comes late and is refused.");
    let answer = ask(&mut acceptor, &mut log, Message::Prepare { ballot: FIRST });
    assert!(matches!(answer, Message::Refused { promised: SECOND, .. }));

    println!("The proposer it has promised to asks for its vote.");
    let answer = ask(&mut acceptor, &mut log, Message::Accept { ballot: SECOND, value: "blue" });
    assert_eq!(answer, Message::Accepted { ballot: SECOND, value: "blue" });

    println!("The same question again: the same answer, and nothing new to write.");
    let again = ask(&mut acceptor, &mut log, Message::Accept { ballot: SECOND, value: "blue" });
    assert_eq!((again, log.len()), (answer, 2));

    println!("A higher ballot is promised, and told what was voted for: it may be chosen already.");
    let answer = ask(&mut acceptor, &mut log, Message::Prepare { ballot: THIRD });
    assert_eq!(answer, Message::Promise { ballot: THIRD, accepted: Some(Vote { ballot: SECOND, value: "blue" }) });
    // ANCHOR_END: conversation

    // ANCHOR: restart
    println!("It crashes. All it has is its disk; a new acceptor replays that and is the same.");
    let mut again = Acceptor::new();
    for record in &log {
        again.replay(record.clone());
    }
    show_state(&again);
    assert_eq!(again, acceptor);

    println!("So the promise holds across the crash: the second ballot is over, even for what it voted for.");
    let answer = ask(&mut again, &mut log, Message::Accept { ballot: SECOND, value: "blue" });
    assert!(matches!(answer, Message::Refused { promised: THIRD, .. }));
    // ANCHOR_END: restart

    println!("The disk need not keep everything: {} records say the same.", again.checkpoint().len());
    println!("    disk     {}", list(&again.checkpoint()));
}

// ANCHOR: ask
/// Asks the acceptor, writes its records to `log` as its disk, and returns its one answer.
fn ask(
    acceptor: &mut Acceptor<&'static str>,
    log: &mut Vec<Record<&'static str>>,
    question: Message<&'static str>,
) -> Message<&'static str> {
    println!("    {:<8} {question}", question.phase().name());
    let mut out = Effects::new();
    acceptor.step(Event::Receive { from: NodeId(9), message: question }, &mut out);

    if !out.records.is_empty() {
        println!("    disk     {}", list(&out.records));
    }
    log.append(&mut out.records); // a real driver waits here until the disk has it
    let lane = if out.sends.is_empty() { "after the disk" } else { "at once" };
    let answer = out.sends.into_iter().chain(out.sends_after_sync).next().expect("each of these questions is answered");
    println!("    {:<8} {}    ({lane})", answer.message.phase().name(), answer.message);
    show_state(acceptor);
    answer.message
}
// ANCHOR_END: ask

fn show_state(acceptor: &Acceptor<&'static str>) {
    let promised = acceptor.promised().map_or_else(|| "nothing".to_owned(), |ballot| ballot.to_string());
    let accepted =
        acceptor.accepted().map_or_else(|| "nothing".to_owned(), |vote| format!("{} in {}", vote.value, vote.ballot));
    println!("    state    promised {promised}, accepted {accepted}\n");
}

fn list(records: &[impl Display]) -> String {
    records.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

//! Why a vote waits for the disk.
//!
//! ```text
//! cargo run -p examples --example crash_before_sync
//! ```
//!
//! Look first at the replica as it is: n3 crashes between the write and the sync, forgets what it had written, and has
//! promised nothing to anybody, because the promise was waiting. Then at `Hasty`, the same replica in a wrapper that
//! lets votes leave at once. While nobody crashes nobody is harmed. The checker looks at all runs with a crash of n3,
//! and finds the shortest ones that go wrong: first a promise that is on no disk, which is the broken rule, then two
//! chosen values, which is the harm.
//!
//! To see it hold again, take the `append` out of `Hasty::step`.

use paxos::{
    basic::Replica,
    messages::{
        Fact, Memory, Observed, Phase,
        single::{Effects, Event, Message, Output, Record, Request, Timer},
    },
    process::{NodeId, NodeSet, Process},
    quorums::Quorums,
};
use paxos_check::{Bounds, Limits, Verdict, check};
use paxos_sim::{ChoiceOf, Diagram, Header, Invariant, Loopback, Script, Scriptable, Setting, World, write_path};

fn main() {
    println!("A replica that waits for its disk, crashed between the write and the sync:\n");
    careful_replica_forgets_nothing_it_said();

    println!("The same replica in a hurry. The shortest run that breaks the rule:\n");
    let script = script(Invariant::DurableBeforeVote, &shortest(Invariant::DurableBeforeVote));
    println!("{}", script.replay(world(Hasty), &mut ()).expect("it violates what it says").text);

    println!("The shortest run in which that lets two values be chosen:\n");
    let path = shortest(Invariant::Agreement);
    let (mut harmed, mut diagram) = (world(Hasty), Diagram::new(NodeSet::first(3), false));
    for choice in &path {
        harmed.apply(choice, &mut diagram);
    }
    println!("{}", diagram.text());
    for (_, vote, voters) in harmed.history().votes() {
        println!("    {} in {}: voted for by {voters}", vote.value, vote.ballot);
    }
    assert_eq!(harmed.violated(&[Invariant::Agreement]), Some(Invariant::Agreement));

    println!("\nThe same script stops the replica that waits at its first message:\n");
    let obstacle = self::script(Invariant::Agreement, &path).replay(world(careful), &mut ()).expect_err("it waits");
    println!("    {obstacle}");

    println!("\nAnd in every run with the same requests and a crash of n3:\n");
    let report = check(&world(careful), &bounds(), &Limits::default(), |_| {});
    assert_eq!(report.verdict, Verdict::Holds);
    println!("    all invariants hold in {} states", report.progress.states);
}

// ANCHOR: careful
/// The replica of `paxos-basic`, told as a script: what stands indented is what happened.
fn careful_replica_forgets_nothing_it_said() {
    let script = "\
protocol basic
nodes 3
loopback at-once

request n1 propose a
sync n1
deliver n1 n3 Prepare b1.1
# n3 has written its promise. The answer waits.
crash n3
restart n3
# It remembers nothing, and nobody heard anything. Asked again, it is free to promise what it likes.
request n2 propose b
sync n2
deliver n2 n3 Prepare b1.2
sync n3
";
    let script = Script::parse(script).expect("a script");
    let replayed = script.replay(world(careful), &mut ()).expect("each command can be carried out");
    println!("{}", replayed.text);
    assert!(replayed.violated.is_empty());
    let promised_low = |fact: &Message<char>| fact.to_string().starts_with("Promise b1.1");
    let from_n3 = replayed.world.network().iter().filter(|packet| packet.from == NodeId(3));
    assert!(!from_n3.map(|packet| &packet.message).any(promised_low), "a promise leaves only when it is stable");
}
// ANCHOR_END: careful

// ANCHOR: hasty
/// A replica whose votes do not wait: the one mistake of this example.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Hasty(Replica<char>);

impl Process for Hasty {
    type Message = Message<char>;
    type Record = Record<char>;
    type Timer = Timer;
    type Request = Request<char>;
    type Output = Output<char>;

    fn step(&mut self, event: Event<char>, out: &mut Effects<char>) {
        self.0.step(event, out);
        out.sends.append(&mut out.sends_after_sync);
    }
    // ANCHOR_END: hasty

    fn replay(&mut self, record: Record<char>) {
        self.0.replay(record);
    }

    fn checkpoint(&self) -> Vec<Record<char>> {
        self.0.checkpoint()
    }
}

/// It is judged as the replica is.
impl Observed for Hasty {
    type Decree = char;

    fn said(&self, message: &Message<char>) -> Option<Fact<char>> {
        self.0.said(message)
    }

    fn told(&self, output: &Output<char>) -> Option<Fact<char>> {
        self.0.told(output)
    }

    fn wanted(request: &Request<char>) -> Option<char> {
        Replica::wanted(request)
    }

    fn memory(&self) -> Memory<char> {
        self.0.memory()
    }

    fn phase(message: &Message<char>) -> Phase {
        message.phase()
    }
}

// ANCHOR: shortest
/// What may happen: n1 wants a, n2 wants b, and n3 crashes at any moment.
fn bounds() -> Bounds<Request<char>> {
    let requests = vec![(NodeId(1), Request::Propose('a')), (NodeId(2), Request::Propose('b'))];
    Bounds { crashes: 1, may_crash: NodeSet::only(NodeId(3)), ..Bounds::requests(requests) }
}

/// No run with fewer choices violates `invariant`.
fn shortest(invariant: Invariant) -> Vec<ChoiceOf<Hasty>> {
    let limits = Limits { invariants: vec![invariant], ..Limits::default() };
    match check(&world(Hasty), &bounds(), &limits, |_| {}).verdict {
        Verdict::Violated { path, .. } => path,
        verdict => panic!("{invariant} should fail: {verdict:?}"),
    }
}
// ANCHOR_END: shortest

/// The run as a script that the two replicas can be put to.
fn script(expect: Invariant, path: &[ChoiceOf<Hasty>]) -> Script {
    let header = Header::new("basic", 3).expect("three nodes");
    let header =
        Header { loopback: Loopback::AtOnce, mutant: Some("hasty".to_owned()), expect: Some(expect), ..header };
    let text = write_path(&header, "Votes do not wait for the disk.", world(Hasty), path);
    Script::parse(&text).expect("what was written can be read")
}

/// Three nodes, each a replica as `wrap` leaves it. Every write and every sync is a choice.
fn world<P: Scriptable>(wrap: impl Fn(Replica<char>) -> P) -> World<P> {
    let quorums = Quorums::majority(NodeSet::first(3)).expect("three nodes have majorities");
    let setting = Setting { loopback: Loopback::AtOnce, ..Setting::new(quorums) };
    World::new(setting, |id| wrap(Replica::new(id, quorums)))
}

/// Leaves a replica as it is.
const fn careful(replica: Replica<char>) -> Replica<char> {
    replica
}

//! The examples, each beside `Cargo.toml`. Run one with `cargo run -p examples --example NAME`.
//!
//! [`Stage`] is what the examples of the replicated log share: a simulated cluster that tells what happens in it.

use std::hash::Hash;

use paxos::{
    messages::{Observed, multi},
    process::{NodeId, NodeSet, Process},
    quorums::{QuorumError, Quorums},
};
use paxos_sim::{Choice, ChoiceOf, Disk, Happening, Invariant, Loopback, Packet, Setting, World};

// ANCHOR: stage
/// Three nodes and the network between them. You say what happens next, and read what came of it.
///
/// A line is a message that arrives, or something that a node tells its application. What a node says to itself is
/// not shown, and neither is whatever begins with a word of `quiet`.
#[derive(Debug)]
pub struct Stage<P: Observed> {
    /// The cluster.
    pub world: World<P>,
    /// The words of messages that are not worth a line now.
    pub quiet: Vec<&'static str>,
    /// How many messages have travelled from one node to another.
    pub travelled: usize,
}
// ANCHOR_END: stage

/// The words of the failure detector, and promises to a node that leads already: most examples are about other things.
pub const BACKGROUND: [&str; 4] = ["Probe", "Willing", "Heartbeat", "Alive"];

impl<P> Stage<P>
where
    P: Observed<Message: std::fmt::Display, Output: std::fmt::Display> + Clone + Hash,
    P: Process<Timer = multi::Timer>,
{
    /// Three nodes, each as `make` makes it. Every write is stable at once: these examples are not about disks.
    ///
    /// # Errors
    ///
    /// Never for three nodes: they have majorities.
    pub fn new(make: impl Fn(NodeId, Quorums) -> P) -> Result<Self, QuorumError> {
        let quorums = Quorums::majority(NodeSet::first(3))?;
        let setting = Setting { disk: Disk::AtOnce, loopback: Loopback::AtOnce, quorums };
        let world = World::new(setting, |id| make(id, quorums));
        Ok(Self { world, quiet: BACKGROUND.to_vec(), travelled: 0 })
    }

    /// This happens.
    pub fn apply(&mut self, choice: &ChoiceOf<P>) {
        let Self { world, quiet, travelled } = self;
        world.apply(choice, &mut |happening: Happening<'_, P>| tell::<P>(&happening, quiet, travelled));
        assert_eq!(self.world.violated(&Invariant::ALL), None, "whatever happens, the log is safe");
    }

    /// The application of a node asks its node.
    pub fn ask(&mut self, node: u8, request: P::Request) {
        self.apply(&Choice::Request(NodeId(node), request));
    }

    /// A timer of a node goes off.
    pub fn fire(&mut self, node: u8, timer: multi::Timer) {
        self.apply(&Choice::Fire(NodeId(node), timer));
    }

    /// Messages arrive until there are none that can.
    pub fn settle(&mut self) {
        let Self { world, quiet, travelled } = self;
        world.stabilize(&mut |happening: Happening<'_, P>| tell::<P>(&happening, quiet, travelled));
        assert_eq!(self.world.violated(&Invariant::ALL), None, "whatever happens, the log is safe");
    }

    /// The message from one node to another that begins with `text` arrives.
    ///
    /// # Panics
    ///
    /// When no such message is in flight.
    pub fn deliver(&mut self, from: u8, to: u8, text: &str) {
        self.apply(&Choice::Deliver(self.flying(from, to, text)));
    }

    /// It is lost.
    ///
    /// # Panics
    ///
    /// When no such message is in flight.
    pub fn lose(&mut self, from: u8, to: u8, text: &str) {
        self.apply(&Choice::Drop(self.flying(from, to, text)));
    }

    fn flying(&self, from: u8, to: u8, text: &str) -> usize {
        let like = |packet: &Packet<P::Message>| {
            (packet.from.0, packet.to.0) == (from, to) && packet.message.to_string().starts_with(text)
        };
        self.world.network().iter().position(like).expect("such a message is in flight")
    }

    /// The links between a node and all others are cut. What is on the way then is lost.
    pub fn isolate(&mut self, node: u8) {
        println!("    cut      n{node} hears nobody, and nobody hears n{node}");
        for other in (1..=3).filter(|other| *other != node).map(NodeId) {
            self.world.apply(&Choice::Cut(NodeId(node), other), &mut ());
            self.world.apply(&Choice::Cut(other, NodeId(node)), &mut ());
        }
        let concerned = |packet: &Packet<P::Message>| [packet.from, packet.to].contains(&NodeId(node));
        while let Some(lost) = self.world.network().iter().position(concerned) {
            self.world.apply(&Choice::Drop(lost), &mut ());
        }
    }

    /// All links are whole again.
    pub fn heal(&mut self) {
        println!("    heal     all links are whole again");
        for (from, to) in self.world.cut_links() {
            self.world.apply(&Choice::Heal(from, to), &mut ());
        }
    }
}

fn tell<P>(happening: &Happening<'_, P>, quiet: &[&str], travelled: &mut usize)
where
    P: Observed<Message: std::fmt::Display, Output: std::fmt::Display>,
{
    match happening {
        Happening::Delivered(Packet { from, to, message }) if from != to => {
            *travelled += 1;
            let text = message.to_string();
            if !quiet.iter().any(|word| text.starts_with(word)) {
                println!("    {:<8} {from} → {to}  {text}", P::phase(message).name());
            }
        }
        Happening::Dropped(Packet { from, to, message }) => println!("    {:<8} {from} → {to}  {message}", "lost"),
        Happening::Told(id, output) => println!("    {:<8} {id} {output}", "output"),
        Happening::Crashed(id, _) => println!("    {:<8} {id}", "crash"),
        Happening::Restarted(id, _) => println!("    {:<8} {id}, with what is on its disk", "restart"),
        _ => {}
    }
}
